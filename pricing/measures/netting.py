"""Net the flows of a dated block by book and product, and add netted blocks.

A trade's value is a sum of terms that depend on the market through ``P(pay)`` or
``P(start) / P(end) * P(pay)`` alone, each times a number. The numbers of a group's trades with the
same curves and days add up before any market is known. Values, ladders and differences of a group
are linear in them, so netted flows give the sums of its trades to rounding, at a cost that is
bounded by days, curves and groups, whatever the number of trades.

Blocks are netted each for itself and added in their order. The bits of the result depend on the
contents and the order of the blocks alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from pricing.arrays import BoolArray, FloatArray, IntArray
from pricing.errors import Failure
from pricing.kernel_arrays import Flows
from pricing.measures.compounding.netted import (
    NO_NETTED_CHAINS,
    NettedChains,
    merge_chains,
    net_chains,
)
from pricing.measures.delivery.netted import (
    NettedDeliveries,
    contract_names,
    merge_deliveries,
    netted,
    no_deliveries,
    place_alternatives,
    with_deliveries,
)
from pricing.measures.netted_terms import (
    MergedTerms,
    NettedTerms,
    growth_key,
    merge_terms,
    point_key,
    terms_of,
)
from pricing.measures.value_date import DatedBlock
from pricing.netting_kernel import Added, add_up
from pricing.products.cash_flows import FlowBlock

Group = tuple[str, str]
"""Book and product."""


@dataclass(frozen=True)
class NettedBlock:
    """The netted flows of a block, or of many, on one date; trade currency, received is positive.

    Failed and excluded trades are counted and add nothing to any flow. A trade that has made its
    last payment counts in ``matured`` alone.

    Attributes:
        today: The valuation date, days since 1970.
        curves: Names of the market's curves, in its order.
        groups: Book and product of each group, ascending.
        trades: Trades of each group that have not matured; shape (groups,).
        failed: Those of them that are in no sum.
        matured: Trades of each group that have made their last payment.
        notional: Present size of ``trades``, unsigned; failed and all.
        notional_failed: Present size of ``failed``.
        failures: The failed trades, and why.
        cash_ptr: First cash term of each group, and the end; shape (groups + 1,).
        cash_key: Curve and day of payment of each cash term (``point_key``).
        cash_money: Fixed amounts, money per unit of coupon rate, and constants of floating flows;
            shape (cash terms, 3).
        growth_ptr: First growth term of each group, and the end; shape (groups + 1,).
        growth_key: Points of payment, and start and end of growth, of each growth term
            (``growth_key``).
        growth_alpha: Money per unit of growth.
        deliveries: Terms of bonds that may be delivered, which are in no group before the market
            chooses.
        chains: Terms that compound what does not telescope.
    """

    today: int
    curves: tuple[str, ...]
    groups: tuple[Group, ...]
    trades: IntArray
    failed: IntArray
    matured: IntArray
    notional: FloatArray
    notional_failed: FloatArray
    failures: tuple[Failure, ...]
    cash_ptr: IntArray
    cash_key: IntArray
    cash_money: FloatArray
    growth_ptr: IntArray
    growth_key: IntArray
    growth_alpha: FloatArray
    deliveries: NettedDeliveries = field(default_factory=lambda: no_deliveries(3))
    chains: NettedChains = NO_NETTED_CHAINS

    @property
    def terms(self) -> int:
        """Number of netted terms."""
        more = (self.deliveries.cash_key, self.deliveries.growth_key, self.chains.group)
        return sum(map(len, (self.cash_key, self.growth_key, *more)))

    @property
    def all_terms(self) -> NettedTerms:
        """The terms of groups, and behind them those of alternatives as more groups."""
        return with_deliveries(terms_of(self), self.deliveries)


def net(dated: DatedBlock, curves: tuple[str, ...], exclude: Sequence[Failure] = ()) -> NettedBlock:
    """Net a dated block by book and product.

    Args:
        dated: A block on its date.
        curves: Names of the market's curves, in its order, as the block was dated with.
        exclude: Trades to leave out beside those that have failed, and why; those of other blocks
            are not looked at.

    Raises:
        ValueError: The market has more than ``MAX_CURVES`` curves.
    """
    block = dated.block
    groups, group = group_trades(block)
    failures = failures_of(dated, exclude)
    lost = rows_of(block, failures)
    matured = dated.matured & ~lost
    counted = ~matured
    cash, growth = _add_flows(dated, group, len(groups), ~lost)

    def total(amount: FloatArray | BoolArray) -> FloatArray:
        return np.asarray(np.bincount(group, weights=amount, minlength=len(groups)), np.float64)

    return NettedBlock(
        today=dated.today,
        curves=curves,
        groups=groups,
        trades=total(counted).astype(np.int64),
        failed=total(lost).astype(np.int64),
        matured=total(matured).astype(np.int64),
        notional=total(block.notional * counted),
        notional_failed=total(block.notional * lost),
        failures=failures,
        cash_ptr=cash.ptr,
        cash_key=cash.key,
        cash_money=cash.money,
        growth_ptr=growth.ptr,
        growth_key=growth.key,
        growth_alpha=growth.money[:, 0],
        deliveries=net_deliveries(dated, group, ~lost),
        chains=net_chains(dated, point_key(dated.point_curve, dated.point_day), group, ~lost),
    )


def group_trades(block: FlowBlock) -> tuple[tuple[Group, ...], IntArray]:
    """The groups of a block, ascending, and the place of each trade's; int32."""
    pairs = list(zip(block.books, block.products, strict=True))
    groups = tuple(sorted(set(pairs)))
    place = {pair: number for number, pair in enumerate(groups)}
    return groups, np.fromiter(map(place.__getitem__, pairs), dtype=np.int32, count=len(pairs))


def failures_of(dated: DatedBlock, exclude: Sequence[Failure]) -> tuple[Failure, ...]:
    """Trades of the block without numbers, each once."""
    if not exclude:
        return dated.failures
    here = set(dated.block.trade_ids) - dated.failed
    return (*dated.failures, *(failure for failure in exclude if failure.trade_id in here))


def rows_of(block: FlowBlock, failures: Sequence[Failure]) -> BoolArray:
    """Return whether each trade of a block is among the failures."""
    lost = np.zeros(len(block), dtype=bool)
    if failures:
        place = {name: row for row, name in enumerate(block.trade_ids)}
        lost[[place[failure.trade_id] for failure in failures]] = True
    return lost


def _add_flows(
    dated: DatedBlock, group: IntArray, groups: int, kept: BoolArray
) -> tuple[Added, Added]:
    """Cash terms and growth terms of the trades that are kept."""
    cash, growth = flow_rows(dated, kept)
    return (
        add_up(group[cash.trade], cash.key, cash.money, groups),
        add_up(group[growth.trade], growth.key, growth.money, groups),
    )


class FlowRows(NamedTuple):
    """Flows to add up: their trades, keys and money, shape (rows, columns)."""

    trade: IntArray
    key: IntArray
    money: FloatArray


def flow_rows(dated: DatedBlock, kept: BoolArray) -> tuple[FlowRows, FlowRows]:
    """Cash flows (columns as ``NettedBlock.cash_money``) and growing flows of some trades.

    Without those of bonds that may be delivered, see ``delivery_rows``, and without the links of
    chains.
    """
    flows, key = dated.flows, point_key(dated.point_curve, dated.point_day)
    trades = np.arange(len(kept))
    fixed_trade = np.repeat(trades, np.diff(flows.fixed_ptr[::2]))
    float_trade = np.repeat(trades, np.diff(flows.float_ptr[::2]))
    apart = (dated.deliveries.flow, dated.chains.link)
    if any(map(len, apart)):
        sure = np.ones(len(float_trade), dtype=bool)
        for flow in apart:
            sure[flow] = False
        flows, float_trade = _some_floating(flows, sure), float_trade[sure]
    alpha, beta = flows.float_alpha, flows.float_beta
    # Growth from a point to itself is 1: all that has fixed is a constant.
    grows = flows.float_start != flows.float_end
    fixed, count = len(fixed_trade), len(fixed_trade) + len(float_trade)
    money = np.empty((count, 3))
    money[:fixed, 0], money[:fixed, 1], money[:fixed, 2] = flows.fixed_amount, flows.fixed_unit, 0.0
    money[fixed:, :2], money[fixed:, 2] = 0.0, beta
    money[fixed:, 2][~grows] += alpha[~grows]
    cash = FlowRows(
        np.concatenate((fixed_trade, float_trade)),
        key[np.concatenate((flows.fixed_pay, flows.float_pay))],
        money,
    )
    pay, start, end = (
        key[points[grows]] for points in (flows.float_pay, flows.float_start, flows.float_end)
    )
    growth = FlowRows(float_trade[grows], growth_key(pay, start, end), alpha[grows, None])
    return _of_trades(cash, kept), _of_trades(growth, kept)


FLOATING = ("float_pay", "float_start", "float_end", "float_alpha", "float_beta")


def _some_floating(flows: Flows, wanted: BoolArray | IntArray) -> Flows:
    """Some floating flows; pointers stay as they are."""
    return flows._replace(**{name: getattr(flows, name)[wanted] for name in FLOATING})


def delivery_rows(dated: DatedBlock) -> tuple[FlowRows, FlowRows]:
    """Return the rows of deliverable bonds, by alternative and for all trades."""
    key, found = point_key(dated.point_curve, dated.point_day), dated.deliveries
    flows = _some_floating(dated.flows, found.flow)
    pay, start, end = (
        key[points] for points in (flows.float_pay, flows.float_start, flows.float_end)
    )
    grows = start != end
    # Growth from a point to itself is 1.
    money = np.zeros((np.count_nonzero(~grows), 3))
    money[:, 2] = flows.float_alpha[~grows]
    return (
        FlowRows(found.alternative[~grows], pay[~grows], money),
        FlowRows(
            found.alternative[grows],
            growth_key(pay, start, end)[grows],
            flows.float_alpha[grows, None],
        ),
    )


def net_deliveries(dated: DatedBlock, group: IntArray, kept: BoolArray) -> NettedDeliveries:
    """Net the flows of bonds that may be delivered.

    Args:
        dated: The block.
        group: Group of each trade.
        kept: Whether each trade is in the sums.
    """
    found = dated.deliveries
    wanted = kept[found.trade]
    if not wanted.any():
        return no_deliveries(3)
    flows, key = (
        _some_floating(dated.flows, found.flow),
        point_key(dated.point_curve, dated.point_day),
    )
    points = [key[place] for place in (flows.float_start, flows.float_end)]
    contract = contract_names(found, points, flows.float_alpha)
    rows, place = place_alternatives(
        group[found.trade[wanted]].astype(np.int64), contract[wanted], found.number[wanted]
    )
    of_alternative = np.full(len(wanted), -1, dtype=np.int32)
    of_alternative[wanted] = place

    def added(some: FlowRows) -> Added:
        owner = of_alternative[some.trade]
        mine = owner >= 0
        return add_up(owner[mine], some.key[mine], some.money[mine], rows.shape[1])

    cash, growth = delivery_rows(dated)
    return netted(rows, added(cash), added(growth))


def _of_trades(rows: FlowRows, kept: BoolArray) -> FlowRows:
    """The rows of the trades that are kept."""
    if kept.all():
        return rows
    mine = kept[rows.trade]
    return FlowRows(rows.trade[mine], rows.key[mine], rows.money[mine])


def merge(
    blocks: Sequence[NettedBlock], before: tuple[Sequence[NettedBlock], NettedBlock] | None = None
) -> NettedBlock:
    """Add netted blocks in their order; one block is itself.

    Args:
        blocks: The blocks.
        before: Blocks that were merged earlier, and what they made. Only groups whose terms have
            changed since are then added anew; the result has the same bits.

    Raises:
        ValueError: There is no block, or they are of different dates or curves.
    """
    first = blocks[0] if blocks else None
    if first is None or any((b.today, b.curves) != (first.today, first.curves) for b in blocks):
        raise ValueError("netted blocks that are added need one date and the same curves")
    if len(blocks) == 1:
        return first
    groups, places = join_groups([block.groups for block in blocks])
    earlier = None
    if before is not None and before[1].groups == groups and len(before[0]) == len(blocks):
        _, places_before = join_groups([block.groups for block in before[0]])
        parts = [terms_of(block) for block in before[0]]
        earlier = MergedTerms(parts, places_before, terms_of(before[1]))
    terms = merge_terms([terms_of(block) for block in blocks], places, len(groups), earlier)
    every = np.concatenate(places)

    def total(name: str) -> FloatArray:
        parts = np.concatenate([getattr(block, name) for block in blocks])
        return np.asarray(np.bincount(every, weights=parts, minlength=len(groups)), np.float64)

    return NettedBlock(
        today=first.today,
        curves=first.curves,
        groups=groups,
        trades=total("trades").astype(np.int64),
        failed=total("failed").astype(np.int64),
        matured=total("matured").astype(np.int64),
        notional=total("notional"),
        notional_failed=total("notional_failed"),
        failures=tuple(failure for block in blocks for failure in block.failures),
        **terms._asdict(),
        deliveries=merge_deliveries([block.deliveries for block in blocks], places),
        chains=merge_chains([block.chains for block in blocks], places),
    )


def join_groups(
    named: Sequence[tuple[Group, ...]],
) -> tuple[tuple[Group, ...], list[IntArray]]:
    """All groups of some blocks, ascending, and the place of each block's; int32."""
    groups = tuple(sorted(set().union(*named)))
    place = {name: number for number, name in enumerate(groups)}
    return groups, [np.array([place[name] for name in names], dtype=np.int32) for names in named]
