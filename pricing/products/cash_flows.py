"""Flat arrays of dated cash flows, for one trade and for a block of trades.

They are made once per version of a trade (``flows.compile_trade``), without a market and without a
date of today. ``measures.value_date`` makes of a block what a valuation date needs: which flows are
still to be paid, and which coupons have fixed at what rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

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
