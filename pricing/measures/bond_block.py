"""Prices, yields and margins of many securities at once: what ``bond_analytics`` gives of each.

What depends on the date but on no quote is made once per security and date
(``PricedSecurity.flows``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pricing.arrays import FloatArray, IntArray
from pricing.curves.curve_set import ONE_BP, CurveSet, Solved
from pricing.curves.interpolation import YEAR
from pricing.measures.discount_margin import MarginFlows
from pricing.measures.yields import DiscountPaper
from pricing.products.bonds.yield_flows import YieldFlows, yields_from_dirty


@dataclass(frozen=True, kw_only=True)
class Growth:
    """What depends on a forecast curve of payments and of accrued interest.

    Attributes:
        place: Which payment each belongs to; the number of payments for accrued interest; shape
            (n,).
        alpha: Per 100 of face for a growth of 1 from ``start`` to ``end``; shape (n,).
        start: Day numbers; shape (n,).
        end: Day numbers; shape (n,).
        curve: Name of the forecast curve.
    """

    place: IntArray
    alpha: FloatArray
    start: IntArray
    end: IntArray
    curve: str


@dataclass(frozen=True, kw_only=True)
class Compounded:
    """Payments and accrued interest that compound what does not telescope; k chains, n links.

    Attributes:
        place: As in ``Growth``; shape (k,).
        money: What the product of the links of each is multiplied by; shape (k,).
        owner: The chain of each link; shape (n,).
        base: Of each link ``base + weight P(start) / P(end)``; shape (n,).
        weight: Shape (n,).
        start: Day numbers; shape (n,).
        end: Day numbers; shape (n,).
        curve: Name of the forecast curve.
    """

    place: IntArray
    money: FloatArray
    owner: IntArray
    base: FloatArray
    weight: FloatArray
    start: IntArray
    end: IntArray
    curve: str

    def amounts(self, curves: CurveSet, solved: Solved) -> FloatArray:
        """Return what each chain pays on these curves; shape (k,)."""
        curve = np.full(len(self.start), curves.names.index(self.curve))
        first, last = (_discounts(curves, solved, curve, days) for days in (self.start, self.end))
        paid = self.money.copy()
        np.multiply.at(paid, self.owner, self.base + self.weight * first / last)
        return paid


@dataclass(frozen=True, kw_only=True)
class BondFlows:
    """What a buyer of one date receives of a security, per 100 of face.

    Attributes:
        amounts: Payments after settlement without their growth; shape (flows,).
        days: Day numbers of these payments; shape (flows,).
        settled: Day number of the settlement date.
        curve: Name of the discount curve.
        accrued_per_100: Accrued interest at settlement without its growth.
        face_amount: Of the position; negative when short.
        yields: The same payments as the yield of the bond's market counts them; None: it has none.
        growth: What of the payments depends on a forecast curve.
        compounded: What of the payments compounds what does not telescope.
        margin: What the discount margin counts; None: it has none.
        paper: What the yields of discount paper count; None: it is none.
    """

    amounts: FloatArray
    days: IntArray
    settled: int
    curve: str
    accrued_per_100: float
    face_amount: float
    yields: YieldFlows | None = None
    growth: Growth | None = None
    compounded: Compounded | None = None
    margin: MarginFlows | None = None
    paper: DiscountPaper | None = None


@dataclass(frozen=True)
class Payments:
    """What securities pay and have accrued on curves, one security after another; per 100 of face.

    Attributes:
        first: Place of the first payment of each security; shape (n,).
        amounts: Shape (payments,).
        growth: Discount factor from settlement to each payment, without spread; shape (payments,).
        years: Time from settlement to each payment; shape (payments,).
        accrued: Accrued interest; shape (n,).
    """

    first: IntArray
    amounts: FloatArray
    growth: FloatArray
    years: FloatArray
    accrued: FloatArray

    @property
    def sizes(self) -> IntArray:
        """Payments of each security; shape (n,)."""
        return np.diff(self.first, append=len(self.amounts))

    def dirty_per_100(self, z_spread: FloatArray) -> FloatArray:
        """Model prices at settlement under continuous spreads, decimal per year; shape (n,)."""
        factors = self.growth * np.exp(-np.repeat(z_spread, self.sizes) * self.years)
        return np.asarray(np.add.reduceat(self.amounts * factors, self.first))


def payments_of(bonds: Sequence[BondFlows], curves: CurveSet, solved: Solved) -> Payments:
    """Return what securities pay on these curves; at least one, all on curves of the set."""
    sizes = np.array([len(bond.amounts) for bond in bonds])
    first = np.cumsum(sizes) - sizes
    settled = np.array([bond.settled for bond in bonds])
    places = np.array([curves.names.index(bond.curve) for bond in bonds])
    days = np.concatenate([bond.days for bond in bonds])
    at_settlement = _discounts(curves, solved, places, settled)
    growth = _discounts(curves, solved, np.repeat(places, sizes), days)
    growth /= np.repeat(at_settlement, sizes)
    made = Payments(
        first=first,
        amounts=np.concatenate([bond.amounts for bond in bonds]),
        growth=growth,
        years=(days - np.repeat(settled, sizes)) / YEAR,
        accrued=np.array([bond.accrued_per_100 for bond in bonds]),
    )
    _add_growth(made, bonds, curves, solved)
    return made


def _add_growth(
    made: Payments, bonds: Sequence[BondFlows], curves: CurveSet, solved: Solved
) -> None:
    """Add what depends on forecast curves to payments and accrued interest."""
    for row, bond in enumerate(bonds):
        if bond.compounded is not None:
            paid = bond.compounded.amounts(curves, solved)
            of_payment = bond.compounded.place < made.sizes[row]
            where = made.first[row] + bond.compounded.place[of_payment]
            np.add.at(made.amounts, where, paid[of_payment])
            made.accrued[row] += paid[~of_payment].sum()
    rows = [row for row, bond in enumerate(bonds) if bond.growth is not None]
    parts = [bond.growth for bond in bonds if bond.growth is not None]
    if not parts:
        return
    counts = np.array([len(part.place) for part in parts])
    owner = np.repeat(np.array(rows), counts)
    curve = np.repeat(np.array([curves.names.index(part.curve) for part in parts]), counts)
    start, end = (np.concatenate([getattr(p, name) for p in parts]) for name in ("start", "end"))
    grown = np.concatenate([part.alpha for part in parts])
    grown = (
        grown * _discounts(curves, solved, curve, start) / _discounts(curves, solved, curve, end)
    )
    place = np.concatenate([part.place for part in parts])
    paid = place < made.sizes[owner]
    np.add.at(made.amounts, made.first[owner[paid]] + place[paid], grown[paid])
    np.add.at(made.accrued, owner[~paid], grown[~paid])


def analytics_of(
    bonds: Sequence[BondFlows], z_spread: FloatArray, curves: CurveSet, solved: Solved
) -> dict[str, FloatArray]:
    """The fields of ``BondAnalytics`` for each security; shape (n,) each.

    NaN: the security has no such measure, or no yield explains its price.

    Args:
        bonds: At least one, all on curves of the set.
        z_spread: Continuous spread of each, decimal per year; shape (n,).
        curves: The curves of the date that the flows are of.
        solved: Their nodes.
    """
    paid = payments_of(bonds, curves, solved)
    dirty = paid.dirty_per_100(z_spread)
    face = np.array([bond.face_amount for bond in bonds])
    ytm, duration, convexity = _yields(bonds, dirty)
    discount, money_market, bond_equivalent = _yields_of_paper(bonds, dirty)
    return {
        "clean_per_100": dirty - paid.accrued,
        "dirty_per_100": dirty,
        "accrued_per_100": paid.accrued,
        "ytm": ytm,
        "modified_duration": duration,
        "convexity": convexity,
        "yield_dv01": duration * dirty / 100.0 * face * ONE_BP,
        "z_spread_bp": z_spread / ONE_BP,
        "discount_yield": discount,
        "money_market_yield": money_market,
        "bond_equivalent_yield": bond_equivalent,
        "discount_margin_bp": _margins(bonds, paid, dirty) / ONE_BP,
    }


def _yields(
    bonds: Sequence[BondFlows], dirty: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Yield, modified duration and convexity of each; NaN without; shape (n,) each."""
    flows = [bond.yields for bond in bonds if bond.yields is not None]
    rows = [row for row, bond in enumerate(bonds) if bond.yields is not None]
    found = np.full((3, len(bonds)), np.nan)
    if rows:
        found[:, rows] = yields_from_dirty(flows, dirty[rows])
    return found[0], found[1], found[2]


def _yields_of_paper(bonds: Sequence[BondFlows], dirty: FloatArray) -> FloatArray:
    """Discount, money market and bond equivalent yield; NaN without; shape (3, n)."""
    found = np.full((3, len(bonds)), np.nan)
    for row, bond in enumerate(bonds):
        if bond.paper is not None:
            found[:, row] = bond.paper.yields_from_price(float(dirty[row]))
    return found


def _margins(bonds: Sequence[BondFlows], paid: Payments, dirty: FloatArray) -> FloatArray:
    """Discount margin of each, decimal per year; NaN without; shape (n,)."""
    found = np.full(len(bonds), np.nan)
    for row, bond in enumerate(bonds):
        if bond.margin is not None:
            first_coupon = float(paid.amounts[paid.first[row]])
            found[row] = bond.margin.margin_from_dirty(float(dirty[row]), first_coupon)
    return found


def _discounts(curves: CurveSet, solved: Solved, places: IntArray, days: IntArray) -> FloatArray:
    return curves.grid.discount(curves.grid.tables(places, days), solved.x)
