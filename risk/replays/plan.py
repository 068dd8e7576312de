"""The steps of a replay: for each day and tick the market of every currency, from the history."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import msgspec

from pricing.curves.quotes import CurveQuotes
from pricing.errors import BadInput
from risk.history.closes import Close, closes
from risk.history.intraday import intraday_curves
from risk.models import LIVE

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}\Z")
MOST_TICKS = 1_000
OPENS, CLOSES = dt.time(9, tzinfo=dt.UTC), dt.time(17, tzinfo=dt.UTC)
DAYS_BEFORE = dt.timedelta(days=10)


class Step(NamedTuple):
    """One tick of all currencies that have a close on its day."""

    date: dt.date
    tick: int
    as_of: dt.datetime
    markets: Mapping[str, Close]


def check_name(name: str) -> str:
    """The name of a market of a replay.

    Raises:
        BadInput: Says what is allowed.
    """
    if not NAME.match(name) or name == LIVE:
        allowed = f"1 to 40 small letters, digits, dots and dashes, and not {LIVE}"
        raise BadInput("name", name, allowed)
    return name


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The plan of a replay; the same plan on the same history gives the same steps.

    ``ticks_per_day`` is 1 for closes only; the last tick of a day is its close.
    """

    currencies: tuple[str, ...]
    start: dt.date
    end: dt.date
    ticks_per_day: int = 1
    seed: int = 0
    tables: Mapping[str, Sequence[Close]] = field(default_factory=dict)

    @classmethod
    def read(
        cls,
        currencies: Sequence[str],
        start: dt.date,
        end: dt.date,
        *,
        ticks_per_day: int = 1,
        seed: int = 0,
    ) -> Plan:
        """The plan over the stored closes of a range.

        Raises:
            BadInput: Names the field, its value and what is allowed.
        """
        if start > end:
            raise BadInput("from", start.isoformat(), f"must not be after the last day, {end}")
        if not 1 <= ticks_per_day <= MOST_TICKS:
            raise BadInput("ticks_per_day", ticks_per_day, f"1 to {MOST_TICKS}")
        tables = {}
        for currency in currencies:
            table = closes(currency, start - DAYS_BEFORE, end)
            tables[currency] = [table.close(place) for place in range(len(table.dates))]
        plan = cls(
            currencies=tuple(currencies),
            start=start,
            end=end,
            ticks_per_day=ticks_per_day,
            seed=seed,
            tables=tables,
        )
        if not plan.days:
            raise BadInput(
                "from",
                start.isoformat(),
                f"no close of {', '.join(currencies)} is stored up to {end}: load some with "
                "manage.py load_curves",
            )
        return plan

    @cached_property
    def days(self) -> list[dt.date]:
        """The days on which a currency has a close."""
        found = {close.date for table in self.tables.values() for close in table}
        return sorted(day for day in found if self.start <= day <= self.end)

    @cached_property
    def _places(self) -> dict[str, dict[dt.date, int]]:
        return {
            currency: {close.date: place for place, close in enumerate(table)}
            for currency, table in self.tables.items()
        }

    @property
    def steps(self) -> int:
        """Number of steps."""
        return len(self.days) * self.ticks_per_day

    def place_of(self, day: dt.date) -> int:
        """The first step on or after a day.

        Raises:
            BadInput: The replay ends before it.
        """
        later = [place for place, each in enumerate(self.days) if each >= day]
        if not later:
            allowed = f"a day from {self.days[0]} to {self.days[-1]}"
            raise BadInput("seek", day.isoformat(), allowed)
        return later[0] * self.ticks_per_day

    def step(self, place: int) -> Step:
        """The step at a place."""
        day, tick = self.days[place // self.ticks_per_day], place % self.ticks_per_day
        markets = {}
        for currency, table in self.tables.items():
            at = self._places[currency].get(day)
            if at is not None:
                before = table[at - 1].curves if at else {}
                markets[currency] = self._tick(before, table[at], tick)
        return Step(day, tick, self._time(day, tick), markets)

    def close_time(self, day: dt.date) -> dt.datetime:
        """The market's time of the last tick of a day."""
        return self._time(day, self.ticks_per_day - 1)

    def _tick(self, before: CurveQuotes, close: Close, tick: int) -> Close:
        if tick == self.ticks_per_day - 1:
            return close
        path = intraday_curves(before, close, self.ticks_per_day, self.seed)
        curves = next(quotes for k, quotes in enumerate(path) if k == tick)
        return Close(
            date=close.date, currency=close.currency, curves=curves, labels=dict(close.labels)
        )

    def _time(self, day: dt.date, tick: int) -> dt.datetime:
        opens, end = dt.datetime.combine(day, OPENS), dt.datetime.combine(day, CLOSES)
        if self.ticks_per_day == 1:
            return end
        return opens + (end - opens) * tick / (self.ticks_per_day - 1)

    @cached_property
    def sha256(self) -> str:
        """Return a hash of the history and of everything else that determines the steps."""
        digest = hashlib.sha256(
            msgspec.msgpack.encode((self.start, self.end, self.ticks_per_day, self.seed))
        )
        for currency in sorted(self.tables):
            for close in self.tables[currency]:
                quotes = {name: sorted(each.items()) for name, each in close.curves.items()}
                labels = sorted(close.labels.items())
                digest.update(
                    msgspec.msgpack.encode((currency, close.date, sorted(quotes.items()), labels))
                )
        return digest.hexdigest()
