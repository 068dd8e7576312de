"""Basis swaps: two floating legs on their own curves, against published values and QuantLib."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import msgspec
import pytest
import QuantLib as ql

from pricing.errors import BadInput
from pricing.products import period_rows
from pricing.products.flows import compile_trade
from pricing.products.swaps.basis_swap import BasisSwapTerms
from pricing.products.terms import decode
from pricing.reference import Reference
from tests.pricing import sample_markets
from tests.pricing.pricing_of import priced
from tests.pricing.truth import strata_2014

TODAY = dt.date(2025, 2, 10)
QUOTES = sample_markets.curves_of("EUR", 0.021, 0.011, -0.003)
FIXINGS = sample_markets.fixings_until(TODAY)


def basis(**changes) -> BasisSwapTerms:
    usual = {
        "trade_id": "X",
        "book": "book",
        "first_index": "EURIBOR3M",
        "second_index": "EURIBOR6M",
        "pay_receive": "receive",
        "notional": 1e8,
        "effective_date": dt.date(2024, 8, 29),
        "termination_date": dt.date(2034, 8, 29),
        "first_spread_bp": 10.0,
    }
    return BasisSwapTerms(**{**usual, **changes})


@pytest.fixture
def memorial_days() -> Iterator[None]:
    """Strata's calendar closes on two days, of all that matter, on which TARGET is open."""
    calendar, kept = ql.TARGET(), (period_rows.payment_day, period_rows.ibor_days)
    for each in kept:
        each.cache_clear()
    for day in (ql.Date(30, 5, 2016), ql.Date(29, 5, 2017)):
        calendar.addHoliday(day)
    yield
    calendar.resetAddedAndRemovedHolidays()
    for each in kept:
        each.cache_clear()


def test_three_against_six_months_has_the_published_value(memorial_days: None) -> None:
    """Strata, SwapEnd2EndTest.test_BasisLibor3mVsLibor6mSwapWithSpread."""
    terms = basis(effective_date=dt.date(2014, 8, 29), termination_date=dt.date(2024, 8, 29))
    assert strata_2014.value(terms) == pytest.approx(-21875.376339152455, abs=1e-4)


def by_hand(reference: Reference, first: ql.IborIndex, second: ql.IborIndex) -> list[float]:
    """QuantLib's legs of the swap above, each with its market's own index."""
    legs = []
    for index, spread in ((first, 0.001), (second, 0.0)):
        schedule = ql.Schedule(
            ql.Date(29, 8, 2024), ql.Date(29, 8, 2034), index.tenor(), ql.TARGET(),
            ql.ModifiedFollowing, ql.ModifiedFollowing, ql.DateGeneration.Backward, False,
        )  # fmt: skip
        legs.append(ql.IborLeg([1e8], schedule, index, ql.Actual360(), spreads=[spread]))
    swap = ql.Swap(legs[1], legs[0])
    discount = ql.YieldTermStructureHandle(reference.base["EUR-ESTR"])
    swap.setPricingEngine(ql.DiscountingSwapEngine(discount, False))
    bps = ql.CashFlows.bps(legs[0], reference.base["EUR-ESTR"], False)
    return [swap.legNPV(1), swap.legNPV(0), bps]


def test_a_seasoned_swap_is_worth_what_quantlib_makes_by_hand() -> None:
    reference = Reference(TODAY, QUOTES, FIXINGS)
    handles = [
        ql.YieldTermStructureHandle(reference.base[name])
        for name in ("EUR-EURIBOR3M", "EUR-EURIBOR6M")
    ]
    indices = ql.Euribor3M(handles[0]), ql.Euribor6M(handles[1])
    with reference.history():
        for index, name in zip(indices, ("EURIBOR3M", "EURIBOR6M"), strict=True):
            known = {d: r for d, r in FIXINGS[name].items() if d.year > 2023}
            dates = [ql.Date(d.day, d.month, d.year) for d in known]
            good = [index.isValidFixingDate(date) for date in dates]
            index.addFixings(
                [date for date, ok in zip(dates, good, strict=True) if ok],
                [rate for rate, ok in zip(known.values(), good, strict=True) if ok],
                True,
            )
        first, second, bps = by_hand(reference, *indices)
    risk = priced([basis()], TODAY, QUOTES, FIXINGS).risk
    assert risk.leg_npv[0] == pytest.approx([first, second], abs=1e-3)
    assert risk.npv[0] == pytest.approx(first + second, abs=1e-3)
    assert risk.pv01[0] == pytest.approx(bps, abs=1e-6)


def test_who_pays_has_the_opposite_numbers() -> None:
    book = [basis(), basis(trade_id="Y", pay_receive="pay")]
    risk = priced(book, TODAY, QUOTES, FIXINGS).risk
    for name in ("npv", "leg_npv", "ladder_par", "krd", "pv01", "gamma"):
        receiver, payer = getattr(risk, name)
        assert receiver + payer == pytest.approx(0.0, abs=1e-6)


def test_its_ladder_has_both_projection_curves_and_the_discount_curve() -> None:
    found = priced([basis()], TODAY, QUOTES, FIXINGS)
    by_curve = {}
    for key, value in zip(found.curves.keys, found.risk.ladder_par[0], strict=True):
        by_curve[key.curve] = by_curve.get(key.curve, 0.0) + float(value)
    assert by_curve["EUR-EURIBOR3M"] < -50_000 < 50_000 < by_curve["EUR-EURIBOR6M"]
    assert abs(by_curve["EUR-ESTR"]) > 1.0
    assert sum(by_curve.values()) == pytest.approx(found.risk.dv01_par[0], rel=1e-12)


def test_an_overnight_leg_pays_with_the_ibor_leg_and_two_of_them_quarterly() -> None:
    assert basis(first_index="ESTR").frequencies == ("6M", "6M")
    assert basis(first_index="EURIBOR3M", second_index="ESTR").frequencies == ("3M", "3M")
    assert basis(first_index="ESTR", first_frequency="1Y").frequencies == ("1Y", "6M")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"second_index": "SONIA"}, "second_index: .*SONIA.*indices of EUR: ESTR, EURIBOR3M"),
        ({"second_index": "EURIBOR3M"}, "second_index: .*another index than the first leg's"),
        ({"first_index": "LIBOR"}, "first_index: .*LIBOR.*indices: .*SOFR"),
        ({"termination_date": dt.date(2024, 8, 29)}, "termination_date: .*must be after"),
        ({"first_frequency": "5M"}, "first_frequency: .*5M.*allowed: 1M"),
        ({"discount_curve": "USD-SOFR"}, "discount_curve: .*curves of EUR"),
        ({"first_regular_date": dt.date(2024, 11, 15)}, "first_regular_date: .*first_frequency"),
        ({"first_spread_bp": 20_000.0}, "first_spread_bp: .*at most 10,000"),
        ({"pay_receive": "buy"}, "pay_receive: .*use 'pay' or 'receive'"),
        ({"notional": -1.0}, "notional: .*must be greater than 0"),
    ],
)
def test_terms_that_are_wrong_are_refused_by_a_sentence(change: dict, sentence: str) -> None:
    given = {k: v for k, v in msgspec.to_builtins(basis()).items() if v is not None}
    with pytest.raises(BadInput, match=sentence):
        decode({**given, **msgspec.to_builtins(change)}, BasisSwapTerms)


def test_a_swap_without_a_period_is_refused() -> None:
    terms = basis(effective_date=dt.date(2025, 2, 14), termination_date=dt.date(2025, 2, 15))
    weekend = msgspec.structs.replace(
        terms, termination_date=dt.date(2025, 2, 16), effective_date=dt.date(2025, 2, 15)
    )
    with pytest.raises(BadInput, match=r"termination_date: .*end on a later business day"):
        compile_trade(weekend)
