"""Flat arrays of dated cash flows, for one trade and for a block of trades.

They are made once per version of a trade (``flows.compile_trade``), without a market and without a
date of today. ``measures.value_date`` makes of a block what a valuation date needs: which flows are
still to be paid, and which coupons have fixed at what rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pricing.arrays import FloatArray, IntArray, RecordArray
from pricing.errors import BadInput

FIXED, IBOR, OVERNIGHT = 0, 1, 2
NO_INDEX = 255
NEVER = 0

FLOW = np.dtype(
    [
        ("kind", "u1"),
        ("leg", "u1"),  # 0 fixed, 1 floating
        ("index", "u1"),  # place in the indices of the trade or block; NO_INDEX: none
        ("pay", "i4"),  # day numbers from here
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

Row = tuple[int, int, int, int, int, int, int, int, float, float, float, float]
"""One record of FLOW."""


@dataclass(frozen=True)
class CompiledTrade:
    """The flows of one trade version, signed: what is received is positive.

    Attributes:
        trade_id: Its name.
        product: Name of its product in ``registry``.
        book: Its book.
        flows: Records of type FLOW, in payment order by leg.
        discount: Name of its discount curve.
        forecast: Name of its projection curve.
        indices: Names of the indices that its flows depend on.
        notional: Present size, for shares of coverage; trade currency, unsigned.
        z_spread: Continuous spread over the discount curve, decimal per year.
        made_from: A name of the terms it was compiled from; empty when nobody asked.
    """

    trade_id: str
    product: str
    book: str
    flows: RecordArray
    discount: str
    forecast: str
    notional: float
    indices: tuple[str, ...] = ()
    z_spread: float = 0.0
    made_from: bytes = b""

    @cached_property
    def last_payment(self) -> int:
        """Day number of the last payment; on that day and later the trade is worth nothing."""
        return int(self.flows["pay"].max())


@dataclass(frozen=True)
class FlowBlock:
    """Many compiled trades of one currency, side by side.

    ``ptr`` has one entry more. ``curves`` and ``indices`` are the names that its trades use and no
    others: ``discount`` and ``forecast`` are places in ``curves``, a flow's ``index`` one in
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
    forecast: IntArray
    notional: FloatArray
    z_spread: FloatArray

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
        raise BadInput("trade_id", twice, "each trade id may stand once in a book")
    ptr = np.zeros(len(trades) + 1, dtype=np.int64)
    np.cumsum([len(t.flows) for t in trades], out=ptr[1:])
    curves = tuple(sorted({name for t in trades for name in (t.discount, t.forecast)}))
    indices = tuple(sorted({name for t in trades for name in t.indices}))
    # As bytes: numpy joins records field by field, twenty times slower.
    flows = np.frombuffer(bytearray().join(t.flows.tobytes() for t in trades), dtype=FLOW)
    number_indices(flows, ptr, [t.indices for t in trades], indices)
    return FlowBlock(
        trade_ids=ids,
        products=tuple(t.product for t in trades),
        books=tuple(t.book for t in trades),
        curves=curves,
        indices=indices,
        ptr=ptr,
        flows=flows,
        discount=np.array([curves.index(t.discount) for t in trades], dtype=np.int32),
        forecast=np.array([curves.index(t.forecast) for t in trades], dtype=np.int32),
        notional=np.array([t.notional for t in trades], dtype=np.float64),
        z_spread=np.array([t.z_spread for t in trades], dtype=np.float64),
    )


def number_indices(
    flows: RecordArray,
    ptr: IntArray,
    of_trades: Sequence[tuple[str, ...]],
    indices: tuple[str, ...],
) -> None:
    """Make the index of each flow, a place in its trade's indices, one in those of the block.

    Args:
        flows: The flows of all trades; their column ``index`` is changed.
        ptr: Where each trade's flows begin; one entry more.
        of_trades: The indices of each trade.
        indices: The indices of the block.
    """
    if all(own in ((), indices) for own in of_trades):
        return
    place = {name: number for number, name in enumerate(indices)}
    places = np.array([place[name] for own in of_trades for name in own], dtype=np.uint8)
    first = np.cumsum([0, *(len(own) for own in of_trades)])[:-1]
    floating = np.flatnonzero(flows["index"] != NO_INDEX)
    trade = np.searchsorted(ptr, floating, side="right") - 1
    flows["index"][floating] = places[first[trade] + flows["index"][floating]]


def trades_of(block: FlowBlock) -> list[CompiledTrade]:
    """The trades of a block, each by itself."""
    return [_trade_of(block, row) for row in range(len(block))]


def _trade_of(block: FlowBlock, row: int) -> CompiledTrade:
    flows, indices = block.flows[block.ptr[row] : block.ptr[row + 1]], block.indices
    if indices:
        numbers = flows["index"]
        used = np.unique(numbers[numbers != NO_INDEX])
        if len(used) < len(indices):
            indices, flows = tuple(indices[number] for number in used), flows.copy()
            floating = numbers != NO_INDEX
            flows["index"][floating] = np.searchsorted(used, numbers[floating])
    return CompiledTrade(
        trade_id=block.trade_ids[row],
        product=block.products[row],
        book=block.books[row],
        flows=flows,
        discount=block.curves[block.discount[row]],
        forecast=block.curves[block.forecast[row]],
        notional=float(block.notional[row]),
        indices=indices,
        z_spread=float(block.z_spread[row]),
    )


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
        forecast=block.forecast[one],
        notional=block.notional[one],
        z_spread=block.z_spread[one],
    )


BYTES = np.dtype((np.void, FLOW.itemsize))
"""A record of FLOW as it is in memory: numpy copies records field by field, twenty times slower."""


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
    curves, discount, forecast = _renumbered(blocks, rows)
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
    indices = _renumber_indices(flows, blocks, np.searchsorted(first, place, side="right") - 1)
    block = FlowBlock(
        trade_ids=tuple([ids[row] for row in order]),
        products=_taken(blocks, rows, "products", order),
        books=_taken(blocks, rows, "books", order),
        curves=curves,
        indices=indices,
        ptr=ptr,
        flows=flows,
        discount=discount[order],
        forecast=forecast[order],
        notional=_joined([b.notional[r] for b, r in zip(blocks, rows, strict=True)], np.float64)[
            order
        ],
        z_spread=_joined([b.z_spread[r] for b, r in zip(blocks, rows, strict=True)], np.float64)[
            order
        ],
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


def _renumbered(
    blocks: Sequence[FlowBlock], rows: Sequence[IntArray]
) -> tuple[tuple[str, ...], IntArray, IntArray]:
    """The curves that rows use, and the places of each trade's curves in them."""
    pairs = [
        (block, np.concatenate((block.discount[some], block.forecast[some])))
        for block, some in zip(blocks, rows, strict=True)
    ]
    used = {block.curves[place] for block, places in pairs for place in np.unique(places)}
    curves = tuple(sorted(used))
    place = {name: number for number, name in enumerate(curves)}
    numbers = [np.array([place.get(name, 0) for name in block.curves]) for block in blocks]
    discount, forecast = (
        _joined(
            [n[getattr(b, c)[r]] for n, b, r in zip(numbers, blocks, rows, strict=True)], np.int32
        ).astype(np.int32)
        for c in ("discount", "forecast")
    )
    return curves, discount, forecast


def _renumber_indices(
    flows: RecordArray, blocks: Sequence[FlowBlock], block_of_flow: IntArray
) -> tuple[str, ...]:
    """Make the index of each flow a place among the indices that the flows use; return these."""
    floating = np.flatnonzero(flows["index"] != NO_INDEX)
    numbers, of_block = flows["index"][floating], block_of_flow[floating]
    width = max((len(block.indices) for block in blocks), default=0)
    used = np.unique(of_block * width + numbers) if width else np.zeros(0, dtype=np.int64)
    names = {each: blocks[each // width].indices[each % width] for each in used.tolist()}
    indices = tuple(sorted(set(names.values())))
    place = np.zeros(len(blocks) * max(width, 1), dtype=np.uint8)
    for each, name in names.items():
        place[each] = indices.index(name)
    if len(floating):
        flows["index"][floating] = place[of_block * width + numbers]
    return indices


def last_payments(block: FlowBlock) -> IntArray:
    """Day number of the last payment of each trade; shape (trades,)."""
    if not len(block):
        return np.zeros(0, dtype=np.int64)
    return np.maximum.reduceat(block.flows["pay"], block.ptr[:-1]).astype(np.int64)
