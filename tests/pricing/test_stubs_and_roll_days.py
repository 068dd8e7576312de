"""Stubs between two indices against published values; IMM and other roll days by hand."""

from __future__ import annotations

import datetime as dt

import msgspec
import numpy as np
import pytest

from pricing.curves.quotes import CurveOptions
from pricing.errors import BadInput
from pricing.markets.calendars import date_of
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.products.flows import compile_trade
from pricing.products.terms import decode
from tests.pricing import sample_markets
from tests.pricing.pricing_of import priced
from tests.pricing.test_compiled_equals_quantlib import check
from tests.pricing.truth import strata_2014

TODAY = dt.date(2025, 2, 10)
QUOTES = sample_markets.curves_of("EUR", 0.021, 0.011, -0.003)
FIXINGS = sample_markets.fixings_until(TODAY)


def swap(**changes) -> SwapTerms:
    usual = {
        "trade_id": "S",
        "book": "book",
        "convention": "EUR-EURIBOR-6M",
        "pay_receive": "receive",
        "notional": 1e8,
        "effective_date": dt.date(2014, 9, 12),
        "termination_date": dt.date(2016, 6, 12),
        "fixed_rate": 0.01,
        "fixed_frequency": "6M",
        "fixed_day_count": "30/360 US",
        "stub_index": "EURIBOR3M",
    }
    return SwapTerms(**{**usual, **changes})


@pytest.mark.parametrize(
    ("end", "published"),
    [(dt.date(2016, 6, 12), 364832.4284058402), (dt.date(2016, 7, 12), 314215.2347116342)],
)
def test_a_stub_of_three_and_of_four_months_has_the_published_value(
    end: dt.date, published: float
) -> None:
    """Strata, SwapEnd2EndTest.test_InterpolatedStub3mFixed6mVsLibor6mSwap and its 4m sister."""
    found = strata_2014.value(swap(termination_date=end))
    assert found == pytest.approx(published, abs=1e-4)


SEASONED = {"effective_date": dt.date(2024, 10, 15), "termination_date": dt.date(2030, 2, 17)}


@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize(
    "change",
    [
        SEASONED,
        {**SEASONED, "spread_bp": 25.0, "pay_receive": "pay"},
        {
            "effective_date": dt.date(2025, 6, 16),
            "termination_date": dt.date(2031, 10, 16),
            "last_regular_date": dt.date(2031, 6, 16),
        },
    ],
)
def test_every_measure_of_a_stub_is_the_references(change: dict, indexed: bool) -> None:
    check([swap(notional=1e6, **change)], TODAY, QUOTES, CurveOptions(indexed=indexed))


def test_a_stub_has_risk_on_both_indices() -> None:
    terms = swap(effective_date=dt.date(2025, 4, 16), termination_date=dt.date(2027, 2, 16))
    found = priced([terms], TODAY, QUOTES, FIXINGS)
    on = {key.curve: 0.0 for key in found.curves.keys}
    for key, value in zip(found.curves.keys, found.risk.ladder_par[0], strict=True):
        on[key.curve] += abs(float(value))
    assert on["EUR-EURIBOR3M"] > 500.0
    assert on["EUR-EURIBOR6M"] > 500.0


def test_imm_dates_are_third_wednesdays() -> None:
    terms = swap(
        effective_date=dt.date(2025, 3, 19),
        termination_date=dt.date(2028, 9, 20),
        stub_index=None,
        roll_day="imm",
    )
    flows = compile_trade(terms).flows
    floating = flows[flows["leg"] == 1]
    days = [dt.date(2025, 9, 17), dt.date(2026, 3, 18), dt.date(2026, 9, 16), dt.date(2027, 3, 17)]
    days += [dt.date(2027, 9, 15), dt.date(2028, 3, 15), dt.date(2028, 9, 20)]
    assert [date_of(day) for day in floating["pay"]] == days
    check([msgspec.structs.replace(terms, notional=1e6)], TODAY, QUOTES, CurveOptions())


def test_a_roll_day_keeps_the_unadjusted_day_of_an_end_that_was_adjusted() -> None:
    """16 November 2030 is a Saturday: the swap ends on Monday the 18th, and rolls on the 16th."""
    ends = {"effective_date": dt.date(2026, 11, 16), "termination_date": dt.date(2030, 11, 18)}
    for day, paid in ((16, 16), (None, 18)):
        terms = swap(**ends, stub_index=None, roll_day=day)
        fixed = [f for f in compile_trade(terms).flows if f["leg"] == 0]
        dates = [date_of(flow["pay"]) for flow in fixed]
        assert dt.date(2027, 11, paid) in dates
        assert dates[-1] == dt.date(2030, 11, 18)
        check([msgspec.structs.replace(terms, notional=1e6)], TODAY, QUOTES, CurveOptions())
    nominal = msgspec.structs.replace(
        swap(**ends, stub_index=None), termination_date=dt.date(2030, 11, 16)
    )
    rolled = swap(**ends, stub_index=None, roll_day="16")
    mine, other = (compile_trade(terms).flows for terms in (rolled, nominal))
    for column in ("pay", "start", "end", "fixing", "amount"):
        assert np.array_equal(mine[column], other[column])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"stub_index": "ESTR"}, "stub_index: 'ESTR'.*another IBOR index"),
        ({"stub_index": "EURIBOR6M"}, "stub_index: .*another IBOR index than the leg's own"),
        ({"stub_index": "SONIA"}, "stub_index: .*indices of EUR"),
        ({"termination_date": "2016-09-12"}, "stub_index: .*no odd period"),
        ({"termination_date": "2016-04-12"}, "stub_index: .*odd period to .*must end between"),
        ({"roll_day": "IMM", "stub_index": None}, "effective_date: .*third Wednesday, such as"),
        ({"roll_day": 45}, "roll_day: 45.*from 1 to 31, or IMM"),
        ({"roll_day": 20}, "roll_day: 20.*no day 20 of a month is adjusted to termination_date"),
        ({"roll_day": 12, "last_regular_date": "2016-03-12"}, "last_regular_date: .*leave it out"),
    ],
)
def test_terms_that_are_wrong_are_refused_by_a_sentence(change: dict, sentence: str) -> None:
    given = {k: v for k, v in msgspec.to_builtins(swap()).items() if v is not None}
    with pytest.raises(BadInput, match=sentence):
        compile_trade(decode({**given, **change}, SwapTerms))
