"""Decide where a curve has its nodes when they are not simply where its quotes end.

A curve with a table of meetings has its first nodes on the days from which decisions count, one for
each time between two of them in which a quote ends: the overnight forward rate steps there and
nowhere else. A time in which no quote ends belongs to the next one. Behind the last of these days
the nodes are where the quotes end, or where the market file names them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
import QuantLib as ql

from pricing.arrays import IntArray
from pricing.curves.interpolation import CurveNodes, Layout
from pricing.curves.quote_ids import MeetingSwap, Turn, read
from pricing.curves.quotes import QuoteId
from pricing.curves.rate_instruments import turn_days
from pricing.errors import BootstrapFailed
from pricing.markets import conventions
from pricing.markets.calendars import date_of, day_of
from pricing.markets.conventions import CurveConvention
from pricing.products import schedules
from pricing.products.schedules import day_number

LEAST_SQUARES = "least_squares"


def lay_out(
    row: CurveConvention,
    interpolation: str,
    keys: Sequence[QuoteId],
    ends: Sequence[int],
    quoted_turns: Sequence[tuple[int, int] | None],
    today: dt.date,
) -> CurveNodes:
    """Nodes of a curve whose market file says where they are, or whose quotes are not all tenors.

    Args:
        row: The curve.
        interpolation: That it is made with.
        keys: Its quotes.
        ends: Day number of the node that each quote would have by itself.
        quoted_turns: Day numbers between which each quote that is a turn accrues.
        today: The valuation date.

    Raises:
        BootstrapFailed: The quotes are fewer than the nodes, or more where they are to be met
            exactly, or two of them end together; the sentence names them.
    """
    last = np.array(ends, dtype=np.int64)
    rates = np.array([turn is None for turn in quoted_turns])
    if not rates.any():
        reason = "the curve has turns and no rate: add a quote"
        raise BootstrapFailed(row.name, keys[0].tenor, None, reason)
    near = _near_days(row, keys, last[rates], today)
    days = np.concatenate((near, _far_days(row, last[rates], near, today)))
    turns = [turn for turn in quoted_turns if turn is not None]
    turns += _solved_turns(row, turns, int(days[-1]), today)
    if row.fit != LEAST_SQUARES:
        _refuse_more_quotes(row, keys, last, days, len(turns), today)
    if len(days) + len(turns) > len(keys):
        what = f"{len(days)} nodes" + (f", {len(turns)} turns" if turns else "")
        reason = f"{what} and {len(keys)} quotes: give more quotes, or fewer nodes"
        raise BootstrapFailed(row.name, keys[0].tenor, None, reason)
    _, first = np.unique(last[rates], return_index=True)
    layout = Layout(
        ends=last,
        keys=np.flatnonzero(rates)[first],
        flat=len(near),
        turns=np.array(turns, dtype=np.int64).reshape(-1, 2),
    )
    return CurveNodes(row.name, interpolation, days, layout)


def _near_days(
    row: CurveConvention, keys: Sequence[QuoteId], last: IntArray, today: dt.date
) -> IntArray:
    """Days from which decisions count, of those that some quote tells apart."""
    none = np.zeros(0, dtype=np.int64)
    if row.meetings is None:
        return none
    until = day_of(today)
    if row.meetings_until is not None:
        until = day_number(schedules.to_ql(today) + ql.Period(row.meetings_until))
    for key in keys:
        made = read(key.tenor)
        if isinstance(made, MeetingSwap):
            until = max(until, day_of(made.end))
    table = conventions.MEETINGS[row.meetings].dates
    counts = np.array([day_of(meeting.effective) for meeting in table], dtype=np.int64)
    counts = counts[(counts > day_of(today)) & (counts <= until)]
    if not len(counts):
        return none
    places = np.searchsorted(counts, last)
    return np.asarray(counts[np.unique(places[places < len(counts)])])


def _far_days(row: CurveConvention, last: IntArray, near: IntArray, today: dt.date) -> IntArray:
    """Nodes behind the last of the near ones."""
    start, beyond = schedules.to_ql(today), near[-1] if len(near) else day_of(today)
    days = last
    if row.nodes:
        named = [day_number(start + ql.Period(tenor)) for tenor in row.nodes]
        days = np.array(named, dtype=np.int64)
    return np.unique(days[days > beyond])


def _solved_turns(
    row: CurveConvention, quoted: Sequence[tuple[int, int]], end: int, today: dt.date
) -> list[tuple[int, int]]:
    """Turns of the market file that are to come, within the curve, and have no quote."""
    if not row.turns:
        return []
    index, now = conventions.INDICES[str(row.index)], day_of(today)
    found = (turn_days(date, index) for date in row.turns)
    to_come = [(max(first, now), after) for first, after in found if now < after <= end]
    return [turn for turn in dict.fromkeys(to_come) if turn not in quoted]


def _refuse_more_quotes(
    row: CurveConvention,
    keys: Sequence[QuoteId],
    last: IntArray,
    days: IntArray,
    turns: int,
    today: dt.date,
) -> None:
    """Refuse more quotes than nodes where a curve is to meet its quotes exactly."""
    if len(keys) <= len(days) + turns:
        return
    say = f'leave one out, or give {row.name} fit = "{LEAST_SQUARES}" in its market file'
    seen: dict[int, QuoteId] = {}
    for key, day in zip(keys, last.tolist(), strict=True):
        if isinstance(read(key.tenor), Turn):
            continue
        # Of quotes between two meetings the first meeting after them decides.
        node = int(days[np.searchsorted(days, day)]) if row.meetings and day <= days[-1] else day
        other = seen.setdefault(node, key)
        if other is not key and not row.nodes:
            ends = f"on {today} it and {other.tenor} both end"
            where = f"on {date_of(day)}" if node == day else f"before {date_of(node)}"
            raise BootstrapFailed(key.curve, key.tenor, None, f"{ends} {where}: {say}")
    nodes = f"{len(days)} nodes, the last on {date_of(int(days[-1]))}"
    raise BootstrapFailed(row.name, keys[-1].tenor, None, f"{len(keys)} quotes and {nodes}: {say}")
