"""Price a security on its curves: prices per 100, yield, duration, margin and z-spread.

Model prices come from the fast path's discount factors, payments and accrued interest from the
product's own flows, and the yield of a price from ``yields``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np
import QuantLib as ql

from pricing.arrays import FloatArray, IntArray
from pricing.curves.curve_set import ONE_BP, CurveSet, Solved, set_date
from pricing.errors import MissingCurve, NothingAfterSettlement, Unpriceable
from pricing.markets.calendars import day_of
from pricing.measures import yields
from pricing.measures.bond_block import BondFlows, Compounded, Growth, payments_of
from pricing.measures.discount_margin import MarginFlows
from pricing.measures.value_date import roll_to
from pricing.products import fixed_rate_bond_flows
from pricing.products.bonds import floating_rate_note_flows
from pricing.products.bonds.floating_rate_note import FloatingRateNoteTerms
from pricing.products.cash_flows import FLOW, NEVER, CompiledTrade, Row, make_block
from pricing.products.fixed_rate_bond import BondTerms
from pricing.products.leg_rows import fixed_leg_rows
from pricing.products.schedules import day_number, to_ql
from pricing.products.terms import Security

SPREAD_LIMIT, EPSILON = 5.0, float(np.finfo(float).eps)
"""Largest z-spread, a decimal: beyond 500 % the price must be wrong. EPSILON is the rounding of a
float."""


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
        discount_yield: Of discount paper, see ``yields.DiscountPaper``; NaN of others.
        money_market_yield: The same.
        bond_equivalent_yield: The same.
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
    discount_yield: float = math.nan
    money_market_yield: float = math.nan
    bond_equivalent_yield: float = math.nan
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
        """Return what depends on the date and on no quote, to price many securities at once."""
        return self._flows

    def dirty_per_100(self, z_spread: float) -> float:
        """Model dirty price at settlement under a continuous spread (decimal per year)."""
        return float(self._paid.dirty_per_100(np.array([z_spread]))[0])

    def z_spreads_from_clean(self, clean_per_100: FloatArray) -> FloatArray:
        """The spread, decimal per year, under which the model has each of these clean prices.

        NaN where no spread below 500 %, by year or over the bond's whole life, does.
        """
        target, years = clean_per_100 + self.accrued_per_100, self._paid.years
        longest, values = float(years.max()), self._paid.amounts * self._paid.growth
        found = np.full(len(target), np.nan)
        left, spread = np.arange(len(target)), np.zeros(len(target))
        for _ in range(100):
            weights = values * np.exp(-spread[:, None] * years)
            miss, slope = weights.sum(axis=1) - target[left], -(weights * years).sum(axis=1)
            # A convex, falling function: Newton comes from the left and cannot overshoot.
            step = miss / slope
            spread -= step
            size = np.abs(spread)
            within = np.minimum(size, size * longest) < SPREAD_LIMIT
            # A price is not known better than to its rounding: in the last days before maturity
            # that alone moves the spread by more than any fixed step.
            near = (np.abs(step) < 1e-14) | (np.abs(miss) <= 4 * EPSILON * target[left])
            done = within & near
            found[left[done]] = spread[done]
            on = within & ~near
            left, spread = left[on], spread[on]
            if not len(left):
                break
        return found

    def z_spread_from_clean(self, clean_per_100: float) -> float:
        """Return the z-spread of one clean price.

        Raises:
            Unpriceable: No such spread has the price.
        """
        spread = float(self.z_spreads_from_clean(np.array([clean_per_100]))[0])
        if math.isnan(spread):
            raise no_spread(clean_per_100)
        return spread

    def clean_from_quote(self, terms: Security) -> float:
        """The clean price of the quote of a position in this security.

        Raises:
            Unpriceable: No price is behind the quote.
        """
        if terms.clean_price is None:
            raise Unpriceable(f"{terms.trade_id} has no price")
        return terms.clean_price

    def z_spread(self) -> float:
        """The terms' spread when stated, else that of their quote, else 0; decimal per year."""
        if self.terms.z_spread_bp is not None:
            return self.terms.z_spread_bp * ONE_BP
        if self.terms.quote is not None:
            return self.z_spread_from_clean(self.clean_from_quote(self.terms))
        return 0.0

    def analytics(self) -> BondAnalytics:
        """Return all analytics at the spread of the terms, or at the spread of their price."""
        spread, flows = self.z_spread(), self._flows
        dirty = self.dirty_per_100(spread)
        ytm = duration = convexity = margin = math.nan
        if flows.yields is not None:
            ytm = flows.yields.yield_from_dirty(dirty)
            duration, convexity = flows.yields.risk(ytm)
        if flows.margin is not None:
            margin = flows.margin.margin_from_dirty(dirty, float(self._paid.amounts[0]))
        paper = (math.nan, math.nan, math.nan)
        if flows.paper is not None:
            paper = flows.paper.yields_from_price(dirty)
        value = dirty / 100.0 * flows.face_amount
        return BondAnalytics(
            clean_per_100=dirty - self.accrued_per_100,
            dirty_per_100=dirty,
            accrued_per_100=self.accrued_per_100,
            ytm=ytm,
            modified_duration=duration,
            convexity=convexity,
            yield_dv01=duration * value * ONE_BP,
            z_spread_bp=spread / ONE_BP,
            discount_yield=paper[0],
            money_market_yield=paper[1],
            bond_equivalent_yield=paper[2],
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
        # Prices are per 100 of the face that is still to be repaid.
        repaid_later = rows["amount"][alive & (rows["unit"] == 0.0)].sum()
        per_100 = 100.0 / float(repaid_later)
        made = yields.yield_flows(self.bond, leg, alive.tolist(), self._settlement)
        self._yields = made.per_100(per_100)
        accrued = fixed_rate_bond_flows.accrued_per_100(self.bond, leg, self._settlement)
        flows = BondFlows(
            amounts=rows["amount"][alive] * per_100,
            days=rows["pay"][alive].astype(np.int64),
            settled=settled,
            curve=self.bond.discount_curve,
            accrued_per_100=accrued * per_100,
            face_amount=terms.face_amount / per_100,
            yields=self._yields,
            paper=yields.discount_paper(self.bond, self._settlement),
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

    def clean_from_quote(self, terms: Security) -> float:
        """The clean price of a quoted price, yield or discount rate; raises Unpriceable."""
        if not isinstance(terms, BondTerms) or terms.quoted_yield is None:
            return super().clean_from_quote(terms)
        kind, rate, paper = terms.own_yield_type, terms.quoted_yield, self.flows().paper
        if kind == "ytm":
            dirty = self._yields.dirty_from_yield(rate)
        elif paper is not None:
            dirty = paper.price_from_yield(kind, rate)
        else:
            dirty = math.nan
        if not 0.0 < dirty < math.inf:
            raise Unpriceable(
                f"quoted_yield: {rate:g} as {kind} is no price above 0 on the settlement of "
                f"{self._settlement.ISO()}: check the quote"
            )
        return dirty - self.accrued_per_100

    def yield_from_clean(self, clean_per_100: float) -> float:
        """The yield of a clean price, decimal per year; NaN when none explains it."""
        return self._yields.yield_from_dirty(clean_per_100 + self.accrued_per_100)


class PricedNote(PricedSecurity):
    """One floating-rate note on one date and its curves."""

    def __init__(self, terms: FloatingRateNoteTerms, curves: CurveSet, solved: Solved) -> None:
        """Lay out its flows after settlement; coupons that have fixed are known amounts.

        Raises:
            MissingCurve: The market lacks a curve of the note.
            MissingFixing: A coupon has fixed, and the curves' fixings lack it.
            BadInput: A field of the terms is wrong.
            NothingAfterSettlement: It has a value at most, and no price.
            Unpriceable: QuantLib makes no schedule of the terms.
        """
        note = floating_rate_note_flows.resolve_note(terms)
        check_curves((note.discount_curve, note.forecast_curve), curves)
        set_date(curves.today)
        settlement = floating_rate_note_flows.settlement_date(note, to_ql(curves.today))
        try:
            buyer = floating_rate_note_flows.buyer_flows(
                note, settlement, indexed=curves.options.indexed
            )
        except RuntimeError as error:
            raise Unpriceable(str(error)) from None
        if not buyer.flows:
            raise nothing_after(settlement)
        payments = [*buyer.flows, *buyer.accrued]
        count, signs = len(buyer.flows), np.ones(len(payments))
        signs[count:] = buyer.accrued_sign
        base, alpha, start, end, chains = _on_date(note, payments, curves)
        grows = np.flatnonzero(alpha)
        flows = BondFlows(
            amounts=base[:count],
            days=np.array([rows[0].pay for rows in buyer.flows], dtype=np.int64),
            settled=day_number(settlement),
            curve=note.discount_curve,
            accrued_per_100=float((base * signs)[count:].sum()),
            face_amount=terms.face_amount,
            growth=Growth(
                place=np.minimum(grows, count),
                alpha=(alpha * signs)[grows],
                start=start[grows],
                end=end[grows],
                curve=note.forecast_curve,
            ),
            compounded=None
            if chains is None
            else replace(
                chains,
                place=np.minimum(chains.place, count),
                money=chains.money * signs[chains.place],
            ),
            margin=_margin_flows(buyer),
        )
        super().__init__(terms, flows, curves, solved)


class OnDate(NamedTuple):
    """Payments as base + alpha P(start) / P(end) on a date; shape (payments,) each.

    ``chains`` are added to those that their ``place`` names.
    """

    base: FloatArray
    alpha: FloatArray
    start: IntArray
    end: IntArray
    chains: Compounded | None


def _on_date(
    note: floating_rate_note_flows.Note, payments: list[list[Row]], curves: CurveSet
) -> OnDate:
    """Payments on the curves' date.

    Each is brought to the date as a trade of its own, so that their order is kept.
    """
    trades = [
        CompiledTrade(
            trade_id=f"{number:06d}",
            product=note.terms.product,
            book=note.terms.book,
            flows=np.array(rows, dtype=FLOW),
            discount=note.discount_curve,
            forecasts=(note.forecast_curve,),
            notional=100.0,
            indices=(note.index.name,),
        )
        for number, rows in enumerate(payments)
    ]
    dated = roll_to(make_block(trades), day_of(curves.today), curves.fixings, curves.names)
    if dated.failures:
        error = Unpriceable(dated.failures[0].message)
        error.code = dated.failures[0].code
        raise error
    flows, days = dated.flows, dated.point_day
    base, alpha = np.zeros(len(payments)), np.zeros(len(payments))
    start = np.full(len(payments), dated.today)
    end = start.copy()
    number = np.arange(len(payments))
    fixed = np.repeat(number, np.diff(flows.fixed_ptr[::2]))
    floating = np.repeat(number, np.diff(flows.float_ptr[::2]))
    base[fixed] = flows.fixed_amount
    np.add.at(base, floating, flows.float_beta)
    np.add.at(alpha, floating, flows.float_alpha)
    grows = np.flatnonzero(flows.float_alpha)
    start[floating[grows]] = days[flows.float_start[grows]]
    end[floating[grows]] = days[flows.float_end[grows]]
    chains, found = None, dated.chains
    if len(found.flow):
        chains = Compounded(
            place=found.trade,
            money=found.money,
            owner=found.owner,
            base=found.base,
            weight=found.weight,
            start=days[flows.float_start[found.link]],
            end=days[flows.float_end[found.link]],
            curve=note.forecast_curve,
        )
    return OnDate(base, alpha, start, end, chains)


def _margin_flows(buyer: floating_rate_note_flows.BuyerFlows) -> MarginFlows | None:
    if not buyer.periods:
        return None
    return MarginFlows(
        years=np.array([period.years for period in buyer.periods]),
        spreads=np.array([period.spread for period in buyer.periods]),
        left=buyer.left,
    )


def check_curves(names: Iterable[str], curves: CurveSet) -> None:
    """Refuse a market that lacks one of these curves; raises MissingCurve."""
    for name in names:
        if name not in curves.names:
            raise MissingCurve(name, ", ".join(curves.names))


def no_spread(clean_per_100: float) -> Unpriceable:
    """The error of a price that no z-spread explains."""
    return Unpriceable(
        f"no z-spread gives a clean price of {clean_per_100:g}: check price and terms"
    )


def nothing_after(settlement: ql.Date) -> NothingAfterSettlement:
    """The error of a security that pays nothing to a buyer who settles on that day."""
    return NothingAfterSettlement(f"nothing is paid after settlement on {settlement.ISO()}")


PRICED: Mapping[str, Callable[[Any, CurveSet, Solved], PricedSecurity]] = {
    BondTerms.product: PricedBond,
    FloatingRateNoteTerms.product: PricedNote,
}
"""How a security is priced by itself, by product."""


def price_security(terms: Security, curves: CurveSet, solved: Solved) -> PricedSecurity:
    """Lay out the flows of a security after settlement; raises as the products' classes."""
    return PRICED[terms.product](terms, curves, solved)
