"""Select what a block still pays on a valuation date, as plain columns.

Compiled flows do not change. By date, flows that have been paid or have gone ex are left out,
coupons that have fixed become known amounts, and an overnight coupon in progress keeps what it has
compounded so far. A trade that lacks a fixing or a curve fails alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pricing.arrays import BoolArray, FloatArray, IntArray, RecordArray
from pricing.curves.discount_points import Points
from pricing.curves.fixings import Fixings, IndexHistory, index_history
from pricing.curves.interpolation import YEAR
from pricing.errors import Failure, MissingCurve, MissingFixing, PricingError
from pricing.kernel_arrays import Flows
from pricing.markets import conventions
from pricing.markets.calendars import date_of
from pricing.products.cash_flows import FIXED, NEVER, FlowBlock


@dataclass(frozen=True)
class DatedBlock:
    """A block on one date. A failed trade keeps its row and has no flows.

    ``point_curve`` is the place of a point's curve in the market's own list of curves.
    """

    block: FlowBlock
    today: int
    flows: Flows
    point_curve: IntArray
    point_day: IntArray
    failures: tuple[Failure, ...]

    @property
    def failed(self) -> set[str]:
        """Ids of the failed trades."""
        return {f.trade_id for f in self.failures}

    @cached_property
    def matured(self) -> BoolArray:
        """Trades that have made their last payment: worth 0, and no failures; shape (n,)."""
        last = np.full(len(self.block), self.today)
        np.maximum.at(last, self.block.trade_of_flow, self.block.flows["pay"])
        over = np.asarray(last == self.today)
        failed = self.failed
        over[[row for row in np.flatnonzero(over) if self.block.trade_ids[row] in failed]] = False
        return over


def roll_to(block: FlowBlock, today: int, fixings: Fixings, curves: tuple[str, ...]) -> DatedBlock:
    """Bring a block to a date.

    Args:
        block: Compiled trades.
        today: Valuation date; flows paid after it count.
        fixings: Decimal rates by index and date; those after today are not used.
        curves: Names of the market's curves, in its order.
    """
    trade, flows = block.trade_of_flow, block.flows
    failures: dict[int, PricingError] = {}
    place = _curve_places(block, trade, curves, failures)
    alive = (flows["pay"] > today) & ((flows["ex"] == NEVER) | (flows["ex"] > today))
    start, alpha, beta = _float_columns(block, trade, alive, today, fixings, failures)
    alive &= ~np.isin(trade, list(failures))
    fixed = np.flatnonzero(alive & (flows["kind"] == FIXED))
    floating = np.flatnonzero(alive & (flows["kind"] != FIXED))
    points = Points(today, len(curves), int(flows["pay"].max(initial=today)) + 400)
    discount, forecast = place[block.discount[trade]], place[block.forecast[trade]]
    spread = np.exp(-block.z_spread[trade[fixed]] * (flows["pay"][fixed] - today) / YEAR)
    keys = {
        "fixed_pay": points.mark(discount[fixed], flows["pay"][fixed]),
        "float_pay": points.mark(discount[floating], flows["pay"][floating]),
        "float_start": points.mark(forecast[floating], start[floating]),
        "float_end": points.mark(forecast[floating], np.maximum(flows["end"], start)[floating]),
    }
    columns = Flows(
        fixed_ptr=_pointer(trade[fixed], len(block)),
        fixed_amount=flows["amount"][fixed] * spread,
        fixed_unit=flows["unit"][fixed] * spread,
        float_ptr=_pointer(trade[floating], len(block)),
        float_alpha=alpha[floating],
        float_beta=beta[floating],
        **{name: points.number(key) for name, key in keys.items()},
    )
    named = tuple(_named(block, failures))
    return DatedBlock(block, today, columns, points.curve(), points.day(), named)


def _named(block: FlowBlock, failures: Mapping[int, PricingError]) -> list[Failure]:
    return [
        Failure(trade_id=block.trade_ids[row], code=error.code, message=str(error))
        for row, error in sorted(failures.items())
    ]


def _pointer(trade: IntArray, trades: int) -> IntArray:
    return np.searchsorted(trade, np.arange(trades + 1)).astype(np.int64)


def _curve_places(
    block: FlowBlock, trade: IntArray, curves: tuple[str, ...], failures: dict[int, PricingError]
) -> IntArray:
    """Place of each of the block's curves in the market's list; trades on an absent one fail."""
    place = np.array(
        [curves.index(name) if name in curves else -1 for name in block.curves], dtype=np.int64
    )
    for column in (block.discount, block.forecast):
        for row in np.flatnonzero(place[column] < 0):
            name = block.curves[column[row]]
            failures.setdefault(int(row), MissingCurve(name, ", ".join(curves)))
    return place


def _float_columns(
    block: FlowBlock,
    trade: IntArray,
    alive: FloatArray,
    today: int,
    fixings: Fixings,
    failures: dict[int, PricingError],
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Start day, alpha and beta of every flow, as of today."""
    flows = block.flows
    start = flows["start"].astype(np.int64)
    alpha = flows["scale"].copy()
    beta = flows["amount"] - flows["scale"]
    for number in np.unique(flows["index"][alive & (flows["kind"] != FIXED)]):
        mine = np.flatnonzero(alive & (flows["index"] == number) & (flows["fixing"] <= today))
        if not len(mine):
            continue
        row = conventions.INDICES[block.indices[number]]
        known = fixings.get(row.name, {})
        history = index_history(row, known, int(flows["fixing"][mine].min()), today)
        fix = _fix_overnight if row.kind == "overnight" else _fix_ibor
        fix(flows, mine, today, history, start, alpha, beta, trade, failures)
    return start, alpha, beta


def _fix_ibor(
    flows: RecordArray,
    mine: IntArray,
    today: int,
    history: IndexHistory,
    start: IntArray,
    alpha: FloatArray,
    beta: FloatArray,
    trade: IntArray,
    failures: dict[int, PricingError],
) -> None:
    """A coupon that has fixed pays a known amount; today's may still be to come."""
    day = flows["fixing"][mine]
    at = np.searchsorted(history.days, day)
    rate = history.rates[at]
    for i in mine[np.isnan(rate) & (day < today)]:
        date = date_of(flows["fixing"][i]).isoformat()
        failures.setdefault(int(trade[i]), MissingFixing(history.row.name, date))
    known, rate = mine[~np.isnan(rate)], rate[~np.isnan(rate)]
    beta[known] = flows["accrued"][known] * rate + flows["amount"][known]
    alpha[known] = 0.0
    # No growth is left: from a point to itself.
    start[known] = np.maximum(flows["pay"][known], flows["end"][known])


def _fix_overnight(
    flows: RecordArray,
    mine: IntArray,
    today: int,
    history: IndexHistory,
    start: IntArray,
    alpha: FloatArray,
    beta: FloatArray,
    trade: IntArray,
    failures: dict[int, PricingError],
) -> None:
    """A coupon in progress keeps what it has compounded; the rest still telescopes."""
    first, last = flows["start"][mine], flows["end"][mine]
    until = np.minimum(history.first_unknown(today), last)
    a, b = history.fixing_of(first), np.searchsorted(history.days, until)
    lacking = history.gaps[b] > history.gaps[a]
    for i, u in zip(mine[lacking], until[lacking], strict=True):
        date = date_of(history.first_gap(int(flows["start"][i]), int(u))).isoformat()
        failures.setdefault(int(trade[i]), MissingFixing(history.row.name, date))
    alpha[mine] *= history.growth_to(until) / history.growth_from(first)
    # All of it known, payment still to come: growth from a point to itself is 1.
    start[mine] = np.maximum(until, today)
