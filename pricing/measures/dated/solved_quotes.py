"""Make of a quote what a trade holds while curves move: its z-spread or its option value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pricing.curves.curve_set import ONE_BP, CurveSet, Solved
from pricing.errors import NothingAfterSettlement
from pricing.measures.bond_analytics import price_security
from pricing.measures.delivery.basis import option_value_of
from pricing.products.bonds.floating_rate_note import FloatingRateNoteTerms
from pricing.products.fixed_rate_bond import BondTerms
from pricing.products.futures.bond_future import BondFutureTerms
from pricing.products.terms import Quoted, Security


def _z_spread_bp(terms: Security, curves: CurveSet, solved: Solved) -> float:
    try:
        return price_security(terms, curves, solved).z_spread() / ONE_BP
    except NothingAfterSettlement:
        return 0.0  # a buyer of today gets nothing, but the holder is still paid


SOLVED: Mapping[str, Callable[[Any, CurveSet, Solved], float]] = {
    BondTerms.product: _z_spread_bp,
    FloatingRateNoteTerms.product: _z_spread_bp,
    BondFutureTerms.product: option_value_of,
}
"""How the number is made, by product."""


def solve_quote(terms: Quoted, curves: CurveSet, solved: Solved) -> float:
    """The value of the field ``terms.solves``, in its unit.

    Raises:
        PricingError: No market makes it, with the reason.
    """
    return SOLVED[terms.product](terms, curves, solved)
