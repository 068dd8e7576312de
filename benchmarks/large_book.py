"""Generate the terms of a large book of swaps and bond positions, the same ones for a seed.

What decides how fast such a book is, is stated here: how many trades share a schedule, and how many
books and currencies they are in.

- Eight currencies with the shares of ``SHARES``; 60 % swaps, 40 % positions in bonds.
- A swap is traded on a business day of the ten years before the market date, recent days more
  often, and has not matured. 75 % start spot with a standard tenor, 12 % on an IMM date, 6 %
  forward; 5 % end on a day of their own, with a short first period; 2 % amortise. 4 % have a spread
  on the floating leg. Rates are those of the curves at the start of the month, give or take 25 bp.
- Bonds are one for a hundred trades, from 200 to 4,000, and few of them have most of the positions.
- Each of a hundred books has trades of all currencies, some five times as many as others: more
  groups, and so more netted terms, than where a desk trades one currency.
"""

from __future__ import annotations

import datetime as dt
import itertools
import random
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from feedbridge.replay.history.daily import stored
from pricing.markets import conventions
from pricing.markets.calendars import adjust, business_days, date_of, day_of
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.products.fixed_rate_bond import BondTerms
from pricing.products.terms import Terms
from risk.history.terms import interpolate, years_of

SEED = 20_240_305
SHARES = {
    **{"USD": 0.25, "EUR": 0.25, "GBP": 0.14, "JPY": 0.12},
    **{"CHF": 0.06, "AUD": 0.07, "CAD": 0.06, "SEK": 0.05},
}
CURRENCIES = tuple(SHARES)
BOOKS, DESKS = 100, 20
SWAP_SHARE = 0.6

MARKET_DATE = dt.date(2024, 3, 5)
YEARS_BACK = 10
LAST_MATURITY = dt.date(2053, 12, 31)
"""Latest maturity of a generated trade: the curves end thirty years after the market date."""

SWAPS = {
    "USD": ("USD-SOFR-OIS",),
    "EUR": ("EUR-EURIBOR-6M", "EUR-EURIBOR-6M", "EUR-ESTR-OIS"),
    "GBP": ("GBP-SONIA-OIS",),
    "JPY": ("JPY-TONA-OIS",),
    "CHF": ("CHF-SARON-OIS",),
    "AUD": ("AUD-BBSW-6M", "AUD-BBSW-3M", "AUD-AONIA-OIS"),
    "CAD": ("CAD-CORRA-OIS",),
    "SEK": ("SEK-SWESTR-OIS",),
}
"""Conventions, weighted by repetition. EURIBOR 3M has no curve in the replayed history."""

BONDS = {
    "USD": ("US-TREASURY", "US-TREASURY", "CORP-30-360"),
    "EUR": ("DE-BUND", "FR-OAT", "IT-BTP", "CORP-30-360"),
    "GBP": ("UK-GILT", "UK-GILT", "CORP-30-360"),
    "JPY": ("JP-JGB",),
    "CHF": ("CH-CONFEDERATION", "CORP-30-360"),
    "AUD": ("AU-ACGB", "CORP-30-360"),
    "CAD": ("CA-GOVERNMENT", "CORP-30-360"),
    "SEK": ("SE-SGB",),
}
FEWEST_BONDS, MOST_BONDS, TRADES_A_BOND = 200, 4_000, 100
LIVES = (2, 3, 5, 5, 7, 10, 10, 10, 15, 20, 30)
SPREAD_BP = {"CORP-30-360": (60.0, 250.0)}
SOVEREIGN_SPREAD_BP = (-10.0, 60.0)

TENORS = {
    1: 8,
    2: 14,
    3: 9,
    4: 4,
    5: 22,
    6: 2,
    7: 8,
    8: 2,
    10: 19,
    12: 2,
    15: 3,
    20: 3,
    25: 1,
    30: 3,
}
"""Weight of each length of a swap, in years."""

STYLES = {"spot": 75, "imm": 12, "forward": 6, "broken": 5, "amortising": 2}
IMM_MONTHS = (3, 6, 9, 12)
NOTIONALS_M = (1, 2, 5, 5, 10, 10, 15, 20, 25, 50, 75, 100)
UNITS_A_MILLION = {"JPY": 150, "SEK": 10}
"""Factors on notionals of currencies with a small unit: amounts stay round, and of
similar value."""


class LargeBond(NamedTuple):
    """A bond of the book: its code, and the fields of ``BondTerms`` that belong to the bond."""

    code: str
    static: dict[str, Any]

    def terms(self) -> BondTerms:
        """A position of 100 in no book, for the bond's own data."""
        return BondTerms(trade_id="-", book="-", face_amount=100.0, **self.static)


@dataclass(frozen=True)
class _Weighted:
    """Draws values by their weights."""

    values: Sequence[Any]
    sums: list[float]

    def pick(self, rng: random.Random) -> Any:
        place = bisect_left(self.sums, rng.random() * self.sums[-1])
        return self.values[min(place, len(self.values) - 1)]


def _weighted(weights: dict[Any, float]) -> _Weighted:
    return _Weighted(list(weights), list(itertools.accumulate(weights.values())))


def books() -> dict[str, str]:
    """The desk of each book."""
    return {f"BOOK-{n:03}": f"DESK-{n % DESKS:02}" for n in range(BOOKS)}


def bonds(trades: int) -> list[LargeBond]:
    """The bonds of a book of so many trades."""
    rng = random.Random(f"{SEED}/bonds")  # nosec B311
    count = min(MOST_BONDS, max(FEWEST_BONDS, trades // TRADES_A_BOND))
    currency = _weighted(SHARES)
    made: dict[str, LargeBond] = {}
    while len(made) < count:
        bond = _bond(rng, currency.pick(rng), len(made))
        made[bond.code] = bond
    return list(made.values())


def trades(count: int) -> Iterator[tuple[Terms, str | None]]:
    """Yield this number of trades, each position with the code of its bond."""
    rng = random.Random(SEED)  # nosec B311
    universe: dict[str, list[LargeBond]] = {name: [] for name in CURRENCIES}
    for bond in bonds(count):
        universe[str(bond.terms().currency)].append(bond)
    currencies, styles = _weighted(SHARES), _weighted(STYLES)
    places = _weighted({name: 1 / (n % 50 + 12) for n, name in enumerate(books())})
    for number in range(count):
        trade_id, book = f"T{number:08}", places.pick(rng)
        currency = currencies.pick(rng)
        if rng.random() < SWAP_SHARE:
            yield _swap(rng, trade_id, book, currency, styles.pick(rng)), None
        else:
            # A square: the newest issues are traded most.
            mine = universe[currency]
            bond = mine[int(len(mine) * rng.random() ** 2)]
            yield _position(rng, trade_id, book, currency, bond), bond.code


def _position(
    rng: random.Random, trade_id: str, book: str, currency: str, bond: LargeBond
) -> BondTerms:
    side = 1 if rng.random() < 0.7 else -1
    spread = rng.uniform(*SPREAD_BP.get(bond.static["convention"], SOVEREIGN_SPREAD_BP))
    return BondTerms(
        trade_id=trade_id,
        book=book,
        face_amount=side * _size(rng, currency),
        z_spread_bp=round(spread, 1),
        **bond.static,
    )


def _bond(rng: random.Random, currency: str, number: int) -> LargeBond:
    convention, life = rng.choice(BONDS[currency]), rng.choice(LIVES)
    months = rng.randrange(3, 12 * life + 1)
    maturity = _months_after(MARKET_DATE.replace(day=rng.randint(1, 28)), months)
    maturity = min(maturity, LAST_MATURITY.replace(day=15))
    accrual = maturity.replace(year=maturity.year - life)
    static: dict[str, Any] = {
        "name": f"Bond {number:05} {convention} {maturity} (invented)",
        "convention": convention,
        "currency": currency,
        "coupon_rate": round(rng.randint(0, 44) / 800, 6),
        "dated_date": accrual,
        "issue_date": adjust(_calendar(currency), accrual, "FOLLOWING"),
        "maturity_date": maturity,
    }
    return LargeBond(f"BOND-{number:05}", static)


def _swap(rng: random.Random, trade_id: str, book: str, currency: str, style: str) -> SwapTerms:
    convention = rng.choice(SWAPS[currency])
    traded, start, end, years = _dates(rng, convention, currency, style)
    notional = _size(rng, currency) / (1 if years <= 10 else 2)
    rate = par_rate(convention, traded.replace(day=1), years) + rng.uniform(-0.0025, 0.0025)
    more: dict[str, Any] = {}
    if style == "amortising" and conventions.SWAPS[convention].fixed_frequency == "1Y":
        more["notional_schedule"] = [
            round(notional * (years - year) / years, 2) for year in range(years)
        ]
    return SwapTerms(
        trade_id=trade_id,
        book=book,
        convention=convention,
        pay_receive="receive" if rng.random() < 0.5 else "pay",
        notional=notional,
        effective_date=start,
        termination_date=end,
        fixed_rate=round(rate, 5),
        spread_bp=float(rng.choice((5, 10, 25))) if rng.random() < 0.04 else 0.0,
        **more,
    )


def _dates(
    rng: random.Random, convention: str, currency: str, style: str
) -> tuple[dt.date, dt.date, dt.date, int]:
    """Trade date, start, end and whole years of a swap that has not matured."""
    days = _trade_days(currency)
    tenors = _TENORS
    lag = conventions.SWAPS[convention].spot_lag
    while True:
        place = len(days) - 1 - int(len(days) * rng.random() ** 1.5)
        traded, years = days[place], tenors.pick(rng)
        start = days[place + lag] if place + lag < len(days) else _spot(currency, traded, lag)
        if style == "imm":
            start = _imm_date(start)
        elif style == "forward":
            start = adjust(
                _calendar(currency), _months_after(start, 12 * rng.randint(1, 5)), "FOLLOWING"
            )
        end = _months_after(start, 12 * years)
        if style == "broken":
            end += dt.timedelta(days=rng.randrange(20, 340))
        if MARKET_DATE + dt.timedelta(days=120) < end <= LAST_MATURITY:
            return traded, start, end, years


_TENORS = _weighted(TENORS)


@cache
def _trade_days(currency: str) -> list[dt.date]:
    first = MARKET_DATE.replace(year=MARKET_DATE.year - YEARS_BACK)
    days = business_days(_calendar(currency), day_of(first), day_of(MARKET_DATE) - 1)
    return [date_of(day) for day in days]


@cache
def _spot(currency: str, traded: dt.date, lag: int) -> dt.date:
    first = day_of(traded)
    return date_of(business_days(_calendar(currency), first, first + 20)[lag])


def _calendar(currency: str) -> str:
    return conventions.SWAPS[SWAPS[currency][0]].calendar


@cache
def _imm_date(after: dt.date) -> dt.date:
    """The first third Wednesday of March, June, September or December after a date."""
    year, month = after.year, after.month
    while True:
        first = dt.date(year, month, 1)
        third = first + dt.timedelta(days=(2 - first.weekday()) % 7 + 14)
        if month in IMM_MONTHS and third > after:
            return third
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)


@cache
def par_rate(convention: str, day: dt.date, years: int) -> float:
    """About the market's rate of a swap: its curve's quote of a day, straight between tenors."""
    row = conventions.SWAPS[convention]
    index = conventions.INDICES[row.index]
    quotes = _quotes(convention[:3], day)[index.forecast_curve]
    points = tuple(sorted((years_of(tenor), rate) for tenor, rate in quotes.items()))
    return interpolate(points, float(years))


@cache
def _quotes(currency: str, day: dt.date) -> Any:
    history = stored()
    return history.day(currency, history.on_or_before(day)).curves


def _size(rng: random.Random, currency: str) -> float:
    return rng.choice(NOTIONALS_M) * 1e6 * UNITS_A_MILLION.get(currency, 1)


def _months_after(date: dt.date, months: int) -> dt.date:
    """Same day of a later month, or its last one."""
    years, month = divmod(date.month - 1 + months, 12)
    year, month = date.year + years, month + 1
    day = date.day
    while True:
        try:
            return dt.date(year, month, day)
        except ValueError:
            day -= 1
