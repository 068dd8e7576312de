"""Read the curves of a published frame: nodes, zero rates and discount factors of any day.

No bootstrap is needed: the frame carries the log discount factors at the nodes, and the market's
conventions name the interpolation.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np

from pricing.arrays import FloatArray, IntArray
from pricing.curves.interpolation import CurveNodes, Grid, Layout
from pricing.curves.quotes import CurveOptions, curve_version
from pricing.markets import conventions, vocabulary
from risk.store.results import FrameNodes, Rollup

EPOCH = dt.date(1970, 1, 1)


class NoNodes(Exception):
    """The frame was published by a release that did not keep its nodes: wait for the next."""


@dataclass(frozen=True)
class FrameCurves:
    """All curves of one frame. ``x`` are log discount factors at the nodes; shape (nodes,)."""

    names: tuple[str, ...]
    tenors: tuple[tuple[str, ...], ...]
    grid: Grid
    x: FloatArray

    def at_quotes(self) -> FloatArray:
        """Discount factor on the day on which each quote ends; shape (quotes,)."""
        curve = np.repeat(np.arange(len(self.names)), [len(own) for own in self.tenors])
        return self.discount(curve, self.grid.key_days())

    def discount(self, curve: IntArray, day: IntArray) -> FloatArray:
        """Discount factors of points; curves by their place in ``names``, days since 1970."""
        return self.grid.discount(self.grid.tables(curve, day), self.x)


class MeetingForward(NamedTuple):
    """The forward rate between two decisions of a central bank.

    Attributes:
        announced: When the decision at its start is announced; None before the next one.
        start: The day from which that decision counts, or the valuation date.
        end: The day from which the next one counts.
        rate: Simple rate over the days by the day count of the index; decimal per year.
    """

    announced: dt.date | None
    start: dt.date
    end: dt.date
    rate: float


def meeting_forwards(found: FrameCurves, curve: str) -> list[MeetingForward]:
    """Forward rates of an overnight curve from decision to decision, as far as its last quote ends.

    Empty where no table of meetings is known for the curve's index.
    """
    row, place = conventions.CURVES[curve], found.names.index(curve)
    known = (m for m in conventions.MEETINGS.values() if m.index == row.index)
    table = conventions.MEETINGS[row.meetings] if row.meetings else next(known, None)
    if table is None:
        return []
    today, own = found.grid.today, found.grid.curves[place]
    last = int((own.days if own.layout is None else own.layout.ends).max())
    to_come = [m for m in table.dates if today < (m.effective - EPOCH).days <= last]
    first: tuple[dt.date | None, dt.date] = (None, EPOCH + dt.timedelta(days=today))
    starts = [first]
    starts += [(meeting.announced, meeting.effective) for meeting in to_come]
    days = np.array([(start - EPOCH).days for _, start in starts], dtype=np.int64)
    factors = found.discount(np.full(len(days), place), days)
    year = vocabulary.YEAR_DAYS[conventions.INDICES[str(row.index)].day_count]
    rates = (factors[:-1] / factors[1:] - 1.0) * year / np.diff(days)
    return [
        MeetingForward(announced, start, end, float(rate))
        for (announced, start), (_, end), rate in zip(starts, starts[1:], rates, strict=False)
    ]


def curves_of(rollup: Rollup, options: CurveOptions) -> FrameCurves:
    """The curves of a frame.

    Args:
        rollup: The published frame.
        options: As the pricing processes have them.

    Raises:
        NoNodes: The frame does not say where its nodes are, or was made with other options.
    """
    made_with = curve_version(rollup.curves, rollup.valuation_date, options)
    if len(rollup.node_days) != len(rollup.keys) or made_with != rollup.curve_version:
        raise NoNodes(f"{rollup.currency} frame {rollup.frame}")
    days = np.array(rollup.node_days, dtype=np.int64)
    other = {found.curve: found for found in rollup.nodes}
    today = (rollup.valuation_date - EPOCH).days
    nodes, tenors, start = [], [], 0
    for name, keys in groupby(rollup.keys, key=lambda key: key[0]):
        own = tuple(tenor for _, tenor in keys)
        kind = options.of(conventions.CURVES[name])
        if name in other:
            nodes.append(_laid_out(other[name]))
        else:
            nodes.append(CurveNodes(name, kind, days[start : start + len(own)]))
        tenors.append(own)
        start += len(own)
    grid = Grid(today, tuple(nodes))
    x = -np.array(rollup.zero_rates) * grid.node_years
    for node, offset in zip(nodes, grid.offsets, strict=False):
        if node.name in other:
            x[offset : offset + len(node)] = other[node.name].log_discount
    return FrameCurves(tuple(node.name for node in nodes), tuple(tenors), grid, x)


def _laid_out(found: FrameNodes) -> CurveNodes:
    """The nodes of a curve that are not where its quotes end."""
    whole = (np.array(days, dtype=np.int64) for days in (found.ends, found.keys, found.turns))
    ends, keys, turns = whole
    layout = Layout(ends, keys, found.flat, turns.reshape(-1, 2))
    days = np.array(found.days, dtype=np.int64)
    return CurveNodes(found.curve, found.interpolation, days, layout)
