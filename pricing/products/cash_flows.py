"""Flat arrays of dated cash flows, for one trade and for a block of trades.

They are made once per version of a trade (``flows.compile_trade``), without a market and without a
date of today. ``measures.value_date`` makes of a block what a valuation date needs: which flows are
still to be paid, and which coupons have fixed at what rate.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from pricing.arrays import FloatArray, IntArray, RecordArray
from pricing.errors import BadInput
from pricing.headlines import UNKNOWN, Headline, Headlines

FIXED, IBOR, OVERNIGHT, SETTLED_AT_START, COMPOUNDED, DELIVERED, CHAINED, LINK, MODEL = range(9)
"""What a flow pays.

- FIXED: ``amount``. ``accrued`` may have years times notional, from which par rates are made.
- IBOR: a coupon that fixes once: ``accrued`` times its fixing, plus ``amount``.
- OVERNIGHT: ``scale`` times what an overnight index compounds to from ``start`` to ``end``, less 1,
  plus ``amount``.
- SETTLED_AT_START: the difference of a contract rate K and a fixing L over a period, settled at the
  start of the period: N (1 - (1 + K t) / (1 + L t)). As growth it runs backwards, from the end of
  the period to its start; ``scale`` is -N (1 + K t), ``amount`` -N K t and ``accrued`` N t.
- COMPOUNDED: IBOR fixings that compound to one payment, N (product of (1 + L t) - 1). One flow with
  ``scale`` N runs over all periods. A flow for each period follows it: with its fixing, its dates,
  ``accrued`` N t and no ``scale``; it pays nothing.
- DELIVERED: ``scale`` times P(start) / P(end), if bond number ``fixing`` of those that may be
  delivered on the day ``end`` is the cheapest. ``accrued`` is ``scale`` times the spread per year
  by which that falls from the valuation date to ``end``.
- CHAINED: ``scale`` times the product of the links that follow it, less 1, plus ``amount``.
- LINK: a factor of the chain before it, 1 + w (P(start) / P(end) - 1) + a. With N the ``scale`` of
  the chain, ``scale`` is N w, ``unit`` N a, and ``accrued`` N w t, t being the years of the index's
  own period: a fixing L makes it 1 + w t L + a. Where ``accrued`` is 0, w is 1 and the link
  telescopes over all overnight fixings from ``start`` to ``end``.
- MODEL: nothing. It says the model of the convexity of the trade's flows of kind IBOR and
  OVERNIGHT (``measures/dated/hull_white.py``): ``accrued`` is ``scale`` times the mean reversion,
  ``unit`` is ``scale`` times the volatility of the short rate.
"""

NO_INDEX = NO_CURVE = 255
NEVER = 0
DAILY = -(2**31)
"""Value of ``pay`` for flows that are paid on the valuation date and not discounted, as the margin
of a future is."""

FLOW = np.dtype(
    [
        ("kind", "u1"),
        ("leg", "u1"),  # 0 or 1; of a trade, those of leg 0 stand first
        ("index", "u1"),  # place in the indices of the trade or block; NO_INDEX: none
        ("curve", "u1"),  # what it grows on: place in the curves of either; NO_CURVE: none
        ("pay", "i4"),  # day numbers from here; DAILY: every day before ``ex``, else ``end``
        ("start", "i4"),
        ("end", "i4"),
        ("fixing", "i4"),
        ("ex", "i4"),  # first day that no longer carries the flow; NEVER: none
        ("scale", "f8"),  # money per unit of (growth - 1) from start to end
        ("accrued", "f8"),  # money per unit of fixing (IBOR)
        ("amount", "f8"),  # money that does not depend on the index
        ("unit", "f8"),  # money per unit of fixed rate
    ]
)


class Row(NamedTuple):
    """One record of FLOW. What is not given is that of a fixed flow."""

    kind: int = FIXED
    leg: int = 0
    index_place: int = NO_INDEX
    curve_place: int = NO_CURVE
    pay: int = 0
    start: int = 0
    end: int = 0
    fixing: int = 0
    ex: int = NEVER
    scale: float = 0.0
    accrued: float = 0.0
    amount: float = 0.0
    unit: float = 0.0


def last_days(flows: RecordArray) -> IntArray:
    """The day on which each flow is worth nothing any more: as a rule, that of its payment."""
    days = flows["pay"].astype(np.int64)
    daily = np.flatnonzero(days == DAILY)
    if len(daily):
        ex = flows["ex"][daily]
        days[daily] = np.where(ex == NEVER, flows["end"][daily], ex)
    return days


@dataclass(frozen=True)
class CompiledTrade:
    """The flows of one trade version, signed: what is received is positive.

    Attributes:
        trade_id: Its name.
        product: Name of its product in ``registry``.
        book: Its book.
        flows: Records of type FLOW, in payment order by leg.
        discount: Name of its discount curve.
        forecasts: Names of the curves that its flows grow on.
        indices: Names of the indices that its flows depend on.
        notional: Present size, for shares of coverage; trade currency, unsigned.
        z_spread: Continuous spread over the discount curve, decimal per year.
        made_from: A name of the terms it was compiled from; empty when nobody asked.
        headline: What lists of trades say of it.
    """

    trade_id: str
    product: str
    book: str
    flows: RecordArray
    discount: str
    forecasts: tuple[str, ...]
    notional: float
    indices: tuple[str, ...] = ()
    z_spread: float = 0.0
    made_from: bytes = b""
    headline: Headline = UNKNOWN

    @cached_property
    def last_payment(self) -> int:
        """Day number of the last payment; on that day and later the trade is worth nothing."""
        return int(last_days(self.flows).max())


@dataclass(frozen=True)
class FlowBlock:
    """Many compiled trades of one currency, side by side.

    ``ptr`` has one entry more. ``curves`` and ``indices`` are the names that its trades use and no
    others: ``discount`` and a flow's ``curve`` are places in ``curves``, its ``index`` is one in
    ``indices``.
    """

    trade_ids: tuple[str, ...]
    products: tuple[str, ...]
    books: tuple[str, ...]
    curves: tuple[str, ...]
    indices: tuple[str, ...]
    ptr: IntArray
    flows: RecordArray
    discount: IntArray
    notional: FloatArray
    z_spread: FloatArray
    headlines: Headlines

    def __len__(self) -> int:
        return len(self.trade_ids)

    @property
    def trade_of_flow(self) -> IntArray:
        """Place of the trade that each flow belongs to; shape (flows,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.ptr))


def make_block(trades: Sequence[CompiledTrade]) -> FlowBlock:
    """Lay compiled trades side by side.

    Raises:
        BadInput: Two trades have the same id.
    """
    ids = tuple(t.trade_id for t in trades)
    if len(set(ids)) != len(ids):
        twice = next(i for i in ids if ids.count(i) > 1)
        raise BadInput("trade_id", twice, "each trade id may appear only once in a book")
    ptr = np.zeros(len(trades) + 1, dtype=np.int64)
    np.cumsum([len(t.flows) for t in trades], out=ptr[1:])
    curves = tuple(sorted({name for t in trades for name in (t.discount, *t.forecasts)}))
    indices = tuple(sorted({name for t in trades for name in t.indices}))
    # As bytes: numpy joins records field by field, twenty times slower.
    flows = np.frombuffer(bytearray().join(t.flows.tobytes() for t in trades), dtype=FLOW)
    number_names(flows, "index", ptr, [t.indices for t in trades], indices)
    number_names(flows, "curve", ptr, [t.forecasts for t in trades], curves)
    return FlowBlock(
        trade_ids=ids,
        products=tuple(t.product for t in trades),
        books=tuple(t.book for t in trades),
        curves=curves,
        indices=indices,
        ptr=ptr,
        flows=flows,
        discount=np.array([curves.index(t.discount) for t in trades], dtype=np.int32),
        notional=np.array([t.notional for t in trades], dtype=np.float64),
        z_spread=np.array([t.z_spread for t in trades], dtype=np.float64),
        headlines=Headlines.of([t.headline for t in trades]),
    )


def number_names(
    flows: RecordArray,
    column: str,
    ptr: IntArray,
    of_trades: Sequence[tuple[str, ...]],
    names: tuple[str, ...],
) -> None:
    """Make a place among the names of a trade one among the names of the block.

    Args:
        flows: The flows of all trades; the column is changed.
        column: ``index`` or ``curve``.
        ptr: Where each trade's flows begin; one entry more.
        of_trades: The names of each trade.
        names: The names of the block.
    """
    if all(own in ((), names) for own in of_trades):
        return
    place = {name: number for number, name in enumerate(names)}
    places = np.array([place[name] for own in of_trades for name in own], dtype=np.uint8)
    first = np.cumsum([0, *(len(own) for own in of_trades)])[:-1]
    named = np.flatnonzero(flows[column] != NO_INDEX)
    trade = np.searchsorted(ptr, named, side="right") - 1
    flows[column][named] = places[first[trade] + flows[column][named]]


def trades_of(block: FlowBlock) -> list[CompiledTrade]:
    """The trades of a block, each by itself."""
    return [_trade_of(block, row) for row in range(len(block))]


def _trade_of(block: FlowBlock, row: int) -> CompiledTrade:
    flows = block.flows[block.ptr[row] : block.ptr[row + 1]].copy()
    indices = _keep_used(flows, "index", block.indices)
    forecasts = _keep_used(flows, "curve", block.curves)
    return CompiledTrade(
        trade_id=block.trade_ids[row],
        product=block.products[row],
        book=block.books[row],
        flows=flows,
        discount=block.curves[block.discount[row]],
        forecasts=forecasts,
        notional=float(block.notional[row]),
        indices=indices,
        z_spread=float(block.z_spread[row]),
        headline=block.headlines[row],
    )


def _keep_used(flows: RecordArray, column: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Make a column a place among the names that the flows use; return these."""
    numbers = flows[column]
    named = numbers != NO_INDEX
    used = np.unique(numbers[named])
    flows[column][named] = np.searchsorted(used, numbers[named])
    return tuple(names[number] for number in used)


def only(block: FlowBlock, row: int) -> FlowBlock:
    """A block of one trade of a block."""
    one, flows = slice(row, row + 1), slice(block.ptr[row], block.ptr[row + 1])
    return FlowBlock(
        trade_ids=block.trade_ids[one],
        products=block.products[one],
        books=block.books[one],
        curves=block.curves,
        indices=block.indices,
        ptr=block.ptr[row : row + 2] - block.ptr[row],
        flows=block.flows[flows],
        discount=block.discount[one],
        notional=block.notional[one],
        z_spread=block.z_spread[one],
        headlines=block.headlines.rows(one),
    )


BYTES = np.dtype((np.void, FLOW.itemsize))
"""A record of FLOW as plain bytes: numpy copies records field by field, which is twenty times
slower."""


def rows_of(blocks: Sequence[FlowBlock], rows: Sequence[IntArray]) -> tuple[FlowBlock, IntArray]:
    """Make one block of rows of several, sorted by trade id.

    The result is the one that ``make_block`` makes of the same trades.

    Args:
        blocks: Blocks of one currency.
        rows: The rows to take of each.

    Returns:
        The block, and for each of its trades the place among all rows, in the order given.
    """
    ids = [block.trade_ids[row] for block, some in zip(blocks, rows, strict=True) for row in some]
    order: IntArray = np.array(sorted(range(len(ids)), key=ids.__getitem__), dtype=np.int64)
    first = np.cumsum([0, *[len(block.flows) for block in blocks]])
    start, size = (
        _joined([column[some] for column, some in zip(columns, rows, strict=True)], np.int64)[order]
        for columns in (
            [block.ptr[:-1] + at for block, at in zip(blocks, first, strict=False)],
            [np.diff(block.ptr) for block in blocks],
        )
    )
    ptr = np.concatenate(([0], np.cumsum(size)))
    all_flows = _joined([block.flows.view(BYTES) for block in blocks], BYTES)
    place = np.repeat(start - ptr[:-1], size) + np.arange(ptr[-1])
    flows = all_flows[place].view(FLOW)
    block_of_flow = np.searchsorted(first, place, side="right") - 1
    indices = _renumber(flows, "index", [block.indices for block in blocks], block_of_flow)
    paying = {
        b.curves[d] for b, r in zip(blocks, rows, strict=True) for d in np.unique(b.discount[r])
    }
    named = [block.curves for block in blocks]
    curves = _renumber(flows, "curve", named, block_of_flow, paying)
    block = FlowBlock(
        trade_ids=tuple([ids[row] for row in order]),
        products=_taken(blocks, rows, "products", order),
        books=_taken(blocks, rows, "books", order),
        curves=curves,
        indices=indices,
        ptr=ptr,
        flows=flows,
        discount=_places_of_discount(blocks, rows, curves)[order],
        notional=_joined([b.notional[r] for b, r in zip(blocks, rows, strict=True)], np.float64)[
            order
        ],
        z_spread=_joined([b.z_spread[r] for b, r in zip(blocks, rows, strict=True)], np.float64)[
            order
        ],
        headlines=_headlines(blocks, rows, order),
    )
    return block, order


def _joined(parts: Sequence[Any], kind: Any) -> Any:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=kind)


def _taken(
    blocks: Sequence[FlowBlock], rows: Sequence[IntArray], name: str, order: IntArray
) -> tuple[str, ...]:
    found = [
        values[row]
        for values, some in zip([getattr(b, name) for b in blocks], rows, strict=True)
        for row in some
    ]
    return tuple([found[row] for row in order])


def _headlines(blocks: Sequence[FlowBlock], rows: Sequence[IntArray], order: IntArray) -> Headlines:
    parts = [
        Headlines(block.headlines.names, block.headlines.records[some])
        for block, some in zip(blocks, rows, strict=True)
    ]
    return Headlines.joined(parts, order)


def _places_of_discount(
    blocks: Sequence[FlowBlock], rows: Sequence[IntArray], curves: tuple[str, ...]
) -> IntArray:
    """The place of each trade's discount curve among the curves."""
    place = {name: number for number, name in enumerate(curves)}
    numbers = [
        np.array([place.get(name, 0) for name in block.curves])[block.discount[some]]
        for block, some in zip(blocks, rows, strict=True)
    ]
    return np.asarray(_joined(numbers, np.int32).astype(np.int32))


def _renumber(
    flows: RecordArray,
    column: str,
    of_blocks: Sequence[tuple[str, ...]],
    block_of_flow: IntArray,
    others: Collection[str] = (),
) -> tuple[str, ...]:
    """Make a place among the names of a block one among those that are used; return these.

    Args:
        flows: The flows; the column is changed.
        column: ``index`` or ``curve``.
        of_blocks: The names of each block.
        block_of_flow: Place of the block that each flow is of.
        others: Names that are used beside those of the flows.
    """
    named = np.flatnonzero(flows[column] != NO_INDEX)
    numbers, of_block = flows[column][named], block_of_flow[named]
    width = max((len(names) for names in of_blocks), default=0)
    used = np.unique(of_block * width + numbers) if width else np.zeros(0, dtype=np.int64)
    found = {each: of_blocks[each // width][each % width] for each in used.tolist()}
    names = tuple(sorted({*found.values(), *others}))
    place = np.zeros(len(of_blocks) * max(width, 1), dtype=np.uint8)
    for each, name in found.items():
        place[each] = names.index(name)
    if len(named):
        flows[column][named] = place[of_block * width + numbers]
    return names


def last_payments(block: FlowBlock) -> IntArray:
    """Day number of the last payment of each trade; shape (trades,)."""
    if not len(block):
        return np.zeros(0, dtype=np.int64)
    return np.maximum.reduceat(last_days(block.flows), block.ptr[:-1])
