"""Price, basis and implied repo of bond futures, through the bond that is cheapest to deliver.

With the price F of the future, the conversion factor cf of the bond, its clean price P and its
forward clean price P_fwd at the last day of delivery:

    gross basis = P - cf F
    net basis   = P_fwd - cf F
    implied repo: the simple rate at which the bond, bought for settlement of a trade of today and
    delivered at cf F with accrued interest, earns nothing beside its coupons

Net basis is gross basis less carry at the bond's own repo rate. Source: G. Burghardt and T. Belton,
'The Treasury Bond Basis', 3rd ed. (2005), ch. 1 and 2. What depends on the date and on no quote is
prepared once per position and date (``prepare_future``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np

from pricing.arrays import FloatArray, IntArray
from pricing.curves.curve_set import ONE_BP, CurveSet, Solved
from pricing.curves.interpolation import YEAR
from pricing.errors import Matured, Unpriceable
from pricing.markets import conventions, vocabulary
from pricing.markets.calendars import day_of
from pricing.measures.bond_analytics import price_security
from pricing.measures.bond_block import BondFlows, payments_of
from pricing.products.cash_flows import NEVER
from pricing.products.fixed_rate_bond_flows import accrued_per_100, make_bond, resolve_bond
from pricing.products.futures.bond_future import MAX_OPTION_VALUE, BondFutureTerms
from pricing.products.leg_rows import fixed_leg_rows
from pricing.products.schedules import ql_of_day


class AtDelivery(NamedTuple):
    """Accrued interest and payments of a bond for the buyer who takes delivery.

    Attributes:
        accrued_per_100: Accrued interest of that day.
        paid_later: Of the payments to a buyer of the valuation date, those that belong to who
            takes delivery; shape (flows,).
    """

    accrued_per_100: float
    paid_later: FloatArray


@dataclass(frozen=True, kw_only=True)
class FutureFlows:
    """What a date makes of a position in a bond future.

    Attributes:
        bonds: What a buyer of the date receives of each bond.
        at_delivery: The same of who takes delivery.
        z_spread: Of each bond, decimal per year; shape (bonds,).
        repo_spread: The same, of its financing.
        factors: Conversion factors; shape (bonds,).
        delivery: Day number of the last day of delivery.
        option_value: Per 100 of face.
        year_days: Days of a year of the implied repo.
    """

    bonds: tuple[BondFlows, ...]
    at_delivery: tuple[AtDelivery, ...]
    z_spread: FloatArray
    repo_spread: FloatArray
    factors: FloatArray
    delivery: int
    option_value: float
    year_days: float


@dataclass(frozen=True, kw_only=True)
class FutureBasis:
    """Numbers of one position; prices per 100 of face.

    Attributes:
        future_price: The model price of the future.
        conversion_factor: Of the cheapest bond.
        gross_basis: Its clean price less conversion factor times the future's price.
        net_basis: The same of its forward clean price.
        implied_repo: Simple rate, decimal per year; NaN on the days before delivery on which a
            trade of the bond settles no earlier.
    """

    future_price: float
    conversion_factor: float
    gross_basis: float
    net_basis: float
    implied_repo: float


FUTURE_BASIS = tuple(field.name for field in fields(FutureBasis))
"""Names of the measures that bond futures have beside those of every frame."""


def prepare_future(terms: BondFutureTerms, curves: CurveSet, solved: Solved) -> FutureFlows:
    """Lay out the bonds of a position on the date of the curves.

    Raises:
        MissingCurve: The market lacks the curve of a bond.
        Matured: The contract has been delivered.
        NothingAfterSettlement: A bond has no price on the date.
        Unpriceable: QuantLib makes no bond of the terms.
    """
    delivery = day_of(terms.dates.delivery)
    if delivery <= day_of(curves.today):
        raise Matured(terms.dates.delivery.isoformat())
    priced = tuple(price_security(each.bond, curves, solved).flows() for each in terms.deliverables)
    index = next(
        row
        for row in conventions.INDICES.values()
        if row.currency == terms.currency and row.kind == "overnight"
    )
    return FutureFlows(
        bonds=priced,
        at_delivery=tuple(
            _at_delivery(terms, number, flows, delivery) for number, flows in enumerate(priced)
        ),
        z_spread=np.array([each.z_spread_bp for each in terms.deliverables]) * ONE_BP,
        repo_spread=np.array([each.repo_spread_bp for each in terms.deliverables]) * ONE_BP,
        factors=np.array([each.conversion_factor or math.nan for each in terms.deliverables]),
        delivery=delivery,
        option_value=terms.worth_of_options,
        year_days=vocabulary.YEAR_DAYS[index.day_count],
    )


def _at_delivery(
    terms: BondFutureTerms, number: int, flows: BondFlows, delivery: int
) -> AtDelivery:
    bond = resolve_bond(terms.deliverables[number].bond)
    leg = make_bond(bond).cashflows()
    gone = {
        row.pay
        for row in fixed_leg_rows(leg)
        if row.pay <= delivery or (row.ex != NEVER and row.ex <= delivery)
    }
    later = np.array([float(day not in gone) for day in flows.days.tolist()])
    return AtDelivery(accrued_per_100(bond, leg, ql_of_day(delivery)), later)


def basis_of(flows: FutureFlows, curves: CurveSet, solved: Solved) -> FutureBasis:
    """The numbers of a position on solved curves of the date that its flows are of."""
    paid = payments_of(flows.bonds, curves, solved)
    dirty = paid.dirty_per_100(flows.z_spread)
    forward = np.array([_forward(flows, n, curves, solved) for n in range(len(flows.bonds))])
    accrued = np.array([each.accrued_per_100 for each in flows.at_delivery])
    prices = (forward - accrued) / flows.factors
    best = int(np.argmin(prices))
    price = float(prices[best]) - flows.option_value
    factor = float(flows.factors[best])
    invoice = factor * price + accrued[best]
    return FutureBasis(
        future_price=price,
        conversion_factor=factor,
        gross_basis=float(dirty[best] - paid.accrued[best]) - factor * price,
        net_basis=float(forward[best] - accrued[best]) - factor * price,
        implied_repo=_implied_repo(flows, best, float(dirty[best]), float(invoice)),
    )


def _forward(flows: FutureFlows, number: int, curves: CurveSet, solved: Solved) -> float:
    """Forward dirty price of a bond at delivery."""
    bond, today = flows.bonds[number], curves.grid.today
    place = curves.names.index(bond.curve)

    def worth(days: IntArray, spread: float) -> FloatArray:
        tables = curves.grid.tables(np.full(len(days), place), days)
        years = (days - today) / YEAR
        return np.asarray(curves.grid.discount(tables, solved.x) * np.exp(-spread * years))

    mine = bond.amounts * flows.at_delivery[number].paid_later
    at_delivery = np.array([flows.delivery], dtype=np.int64)
    later = float(mine @ worth(bond.days, float(flows.z_spread[number])))
    return later / float(worth(at_delivery, float(flows.repo_spread[number]))[0])


def _implied_repo(flows: FutureFlows, number: int, dirty: float, invoice: float) -> float:
    """The rate R of dirty (1 + R t) = invoice + sum of c_k (1 + R t_k) over coupons until then."""
    bond = flows.bonds[number]
    years = (flows.delivery - bond.settled) / flows.year_days
    before = 1.0 - flows.at_delivery[number].paid_later
    coupons = bond.amounts * before
    # A coupon that goes ex before delivery and is paid after it is received then.
    left = np.maximum(flows.delivery - bond.days, 0) / flows.year_days
    invested = dirty * years - float(coupons @ left)
    if years <= 0.0 or invested <= 0.0:
        return math.nan
    return (invoice + float(coupons.sum()) - dirty) / invested


def option_value_of(terms: BondFutureTerms, curves: CurveSet, solved: Solved) -> float:
    """Return what the model price without options is above the market price; points of price.

    Raises:
        Unpriceable: There is no market price, or it is too far from the model's to be one.
        PricingError: As ``prepare_future``.
    """
    if terms.market_price is None:
        raise Unpriceable(f"{terms.trade_id} has no market price")
    flows = replace(prepare_future(terms, curves, solved), option_value=0.0)
    model = basis_of(flows, curves, solved).future_price
    found = model - terms.market_price
    if not abs(found) <= MAX_OPTION_VALUE:
        raise Unpriceable(
            f"market_price: {terms.market_price:g} is {-found:+,.2f} beside the model price "
            f"{model:,.4f}; at most {MAX_OPTION_VALUE:g} points: check the price"
        )
    return found


def basis_columns(
    futures: Mapping[int, FutureFlows], count: int, curves: CurveSet, solved: Solved
) -> dict[str, FloatArray]:
    """The fields of ``FutureBasis`` of a block's trades by name; NaN of others; (count,) each."""
    found = {name: np.full(count, np.nan) for name in FUTURE_BASIS}
    for row, flows in futures.items():
        made = basis_of(flows, curves, solved)
        for name in FUTURE_BASIS:
            found[name][row] = getattr(made, name)
    return found
