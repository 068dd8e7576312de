"""Generate synthetic curves of every currency but USD for any date, from a seed.

A zero curve is a Nelson-Siegel curve (Nelson and Siegel 1987, J. Business 60) whose three betas
are a stated level plus a stated factor. Factors are AR(1) on weekdays, generated backward from a
fixed anchor (an AR(1) process is the same in both directions), so a date has the same curve
whatever range is requested, and the anchor date has exactly the stated curve.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from types import MappingProxyType

from pricing.errors import BadInput
from pricing.markets import conventions
from pricing.markets.conventions import CurveConvention
from risk.history.terms import Points, interpolate, years_of

ANCHOR = dt.date(2024, 9, 24)
FIRST = dt.date(1990, 1, 1)
LAST = dt.date(2034, 12, 29)
"""First and last weekday of the invented history."""

SEED = 19900102
COMMON = 0.6
"""Correlation of the shocks of two currencies: markets move together."""

HUMP_YEARS = 2.0
"""Nelson-Siegel decay: the hump lies at 1.8 times this."""

SHORT = ("1M", "3M", "6M")
LONG = ("1Y", "2Y", "3Y", "4Y", "5Y", "7Y", "10Y", "12Y", "15Y", "20Y", "25Y", "30Y")
OIS_TENORS = (*SHORT, *LONG)
IBOR6M_TENORS = ("6M", *LONG)
ZERO_TENORS = ("3M", "6M", "1Y", "2Y", "3Y", "5Y", "7Y", "10Y", "15Y", "20Y", "25Y", "30Y")


@dataclass(frozen=True, kw_only=True)
class Factor:
    """An AR(1): daily shock in bp, share kept overnight, and the bound it never leaves (bp)."""

    vol_bp: float
    kept: float
    bound_bp: float


LEVEL = Factor(vol_bp=4.5, kept=0.999, bound_bp=250.0)
SLOPE = Factor(vol_bp=3.0, kept=0.998, bound_bp=120.0)
CURVATURE = Factor(vol_bp=4.0, kept=0.998, bound_bp=150.0)
SWAP_SPREAD = Factor(vol_bp=0.4, kept=0.998, bound_bp=20.0)
FACTORS = (LEVEL, SLOPE, CURVATURE, SWAP_SPREAD)
"""Long-run standard deviations: 101, 47, 63 and 6 bp; a 2Y rate moves about 5 bp a day."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A quoted curve: its tenors and its spread over the government zero curve in bp."""

    tenors: tuple[str, ...]
    spread_bp: Points
    swap: bool


@dataclass(frozen=True, kw_only=True)
class Economy:
    """A currency: Nelson-Siegel betas in percent on the anchor, and its curves."""

    betas: tuple[float, float, float]
    curves: Mapping[str, Curve]


FLAT: Points = ((0.0, 0.0),)
EURIBOR_BASIS: Points = ((0.5, 14.0), (5.0, 18.0), (10.0, 20.0), (30.0, 17.0))
GILT_SWAP_SPREAD: Points = ((0.0, 0.0), (2.0, -5.0), (10.0, -20.0), (30.0, -60.0))

ECONOMIES: Mapping[str, Economy] = MappingProxyType(
    {
        "EUR": Economy(
            betas=(2.6, 0.9, -2.5),
            curves={
                "EUR-GOVT": Curve(tenors=ZERO_TENORS, spread_bp=FLAT, swap=False),
                "EUR-ESTR": Curve(tenors=OIS_TENORS, spread_bp=FLAT, swap=True),
                "EUR-EURIBOR6M": Curve(tenors=IBOR6M_TENORS, spread_bp=EURIBOR_BASIS, swap=True),
            },
        ),
        "GBP": Economy(
            betas=(4.5, 0.45, -2.0),
            curves={
                "GBP-GOVT": Curve(tenors=ZERO_TENORS, spread_bp=FLAT, swap=False),
                "GBP-SONIA": Curve(tenors=OIS_TENORS, spread_bp=GILT_SWAP_SPREAD, swap=True),
            },
        ),
    }
)


BETAS: Mapping[str, tuple[float, float, float]] = MappingProxyType(
    {
        "AUD": (4.45, -0.1, -2.4),
        "CAD": (3.3, 0.95, -2.9),
        "CHF": (0.6, 0.45, -0.95),
        "JPY": (1.5, -1.3, -1.8),
        "SEK": (2.35, 0.95, -2.9),
    }
)
"""Betas of currencies whose curves are those of their market files, near the rates of that time."""


def economy_of(currency: str) -> Economy:
    """A stated economy, or one with the curves of the market file of a currency.

    Its betas are stated in ``BETAS``, or drawn from its code.

    Raises:
        BadInput: No conventions for that currency, or USD, whose history is not invented.
    """
    if currency in ECONOMIES:
        return ECONOMIES[currency]
    if currency == "USD" or currency not in conventions.CURRENCIES:
        known = [name for name in conventions.CURRENCIES if name != "USD"]
        raise BadInput("currency", currency, f"synthetic: {', '.join(known)}")
    return _invented_economy(currency)


@cache
def _invented_economy(currency: str) -> Economy:
    level, slope, curvature = itertools.islice(draws(f"{SEED}/economy/{currency}"), 3)
    drawn = (3.0 + 0.8 * level, 0.6 * slope, -1.0 + 0.6 * curvature)
    return Economy(
        betas=BETAS.get(currency, drawn),
        curves={
            row.name: Curve(tenors=_tenors(row), spread_bp=_spread(row), swap=row.index is not None)
            for row in conventions.CURVES.values()
            if row.currency == currency
        },
    )


def _tenors(row: CurveConvention) -> tuple[str, ...]:
    if row.quotes == "ois":
        return OIS_TENORS
    if row.quotes == "ibor":
        tenor = conventions.INDICES[str(row.index)].tenor
        return tuple(t for t in (*SHORT, *LONG) if years_of(t) >= years_of(tenor))
    return ZERO_TENORS


def _spread(row: CurveConvention) -> Points:
    return EURIBOR_BASIS if row.quotes == "ibor" else FLAT


def curves_on(currency: str, day: dt.date) -> dict[str, dict[str, float]]:
    """The invented quotes of a weekday, as decimals by curve and tenor.

    A swap rate is the zero rate of its tenor plus the spread: invented numbers gain nothing
    from being converted to par.

    Raises:
        BadInput: No such currency, a weekend, or a date outside the walk.
    """
    economy = economy_of(currency)
    factors = _walk(currency).get(day)
    if factors is None:
        raise BadInput("date", day.isoformat(), f"a weekday from {FIRST} to {LAST}")
    return {name: _quotes(economy.betas, curve, factors) for name, curve in economy.curves.items()}


def weekdays(start: dt.date, end: dt.date) -> Iterator[dt.date]:
    """Monday to Friday from start to end, both included."""
    for offset in range((end - start).days + 1):
        day = start + dt.timedelta(days=offset)
        if day.weekday() < 5:
            yield day


Factors = tuple[float, ...]
"""Values of FACTORS in bp."""


def _quotes(betas: tuple[float, float, float], curve: Curve, factors: Factors) -> dict[str, float]:
    level, slope, curvature, swap_spread = factors
    percent = (betas[0] + level / 100, betas[1] + slope / 100, betas[2] + curvature / 100)
    quotes = {}
    for tenor in curve.tenors:
        years = years_of(tenor)
        spread_bp = interpolate(curve.spread_bp, years) + curve.swap * swap_spread
        quotes[tenor] = round(_nelson_siegel(percent, years) / 100 + spread_bp / 1e4, 8)
    return quotes


def _nelson_siegel(betas: tuple[float, float, float], years: float) -> float:
    x = years / HUMP_YEARS
    decay = math.exp(-x)
    slope = (1 - decay) / x
    return betas[0] + betas[1] * slope + betas[2] * (slope - decay)


@cache
def _walk(currency: str) -> Mapping[dt.date, Factors]:
    back = list(weekdays(FIRST, ANCHOR))[::-1]
    forward = list(weekdays(ANCHOR, LAST))
    return {**_path(currency, "back", back), **_path(currency, "forward", forward)}


def _path(currency: str, way: str, days: list[dt.date]) -> dict[dt.date, Factors]:
    shared = draws(f"{SEED}/{way}")
    own = draws(f"{SEED}/{way}/{currency}")
    values = (0.0,) * len(FACTORS)
    path = {days[0]: values}
    for day in days[1:]:
        values = tuple(
            step(factor, value, math.sqrt(COMMON) * next(shared) + math.sqrt(1 - COMMON) * z)
            for factor, value, z in zip(FACTORS, values, own, strict=False)
        )
        path[day] = values
    return path


def step(factor: Factor, value: float, shock: float) -> float:
    """The next value of an AR(1), in bp, kept within its bound."""
    moved = factor.kept * value + factor.vol_bp * shock
    return max(-factor.bound_bp, min(factor.bound_bp, moved))


def draws(seed: str) -> Iterator[float]:
    """Yield standard normal numbers, the same for a seed on every machine."""
    # Random.random() from a string seed is the one stream Python promises never to change;
    # gauss() and numpy's generators carry no such promise.
    draw = random.Random(seed).random  # nosec B311  # noqa: S311 - invented rates, not secrets
    standard = NormalDist()
    while True:
        yield standard.inv_cdf(draw() or 0.5)
