"""Generate the market ticks of a range of history, with the second at which each is due.

Pure: no clock, no broker. One round is one tick of every currency, spread evenly over the interval;
a market day is ``ticks_per_day`` rounds, the last of which is the day's close. Every tick is a
whole market: a tenor that was not published on its day is not in it.
"""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from feedbridge.replay.history.daily import CurveHistory, DailyCurves
from pricing.curves.quotes import CurveQuotes
from pricing.errors import BadInput
from pricing.markets.business_dates import business_date
from risk.history.intraday import intraday_curves
from risk.store.messages import MarketTick

DEFAULT_START = dt.date(2024, 1, 2)
DEFAULT_INTERVAL_MS = 1000.0
DEFAULT_TICKS_PER_DAY = 30
DEFAULT_SEED = 20240924

RUN_ID = re.compile(r"^[A-Za-z0-9._-]{1,40}$")
OPENS, CLOSES = dt.time(9, tzinfo=dt.UTC), dt.time(17, tzinfo=dt.UTC)
"""Market time of the first and last tick of a day."""

EASTERN_HOURS = dt.timedelta(hours=8)
"""Time by which markets tick earlier whose time zone is already in the next day at ``CLOSES``."""


class Due(NamedTuple):
    """A tick and when to send it: seconds after the start of the replay."""

    due_s: float
    tick: MarketTick


@dataclass(frozen=True, kw_only=True)
class ReplayPlan:
    """What to replay and how fast; checked when made.

    ``interval_s`` is the time between two ticks of a currency, 0 for as fast as possible.
    ``epoch`` rises from run to run, so that a replay under a known name is never stale.
    """

    currencies: tuple[str, ...]
    start: dt.date
    end: dt.date
    run_id: str
    epoch: int
    ticks_per_day: int = DEFAULT_TICKS_PER_DAY
    interval_s: float = DEFAULT_INTERVAL_MS / 1000
    seed: int = DEFAULT_SEED
    loop: bool = False
    limit: int | None = None

    @property
    def source(self) -> str:
        """`source` of its ticks."""
        return f"replay-{self.run_id}"

    def check(self, history: CurveHistory) -> None:
        """Refuse what cannot be replayed.

        Raises:
            BadInput: Names the option, its value and what is allowed.
        """
        self._check_numbers()
        for currency in self.currencies:
            history.check_currency(currency)
        if self.start > self.end:
            raise BadInput("--from", self.start.isoformat(), f"must not be after --to {self.end}")
        for option, day in (("--from", self.start), ("--to", self.end)):
            if not history.first <= day <= history.last:
                raise BadInput(option, day.isoformat(), history.covers())
        for currency in self.currencies:
            history.check_range(currency, self.start, self.end)
        if not history.between(self.start, self.end):
            raise BadInput("--from", self.start.isoformat(), f"no market day up to {self.end}")

    def total(self, history: CurveHistory) -> int | None:
        """Number of ticks of the replay; None when it has no end."""
        days = len(history.between(self.start, self.end))
        ticks = days * self.ticks_per_day * len(self.currencies)
        if self.limit is not None:
            return self.limit if self.loop else min(self.limit, ticks)
        return None if self.loop else ticks

    def _check_numbers(self) -> None:
        if not self.currencies:
            raise BadInput("--currency", "", "name at least one")
        if self.ticks_per_day < 1:
            raise BadInput("--ticks-per-day", self.ticks_per_day, "at least 1")
        if not 0 <= self.interval_s < float("inf"):
            raise BadInput("interval", self.interval_s, "zero or more seconds")
        if self.limit is not None and self.limit < 1:
            raise BadInput("--once", self.limit, "at least 1")
        if not RUN_ID.match(self.run_id):
            raise BadInput("--run-id", self.run_id, "1 to 40 letters, digits, dots or dashes")


def ticks(history: CurveHistory, plan: ReplayPlan) -> Iterator[Due]:
    """The ticks of a checked plan in the order in which they are due."""
    stream = _all_ticks(history, plan)
    return stream if plan.limit is None else itertools.islice(stream, plan.limit)


def market_times(day: dt.date, count: int) -> list[dt.datetime]:
    """Return a day's tick times: evenly from 09:00 to 17:00 UTC, a single one at the close."""
    opens, closes = dt.datetime.combine(day, OPENS), dt.datetime.combine(day, CLOSES)
    if count == 1:
        return [closes]
    return [opens + (closes - opens) * k / (count - 1) for k in range(count)]


def _all_ticks(history: CurveHistory, plan: ReplayPlan) -> Iterator[Due]:
    feeds = [_Feed(history, plan, currency) for currency in plan.currencies]
    days = history.between(plan.start, plan.end)
    rounds = 0
    for _ in itertools.count() if plan.loop else range(1):
        for day in days:
            for at_once in zip(*(feed.day(day) for feed in feeds), strict=True):
                yield from _spread(at_once, rounds, plan.interval_s)
                rounds += 1


def _spread(at_once: Sequence[MarketTick], rounds: int, interval_s: float) -> Iterator[Due]:
    for place, tick in enumerate(at_once):
        yield Due((rounds + place / len(at_once)) * interval_s, tick)


class _Feed:
    """One currency of a replay: counts its ticks and remembers its last close."""

    def __init__(self, history: CurveHistory, plan: ReplayPlan, currency: str) -> None:
        self._history, self._plan, self._currency = history, plan, currency
        self._seq = 0

    def day(self, date: dt.date) -> Iterator[MarketTick]:
        close = self._close(date)
        count = self._plan.ticks_per_day
        path = intraday_curves(self._previous(date), close, count, self._plan.seed)
        early = self._earlier_hours(date)
        for as_of, curves in zip(market_times(date, count), path, strict=True):
            self._seq += 1
            yield MarketTick(
                currency=self._currency,
                as_of=as_of - early,
                source=self._plan.source,
                seq=self._seq,
                epoch=self._plan.epoch,
                curves=curves,
                labels=close.labels,
                whole=True,
            )

    def _earlier_hours(self, date: dt.date) -> dt.timedelta:
        """How much earlier a market far in the east trades, so that its business date is this."""
        closes = dt.datetime.combine(date, CLOSES)
        is_next_day = business_date(self._currency, closes) != date
        return EASTERN_HOURS if is_next_day else dt.timedelta(0)

    def _close(self, date: dt.date) -> DailyCurves:
        return self._history.day(self._currency, date)

    def _previous(self, date: dt.date) -> CurveQuotes:
        if date == self._history.first:
            return {}
        return self._close(self._history.on_or_before(date - dt.timedelta(days=1))).curves
