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
from pricing.curves.fixings import Fixings, Histories
from pricing.curves.interpolation import YEAR
from pricing.errors import Failure, MissingCurve, PricingError
from pricing.kernel_arrays import Flows
from pricing.measures.compounding.chains import (
    NO_CHAINS,
    Chains,
    OpenChains,
    chains_on,
    place_chains,
)
from pricing.measures.dated.hull_white import convexity_factors
from pricing.measures.dated.running import Running, of_rows, running_coupons
from pricing.measures.delivery.choice import NO_DELIVERIES, Deliveries, deliveries_of
from pricing.products.cash_flows import (
    COMPOUNDED,
    DAILY,
    DELIVERED,
    FIXED,
    MODEL,
    NEVER,
    NO_CURVE,
    SETTLED_AT_START,
    FlowBlock,
    last_days,
)


@dataclass(frozen=True)
class DatedBlock:
    """A block on one date. A failed trade keeps its row and has no flows.

    ``point_curve`` is the place of a point's curve in the market's own list of curves.
    ``deliveries`` are the flows of which a market chooses some, ``chains`` those that compound what
    does not telescope.
    """

    block: FlowBlock
    today: int
    flows: Flows
    point_curve: IntArray
    point_day: IntArray
    failures: tuple[Failure, ...]
    deliveries: Deliveries = NO_DELIVERIES
    chains: Chains = NO_CHAINS

    @property
    def failed(self) -> set[str]:
        """Ids of the failed trades."""
        return {f.trade_id for f in self.failures}

    @cached_property
    def matured(self) -> BoolArray:
        """Trades that have made their last payment: worth 0, and no failures; shape (n,)."""
        last = np.full(len(self.block), self.today)
        np.maximum.at(last, self.block.trade_of_flow, last_days(self.block.flows))
        over = np.asarray(last == self.today)
        failed = self.failed
        over[[row for row in np.flatnonzero(over) if self.block.trade_ids[row] in failed]] = False
        return over


@dataclass(frozen=True)
class NextDayBlock:
    """A block on the next calendar day, before today's fixings are known.

    Every flow but settlements at the start of a period is linear in the one fixing L of today that
    it depends on: it is a flow of ``base``, which takes L as 0, plus L times a flow of
    ``per_fixing``. A chain may repeat L: its slopes are with the chains of ``base``.
    A settlement is linear in the discount factor 1 / (1 + L t), t being the years
    of the index's own period: ``settlement_weight`` takes the place of L.

    Attributes:
        base: The block on the next day.
        per_fixing: What a fixing of 1 adds, by index.
        per_settlement: The same of settlements at the start of a period.
    """

    base: DatedBlock
    per_fixing: Mapping[str, DatedBlock]
    per_settlement: Mapping[str, DatedBlock]


def settlement_weight(rate: FloatArray, years: FloatArray) -> FloatArray:
    """How much of what a fixing of 1 adds to a settlement at the start one of ``rate`` does.

    Args:
        rate: Fixings, decimal per year.
        years: Of the periods that they are for, by the index's day count.
    """
    return np.asarray(rate * (1.0 + years) / (1.0 + rate * years))


def roll_to(
    block: FlowBlock,
    today: int,
    fixings: Fixings | Histories,
    curves: tuple[str, ...],
    *,
    of_record: bool = False,
) -> DatedBlock:
    """Bring a block to a date.

    Args:
        block: Compiled trades.
        today: Valuation date; flows paid after it count.
        fixings: Decimal rates by index and date; those after today are not used. ``Histories`` of
            today save time where many blocks are brought to it.
        curves: Names of the market's curves, in its order.
        of_record: Whether coupons that have gone ex and are not paid yet count too: they belong to
            the holder of record.
    """
    if not isinstance(fixings, Histories):
        fixings = Histories(fixings, today)
    failures: dict[int, PricingError] = {}
    place, trade = _curve_places(block, curves, failures), block.trade_of_flow
    rows = _alive(block.flows, today, of_record=of_record)
    running = running_coupons(block, rows, trade, fixings, failures)
    chains = chains_on(block, rows, trade, fixings, failures)
    rows = _of_good_trades(_without_known(rows, chains), trade, failures)
    columns = _columns(block, rows, trade, today, place, running, chains)
    return _lay_out(block, today, len(curves), columns, tuple(named_failures(block, failures)))


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
    both = (fixings, at_one)
    zero, one = (running_coupons(block, rows, trade, known, failures) for known in both)
    chains, moved = (chains_on(block, rows, trade, known, failures) for known in both)
    rows = _of_good_trades(_without_known(rows, chains), trade, failures)
    named = tuple(named_failures(block, failures))
    columns = _columns(block, rows, trade, day, place, zero, chains, moved)
    base = _lay_out(block, day, len(curves), columns, named)
    open_rows = (zero.alpha != one.alpha) | (zero.beta != one.beta)
    found: dict[str, DatedBlock] = {}
    settled: dict[str, DatedBlock] = {}
    at_start = block.flows["kind"][zero.row] == SETTLED_AT_START
    for number, name in enumerate(block.indices):
        of_index = open_rows & (block.flows["index"][zero.row] == number)
        for into, mine in ((found, of_index & ~at_start), (settled, of_index & at_start)):
            if not mine.any():
                continue
            slope = Running(
                zero.row[mine],
                zero.start[mine],
                zero.end[mine],
                one.alpha[mine] - zero.alpha[mine],
                one.beta[mine] - zero.beta[mine],
            )
            some = _of_good_trades(slope.row, trade, failures)
            columns = _columns(block, some, trade, day, place, slope)
            into[name] = _lay_out(block, day, len(curves), columns, named)
    return NextDayBlock(base, found, settled)


def _alive(flows: RecordArray, today: int, *, of_record: bool = False) -> IntArray:
    """Rows of the flows that are paid after today and have not gone ex, unless these count too."""
    unpaid = last_days(flows) > today
    ex = flows["ex"]
    return np.flatnonzero(unpaid if of_record else unpaid & ((ex == NEVER) | (ex > today)))


def _of_good_trades(
    rows: IntArray, trade: IntArray, failures: Mapping[int, PricingError]
) -> IntArray:
    return rows[~np.isin(trade[rows], list(failures))] if failures else rows


def _without_known(rows: IntArray, chains: OpenChains | None) -> IntArray:
    """Rows without those of links that are known: they are in the money of their chains."""
    return rows if chains is None else np.setdiff1d(rows, chains.closed)


def named_failures(block: FlowBlock, failures: Mapping[int, PricingError]) -> list[Failure]:
    """Failures by the row of their trade, as failures of the trades."""
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
    if (place >= 0).all():
        return place
    known = ", ".join(curves)
    for row in np.flatnonzero(place[block.discount] < 0):
        name = block.curves[block.discount[row]]
        failures.setdefault(int(row), MissingCurve(name, known))
    trade, grows_on = block.trade_of_flow, block.flows["curve"]
    for flow in np.flatnonzero(
        (grows_on != NO_CURVE) & np.isin(grows_on, np.flatnonzero(place < 0))
    ):
        name = block.curves[grows_on[flow]]
        failures.setdefault(int(trade[flow]), MissingCurve(name, known))
    return place


class _Columns(NamedTuple):
    """Flows of a block's good trades, in the order of rows; points as curve and day.

    A leg is twice the row of its trade, plus its own number.
    """

    fixed_leg: IntArray
    fixed_pay: tuple[IntArray, IntArray]
    fixed_amount: FloatArray
    fixed_unit: FloatArray
    float_leg: IntArray
    float_pay: tuple[IntArray, IntArray]
    float_start: tuple[IntArray, IntArray]
    float_end: tuple[IntArray, IntArray]
    float_alpha: FloatArray
    float_beta: FloatArray
    deliveries: Deliveries
    chains: Chains


def _columns(
    block: FlowBlock,
    rows: IntArray,
    trade: IntArray,
    today: int,
    place: IntArray,
    known: Running,
    open_chains: OpenChains | None = None,
    at_one: OpenChains | None = None,
) -> _Columns:
    """Columns of some flows; what ``known`` says of a coupon counts instead of its own."""
    flows = block.flows
    # Field by field: numpy copies whole records four times slower.
    kind = flows["kind"][rows]
    pays = ((kind != COMPOUNDED) | (flows["scale"][rows] != 0.0)) & (kind != MODEL)
    fixed, floating = rows[kind == FIXED], rows[(kind != FIXED) & pays]
    fixed_trade, float_trade = trade[fixed], trade[floating]
    paid, float_paid = (_pay_days(flows, some, today) for some in (fixed, floating))
    amount, unit = flows["amount"][fixed], flows["unit"][fixed]
    _spread_out((amount, unit), block.z_spread[fixed_trade], paid - today)
    start, alpha = flows["start"][floating].astype(np.int64), flows["scale"][floating]
    beta = flows["amount"][floating] - alpha
    good = known if len(known.row) == 0 else of_rows(known, floating)
    at = np.searchsorted(floating, good.row)
    end = flows["end"][floating].astype(np.int64)
    start[at], end[at], alpha[at], beta[at] = good.start, good.end, good.alpha, good.beta
    chains = NO_CHAINS
    if open_chains is not None:
        spread = np.ones(len(floating))
        _spread_out((spread,), block.z_spread[float_trade], float_paid - today)
        chains = place_chains(block, open_chains, floating, trade, spread, at_one)
        own = np.isin(open_chains.link, floating)
        start[chains.link], end[chains.link] = open_chains.start[own], open_chains.end[own]
        # Their amounts are made on each market; a chain has its constant, and no growth.
        alpha[chains.flow] = alpha[chains.link] = beta[chains.link] = 0.0
        start[chains.flow] = end[chains.flow] = float_paid[chains.flow]
    _spread_out((alpha, beta), block.z_spread[float_trade], float_paid - today)
    alpha *= convexity_factors(block, floating, float_trade, today, start, end)
    delivered = np.flatnonzero(flows["kind"][floating] == DELIVERED)
    of_bonds = floating[delivered]
    beta[delivered] = 0.0
    years = (end[delivered] - today) / YEAR
    alpha[delivered] *= np.exp(-flows["accrued"][of_bonds] / flows["scale"][of_bonds] * years)
    discount, grows_on = place[block.discount], place[flows["curve"][floating]]
    legs = flows["leg"]
    return _Columns(
        2 * fixed_trade + legs[fixed],
        (discount[fixed_trade], paid),
        amount,
        unit,
        2 * float_trade + legs[floating],
        (discount[float_trade], float_paid),
        (grows_on, start),
        (grows_on, end),
        alpha,
        beta,
        deliveries_of(delivered, float_trade[delivered], flows["fixing"][of_bonds]),
        chains,
    )


def _pay_days(flows: RecordArray, rows: IntArray, today: int) -> IntArray:
    """Days of payment of some flows; those that pay daily pay today."""
    days = flows["pay"][rows]
    days[days == DAILY] = today
    return np.asarray(days)


def _spread_out(money: tuple[FloatArray, ...], z_spread: FloatArray, days: IntArray) -> None:
    """Multiply money by what a trade's spread takes off until its payment, in place."""
    rows = np.flatnonzero(z_spread)
    if len(rows):
        factor = np.exp(-z_spread[rows] * days[rows] / YEAR)
        for column in money:
            column[rows] *= factor


def _lay_out(
    block: FlowBlock, today: int, curves: int, columns: _Columns, failures: tuple[Failure, ...]
) -> DatedBlock:
    """Number the points of the columns."""
    c = columns
    used = (c.fixed_pay, c.float_pay, c.float_start, c.float_end)
    last = max(int(days.max(initial=today)) for _, days in used)
    points = Points(today, curves, last)
    keys = {
        name: points.mark(*getattr(c, name))
        for name in ("fixed_pay", "float_pay", "float_start", "float_end")
    }
    flows = Flows(
        fixed_ptr=_pointer(c.fixed_leg, len(block)),
        fixed_amount=c.fixed_amount,
        fixed_unit=c.fixed_unit,
        float_ptr=_pointer(c.float_leg, len(block)),
        float_alpha=c.float_alpha,
        float_beta=c.float_beta,
        **{name: points.number(key) for name, key in keys.items()},
    )
    found = (points.curve(), points.day())
    return DatedBlock(block, today, flows, *found, failures, c.deliveries, c.chains)


def _pointer(leg: IntArray, trades: int) -> IntArray:
    ptr = np.zeros(2 * trades + 1, dtype=np.int64)
    np.cumsum(np.bincount(leg, minlength=2 * trades), out=ptr[1:])
    return ptr
