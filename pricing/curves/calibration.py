"""Represent calibrating instruments as flat cash flows: PV and derivatives at any node values.

An instrument pays ``unit`` times its quote plus ``amount``. A zero rate determines its node
directly: ``x + q t = 0``; one of a day that is no node, ``log P(day) + q t = 0``. The quote of a
bond is its yield, and what it pays is a price: ``yield_kernel`` turns one into the other, and the
derivatives below are those to the yield.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import QuantLib as ql

from pricing import kernel
from pricing.arrays import FloatArray, IntArray, RecordArray
from pricing.curves import fit_kernel
from pricing.curves.bonds import yield_kernel
from pricing.curves.bonds.yield_kernel import BondYields, bond_yields
from pricing.curves.discount_points import Points
from pricing.curves.fixings import Fixings
from pricing.curves.interpolation import YEAR, Grid
from pricing.curves.quote_ids import DatedSwap, MeetingSwap, read
from pricing.curves.quotes import QuoteId
from pricing.curves.rate_helpers import Helper, deposit_day_counter
from pricing.curves.rate_instruments import RateInstrument, known_from
from pricing.kernel_arrays import Flows, Tables
from pricing.markets import conventions
from pricing.markets.conventions import CurveConvention, IndexConvention
from pricing.products import schedules
from pricing.products.bonds.yield_flows import YieldFlows
from pricing.products.cash_flows import FIXED, FLOW, IBOR, Row
from pricing.products.leg_rows import fixed_leg_rows, floating_leg_rows
from pricing.products.schedules import day_number

NEAR_YIELD = 0.03
"""Start of the search for the yield of a model price, a decimal per year."""


class Residuals(NamedTuple):
    """Values of the instruments at some node values and quotes, and their derivatives.

    Attributes:
        value: PV of each instrument per unit of notional; 0 at a solution; shape (quotes,).
        slope: dPV/dx; shape (quotes, nodes).
        by_quote: dPV/dq of each instrument's own quote, the only one it knows; (quotes,).
    """

    value: FloatArray
    slope: FloatArray
    by_quote: FloatArray


class ParRates(NamedTuple):
    """The quotes at which instruments would be worth 0, at some node values.

    Attributes:
        rate: Decimal per year; shape (quotes,).
        slope: d rate / dx; shape (quotes, nodes).
        value: PV of each instrument at a quote of 0, of a bond at a price of 0; shape (quotes,).
        by_quote: dPV/dq, its annuity; of a bond to its price; shape (quotes,).
        by_quote_slope: d by_quote / dx; shape (quotes, nodes).
        value_slope: d value / dx; shape (quotes, nodes).
        discount: Discount factors of the points.
        by_price: Of a bond, d rate / d price; 1 for all others; shape (quotes,).
        bend: Of a bond, the second derivative of the rate to the price; else 0; shape (quotes,).
    """

    rate: FloatArray
    slope: FloatArray
    value: FloatArray
    by_quote: FloatArray
    by_quote_slope: FloatArray
    value_slope: FloatArray
    discount: FloatArray
    by_price: FloatArray
    bend: FloatArray


class FlatInstruments(NamedTuple):
    """Instruments as the arrays that loops over many markets read.

    Attributes:
        flows: Two legs an instrument; fixed flows as they are at quotes of 0.
        tables: Dependence of the flows' points on the nodes.
        zero: Places of the quotes that are zero rates, which have no flows.
        linear: Places of the other quotes that are sums of node values or of the log factor of a
            day.
        weights: What they are of the node values; shape (linear, nodes). Of days whose weights
            depend on these, 0: ``Instruments.sums`` adds them.
        years: What they are of their quotes; shape (linear,).
        zero_years: Time to the node of each zero rate, years; shape (zero,).
        bonds: The quotes that are yields of bonds.
    """

    flows: Flows
    tables: Tables
    zero: IntArray
    linear: IntArray
    weights: FloatArray
    years: FloatArray
    zero_years: FloatArray
    bonds: BondYields


class Instruments:
    """The calibrating instruments of a currency's curves on one date."""

    def __init__(
        self,
        grid: Grid,
        keys: Sequence[QuoteId],
        helpers: Mapping[str, Sequence[Helper]],
        today: ql.Date,
        *,
        indexed: bool,
        fixings: Fixings | None = None,
    ) -> None:
        """Compile helpers; QuantLib's date and fixings must be those of ``today``.

        ``fixings`` are those of swaps of given dates that have begun.
        """
        self._grid, self._count = grid, len(keys)
        linear: list[tuple[int, int, RateInstrument]] = []  # instrument, curve
        bonds: dict[int, YieldFlows] = {}
        names = [curve.name for curve in grid.curves]
        self._zero = np.array(
            [
                i
                for i, key in enumerate(keys)
                if conventions.CURVES[key.curve].quotes == "zero" and not helpers.get(key.curve)
            ],
            dtype=int,
        )
        rows: list[Row] = []
        where: list[tuple[int, int, int]] = []  # instrument, paying curve, growing curve
        for place, name in enumerate(names):
            row = conventions.CURVES[name]
            discount = names.index(row.discount_curve) if row.discount_curve else place
            numbers = [i for i, key in enumerate(keys) if key.curve == name]
            for number, helper in zip(numbers, helpers.get(name, ()), strict=False):
                if isinstance(helper, RateInstrument) and not helper.rows:
                    linear.append((number, place, helper))
                    continue
                if isinstance(helper, RateInstrument) and helper.indices:
                    made, grows = _basis_rows(helper, names, today)
                    rows += made
                    where += [(number, discount, curve) for curve in grows]
                    continue
                if isinstance(helper, RateInstrument) and helper.yields is not None:
                    bonds[number] = helper.yields
                made, alone = _rows(row, helper, today, indexed)
                if isinstance(read(keys[number].tenor), DatedSwap | MeetingSwap):
                    made = _begun(keys[number], made, row, day_number(today), fixings or {})
                rows += made
                where += [(number, place if alone else discount, place)] * len(made)
        self._take_linear(linear)
        self._bonds = bond_yields(len(keys), bonds)
        place_table = np.array(where, dtype=int).reshape(-1, 3)
        self._lay_out(np.array(rows, dtype=FLOW), *place_table.T)

    def _take_linear(self, linear: Sequence[tuple[int, int, RateInstrument]]) -> None:
        """Turns, and zero rates on days that are no nodes of their own."""
        grid = self._grid
        self._linear = np.array([number for number, _, _ in linear], dtype=np.int64)
        self._weights = np.zeros((len(linear), grid.size))
        self._years = np.zeros(len(linear))
        ends = [(curve, made.end if made.turn is None else 0) for _, curve, made in linear]
        curves, days = np.array(ends, dtype=np.int64).reshape(-1, 2).T
        tables = self._linear_tables = grid.tables(curves, days)  # on day 0 nothing depends on x
        taken: dict[int, int] = {}  # turns by curve: those with a quote come first in the layout
        for row, (_, curve, made) in enumerate(linear):
            if made.turn is not None:
                number = taken[curve] = taken.get(curve, -1) + 1
                nodes = grid.curves[curve]
                self._weights[row, grid.offsets[curve] + len(nodes.days) + number] = 1.0
                self._years[row] = made.years
                continue
            np.add.at(self._weights[row], tables.node[row], tables.node_weight[row])
            self._years[row] = (made.end - grid.today) / YEAR
        self._weights[tables.bent[:, 0]] = 0.0

    def _lay_out(
        self, flows: RecordArray, owner: IntArray, paid: IntArray, grown: IntArray
    ) -> None:
        today = self._grid.today
        last = max(int(flows[name].max(initial=today)) for name in ("pay", "end"))
        points = Points(today, len(self._grid.curves), last + 400)
        fixed = np.flatnonzero(flows["kind"] == FIXED)
        floating = np.flatnonzero(flows["kind"] != FIXED)
        keys = [
            points.mark(paid[fixed], flows["pay"][fixed]),
            points.mark(paid[floating], flows["pay"][floating]),
            points.mark(grown[floating], flows["start"][floating]),
            points.mark(grown[floating], flows["end"][floating]),
        ]
        pay, float_pay, start, end = (points.number(key) for key in keys)
        # Fixed flows are the first leg here, floating ones the second.
        legs = np.arange(2 * self._count + 1)
        self._owner, self._amount = owner[fixed], flows["amount"][fixed].copy()
        self._float_owner = owner[floating]
        self._flows = Flows(
            fixed_ptr=np.searchsorted(2 * owner[fixed], legs).astype(np.int64),
            fixed_pay=pay,
            fixed_amount=self._amount,
            fixed_unit=flows["unit"][fixed].copy(),
            float_ptr=np.searchsorted(2 * owner[floating] + 1, legs).astype(np.int64),
            float_pay=float_pay,
            float_start=start,
            float_end=end,
            float_alpha=flows["scale"][floating].copy(),
            float_beta=(flows["amount"] - flows["scale"])[floating],
        )
        self._tables = self._grid.tables(points.curve(), points.day())

    def at(self, x: FloatArray, quotes: FloatArray) -> Residuals:
        """All instruments at log node values ``x``."""
        paid, by_yield = self.in_prices(quotes)
        flows, tables = self._quoted(paid), self._grid.tables_at(self._tables, x)
        discount = self._grid.discount(tables, x)
        found = kernel.value_and_gradients(flows, discount, tables, self._grid.size)
        made = Residuals(found.leg_npv.sum(axis=1), found.node, found.annuity * by_yield)
        self._fill_zero_rates(made, x, quotes)
        return made

    def in_prices(self, quotes: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The quotes with the dirty prices of bonds in the place of their yields.

        Args:
            quotes: Decimal per year; shape (quotes,) or (quotes, columns).

        Returns:
            What instruments pay, and its slope to the quote (1 where that is the quote itself);
            each of the shape of ``quotes``.
        """
        paid, slope = quotes, np.ones_like(quotes)
        if len(self._bonds.place):
            paid, shape = quotes.copy(), (len(quotes), -1)
            yield_kernel.prices_at(
                self._bonds, quotes.reshape(shape), paid.reshape(shape), slope.reshape(shape)
            )
        return paid, slope

    def par_rates(self, x: FloatArray) -> ParRates:
        """The quotes that the instruments would have at log node values ``x``."""
        tables = self._grid.tables_at(self._tables, x)
        discount = self._grid.discount(tables, x)
        value, by_quote = np.empty(self._count), np.empty(self._count)
        value_slope = np.empty((self._count, self._grid.size))
        annuity_slope = np.empty_like(value_slope)
        flat = self.flat._replace(tables=tables)
        fit_kernel.slopes(flat, discount, value, by_quote, value_slope, annuity_slope)
        made = Residuals(value, value_slope, by_quote)
        self._fill_zero_rates(made, x, np.zeros(self._count))
        slope = annuity_slope * (value / by_quote**2)[:, None] - value_slope / by_quote[:, None]
        rate, by_price, bend = -value / by_quote, np.ones(self._count), np.zeros(self._count)
        if len(self._bonds.place):
            near = np.full(len(self._bonds.place), NEAR_YIELD)
            yield_kernel.yields_at(self._bonds, rate, by_price, bend, near)
            slope *= by_price[:, None]
        of_prices = value, by_quote, annuity_slope, value_slope, discount
        return ParRates(rate, slope, *of_prices, by_price, bend)

    def curvature(self, par: ParRates, weights: FloatArray) -> FloatArray:
        """Second derivatives of the par rates at ``par``, added up with weights.

        Only of curves whose log factors are linear in the node values: others are not fitted.

        Returns:
            By the places that a solution determines; shape (unknown, unknown).
        """
        flows = self._flows
        # Of the yield as a function of the price: what is left of the chain rule.
        by_rate = par.slope[:, self._grid.unknown]
        bent = by_rate.T @ (by_rate * (weights * par.bend / par.by_price**2)[:, None])
        weights = weights * par.by_price
        of_value, of_annuity = -weights / par.by_quote, weights * par.value / par.by_quote**2
        of_value[self._zero] = of_value[self._linear] = 0.0
        of_annuity[self._zero] = of_annuity[self._linear] = 0.0
        points, (grows, growth, which) = self._slopes
        amount = of_value[self._owner] * self._amount + of_annuity[self._owner] * flows.fixed_unit
        money = np.bincount(flows.fixed_pay, amount, len(points))
        scale = of_value[self._float_owner]
        money += np.bincount(flows.float_pay, scale * flows.float_beta, len(points))
        total = points.T @ (points * (money * par.discount)[:, None])
        pay, start, end = growth
        grown = par.discount[start] / par.discount[end] * par.discount[pay]
        grown *= np.bincount(which, scale * flows.float_alpha, len(grown))
        total += grows.T @ (grows * grown[:, None])
        # Of the quotient -value / annuity: what is left of the product rule.
        annuity_slope = par.by_quote_slope[:, self._grid.unknown]
        by_annuity = (weights / par.by_quote**2)[:, None] * annuity_slope
        mixed = par.value_slope[:, self._grid.unknown].T @ by_annuity
        squares = annuity_slope.T @ (by_annuity * (-2.0 * par.value / par.by_quote)[:, None])
        return np.asarray(total + mixed + mixed.T + squares + bent)

    @cached_property
    def _slopes(self) -> tuple[FloatArray, tuple[FloatArray, IntArray, IntArray]]:
        """Slopes of log discount factors to what a solution determines: of points, and of growth.

        Swaps share their periods, so flows that grow are told apart by their three points: the
        slopes of each such triple, its points (payment, start, end), and the triple of each flow.
        """
        flows, tables = self._flows, self._tables
        points = np.zeros((len(tables.node), self._grid.size))
        np.add.at(points, (np.arange(len(points))[:, None], tables.node), tables.node_weight)
        points = points[:, self._grid.unknown]
        triples = np.stack((flows.float_pay, flows.float_start, flows.float_end))
        growth, which = np.unique(triples, axis=1, return_inverse=True)
        pay, start, end = growth
        return points, (points[pay] + points[start] - points[end], growth, which.ravel())

    def value(self, x: FloatArray, quotes: FloatArray) -> FloatArray:
        """Return the PV that ``at`` returns, without slopes."""
        paid, _ = self.in_prices(quotes)
        found = kernel.value(self._quoted(paid), self._grid.discount(self._tables, x))
        zero = self._zero
        found[zero] = x[zero] + quotes[zero] * self._grid.node_years[zero]
        if len(self._linear):
            found[self._linear] = self.sums(x) + quotes[self._linear] * self._years
        return found

    def sums(self, x: FloatArray) -> FloatArray:
        """Return what the quotes ``flat.linear`` are of node values.

        Args:
            x: Log node values; shape (nodes,) or (nodes, columns).

        Returns:
            Shape (linear,) or (linear, columns).
        """
        found, tables = np.asarray(self._weights @ x), self._linear_tables
        if len(tables.bent):
            log = self._grid.bent_log_factors(tables, x.reshape(len(x), -1))
            found[tables.bent[:, 0]] = log.reshape(-1, *x.shape[1:])
        return found

    def _slopes_of_sums(self, x: FloatArray) -> FloatArray:
        """Derivatives of ``sums`` at log node values ``x``; shape (linear, nodes)."""
        rows = self._linear_tables.bent[:, 0]
        if not len(rows):
            return self._weights
        tables, slopes = self._grid.tables_at(self._linear_tables, x), self._weights.copy()
        np.add.at(slopes, (rows[:, None], tables.node[rows]), tables.node_weight[rows])
        return slopes

    @cached_property
    def flat(self) -> FlatInstruments:
        """The instruments as arrays, for loops over many node and quote vectors."""
        return FlatInstruments(
            self._flows,
            self._tables,
            self._zero,
            self._linear,
            self._weights,
            self._years,
            self._grid.node_years[self._zero],
            self._bonds,
        )

    def _quoted(self, quotes: FloatArray) -> Flows:
        """Flows that pay these quotes."""
        amount = self._amount + self._flows.fixed_unit * quotes[self._owner]
        return self._flows._replace(fixed_amount=amount)

    def _fill_zero_rates(self, made: Residuals, x: FloatArray, quotes: FloatArray) -> None:
        """Node and quote of a zero rate have the same number."""
        zero = self._zero
        years = self._grid.node_years[zero]
        made.value[zero] = x[zero] + quotes[zero] * years
        made.slope[zero, zero] = 1.0
        made.by_quote[zero] = years
        if len(self._linear):
            made.value[self._linear] = self.sums(x) + quotes[self._linear] * self._years
            made.slope[self._linear] = self._slopes_of_sums(x)
            made.by_quote[self._linear] = self._years


def _rows(
    row: CurveConvention, helper: Helper, today: ql.Date, indexed: bool
) -> tuple[list[Row], bool]:
    """Rows of FLOW of one instrument, and whether it is paid on its own curve."""
    if isinstance(helper, RateInstrument):
        return list(helper.rows), True
    if isinstance(helper, ql.DepositRateHelper):
        return _deposit_rows(row, helper), True
    if isinstance(helper, ql.FixedRateBondHelper):
        return _par_bond_rows(helper), True
    swap, index = helper.swap(), conventions.INDICES[str(row.index)]
    fixed = [r._replace(amount=0.0) for r in fixed_leg_rows(swap.leg(0))]
    floating = _fixed_today(floating_leg_rows(swap.leg(1), index, indexed), index, today)
    paid = [r._replace(scale=-r.scale, accrued=-r.accrued, amount=-r.amount) for r in floating]
    return [*fixed, *paid], False


def _basis_rows(
    helper: RateInstrument, names: Sequence[str], today: ql.Date
) -> tuple[list[Row], list[int]]:
    """Rows of FLOW of a basis swap, and the place of the curve that each grows on."""
    rows, grows = list[Row](), list[int]()
    for place, name in enumerate(helper.indices):
        index = conventions.INDICES[name]
        mine = [row for row in helper.rows if row.index_place == place]
        rows += _fixed_today(mine, index, today)
        grows += [names.index(index.forecast_curve)] * len(mine)
    quoted = [row for row in helper.rows if row.kind == FIXED]
    return [*rows, *quoted], [*grows, *[0] * len(quoted)]


def _begun(
    key: QuoteId, rows: list[Row], row: CurveConvention, today: int, fixings: Fixings
) -> list[Row]:
    """A swap of given dates, some of whose fixings may be known."""
    index, found = conventions.INDICES[str(row.index)], list[Row]()
    for each in rows:
        floating = each.kind != FIXED and each.start < today
        found += known_from(key, each, index, today, fixings) if floating else [each]
    return found


def _fixed_today(rows: list[Row], index: IndexConvention, today: ql.Date) -> list[Row]:
    """QuantLib's helper uses a fixing of today when there is one; so does its copy here."""
    made = schedules.make_index(index)
    if not made.hasHistoricalFixing(today):
        return rows
    day, rate = day_number(today), made.fixing(today)
    after = made.fixingCalendar().advance(today, 1, ql.Days)
    growth = 1.0 + rate * made.dayCounter().yearFraction(today, after)
    return [
        _with_fixing(row, rate, growth, day_number(after)) if row.fixing == day else row
        for row in rows
    ]


def _with_fixing(row: Row, rate: float, growth: float, after: int) -> Row:
    if row.kind == IBOR:  # nothing left to grow
        known = row.amount + row.accrued * rate
        return Row(leg=row.leg, pay=row.pay, ex=row.ex, amount=known, unit=row.unit)
    # scale (growth P(s)/P(e) - 1) + amount, in the form scale' (P(s)/P(e) - 1) + amount'.
    shifted = row.amount + row.scale * (growth - 1.0)
    return row._replace(start=min(after, row.end), scale=row.scale * growth, amount=shifted)


def _deposit_rows(row: CurveConvention, helper: Helper) -> list[Row]:
    start, end = helper.earliestDate(), helper.maturityDate()
    tau = deposit_day_counter(row).yearFraction(start, end)
    return [_cash(day_number(start), -1.0, 0.0), _cash(day_number(end), 1.0, tau)]


def _par_bond_rows(helper: Helper) -> list[Row]:
    """Per unit of face: pay 1 at settlement, receive coupons (all unit) and redemption."""
    bond = helper.bond()
    paid = [
        r._replace(amount=0.0 if r.unit else r.amount / 100.0, unit=r.unit / 100.0)
        for r in fixed_leg_rows(bond.cashflows())
    ]
    return [_cash(day_number(bond.settlementDate()), -1.0, 0.0), *paid]


def _cash(day: int, amount: float, unit: float) -> Row:
    return Row(pay=day, amount=amount, unit=unit)
