"""Solve the z-spreads of bonds that were entered with a price, on a published market.

A price is used once, on the first market after it was entered; the resulting spread is stored with
the position and held while the curve moves.
"""

from __future__ import annotations

from collections.abc import Iterable

from pricing.curves.curve_set import ONE_BP, CurveSet
from pricing.curves.fixings import Fixings, public_on
from pricing.curves.quotes import CurveOptions, shape_of
from pricing.errors import Failure, NothingAfterSettlement, PricingError, Unpriceable
from pricing.markets.conventions import INDICES
from pricing.measures.bond_analytics import PricedSecurity, price_security
from pricing.products.terms import Security
from risk.store.results import Rollup

MAX_SPREAD_BP = 999_999
"""What the position's column holds: a wrong price of a bond's last days would need more."""


def solve_spreads(
    bonds: Iterable[Security],
    market: Rollup,
    options: CurveOptions,
    fixings: Fixings | None = None,
) -> tuple[dict[str, float], list[Failure]]:
    """Spreads in bp by trade, and the trades whose price no spread explains.

    Args:
        bonds: Securities that came with a price.
        market: The published market.
        options: How its curves are made.
        fixings: All known fixings; those that are not public on its date are not used.
    """
    date = market.valuation_date
    known = (fixings or {}).items()
    public = {name: public_on(INDICES[name], rates, date) for name, rates in known}
    curves = CurveSet(date, shape_of(market.curves), public, options)
    solved = curves.solve(curves.vector(market.curves))
    spreads: dict[str, float] = {}
    failures: list[Failure] = []
    for terms in bonds:
        try:
            spreads[terms.trade_id] = _spread_bp(price_security(terms, curves, solved))
        except NothingAfterSettlement:
            spreads[terms.trade_id] = 0.0  # no price explains it any more, but the holder is paid
        except PricingError as error:
            name = terms.trade_id
            failures.append(Failure(trade_id=name, code=error.code, message=str(error)))
    return spreads, failures


def _spread_bp(bond: PricedSecurity) -> float:
    """The spread, when it can be stored with the position."""
    spread_bp = bond.z_spread() / ONE_BP
    if abs(spread_bp) > MAX_SPREAD_BP:
        raise Unpriceable(
            f"clean_price: {bond.terms.clean_price:g} needs a z-spread of {spread_bp:,.0f} bp; "
            f"at most {MAX_SPREAD_BP:,} bp: check the price"
        )
    return spread_bp
