"""Solve what quotes of trades make, on a published market: z-spreads and option values.

A quote, which is a price or a yield, is used once, on the first market after it was entered; the
resulting number is stored with the position and held while the curve moves.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Hashable, Iterable
from functools import cache

import numpy as np

from pricing.curves.curve_set import ONE_BP, CurveSet, Solved
from pricing.curves.fixings import Fixings, public_on
from pricing.curves.quotes import CurveOptions, shape_of
from pricing.errors import Failure, NothingAfterSettlement, PricingError, Unpriceable
from pricing.markets.conventions import INDICES
from pricing.measures.bond_analytics import no_spread, price_security
from pricing.measures.dated.solved_quotes import solve_quote
from pricing.products.terms import QUOTE, Quoted, Security
from risk.store.results import Rollup

MAX_SPREAD_BP = 999_999
"""Largest spread that the column of a position can hold; only a wrong price in the last days of a
bond needs more."""

OF_POSITION = frozenset({"trade_id", "book", "face_amount", *QUOTE, "z_spread_bp"})
"""Fields in which two positions in the same security may differ."""

OF_FUTURE = frozenset(
    {"trade_id", "book", "contracts", "trade_price", "market_price", "option_value"}
)
"""Fields in which two positions in the same future may differ."""


def solve_spreads(
    quoted: Iterable[Quoted],
    market: Rollup,
    options: CurveOptions,
    fixings: Fixings | None = None,
) -> tuple[dict[str, float], list[Failure]]:
    """Numbers by trade, in the unit of their field, and the trades whose quote makes none.

    Args:
        quoted: Trades that came with a quote and wait for its number.
        market: The published market.
        options: How its curves are made.
        fixings: All known fixings; those that are not public on its date are not used.
    """
    date = market.valuation_date
    known = (fixings or {}).items()
    public = {name: public_on(INDICES[name], rates, date) for name, rates in known}
    curves = CurveSet(date, shape_of(market.curves), public, options)
    return spreads_on(quoted, curves, curves.solve(curves.vector(market.curves)))


def spreads_on(
    quoted: Iterable[Quoted], curves: CurveSet, solved: Solved
) -> tuple[dict[str, float], list[Failure]]:
    """Solve spreads as ``solve_spreads`` does, on curves that are solved already."""
    spreads: dict[str, float] = {}
    failures: list[Failure] = []
    for group in _by_instrument(quoted):
        names = [terms.trade_id for terms in group]
        positions = [terms for terms in group if isinstance(terms, Security)]
        if not positions:
            spreads |= _each(group, curves, solved, failures)
            continue
        try:
            security = price_security(positions[0], curves, solved)
        except NothingAfterSettlement:  # no price explains it any more, but the holder is paid
            spreads |= dict.fromkeys(names, 0.0)
            continue
        except PricingError as error:
            failures += [_failure(name, error) for name in names]
            continue
        priced: dict[str, float] = {}
        for terms in positions:
            try:
                priced[terms.trade_id] = security.clean_from_quote(terms)
            except PricingError as error:
                failures.append(_failure(terms.trade_id, error))
        found = security.z_spreads_from_clean(np.array(list(priced.values()))) / ONE_BP
        for (name, price), spread_bp in zip(priced.items(), found.tolist(), strict=True):
            refusal = _refusal(price, spread_bp)
            if refusal is not None:
                failures.append(_failure(name, refusal))
            else:
                spreads[name] = spread_bp
    return spreads, failures


def _each(
    group: list[Quoted], curves: CurveSet, solved: Solved, failures: list[Failure]
) -> dict[str, float]:
    """Numbers of the quotes of positions in one future; failures are added to those given."""
    found: dict[str, float] = {}
    of_price: dict[str, float] = {}
    for terms in group:
        try:
            quote = str(terms.quote)
            if quote not in of_price:  # its bonds are laid out once
                of_price[quote] = solve_quote(terms, curves, solved)
            found[terms.trade_id] = of_price[quote]
        except PricingError as error:
            failures.append(_failure(terms.trade_id, error))
    return found


def _by_instrument(quoted: Iterable[Quoted]) -> Iterable[list[Quoted]]:
    """Positions in the same instrument side by side: its flows are laid out once."""
    found: dict[Hashable, list[Quoted]] = {}
    for terms in quoted:
        found.setdefault((terms.product, _instrument(type(terms))(terms)), []).append(terms)
    return found.values()


@cache
def _instrument(terms: type[Quoted]) -> Callable[[Quoted], Hashable]:
    """Reads all that positions in one instrument have in common."""
    own = OF_POSITION if issubclass(terms, Security) else OF_FUTURE
    names = [name for name in terms.__struct_fields__ if name not in own]
    return operator.attrgetter(*names)


def _failure(trade_id: str, error: PricingError) -> Failure:
    return Failure(trade_id=trade_id, code=error.code, message=str(error))


def _refusal(clean_price: float, spread_bp: float) -> Unpriceable | None:
    """Why a spread cannot be stored with its position."""
    if math.isnan(spread_bp):
        return no_spread(clean_price)
    if abs(spread_bp) > MAX_SPREAD_BP:
        return Unpriceable(
            f"clean_price: {clean_price:g} needs a z-spread of {spread_bp:,.0f} bp; "
            f"at most {MAX_SPREAD_BP:,} bp: check the price"
        )
    return None
