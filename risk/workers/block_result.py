"""Convert a priced block into the part that a worker stores: sums by group, columns by trade."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pricing import kernel
from pricing.arrays import BoolArray, FloatArray
from pricing.measures import ladder_codec
from pricing.measures.block import BlockRisk
from pricing.measures.table import ANALYTICS_SUMMED, BY_NAME, SUMMED
from pricing.products.cash_flows import FlowBlock
from risk.store.block_analytics import AnalyticSums
from risk.store.results import REQUIRED_NUMBERS, CellSums, PartColumns


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
    sums = {name: group_sums(member, risk.values[name], good) for name in SUMMED}
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
            **_supported({name: column[row] for name, column in sums.items()}, product),
        )
        for row, (book, product) in enumerate(groups.names)
    ]


def analytic_sums(
    groups: Groups, values: Mapping[str, FloatArray], npv: FloatArray, matured: BoolArray
) -> list[AnalyticSums]:
    """Sums of the additive analytics by book and product; failed trades are in none."""
    good = np.isfinite(npv) & ~matured
    sums = {n: group_sums(groups.member * good, values[n], good) for n in ANALYTICS_SUMMED}
    return [
        AnalyticSums(
            book=book,
            product=product,
            sums={
                name: float(column[row]) if np.isfinite(column[row]) else None
                for name, column in sums.items()
                if BY_NAME[name].supports(product)
            },
        )
        for row, (book, product) in enumerate(groups.names)
    ]


def group_sums(member: FloatArray, values: FloatArray, good: BoolArray) -> FloatArray:
    """Sums of a measure by group; NaN where a trade of the group that counts has no number."""
    found = np.isfinite(values)
    sums = member @ np.where(good & found, values, 0.0)
    lacking = good & ~found
    if lacking.any():
        sums[member @ lacking > 0] = np.nan
    return np.asarray(sums)


def _supported(sums: dict[str, float], product: str) -> dict[str, float | None]:
    """Sums of a group of one product: None where it does not have the measure or lacks one."""
    return {
        name: float(value) if BY_NAME[name].supports(product) and np.isfinite(value) else None
        for name, value in sums.items()
    }


def _or_zero(table: FloatArray, good: FloatArray) -> FloatArray:
    """The rows that are good, 0 in the others; the table itself when all are: no copy."""
    return table if good.all() else np.where(good[:, None], table, 0.0)


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
