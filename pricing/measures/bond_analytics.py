"""Price a bond on its curve: prices per 100, yield, duration and z-spread.

Model prices come from the fast path's discount factors, accrued interest from
``fixed_rate_bond_flows``, and the yield of a price from ``yields``.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from pricing.arrays import FloatArray, IntArray
from pricing.curves.curve_set import ONE_BP, CurveSet, Solved, set_date
from pricing.curves.interpolation import YEAR
from pricing.errors import MissingCurve, NothingAfterSettlement, Unpriceable
from pricing.measures import yields
from pricing.measures.bond_block import BondFlows
from pricing.products import fixed_rate_bond_flows
from pricing.products.cash_flows import FLOW, NEVER
from pricing.products.fixed_rate_bond import BondTerms
from pricing.products.leg_rows import fixed_leg_rows
from pricing.products.schedules import day_number

SPREAD_LIMIT, EPSILON = 5.0, float(np.finfo(float).eps)
"""A z-spread beyond 500 % is no spread but a wrong price."""


@dataclass(frozen=True, kw_only=True)
class BondAnalytics:
    """Prices per 100 of face at the settlement date; street conventions of the market.

    Attributes:
        clean_per_100: Model price without accrued interest.
        dirty_per_100: Model price with it.
        accrued_per_100: Accrued interest; negative when the bond is ex-dividend.
        ytm: Yield of the clean price, decimal per year.
        modified_duration: -dP/dy / P, years.
        convexity: d2P/dy2 / P, years squared.
        yield_dv01: What a 1 bp fall of the yield earns on the position; trade currency.
        z_spread_bp: The spread that was used.
    """

    clean_per_100: float
    dirty_per_100: float
    accrued_per_100: float
    ytm: float
    modified_duration: float
    convexity: float
    yield_dv01: float
    z_spread_bp: float


BOND_ANALYTICS = tuple(field.name for field in fields(BondAnalytics))
"""Names of the measures that a bond has of its prices and its yield."""


class PricedBond:
    """One bond on one date and curve."""

    def __init__(self, terms: BondTerms, curves: CurveSet, solved: Solved) -> None:
        """Lay out its flows after settlement.

        Raises:
            MissingCurve: The market lacks the bond's curve.
            BadInput: A field of the terms is wrong.
            NothingAfterSettlement: It has a value at most, and no price.
            Unpriceable: QuantLib makes no bond of the terms.
        """
        self.terms, self._curves, self._solved = terms, curves, solved
        self.bond = fixed_rate_bond_flows.resolve_bond(terms)
        if self.bond.discount_curve not in curves.names:
            raise MissingCurve(self.bond.discount_curve, ", ".join(curves.names))
        set_date(curves.today)
        try:
            self._ql = fixed_rate_bond_flows.make_bond(self.bond)
            self._settlement = fixed_rate_bond_flows.settlement_date(self.bond, curves.today)
            rows = np.array(fixed_leg_rows(self._ql.cashflows()), dtype=FLOW)
        except RuntimeError as error:
            raise Unpriceable(str(error)) from None
        settled = day_number(self._settlement)
        alive = (rows["pay"] > settled) & ((rows["ex"] == NEVER) | (rows["ex"] > settled))
        if not alive.any():
            settles = self._settlement.ISO()
            raise NothingAfterSettlement(f"nothing is paid after settlement on {settles}")
        self._alive = alive
        self._amounts = rows["amount"][alive]
        self._settled = settled
        self._days = days = rows["pay"][alive].astype(np.int64)
        self._years = (days - settled) / YEAR
        self._growth = self._discounts(days) / self._discounts(np.array([settled]))[0]

    def _discounts(self, days: IntArray) -> FloatArray:
        place = self._curves.names.index(self.bond.discount_curve)
        curve = np.full(len(days), place)
        grid = self._curves.grid
        return grid.discount(grid.tables(curve, days), self._solved.x)

    @cached_property
    def _yields(self) -> yields.YieldFlows:
        leg = self._ql.cashflows()
        return yields.yield_flows(self.bond, leg, self._alive.tolist(), self._settlement)

    @cached_property
    def accrued_per_100(self) -> float:
        """Accrued interest at settlement; negative when the bond trades ex-dividend."""
        return fixed_rate_bond_flows.accrued_per_100(
            self.bond, self._ql.cashflows(), self._settlement
        )

    def flows(self) -> BondFlows:
        """What depends on the date and on no quote, to price many bonds at once."""
        return BondFlows(
            amounts=self._amounts,
            days=self._days,
            settled=self._settled,
            curve=self.bond.discount_curve,
            accrued_per_100=self.accrued_per_100,
            face_amount=self.terms.face_amount,
            yields=self._yields,
        )

    def dirty_per_100(self, z_spread: float) -> float:
        """Model dirty price at settlement under a continuous spread (decimal per year)."""
        return float((self._amounts * self._growth * np.exp(-z_spread * self._years)).sum())

    def z_spread_from_clean(self, clean_per_100: float) -> float:
        """The spread, decimal per year, under which the model has this clean price.

        Raises:
            Unpriceable: No spread below 500 % does, by year or over the bond's whole life.
        """
        target = clean_per_100 + self.accrued_per_100
        longest = float(self._years.max())
        spread = 0.0
        for _ in range(100):
            weights = self._amounts * self._growth * np.exp(-spread * self._years)
            miss, slope = weights.sum() - target, -(weights * self._years).sum()
            # A convex, falling function: Newton comes from the left and cannot overshoot.
            step = miss / slope
            spread -= step
            if not min(abs(spread), abs(spread) * longest) < SPREAD_LIMIT:
                break
            # A price is not known better than to its rounding: in the last days before maturity
            # that alone moves the spread by more than any fixed step.
            if abs(step) < 1e-14 or abs(miss) <= 4 * EPSILON * target:
                return float(spread)
        reason = f"no z-spread gives a clean price of {clean_per_100:g}: check price and terms"
        raise Unpriceable(reason)

    def analytics(self) -> BondAnalytics:
        """All of them, at the terms' spread, or at the spread of their price."""
        spread = self.z_spread()
        dirty = self.dirty_per_100(spread)
        clean = dirty - self.accrued_per_100
        ytm = self._yields.yield_from_dirty(dirty)
        duration, convexity = self._yields.risk(ytm)
        value = dirty / 100.0 * self.terms.face_amount
        return BondAnalytics(
            clean_per_100=clean,
            dirty_per_100=dirty,
            accrued_per_100=self.accrued_per_100,
            ytm=ytm,
            modified_duration=duration,
            convexity=convexity,
            yield_dv01=duration * value * ONE_BP,
            z_spread_bp=spread / ONE_BP,
        )

    def z_spread(self) -> float:
        """The terms' spread when stated, else that of their price, else 0; decimal per year."""
        if self.terms.z_spread_bp is not None:
            return self.terms.z_spread_bp * ONE_BP
        if self.terms.clean_price is not None:
            return self.z_spread_from_clean(self.terms.clean_price)
        return 0.0

    def dirty_from_yield(self, ytm: float, *, simple_part_period: bool = False) -> float:
        """Dirty price per 100 at settlement of a yield in the convention of the bond's market.

        Args:
            ytm: Decimal per year.
            simple_part_period: True for the formula of US Treasury auctions.
        """
        flows = self._yields
        if simple_part_period:
            flows = yields.with_simple_part_period(flows, self.bond, self._settlement)
        return flows.dirty_from_yield(ytm)

    def yield_from_clean(self, clean_per_100: float) -> float:
        """The yield of a clean price, decimal per year; NaN when none explains it."""
        return self._yields.yield_from_dirty(clean_per_100 + self.accrued_per_100)
