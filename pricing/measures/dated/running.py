"""Fix coupons whose period has begun: what is known of them on a date, and what still grows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pricing.arrays import FloatArray, IntArray, RecordArray
from pricing.curves.fixings import Histories, IndexHistory
from pricing.errors import MissingFixing, PricingError
from pricing.markets import conventions
from pricing.markets.calendars import date_of
from pricing.products.cash_flows import (
    CHAINED,
    COMPOUNDED,
    DELIVERED,
    FIXED,
    IBOR,
    LINK,
    MODEL,
    OVERNIGHT,
    SETTLED_AT_START,
    FlowBlock,
)


class Running(NamedTuple):
    """Coupons whose fixing has begun, ascending by row; columns as in ``Flows``."""

    row: IntArray
    start: IntArray
    end: IntArray
    alpha: FloatArray
    beta: FloatArray


def running_coupons(
    block: FlowBlock,
    rows: IntArray,
    trade: IntArray,
    fixings: Histories,
    failures: dict[int, PricingError],
) -> Running:
    """The floating flows among the rows whose fixing has begun; trades that lack one fail."""
    fields = block.flows
    fixes = ~np.isin(fields["kind"][rows], (FIXED, DELIVERED, CHAINED, LINK, MODEL))
    begun = rows[(fields["fixing"][rows] <= fixings.today) & fixes]
    flows, owner = fields[begun], trade[begun]
    found = Running(
        begun,
        flows["start"].astype(np.int64),
        flows["end"].astype(np.int64),
        flows["scale"].copy(),
        flows["amount"] - flows["scale"],
    )
    for number in np.unique(flows["index"]):
        of_index = flows["index"] == number
        row = conventions.INDICES[block.indices[number]]
        history = fixings.of(row, int(flows["fixing"][of_index].min()))
        for kind in np.unique(flows["kind"][of_index]):
            mine = np.flatnonzero(of_index & (flows["kind"] == kind))
            _FIX[int(kind)](flows, mine, fixings.today, history, found, owner, failures)
    return found


def _known_rates(
    flows: RecordArray,
    mine: IntArray,
    today: int,
    history: IndexHistory,
    trade: IntArray,
    failures: dict[int, PricingError],
) -> FloatArray:
    """The fixings of coupons that fix once; NaN: today's is still to come, or the trade fails."""
    day = flows["fixing"][mine]
    rate = history.rates[np.searchsorted(history.days, day)]
    for i in mine[np.isnan(rate) & (day < today)]:
        date = date_of(flows["fixing"][i]).isoformat()
        failures.setdefault(int(trade[i]), MissingFixing(history.row.name, date))
    return np.asarray(rate)


def _fix_ibor(
    flows: RecordArray,
    mine: IntArray,
    today: int,
    history: IndexHistory,
    found: Running,
    trade: IntArray,
    failures: dict[int, PricingError],
) -> None:
    """A coupon that has fixed pays a known amount; today's may still be to come."""
    rate = _known_rates(flows, mine, today, history, trade, failures)
    known, rate = mine[~np.isnan(rate)], rate[~np.isnan(rate)]
    found.beta[known] = flows["accrued"][known] * rate + flows["amount"][known]
    _stop_growth(flows, known, today, found)


def _stop_growth(flows: RecordArray, known: IntArray, today: int, found: Running) -> None:
    """Set the growth of flows that are known completely to none: from a point to itself."""
    found.alpha[known] = 0.0
    last = np.maximum(flows["pay"][known], flows["end"][known])
    found.start[known] = found.end[known] = np.maximum(last, today)


def _fix_settled_at_start(
    flows: RecordArray,
    mine: IntArray,
    today: int,
    history: IndexHistory,
    found: Running,
    trade: IntArray,
    failures: dict[int, PricingError],
) -> None:
    """A settlement that has fixed is discounted at its fixing: no linear function of that."""
    rate = _known_rates(flows, mine, today, history, trade, failures)
    known, rate = mine[~np.isnan(rate)], rate[~np.isnan(rate)]
    scale, notional = flows["scale"][known], flows["amount"][known] - flows["scale"][known]
    found.beta[known] = notional + scale / (1.0 + rate * flows["accrued"][known] / notional)
    _stop_growth(flows, known, today, found)


def _fix_compounded(
    flows: RecordArray,
    mine: IntArray,
    today: int,
    history: IndexHistory,
    found: Running,
    trade: IntArray,
    failures: dict[int, PricingError],
) -> None:
    """What has fixed of a compounding leg multiplies the growth of the rest."""
    rate = _known_rates(flows, mine, today, history, trade, failures)
    scale, known = flows["scale"][mine], ~np.isnan(rate)
    heads = np.flatnonzero(scale)  # the flow that pays stands before those of its periods
    notional = scale[heads][np.cumsum(scale != 0.0) - 1]
    factor = 1.0 + np.where(known, rate, 0.0) * flows["accrued"][mine] / notional
    until = np.where(known, flows["end"][mine], 0)
    until[heads] = flows["start"][mine[heads]]
    if len(heads):
        found.alpha[mine[heads]] *= np.multiply.reduceat(factor, heads)
        head = mine[heads]
        found.start[head] = np.maximum(np.maximum.reduceat(until, heads), today)
        found.end[head] = np.maximum(found.end[head], found.start[head])


def _fix_overnight(
    flows: RecordArray,
    mine: IntArray,
    today: int,
    history: IndexHistory,
    found: Running,
    trade: IntArray,
    failures: dict[int, PricingError],
) -> None:
    """A coupon in progress keeps what it has compounded; the rest still telescopes."""
    first, last = flows["start"][mine], flows["end"][mine]
    until = np.minimum(history.first_unknown(today), last)
    a, b = history.fixing_of(first), np.searchsorted(history.days, until)
    lacking = history.gaps[b] > history.gaps[a]
    for i, u in zip(mine[lacking], until[lacking], strict=True):
        date = date_of(history.first_gap(int(flows["start"][i]), int(u))).isoformat()
        failures.setdefault(int(trade[i]), MissingFixing(history.row.name, date))
    found.alpha[mine] *= history.growth_to(until) / history.growth_from(first)
    # All of it known, payment still to come: growth from a point to itself is 1.
    found.start[mine] = np.maximum(until, today)
    found.end[mine] = np.maximum(found.end[mine], found.start[mine])


_FIX = {
    IBOR: _fix_ibor,
    OVERNIGHT: _fix_overnight,
    SETTLED_AT_START: _fix_settled_at_start,
    COMPOUNDED: _fix_compounded,
}
"""What makes of each kind of floating flow what is known of it on a date."""


def of_rows(known: Running, floating: IntArray) -> Running:
    """Those of some coupons that are among the rows; coupons of failed trades are not."""
    kept = np.isin(known.row, floating, assume_unique=True)
    if kept.all():
        return known
    return Running(
        known.row[kept], known.start[kept], known.end[kept], known.alpha[kept], known.beta[kept]
    )
