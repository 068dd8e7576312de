"""Payments of a block that compound what does not telescope, on one date and on any market.

A chain pays ``money`` times the product of its links, each ``base + weight P(start) / P(end)``. On
given discount factors it has the value and all derivatives of floating flows: with C the product
and f a link,

    d log C = sum over links of weight g / f (d log P(start) - d log P(end)),  g = P(start) / P(end)

so a link counts as a flow with ``alpha = money C weight / f`` that is worth nothing, because it
pays ``-alpha g`` beside it, and ``money C`` is a constant. The loops of ``kernel.py`` then need not
know of chains; alphas are made again on each market.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import NamedTuple

import numpy as np

from pricing.arrays import FloatArray, IntArray
from pricing.curves.fixings import Histories, IndexHistory
from pricing.errors import MissingFixing, PricingError
from pricing.kernel_arrays import Flows
from pricing.markets import conventions
from pricing.markets.calendars import date_of
from pricing.products.cash_flows import CHAINED, LINK, FlowBlock


class Chains(NamedTuple):
    """The chains of a dated block, and their links that are not known yet; k chains, n links.

    Attributes:
        flow: Places among the floating flows of the chains' own flows; shape (k,).
        trade: Row of the trade of each; shape (k,).
        money: What each product is multiplied by; the links that are known are in it; shape (k,).
        link: Places among the floating flows of the links; shape (n,).
        owner: The chain of each link; shape (n,).
        base: Shape (n,).
        weight: Shape (n,).
        open_owner: Chains that contain a fixing which is only known when theta is made.
        open_index: Place of the index of each such fixing among the block's indices.
        open_slope: A fixing of L multiplies the chain by 1 + this times L.
    """

    flow: IntArray
    trade: IntArray
    money: FloatArray
    link: IntArray
    owner: IntArray
    base: FloatArray
    weight: FloatArray
    open_owner: IntArray
    open_index: IntArray
    open_slope: FloatArray


_NONE, _NO_MONEY = np.zeros(0, dtype=np.int64), np.zeros(0)
NO_CHAINS = Chains(
    *(_NONE, _NONE, _NO_MONEY, _NONE, _NONE, _NO_MONEY, _NO_MONEY, _NONE, _NONE, _NO_MONEY)
)


class OpenChains(NamedTuple):
    """The chains among some flows of a block on a date, and what is not known of them.

    Attributes:
        head: Rows of the flows that pay; shape (k,).
        growth: What their known links have made of 1; shape (k,).
        link: Rows of the links that are not known in full, ascending; shape (n,).
        owner: The chain of each; shape (n,).
        start: Where the growth of each that is not known starts; shape (n,).
        end: Where it ends; shape (n,).
        closed: Rows of the links that are known in full.
        factor: What is known of every link, those of ``link`` and of ``closed`` in the order of
            rows; 1 where nothing is.
        all_owners: The chain of every link.
        all_links: Rows of every link.
    """

    head: IntArray
    growth: FloatArray
    link: IntArray
    owner: IntArray
    start: IntArray
    end: IntArray
    closed: IntArray
    factor: FloatArray
    all_owners: IntArray
    all_links: IntArray


def chains_on(
    block: FlowBlock,
    rows: IntArray,
    trade: IntArray,
    fixings: Histories,
    failures: MutableMapping[int, PricingError],
) -> OpenChains | None:
    """Find the chains among some flows, and compound their known links; None where there are none.

    Args:
        block: Compiled trades.
        rows: Rows of flows, ascending; the links of a chain are among them if the chain is.
        trade: Row of the trade of each flow of the block.
        fixings: Laid out for the date.
        failures: Why trades fail, by row; trades that lack a fixing are added.
    """
    kind = block.flows["kind"][rows]
    head, link = rows[kind == CHAINED], rows[kind == LINK]
    if not len(head):
        return None
    owner = np.searchsorted(head, link, side="right") - 1
    flows, today = block.flows[link], fixings.today
    money = block.flows["scale"][head][owner]
    money = np.where(money == 0.0, 1.0, money)
    start, end = flows["start"].astype(np.int64), flows["end"].astype(np.int64)
    factor, closed = np.ones(len(link)), np.zeros(len(link), dtype=bool)
    begun = flows["fixing"] <= today
    for number in np.unique(flows["index"][begun]):
        of_index = begun & (flows["index"] == number)
        row = conventions.INDICES[block.indices[number]]
        history = fixings.of(row, int(flows["fixing"][of_index].min()))
        single = np.flatnonzero(of_index & (flows["accrued"] != 0.0))
        run = np.flatnonzero(of_index & (flows["accrued"] == 0.0))
        rate = history.rates[np.searchsorted(history.days, flows["fixing"][single])]
        for i in single[np.isnan(rate) & (flows["fixing"][single] < today)]:
            _fail(failures, int(trade[link[i]]), history, int(flows["fixing"][i]))
        known, rate = single[~np.isnan(rate)], rate[~np.isnan(rate)]
        paid = flows["accrued"][known] * rate + flows["unit"][known]
        factor[known] = 1.0 + paid / money[known]
        closed[known] = True
        first, last = start[run], end[run]
        until = np.minimum(history.first_unknown(today), last)
        a, b = history.fixing_of(first), np.searchsorted(history.days, until)
        for i, u in zip(
            *(each[history.gaps[b] > history.gaps[a]] for each in (run, until)), strict=True
        ):
            _fail(failures, int(trade[link[i]]), history, history.first_gap(int(start[i]), int(u)))
        factor[run] = history.growth_to(until) / history.growth_from(first)
        closed[run] = until >= last
        start[run] = np.maximum(until, today)
        end[run] = np.maximum(last, start[run])
    growth = np.ones(len(head))
    np.multiply.at(growth, owner, factor)
    open_ones = ~closed
    return OpenChains(
        head=head,
        growth=growth,
        link=link[open_ones],
        owner=owner[open_ones],
        start=start[open_ones],
        end=end[open_ones],
        closed=link[closed],
        factor=factor,
        all_owners=owner,
        all_links=link,
    )


def _fail(
    failures: MutableMapping[int, PricingError], trade: int, history: IndexHistory, day: int
) -> None:
    failures.setdefault(trade, MissingFixing(history.row.name, date_of(day).isoformat()))


def place_chains(
    block: FlowBlock,
    found: OpenChains,
    floating: IntArray,
    trade: IntArray,
    spread_factor: FloatArray,
    at_one: OpenChains | None = None,
) -> Chains:
    """The chains of good trades, with their places among the floating flows.

    Args:
        block: Compiled trades.
        found: Their chains on the date.
        floating: Rows of the floating flows of good trades, ascending.
        trade: Row of the trade of each flow of the block.
        spread_factor: What the spread of its trade takes off each floating flow's payment.
        at_one: The chains with fixings of 1 in place of those of 0 that are not known yet.
    """
    good = np.isin(found.head, floating)
    number = np.cumsum(good) - 1
    head = found.head[good]
    kept = good[found.owner]
    link, owner = found.link[kept], number[found.owner[kept]]
    flows = block.flows
    scale = flows["scale"][head]
    per = np.where(scale == 0.0, 1.0, scale)[owner]
    weight = flows["scale"][link] / per
    at = np.searchsorted(floating, head)
    open_owner, open_index, open_slope = _NONE, _NONE, _NO_MONEY
    if at_one is not None:
        moves = np.flatnonzero((at_one.factor != found.factor) & good[found.all_owners])
        open_owner = number[found.all_owners[moves]]
        open_index = flows["index"][found.all_links[moves]].astype(np.int64)
        open_slope = at_one.factor[moves] / found.factor[moves] - 1.0
    # A run of days has a weight of 1 and no base; ``unit`` is what is added to any other.
    return Chains(
        flow=at,
        trade=trade[head].astype(np.int64),
        money=scale * found.growth[good] * spread_factor[at],
        link=np.searchsorted(floating, link),
        owner=owner,
        base=1.0 - weight + flows["unit"][link] / per,
        weight=weight,
        open_owner=open_owner,
        open_index=open_index,
        open_slope=open_slope,
    )


def chained(flows: Flows, chains: Chains, discount: FloatArray) -> Flows:
    """Give the flows of chains and links the amounts that they have on a market.

    Args:
        flows: Flows in which these have a constant part alone.
        chains: Which they are.
        discount: Discount factors of the points.
    """
    at, owner = chains.link, chains.owner
    start, end = discount[flows.float_start[at]], discount[flows.float_end[at]]
    link = chains.base + chains.weight * (start / end)
    paid = chains.money.copy()
    np.multiply.at(paid, owner, link)
    alpha, beta = flows.float_alpha.copy(), flows.float_beta.copy()
    alpha[at] = paid[owner] * chains.weight / link
    # Each link is worth nothing by itself: sums of large amounts would lose digits.
    beta[at] = -(alpha[at] * start / end)
    beta[chains.flow] += paid
    return flows._replace(float_alpha=alpha, float_beta=beta)
