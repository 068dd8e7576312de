"""A priced block in; the part that a worker puts for it out: sums by group, columns by trade."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pricing import kernel
from pricing.arrays import BoolArray, FloatArray
from pricing.measures import ladder_codec
from pricing.measures.block import BlockRisk
from pricing.measures.table import MEASURES
from pricing.products.cash_flows import FlowBlock
from risk.store.results import CellSums, PartColumns


@dataclass(frozen=True)
class Groups:
    """Which book and product each trade of a block belongs to.

    ``member`` is 1 where a trade (column) belongs to a group (row).
    """

    names: tuple[tuple[str, str], ...]
    member: FloatArray
    notional: FloatArray


def make_groups(block: FlowBlock) -> Groups:
    """Group a block's trades by book and product."""
    pairs = list(zip(block.books, block.products, strict=True))
    names = tuple(sorted(set(pairs)))
    place = {name: row for row, name in enumerate(names)}
    member = np.zeros((len(names), len(pairs)))
    member[[place[pair] for pair in pairs], np.arange(len(pairs))] = 1.0
    return Groups(names, member, block.notional)


def sum_cells(groups: Groups, risk: BlockRisk, matured: BoolArray | None = None) -> list[CellSums]:
    """Sums by group; failed trades are counted, and left out of every sum.

    Args:
        groups: Of the block's trades.
        risk: Their numbers.
        matured: Trades that have made their last payment: they count no more, nor does their
            notional; shape (n,). None: no trade has.
    """
    good = np.isfinite(risk.npv)
    of_group = groups.member if matured is None else groups.member * ~matured
    member = of_group * good
    columns = {name: member @ np.where(good, getattr(risk, name), 0.0) for name in MEASURES}
    par, krd = (member @ _or_zero(table, good) for table in (risk.ladder_par, risk.krd))
    trades, priced = of_group.sum(axis=1), member.sum(axis=1)
    notional, lost = of_group @ groups.notional, (of_group * ~good) @ groups.notional
    return [
        CellSums(
            book=book,
            product=product,
            trades=int(trades[row]),
            failed=int(trades[row] - priced[row]),
            notional=float(notional[row]),
            notional_failed=float(lost[row]),
            ladder_par=par[row].tolist(),
            krd=krd[row].tolist(),
            **{name: float(column[row]) for name, column in columns.items()},
        )
        for row, (book, product) in enumerate(groups.names)
    ]


def _or_zero(table: FloatArray, good: FloatArray) -> FloatArray:
    """The rows that are good, 0 in the others; the table itself when all are: no copy."""
    return table if good.all() else np.where(good[:, None], table, 0.0)


def pack_columns(block: int, risk: BlockRisk) -> PartColumns:
    """Numbers by trade, as bytes."""
    n, keys = risk.ladder_par.shape
    numbers = np.stack([np.asarray(getattr(risk, name)) for name in MEASURES])
    return PartColumns(
        block=block,
        trades=n,
        keys=keys,
        numbers=numbers.astype(np.float64).tobytes(),
        ladder_par=pack(risk.ladder_par),
        krd=pack(risk.krd),
    )


def pack(table: FloatArray) -> bytes:
    """Ladders by trade, as bytes."""
    return ladder_codec.join(kernel.not_zero(table), table.astype(np.float32) != 0.0)
