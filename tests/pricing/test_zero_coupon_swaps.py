"""Zero-coupon swaps compound and pay once; among fixed-floating swaps they are refused by name."""

from __future__ import annotations

import datetime as dt
import itertools

import msgspec
import pytest
import QuantLib as ql

from pricing.curves.quotes import CurveOptions
from pricing.errors import BadInput
from pricing.markets import conventions
from pricing.markets.calendars import day_of
from pricing.measures.block import make_ready, price_block
from pricing.measures.value_date import roll_to
from pricing.products import schedules
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.products.flows import compile_trade
from pricing.products.swaps.zero_coupon_swap import ZeroCouponSwapTerms
from pricing.products.terms import decode
from pricing.reference import Reference
from tests.pricing import sample_markets
from tests.pricing.pricing_of import compiled, priced
from tests.pricing.test_compiled_equals_quantlib import check
from tests.pricing.truth import strata_2014


@pytest.mark.parametrize("frequency", ["ZERO", "ONCE", "NONE"])
def test_a_fixed_leg_that_pays_once_is_refused_by_name(frequency: str) -> None:
    """Simple interest over ten years would be 30.0 instead of 34.4 million on 100m at 3 %."""
    terms = SwapTerms(
        trade_id="zc",
        book="b",
        convention="EUR-EURIBOR-6M",
        pay_receive="receive",
        notional=100e6,
        effective_date=dt.date(2025, 9, 15),
        termination_date=dt.date(2035, 9, 15),
        fixed_rate=0.03,
        fixed_frequency=frequency,
    )
    with pytest.raises(BadInput, match=r"fixed_frequency: .*product zero_coupon_swap"):
        compile_trade(terms)


# --- The product ------------------------------------------------------------------------------

TODAY = dt.date(2025, 2, 10)
QUOTES = sample_markets.curves_of("EUR", 0.021, 0.011, -0.003)
FIXINGS = sample_markets.fixings_until(TODAY)


def zero(**changes) -> ZeroCouponSwapTerms:
    usual = {
        "trade_id": "Z",
        "book": "book",
        "convention": "EUR-EURIBOR-6M",
        "pay_receive": "receive",
        "notional": 1e8,
        "effective_date": dt.date(2023, 9, 15),
        "termination_date": dt.date(2033, 9, 15),
        "fixed_rate": 0.03,
    }
    return ZeroCouponSwapTerms(**{**usual, **changes})


STRATA = zero(
    convention="EUR-EURIBOR-3M",
    pay_receive="pay",
    effective_date=dt.date(2014, 9, 12),
    termination_date=dt.date(2021, 9, 12),
    fixed_rate=0.015,
    fixed_frequency="1Y",
    fixed_day_count="30/360 US",
)


def test_the_published_value_of_indexed_coupons() -> None:
    """Strata, SwapEnd2EndTest.test_ZeroCouponFixedVsLibor3mSwap: 7,850,279.0422.

    Strata forecasts each fixing over the index's own three months, which end a day after the
    period in some quarters: 1,535 less than coupons at par, 0.15 bp of notional.
    """
    assert strata_2014.value(STRATA) == pytest.approx(7850279.042216873, abs=1e-4)
    at_par = strata_2014.value(STRATA, indexed=False)
    assert at_par - 7850279.042216873 == pytest.approx(0.0, abs=2_000.0)


def test_indexed_coupons_are_the_references() -> None:
    for start in (dt.date(2023, 9, 15), dt.date(2026, 8, 31)):
        for frequency in (None, "1Y"):
            book = [zero(effective_date=start, fixed_frequency=frequency)]
            check(book, TODAY, QUOTES, CurveOptions(indexed=True))


def test_ten_years_at_three_percent_pay_34_391_638_on_a_hundred_million() -> None:
    """N ((1 + r)^T - 1) by 30/360; simple interest would be 30 million."""
    terms = zero(effective_date=dt.date(2026, 9, 15), termination_date=dt.date(2036, 9, 15))
    fixed = compile_trade(terms).flows[0]
    assert fixed["amount"] == pytest.approx(34_391_637.9344, abs=1e-4)
    up, down = (
        compile_trade(msgspec.structs.replace(terms, fixed_rate=0.03 + move)).flows[0]["amount"]
        for move in (1e-6, -1e-6)
    )
    assert fixed["unit"] == pytest.approx((up - down) / 2e-6, rel=1e-8)


@pytest.mark.parametrize("start", [dt.date(2024, 10, 15), dt.date(2025, 4, 15)])
def test_an_ibor_leg_is_quantlibs_zero_coupon_swap(start: dt.date) -> None:
    """QuantLib forecasts over the index's own six months: no date here is moved, so they chain."""
    terms = zero(effective_date=start, termination_date=dt.date(2027, 10, 15))
    reference = Reference(TODAY, QUOTES, FIXINGS)
    forecast, discount = (
        ql.YieldTermStructureHandle(reference.base[name]) for name in ("EUR-EURIBOR6M", "EUR-ESTR")
    )
    with reference.history():
        index = schedules.make_index(conventions.INDICES["EURIBOR6M"], forecast)
        begin, end = (
            ql.TARGET().adjust(ql.Date(d.day, d.month, d.year), ql.ModifiedFollowing)
            for d in (start, dt.date(2027, 10, 15))
        )
        swap = ql.ZeroCouponSwap(
            ql.Swap.Receiver, 1e8, begin, end, 0.03, ql.Thirty360(ql.Thirty360.BondBasis), index,
            ql.TARGET(), ql.ModifiedFollowing, 0,
        )  # fmt: skip
        swap.setPricingEngine(ql.DiscountingSwapEngine(discount, False))
        fixed, floating = swap.fixedLegNPV(), swap.floatingLegNPV()
    risk = priced([terms], TODAY, QUOTES, FIXINGS).risk
    assert risk.leg_npv[0, 0] == pytest.approx(fixed, abs=1e-3)
    assert risk.leg_npv[0, 1] == pytest.approx(floating, abs=1e-3)


def test_known_fixings_compound_before_the_rest() -> None:
    """By hand: three periods have fixed, the rest grows on the curve."""
    terms = zero()
    found = priced([terms], TODAY, QUOTES, FIXINGS)
    reference = Reference(TODAY, QUOTES, FIXINGS)
    dates = list(
        ql.Schedule(
            ql.Date(15, 9, 2023), ql.Date(15, 9, 2033), ql.Period("6M"), ql.TARGET(),
            ql.ModifiedFollowing, ql.ModifiedFollowing, ql.DateGeneration.Backward, False,
        )
    )  # fmt: skip
    grown = 1.0
    for begin, end in itertools.pairwise(dates[:4]):
        fixing = ql.TARGET().advance(begin, -2, ql.Days)
        rate = FIXINGS["EURIBOR6M"][dt.date(fixing.year(), fixing.month(), fixing.dayOfMonth())]
        grown *= 1.0 + rate * (end - begin) / 360
    curve = reference.base["EUR-EURIBOR6M"]
    grown *= curve.discount(dates[3]) / curve.discount(dates[-1])
    value = -1e8 * (grown - 1.0) * reference.base["EUR-ESTR"].discount(dates[-1])
    assert found.risk.leg_npv[0, 1] == pytest.approx(value, abs=1e-3)


def test_a_missing_fixing_is_named_and_todays_is_forecast() -> None:
    lacking = {**FIXINGS, "EURIBOR6M": {}}
    failures = priced([zero()], TODAY, QUOTES, lacking).risk.failures
    assert [(f.code, "EURIBOR6M" in f.message) for f in failures] == [("MISSING_FIXING", True)]
    starts = zero(effective_date=dt.date(2025, 2, 12), termination_date=dt.date(2035, 2, 12))
    found = priced([starts], TODAY, QUOTES, FIXINGS)
    known = {**FIXINGS, "EURIBOR6M": {**FIXINGS["EURIBOR6M"], TODAY: 0.10}}
    dated = roll_to(compiled([starts]), day_of(TODAY), known, found.curves.names)
    value = price_block(make_ready(dated, found.curves.grid), found.curves, found.solved).npv[0]
    curves = Reference(TODAY, QUOTES, FIXINGS).base
    p = curves["EUR-EURIBOR6M"].discount
    first, second, last = (ql.Date(12, 2, 2025), ql.Date(12, 8, 2025), ql.Date(12, 2, 2035))
    more = 1.0 + 0.10 * (second - first) / 360 - p(first) / p(second)
    expected = -1e8 * more * p(second) / p(last) * curves["EUR-ESTR"].discount(last)
    assert value - found.risk.npv[0] == pytest.approx(expected, abs=1e-3)


def test_payer_and_receiver_add_up_to_nothing() -> None:
    book = [
        zero(trade_id=f"{convention}{side}", convention=convention, pay_receive=side)
        for convention in ("EUR-EURIBOR-6M", "EUR-ESTR-OIS")
        for side in ("pay", "receive")
    ]
    risk = priced(book, TODAY, QUOTES, FIXINGS).risk
    for name in ("npv", "leg_npv", "ladder_par", "krd", "pv01", "gamma"):
        values = getattr(risk, name)
        assert values[0] + values[1] == pytest.approx(0.0, abs=1e-6)
        assert values[2] + values[3] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"convention": "EUR"}, "convention: .*allowed: .*EUR-ESTR-OIS"),
        ({"fixed_frequency": "ZERO"}, "fixed_frequency: .*leave it empty"),
        ({"fixed_day_count": "ACT/ACT"}, "fixed_day_count: .*counts coupon periods"),
        ({"floating_index": "SOFR"}, "floating_index: .*indices of EUR"),
        ({"calendar": "NONE", "business_day_convention": "UNADJUSTED"}, "calendar: .*no deposit"),
        ({"spread_bp": 5.0}, "spread_bp: .*no such field"),
        ({"fixed_rate": 3.0}, "fixed_rate: .*"),
    ],
)
def test_terms_that_are_wrong_are_refused_by_a_sentence(change: dict, sentence: str) -> None:
    given = {k: v for k, v in msgspec.to_builtins(zero()).items() if v is not None}
    with pytest.raises(BadInput, match=sentence):
        compile_trade(decode({**given, **change}, ZeroCouponSwapTerms))
