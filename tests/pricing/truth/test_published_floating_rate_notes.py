"""Floating-rate notes whose prices others have published, and notes built by hand in QuantLib.

The published prices are those of ``testCachedFloating`` in QuantLib's ``test-suite/bonds.cpp``: USD
LIBOR 6M on a flat 2.5 %, discounted on it or on a flat 3 % (continuous, Act/360), on 22 November
2004, settling the next business day.
"""

from __future__ import annotations

import datetime as dt
from types import MappingProxyType

import pytest

from pricing.curves.curve_set import CurveSet
from pricing.curves.quotes import CurveOptions, shape_of
from pricing.markets import conventions
from pricing.markets.rows import CurveConvention, IndexConvention
from pricing.measures.bond_analytics import PricedNote
from pricing.products.bonds.floating_rate_note import FloatingRateNoteTerms, SpreadStep

LAST_DIGIT = 1e-6
TODAY = dt.date(2004, 11, 22)
RISK_FREE, DISCOUNT = "USD-FLAT-LIBOR6M", "USD-FLAT"
LIBOR = IndexConvention(
    name="USDLIBOR6M",
    currency="USD",
    kind="ibor",
    tenor="6M",
    fixing_days=2,
    calendar="UK",
    day_count="ACT/360",
    business_day_convention="MODIFIED_FOLLOWING",
    end_of_month=True,
    publication_lag=0,
    forecast_curve=RISK_FREE,
    sources={},
)
ZERO_RATE = {RISK_FREE: 0.025, DISCOUNT: 0.03}


@pytest.fixture(autouse=True)
def _libor(monkeypatch):
    """An index and two flat curves that no market file has."""
    curves = {
        name: CurveConvention(
            name=name, currency="USD", quotes="zero", interpolation="log_linear", sources={}
        )
        for name in ZERO_RATE
    }
    indices = {**conventions.INDICES, LIBOR.name: LIBOR}
    monkeypatch.setattr(conventions, "INDICES", MappingProxyType(indices))
    monkeypatch.setattr(conventions, "CURVES", MappingProxyType({**conventions.CURVES, **curves}))


def published(effective: dt.date, maturity: dt.date, **more: object) -> FloatingRateNoteTerms:
    return FloatingRateNoteTerms(
        trade_id="published",
        book="truth",
        floating_index=LIBOR.name,
        face_amount=1_000_000.0,
        issue_date=effective,
        maturity_date=maturity,
        day_count="ACT/ACT ICMA",
        calendar="US-GOVT",
        fixing_days=1,
        settlement_days=1,
        **{"discount_curve": DISCOUNT, **more},
    )


def clean(terms: FloatingRateNoteTerms, fixings: dict | None = None) -> float:
    quotes = {name: dict.fromkeys(("1Y", "30Y"), r * 365 / 360) for name, r in ZERO_RATE.items()}
    curves = CurveSet(TODAY, shape_of(quotes), fixings, CurveOptions())
    note = PricedNote(terms, curves, curves.solve(curves.vector(quotes)))
    return note.analytics().clean_per_100


START, END = dt.date(2004, 11, 30), dt.date(2008, 11, 30)
RISING = [
    SpreadStep(date=dt.date(2005, 5, 30), spread_bp=12.0),
    SpreadStep(date=dt.date(2005, 11, 30), spread_bp=14.0),
    SpreadStep(date=dt.date(2006, 5, 30), spread_bp=16.0),
]


def test_a_note_discounted_on_the_curve_of_its_index():
    price = clean(published(START, END, discount_curve=RISK_FREE))
    assert price == pytest.approx(99.874646, abs=LAST_DIGIT)


def test_a_note_discounted_on_another_curve():
    assert clean(published(START, END)) == pytest.approx(97.955904, abs=LAST_DIGIT)


def test_a_note_whose_spread_rises():
    terms = published(START, END, spread_bp=10.0, spread_schedule=RISING)
    assert clean(terms) == pytest.approx(98.495459, abs=LAST_DIGIT)


def test_a_seasoned_note_that_is_ex_coupon():
    steps = [
        SpreadStep(date=dt.date(2004, 5, 26), spread_bp=12.0),
        SpreadStep(date=dt.date(2004, 11, 26), spread_bp=14.0),
        SpreadStep(date=dt.date(2005, 5, 26), spread_bp=16.0),
    ]
    terms = published(
        dt.date(2003, 11, 26),
        dt.date(2007, 11, 26),
        spread_bp=10.0,
        spread_schedule=steps,
        ex_coupon_days=6,
    )
    known = {LIBOR.name: {dt.date(2004, 5, 25): 0.0402}}
    assert clean(terms, known) == pytest.approx(98.892055, abs=LAST_DIGIT)
