"""Fit a government curve to the prices of bonds, and say which of them are rich or cheap."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from pricing.curves.bonds.svensson import Payments, SvenssonCurve, fit_bonds
from pricing.curves.curve_set import CurveSet
from pricing.curves.interpolation import YEAR
from pricing.curves.quotes import shape_of
from pricing.errors import BadInput, Failure, PricingError
from pricing.markets.calendars import day_of
from pricing.measures.bond_analytics import price_security
from pricing.products import fixed_rate_bond_flows
from pricing.products.fixed_rate_bond import BondTerms

ANY_QUOTES = {"1Y": 0.03, "30Y": 0.03}
"""Quotes of a curve on which payments are laid out; the payments do not depend on its level."""


@dataclass(frozen=True)
class RichCheap:
    """A bond beside the fitted curve; prices are per 100, without accrued interest.

    Attributes:
        trade_id: Name of the position.
        maturity: Of the bond.
        clean: Its price.
        model_clean: That of the curve.
        cheap_bp: Its continuous yield less the one that the curve gives it; above 0 it is cheap.
    """

    trade_id: str
    maturity: dt.date
    clean: float
    model_clean: float
    cheap_bp: float


@dataclass(frozen=True)
class GovernmentCurve:
    """A fitted curve, the bonds that it was fitted to, and those that could not be used."""

    curve: SvenssonCurve
    bonds: Sequence[RichCheap]
    left_out: Sequence[Failure]


def fit_government_curve(
    book: Sequence[BondTerms], curve: str, date: dt.date, model: str = "svensson"
) -> GovernmentCurve:
    """Fit a curve to the clean prices of bonds that are discounted on a curve.

    Args:
        book: Positions; those without a price, and of other curves, are not used. A bond that is in
            several positions counts once for each.
        curve: Name of the discount curve.
        date: The valuation date.
        model: One of ``svensson.MODELS``.

    Raises:
        BadInput: An unknown model, or fewer bonds than it has parameters.
        Unpriceable: No fit converges.
    """
    curves = CurveSet(date, shape_of({curve: dict(ANY_QUOTES)}))
    solved = curves.solve(curves.vector({curve: ANY_QUOTES}))
    used: list[tuple[BondTerms, Payments, float]] = []
    left_out: list[Failure] = []
    for terms in book:
        try:
            if terms.quote is None or _discount_curve(terms) != curve:
                continue
            priced = price_security(terms, curves, solved)
            flows, clean = priced.flows(), priced.clean_from_quote(terms)
            payments = Payments(
                amounts=flows.amounts,
                years=(flows.days - day_of(date)) / YEAR,
                settled=(flows.settled - day_of(date)) / YEAR,
                dirty=clean + flows.accrued_per_100,
            )
            used.append((terms, payments, clean))
        except PricingError as error:
            failed = Failure(trade_id=terms.trade_id, code=error.code, message=str(error))
            left_out.append(failed)
    if not used:
        raise BadInput("bonds", 0, f"at least one with a clean price or a quoted yield on {curve}")
    found = fit_bonds([payments for _, payments, _ in used], model)
    bonds = [
        RichCheap(
            trade_id=terms.trade_id,
            maturity=terms.maturity_date,
            clean=clean,
            model_clean=float(dirty) - (payments.dirty - clean),
            cheap_bp=float(cheap),
        )
        for (terms, payments, clean), dirty, cheap in zip(
            used, found.dirty, found.cheap_bp, strict=True
        )
    ]
    return GovernmentCurve(found.curve, bonds, left_out)


def _discount_curve(terms: BondTerms) -> str:
    return str(fixed_rate_bond_flows.resolve_bond(terms).discount_curve)
