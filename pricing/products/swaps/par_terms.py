"""Par rates of trades whose value is not the annuity times a difference of rates and no more.

A trade's contract terms are read off its flows once. On a market its value and its annuity then say
at which rate it is worth 0.

- A basis swap is linear in the spread s on its first leg: s - value / annuity.
- A forward rate agreement pays N t (K - L) / (1 + L t): its par rate is the fixing L.
- A zero-coupon swap pays N (g(r) - 1), g(r) being (1 + r)^T, or the product of (1 + r t) over its
  periods: its par rate is the r at which g(r) is what the other leg grows to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from pricing.arrays import FloatArray, IntArray
from pricing.products.cash_flows import FIXED, SETTLED_AT_START, FlowBlock

_STEPS = 60
"""Largest number of Newton steps; about five are needed from a rate near the solution."""


class ParTerms(NamedTuple):
    """What is known of k trades of a block; rates are decimals per year.

    Attributes:
        row: Rows of the trades, product by product; shape (k,).
        rate: The contract rate, or spread; NaN of a zero-coupon swap; shape (k,).
        years: Of the period of a forward rate agreement; otherwise 0; shape (k,).
        growth: What 1.0 grows to on the fixed leg of a zero-coupon swap; otherwise NaN; shape (k,).
        slope: Its derivative to the rate; shape (k,).
        span: Years of the periods over which its rate compounds, trade after trade; one period
            without compounding.
        span_of: Place in ``row`` of the trade of each span.
        compounds: Whether 1 + r t is multiplied over the spans; otherwise 1 + r is raised to the
            only one; shape (k,).
    """

    row: IntArray
    rate: FloatArray
    years: FloatArray
    growth: FloatArray
    slope: FloatArray
    span: FloatArray
    span_of: IntArray
    compounds: FloatArray


_NO_ROWS, _NO_RATES = np.zeros(0, dtype=np.int64), np.zeros(0)
NO_PAR_TERMS = ParTerms(
    *(_NO_ROWS, _NO_RATES, _NO_RATES, _NO_RATES, _NO_RATES, _NO_RATES, _NO_ROWS, _NO_RATES)
)


class _Flows(NamedTuple):
    """Flows of the first legs of some of a block's trades, field by field.

    ``of`` is the place of the trade of each flow; ``notional`` has one number a trade.
    """

    kind: IntArray
    of: IntArray
    amount: FloatArray
    unit: FloatArray
    accrued: FloatArray
    notional: FloatArray

    def sums(self, values: FloatArray) -> FloatArray:
        """Sums of the flows of each trade."""
        return np.asarray(np.bincount(self.of, weights=values, minlength=len(self.notional)))


def par_terms(block: FlowBlock) -> ParTerms:
    """Read the terms of a block's basis swaps, forward rate agreements and zero-coupon swaps."""
    products = np.array(block.products, dtype=np.str_)
    of_products = [np.flatnonzero(products == product) for product in _READ]
    terms = [
        read(_first_legs(block, some))
        for some, read in zip(of_products, _READ.values(), strict=True)
        if len(some)
    ]
    if not terms:
        return NO_PAR_TERMS
    at = np.cumsum([0, *(len(some.rate) for some in terms)])
    return ParTerms(
        row=np.concatenate(of_products),
        rate=np.concatenate([some.rate for some in terms]),
        years=np.concatenate([some.years for some in terms]),
        growth=np.concatenate([some.growth for some in terms]),
        slope=np.concatenate([some.slope for some in terms]),
        span=np.concatenate([some.span for some in terms]),
        span_of=np.concatenate([t.span_of + n for t, n in zip(terms, at, strict=False)]),
        compounds=np.concatenate([some.compounds for some in terms]),
    )


def _first_legs(block: FlowBlock, rows: IntArray) -> _Flows:
    place = np.full(len(block), -1)
    place[rows] = np.arange(len(rows))
    of = place[block.trade_of_flow]
    mine = np.flatnonzero((of >= 0) & (block.flows["leg"] == 0))
    return _Flows(
        kind=block.flows["kind"][mine],
        of=of[mine],
        amount=block.flows["amount"][mine],
        unit=block.flows["unit"][mine],
        accrued=block.flows["accrued"][mine],
        notional=block.notional[rows],
    )


def _linear(rate: FloatArray, years: FloatArray) -> ParTerms:
    nothing = np.full(len(rate), np.nan)
    return ParTerms(
        _NO_ROWS, rate, years, nothing, nothing, _NO_RATES, _NO_ROWS, np.zeros(len(rate))
    )


def _basis_swaps(flows: _Flows) -> ParTerms:
    """Coupons pay the spread times what the flows of no amount say that 1.0 of it pays."""
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = flows.sums(flows.amount) / flows.sums(flows.unit)
    return _linear(rate, np.zeros(len(rate)))


def _forward_rate_agreements(flows: _Flows) -> ParTerms:
    settled = np.where(flows.kind == SETTLED_AT_START, 1.0, 0.0)
    interest, years = flows.sums(flows.amount * settled), flows.sums(flows.accrued * settled)
    return _linear(-interest / years, np.abs(years) / flows.notional)


def _zero_coupon_swaps(flows: _Flows) -> ParTerms:
    """``accrued`` of a fixed flow: years times notional, of a payment or of a period in it."""
    paid = flows.unit != 0.0
    money = np.sign(flows.sums(flows.unit)) * flows.notional
    whole = np.where(paid, flows.accrued, 0.0)
    spans = np.flatnonzero((flows.accrued != 0.0) & (flows.kind == FIXED))
    nothing = np.full(len(money), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        return ParTerms(
            _NO_ROWS,
            nothing,
            np.zeros(len(money)),
            1.0 + flows.sums(flows.amount) / money,
            flows.sums(flows.unit) / money,
            np.abs(flows.accrued[spans]) / flows.notional[flows.of[spans]],
            flows.of[spans],
            np.where(flows.sums(whole) == 0.0, 1.0, 0.0),
        )


_READ: Mapping[str, Callable[[_Flows], ParTerms]] = {
    "basis_swap": _basis_swaps,
    "fra": _forward_rate_agreements,
    "zero_coupon_swap": _zero_coupon_swaps,
}
"""Function that reads the par terms of a block's flows, by product."""


def par_rates(terms: ParTerms, value: FloatArray, annuity: FloatArray) -> FloatArray:
    """The rates at which trades are worth 0; shape (k,).

    Args:
        terms: Of k trades of a block of n.
        value: Of all trades of the block, trade currency; shape (n,).
        annuity: Value of 1.0 of rate at the contract rate; shape (n,).

    Returns:
        Decimals per year; NaN where no rate is left to be paid.
    """
    if not len(terms.row):
        return _NO_RATES
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        above = value[terms.row] / annuity[terms.row]
        above[annuity[terms.row] == 0.0] = np.nan
        interest = 1.0 + terms.rate * terms.years
        rate = (terms.rate * interest - above) / (interest + above * terms.years)
        growth = terms.growth - above * terms.slope
        grows = np.isfinite(growth) & (growth > 0.0)
        years = np.bincount(terms.span_of, weights=terms.span, minlength=len(rate))
        rate[grows] = growth[grows] ** (1.0 / years[grows]) - 1.0
        compounds = grows & (terms.compounds > 0.0)
        if compounds.any():
            rate[compounds] = _compounded(terms, growth, rate)[compounds]
        return np.asarray(rate)


def _compounded(terms: ParTerms, growth: FloatArray, start: FloatArray) -> FloatArray:
    """Solve product of (1 + r t) = growth by Newton's method on its logarithm."""
    rate, wanted = start.copy(), np.log(growth)

    def by_trade(values: FloatArray) -> FloatArray:
        return np.asarray(np.bincount(terms.span_of, weights=values, minlength=len(rate)))

    for _ in range(_STEPS):
        grown = 1.0 + rate[terms.span_of] * terms.span
        step = (by_trade(np.log(grown)) - wanted) / by_trade(terms.span / grown)
        rate -= np.where(np.isfinite(step), step, 0.0)
        if np.nanmax(np.abs(step), initial=0.0) < 1e-15:
            break
    return rate
