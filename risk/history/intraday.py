"""Generate the intraday ticks between two closes with a seeded Brownian bridge.

Level and slope follow two bridges shared by all tenors and curves of the currency, so the spreads
between curves do not jitter. Only the closes are observed data; the path between them is invented.
"""

from __future__ import annotations

import datetime as dt
import math
import random
from collections.abc import Iterator
from statistics import NormalDist
from typing import Protocol

from pricing.curves.quote_ids import is_tenor, spread_against
from pricing.curves.quotes import CurveQuotes
from risk.history.terms import years_of

LEVEL_VOL_BP = 1.5
SLOPE_VOL_BP = 1.0
"""Basis points per square root of a day, before the bridge is tied to the close."""

PIVOT_YEARS, LONG_YEARS = 5.0, 10.0
"""The slope moves short rates up and long ones down around the pivot; flat after LONG."""


class DayOfCurves(Protocol):
    """The closing curves of a currency on one day."""

    @property
    def currency(self) -> str:
        """Code of the currency."""

    @property
    def date(self) -> dt.date:
        """The day."""

    @property
    def curves(self) -> CurveQuotes:
        """Decimal rates by curve and tenor."""


def intraday_curves(
    previous: CurveQuotes, close: DayOfCurves, ticks: int, seed: int
) -> Iterator[CurveQuotes]:
    """The quotes at each tick of a day; the last tick is the close itself.

    The same seed, currency, date and number of ticks give the same path.

    Args:
        previous: Decimal rates by curve and tenor to start from; a tenor that is absent
            starts at its close.
        close: The day's close; its tenors are those of every tick.
        ticks: Ticks of the day, at least 1.
        seed: Of the noise.
    """
    key = f"{seed}/{close.currency}/{close.date}/{ticks}"
    levels = bridge(f"{key}/level", ticks, LEVEL_VOL_BP)
    slopes = bridge(f"{key}/slope", ticks, SLOPE_VOL_BP)
    # A quote of given dates, such as a future, moves with the level alone; a spread with neither.
    loads = {
        quote: slope_load(years_of(quote)) if is_tenor(quote) else 0.0
        for quotes in close.curves.values()
        for quote in quotes
    }
    for k in range(1, ticks):
        level, slope, share = levels[k], slopes[k], k / ticks
        noise = {
            quote: 0.0 if spread_against(quote) else (level + slope * load) * 1e-4
            for quote, load in loads.items()
        }
        yield {
            name: _between(previous.get(name, {}), quotes, share, noise)
            for name, quotes in close.curves.items()
        }
    yield close.curves


def bridge(seed: str, steps: int, vol_bp: float) -> list[float]:
    """A Brownian bridge in bp at 0..steps over one day: 0 at both ends."""
    draw = random.Random(seed).random  # nosec B311  # noqa: S311 - noise for a demo
    step_bp, standard = vol_bp / math.sqrt(steps), NormalDist()
    walk = [0.0]
    for _ in range(steps):
        walk.append(walk[-1] + step_bp * standard.inv_cdf(draw() or 0.5))
    return [value - walk[-1] * k / steps for k, value in enumerate(walk)]


def slope_load(years: float) -> float:
    """1 at the short end, 0 at the pivot, -1 from ten years on."""
    return 1.0 - min(years, LONG_YEARS) / PIVOT_YEARS


def _between(
    before: dict[str, float], close: dict[str, float], share: float, noise: dict[str, float]
) -> dict[str, float]:
    quotes = {}
    for tenor, rate in close.items():
        start = before.get(tenor, rate)
        quotes[tenor] = round(start + (rate - start) * share + noise[tenor], 8)
    return quotes
