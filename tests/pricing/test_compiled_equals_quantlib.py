"""The fast path against plain QuantLib, over random books, markets and awkward dates."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from pricing.curves.quotes import CurveOptions
from pricing.markets.conventions import CURRENCIES
from pricing.products.flows import compile_book
from pricing.reference import Reference
from tests import not_run
from tests.pricing import sample_markets
from tests.pricing.pricing_of import priced
from tests.pricing.sample_markets import NOTIONAL

NPV_TOLERANCE, LADDER_TOLERANCE = 1e-9, 1e-6
CUBIC_TENORS = ("1M", "6M", "1Y", "2Y", "5Y", "10Y", "30Y")
NOISE = 5e-12 * NOTIONAL
"""QuantLib's bootstrap stops at 1e-12: a bond a week from maturity has not much more DV01."""

PROPERTY = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
    # An example costs a fraction of a second in QuantLib: shrinking one would take minutes.
    phases=[Phase.explicit, Phase.generate],
)


@pytest.mark.parametrize("currencies", sample_markets.GROUPS)
@PROPERTY
@given(data=st.data())
def test_every_measure_of_every_trade_equals_quantlibs(currencies, data):
    currency = data.draw(st.sampled_from(currencies))
    today = data.draw(sample_markets.dates)
    quotes = data.draw(sample_markets.markets(currency))
    book = data.draw(sample_markets.books(currency, today))
    check(book, today, quotes, CurveOptions(indexed=data.draw(st.booleans())), note)


@pytest.mark.parametrize("currency", CURRENCIES)
def test_a_global_interpolation_works_by_the_same_fixed_weights(currency):
    today = dt.date(2024, 2, 29)
    quotes = {
        name: {tenor: rate for tenor, rate in rates.items() if tenor in CUBIC_TENORS}
        for name, rates in sample_markets.curves_of(currency, 0.02, 0.01, -0.004).items()
        if not name.endswith("3M")
    }
    book = [
        sample_markets.SwapTerms(
            trade_id=f"{convention}{years}",
            book="book",
            convention=convention,
            pay_receive="pay",
            notional=NOTIONAL,
            effective_date=dt.date(2022, 8, 31),
            termination_date=dt.date(2024 + years, 8, 30),
            fixed_rate=0.025,
        )
        for convention in sample_markets.SWAPS_OF[currency]
        if not convention.endswith("3M")
        for years in (1, 6, 33)
    ]
    check(
        book, today, quotes, CurveOptions(interpolation=dict.fromkeys(quotes, "natural_log_cubic"))
    )


def check(book, today, quotes, options, say=print):
    fixings = sample_markets.fixings_until(today)
    # QuantLib makes no schedule of some stubs; then neither path has a number.
    _, refused = compile_book(book, indexed=options.indexed)
    lost = {failure.trade_id for failure in refused}
    reference = Reference(today, quotes, fixings, options)
    truths = reference.price(book)
    assert {truth.trade_id for truth in truths if truth.failure} == lost
    book = [terms for terms in book if terms.trade_id not in lost]
    truths = [truth for truth in truths if truth.failure is None]
    risk, curves, _ = priced(book, today, quotes, fixings, options)
    assert reference.set.keys == curves.keys
    assert risk.failures == ()
    for row, (terms, truth) in enumerate(zip(book, truths, strict=True)):
        say(f"{today} {options} {terms}")
        close = NPV_TOLERANCE * NOTIONAL
        assert risk.npv[row] == pytest.approx(truth.npv, abs=close)
        assert risk.leg_npv[row] == pytest.approx(truth.leg_npv, abs=close)
        assert risk.pv01[row] == pytest.approx(truth.pv01, abs=close)
        for name in ("ladder_par", "krd"):
            expected = getattr(truth, name)
            gross = float(np.abs(expected).sum())
            ours = getattr(risk, name)[row]
            assert ours == pytest.approx(expected, abs=LADDER_TOLERANCE * gross + NOISE)
        gross = float(np.abs(truth.ladder_par).sum())
        assert risk.dv01_par[row] == pytest.approx(
            truth.dv01_par, abs=LADDER_TOLERANCE * gross + NOISE
        )
        # A second difference of values that QuantLib knows to 1e-12 of notional or so.
        assert risk.gamma[row] == pytest.approx(truth.gamma, abs=4 * NOISE)


@not_run.unless(sample_markets.SHARED_QUOTES.exists(), not_run.SAMPLE_DATA)
def test_a_book_on_published_quotes_of_three_currencies_equals_quantlib():
    today = dt.date(2025, 2, 10)
    quotes = {
        "USD": {"USD-SOFR": sample_markets.shared_quotes("USD.SOFR.OIS")},
        "EUR": {
            "EUR-ESTR": sample_markets.shared_quotes("EUR.ESTR.OIS"),
            "EUR-EURIBOR3M": {"3M": 0.0255, **sample_markets.shared_quotes("EUR.EURIBOR3M.IRS")},
        },
        "GBP": {"GBP-SONIA": sample_markets.shared_quotes("GBP.SONIA.OIS")},
    }
    for currency, curves in quotes.items():
        book = [
            sample_markets.SwapTerms(
                trade_id=f"{convention}{years}{start.year}",
                book="book",
                convention=convention,
                pay_receive="receive",
                notional=NOTIONAL,
                effective_date=start,
                termination_date=dt.date(today.year + years, 3, 31),
                fixed_rate=0.03,
            )
            for convention in sample_markets.SWAPS_OF[currency]
            if convention != "EUR-EURIBOR-6M"
            for years in (1, 7, 29, 44)
            for start in (dt.date(2019, 5, 31), today, dt.date(2026, 1, 30))
        ]
        check(book, today, curves, CurveOptions())
