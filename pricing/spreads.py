"""Bonds that came with a price, and a published market, in; their z-spreads out.

A price makes a spread once, on the first market after it was entered; the spread is then
stored with the position and held while the curve moves.
"""

from __future__ import annotations

from collections.abc import Iterable

from pricing.core.bonds import PricedBond
from pricing.core.curves import ONE_BP, CurveSet
from pricing.core.errors import PricingError
from pricing.core.messages import Failure
from pricing.core.quotes import CurveOptions, shape_of
from pricing.core.results import Rollup
from pricing.core.terms import BondTerms


def solve_spreads(
    bonds: Iterable[BondTerms], market: Rollup, options: CurveOptions
) -> tuple[dict[str, float], list[Failure]]:
    """Spreads in bp by trade, and the trades whose price no spread explains."""
    curves = CurveSet(market.valuation_date, shape_of(market.curves), options=options)
    solved = curves.solve(curves.vector(market.curves))
    spreads: dict[str, float] = {}
    failures: list[Failure] = []
    for terms in bonds:
        try:
            spreads[terms.trade_id] = PricedBond(terms, curves, solved).z_spread() / ONE_BP
        except PricingError as error:
            name = terms.trade_id
            failures.append(Failure(trade_id=name, code=error.code, message=str(error)))
    return spreads, failures


def waiting(terms: object) -> bool:
    """True for a bond that has a price and no spread yet."""
    return (
        isinstance(terms, BondTerms) and terms.clean_price is not None and terms.z_spread_bp is None
    )
