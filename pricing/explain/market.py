"""The markets of a period: its start quotes rolled to its end date, and their move.

A period has a date and a market at its start, ``t0`` and ``m0``, and at its end, ``t1`` and ``m1``.
Its explain needs four sets of curves: those of the start; the same with their forwards realised;
``m0`` rebuilt on the date of the end, without and with the fixings of that date; and ``m1``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pricing.arrays import FloatArray, IntArray
from pricing.curves.curve_set import CurveSet, Solved
from pricing.curves.fixings import Fixings
from pricing.curves.interpolation import Grid, Layout
from pricing.curves.quote_ids import identity, is_over
from pricing.curves.quotes import (
    CurveOptions,
    CurveQuotes,
    QuoteId,
    Shape,
    curve_order,
    shape_of,
)
from pricing.errors import BadInput, BootstrapFailed
from pricing.markets.calendars import day_of
from pricing.measures.netted_terms import discount_columns
from pricing.measures.theta import indices_on
from pricing.products import schedules

ONE_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class MarketState:
    """A currency's market at one end of a period.

    Attributes:
        date: The valuation date.
        quotes: Decimals per year by curve and tenor.
        fixings: What was known of fixings at that time; later dates are not used.
    """

    date: dt.date
    quotes: CurveQuotes
    fixings: Fixings


@dataclass(frozen=True)
class Nodes:
    """Solved curves: a grid and the log discount factors at its nodes."""

    grid: Grid
    x: FloatArray

    def factors(self, curve: IntArray, day: IntArray) -> FloatArray:
        """Discount factors of points; shape (points,)."""
        return _factors(self.grid, self.x, curve, day)

    def forward_factors(self, curve: IntArray, day: IntArray, start: int) -> FloatArray:
        """Return discount factors as seen from a later day if forwards are realised.

        The curve of that day is ``P(T) / P(start)``.
        """
        places = np.arange(len(self.grid.curves))
        first = self.factors(places, np.full(len(places), start))
        return np.asarray(self.factors(curve, day) / first[curve])


def _factors(grid: Grid, x: FloatArray, curve: IntArray, day: IntArray) -> FloatArray:
    return discount_columns(grid, grid.tables(curve, day), x[:, None])[:, 0]


class Period:
    """The markets of a period without the quotes of its end, which may move.

    Attributes:
        start: The market at the start.
        end_date: The date at the end.
        curves: Names of the curves that both ends have, in the market's order. Trades on others
            have a number at one end only.
        keys: The quotes of either end, in order.
    """

    def __init__(
        self,
        start: MarketState,
        end: MarketState,
        options: CurveOptions = CurveOptions(),
        make: Callable[..., CurveSet] = CurveSet,
    ) -> None:
        """Solve the start's quotes on both dates.

        Args:
            start: The market at the start.
            end: The market at the end: its date, fixings, and which quotes it has.
            options: How curves are made.
            make: Makes a set of curves of a date, a shape, fixings and options.

        Raises:
            BadInput: The end is before the start, or they have no curve in common.
            BootstrapFailed: The quotes of the start admit no curves on one of the dates.
        """
        if end.date < start.date:
            raise BadInput("end", end.date.isoformat(), f"the period starts on {start.date}")
        self.start, self.end_date, self.end_fixings = start, end.date, end.fixings
        self.options, self._make = options, make
        self.curves = tuple(
            name
            for name in curve_order(start.quotes)
            if start.quotes[name] and end.quotes.get(name)
        )
        if not self.curves:
            raise BadInput("curves", list(end.quotes), "none of them has quotes at the start")
        self._start_shape = shape_of(self._common(start.quotes))
        # What has ended by then is no quote of that date: its part of the curve rolls down.
        self._rolled_shape = tuple(
            (name, tuple(quote for quote in some if not is_over(quote, end.date)))
            for name, some in self._start_shape
        )
        self._sets: dict[tuple[dt.date, Shape, str], CurveSet] = {}
        self._solved: dict[tuple[int, bytes], Solved] = {}
        at_start = self._set(start.date, self._start_shape, "start")
        self._quotes0 = at_start.vector(start.quotes)
        self.at_start = self.nodes(at_start, self._quotes0)
        self.as_forecast = self._forecast_fixings(at_start)
        self.rolled_as_forecast = self._rolled("forecast")
        self.rolled = self._rolled("end")
        self._follow(shape_of(self._common(end.quotes)))

    def _common(self, quotes: CurveQuotes) -> CurveQuotes:
        return {name: dict(quotes[name]) for name in self.curves}

    @property
    def today(self) -> int:
        """Day number of the end's date."""
        return day_of(self.end_date)

    @property
    def same_date(self) -> bool:
        """Return whether both ends are on the same date."""
        return self.start.date == self.end_date

    # --- Curves ------------------------------------------------------------------------------

    def _set(self, date: dt.date, shape: Shape, fixings: str) -> CurveSet:
        known: Mapping[str, Callable[[], Fixings]] = {
            "start": lambda: self.start.fixings,
            "forecast": lambda: self.as_forecast,
            "end": lambda: self.end_fixings,
        }
        if self.same_date and fixings == "forecast":
            fixings = "start"  # nothing has been forecast
        key = (date, shape, fixings)
        if key not in self._sets:
            self._sets[key] = self._make(date, shape, known[fixings](), self.options)
        return self._sets[key]

    def curves_at_start_date(self, shape: Shape) -> CurveSet:
        """Curves of the date and the fixings of the start."""
        return self._set(self.start.date, shape, "start")

    def _rolled(self, fixings: str) -> Nodes:
        """The quotes of the start on the date of the end."""
        curves = self._set(self.end_date, self._rolled_shape, fixings)
        return self.nodes(curves, curves.vector(self.start.quotes))

    def _solve(self, curves: CurveSet, quotes: FloatArray) -> Solved:
        """Solve curves at the start's quotes, once where dates and fixings are the same."""
        key = (id(curves), quotes.tobytes())
        if key not in self._solved:
            self._solved[key] = curves.solve(quotes)
        return self._solved[key]

    def nodes(self, curves: CurveSet, quotes: FloatArray) -> Nodes:
        """A set of curves of this period at quotes of its start."""
        return Nodes(curves.grid, self._solve(curves, quotes).x)

    def _forecast_fixings(self, curves: CurveSet) -> Fixings:
        """The fixings known at the start, and forecasts of those up to the day before the end."""
        known = {
            name: {day: rate for day, rate in rates.items() if day <= self.start.date}
            for name, rates in self.start.fixings.items()
        }
        dates = [self.start.date + n * ONE_DAY for n in range((self.end_date - curves.today).days)]
        curves.enter()
        for row, index in indices_on(curves):
            place = np.array([curves.names.index(row.forecast_curve)] * 2)
            of_index = known.setdefault(row.name, {})
            for date in dates:
                fixing = schedules.to_ql(date)
                if date in of_index or not index.isValidFixingDate(fixing):
                    continue
                first = index.valueDate(fixing)
                last = index.maturityDate(first)
                days = np.array([schedules.day_number(each) for each in (first, last)])
                grown, left = self.at_start.factors(place, days)
                years = index.dayCounter().yearFraction(first, last)
                of_index[date] = float((grown / left - 1.0) / years)
        return known

    # --- Quotes of both ends -----------------------------------------------------------------

    def _follow(self, end_shape: Shape) -> None:
        """Align the quotes of both ends; ``left_out`` are those that cannot be combined."""
        self._end_shape = end_shape
        self.left_out: tuple[QuoteId, ...] = ()
        shape = _joined(self._rolled_shape, end_shape)
        try:
            self.union = self._set(self.end_date, shape, "end")
        except BootstrapFailed:
            self.union = self._set(self.end_date, end_shape, "end")
            had = [QuoteId(name, tenor) for name, some in self._rolled_shape for tenor in some]
            self.left_out = tuple(key for key in had if key not in self.union.keys)
        self.keys = self.union.keys
        self.quotes_at_start = self._on_union(self.start.quotes, self.rolled)
        self.solved = self._solve(self.union, self.quotes_at_start)

    def _on_union(self, quotes: CurveQuotes, implied: Nodes) -> FloatArray:
        """Return one end's quotes in the order of ``keys``, implying missing ones."""
        given = _by_length(quotes)
        vector = np.array([given.get(_length(key), np.nan) for key in self.keys])
        absent = np.isnan(vector)
        if not absent.any():
            return vector
        x = _nodes_on(self.union.grid, implied)
        vector[absent] = self.union.instruments.par_rates(x).rate[absent]
        return vector

    def move_to(self, quotes: CurveQuotes) -> Move:
        """The quotes of the end, as a move away from those of the start.

        Args:
            quotes: Decimals per year; the same tenors as the end had when the period was made.

        Raises:
            BootstrapFailed: They admit no curves.
            BadInput: A quote is absent.
        """
        own = self._set(self.end_date, self._end_shape, "end")
        at_end = Nodes(own.grid, own.solve(own.vector(quotes)).x)
        vector = self._on_union(self._common(quotes), at_end)
        return Move(self, self._common(quotes), at_end, vector - self.quotes_at_start)


@dataclass(frozen=True)
class Move:
    """The quotes of the end of a period.

    Attributes:
        period: The period.
        quotes: Those of the curves that both ends have.
        at_end: Their curves on the date of the end.
        shift: What each quote of ``period.keys`` has moved by, decimal.
    """

    period: Period
    quotes: CurveQuotes
    at_end: Nodes
    shift: FloatArray

    @cached_property
    def ahead(self) -> FloatArray:
        """Log discount factors at the quotes of the start plus the move."""
        same = self.period.union.grid is self.at_end.grid
        return self.at_end.x if same else self._solve(self.shift)

    @cached_property
    def back(self) -> FloatArray:
        """Return the values at the quotes of the start minus the move."""
        return self._solve(-self.shift)

    def _solve(self, shift: FloatArray) -> FloatArray:
        period = self.period
        if not shift.any():
            return period.solved.x
        return period.union.solve(period.quotes_at_start + shift).x

    @cached_property
    def at_start_date(self) -> Nodes:
        """The curves of these quotes on the date of the start.

        Raises:
            BootstrapFailed: There are none.
        """
        period = self.period
        curves = period.curves_at_start_date(shape_of(self.quotes))
        if curves.grid is self.at_end.grid:
            return self.at_end
        return Nodes(curves.grid, curves.solve(curves.vector(self.quotes)).x)


def _nodes_on(grid: Grid, implied: Nodes) -> FloatArray:
    """Node values of a grid at which its curves have the factors of others at its nodes.

    Turns keep their sizes; one that the others do not have is 0.
    """
    x = np.log(implied.factors(*_node_points(grid)))
    others = {nodes.name: place for place, nodes in enumerate(implied.grid.curves)}
    for nodes, offset in zip(grid.curves, grid.offsets, strict=False):
        if nodes.layout is None:
            continue
        count = len(nodes.days)
        x[offset + count : offset + len(nodes)] = 0.0
        other = implied.grid.curves[others[nodes.name]]
        known = {} if other.layout is None else dict(_turns(other.layout, implied, other.name))
        for number, turn in enumerate(map(tuple, nodes.layout.turns.tolist())):
            size = known.get(turn, 0.0)
            x[offset + count + number] = size
            share = np.clip((nodes.days - turn[0]) / (turn[1] - turn[0]), 0.0, 1.0)
            x[offset : offset + count] -= share * size
    return x


def _turns(layout: Layout, nodes: Nodes, name: str) -> list[tuple[tuple[int, int], float]]:
    """Turns of a curve with the logs of their factors."""
    place = [curve.name for curve in nodes.grid.curves].index(name)
    first = nodes.grid.offsets[place] + len(nodes.grid.curves[place].days)
    return [
        ((int(start), int(end)), float(nodes.x[first + number]))
        for number, (start, end) in enumerate(layout.turns)
    ]


def _node_points(grid: Grid) -> tuple[IntArray, IntArray]:
    """Curve and day of all nodes."""
    curve = np.repeat(np.arange(len(grid.curves)), [len(nodes) for nodes in grid.curves])
    return curve, grid.node_days()


def _length(key: QuoteId) -> tuple[str, object]:
    """Return a key that is equal for equivalent tenors, such as 12M and 1Y."""
    return key.curve, identity(key.tenor)


def _by_length(quotes: CurveQuotes) -> dict[tuple[str, object], float]:
    """Quotes by curve and length of tenor: 12M and 1Y are one quote."""
    return {
        _length(QuoteId(curve, tenor)): rate
        for curve, some in quotes.items()
        for tenor, rate in some.items()
    }


def _joined(first: Shape, second: Shape) -> Shape:
    """Merge the quotes of two markets of the same curves, with the second's spelling."""
    known = {_length(QuoteId(name, tenor)) for name, tenors in second for tenor in tenors}
    more: CurveQuotes = {name: dict.fromkeys(tenors, 0.0) for name, tenors in second}
    for name, tenors in first:
        for tenor in tenors:
            if _length(QuoteId(name, tenor)) not in known:
                more[name][tenor] = 0.0
    return shape_of(more)
