"""Bonds whose coupon rises or that are repaid in parts, against bonds built by hand in QuantLib."""

from __future__ import annotations

import datetime as dt

import pytest
import QuantLib as ql

from pricing.curves.curve_set import CurveSet
from pricing.curves.quotes import shape_of
from pricing.errors import BadInput
from pricing.measures.bond_analytics import PricedBond
from pricing.products.fixed_rate_bond import BondTerms
from pricing.products.terms import decode
from pricing.reference import Reference
from tests.pricing import sample_markets
from tests.pricing.pricing_of import priced

TODAY = dt.date(2025, 2, 10)
QUOTES = sample_markets.curves_of("EUR", 0.025, 0.01, -0.004)
FACE = 4_000_000.0
FIELDS = {
    "trade_id": "bond",
    "book": "book",
    "convention": "DE-BUND",
    "face_amount": FACE,
    "issue_date": "2021-06-15",
    "maturity_date": "2029-06-15",
    "coupon_rate": 0.02,
    "z_spread_bp": 40.0,
    "settlement_days": 2,
}
RISING = {
    "coupon_schedule": [
        {"date": "2024-06-15", "coupon_rate": 0.0275},
        {"date": "2027-06-15", "coupon_rate": 0.035},
    ]
}
SINKING = {
    "face_schedule": [
        {"date": "2024-06-15", "face": 80},
        {"date": "2026-06-15", "face": 50},
        {"date": "2028-06-15", "face": 20},
    ]
}
RATES = [0.02] * 3 + [0.0275] * 3 + [0.035] * 2
FACES = [100.0] * 3 + [80.0] * 2 + [50.0] * 2 + [20.0]
SHAPES = {
    "rising": (RISING, RATES, [100.0] * 8),
    "sinking": (SINKING, [0.02] * 8, FACES),
    "both": ({**RISING, **SINKING}, RATES, FACES),
}


def terms(**more: object) -> BondTerms:
    return decode({**FIELDS, **more}, BondTerms)


def by_hand(rates: list[float], faces: list[float]) -> tuple[ql.Bond, ql.YieldTermStructure]:
    """An annual bond on ACT/ACT ICMA of TARGET, on our curve with the z-spread."""
    ql.Settings.instance().evaluationDate = ql.Date(10, 2, 2025)
    schedule = ql.Schedule(
        ql.Date(15, 6, 2021),
        ql.Date(15, 6, 2029),
        ql.Period("1Y"),
        ql.NullCalendar(),
        ql.Unadjusted,
        ql.Unadjusted,
        ql.DateGeneration.Backward,
        False,
    )
    count = ql.ActualActual(ql.ActualActual.ISMA, schedule)
    coupons = ql.FixedRateLeg(
        schedule,
        count,
        [FACE * face / 100.0 for face in faces],
        rates,
        paymentAdjustment=ql.Following,
        paymentCalendar=ql.TARGET(),
    )
    # QuantLib makes the redemptions of the notionals of the coupons.
    bond = ql.Bond(2, ql.TARGET(), ql.Date(15, 6, 2021), coupons)
    base = ql.YieldTermStructureHandle(Reference(TODAY, QUOTES).base["EUR-GOVT"])
    spread = ql.QuoteHandle(ql.SimpleQuote(0.004))
    curve = ql.ZeroSpreadedTermStructure(base, spread, ql.Continuous)
    curve.enableExtrapolation()
    bond.setPricingEngine(ql.DiscountingBondEngine(ql.YieldTermStructureHandle(curve)))
    return bond, curve


def own(**more: object) -> PricedBond:
    curves = CurveSet(TODAY, shape_of(QUOTES))
    return PricedBond(terms(**more), curves, curves.solve(curves.vector(QUOTES)))


@pytest.mark.parametrize("shape", SHAPES)
def test_values_are_those_of_bonds_built_by_hand(shape):
    fields, rates, faces = SHAPES[shape]
    bond, curve = by_hand(rates, faces)
    risk = priced([terms(**fields)], TODAY, QUOTES).risk
    value = ql.CashFlows.npv(bond.cashflows(), curve, False)
    assert risk.npv[0] == pytest.approx(value, abs=1e-9 * FACE)


@pytest.mark.parametrize("shape", SHAPES)
def test_prices_accrued_interest_and_yields_are_per_100_outstanding(shape):
    fields, rates, faces = SHAPES[shape]
    bond, _ = by_hand(rates, faces)
    made = own(**fields).analytics()
    # QuantLib's bond of given cash flows has prices per 100 of its outstanding notional.
    assert bond.notional(ql.Date(12, 2, 2025)) == pytest.approx(FACE * faces[3] / 100.0)
    assert made.accrued_per_100 == pytest.approx(bond.accruedAmount(), abs=1e-11)
    assert made.clean_per_100 == pytest.approx(bond.cleanPrice(), abs=1e-8)
    # Nominal dates: the Bund's yield has every payment on its coupon date, 15 June.
    found = 0.0
    settled = dt.date(2025, 2, 12)
    left = (dt.date(2025, 6, 15) - settled).days / 365  # of the period from 15 June 2024
    for year in range(5):
        place = 3 + year
        face, after = faces[place], [*faces[1:], 0.0][place]
        paid = (face * rates[place] + face - after) * 100.0 / faces[3]
        found += paid / (1.0 + made.ytm) ** (left + year)
    assert found == pytest.approx(made.dirty_per_100, abs=1e-9)


def test_accrued_interest_by_hand():
    """Of the second coupon of 2.75 % from 15 June 2024 to 12 February 2025, 242 days of 365."""
    assert own(**RISING).accrued_per_100 == pytest.approx(2.75 * 242 / 365, abs=1e-12)
    assert own(**SINKING).accrued_per_100 == pytest.approx(2.0 * 242 / 365, abs=1e-12)


def test_the_dv01_of_the_yield_is_of_the_face_that_is_left():
    made = own(**SINKING).analytics()
    wanted = made.modified_duration * made.dirty_per_100 / 100.0 * FACE * 0.8 * 1e-4
    assert made.yield_dv01 == pytest.approx(wanted, rel=1e-12)


def test_a_price_of_a_sinking_bond_gives_it_back():
    made = own(**SINKING, z_spread_bp=None, clean_price=97.25).analytics()
    assert made.clean_per_100 == pytest.approx(97.25, abs=1e-10)


def step(name: str, date: str, value: float) -> dict[str, object]:
    return {"date": date, name: value}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"coupon_schedule": [step("coupon_rate", "2024-07-15", 0.03)]},
            "coupon_schedule[0].date: '2024-07-15' is not valid; coupons every 12 months back from "
            "maturity_date 2029-06-15 fall on 2024-06-15 and 2025-06-15",
        ),
        (
            {"coupon_schedule": [step("coupon_rate", "2024-06-15", 3.0)]},
            "coupon_schedule[0].coupon_rate",
        ),
        (
            {"face_schedule": [step("face", "2024-06-15", 120.0)]},
            "face_schedule[0].face: 120.0 is not valid; must be less than 100",
        ),
        (
            {"face_schedule": [step("face", "2024-06-15", 50), step("face", "2025-06-15", 60)]},
            "face_schedule[1].face: 60.0 is not valid; must be less than before: face is repaid",
        ),
        (
            {"face_schedule": [step("face", "2025-06-15", 50), step("face", "2024-06-15", 40)]},
            "face_schedule[1].date: '2024-06-15' is not valid; must be after 2025-06-15",
        ),
        (
            {"face_schedule": [step("face", "2029-06-15", 50)]},
            "must be between 2021-06-15 and 2029-06-15",
        ),
        (
            {
                "payment_frequency": "ZERO",
                "coupon_rate": 0,
                "face_schedule": [step("face", "2024-06-15", 50)],
            },
            "face_schedule: '1 steps' is not valid; a bond without coupons has none",
        ),
    ],
)
def test_bad_schedules_are_refused_with_a_sentence(change, sentence):
    with pytest.raises(BadInput) as caught:
        terms(**change)
    assert sentence in str(caught.value)
