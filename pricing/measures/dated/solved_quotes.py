"""Make of a quote what a trade holds while curves move: its z-spread or its option value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pricing.curves.curve_set import ONE_BP, CurveSet, Solved
from pricing.errors import NothingAfterSettlement
from pricing.measures.bond_analytics import price_security
from pricing.measures.delivery.basis import option_value_of
from pricing.products.terms import Quoted, Security


def _z_spread_bp(terms: Security, curves: CurveSet, solved: Solved) -> float:
    try:
        return price_security(terms, curves, solved).z_spread() / ONE_BP
    except NothingAfterSettlement:
        return 0.0  # a buyer of today gets nothing, but the holder is still paid


SOLVED: Mapping[str, Callable[[Any, CurveSet, Solved], float]] = {
    "z_spread_bp": _z_spread_bp,
    "option_value": option_value_of,
}
"""Functions that solve a quote, by the field of the terms that holds the solved number."""


def solve_quote(terms: Quoted, curves: CurveSet, solved: Solved) -> float:
    """The value of the field ``terms.solves``, in its unit.

    Raises:
        PricingError: No market makes it, with the reason.
    """
    return SOLVED[terms.solves](terms, curves, solved)
