"""Represent calibrating instruments as flat cash flows: PV and derivatives at any node values.

An instrument pays ``unit`` times its quote plus ``amount``. A zero rate determines its node
directly: ``x + q t = 0``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import QuantLib as ql

from pricing import kernel
from pricing.arrays import FloatArray, IntArray, RecordArray
from pricing.curves.discount_points import Points
from pricing.curves.interpolation import Grid
from pricing.curves.quotes import QuoteId
from pricing.curves.rate_helpers import Helper, deposit_day_counter
from pricing.kernel_arrays import Flows
from pricing.markets import conventions
from pricing.markets.conventions import CurveConvention, IndexConvention
from pricing.products import schedules
from pricing.products.cash_flows import FIXED, FLOW, IBOR, Row
from pricing.products.leg_rows import fixed_leg_rows, floating_leg_rows
from pricing.products.schedules import day_number


class Residuals(NamedTuple):
    """Instruments at some node values and quotes.

    Attributes:
        value: PV of each instrument per unit of notional; 0 at a solution; shape (quotes,).
        slope: dPV/dx; shape (quotes, nodes).
        by_quote: dPV/dq of each instrument's own quote, the only one it knows; (quotes,).
    """

    value: FloatArray
    slope: FloatArray
    by_quote: FloatArray


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
    ) -> None:
        """Compile helpers; QuantLib's date and fixings must be those of ``today``."""
        self._grid, self._count = grid, len(keys)
        names = [curve.name for curve in grid.curves]
        self._zero = np.array(
            [i for i, k in enumerate(keys) if conventions.CURVES[k.curve].quotes == "zero"],
            dtype=int,
        )
        rows: list[Row] = []
        where: list[tuple[int, int, int]] = []  # instrument, paying curve, growing curve
        for place, name in enumerate(names):
            row = conventions.CURVES[name]
            discount = names.index(row.discount_curve) if row.discount_curve else place
            numbers = [i for i, key in enumerate(keys) if key.curve == name]
            for number, helper in zip(numbers, helpers.get(name, ()), strict=False):
                made, alone = _rows(row, helper, today, indexed)
                rows += made
                where += [(number, place if alone else discount, place)] * len(made)
        place_table = np.array(where, dtype=int).reshape(-1, 3)
        self._lay_out(np.array(rows, dtype=FLOW), *place_table.T)

    def _lay_out(
        self, flows: RecordArray, owner: IntArray, paid: IntArray, grown: IntArray
    ) -> None:
        today = self._grid.today
        points = Points(today, len(self._grid.curves), int(flows["pay"].max(initial=today)) + 400)
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
        flows = self._quoted(quotes)
        discount = self._grid.discount(self._tables, x)
        found = kernel.value_and_gradients(flows, discount, self._tables, self._grid.size)
        made = Residuals(found.leg_npv.sum(axis=1), found.node, found.annuity)
        self._fill_zero_rates(made, x, quotes)
        return made

    def value(self, x: FloatArray, quotes: FloatArray) -> FloatArray:
        """Their PV alone, as in ``at``."""
        found = kernel.value(self._quoted(quotes), self._grid.discount(self._tables, x))
        zero = self._zero
        found[zero] = x[zero] + quotes[zero] * self._grid.node_years()[zero]
        return found

    def _quoted(self, quotes: FloatArray) -> Flows:
        """Flows that pay these quotes."""
        amount = self._amount + self._flows.fixed_unit * quotes[self._owner]
        return self._flows._replace(fixed_amount=amount)

    def _fill_zero_rates(self, made: Residuals, x: FloatArray, quotes: FloatArray) -> None:
        """Node and quote of a zero rate have the same number."""
        zero = self._zero
        years = self._grid.node_years()[zero]
        made.value[zero] = x[zero] + quotes[zero] * years
        made.slope[zero, zero] = 1.0
        made.by_quote[zero] = years


def _rows(
    row: CurveConvention, helper: Helper, today: ql.Date, indexed: bool
) -> tuple[list[Row], bool]:
    """Rows of FLOW of one instrument, and whether it is paid on its own curve."""
    if isinstance(helper, ql.DepositRateHelper):
        return _deposit_rows(row, helper), True
    if isinstance(helper, ql.FixedRateBondHelper):
        return _par_bond_rows(helper), True
    swap, index = helper.swap(), conventions.INDICES[str(row.index)]
    fixed = [r._replace(amount=0.0) for r in fixed_leg_rows(swap.leg(0))]
    floating = _fixed_today(floating_leg_rows(swap.leg(1), index, indexed), index, today)
    paid = [r._replace(scale=-r.scale, accrued=-r.accrued, amount=-r.amount) for r in floating]
    return [*fixed, *paid], False


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
