"""Bootstrap a currency's curves, and compute d(node)/d(quote).

QuantLib makes the calibrating instruments, which are compiled like trades. This gives

- all nodes of all curves at once, by Newton's method on "every instrument is worth 0": four or
  five small solves instead of a root search per quote. QuantLib's own bootstrap is used where
  Newton's method does not converge; it also explains why a market has no curve. Both give the same
  nodes, to the 1e-12 that QuantLib's root search leaves (tests/pricing/test_curves.py);
- the Jacobian by the implicit function theorem: at a solution ``PV_h(x, q) = 0``, so
  ``dx/dq = -(dPV_h/dx)^-1 dPV_h/dq``: one small solve and no bumping;
- a check that every instrument reprices to its quote.

A market with more quotes than nodes is fitted instead: see ``_fit``.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import QuantLib as ql

from pricing.arrays import FloatArray
from pricing.curves import fit_kernel
from pricing.curves.basis_quotes import as_rates, other_curve, outright, refuse_twins
from pricing.curves.calibration import Instruments, Residuals
from pricing.curves.fixings import Fixings
from pricing.curves.interpolation import YEAR, CurveNodes, Grid
from pricing.curves.node_layout import lay_out
from pricing.curves.quote_ids import DatedSwap, MeetingSwap, is_tenor, names_of, read
from pricing.curves.quotes import CurveOptions, CurveQuotes, QuoteId, Shape
from pricing.curves.rate_helpers import Helper, HelperFactory
from pricing.curves.rate_instruments import RateInstrument
from pricing.errors import BadInput, BootstrapFailed, MissingCurve
from pricing.markets import conventions
from pricing.markets.calendars import date_of, day_of
from pricing.markets.conventions import CurveConvention
from pricing.products import schedules
from pricing.products.schedules import day_number

ONE_BP = 1e-4
REPRICING_TOLERANCE = 1e-10
"""Largest rate error of a calibrating instrument; docs/definitions.md, check 1."""

MOST_STEPS = 12
NEAR = 1e-4
"""Length of a Gauss-Newton step below which chord steps on the gradient finish the fit."""

FIT_CHORD_STEPS = 4
"""Chord steps of a fit. Each gains at least four digits, as the slopes are those of nodes that are
off by 1e-7."""

CLOSE = 1e-8
"""Length of a Newton step after which the error, which each step squares, is below rounding."""

LONGEST_STEP = 10.0
"""Longest step of a log discount factor: a curve this far from the start is not a curve
of rates."""

WILD = 0.5
"""Largest forward rate of a curve that is accepted as it is. Beyond it QuantLib's bootstrap
decides, which searches up to 1."""

LEAST_START = -0.9
"""Lowest start of the search for any quote; quotes below it are judged by the solution."""

WORST_CONDITION = 1e4
"""Largest condition number of the slopes of model rates to zero rates: about 3 where each basis
has a quoted level on one side, above 20,000 where two curves are quoted against each other alone.
"""

MOST_HALVINGS = 12
ROUNDING, NEARLY_ROUNDING = 2e-15, 1e-12
"""Values of instruments per unit of notional. Below the first, the curve is solved; below the
second, a step that does not help is not tried again at half its length."""

CHORD_STEPS = 3
"""Chord steps from a start that is off by 1e-8: each gains three digits, with slopes from 1 bp
away."""

PIECEWISE = {
    "log_linear": ql.PiecewiseLogLinearDiscount,
    "natural_log_cubic": ql.PiecewiseNaturalLogCubicDiscount,
}
ORDINAL = re.compile(r"(?<!\d)(\d+)(?:st|nd|rd|th) (?:alive )?instrument")


@dataclass(frozen=True)
class Solved:
    """A currency's curves at one quote vector.

    Attributes:
        quotes: The quotes, in the order of ``CurveSet.keys``; decimal per year.
        x: Log discount factors at the nodes; shape (nodes,).
        jacobian: dx/dq; shape (nodes, quotes).
        rate_error: Largest |rate error| of a calibrating instrument that is met exactly; decimal
            per year.
        inverse: Inverse of d(instrument's value)/dx; shape (nodes, quotes). In a fit, of the
            gradient of half the sum of squares; shape (nodes, nodes).
        residuals: Quote less model rate of each instrument; decimal per year, shape (quotes,).
    """

    quotes: FloatArray
    x: FloatArray
    jacobian: FloatArray
    rate_error: float
    inverse: FloatArray
    residuals: FloatArray


class CurveSet:
    """The curves of one currency on one date, ready for any quotes of the same tenors.

    Holds QuantLib helpers, so it belongs to one process. QuantLib's evaluation date and
    fixings are process-wide: ``solve`` sets them first. ``outright`` says which quotes a parallel
    move of rates moves; shape (quotes,).
    """

    def __init__(
        self,
        today: dt.date,
        shape: Shape,
        fixings: Fixings | None = None,
        options: CurveOptions = CurveOptions(),
    ) -> None:
        """Build helpers and compile them.

        Raises:
            MissingCurve: A curve lacks the one it is discounted on, or quoted against.
            BootstrapFailed: Two tenors of a curve end on the same day; both are named.
        """
        self.today, self.options, self.shape = today, options, shape
        self.fixings: Fixings = fixings or {}
        self.names = tuple(name for name, _ in shape)
        self.keys = tuple(QuoteId(name, tenor) for name, tenors in shape for tenor in tenors)
        self.outright = outright(self.keys)
        self._require_other_curves()
        self._todays_fixings = self._fixings_of_today(self.fixings)
        self._handles = {name: ql.RelinkableYieldTermStructureHandle() for name in self.names}
        self._quotes = {key: ql.SimpleQuote(0.01) for key in self.keys}
        self.enter()
        self._helpers = {name: self._make_helpers(name) for name in self.names}
        self.grid = Grid(day_of(today), tuple(self._nodes(name) for name in self.names))
        date = schedules.to_ql(today)
        self.instruments = Instruments(
            self.grid,
            self.keys,
            self._helpers,
            date,
            indexed=options.indexed,
            fixings=self.fixings,
        )
        self.fitted = len(self.grid.unknown) < len(self.keys)
        self.weights = np.array([self._weight(key) for key in self.keys])
        exact = {nodes.name for nodes in self.grid.curves if nodes.unknowns == len(nodes)}
        self._exact = np.array([key.curve in exact for key in self.keys])
        self._checked = bool(self.outright.all())
        self._parallel: tuple[Solved, FloatArray] | None = None

    # --- Set-up ------------------------------------------------------------------------------

    def _require_other_curves(self) -> None:
        """Those that swaps are discounted on, and the other curve of each basis quote."""
        needed = [conventions.CURVES[name].discount_curve for name in self.names]
        for name in (*needed, *map(other_curve, self.keys)):
            if name is not None and name not in self.names:
                raise MissingCurve(name, ", ".join(self.names))
        refuse_twins(self.keys)

    def _fixings_of_today(self, fixings: Fixings) -> dict[str, float | None]:
        """Fixings that instruments starting today see, of the indices behind these curves."""
        names = [conventions.CURVES[name].index for name in self.names]
        return {name: fixings.get(name, {}).get(self.today) for name in names if name}

    def enter(self) -> None:
        """Set QuantLib's process-wide date and fixings to those of this set."""
        set_date(self.today)
        for name, rate in self._todays_fixings.items():
            set_fixing(schedules.make_index(conventions.INDICES[name]), self.today, rate)

    def keys_of(self, name: str) -> list[QuoteId]:
        """The quotes of one curve, from short to long."""
        return [key for key in self.keys if key.curve == name]

    def _make_helpers(self, name: str) -> list[Helper]:
        row = conventions.CURVES[name]
        if row.quotes == "zero" and not self._has_layout(name):
            return []  # each zero rate is the one of its node
        discount = self._handles[row.discount_curve or name]
        factory = HelperFactory(row, self.today, discount, self.options.indexed, self.fixings)
        return [factory.make(key, self._quotes[key]) for key in self.keys_of(name)]

    def _has_layout(self, name: str) -> bool:
        """Return whether a curve's nodes may be elsewhere than where tenors end."""
        row = conventions.CURVES[name]
        if row.nodes or row.fit or row.meetings or row.turns:
            return True
        return not all(is_tenor(key.tenor) for key in self.keys_of(name))

    def _weight(self, key: QuoteId) -> float:
        """Weight of the square of a quote's residual."""
        given = conventions.CURVES[key.curve].weights or {}
        return next((given[name] for name in names_of(key.tenor) if name in given), 1.0)

    def _nodes(self, name: str) -> CurveNodes:
        keys, today = self.keys_of(name), schedules.to_ql(self.today)
        helpers, row = self._helpers[name], conventions.CURVES[name]
        interpolation = self.options.of(row)
        if self._has_layout(name):
            last = [_last_day(row, *pair) for pair in zip(keys, helpers, strict=True)]
            turns = [_turn(helper) for helper in helpers]
            return lay_out(row, interpolation, keys, last, turns, self.today)
        days = [day_number(helper.pillarDate()) for helper in helpers]
        days = days or [day_number(today + ql.Period(key.tenor)) for key in keys]
        ends = [day_number(helper.maturityDate()) for helper in helpers] or days
        self._refuse_same_ends(keys, days, ends)
        return CurveNodes(name, interpolation, np.array(days, dtype=np.int64))

    def _refuse_same_ends(
        self, keys: Sequence[QuoteId], nodes: Sequence[int], ends: Sequence[int]
    ) -> None:
        """Refuse an instrument that ends no later than the node of the tenor before it.

        Two overnight swaps that end a day apart and pay a day later are such ones: the second
        would say again what the first has said, and its own node would stay open.
        """
        for before, node, key, end in zip(keys, nodes, keys[1:], ends[1:], strict=False):
            if end > node:
                continue
            ends_on, last = date_of(end), date_of(node)
            reason = (
                f"on {self.today} it ends on {ends_on}, and {before.tenor} reaches to {last}: a "
                f"longer tenor must end later; give {before.tenor} or {key.tenor}, not both"
            )
            raise BootstrapFailed(key.curve, key.tenor, None, reason)

    # --- Solving -----------------------------------------------------------------------------

    def vector(self, curves: CurveQuotes) -> FloatArray:
        """Quotes in the order of ``keys``.

        Raises:
            BadInput: A quote that the shape promises is absent.
        """
        try:
            return np.array([curves[key.curve][key.tenor] for key in self.keys])
        except KeyError as error:
            raise BadInput("quotes", error.args[0], "every tenor of the shape is needed") from None

    def solve(self, quotes: FloatArray) -> Solved:
        """All nodes, the instruments' rate errors, and the Jacobian.

        The same quotes give the same bits, in every process: nothing remembers other quotes.

        Raises:
            BootstrapFailed: Curve, tenor, quote and QuantLib's own text.
        """
        if self.fitted:
            return self._fit(quotes)
        self._check_determined(quotes)
        x = self._by_newton(self._start(quotes), quotes)
        if x is None or np.abs(self.grid.forwards(x)).max() > WILD:
            if not self.has_bootstrap:
                raise self._refused(x, quotes, "Newton's method finds no curve of rates")
            x = self.bootstrap(quotes)
            x = _newton(x, self.instruments.at(x, quotes))
        found = self.instruments.at(x, quotes)
        if not self.grid.is_linear:
            x = self.settled(x, quotes)
            found = self.instruments.at(x, quotes)
        errors = np.abs(found.value / found.by_quote)
        worst = int(np.argmax(errors))
        if not errors[worst] < REPRICING_TOLERANCE:
            reason = f"its instrument reprices with a rate error of {errors[worst]:.1e}"
            raise BootstrapFailed(*self.keys[worst], float(quotes[worst]), reason)
        jacobian = -np.linalg.solve(found.slope, np.diag(found.by_quote))
        inverse = -jacobian / found.by_quote
        residuals = found.value / found.by_quote
        return Solved(quotes, x, np.asarray(jacobian), float(errors[worst]), inverse, residuals)

    def _fit(self, quotes: FloatArray) -> Solved:
        """The nodes at which the weighted sum of squares of quote less model rate is least.

        Instruments of curves with as many nodes as quotes are met exactly there, as they are by
        themselves. With ``r(x)`` the model rates and ``W`` the weights, the gradient
        ``r'(x)^T W (q - r(x))`` is 0 at the minimum, so by the implicit function theorem
        ``dx/dq = M^-1 r'^T W`` with ``M = r'^T W r' - sum of W (q - r) r''``.

        Raises:
            BootstrapFailed: No quote determines a node, or there is no minimum.
        """
        x = self._by_gauss_newton(self._start(quotes), quotes)
        if x is None or np.abs(self.grid.forwards(x)).max() > WILD:
            raise self._refused(x, quotes, "the least squares have no minimum near the quotes")
        _, inverse, _ = self._at_fit(x, quotes)
        for _ in range(FIT_CHORD_STEPS):
            x = x + self._correction(inverse, x, quotes)
        slope, inverse, residuals = self._at_fit(x, quotes)
        jacobian = np.zeros((self.grid.size, len(self.keys)))
        jacobian[self.grid.unknown] = inverse @ (slope * self.weights[:, None]).T
        errors = np.where(self._exact, np.abs(residuals), 0.0)
        worst = int(np.argmax(errors))
        if not errors[worst] < REPRICING_TOLERANCE or not np.isfinite(residuals).all():
            reason = f"its instrument reprices with a rate error of {errors[worst]:.1e}"
            raise BootstrapFailed(*self.keys[worst], float(quotes[worst]), reason)
        return Solved(quotes, x, jacobian, float(errors[worst]), inverse, residuals)

    def _by_gauss_newton(self, x: FloatArray, quotes: FloatArray) -> FloatArray | None:
        """Nodes close to the least sum of squares; None where that does not converge."""
        places, root = self.grid.unknown, np.sqrt(self.weights)
        size = self.grid.node_years[places]  # columns of about the same length
        for number in range(MOST_STEPS):
            par = self.instruments.par_rates(x)
            table = par.slope[:, places] * root[:, None] * size
            if not np.isfinite(table).all():
                return None
            if number == 0 and np.linalg.matrix_rank(table, rtol=1e-12) < len(places):
                raise self._undetermined(table)
            try:
                step = np.linalg.solve(table.T @ table, table.T @ (root * (quotes - par.rate)))
            except np.linalg.LinAlgError:
                return None
            x[places] += step * size
            length = np.abs(step * size).max()
            if length < NEAR:
                return x
            if not length < LONGEST_STEP:
                return None
        return None

    def _check_determined(self, quotes: FloatArray) -> None:
        """Refuse curves that are quoted against each other and by nothing else.

        Raises:
            BootstrapFailed: With the node that is left open.
        """
        if self._checked:
            return
        size = self.grid.node_years[self.grid.unknown]
        table = self.instruments.par_rates(self._start(quotes)).slope[:, self.grid.unknown] * size
        if not np.linalg.cond(table) < WORST_CONDITION:
            raise self._undetermined(table)
        self._checked = True

    def _undetermined(self, table: FloatArray) -> BootstrapFailed:
        """Name the node that no quote determines."""
        loose = int(np.argmax(np.abs(np.linalg.svd(table)[2][-1])))
        place = int(self.grid.unknown[loose])
        curve = int(np.searchsorted(self.grid.offsets, place, side="right")) - 1
        name, date = self.names[curve], date_of(int(self.grid.node_days()[place]))
        reason = f"no quote determines its node of {date}: leave the node out, or add a quote"
        return BootstrapFailed(name, self.keys_of(name)[0].tenor, None, reason)

    def _at_fit(
        self, x: FloatArray, quotes: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Slopes of model rates, the inverse of ``M`` of ``_fit``, and the residuals."""
        places = self.grid.unknown
        par = self.instruments.par_rates(x)
        residuals, slope = quotes - par.rate, par.slope[:, places]
        bend = self.instruments.curvature(par, self.weights * residuals)
        made = slope.T @ (slope * self.weights[:, None]) - bend
        size = self.grid.node_years[places]
        inverse = np.linalg.inv(made * size * size[:, None]) * size * size[:, None]
        return slope, inverse, residuals

    def _correction(self, inverse: FloatArray, x: FloatArray, quotes: FloatArray) -> FloatArray:
        """A chord step from node values towards the solution, with slopes of another one.

        Args:
            inverse: ``Solved.inverse`` of a solution near by.
            x: Log node values.
            quotes: The quotes to be met.
        """
        if not self.fitted:
            return np.asarray(-(inverse @ self.instruments.value(x, quotes)))
        gradient, step, places = np.empty_like(x), np.zeros_like(x), self.grid.unknown
        fit_kernel.gradient(self.instruments.flat, self.weights, x, quotes, gradient)
        step[places] = inverse @ gradient[places]
        return step

    def _start(self, quotes: FloatArray) -> FloatArray:
        """Return start values for which each quote is taken as an annual zero rate."""
        if not self.outright.all():
            quotes = as_rates(self.keys, quotes, self.grid.key_days())
        if self.grid.has_layouts:
            return np.concatenate([self._start_of(nodes, quotes) for nodes in self.grid.curves])
        return np.asarray(-np.log1p(np.maximum(quotes, LEAST_START)) * self.grid.node_years)

    def _start_of(self, nodes: CurveNodes, quotes: FloatArray) -> FloatArray:
        """Start values of one curve's nodes; between maturities of quotes, linear in the rate."""
        mine = np.array([key.curve == nodes.name for key in self.keys])
        rates = np.log1p(np.maximum(quotes[mine], LEAST_START))
        x = np.zeros(len(nodes))
        if nodes.layout is None:
            return np.asarray(-rates * (nodes.days - self.grid.today) / YEAR)
        keys = nodes.layout.keys
        at_nodes = np.interp(nodes.days, nodes.layout.ends[keys], rates[keys])
        x[: len(nodes.days)] = -at_nodes * (nodes.days - self.grid.today) / YEAR
        return x

    def _by_newton(self, x: FloatArray, quotes: FloatArray) -> FloatArray | None:
        """Nodes at which every instrument is worth 0; None where that does not converge."""
        for _ in range(MOST_STEPS):
            found = self.instruments.at(x, quotes)
            try:
                step = np.linalg.solve(found.slope, found.value)
            except np.linalg.LinAlgError:
                return None
            x = x - step
            length = np.abs(step).max()
            if length < CLOSE:
                return np.asarray(x)
            if not length < LONGEST_STEP:  # also when it is not a number
                return None
        return None

    def parallel(self, move: float) -> FloatArray:
        """A parallel move of rates: of all quotes but basis spreads; shape (quotes,)."""
        return np.where(self.outright, move, 0.0)

    def at_parallel_moves(self, solved: Solved) -> FloatArray:
        """Node values as solved, with rates 1 bp up, and 1 bp down; shape (nodes, 3).

        Those of the last solution are kept: all blocks of a frame ask for them.
        """
        if self._parallel is None or self._parallel[0] is not solved:
            move = self.parallel(ONE_BP)
            moved = (self.shifted(solved, move), self.shifted(solved, -move))
            self._parallel = (solved, np.stack([solved.x, *moved], axis=1))
        return self._parallel[1]

    def shifted(self, solved: Solved, shift: FloatArray) -> FloatArray:
        """Node values at ``quotes + shift``, from the solved ones and their slopes.

        Args:
            solved: A solution.
            shift: Small moves of the quotes, decimal; shape (quotes,).
        """
        quotes = solved.quotes + shift
        x = solved.x + solved.jacobian @ shift
        if not self.grid.is_linear:
            return self.settled(x, quotes)
        for _ in range(CHORD_STEPS):
            x = x + self._correction(solved.inverse, x, quotes)
        return np.asarray(x)

    def settled(self, x: FloatArray, quotes: FloatArray) -> FloatArray:
        """Move node values that are close to a solution to it, across jumps of slopes.

        A step of Newton's method that crosses a jump may lead away: it is halved until the largest
        value of an instrument falls. The end is where none does: at rounding, if there is a
        solution.

        Args:
            x: Log node values.
            quotes: The quotes to be met, exactly.
        """
        found = self.instruments.at(x, quotes)
        error = np.abs(found.value).max()
        for _ in range(MOST_STEPS):
            if error < ROUNDING:
                break
            try:
                step = np.linalg.solve(found.slope, found.value)
            except np.linalg.LinAlgError:
                break
            for _ in range(MOST_HALVINGS):
                nearer = self.instruments.at(x - step, quotes)
                left = np.abs(nearer.value).max()
                if left < error:
                    break
                if error < NEARLY_ROUNDING:
                    return x
                step /= 2.0
            else:
                break
            x, found, error = x - step, nearer, left
        return x

    @property
    def has_bootstrap(self) -> bool:
        """Return whether QuantLib's own bootstrap makes the same curves."""
        return self.grid.is_linear and not self.grid.has_layouts

    def bootstrap(self, quotes: FloatArray) -> FloatArray:
        """Log discount factors at the nodes, by QuantLib alone.

        Raises:
            BootstrapFailed: Curve, tenor, quote and QuantLib's own text.
        """
        if not self.has_bootstrap:
            key, reason = self._why_no_bootstrap()
            raise BootstrapFailed(*key, None, reason)
        self.enter()
        for key, quote in zip(self.keys, quotes, strict=True):
            self._quotes[key].setValue(float(quote))
        return np.concatenate([self._bootstrap_curve(name) for name in self.names])

    def _why_no_bootstrap(self) -> tuple[QuoteId, str]:
        """The first quote of a curve that QuantLib's bootstrap does not make, and why."""
        for nodes in self.grid.curves:
            if nodes.layout is not None:
                return self.keys_of(nodes.name)[0], "QuantLib's bootstrap has one node a quote"
            if not nodes.is_linear:
                reason = f"QuantLib has no curve that is {nodes.interpolation} in the same way"
                return self.keys_of(nodes.name)[0], reason
        raise ValueError("QuantLib's bootstrap makes all of these curves")

    def _refused(self, x: FloatArray | None, quotes: FloatArray, reason: str) -> BootstrapFailed:
        """Name the quote at which a curve goes wrong, as far as that is known."""
        if x is None:
            errors = quotes - self.instruments.par_rates(self._start(quotes)).rate
            place = int(np.argmax(np.abs(np.nan_to_num(errors))))
        else:
            forwards = self.grid.forwards(x)
            node = int(np.argmax(np.abs(forwards)))
            reason = f"its forward rate is {forwards[node]:.0%} a year"
            place = self.grid.quote_of_node(node)
        return BootstrapFailed(*self.keys[place], float(quotes[place]), reason)

    def _bootstrap_curve(self, name: str) -> FloatArray:
        row, nodes = conventions.CURVES[name], self.grid.curves[self.names.index(name)]
        keys = self.keys_of(name)
        if row.quotes == "zero":
            rates = np.array([self._quotes[key].value() for key in keys])
            return np.asarray(-rates * (nodes.days - self.grid.today) / YEAR)
        # Coupons of par bonds are the quotes themselves.
        helpers = self._make_helpers(name) if row.quotes == "par_yield" else self._helpers[name]
        # A new curve each time: an old one would start from its last solution, and the
        # same quotes would then give numbers that depend on what came before.
        piecewise = PIECEWISE[nodes.interpolation]
        curve = piecewise(schedules.to_ql(self.today), helpers, ql.Actual365Fixed())
        curve.enableExtrapolation()
        try:
            discounts = np.array(curve.data()[1:])
        except RuntimeError as error:
            raise self._explained(keys, str(error)) from None
        self._handles[name].linkTo(curve)
        return np.asarray(np.log(discounts))

    def _explained(self, keys: Sequence[QuoteId], text: str) -> BootstrapFailed:
        """QuantLib counts instruments from 1, shortest first: name the tenor and its quote."""
        match = ORDINAL.search(text)
        key = keys[min(int(match[1]), len(keys)) - 1 if match else 0]
        return BootstrapFailed(key.curve, key.tenor, self._quotes[key].value(), text)


def _last_day(row: CurveConvention, key: QuoteId, helper: Helper) -> int:
    """Day number of the node that an instrument would have: of the last day that it depends on.

    Swaps of given dates have it where their rate ends, not where they pay: forwards step there. So
    have all swaps of a curve whose forwards step at meetings.
    """
    if isinstance(helper, RateInstrument):
        return helper.end
    dated = row.meetings is not None or isinstance(read(key.tenor), DatedSwap | MeetingSwap)
    return day_number(helper.maturityDate() if dated else helper.pillarDate())


def _turn(helper: Helper) -> tuple[int, int] | None:
    """Day numbers between which a turn accrues; None for what is no turn."""
    if not isinstance(helper, RateInstrument) or helper.turn is None:
        return None
    return helper.turn, helper.end


def _newton(x: FloatArray, found: Residuals) -> FloatArray:
    return np.asarray(x - np.linalg.solve(found.slope, found.value))


def set_date(today: dt.date) -> None:
    """Set QuantLib's process-wide date, if it is another: setting it wakes every helper."""
    date = schedules.to_ql(today)
    if ql.Settings.instance().evaluationDate != date:
        ql.Settings.instance().evaluationDate = date


def set_fixing(index: ql.IborIndex, date: dt.date, rate: float | None) -> None:
    """Make QuantLib's process-wide store say this of one day; nothing when it does already."""
    day = schedules.to_ql(date)
    known = index.hasHistoricalFixing(day)
    if rate is None:
        if known:
            index.clearFixings()
    elif index.isValidFixingDate(day) and not (known and index.fixing(day) == rate):
        index.addFixing(day, rate, True)
