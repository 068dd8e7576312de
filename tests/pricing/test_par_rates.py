"""Par rates of basis swaps, forward rate agreements and zero-coupon swaps."""

from __future__ import annotations

import datetime as dt
import math

import msgspec
import numpy as np
import pytest
import QuantLib as ql

from pricing.batch.files import Book, MarketFile, MarketOfCurrency
from pricing.batch.run import price_files
from pricing.products.swaps.basis_swap import BasisSwapTerms
from pricing.products.swaps.forward_rate_agreement import FraTerms
from pricing.products.swaps.zero_coupon_swap import ZeroCouponSwapTerms
from pricing.products.terms import Terms
from pricing.reference import Reference
from tests.pricing import sample_markets
from tests.pricing.pricing_of import priced

TODAY = dt.date(2025, 2, 10)
QUOTES = sample_markets.curves_of("EUR", 0.021, 0.011, -0.003)
FIXINGS = sample_markets.fixings_until(TODAY)
NOTIONAL = 1e8


def swap_of(trade_id: str, **changes) -> ZeroCouponSwapTerms:
    usual = {
        "convention": "EUR-EURIBOR-6M",
        "pay_receive": "receive",
        "notional": NOTIONAL,
        "effective_date": dt.date(2023, 9, 15),
        "termination_date": dt.date(2033, 9, 15),
        "fixed_rate": 0.03,
    }
    return ZeroCouponSwapTerms(trade_id=trade_id, book="b", **{**usual, **changes})


def basis_of(trade_id: str, **changes) -> BasisSwapTerms:
    usual = {
        "first_index": "EURIBOR3M",
        "second_index": "EURIBOR6M",
        "pay_receive": "receive",
        "notional": NOTIONAL,
        "effective_date": dt.date(2023, 9, 15),
        "termination_date": dt.date(2033, 9, 15),
        "first_spread_bp": 6.0,
        "second_spread_bp": -1.5,
    }
    return BasisSwapTerms(trade_id=trade_id, book="b", **{**usual, **changes})


def fra_of(trade_id: str, **changes) -> FraTerms:
    usual = {
        "index": "EURIBOR6M",
        "pay_receive": "pay",
        "notional": NOTIONAL,
        "effective_date": dt.date(2025, 9, 15),
        "fixed_rate": 0.045,
    }
    return FraTerms(trade_id=trade_id, book="b", **{**usual, **changes})


BOOK = (
    swap_of("yearly"),
    swap_of("paid", pay_receive="pay", fixed_rate=-0.004),
    swap_of("compounded", fixed_frequency="6M", fixed_day_count="ACT/360"),
    swap_of("stubbed", fixed_frequency="1Y", termination_date=dt.date(2031, 3, 14)),
    swap_of("overnight", convention="EUR-ESTR-OIS", effective_date=dt.date(2025, 3, 17)),
    basis_of("basis"),
    basis_of("paid-basis", pay_receive="pay", first_spread_bp=0.0),
    basis_of("forward-basis", effective_date=dt.date(2026, 3, 16), first_index="ESTR"),
    fra_of("fra"),
    fra_of("sold", pay_receive="receive", fixed_rate=-0.01),
    # Fixed on 2025-02-07, settled on 2025-02-11.
    fra_of("fixed", effective_date=dt.date(2025, 2, 11)),
)


def par_rates_of(book: tuple[Terms, ...]) -> dict[str, float]:
    risk, _, _ = priced(book, TODAY, QUOTES, FIXINGS)
    assert risk.failures == ()
    return dict(zip([t.trade_id for t in book], risk.values["par_rate"].tolist(), strict=True))


def at_par(terms: Terms, rate: float) -> Terms:
    field, value = ("fixed_rate", rate)
    if isinstance(terms, BasisSwapTerms):
        field, value = "first_spread_bp", rate * 1e4
    return msgspec.structs.replace(terms, **{field: value})


def test_at_its_par_rate_each_is_worth_nothing_by_plain_quantlib():
    rates = par_rates_of(BOOK)
    reference = Reference(TODAY, QUOTES, FIXINGS)
    values = reference.values([at_par(terms, rates[terms.trade_id]) for terms in BOOK])
    assert np.abs(values).max() < 1e-10 * NOTIONAL
    # The rate of the contract is another one: their values say so.
    assert np.abs(reference.values(BOOK)).min() > 1e-5 * NOTIONAL


def test_the_rate_of_an_agreement_is_quantlibs_forward_rate_or_the_fixing():
    rates = par_rates_of(BOOK)
    reference = Reference(TODAY, QUOTES, FIXINGS)
    with reference.history():
        index = ql.Euribor6M(reference.handles["EUR-EURIBOR6M"])
        made = ql.ForwardRateAgreement(
            index,
            ql.Date(15, 9, 2025),
            ql.Position.Long,
            0.045,
            NOTIONAL,
            reference.handles["EUR-ESTR"],
        )
        assert rates["fra"] == pytest.approx(made.forwardRate().rate(), abs=1e-12)
    assert rates["sold"] == pytest.approx(rates["fra"], abs=1e-14)
    assert rates["fixed"] == pytest.approx(FIXINGS["EURIBOR6M"][dt.date(2025, 2, 7)], abs=1e-14)


def test_the_rate_of_an_overnight_zero_coupon_swap_is_that_of_two_discount_factors():
    """30/360: from 17 March 2025 to 15 September 2033 are 8 years and 178 days of 360."""
    rates = par_rates_of(
        (
            swap_of(
                "overnight",
                convention="EUR-ESTR-OIS",
                effective_date=dt.date(2025, 3, 17),
                fixed_day_count="30/360 US",
            ),
        )
    )
    reference = Reference(TODAY, QUOTES, FIXINGS)
    curve = reference.base["EUR-ESTR"]
    grown = curve.discount(ql.Date(17, 3, 2025)) / curve.discount(ql.Date(15, 9, 2033))
    assert rates["overnight"] == pytest.approx(grown ** (1 / (8 + 178 / 360)) - 1, abs=1e-13)


def test_two_legs_of_one_curve_are_level_without_a_spread():
    """Both legs of the same index grow alike: the spread of one is paid by that of the other."""
    same = {"first_forecast_curve": "EUR-EURIBOR6M", "first_index": "EURIBOR3M"}
    terms = basis_of(
        "level",
        **same,
        effective_date=dt.date(2025, 3, 17),
        termination_date=dt.date(2026, 3, 17),
        first_frequency="6M",
        second_spread_bp=7.0,
    )
    (rate,) = par_rates_of((terms,)).values()
    assert rate == pytest.approx(7e-4, abs=2e-6)


def test_manage_py_price_has_the_same_by_both_engines():
    entry = MarketOfCurrency(currency="EUR", curves=QUOTES, fixings=FIXINGS)
    file = MarketFile(valuation_date=TODAY, markets=[entry])
    expected = par_rates_of(BOOK)
    for engine in ("compiled", "quantlib"):
        found = price_files(Book(list(BOOK), []), file, engine)
        assert not found["failed"]
        for row in found["trades"]:
            assert row["par_rate"] == pytest.approx(expected[row["trade_id"]], abs=1e-11), engine


def test_after_its_last_payment_a_trade_has_no_par_rate():
    done = (
        fra_of("settled", effective_date=TODAY - dt.timedelta(days=7)),
        swap_of("ended", effective_date=dt.date(2015, 2, 9), termination_date=dt.date(2025, 2, 7)),
        basis_of("over", effective_date=dt.date(2015, 2, 9), termination_date=dt.date(2025, 2, 7)),
    )
    rates = par_rates_of(done)
    assert all(math.isnan(rate) for rate in rates.values())
