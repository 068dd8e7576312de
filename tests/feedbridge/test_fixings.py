"""Derived fixings: one an index and weekday, from the curve of the date, labelled."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedbridge.replay.history.daily import CurveHistory, DailyCurves, stored
from feedbridge.replay.history.fixings import derive_fixings, fixing_on
from pricing.errors import BadInput
from pricing.markets.conventions import INDICES

MONDAY = dt.date(2024, 3, 4)


def test_every_index_with_a_curve_has_a_fixing():
    found = {
        (fixing.index, fixing.label)
        for currency in CurveHistory.CURRENCIES
        for fixing in derive_fixings(currency, MONDAY, MONDAY)
    }
    assert found == {
        ("SOFR", "proxy"),
        ("ESTR", "synthetic"),
        ("EURIBOR6M", "synthetic"),
        ("SONIA", "synthetic"),
    }


def test_an_overnight_index_takes_the_shortest_quote_and_euribor_its_own_tenor(
    history: CurveHistory,
):
    curves = history.day("EUR", MONDAY).curves
    fixings = {f.index: f.rate for f in derive_fixings("EUR", MONDAY, MONDAY)}
    assert fixings == {
        "ESTR": curves["EUR-ESTR"]["1M"],
        "EURIBOR6M": curves["EUR-EURIBOR6M"]["6M"],
    }
    (sofr,) = derive_fixings("USD", dt.date(1995, 3, 1), dt.date(1995, 3, 1))
    assert sofr.rate == history.day("USD", dt.date(1995, 3, 1)).curves["USD-SOFR"]["3M"]


def test_a_term_index_does_not_take_a_shorter_quote():
    quotes = {"3M": 0.01, "6M": 0.02, "1Y": 0.03}
    day = DailyCurves(
        date=MONDAY,
        currency="EUR",
        curves={"EUR-EURIBOR6M": quotes},
        labels={"EUR-EURIBOR6M": "synthetic"},
    )
    assert fixing_on(INDICES["EURIBOR6M"], MONDAY, day) == ("EURIBOR6M", MONDAY, 0.02, "synthetic")


def test_a_weekday_that_the_history_lacks_carries_the_last_curve():
    before, holiday = dt.date(2024, 7, 3), dt.date(2024, 7, 4)
    rates = {f.date: f.rate for f in derive_fixings("USD", before, holiday)}
    assert rates[holiday] == rates[before]


@settings(deadline=None)
@given(
    st.dates(dt.date(1990, 1, 2), dt.date(2024, 9, 24)),
    st.integers(0, 40),
    st.sampled_from(CurveHistory.CURRENCIES),
)
def test_there_is_one_fixing_for_every_weekday(start: dt.date, days: int, currency: str):
    end = min(start + dt.timedelta(days=days), stored().last)
    fixings = list(derive_fixings(currency, start, end))
    dates = [f.date for f in fixings if f.index in ("SOFR", "ESTR", "SONIA")]
    span = [start + dt.timedelta(days=n) for n in range((end - start).days + 1)]
    assert dates == [day for day in span if day.weekday() < 5]
    assert all(-0.05 < f.rate < 0.2 for f in fixings)


def test_dates_that_cannot_be_are_refused_at_the_call():
    with pytest.raises(BadInput, match="must not be after"):
        derive_fixings("USD", MONDAY, dt.date(2024, 3, 1))
    with pytest.raises(BadInput, match="covers 1990-01-02 to 2024-09-24"):
        derive_fixings("USD", MONDAY, dt.date(2024, 9, 25))
    with pytest.raises(BadInput, match="covers 1990-01-02"):
        derive_fixings("USD", dt.date(1989, 12, 29), MONDAY)
    with pytest.raises(BadInput, match="allowed: USD, EUR, GBP, AUD"):
        derive_fixings("PLN", MONDAY, MONDAY)
