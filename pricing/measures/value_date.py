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
from pricing.errors import Failure, MissingCurve, MissingFixing, PricingError, Unpriceable
from pricing.kernel_arrays import Flows
from pricing.markets import conventions
from pricing.markets.calendars import date_of
from pricing.measures.compounding.chains import (
    NO_CHAINS,
    Chains,
    OpenChains,
    chains_on,
    place_chains,
)
from pricing.measures.delivery.choice import NO_DELIVERIES, Deliveries, deliveries_of
from pricing.measures.hull_white import compounded_exponent, growth_exponent
from pricing.products.cash_flows import (
    CHAINED,
    COMPOUNDED,
    DAILY,
    DELIVERED,
    FIXED,
    IBOR,
    LINK,
    MODEL,
    NEVER,
    NO_CURVE,
    OVERNIGHT,
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


class _Running(NamedTuple):
    """Coupons whose fixing has begun, ascending by row; columns as in ``Flows``."""

    row: IntArray
    start: IntArray
    end: IntArray
    alpha: FloatArray
    beta: FloatArray


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
    running = _running(block, rows, trade, fixings, failures)
    chains = chains_on(block, rows, trade, fixings, failures)
    rows = _of_good_trades(_without_known(rows, chains), trade, failures)
    columns = _columns(block, rows, trade, today, place, running, chains)
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
    chains, moved = (chains_on(block, rows, trade, known, failures) for known in (fixings, at_one))
    rows = _of_good_trades(_without_known(rows, chains), trade, failures)
    named = tuple(_named(block, failures))
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
            slope = _Running(
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


class PaidFlows(NamedTuple):
    """What the trades of a block have been paid in a period, trade currency.

    Attributes:
        amount: By trade, received is positive; shape (n,).
        failures: Trades of which a fixing is missing.
    """

    amount: FloatArray
    failures: tuple[Failure, ...]


def paid_between(block: FlowBlock, after: int, fixings: Histories) -> PaidFlows:
    """Add up the flows that are paid after one day and not after another.

    A flow that has gone ex is paid to the holder of record, and counts. The margin of a future
    counts on the day of its final settlement. That of a bond future is not known: trades that are
    delivered fail.

    Args:
        block: Compiled trades.
        after: Day number before the first day.
        fixings: What is known on the last day, ``fixings.today``.
    """
    failures: dict[int, PricingError] = {}
    flows, trade = block.flows, block.trade_of_flow
    last = last_days(flows)
    rows: IntArray = np.flatnonzero((last > after) & (last <= fixings.today))
    rows = rows[flows["kind"][rows] != MODEL]
    delivered = rows[flows["kind"][rows] == DELIVERED]
    for row in delivered:
        date = date_of(flows["end"][row]).isoformat()
        failures.setdefault(int(trade[row]), Unpriceable(NOT_SETTLED.format(date)))
    rows = np.setdiff1d(rows, delivered)
    amount = np.zeros(len(block))
    rows = _add_paid_chains(block, rows, trade, fixings, failures, amount)
    known = _running(block, rows, trade, fixings, failures)
    paying = (flows["kind"][known.row] != COMPOUNDED) | (flows["scale"][known.row] != 0.0)
    still_open = known.row[paying & (known.start != known.end)]
    for row in (*still_open, *np.setdiff1d(rows[flows["kind"][rows] != FIXED], known.row)):
        date = date_of(flows["fixing"][row]).isoformat()
        index = block.indices[flows["index"][row]]
        failures.setdefault(int(trade[row]), MissingFixing(index, date))
    fixed = rows[flows["kind"][rows] == FIXED]
    np.add.at(amount, trade[fixed], flows["amount"][fixed])
    np.add.at(amount, trade[known.row[paying]], (known.alpha + known.beta)[paying])
    return PaidFlows(amount, tuple(_named(block, failures)))


def _add_paid_chains(
    block: FlowBlock,
    rows: IntArray,
    trade: IntArray,
    fixings: Histories,
    failures: dict[int, PricingError],
    amount: FloatArray,
) -> IntArray:
    """Add what chains have paid to the amounts of their trades; returns the rows of other flows."""
    found, flows = chains_on(block, rows, trade, fixings, failures), block.flows
    if found is None:
        return rows
    for link in found.link:
        date = date_of(flows["fixing"][link]).isoformat()
        index = block.indices[flows["index"][link]]
        failures.setdefault(int(trade[link]), MissingFixing(index, date))
    paid = flows["scale"][found.head] * (found.growth - 1.0) + flows["amount"][found.head]
    np.add.at(amount, trade[found.head], paid)
    return rows[~np.isin(flows["kind"][rows], (CHAINED, LINK))]


NOT_SETTLED = "the contract was delivered on {}: its final settlement price is not known here"


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
    known: _Running,
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
    good = known if len(known.row) == 0 else _only(known, floating)
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
    alpha *= _convexity(block, floating, float_trade, today, start, end)
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


def _convexity(
    block: FlowBlock,
    floating: IntArray,
    float_trade: IntArray,
    today: int,
    start: IntArray,
    end: IntArray,
) -> FloatArray | float:
    """What the models of futures make of the growth of floating flows; 1 where there is none.

    Args:
        block: Compiled trades.
        floating: Rows of the flows.
        float_trade: The trade of each.
        today: Day number of the valuation date.
        start: Day number of the start of what is not known of each growth.
        end: Day number of its end.
    """
    flows = block.flows
    models = np.flatnonzero(flows["kind"] == MODEL)
    if not len(models):
        return 1.0
    mean_reversion, volatility = np.zeros(len(block)), np.zeros(len(block))
    of_trade = np.searchsorted(block.ptr, models, side="right") - 1
    mean_reversion[of_trade] = flows["accrued"][models] / flows["scale"][models]
    volatility[of_trade] = flows["unit"][models] / flows["scale"][models]
    found = np.zeros(len(floating))
    kind = flows["kind"][floating]
    for some, exponent in ((IBOR, growth_exponent), (OVERNIGHT, compounded_exponent)):
        mine = np.flatnonzero((kind == some) & (volatility[float_trade] != 0.0))
        days = [start[mine], end[mine]]
        if some == IBOR:
            days.insert(0, np.maximum(flows["fixing"][floating[mine]].astype(np.int64), today))
        found[mine] = exponent(
            *((each - today) / YEAR for each in days),
            mean_reversion=mean_reversion[float_trade[mine]],
            volatility=volatility[float_trade[mine]],
        )
    return np.asarray(np.exp(found))


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


def _only(known: _Running, floating: IntArray) -> _Running:
    """Those of some coupons that are among the rows; coupons of failed trades are not."""
    kept = np.isin(known.row, floating, assume_unique=True)
    if kept.all():
        return known
    return _Running(
        known.row[kept], known.start[kept], known.end[kept], known.alpha[kept], known.beta[kept]
    )


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


def _running(
    block: FlowBlock,
    rows: IntArray,
    trade: IntArray,
    fixings: Histories,
    failures: dict[int, PricingError],
) -> _Running:
    """The floating flows among the rows whose fixing has begun; trades that lack one fail."""
    fields = block.flows
    fixes = ~np.isin(fields["kind"][rows], (FIXED, DELIVERED, CHAINED, LINK, MODEL))
    begun = rows[(fields["fixing"][rows] <= fixings.today) & fixes]
    flows, owner = fields[begun], trade[begun]
    found = _Running(
        begun,
        flows["start"].astype(np.int64),
        flows["end"].astype(np.int64),
        flows["scale"].copy(),
        flows["amount"] - flows["scale"],
    )
    for number in np.unique(flows["index"]):
        of_index = flows["index"] == number
        row = conventions.INDICES[block.indices[number]]
        history = fixings.of(row, int(flows["fixing"][of_index].min()))
        for kind in np.unique(flows["kind"][of_index]):
            mine = np.flatnonzero(of_index & (flows["kind"] == kind))
            _FIX[int(kind)](flows, mine, fixings.today, history, found, owner, failures)
    return found


def _known_rates(
    flows: RecordArray,
    mine: IntArray,
    today: int,
    history: IndexHistory,
    trade: IntArray,
    failures: dict[int, PricingError],
) -> FloatArray:
    """The fixings of coupons that fix once; NaN: today's is still to come, or the trade fails."""
    day = flows["fixing"][mine]
    rate = history.rates[np.searchsorted(history.days, day)]
    for i in mine[np.isnan(rate) & (day < today)]:
        date = date_of(flows["fixing"][i]).isoformat()
        failures.setdefault(int(trade[i]), MissingFixing(history.row.name, date))
    return np.asarray(rate)


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
    rate = _known_rates(flows, mine, today, history, trade, failures)
    known, rate = mine[~np.isnan(rate)], rate[~np.isnan(rate)]
    found.beta[known] = flows["accrued"][known] * rate + flows["amount"][known]
    _stop_growth(flows, known, today, found)


def _stop_growth(flows: RecordArray, known: IntArray, today: int, found: _Running) -> None:
    """All of these is known: no growth is left, from a point to itself."""
    found.alpha[known] = 0.0
    last = np.maximum(flows["pay"][known], flows["end"][known])
    found.start[known] = found.end[known] = np.maximum(last, today)


def _fix_settled_at_start(
    flows: RecordArray,
    mine: IntArray,
    today: int,
    history: IndexHistory,
    found: _Running,
    trade: IntArray,
    failures: dict[int, PricingError],
) -> None:
    """A settlement that has fixed is discounted at its fixing: no linear function of that."""
    rate = _known_rates(flows, mine, today, history, trade, failures)
    known, rate = mine[~np.isnan(rate)], rate[~np.isnan(rate)]
    scale, notional = flows["scale"][known], flows["amount"][known] - flows["scale"][known]
    found.beta[known] = notional + scale / (1.0 + rate * flows["accrued"][known] / notional)
    _stop_growth(flows, known, today, found)


def _fix_compounded(
    flows: RecordArray,
    mine: IntArray,
    today: int,
    history: IndexHistory,
    found: _Running,
    trade: IntArray,
    failures: dict[int, PricingError],
) -> None:
    """What has fixed of a compounding leg multiplies the growth of the rest."""
    rate = _known_rates(flows, mine, today, history, trade, failures)
    scale, known = flows["scale"][mine], ~np.isnan(rate)
    heads = np.flatnonzero(scale)  # the flow that pays stands before those of its periods
    notional = scale[heads][np.cumsum(scale != 0.0) - 1]
    factor = 1.0 + np.where(known, rate, 0.0) * flows["accrued"][mine] / notional
    until = np.where(known, flows["end"][mine], 0)
    until[heads] = flows["start"][mine[heads]]
    if len(heads):
        found.alpha[mine[heads]] *= np.multiply.reduceat(factor, heads)
        head = mine[heads]
        found.start[head] = np.maximum(np.maximum.reduceat(until, heads), today)
        found.end[head] = np.maximum(found.end[head], found.start[head])


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
    found.end[mine] = np.maximum(found.end[mine], found.start[mine])


_FIX = {
    IBOR: _fix_ibor,
    OVERNIGHT: _fix_overnight,
    SETTLED_AT_START: _fix_settled_at_start,
    COMPOUNDED: _fix_compounded,
}
"""What makes of each kind of floating flow what is known of it on a date."""
