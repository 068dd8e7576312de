"""Price a security on its curves: prices per 100, yield, duration, margin and z-spread.

Model prices come from the fast path's discount factors, payments and accrued interest from the
product's own flows, and the yield of a price from ``yields``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import QuantLib as ql

from pricing.curves.curve_set import ONE_BP, CurveSet, Solved, set_date
from pricing.errors import MissingCurve, NothingAfterSettlement, Unpriceable
from pricing.measures import yields
from pricing.measures.bond_block import BondFlows, payments_of
from pricing.products import fixed_rate_bond_flows
from pricing.products.cash_flows import FLOW, NEVER
from pricing.products.fixed_rate_bond import BondTerms
from pricing.products.leg_rows import fixed_leg_rows
from pricing.products.schedules import day_number
from pricing.products.terms import Security

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
        discount_margin_bp: Of floating-rate notes, see ``discount_margin``; NaN of others.
    """

    clean_per_100: float
    dirty_per_100: float
    accrued_per_100: float
    ytm: float
    modified_duration: float
    convexity: float
    yield_dv01: float
    z_spread_bp: float
    discount_margin_bp: float = math.nan


BOND_ANALYTICS = tuple(field.name for field in fields(BondAnalytics))
"""Names of the measures that a security may have of its prices, its yield or its margin."""


class PricedSecurity:
    """One security on one date and its curves; a subclass lays out the flows of each product."""

    def __init__(self, terms: Security, flows: BondFlows, curves: CurveSet, solved: Solved) -> None:
        """Price the flows that a buyer of the date receives; raises MissingCurve."""
        self.terms, self._flows, self._curves, self._solved = terms, flows, curves, solved
        self._paid = payments_of([flows], curves, solved)

    @property
    def accrued_per_100(self) -> float:
        """Accrued interest at settlement; negative when the security trades ex-dividend."""
        return float(self._paid.accrued[0])

    def flows(self) -> BondFlows:
        """What depends on the date and on no quote, to price many securities at once."""
        return self._flows

    def dirty_per_100(self, z_spread: float) -> float:
        """Model dirty price at settlement under a continuous spread (decimal per year)."""
        return float(self._paid.dirty_per_100(np.array([z_spread]))[0])

    def z_spread_from_clean(self, clean_per_100: float) -> float:
        """The spread, decimal per year, under which the model has this clean price.

        Raises:
            Unpriceable: No spread below 500 % does, by year or over the bond's whole life.
        """
        target, years = clean_per_100 + self.accrued_per_100, self._paid.years
        longest, values = float(years.max()), self._paid.amounts * self._paid.growth
        spread = 0.0
        for _ in range(100):
            weights = values * np.exp(-spread * years)
            miss, slope = weights.sum() - target, -(weights * years).sum()
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

    def z_spread(self) -> float:
        """The terms' spread when stated, else that of their price, else 0; decimal per year."""
        if self.terms.z_spread_bp is not None:
            return self.terms.z_spread_bp * ONE_BP
        if self.terms.clean_price is not None:
            return self.z_spread_from_clean(self.terms.clean_price)
        return 0.0

    def analytics(self) -> BondAnalytics:
        """All of them, at the terms' spread, or at the spread of their price."""
        spread, flows = self.z_spread(), self._flows
        dirty = self.dirty_per_100(spread)
        ytm = duration = convexity = margin = math.nan
        if flows.yields is not None:
            ytm = flows.yields.yield_from_dirty(dirty)
            duration, convexity = flows.yields.risk(ytm)
        if flows.margin is not None:
            margin = flows.margin.margin_from_dirty(dirty, float(self._paid.amounts[0]))
        value = dirty / 100.0 * self.terms.face_amount
        return BondAnalytics(
            clean_per_100=dirty - self.accrued_per_100,
            dirty_per_100=dirty,
            accrued_per_100=self.accrued_per_100,
            ytm=ytm,
            modified_duration=duration,
            convexity=convexity,
            yield_dv01=duration * value * ONE_BP,
            z_spread_bp=spread / ONE_BP,
            discount_margin_bp=margin / ONE_BP,
        )


class PricedBond(PricedSecurity):
    """One fixed-rate bond on one date and curve."""

    def __init__(self, terms: BondTerms, curves: CurveSet, solved: Solved) -> None:
        """Lay out its flows after settlement.

        Raises:
            MissingCurve: The market lacks the bond's curve.
            BadInput: A field of the terms is wrong.
            NothingAfterSettlement: It has a value at most, and no price.
            Unpriceable: QuantLib makes no bond of the terms.
        """
        self.bond = fixed_rate_bond_flows.resolve_bond(terms)
        check_curves((self.bond.discount_curve,), curves)
        set_date(curves.today)
        try:
            self._ql = fixed_rate_bond_flows.make_bond(self.bond)
            leg = self._ql.cashflows()
            self._settlement = fixed_rate_bond_flows.settlement_date(self.bond, curves.today)
            rows = np.array(fixed_leg_rows(leg), dtype=FLOW)
        except RuntimeError as error:
            raise Unpriceable(str(error)) from None
        settled = day_number(self._settlement)
        alive = (rows["pay"] > settled) & ((rows["ex"] == NEVER) | (rows["ex"] > settled))
        if not alive.any():
            raise nothing_after(self._settlement)
        self._yields = yields.yield_flows(self.bond, leg, alive.tolist(), self._settlement)
        flows = BondFlows(
            amounts=rows["amount"][alive],
            days=rows["pay"][alive].astype(np.int64),
            settled=settled,
            curve=self.bond.discount_curve,
            accrued_per_100=fixed_rate_bond_flows.accrued_per_100(self.bond, leg, self._settlement),
            face_amount=terms.face_amount,
            yields=self._yields,
        )
        super().__init__(terms, flows, curves, solved)

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


def check_curves(names: Iterable[str], curves: CurveSet) -> None:
    """Refuse a market that lacks one of these curves; raises MissingCurve."""
    for name in names:
        if name not in curves.names:
            raise MissingCurve(name, ", ".join(curves.names))


def nothing_after(settlement: ql.Date) -> NothingAfterSettlement:
    """The error of a security that pays nothing to a buyer who settles on that day."""
    return NothingAfterSettlement(f"nothing is paid after settlement on {settlement.ISO()}")


PRICED: Mapping[str, Callable[[Any, CurveSet, Solved], PricedSecurity]] = {
    BondTerms.product: PricedBond,
}
"""How a security is priced by itself, by product."""


def price_security(terms: Security, curves: CurveSet, solved: Solved) -> PricedSecurity:
    """Lay out the flows of a security after settlement; raises as the products' classes."""
    return PRICED[terms.product](terms, curves, solved)
