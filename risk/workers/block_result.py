"""Convert a priced block into what a worker stores: columns by trade, and what they add up to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pricing import kernel
from pricing.arrays import BoolArray, FloatArray, IntArray
from pricing.measures import ladder_codec
from pricing.measures.block import BlockRisk
from pricing.measures.netting import group_trades
from pricing.products.cash_flows import FlowBlock
from risk.store.results import CHECKED_SUMS, REQUIRED_NUMBERS, CellCheck, PartColumns


@dataclass(frozen=True)
class Groups:
    """Which book and product each trade of a block belongs to.

    ``place`` is that of each trade's pair in ``names``, int32. ``money`` is what each trade's flows
    move back and forth, unsigned.
    """

    names: tuple[tuple[str, str], ...]
    place: IntArray
    money: FloatArray


def make_groups(block: FlowBlock) -> Groups:
    """Group a block's trades by book and product."""
    flows = block.flows
    moved = 2.0 * np.abs(flows["scale"]) + np.abs(flows["amount"])
    money = np.bincount(block.trade_of_flow, weights=moved, minlength=len(block))
    return Groups(*group_trades(block), np.asarray(money, dtype=np.float64))


GAMMA_ROUNDING = 1e-3
"""Share of the legs' values that counts in the tolerance of gamma: as a second difference of values
it has their rounding. The tolerance is then 1e-12 of them. Groups of a few swaps, in eight
currencies on random quotes, reach 2.5e-13.
"""


CANCELLING = 1e-4
"""Share of the amounts of flows that counts as value of the legs. The settlement of an FRA is the
difference of two numbers of the size of its notional, and an average of overnight fixings adds up
hundreds of such differences: the value of a leg may be small, but its rounding is that of these
amounts. The tolerance is then 1e-13 of them.
"""


def add_up(groups: Groups, risk: BlockRisk, matured: BoolArray) -> list[CellCheck]:
    """Return what the trades of a block add up to by group, to be compared with the frame's sums.

    Args:
        groups: Of the block's trades.
        risk: Their numbers.
        matured: Trades that have made their last payment: they are in no cell; shape (n,).
    """
    every = counted(risk, matured)
    good: BoolArray | slice = slice(None) if every.all() else every  # a slice copies nothing
    legs = np.abs(risk.leg_npv[good]).sum(axis=1)
    rounded = CANCELLING * groups.money[good]
    columns = [risk.values[name][good] for name in CHECKED_SUMS]
    sizes = [np.abs(column) for column in columns]
    sizes[CHECKED_SUMS.index("npv")] = legs + rounded
    sizes[CHECKED_SUMS.index("gamma")] += GAMMA_ROUNDING * legs + rounded
    place, count = groups.place[good], len(groups.names)
    sums, gross = (
        np.stack([np.bincount(place, column, count) for column in table], axis=1).tolist()
        for table in (columns, sizes)
    )
    return [
        CellCheck(book=book, product=product, sums=sums[row], gross=gross[row])
        for row, (book, product) in enumerate(groups.names)
    ]


def add_up_ladders(risk: BlockRisk, matured: BoolArray) -> tuple[list[float], list[float]]:
    """Both ladders of a block's trades together, and the sum of absolute values of each."""
    good = counted(risk, matured)
    found = [kernel.add_rows(ladder, good) for ladder in (risk.ladder_par, risk.krd)]
    return [number for sums, _ in found for number in sums.tolist()], [size for _, size in found]


def counted(risk: BlockRisk, matured: BoolArray) -> BoolArray:
    """Trades that are in sums: neither failed nor matured; shape (n,)."""
    return np.isfinite(risk.npv) & ~matured


def pack_columns(block: int, risk: BlockRisk) -> PartColumns:
    """Numbers by trade, as bytes."""
    n, keys = risk.ladder_par.shape
    numbers = np.stack([risk.values[name] for name in REQUIRED_NUMBERS])
    return PartColumns(
        block=block,
        trades=n,
        keys=keys,
        numbers=numbers.astype(np.float64).tobytes(),
        ladder_par=pack(risk.ladder_par),
        krd=pack(risk.krd),
        more={
            name: values.astype(np.float64).tobytes()
            for name, values in risk.values.items()
            if name not in REQUIRED_NUMBERS
        },
    )


def pack(table: FloatArray) -> bytes:
    """Ladders by trade, as bytes."""
    return ladder_codec.join(kernel.not_zero(table), table.astype(np.float32) != 0.0)
