"""Trades of the products that the generated book does not have; a few of each, always the same.

Those of USD, EUR and GBP are chosen one by one; ``sample_currencies`` reads more of them, and those
of other currencies, off the market files.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from demo import sample_currencies
from demo.sample import BOND_BOOK, SAMPLE_PREFIX
from demo.sample_bonds import FOR_FUTURES, OTHERS, SampleBond, bonds
from pricing.products.bonds.floating_rate_note import FloatingRateNoteTerms
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.products.fixed_rate_bond import BondTerms
from pricing.products.futures.bond_contract import read_bond_contract
from pricing.products.futures.bond_future import OF_THE_BOND, BondFutureTerms, Deliverable
from pricing.products.futures.interest_rate_future import InterestRateFutureTerms
from pricing.products.swaps.basis_swap import BasisSwapTerms
from pricing.products.swaps.forward_rate_agreement import FraTerms
from pricing.products.swaps.zero_coupon_swap import ZeroCouponSwapTerms
from pricing.products.terms import Terms

PREFIX = f"{SAMPLE_PREFIX}P-"


def trades(more_currencies: Sequence[str] = ()) -> list[Terms]:
    """Return all trades, in the order of their identifiers within each product.

    Args:
        more_currencies: Others than those of ``sample_currencies`` that have trades, too.
    """
    return [
        *_swaps(),
        *_basis_swaps(),
        *_zero_coupon_swaps(),
        *_fras(),
        *_futures(),
        *_bond_futures(),
        *_notes(),
        *_positions(),
        *(
            terms
            for currency in dict.fromkeys((*sample_currencies.CURRENCIES, *more_currencies))
            for terms in sample_currencies.trades(currency)
        ),
    ]


def _swaps() -> list[Terms]:
    """Swaps whose fixings count for days that are not their own, or compound with a spread."""
    return [
        SwapTerms(
            trade_id=f"{PREFIX}SWAP-{number}",
            book=book,
            convention=convention,
            pay_receive="receive" if number % 2 else "pay",
            notional=25e6,
            effective_date=start,
            termination_date=end,
            fixed_rate=rate,
            **given,
        )
        for number, book, convention, start, end, rate, given in _SWAPS
    ]


_SWAPS: tuple[tuple[int, str, str, dt.date, dt.date, float, dict[str, Any]], ...] = (
    (
        *(1, "USD-SWAPS", "USD-SOFR-OIS", dt.date(2024, 3, 20), dt.date(2029, 3, 20), 0.0385),
        {"lookback_days": 5, "float_frequency": "3M", "spread_bp": 15.0},
    ),
    (
        *(2, "USD-SWAPS", "USD-SOFR-OIS", dt.date(2024, 6, 18), dt.date(2028, 6, 18), 0.039),
        {"lockout_days": 2, "float_frequency": "6M"},
    ),
    (
        *(3, "GBP-SWAPS", "GBP-SONIA-OIS", dt.date(2024, 1, 17), dt.date(2030, 1, 17), 0.0365),
        {"compounding_method": "straight", "spread_bp": 42.0},
    ),
    (
        *(4, "EUR-EURIBOR", "EUR-EURIBOR-6M", dt.date(2024, 9, 18), dt.date(2031, 9, 18), 0.0255),
        {"compounding_method": "flat", "float_frequency": "1Y", "spread_bp": 20.0},
    ),
    (
        *(5, "USD-CLIENTS", "USD-SOFR-OIS", dt.date(2024, 2, 21), dt.date(2027, 2, 21), 0.0415),
        {"overnight_method": "averaged", "lookback_days": 2, "lockout_days": 1},
    ),
)


def _basis_swaps() -> list[Terms]:
    return [
        BasisSwapTerms(
            trade_id=f"{PREFIX}BASIS-{number}",
            book="EUR-EURIBOR",
            first_index="ESTR",
            second_index="EURIBOR6M",
            pay_receive="receive" if number % 2 else "pay",
            notional=25e6 * number,
            effective_date=start,
            termination_date=end,
            first_spread_bp=spread_bp,
        )
        for number, start, end, spread_bp in (
            (1, dt.date(2022, 3, 16), dt.date(2029, 3, 16), 14.5),
            (2, dt.date(2023, 9, 20), dt.date(2033, 9, 20), 17.0),
            (3, dt.date(2024, 12, 18), dt.date(2034, 12, 18), 19.25),
        )
    ]


def _zero_coupon_swaps() -> list[Terms]:
    return [
        ZeroCouponSwapTerms(
            trade_id=f"{PREFIX}ZC-{number}",
            book=book,
            convention=convention,
            pay_receive="receive" if number % 2 else "pay",
            notional=20e6,
            effective_date=start,
            termination_date=end,
            fixed_rate=rate,
        )
        for number, book, convention, start, end, rate in (
            (
                1,
                "EUR-EURIBOR",
                "EUR-EURIBOR-6M",
                dt.date(2022, 6, 15),
                dt.date(2032, 6, 15),
                0.0215,
            ),
            (2, "EUR-SWAPS", "EUR-ESTR-OIS", dt.date(2025, 3, 19), dt.date(2045, 3, 20), 0.0245),
            (3, "USD-SWAPS", "USD-SOFR-OIS", dt.date(2023, 3, 15), dt.date(2028, 3, 15), 0.0365),
            (4, "GBP-SWAPS", "GBP-SONIA-OIS", dt.date(2021, 11, 10), dt.date(2031, 11, 10), 0.0135),
        )
    ]


def _fras() -> list[Terms]:
    return [
        FraTerms(
            trade_id=f"{PREFIX}FRA-{number}",
            book="EUR-EURIBOR",
            index="EURIBOR6M",
            pay_receive="pay" if number % 2 else "receive",
            notional=100e6,
            effective_date=start,
            fixed_rate=rate,
        )
        for number, start, rate in (
            (1, dt.date(2026, 3, 18), 0.0235),
            (2, dt.date(2026, 6, 17), 0.0228),
        )
    ]


def _futures() -> list[Terms]:
    return [
        InterestRateFutureTerms(
            trade_id=f"{PREFIX}FUTURE-{number}",
            book=book,
            contract=contract,
            contracts=contracts,
            trade_price=price,
            **convexity,
        )
        for number, book, contract, contracts, price, convexity in (
            (1, "USD-SWAPS", "SR3H26", 500, 96.215, _stated(0.0)),
            (2, "USD-SWAPS", "SR3Z26", -750, 96.48, _MODEL),
            (3, "USD-CLIENTS", "SR1J26", 120, 96.115, _MODEL),
            (4, "EUR-SWAPS", "ER3M26", -400, 98.135, _stated(0.1)),
            (5, "GBP-SWAPS", "SO3U26", 300, 96.36, _stated(0.3)),
        )
    ]


def _stated(convexity_bp: float) -> dict[str, Any]:
    return {"convexity_bp": convexity_bp}


_MODEL: dict[str, Any] = {"volatility_bp": 95.0, "mean_reversion": 0.03}
"""Volatility and mean reversion of the dollar's short rate, from which two futures get their
convexity."""


_BASKETS = {
    "ZNM26": ("US-TREASURY", 6.5, 10.0),
    "ZBM26": ("US-TREASURY", 15.0, 25.0),
    "FGBLM26": ("DE-BUND", 8.5, 10.5),
    "RM26": ("UK-GILT", 8.75, 13.0),
    "JGBLM26": ("JP-JGB", 7.0, 11.0),
}
"""Market and years to maturity of the bonds that may be delivered, as the exchanges ask."""


def deliverables() -> list[tuple[str, SampleBond]]:
    """The bonds that may be delivered into each contract of the sample trades."""
    found: list[tuple[str, SampleBond]] = []
    for contract, (market, least, most) in _BASKETS.items():
        first = read_bond_contract(contract).first_of_month
        for bond in (*bonds(), *FOR_FUTURES):
            years = (bond.static["maturity_date"] - first).days / 365.25
            if bond.static["convention"] == market and least <= years <= most:
                found.append((contract, bond))
    return found


def _basket(contract: str) -> tuple[Deliverable, ...]:
    return tuple(
        Deliverable(
            z_spread_bp=bond.z_spread_bp,
            conversion_factor=bond.conversion_factor,
            **{name: value for name, value in bond.static.items() if name in OF_THE_BOND},
        )
        for code, bond in deliverables()
        if code == contract
    )


def _bond_futures() -> list[Terms]:
    return [
        BondFutureTerms(
            trade_id=f"{PREFIX}BOND-FUTURE-{number}",
            book=book,
            contract=contract,
            contracts=contracts,
            trade_price=price,
            deliverables=_basket(contract),
            option_value=option_value,
        )
        for number, book, contract, contracts, price, option_value in (
            (1, "USD-TREASURIES", "ZNM26", -450, 112.203125, 0.03125),
            (2, "USD-TREASURIES", "ZNM26", 120, 111.765625, 0.0),
            (3, "USD-CLIENTS", "ZBM26", 75, 115.5, 0.0),
            (4, "EUR-GOVTS", "FGBLM26", -300, 128.46, 0.0),
            (5, "GBP-GILTS", "RM26", 200, 91.35, 0.0),
            (6, sample_currencies.book_of("JPY"), "JGBLM26", -40, 144.15, 0.0),
        )
    ]


def _notes() -> list[Terms]:
    return [
        FloatingRateNoteTerms(
            trade_id=f"{PREFIX}FRN-{number}",
            book=book,
            name=f"Invented {index} note {end.year}",
            floating_index=index,
            face_amount=face,
            issue_date=start,
            maturity_date=end,
            spread_bp=spread_bp,
            settlement_days=2,
            **given,
        )
        for number, book, index, face, start, end, spread_bp, given in _NOTES
    ]


_SHIFTED: dict[str, Any] = {"lookback_days": 5, "observation_shift": True}
_NOTES: tuple[tuple[int, str, str, float, dt.date, dt.date, float, dict[str, Any]], ...] = (
    (
        *(1, "EUR-GOVTS", "EURIBOR6M", 15e6, dt.date(2022, 9, 14), dt.date(2027, 9, 14), 72.0),
        {"z_spread_bp": 65.0},
    ),
    (
        *(2, "EUR-GOVTS", "EURIBOR6M", -8e6, dt.date(2023, 3, 22), dt.date(2030, 3, 22), 110.0),
        {"clean_price": 100.85},
    ),
    (
        *(3, "USD-TREASURIES", "SOFR", 20e6, dt.date(2023, 5, 16), dt.date(2028, 5, 16), 95.0),
        {"clean_price": 99.65, **_SHIFTED},
    ),
    (
        *(4, "GBP-GILTS", "SONIA", 12e6, dt.date(2023, 1, 18), dt.date(2028, 1, 18), 60.0),
        {"z_spread_bp": 48.0, **_SHIFTED},
    ),
    (
        *(5, "USD-TREASURIES", "SOFR", 10e6, dt.date(2024, 4, 16), dt.date(2027, 4, 16), 80.0),
        {"clean_price": 100.1, "lookback_days": 5, "lockout_days": 2},
    ),
)


BILL, DISCOUNT_RATE = f"{SAMPLE_PREFIX}BILL", 0.0405
"""The bill is quoted by its discount rate, as its market does."""


def _positions() -> list[Terms]:
    return [
        BondTerms(
            trade_id=f"{PREFIX}{bond.code.removeprefix(SAMPLE_PREFIX)}",
            book=BOND_BOOK[bond.currency],
            face_amount=5e6 * number * (-1 if number == 2 else 1),
            quoted_yield=DISCOUNT_RATE if bond.code == BILL else None,
            z_spread_bp=None if bond.code == BILL else 10.0 * number,
            **bond.static,
        )
        for number, bond in enumerate(OTHERS, start=1)
    ]
