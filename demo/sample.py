"""Generate plausible trades of 2024, reproducibly from a count and a seed; no database is used.

The first `SAMPLE_SIZE` trades are the sample book, whatever the seed; the rest are generated.
Fixed rates are near the market rates of each trade's first year; all trades mature after 2025.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator, Sequence
from typing import Any

from demo.sample_bonds import MARKETS, SampleBond, bonds
from demo.sample_market import (
    FIRST_MATURITY,
    LAST_YEAR,
    clean_price,
    level,
    months_after,
    start_day,
)
from pricing.products.fixed_floating_swap import NotionalStep, SwapTerms
from pricing.products.fixed_rate_bond import BondTerms

SEED = 20_240_102
SAMPLE_SIZE, SAMPLE_BONDS = 200, 80
SAMPLE_PREFIX, GENERATED_PREFIX = "SAMPLE-", "GEN-"
SHARES = {"USD": 0.4, "EUR": 0.4, "GBP": 0.2}
SWAP_SHARE = 0.6

DESKS = {"USD-RATES": "USD Rates", "EUR-RATES": "EUR Rates", "STERLING": "Sterling"}
BOOKS = {
    "USD-SWAPS": ("USD-RATES", "USD swaps, market making"),
    "USD-CLIENTS": ("USD-RATES", "USD swaps, clients"),
    "USD-TREASURIES": ("USD-RATES", "US Treasuries"),
    "EUR-SWAPS": ("EUR-RATES", "EUR swaps against ESTR"),
    "EUR-EURIBOR": ("EUR-RATES", "EUR swaps against EURIBOR"),
    "EUR-GOVTS": ("EUR-RATES", "Euro government bonds"),
    "GBP-SWAPS": ("STERLING", "Sterling swaps"),
    "GBP-GILTS": ("STERLING", "Gilts"),
}
"""Desk and name of each book, by the code of the book."""

BOND_BOOK = {"USD": "USD-TREASURIES", "EUR": "EUR-GOVTS", "GBP": "GBP-GILTS"}
SWAP_BOOKS = {
    "USD-SOFR-OIS": ("USD-SWAPS", "USD-CLIENTS"),
    "EUR-ESTR-OIS": ("EUR-SWAPS",),
    "EUR-EURIBOR-6M": ("EUR-EURIBOR",),
    "GBP-SONIA-OIS": ("GBP-SWAPS",),
}
CONVENTIONS = {
    "USD": ("USD-SOFR-OIS",),
    "EUR": ("EUR-EURIBOR-6M", "EUR-EURIBOR-6M", "EUR-ESTR-OIS"),
    "GBP": ("GBP-SONIA-OIS",),
}
"""Swap conventions to draw from; repeated ones are drawn more often."""

NOTIONALS_M = (1, 2, 5, 5, 10, 10, 15, 20, 25, 50, 75, 100)
STYLES = ("seasoned",) * 11 + ("new",) * 4 + ("forward",) * 2 + ("amortising",) * 2 + ("stub",)
STARTS = {
    "seasoned": (dt.date(2019, 11, 5), dt.date(2023, 6, 28)),
    "new": (dt.date(2023, 10, 3), dt.date(2023, 12, 20)),
    "forward": (dt.date(2024, 10, 8), dt.date(2025, 12, 17)),
    "amortising": (dt.date(2020, 1, 7), dt.date(2023, 12, 13)),
    "stub": (dt.date(2021, 1, 5), dt.date(2023, 12, 13)),
}


def trades(count: int = SAMPLE_SIZE, seed: int = SEED) -> Iterator[SwapTerms | BondTerms]:
    """Yield this number of trades; a larger count only adds some.

    Args:
        count: How many; the first 200 are the sample book.
        seed: Of the generated ones behind the sample book.
    """
    universe = bonds()
    yield from _sample_book(universe, min(count, SAMPLE_SIZE))
    rng = random.Random(seed)  # nosec B311  # noqa: S311 - a sample, no secret
    by_currency = {c: [bond for bond in universe if bond.currency == c] for c in SHARES}
    for number in range(SAMPLE_SIZE + 1, count + 1):
        trade_id = f"{GENERATED_PREFIX}{number:06d}"
        currency = rng.choices(list(SHARES), list(SHARES.values()))[0]
        if rng.random() < SWAP_SHARE:
            convention = rng.choice(CONVENTIONS[currency])
            yield _swap(rng, trade_id, convention, rng.choice(STYLES), rng.random() < 0.5)
        else:
            yield _position(rng, trade_id, rng.choice(by_currency[currency]))


def _sample_book(universe: Sequence[SampleBond], count: int) -> Iterator[SwapTerms | BondTerms]:
    rng = random.Random(SEED)  # nosec B311  # noqa: S311 - a sample, no secret
    conventions = (
        "USD-SOFR-OIS",
        "EUR-EURIBOR-6M",
        "GBP-SONIA-OIS",
        "USD-SOFR-OIS",
        "EUR-ESTR-OIS",
    )
    for number in range(count):
        trade_id = f"{SAMPLE_PREFIX}{number + 1:04d}"
        if number < SAMPLE_BONDS:
            yield _position(rng, trade_id, universe[number % len(universe)])
        else:
            # 20 styles and 5 conventions: stepping the style once a round meets every pair.
            turn, convention = divmod(number, len(conventions))
            style = STYLES[(turn * 7 + convention) % len(STYLES)]
            yield _swap(rng, trade_id, conventions[convention], style, turn % 2 == 0)


def _position(rng: random.Random, trade_id: str, bond: SampleBond) -> BondTerms:
    market = MARKETS[bond.static["convention"]]
    face = rng.choice(NOTIONALS_M) * 1e6 * (1 if rng.random() < 0.7 else -1)
    given: dict[str, Any] = {}
    if rng.random() < 0.3:
        rate, maturity = bond.static["coupon_rate"], bond.static["maturity_date"]
        price = clean_price(rate, market.bond_yield, market.payments, maturity)
        given["clean_price"] = round(price + rng.choice((-0.25, 0.0, 0.125)), 3)
    elif market.z_spread_bp:
        given["z_spread_bp"] = market.z_spread_bp + rng.choice((-5.0, 0.0, 5.0))
    return BondTerms(
        trade_id=trade_id, book=BOND_BOOK[bond.currency], face_amount=face, **bond.static, **given
    )


def _swap(
    rng: random.Random, trade_id: str, convention: str, style: str, receives: bool
) -> SwapTerms:
    currency = convention[:3]
    start = start_day(rng, *STARTS[style])
    least = FIRST_MATURITY.year - start.year
    most = LAST_YEAR[currency] - start.year - 1
    years = rng.choice(
        [y for y in (2, 3, 4, 5, 5, 7, 10, 10, 12, 15, 20, 25) if least <= y <= most]
    )
    # Long trades are smaller, so that no single one is the book's whole risk.
    notional = rng.choice(NOTIONALS_M) * 1e6 / (1 if years <= 10 else 2)
    rate = level(currency, start.year) + rng.uniform(-0.003, 0.003)
    return SwapTerms(
        trade_id=trade_id,
        book=rng.choice(SWAP_BOOKS[convention]),
        convention=convention,
        pay_receive="receive" if receives else "pay",
        notional=notional,
        effective_date=start,
        fixed_rate=round(rate, 5),
        spread_bp=10.0 if rng.random() < 0.05 else 0.0,
        **_shape(rng, style, start, years, notional),
    )


def _shape(
    rng: random.Random, style: str, start: dt.date, years: int, notional: float
) -> dict[str, Any]:
    """End date, and what makes the style."""
    end = months_after(start, 12 * years)
    if style == "amortising":
        left = [round(notional * (years - year) / years, 2) for year in range(years)]
        if rng.random() < 0.5:
            return {"termination_date": end, "notional_schedule": left}
        steps = [
            NotionalStep(date=months_after(start, 12 * year), notional=left[year])
            for year in range(1, years)
        ]
        return {"termination_date": end, "notional_schedule": steps}
    if style == "stub":
        stubbed = {"termination_date": months_after(end, 3)}
        if rng.random() < 0.5:
            return {**stubbed, "first_regular_date": months_after(start, 3)}
        return {**stubbed, "last_regular_date": end}
    return {"termination_date": end}
