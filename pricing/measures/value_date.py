"""Select what a block still pays on a valuation date, as plain columns.

Compiled flows do not change. By date, flows that have been paid or have gone ex are left out,
coupons that have fixed become known amounts, and an overnight coupon in progress keeps what it has
compounded so far. A trade that lacks a fixing or a curve fails alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from pricing.arrays import BoolArray, FloatArray, IntArray, RecordArray
from pricing.curves.discount_points import Points
from pricing.curves.fixings import Fixings, Histories, IndexHistory
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


@dataclass(frozen=True)
class NextDayBlock:
    """A block on the next calendar day, before today's fixings are known.

    Every flow is linear in the one fixing of today that it depends on: it is a flow of ``base``,
    which takes that fixing as 0, plus the fixing times a flow of ``per_fixing``.

    Attributes:
        base: The block on the next day.
        per_fixing: Flows per unit of today's fixing, by index.
    """

    base: DatedBlock
    per_fixing: Mapping[str, DatedBlock]


@dataclass(frozen=True)
class _Running:
    """Coupons whose fixing has begun, ascending by row; columns as in ``Flows``."""

    row: IntArray
    start: IntArray
    alpha: FloatArray
    beta: FloatArray


def roll_to(
    block: FlowBlock, today: int, fixings: Fixings | Histories, curves: tuple[str, ...]
) -> DatedBlock:
    """Bring a block to a date.

    Args:
        block: Compiled trades.
        today: Valuation date; flows paid after it count.
        fixings: Decimal rates by index and date; those after today are not used. ``Histories`` of
            today save time where many blocks are brought to it.
        curves: Names of the market's curves, in its order.
    """
    if not isinstance(fixings, Histories):
        fixings = Histories(fixings, today)
    failures: dict[int, PricingError] = {}
    place, trade = _curve_places(block, curves, failures), block.trade_of_flow
    rows = _alive(block.flows, today)
    running = _running(block, rows, trade, fixings, failures)
    rows = _of_good_trades(rows, trade, failures)
    columns = _columns(block, rows, trade, today, place, running)
    return _lay_out(block, today, len(curves), columns, tuple(_named(block, failures)))


def roll_to_next_day(
    block: FlowBlock, fixings: Histories, at_one: Histories, curves: tuple[str, ...]
) -> NextDayBlock:
    """Bring a block to the day after today, with today's unknown fixings left open.

    Args:
        block: Compiled trades.
        fixings: Of the next day, with 0 for each fixing of today that is forecast.
        at_one: The same with 1.
        curves: Names of the market's curves, in its order.
    """
    day, failures = fixings.today, dict[int, PricingError]()
    place, trade = _curve_places(block, curves, failures), block.trade_of_flow
    rows = _alive(block.flows, day)
    zero, one = (_running(block, rows, trade, known, failures) for known in (fixings, at_one))
    rows = _of_good_trades(rows, trade, failures)
    named = tuple(_named(block, failures))
    columns = _columns(block, rows, trade, day, place, zero)
    base = _lay_out(block, day, len(curves), columns, named)
    open_rows = (zero.alpha != one.alpha) | (zero.beta != one.beta)
    found: dict[str, DatedBlock] = {}
    for number, name in enumerate(block.indices):
        mine = open_rows & (block.flows["index"][zero.row] == number)
        if mine.any():
            slope = _Running(
                zero.row[mine],
                zero.start[mine],
                one.alpha[mine] - zero.alpha[mine],
                one.beta[mine] - zero.beta[mine],
            )
            some = _of_good_trades(slope.row, trade, failures)
            columns = _columns(block, some, trade, day, place, slope)
            found[name] = _lay_out(block, day, len(curves), columns, named)
    return NextDayBlock(base, found)


def _alive(flows: RecordArray, today: int) -> IntArray:
    """Rows of the flows that are paid after today and have not gone ex."""
    ex = flows["ex"]
    return np.flatnonzero((flows["pay"] > today) & ((ex == NEVER) | (ex > today)))


def _of_good_trades(
    rows: IntArray, trade: IntArray, failures: Mapping[int, PricingError]
) -> IntArray:
    return rows[~np.isin(trade[rows], list(failures))] if failures else rows


def _named(block: FlowBlock, failures: Mapping[int, PricingError]) -> list[Failure]:
    return [
        Failure(trade_id=block.trade_ids[row], code=error.code, message=str(error))
        for row, error in sorted(failures.items())
    ]


def _curve_places(
    block: FlowBlock, curves: tuple[str, ...], failures: dict[int, PricingError]
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


class _Columns(NamedTuple):
    """Flows of a block's good trades, in the order of rows; points as curve and day."""

    fixed_trade: IntArray
    fixed_pay: tuple[IntArray, IntArray]
    fixed_amount: FloatArray
    fixed_unit: FloatArray
    float_trade: IntArray
    float_pay: tuple[IntArray, IntArray]
    float_start: tuple[IntArray, IntArray]
    float_end: tuple[IntArray, IntArray]
    float_alpha: FloatArray
    float_beta: FloatArray


def _columns(
    block: FlowBlock, rows: IntArray, trade: IntArray, today: int, place: IntArray, known: _Running
) -> _Columns:
    """Columns of some flows; what ``known`` says of a coupon counts instead of its own."""
    flows = block.flows
    # Field by field: numpy copies whole records four times slower.
    is_fixed = flows["kind"][rows] == FIXED
    fixed, floating = rows[is_fixed], rows[~is_fixed]
    fixed_trade, float_trade = trade[fixed], trade[floating]
    paid, z_spread = flows["pay"][fixed], block.z_spread[fixed_trade]
    amount, unit = flows["amount"][fixed], flows["unit"][fixed]
    spread = np.flatnonzero(z_spread)
    if len(spread):
        factor = np.exp(-z_spread[spread] * (paid[spread] - today) / YEAR)
        amount[spread] *= factor
        unit[spread] *= factor
    start, alpha = flows["start"][floating].astype(np.int64), flows["scale"][floating]
    beta = flows["amount"][floating] - alpha
    good = known if len(known.row) == 0 else _only(known, floating)
    at = np.searchsorted(floating, good.row)
    start[at], alpha[at], beta[at] = good.start, good.alpha, good.beta
    discount, forecast = place[block.discount], place[block.forecast]
    grows_on = forecast[float_trade]
    return _Columns(
        fixed_trade,
        (discount[fixed_trade], paid),
        amount,
        unit,
        float_trade,
        (discount[float_trade], flows["pay"][floating]),
        (grows_on, start),
        (grows_on, np.maximum(flows["end"][floating], start)),
        alpha,
        beta,
    )


def _only(known: _Running, floating: IntArray) -> _Running:
    """Those of some coupons that are among the rows; coupons of failed trades are not."""
    kept = np.isin(known.row, floating, assume_unique=True)
    if kept.all():
        return known
    return _Running(known.row[kept], known.start[kept], known.alpha[kept], known.beta[kept])


def _lay_out(
    block: FlowBlock, today: int, curves: int, columns: _Columns, failures: tuple[Failure, ...]
) -> DatedBlock:
    """Number the points of the columns."""
    c = columns
    last = max(int(days.max(initial=today)) for _, days in (c.fixed_pay, c.float_pay, c.float_end))
    points = Points(today, curves, last)
    keys = {
        name: points.mark(*getattr(c, name))
        for name in ("fixed_pay", "float_pay", "float_start", "float_end")
    }
    flows = Flows(
        fixed_ptr=_pointer(c.fixed_trade, len(block)),
        fixed_amount=c.fixed_amount,
        fixed_unit=c.fixed_unit,
        float_ptr=_pointer(c.float_trade, len(block)),
        float_alpha=c.float_alpha,
        float_beta=c.float_beta,
        **{name: points.number(key) for name, key in keys.items()},
    )
    return DatedBlock(block, today, flows, points.curve(), points.day(), failures)


def _pointer(trade: IntArray, trades: int) -> IntArray:
    ptr = np.zeros(trades + 1, dtype=np.int64)
    np.cumsum(np.bincount(trade, minlength=trades), out=ptr[1:])
    return ptr


def _running(
    block: FlowBlock,
    rows: IntArray,
    trade: IntArray,
    fixings: Histories,
    failures: dict[int, PricingError],
) -> _Running:
    """The floating flows among the rows whose fixing has begun; trades that lack one fail."""
    fields = block.flows
    begun = rows[(fields["fixing"][rows] <= fixings.today) & (fields["kind"][rows] != FIXED)]
    flows, owner = fields[begun], trade[begun]
    found = _Running(
        begun,
        flows["start"].astype(np.int64),
        flows["scale"].copy(),
        flows["amount"] - flows["scale"],
    )
    for number in np.unique(flows["index"]):
        mine = np.flatnonzero(flows["index"] == number)
        row = conventions.INDICES[block.indices[number]]
        history = fixings.of(row, int(flows["fixing"][mine].min()))
        fix = _fix_overnight if row.kind == "overnight" else _fix_ibor
        fix(flows, mine, fixings.today, history, found, owner, failures)
    return found


def _fix_ibor(
    flows: RecordArray,
    mine: IntArray,
    today: int,
    history: IndexHistory,
    found: _Running,
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
    found.beta[known] = flows["accrued"][known] * rate + flows["amount"][known]
    found.alpha[known] = 0.0
    # No growth is left: from a point to itself.
    found.start[known] = np.maximum(flows["pay"][known], flows["end"][known])


def _fix_overnight(
    flows: RecordArray,
    mine: IntArray,
    today: int,
    history: IndexHistory,
    found: _Running,
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
    found.alpha[mine] *= history.growth_to(until) / history.growth_from(first)
    # All of it known, payment still to come: growth from a point to itself is 1.
    found.start[mine] = np.maximum(until, today)
