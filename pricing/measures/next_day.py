"""Theta of groups, from flows netted on the next calendar day.

``theta.py`` defines theta by trade. A flow on the next day depends on at most one of today's
fixings that are not known yet, so flows are netted once per date: those with that fixing at 0, and
by index what a fixing of 1 adds to them. A tick needs the forecast of each fixing, the next day's
curves at the same quotes, and the netted terms.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from pricing import netting_kernel as kernel
from pricing.arrays import FloatArray, IntArray
from pricing.curves.curve_set import CurveSet, Solved
from pricing.curves.fixings import Fixings, Histories
from pricing.errors import Failure, PricingError
from pricing.kernel_arrays import Tables
from pricing.markets.calendars import day_of
from pricing.measures.compounding.netted import (
    NO_NETTED_CHAINS,
    NettedChains,
    ReadyChains,
    merge_chains,
    net_chains,
    ready_chains,
)
from pricing.measures.delivery.choice import Choices, fold_values
from pricing.measures.delivery.netted import (
    NettedDeliveries,
    merge_deliveries,
    no_deliveries,
    with_deliveries,
)
from pricing.measures.netted_terms import (
    MergedTerms,
    discount_columns,
    merge_terms,
    number_terms,
    point_key,
    point_of,
    terms_of,
)
from pricing.measures.netting import (
    FlowRows,
    Group,
    failures_of,
    flow_rows,
    group_trades,
    join_groups,
    net_deliveries,
    rows_of,
)
from pricing.measures.theta import Forecast
from pricing.measures.value_date import DatedBlock, roll_to_next_day, settlement_weight

PAID = (0, 2)
"""Columns of cash flows that are amounts of money: fixed amounts, and the constants of floating
flows."""


@dataclass(frozen=True)
class NextDayFixings:
    """Fixings as known on the next day, with today's missing ones at 0 and at 1."""

    indices: tuple[str, ...]
    at_zero: Histories
    at_one: Histories

    @classmethod
    def of(cls, fixings: Fixings, today: dt.date, indices: tuple[str, ...]) -> Self:
        """Lay out the fixings up to ``today``.

        Args:
            fixings: Decimal rates by index and date.
            today: The valuation date.
            indices: Those that are forecast today: ``theta.Forecast.indices``.
        """
        known = {
            name: {day: rate for day, rate in rates.items() if day <= today}
            for name, rates in fixings.items()
        }

        def at(rate: float) -> Histories:
            open_ones = {name: {**known.get(name, {}), today: rate} for name in indices}
            return Histories(known | open_ones, day_of(today) + 1)

        return cls(indices, at(0.0), at(1.0))


@dataclass(frozen=True)
class NettedNextDay:
    """The netted flows of a block, or of many, on the day after the valuation date.

    Terms come in rounds of all groups: first with today's unknown fixings at 0, then by index what
    a fixing of 1 adds, then by index what it adds to settlements at the start of a period, which
    are not linear in it (``value_date.NextDayBlock``).

    Attributes:
        today: The next day, days since 1970.
        curves: Names of the market's curves, in its order.
        groups: Book and product of each group, ascending.
        indices: Indices whose fixing of the valuation date is forecast.
        unvalued: Trades of each group that have a value on the valuation date, and none on the next
            day; shape (groups,).
        cash_ptr: First cash term of each group of each round, and the end.
        cash_key: Curve and day of payment of each cash term (``netted_terms.point_key``).
        cash_money: Money paid.
        growth_ptr: First growth term of each group of each round, and the end.
        growth_key: Points of each growth term (``netted_terms.growth_key``).
        growth_alpha: Money per unit of growth.
        deliveries: Terms of bonds that may be delivered; no fixing changes them.
        chains: Terms that compound what does not telescope, each with what of it is open.
    """

    today: int
    curves: tuple[str, ...]
    groups: tuple[Group, ...]
    indices: tuple[str, ...]
    unvalued: IntArray
    cash_ptr: IntArray
    cash_key: IntArray
    cash_money: FloatArray
    growth_ptr: IntArray
    growth_key: IntArray
    growth_alpha: FloatArray
    deliveries: NettedDeliveries = field(default_factory=lambda: no_deliveries(None))
    chains: NettedChains = NO_NETTED_CHAINS

    @property
    def rounds(self) -> int:
        """The number of rounds of groups."""
        return 1 + 2 * len(self.indices)


def net_next_day(
    dated: DatedBlock,
    fixings: NextDayFixings,
    curves: tuple[str, ...],
    exclude: Sequence[Failure] = (),
) -> NettedNextDay:
    """Net a block of the valuation date on the next day.

    Args:
        dated: The block on the valuation date; its failed trades are left out.
        fixings: Known fixings of the next day.
        curves: Names of the market's curves, in its order.
        exclude: Trades to leave out beside those that have failed, as in ``netting.net``.
    """
    block = dated.block
    groups, group = group_trades(block)
    later = roll_to_next_day(block, fixings.at_zero, fixings.at_one, curves)
    lost = rows_of(block, failures_of(dated, exclude))
    unvalued = rows_of(block, later.base.failures) & ~lost
    kept = ~(lost | unvalued)
    rounds = [(0, later.base)]
    first_of = ((1, later.per_fixing), (1 + len(fixings.indices), later.per_settlement))
    rounds += [
        (start + place, by_index[name])
        for start, by_index in first_of
        for place, name in enumerate(fixings.indices)
        if name in by_index
    ]
    rows = [(number, *flow_rows(flows, kept)) for number, flows in rounds]
    first = {number: len(groups) * number for number, _ in rounds}
    deliveries = net_deliveries(later.base, group, kept)
    key = point_key(later.base.point_curve, later.base.point_day)
    wide = len(groups) * (1 + 2 * len(fixings.indices))
    cash = _added([(first[n], c, c.money[:, PAID].sum(axis=1)) for n, c, _ in rows], group, wide)
    growth = _added([(first[n], g, g.money[:, 0]) for n, _, g in rows], group, wide)
    return NettedNextDay(
        today=later.base.today,
        curves=curves,
        groups=groups,
        indices=fixings.indices,
        unvalued=np.bincount(group[unvalued], minlength=len(groups)),
        cash_ptr=cash.ptr,
        cash_key=cash.key,
        cash_money=cash.money[:, 0],
        growth_ptr=growth.ptr,
        growth_key=growth.key,
        growth_alpha=growth.money[:, 0],
        deliveries=deliveries._replace(cash_money=deliveries.cash_money[:, PAID].sum(axis=1)),
        chains=net_chains(later.base, key, group, kept, fixings.indices),
    )


def _added(
    rows: Sequence[tuple[int, FlowRows, FloatArray]], group: IntArray, groups: int
) -> kernel.Added:
    """Flows of all rounds, each with the number of its first group and its money."""
    return kernel.add_up(
        np.concatenate([group[flows.trade] + np.int32(first) for first, flows, _ in rows]),
        np.concatenate([flows.key for _, flows, _ in rows]),
        np.concatenate([money for _, _, money in rows])[:, None],
        groups,
    )


def merge_next_day(
    blocks: Sequence[NettedNextDay],
    before: tuple[Sequence[NettedNextDay], NettedNextDay] | None = None,
) -> NettedNextDay:
    """Add netted blocks in their order; one block is itself.

    Args:
        blocks: The blocks.
        before: Blocks that were merged earlier, and what they made, as in ``netting.merge``.

    Raises:
        ValueError: There is no block, or they are of different dates, curves or indices.
    """
    kinds = {(block.today, block.curves, block.indices) for block in blocks}
    if len(kinds) != 1:
        raise ValueError("netted blocks that are added need one date, the same curves and indices")
    first = blocks[0]
    if len(blocks) == 1:
        return first
    groups, places = join_groups([block.groups for block in blocks])
    rounds = first.rounds
    earlier = None
    if (
        before is not None
        and (before[1].groups, before[1].indices) == (groups, first.indices)
        and len(before[0]) == len(blocks)
    ):
        _, places_before = join_groups([block.groups for block in before[0]])
        earlier = MergedTerms(
            [terms_of(block) for block in before[0]],
            _in_rounds(places_before, len(groups), rounds),
            terms_of(before[1]),
        )
    terms = merge_terms(
        [terms_of(block) for block in blocks],
        _in_rounds(places, len(groups), rounds),
        len(groups) * rounds,
        earlier,
    )
    lost = np.concatenate([block.unvalued for block in blocks])
    unvalued = np.bincount(np.concatenate(places), weights=lost, minlength=len(groups))
    return NettedNextDay(
        today=first.today,
        curves=first.curves,
        groups=groups,
        indices=first.indices,
        unvalued=unvalued.astype(np.int64),
        **terms._asdict(),
        deliveries=merge_deliveries([block.deliveries for block in blocks], places),
        chains=merge_chains([block.chains for block in blocks], places),
    )


def _in_rounds(places: Sequence[IntArray], groups: int, rounds: int) -> list[IntArray]:
    """The places of the groups of every round, round after round, as the terms have them."""
    first = groups * np.arange(rounds, dtype=np.int32)
    return [(first[:, None] + place).ravel().astype(np.int32) for place in places]


@dataclass(frozen=True)
class ReadyNextDay:
    """Netted flows of the next day with their weights: what a tick's theta needs besides quotes.

    Attributes:
        netted: The netted flows.
        forecast: What forecasts today's fixings, on today's curves.
        curves: The next day's curves, ``theta.curves_of_next_day``.
        tables: Dependence of the points on the nodes.
        flows: The flows, numbered for the loop.
        choices: How the rows of alternatives, behind those of all rounds, are added to groups.
        chains: The terms that compound what does not telescope.
    """

    netted: NettedNextDay
    forecast: Forecast
    curves: CurveSet
    tables: Tables
    flows: kernel.GroupedValues
    choices: Choices
    chains: ReadyChains


def make_ready_next_day(
    netted: NettedNextDay, forecast: Forecast, curves: CurveSet
) -> ReadyNextDay:
    """Number the terms of netted flows, and weigh their points on the next day's curves.

    Raises:
        ValueError: The flows are netted for other indices than those that are forecast.
    """
    if netted.indices != forecast.indices:
        raise ValueError(f"netted for fixings of {netted.indices}, not {forecast.indices}")
    flows, point = number_terms(with_deliveries(terms_of(netted), netted.deliveries))
    tables = curves.grid.tables(*point_of(point))
    choices, chains = netted.deliveries.choices, ready_chains(netted.chains, curves.grid)
    return ReadyNextDay(netted, forecast, curves, tables, flows, choices, chains)


def theta_of_groups(ready: ReadyNextDay, solved: Solved, npv: FloatArray) -> FloatArray:
    """Value change over one calendar day, quotes unmoved; trade currency; shape (groups,).

    NaN for a group with a trade that cannot be valued on the next day, and for all groups where the
    quotes admit no curve on the next day.

    Args:
        ready: Netted flows of the next day.
        solved: The curves of today.
        npv: Values of the groups today; shape (groups,).
    """
    try:
        later = ready.curves.solve(solved.quotes)
    except PricingError:
        return np.full(len(npv), np.nan)
    rates = ready.forecast.rates(solved.x)
    x = later.x[:, None]
    factor = discount_columns(ready.curves.grid, ready.tables, x)
    weights = np.concatenate((rates, settlement_weight(rates, ready.forecast.years)))
    found = fold_values(kernel.group_values(ready.flows, factor), ready.choices)
    values = found.reshape(1 + len(weights), len(npv))
    chain_factor = discount_columns(ready.curves.grid, ready.chains.tables, x)
    chained = ready.chains.chains.values(chain_factor, len(npv), rates)[:, 0]
    theta = np.asarray(values[0] + chained + (weights[:, None] * values[1:]).sum(axis=0) - npv)
    theta[ready.netted.unvalued > 0] = np.nan
    return theta
