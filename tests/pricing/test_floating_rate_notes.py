"""Floating-rate notes against notes that are built by hand in QuantLib, and their analytics."""

from __future__ import annotations

import datetime as dt

import msgspec
import numpy as np
import pytest
import QuantLib as ql

from pricing.curves.curve_set import CurveSet
from pricing.curves.quotes import CurveOptions, shape_of
from pricing.errors import BadInput, NothingAfterSettlement
from pricing.measures.bond_analytics import PricedNote
from pricing.measures.bond_block import analytics_of
from pricing.products.bonds.floating_rate_note import FloatingRateNoteTerms
from pricing.products.terms import decode
from pricing.reference import Reference
from tests.pricing import sample_markets
from tests.pricing.pricing_of import priced

TODAY = dt.date(2025, 2, 10)
FIXINGS = sample_markets.fixings_until(TODAY)
FACE = 5_000_000.0


def note(index: str, issue: dt.date, maturity: dt.date, **more: object) -> FloatingRateNoteTerms:
    return FloatingRateNoteTerms(
        trade_id="note",
        book="book",
        floating_index=index,
        face_amount=FACE,
        issue_date=issue,
        maturity_date=maturity,
        **more,
    )


EURIBOR_NOTE = note(
    "EURIBOR3M",
    dt.date(2023, 5, 15),
    dt.date(2028, 5, 15),
    spread_bp=85.0,
    z_spread_bp=70.0,
    settlement_days=2,
)
SOFR_NOTE = note(
    "SOFR",
    dt.date(2024, 5, 15),
    dt.date(2027, 5, 17),
    spread_bp=90.0,
    lookback_days=5,
    observation_shift=True,
    settlement_days=1,
    z_spread_bp=-15.0,
)


class Market:
    """Curves of a currency, with fixings, for the fast path and as QuantLib's own curves."""

    def __init__(self, currency: str) -> None:
        self.quotes = sample_markets.curves_of(currency, 0.025, 0.01, -0.004)
        self.curves = CurveSet(TODAY, shape_of(self.quotes), FIXINGS, CurveOptions())
        self.solved = self.curves.solve(self.curves.vector(self.quotes))
        self.reference = Reference(TODAY, self.quotes, FIXINGS)

    def handle(self, name: str, spread_bp: float = 0.0) -> ql.YieldTermStructureHandle:
        quote = ql.QuoteHandle(ql.SimpleQuote(spread_bp * 1e-4))
        base = ql.YieldTermStructureHandle(self.reference.base[name])
        curve = ql.ZeroSpreadedTermStructure(base, quote, ql.Continuous)
        curve.enableExtrapolation()
        return ql.YieldTermStructureHandle(curve)

    def note(self, terms: FloatingRateNoteTerms) -> PricedNote:
        return PricedNote(terms, self.curves, self.solved)


@pytest.fixture(scope="module")
def eur() -> Market:
    return Market("EUR")


@pytest.fixture(scope="module")
def usd() -> Market:
    return Market("USD")


def known(index: ql.IborIndex, name: str) -> None:
    index.clearFixings()
    days = {d: r for d, r in FIXINGS[name].items() if index.isValidFixingDate(_ql(d))}
    index.addFixings([_ql(d) for d in days], list(days.values()), True)


def _ql(date: dt.date) -> ql.Date:
    return ql.Date(date.day, date.month, date.year)


@pytest.fixture
def euribor_bond(eur):
    """The first note as a textbook has it: QuantLib's bond, index and calendar."""
    ql.Settings.instance().evaluationDate = _ql(TODAY)
    index = ql.Euribor3M(eur.handle("EUR-EURIBOR3M"))
    known(index, "EURIBOR3M")
    schedule = ql.Schedule(
        ql.Date(15, 5, 2023),
        ql.Date(15, 5, 2028),
        ql.Period("3M"),
        ql.TARGET(),
        ql.ModifiedFollowing,
        ql.ModifiedFollowing,
        ql.DateGeneration.Backward,
        False,
    )
    bond = ql.FloatingRateBond(
        2,
        FACE,
        schedule,
        index,
        ql.Actual360(),
        ql.ModifiedFollowing,
        2,
        [1.0],
        [0.0085],
        [],
        [],
        False,
        100.0,
        ql.Date(15, 5, 2023),
    )
    bond.setPricingEngine(ql.DiscountingBondEngine(eur.handle("EUR-ESTR", 70.0)))
    for coupon in bond.cashflows():
        floating = ql.as_floating_rate_coupon(coupon)
        if floating is not None:
            floating.setPricer(ql.BlackIborCouponPricer())
    yield bond
    index.clearFixings()


def test_an_euribor_note_is_worth_what_quantlibs_bond_is(eur, euribor_bond):
    risk = priced([EURIBOR_NOTE], TODAY, eur.quotes, FIXINGS).risk
    value = ql.CashFlows.npv(euribor_bond.cashflows(), eur.handle("EUR-ESTR", 70.0), False)
    assert risk.npv[0] == pytest.approx(value, abs=1e-9 * FACE)


def test_prices_of_an_euribor_note_are_those_of_quantlibs_bond(eur, euribor_bond):
    made = eur.note(EURIBOR_NOTE).analytics()
    assert made.accrued_per_100 == pytest.approx(euribor_bond.accruedAmount(), abs=1e-10)
    assert made.clean_per_100 == pytest.approx(euribor_bond.cleanPrice(), abs=1e-7)
    assert made.dirty_per_100 == pytest.approx(euribor_bond.dirtyPrice(), abs=1e-7)


def test_accrued_interest_is_of_the_coupon_that_has_fixed(eur):
    """It is by hand: the fixing two days before 15 November 2024, and 89 days to 12 February."""
    fixing = FIXINGS["EURIBOR3M"][dt.date(2024, 11, 13)]
    expected = 100.0 * (fixing + 0.0085) * 89 / 360
    assert eur.note(EURIBOR_NOTE).accrued_per_100 == pytest.approx(expected, abs=1e-12)


OBSERVED = {
    "shift": ({"lookback_days": 5, "observation_shift": True}, (5, 0, True)),
    "lookback": ({"lookback_days": 5}, (5, 0, False)),
    "lockout": ({"lockout_days": 2}, (ql.nullInt(), 2, False)),
    "all": ({"lookback_days": 2, "observation_shift": True, "lockout_days": 3}, (2, 3, True)),
}
"""How the fixings of the second note are observed, and how QuantLib is told so."""


def sofr_note(name: str) -> FloatingRateNoteTerms:
    none = {"lookback_days": None, "observation_shift": None, "lockout_days": None}
    given = {**none, **OBSERVED[name][0]}
    if given["lockout_days"]:  # no period may be as short as the lockout
        given["maturity_date"] = dt.date(2027, 5, 15)
    return msgspec.structs.replace(SOFR_NOTE, **given)


@pytest.fixture(params=OBSERVED)
def sofr_leg(usd, request):
    """The second note: QuantLib's own way of observing, daily fixings, its own calendar."""
    lookback, lockout, shift = OBSERVED[request.param][1]
    ql.Settings.instance().evaluationDate = _ql(TODAY)
    index = ql.Sofr(usd.handle("USD-SOFR"))
    known(index, "SOFR")
    schedule = ql.Schedule(
        ql.Date(15, 5, 2024),
        _ql(sofr_note(request.param).maturity_date),
        ql.Period("3M"),
        ql.UnitedStates(ql.UnitedStates.SOFR),
        ql.ModifiedFollowing,
        ql.ModifiedFollowing,
        ql.DateGeneration.Backward,
        False,
    )
    leg = ql.OvernightLeg(
        [FACE],
        schedule,
        index,
        ql.Actual360(),
        ql.ModifiedFollowing,
        spreads=[0.009],
        lookbackDays=lookback,
        lockoutDays=lockout,
        applyObservationShift=shift,
    )
    yield request.param, [*leg, ql.Redemption(FACE, schedule.dates()[-1])]
    index.clearFixings()


def test_a_sofr_note_is_worth_what_quantlibs_daily_coupons_are(usd, sofr_leg):
    name, leg = sofr_leg
    terms = sofr_note(name)
    risk = priced([terms], TODAY, usd.quotes, FIXINGS).risk
    curve = usd.handle("USD-SOFR", -15.0)
    value = ql.CashFlows.npv(leg, curve, False)
    assert risk.npv[0] == pytest.approx(value, abs=1e-9 * FACE)
    # A buyer of the settlement date pays the value of what is paid after it.
    settlement = ql.Date(11, 2, 2025)
    dirty = ql.CashFlows.npv(leg, curve, False, settlement, settlement) / FACE * 100.0
    assert usd.note(terms).analytics().dirty_per_100 == pytest.approx(dirty, abs=1e-9)


def test_a_coupon_with_a_lookback_accrues_the_fixings_of_its_own_days(usd):
    """By hand: each day has the fixing of 5 business days before, for its own days."""
    calendar = ql.UnitedStates(ql.UnitedStates.SOFR)
    day, settlement, growth = ql.Date(18, 11, 2024), ql.Date(11, 2, 2025), 1.0
    years = (settlement - day) / 360.0
    while day < settlement:
        after = calendar.advance(day, 1, ql.Days)
        fixing = FIXINGS["SOFR"][calendar.advance(day, -5, ql.Days).to_date()]
        growth *= 1.0 + fixing * (min(after, settlement) - day) / 360.0
        day = after
    expected = 100.0 * (growth - 1.0 + 0.009 * years)
    found = usd.note(sofr_note("lookback")).accrued_per_100
    assert found == pytest.approx(expected, abs=1e-12)


def test_a_price_of_a_note_with_a_lookback_gives_a_spread_that_gives_it_back(usd):
    given = {"z_spread_bp": None, "clean_price": 99.37}
    terms = msgspec.structs.replace(sofr_note("lookback"), **given)
    made = usd.note(terms).analytics()
    again = msgspec.structs.replace(terms, clean_price=None, z_spread_bp=made.z_spread_bp)
    assert usd.note(again).analytics().clean_per_100 == pytest.approx(99.37, abs=1e-10)
    block = analytics_of(
        [usd.note(again).flows()], np.array([made.z_spread_bp * 1e-4]), usd.curves, usd.solved
    )
    assert float(block["clean_per_100"][0]) == pytest.approx(99.37, abs=1e-10)
    assert float(block["discount_margin_bp"][0]) == pytest.approx(made.discount_margin_bp, abs=1e-9)


def test_a_compounded_coupon_accrues_by_its_days_of_observation(usd):
    """By hand: SOFR compounded from 5 business days before the start to 5 before settlement."""
    calendar, days = ql.UnitedStates(ql.UnitedStates.SOFR), ql.Actual360()
    start, settlement = ql.Date(18, 11, 2024), ql.Date(11, 2, 2025)
    first, last = (calendar.advance(d, -5, ql.Days) for d in (start, settlement))
    growth, day = 1.0, first
    while day < last:
        after = calendar.advance(day, 1, ql.Days)
        growth *= 1.0 + FIXINGS["SOFR"][day.to_date()] * (after - day) / 360.0
        day = after
    rate = (growth - 1.0) / days.yearFraction(first, last)
    expected = 100.0 * (rate + 0.009) * days.yearFraction(start, settlement)
    assert usd.note(SOFR_NOTE).accrued_per_100 == pytest.approx(expected, abs=1e-12)


def test_a_price_gives_a_spread_and_the_spread_gives_the_price(usd):
    terms = note(
        "SOFR", dt.date(2024, 5, 15), dt.date(2027, 5, 17), spread_bp=90.0, clean_price=99.37
    )
    made = usd.note(terms).analytics()
    assert made.clean_per_100 == pytest.approx(99.37, abs=1e-10)
    again = note(
        *("SOFR", dt.date(2024, 5, 15), dt.date(2027, 5, 17)),
        spread_bp=90.0,
        z_spread_bp=made.z_spread_bp,
    )
    assert usd.note(again).analytics().clean_per_100 == pytest.approx(99.37, abs=1e-10)


def test_a_discount_margin_gives_the_price_by_the_formula_written_out(eur):
    """Periods of Act/360 from the coupon in progress, its index rate for all of them."""
    made = eur.note(EURIBOR_NOTE).analytics()
    index = FIXINGS["EURIBOR3M"][dt.date(2024, 11, 13)]
    dates = ["2025-02-17", "2025-05-15", "2025-08-15", "2025-11-17", "2026-02-16", "2026-05-15",
             "2026-08-17", "2026-11-16", "2027-02-15", "2027-05-17", "2027-08-16", "2027-11-15",
             "2028-02-15", "2028-05-15"]  # fmt: skip
    ends = [dt.date.fromisoformat(text) for text in dates]
    starts = [dt.date(2024, 11, 15), *ends[:-1]]
    total = index + made.discount_margin_bp * 1e-4
    factor = 1.0 / (1.0 + total * (ends[0] - dt.date(2025, 2, 12)).days / 360)
    price = 0.0
    for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
        years = (end - start).days / 360
        factor /= 1.0 + total * years if number else 1.0
        price += 100.0 * (index + 0.0085) * years * factor
    assert price + 100.0 * factor == pytest.approx(made.dirty_per_100, abs=1e-9)


def test_a_note_at_par_on_a_coupon_date_has_its_quoted_spread_as_margin(usd):
    terms = note("SOFR", TODAY, dt.date(2028, 2, 10), spread_bp=55.0, clean_price=100.0)
    assert usd.note(terms).analytics().discount_margin_bp == pytest.approx(55.0, abs=1e-9)


def test_a_basis_point_of_quoted_spread_is_worth_the_annuity(eur):
    more = note(
        *("EURIBOR3M", dt.date(2023, 5, 15), dt.date(2028, 5, 15)),
        spread_bp=86.0,
        z_spread_bp=70.0,
    )
    risk = priced([EURIBOR_NOTE], TODAY, eur.quotes, FIXINGS).risk
    dearer = priced([more], TODAY, eur.quotes, FIXINGS).risk
    assert dearer.npv[0] - risk.npv[0] == pytest.approx(risk.pv01[0], rel=1e-9)


def test_long_and_short_cancel(eur):
    short = decode({**fields_of(EURIBOR_NOTE), "face_amount": -FACE}, FloatingRateNoteTerms)
    for name in ("npv", "dv01_par", "cs01", "gamma", "pv01"):
        values = [
            getattr(priced([one], TODAY, eur.quotes, FIXINGS).risk, name)[0]
            for one in (EURIBOR_NOTE, short)
        ]
        assert values[0] == -values[1] != 0.0, name


def test_most_of_a_notes_risk_to_the_discount_curve_is_that_of_its_spread(eur):
    """A note that pays its curve flat has no rate risk beyond the coupon that has fixed."""
    flat = note("ESTR", TODAY, dt.date(2035, 2, 12))
    risk = priced([flat], TODAY, eur.quotes, FIXINGS).risk
    assert abs(risk.dv01_par[0]) < 1e-3
    assert np.abs(risk.ladder_par[0]).max() < 1e-3


def test_a_missing_fixing_is_named(eur):
    lost = {name: {} for name in FIXINGS}
    risk = priced([EURIBOR_NOTE], TODAY, eur.quotes, lost).risk
    assert risk.failures[0].code == "MISSING_FIXING"
    curves = CurveSet(TODAY, shape_of(eur.quotes), lost)
    with pytest.raises(Exception, match="no EURIBOR3M fixing for 2024-11-13") as caught:
        PricedNote(EURIBOR_NOTE, curves, eur.solved)
    assert caught.value.code == "MISSING_FIXING"


def test_a_note_of_which_a_buyer_receives_nothing_has_no_price(eur):
    terms = note("EURIBOR3M", dt.date(2024, 2, 12), dt.date(2025, 2, 12), settlement_days=2)
    with pytest.raises(NothingAfterSettlement):
        eur.note(terms)


def fields_of(terms: FloatingRateNoteTerms) -> dict[str, object]:
    names = terms.__struct_fields__
    return {name: getattr(terms, name) for name in names if getattr(terms, name) is not None}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"cap_rate": 0.05}, "cap_rate: 0.05 is not valid; coupons with a cap are options"),
        ({"floor_rate": 0.0}, "coupons with a floor are options and are not priced"),
        ({"lockout_days": 2}, "lockout_days: 2 is not valid; coupons on EURIBOR3M fix once"),
        ({"floating_index": "LIBOR"}, "floating_index: 'LIBOR' is not valid; allowed: "),
        ({"lookback_days": 5}, "lookback_days: 5 is not valid; coupons on EURIBOR3M fix once"),
        ({"observation_shift": True}, "coupons on EURIBOR3M fix once"),
        ({"floating_index": "ESTR", "fixing_days": 1}, "give lookback_days instead"),
        ({"payment_frequency": "ZERO"}, "payment_frequency: 'ZERO' is not valid; allowed: "),
        ({"maturity_date": dt.date(2020, 1, 1)}, "must be after issue_date 2023-05-15"),
        ({"first_coupon_date": dt.date(2023, 9, 1)}, "coupons every 3 months back from maturity"),
        ({"discount_curve": "USD-SOFR"}, "discount_curve: 'USD-SOFR' is not valid; curves of EUR"),
        ({"face_amount": 0.0}, "use a positive (long) or negative (short) amount"),
        ({"clean_price": -3.0}, "a price per 100 of face"),
        ({"day_count": "ACT/363"}, "day_count: 'ACT/363' is not valid; allowed: "),
    ],
)
def test_what_is_wrong_or_not_priced_is_refused_with_a_sentence(change, sentence):
    with pytest.raises(BadInput) as caught:
        decode({**fields_of(EURIBOR_NOTE), **change}, FloatingRateNoteTerms)
    assert sentence in str(caught.value)
