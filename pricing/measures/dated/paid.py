"""Add up what the trades of a block are paid in a period."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pricing.arrays import FloatArray, IntArray
from pricing.curves.fixings import Histories
from pricing.errors import Failure, MissingFixing, PricingError, Unpriceable
from pricing.markets.calendars import date_of
from pricing.measures.compounding.chains import chains_on
from pricing.measures.dated.running import running_coupons
from pricing.measures.value_date import named_failures
from pricing.products.cash_flows import (
    CHAINED,
    COMPOUNDED,
    DELIVERED,
    FIXED,
    LINK,
    MODEL,
    FlowBlock,
    last_days,
)


class PaidFlows(NamedTuple):
    """What the trades of a block have been paid in a period, trade currency.

    Attributes:
        amount: By trade, received is positive; shape (n,).
        failures: Trades of which a fixing is missing.
    """

    amount: FloatArray
    failures: tuple[Failure, ...]


def paid_between(block: FlowBlock, after: int, fixings: Histories) -> PaidFlows:
    """Add up the flows that are paid after one day and not after another.

    A flow that has gone ex is paid to the holder of record, and counts. The margin of a future
    counts on the day of its final settlement. That of a bond future is not known: trades that are
    delivered fail.

    Args:
        block: Compiled trades.
        after: Day number before the first day.
        fixings: What is known on the last day, ``fixings.today``.
    """
    failures: dict[int, PricingError] = {}
    flows, trade = block.flows, block.trade_of_flow
    last = last_days(flows)
    rows: IntArray = np.flatnonzero((last > after) & (last <= fixings.today))
    rows = rows[flows["kind"][rows] != MODEL]
    delivered = rows[flows["kind"][rows] == DELIVERED]
    for row in delivered:
        date = date_of(flows["end"][row]).isoformat()
        failures.setdefault(int(trade[row]), Unpriceable(NOT_SETTLED.format(date)))
    rows = np.setdiff1d(rows, delivered)
    amount = np.zeros(len(block))
    rows = _add_paid_chains(block, rows, trade, fixings, failures, amount)
    known = running_coupons(block, rows, trade, fixings, failures)
    paying = (flows["kind"][known.row] != COMPOUNDED) | (flows["scale"][known.row] != 0.0)
    still_open = known.row[paying & (known.start != known.end)]
    for row in (*still_open, *np.setdiff1d(rows[flows["kind"][rows] != FIXED], known.row)):
        date = date_of(flows["fixing"][row]).isoformat()
        index = block.indices[flows["index"][row]]
        failures.setdefault(int(trade[row]), MissingFixing(index, date))
    fixed = rows[flows["kind"][rows] == FIXED]
    np.add.at(amount, trade[fixed], flows["amount"][fixed])
    np.add.at(amount, trade[known.row[paying]], (known.alpha + known.beta)[paying])
    return PaidFlows(amount, tuple(named_failures(block, failures)))


def _add_paid_chains(
    block: FlowBlock,
    rows: IntArray,
    trade: IntArray,
    fixings: Histories,
    failures: dict[int, PricingError],
    amount: FloatArray,
) -> IntArray:
    """Add what chains have paid to the amounts of their trades; returns the rows of other flows."""
    found, flows = chains_on(block, rows, trade, fixings, failures), block.flows
    if found is None:
        return rows
    for link in found.link:
        date = date_of(flows["fixing"][link]).isoformat()
        index = block.indices[flows["index"][link]]
        failures.setdefault(int(trade[link]), MissingFixing(index, date))
    paid = flows["scale"][found.head] * (found.growth - 1.0) + flows["amount"][found.head]
    np.add.at(amount, trade[found.head], paid)
    return rows[~np.isin(flows["kind"][rows], (CHAINED, LINK))]


NOT_SETTLED = "the contract was delivered on {}: its final settlement price is not known here"
