"""The flows of a book in a period: its value at both ends, and the payments in between.

A block of trades is dated three times: at the start of a period, at its end with forecast fixings,
and at its end with actual fixings. All three include coupons that have gone ex-dividend and are not
paid yet, because they belong to the holder of record. Flows are kept by trade, or netted by group.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np

from pricing import kernel
from pricing.arrays import FloatArray, IntArray
from pricing.curves.fixings import Fixings, Histories
from pricing.errors import Failure
from pricing.explain.market import Nodes, Period
from pricing.kernel_arrays import Flows
from pricing.markets.calendars import date_of, day_of
from pricing.measures.compounding.netted import NumberedChains, number_chains
from pricing.measures.dated.paid import paid_between
from pricing.measures.delivery.choice import Choices, flows_to_price, fold_values
from pricing.measures.groups import ReadyGroups, gradients, make_ready_groups
from pricing.measures.netted_terms import NumberedTerms, number_terms, point_of
from pricing.measures.netting import NettedBlock, group_trades, join_groups, merge, net, rows_of
from pricing.measures.next_day import PAID
from pricing.measures.value_date import DatedBlock, roll_to
from pricing.netting_kernel import group_values
from pricing.products.cash_flows import FlowBlock


class RowFlows(Protocol):
    """Flows of rows (trades or groups) on a date, and the discount points that they use."""

    @property
    def points(self) -> tuple[IntArray, IntArray]:
        """Curve and day of each point."""

    def values(self, factors: FloatArray) -> FloatArray:
        """Value of each row at discount factors of the points; shape (rows,)."""

    def node_gradient(self, nodes: Nodes) -> FloatArray:
        """Derivative of each row's value to the log discount factors at nodes; (rows, nodes)."""


@dataclass(frozen=True)
class TradeFlows:
    """The flows of a dated block, trade by trade."""

    dated: DatedBlock

    @property
    def points(self) -> tuple[IntArray, IntArray]:
        """Curve and day of each point."""
        return self.dated.point_curve, self.dated.point_day

    def _flows(self, factors: FloatArray) -> Flows:
        dated = self.dated
        return flows_to_price(dated.flows, dated.deliveries, dated.chains, factors)

    def values(self, factors: FloatArray) -> FloatArray:
        """Value of each trade; a failed one is worth 0 here."""
        flows = self._flows(factors)
        return kernel.value(flows, factors)

    def node_gradient(self, nodes: Nodes) -> FloatArray:
        """Derivatives of each trade's value."""
        grid, factors = nodes.grid, nodes.factors(*self.points)
        tables = grid.tables_at(grid.tables(*self.points), nodes.x)
        flows = self._flows(factors)
        return kernel.value_and_gradients(flows, factors, tables, grid.size).node


@dataclass(frozen=True)
class NettedFlows:
    """Netted flows, group by group."""

    netted: NettedBlock

    @cached_property
    def _numbered(self) -> NumberedTerms:
        terms = self.netted.all_terms
        return number_terms(terms._replace(cash_money=terms.cash_money[:, PAID].sum(axis=1)))

    @cached_property
    def _choices(self) -> Choices:
        return self.netted.deliveries.choices

    @cached_property
    def points(self) -> tuple[IntArray, IntArray]:
        """Curve and day of each point; those of chains stand behind the others."""
        return point_of(np.concatenate((self._numbered.point, self._chains.point)))

    @cached_property
    def _chains(self) -> NumberedChains:
        return number_chains(self.netted.chains)

    def values(self, factors: FloatArray) -> FloatArray:
        """Value of each group."""
        own, of_chains = np.split(factors[:, None], [len(self._numbered.point)])
        found = group_values(self._numbered.flows, own)
        folded = fold_values(found, self._choices)
        return np.asarray(folded + self._chains.values(of_chains, len(folded))[:, 0])

    @cached_property
    def _ready(self) -> dict[int, ReadyGroups]:
        return {}

    def node_gradient(self, nodes: Nodes) -> FloatArray:
        """Derivatives of each group's value."""
        grid, factors = nodes.grid, nodes.factors(*self.points)
        ready = self._ready.get(id(grid))
        if ready is None or ready.grid is not grid:
            ready = self._ready[id(grid)] = make_ready_groups(self.netted, grid)
        three = np.repeat(factors[:, None], 3, axis=1)
        points = np.split(three, [len(self._numbered.point)])
        return gradients(ready.at(nodes.x), *points).node


class PeriodBlock(NamedTuple):
    """A block of trades in a period. Failed trades are unpriced at one of its ends or both.

    Attributes:
        block: The trades.
        at_start: Brought to the start.
        as_forecast: Brought to the end with fixings as they were forecast.
        at_end: Brought to the end with actual fixings.
        cash_as_forecast: What trades are paid in the period, by forecast fixings; shape (n,).
        cash: The same by actual fixings.
        failures: Trades that are not explained, and why.
    """

    block: FlowBlock
    at_start: DatedBlock
    as_forecast: DatedBlock
    at_end: DatedBlock
    cash_as_forecast: FloatArray
    cash: FloatArray
    failures: tuple[Failure, ...]


class PeriodFixings:
    """The fixings of a period, laid out for many blocks."""

    def __init__(self, period: Period) -> None:
        """Arrange the fixings known at the start, forecast, and known at the end."""
        first, last = day_of(period.start.date), period.today
        self.curves = period.curves
        self.at_start = Histories(period.start.fixings, first)
        self.as_forecast = Histories(period.as_forecast, last)
        self.at_end = Histories(period.end_fixings, last)
        self.nothing_passes = first == last
        self.nothing_fixes = self.nothing_passes and _until(period.start.fixings, last) == _until(
            period.end_fixings, last
        )


def _until(fixings: Fixings, day: int) -> dict[str, dict[dt.date, float]]:
    last = date_of(day)
    return {
        name: {date: rate for date, rate in rates.items() if date <= last}
        for name, rates in fixings.items()
        if rates
    }


def roll_period(block: FlowBlock, fixings: PeriodFixings) -> PeriodBlock:
    """Date a block at both ends of a period."""

    def to(known: Histories) -> DatedBlock:
        return roll_to(block, known.today, known, fixings.curves, of_record=True)

    at_start = to(fixings.at_start)
    as_forecast = at_start if fixings.nothing_passes else to(fixings.as_forecast)
    at_end = as_forecast if fixings.nothing_fixes else to(fixings.at_end)
    found = [*at_start.failures, *as_forecast.failures, *at_end.failures]
    nothing = np.zeros(len(block))
    cash_as_forecast, cash = nothing, nothing
    if not fixings.nothing_passes:
        forecast = paid_between(block, fixings.at_start.today, fixings.as_forecast)
        actual = paid_between(block, fixings.at_start.today, fixings.at_end)
        cash_as_forecast, cash = forecast.amount, actual.amount
        found += [*forecast.failures, *actual.failures]
    failures = tuple({failure.trade_id: failure for failure in reversed(found)}.values())
    return PeriodBlock(block, at_start, as_forecast, at_end, cash_as_forecast, cash, failures)


@dataclass(frozen=True)
class PeriodRows:
    """Rows of a period (trades or groups); failed trades are in none.

    Attributes:
        names: Of the rows: trade ids, or book and product.
        trades: Trades of each row that are explained; shape (rows,).
        at_start: The flows at the start.
        as_forecast: At the end, with fixings as they were forecast.
        at_end: At the end, with actual fixings.
        cash_as_forecast: Money paid in the period, by forecast fixings; shape (rows,).
        cash: The same by actual fixings.
        failures: Trades that are not explained, and why.
    """

    names: tuple[Hashable, ...]
    trades: IntArray
    at_start: RowFlows
    as_forecast: RowFlows
    at_end: RowFlows
    cash_as_forecast: FloatArray
    cash: FloatArray
    failures: tuple[Failure, ...]


def rows_by_trade(block: PeriodBlock) -> PeriodRows:
    """Return one row per trade; the numbers in the row of a failed trade are meaningless."""
    lost = rows_of(block.block, block.failures)
    return PeriodRows(
        names=block.block.trade_ids,
        trades=(~lost).astype(np.int64),
        at_start=TradeFlows(block.at_start),
        as_forecast=TradeFlows(block.as_forecast),
        at_end=TradeFlows(block.at_end),
        cash_as_forecast=block.cash_as_forecast,
        cash=block.cash,
        failures=block.failures,
    )


class NettedPeriod(NamedTuple):
    """The netted flows of a block, or of many, in a period; fields as in ``PeriodRows``."""

    at_start: NettedBlock
    as_forecast: NettedBlock
    at_end: NettedBlock
    trades: IntArray
    cash_as_forecast: FloatArray
    cash: FloatArray
    failures: tuple[Failure, ...]


def net_period(
    block: PeriodBlock, curves: tuple[str, ...], exclude: Sequence[Failure] = ()
) -> NettedPeriod:
    """Net a block by book and product at both ends of a period.

    Args:
        block: The block.
        curves: Names of the curves, as in ``Period``.
        exclude: More trades to leave out, and why; those of other blocks are not looked at.
    """
    here = set(block.block.trade_ids) - {failure.trade_id for failure in block.failures}
    lost = (*block.failures, *(failure for failure in exclude if failure.trade_id in here))
    kept = ~rows_of(block.block, lost)
    groups, group = group_trades(block.block)

    def total(amount: FloatArray) -> FloatArray:
        found = np.bincount(group[kept], weights=amount[kept], minlength=len(groups))
        return np.asarray(found, dtype=np.float64)

    dated = (block.at_start, block.as_forecast, block.at_end)
    made = {id(each): net(each, curves, lost) for each in dated}  # two may be the same
    return NettedPeriod(
        at_start=made[id(block.at_start)],
        as_forecast=made[id(block.as_forecast)],
        at_end=made[id(block.at_end)],
        trades=total(np.ones(len(block.block))).astype(np.int64),
        cash_as_forecast=total(block.cash_as_forecast),
        cash=total(block.cash),
        failures=lost,
    )


def rows_by_group(blocks: Sequence[NettedPeriod]) -> PeriodRows:
    """Return one row per group, adding netted blocks in their order.

    Raises:
        ValueError: There is no block, or they are of different dates or curves.
    """
    merged: dict[tuple[int, ...], NettedFlows] = {}

    def flows(name: str) -> NettedFlows:
        parts = [getattr(block, name) for block in blocks]
        key = tuple(map(id, parts))
        if key not in merged:
            merged[key] = NettedFlows(merge(parts))
        return merged[key]

    at_start = flows("at_start")
    groups, places = join_groups([block.at_start.groups for block in blocks])
    every = np.concatenate(places)

    def total(name: str) -> FloatArray:
        parts = np.concatenate([getattr(block, name) for block in blocks])
        found = np.bincount(every, weights=parts, minlength=len(groups))
        return np.asarray(found, dtype=np.float64)

    return PeriodRows(
        names=groups,
        trades=total("trades").astype(np.int64),
        at_start=at_start,
        as_forecast=flows("as_forecast"),
        at_end=flows("at_end"),
        cash_as_forecast=total("cash_as_forecast"),
        cash=total("cash"),
        failures=tuple(failure for block in blocks for failure in block.failures),
    )
