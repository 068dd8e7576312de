"""Generate synthetic exchange rates for any moment, from a seed.

Rates are US dollars per unit of currency: a stated level times the exponential of an AR(1) process
on weekdays, generated backward from the anchor of the synthetic curves. Between two closes a rate
is interpolated linearly.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Mapping
from functools import cache

from feedbridge.replay.history.synthetic import (
    ANCHOR,
    FIRST,
    LAST,
    SEED,
    Factor,
    draws,
    step,
    weekdays,
)
from pricing.errors import BadInput
from pricing.markets.conventions import CURRENCIES
from risk.store.messages import FxTick

LEVELS = {
    **{"EUR": 1.115, "GBP": 1.335, "AUD": 0.69, "CAD": 0.745, "CHF": 1.185, "DKK": 0.1495},
    **{"JPY": 0.00698, "NOK": 0.0956, "NZD": 0.634, "SEK": 0.0985},
}
"""US dollars per unit on the anchor; of a currency that is not listed, one is a dollar."""

DECIMALS = 6

LOG_RATE = Factor(vol_bp=45.0, kept=0.9985, bound_bp=2500.0)
"""Shock and bound of the log rate in bp: 0.45 % a day, never more than 28 % off the level."""

OPENS_HOUR, CLOSES_HOUR = 9.0, 17.0


def fx_tick(as_of: dt.datetime, source: str, epoch: int, seq: int) -> FxTick:
    """The rates of a market moment as a message."""
    return FxTick(
        as_of=as_of, source=source, seq=seq, epoch=epoch, usd=usd_at(as_of), label="synthetic"
    )


def usd_at(moment: dt.datetime) -> dict[str, float]:
    """US dollars per unit of each currency, on the way from the day before's close.

    Raises:
        BadInput: A weekend, or a date outside the walk.
    """
    day = moment.date()
    if day not in _walk("EUR"):
        raise BadInput("date", day.isoformat(), f"a weekday from {FIRST} to {LAST}")
    before = day - dt.timedelta(days=3 if day.weekday() == 0 else 1)
    hour = moment.hour + moment.minute / 60 + moment.second / 3600
    share = min(1.0, max(0.0, (hour - OPENS_HOUR) / (CLOSES_HOUR - OPENS_HOUR)))
    foreign = [name for name in CURRENCIES if name != "USD"]
    return {name: round(_between(name, before, day, share), DECIMALS) for name in foreign}


def _between(name: str, before: dt.date, day: dt.date, share: float) -> float:
    walk = _walk(name)
    end = walk[day]
    return walk.get(before, end) * (1 - share) + end * share


@cache
def _walk(name: str) -> Mapping[dt.date, float]:
    back = list(weekdays(FIRST, ANCHOR))[::-1]
    forward = list(weekdays(ANCHOR, LAST))
    return {**dict(_path(name, "back", back)), **dict(_path(name, "forward", forward))}


def _path(name: str, way: str, days: list[dt.date]) -> Iterator[tuple[dt.date, float]]:
    shocks = draws(f"{SEED}/fx/{way}/{name}")
    log_bp = 0.0
    for place, day in enumerate(days):
        if place:
            log_bp = step(LOG_RATE, log_bp, next(shocks))
        yield day, LEVELS.get(name, 1.0) * math.exp(log_bp / 1e4)
