"""Trades of every product that the market file of a currency has, a few of each, always the same.

They are read off the tables of conventions: each standard swap, index, bond convention and
interest-rate future of the currency has its trades, so that a currency needs no line here. Rates
are near those of the replayed history when a trade began.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import cache
from typing import Any

from demo.sample import DESKS, SAMPLE_PREFIX
from demo.sample_bonds import SampleBond
from feedbridge.replay.history.daily import stored
from pricing.markets import calendars, conventions
from pricing.markets.conventions import IndexConvention, SwapConvention
from pricing.products.bonds.floating_rate_note import FloatingRateNoteTerms
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.products.fixed_rate_bond import BondTerms, CouponStep, FaceStep
from pricing.products.futures.interest_rate_future import InterestRateFutureTerms
from pricing.products.swaps.basis_swap import BasisSwapTerms
from pricing.products.swaps.forward_rate_agreement import FraTerms
from pricing.products.swaps.zero_coupon_swap import ZeroCouponSwapTerms
from pricing.products.terms import Terms

CURRENCIES = ("USD", "EUR", "GBP", "JPY", "CHF", "AUD", "CAD", "SEK")
"""The currencies of ``seed_book --every-product``; others with conventions may be added."""

QUOTED_IN = {"JPY": 100.0, "SEK": 10.0}
"""Factors on the amounts of sample trades, for currencies with a small unit."""

_SHIFTED: dict[str, Any] = {"lookback_days": 5, "observation_shift": True}
BEGAN = dt.date(2022, 6, 15)
FORWARD = dt.date(2026, 3, 18)
ENDS = dt.date(2032, 6, 15)


def book_of(currency: str) -> str:
    """Code of the book of these trades."""
    return f"{currency}-LINEAR"


def book_name(currency: str) -> str:
    """Name of that book."""
    return f"{currency}, some trades of every product"


def desk_of(currency: str) -> tuple[str, str]:
    """Code and name of its desk: that of the sample book, where the currency has one."""
    code = {"GBP": "STERLING"}.get(currency, f"{currency}-RATES")
    return code, DESKS.get(code, f"{currency} Rates")


def trades(currency: str) -> list[Terms]:
    """Return all sample trades of a currency, ordered by product."""
    return [
        *_swaps(currency),
        *_basis_swaps(currency),
        *_fras(currency),
        *_futures(currency),
        *_notes(currency),
        *_positions(currency),
    ]


def bonds(currency: str) -> list[SampleBond]:
    """The bonds of their positions, all of them invented."""
    return [bond for row in _bond_conventions(currency) for bond in _bonds(currency, row)]


def level(currency: str, day: dt.date) -> float:
    """The ten-year government yield of the history then, rounded to 1/8 %; decimal per year."""
    history = stored()
    quotes = history.day(currency, history.on_or_before(min(day, history.last))).curves
    curve = conventions.CURRENCY_ROWS[currency].bond_discount_curve
    return max(round(quotes[curve]["10Y"] * 800), 1) / 800


@cache
def _curves(currency: str) -> frozenset[str]:
    """Curves that the history has."""
    return frozenset(stored().day(currency, stored().last).curves)


def _indices(currency: str) -> list[IndexConvention]:
    return [
        row
        for row in conventions.INDICES.values()
        if row.currency == currency and row.forecast_curve in _curves(currency)
    ]


def _standard_swaps(currency: str) -> Iterator[SwapConvention]:
    known = {row.name for row in _indices(currency)}
    for row in conventions.SWAPS.values():
        if row.currency == currency and row.index in known:
            yield row


def _amount(currency: str, millions: float) -> float:
    return millions * 1e6 * QUOTED_IN.get(currency, 1.0)


def _of(currency: str, name: str) -> dict[str, Any]:
    return {"trade_id": f"{SAMPLE_PREFIX}P-{currency}-{name}", "book": book_of(currency)}


def _swaps(currency: str) -> Iterator[Terms]:
    for row in _standard_swaps(currency):
        overnight = conventions.INDICES[row.index].kind == "overnight"
        shifted = _SHIFTED if overnight else {}
        yield SwapTerms(
            **_of(currency, f"SWAP-{row.name}"),
            convention=row.name,
            pay_receive="receive",
            notional=_amount(currency, 25.0),
            effective_date=BEGAN,
            termination_date=ENDS,
            fixed_rate=level(currency, BEGAN),
        )
        yield SwapTerms(
            **_of(currency, f"FORWARD-{row.name}"),
            **shifted,
            convention=row.name,
            pay_receive="pay",
            notional=_amount(currency, 40.0),
            effective_date=FORWARD,
            termination_date=FORWARD.replace(year=FORWARD.year + 10),
            fixed_rate=level(currency, FORWARD),
        )
        yield ZeroCouponSwapTerms(
            **_of(currency, f"ZC-{row.name}"),
            convention=row.name,
            pay_receive="pay",
            notional=_amount(currency, 10.0),
            effective_date=BEGAN,
            termination_date=ENDS,
            fixed_rate=level(currency, BEGAN),
        )


def _basis_swaps(currency: str) -> Iterator[Terms]:
    """The first index against each other one."""
    first, *others = _indices(currency)
    for place, other in enumerate(others, start=1):
        yield BasisSwapTerms(
            **_of(currency, f"BASIS-{other.name}"),
            first_index=first.name,
            second_index=other.name,
            pay_receive="receive",
            notional=_amount(currency, 30.0),
            effective_date=BEGAN,
            termination_date=ENDS,
            first_spread_bp=8.0 * place,
        )


def _fras(currency: str) -> Iterator[Terms]:
    for row in _indices(currency):
        if row.kind == "ibor":
            yield FraTerms(
                **_of(currency, f"FRA-{row.name}"),
                index=row.name,
                pay_receive="pay",
                notional=_amount(currency, 50.0),
                effective_date=calendars.adjust(row.calendar, FORWARD, "FOLLOWING"),
                fixed_rate=level(currency, FORWARD),
            )


def _futures(currency: str) -> Iterator[Terms]:
    known = {row.name for row in _indices(currency)}
    for row in conventions.FUTURES.values():
        if row.currency == currency and row.index in known:
            yield InterestRateFutureTerms(
                **_of(currency, f"FUTURE-{row.name}"),
                contract=f"{row.name}M26",
                contracts=-200.0,
                trade_price=round(100.0 - 100.0 * level(currency, FORWARD), 3),
                convexity_bp=0.25,
            )


def _notes(currency: str) -> Iterator[Terms]:
    for row in _indices(currency):
        shifted = _SHIFTED if row.kind == "overnight" else {}
        yield FloatingRateNoteTerms(
            **_of(currency, f"FRN-{row.name}"),
            **shifted,
            name=f"Invented {row.name} note {ENDS.year}",
            floating_index=row.name,
            face_amount=_amount(currency, 8.0),
            issue_date=BEGAN,
            maturity_date=ENDS,
            spread_bp=55.0,
            settlement_days=2,
            z_spread_bp=40.0,
        )


def _bond_conventions(currency: str) -> list[str]:
    return [row.name for row in conventions.BONDS.values() if row.currency in (currency, None)]


def _bonds(currency: str, convention: str) -> Iterator[SampleBond]:
    """One that pays a fixed rate, one whose rate rises, one that is repaid in parts, one strip."""
    rate = level(currency, BEGAN)
    years = [BEGAN.replace(year=BEGAN.year + after) for after in (3, 5, 7)]
    shapes: dict[str, dict[str, Any]] = {
        "FIXED": {"coupon_rate": rate},
        "STEP-UP": {
            "coupon_rate": rate,
            "coupon_schedule": tuple(
                CouponStep(date=date, coupon_rate=round(rate + 0.005 * step, 6))
                for step, date in enumerate(years, start=1)
            ),
        },
        "SINKING": {
            "coupon_rate": round(rate + 0.01, 6),
            "face_schedule": tuple(
                FaceStep(date=date, face=100.0 - 25.0 * step)
                for step, date in enumerate(years, start=1)
            ),
        },
        "STRIP": {"coupon_rate": 0.0, "payment_frequency": "ZERO"},
        "BILL": {
            "coupon_rate": 0.0,
            "payment_frequency": "ZERO",
            "issue_date": dt.date(2023, 12, 28),
            "maturity_date": dt.date(2024, 12, 26),
        },
    }
    for shape, own in shapes.items():
        static = {
            "name": f"Invented {shape.lower()} {convention} {currency}",
            "convention": convention,
            "currency": currency,
            "issue_date": BEGAN,
            "maturity_date": ENDS,
            **own,
        }
        code = f"{SAMPLE_PREFIX}{currency}-{convention}-{shape}"
        yield SampleBond(code=code, currency=currency, static=static)


def _positions(currency: str) -> Iterator[Terms]:
    for number, bond in enumerate(bonds(currency)):
        fixed = "coupon_schedule" not in bond.static and "face_schedule" not in bond.static
        priced = fixed and bond.static["coupon_rate"] > 0.0
        yield BondTerms(
            **_of(currency, bond.code.removeprefix(f"{SAMPLE_PREFIX}{currency}-")),
            face_amount=_amount(currency, 6.0 if number % 3 else -4.0),
            clean_price=99.25 if priced else None,
            z_spread_bp=None if priced else 15.0,
            **bond.static,
        )
