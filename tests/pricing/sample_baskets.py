"""Baskets of bonds that may be delivered into a future, made up but plausible."""

from __future__ import annotations

import datetime as dt

from pricing.products.futures.bond_future import BondFutureTerms, Deliverable

CONVENTIONS = {"USD": "US-TREASURY", "EUR": "DE-BUND", "GBP": "UK-GILT"}
CONTRACTS = {"USD": "ZNM25", "EUR": "FGBLM25", "GBP": "RM25"}
_MADE = {
    # Coupon, issue, maturity, z-spread and repo spread in bp.
    "USD": (
        (0.04125, (2024, 11, 15), (2031, 11, 15), 21.0, -3.0),
        (0.0450, (2022, 5, 15), (2032, 5, 15), 20.0, 0.0),
        (0.02875, (2022, 5, 15), (2032, 5, 15), 23.5, 2.0),
        (0.0400, (2024, 2, 15), (2034, 2, 15), 19.0, 1.0),
        (0.04625, (2025, 2, 15), (2035, 2, 15), 18.0, -12.0),
    ),
    "EUR": (
        (0.022, (2024, 1, 12), (2034, 2, 15), 6.0, -5.0),
        (0.026, (2024, 7, 5), (2034, 8, 15), 5.0, -8.0),
        (0.025, (2025, 1, 10), (2035, 2, 15), 7.0, 0.0),
    ),
    "GBP": (
        (0.0425, (2023, 8, 1), (2034, 7, 31), 11.0, 1.0),
        (0.04625, (2023, 6, 7), (2034, 1, 31), 10.0, 0.0),
        (0.0450, (2024, 7, 10), (2035, 3, 7), 13.0, -4.0),
        (0.00625, (2020, 5, 29), (2035, 7, 31), 4.0, 0.0),
    ),
}


def basket(currency: str) -> tuple[Deliverable, ...]:
    """Bonds of one currency; factors are by the exchange's formula."""
    return tuple(
        Deliverable(
            name=f"bond {number}",
            convention=CONVENTIONS[currency],
            coupon_rate=coupon,
            issue_date=dt.date(*issue),
            maturity_date=dt.date(*maturity),
            z_spread_bp=spread,
            repo_spread_bp=repo,
        )
        for number, (coupon, issue, maturity, spread, repo) in enumerate(_MADE[currency])
    )


def bond_future(currency: str = "EUR", **changes) -> BondFutureTerms:
    """A position of 100 contracts."""
    usual = {
        "trade_id": f"future {currency}",
        "book": "book",
        "contract": CONTRACTS[currency],
        "contracts": 100.0,
        "trade_price": 110.0,
        "deliverables": basket(currency),
    }
    return BondFutureTerms(**{**usual, **changes})
