"""Odd first and last coupons by ACT/ACT ICMA, against arithmetic on days counted by hand.

Source: ICMA Rule 251. The expected fractions are days of each part over days of the quasi-coupon
period that it lies in; no schedule of the product is in them.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import pytest
import QuantLib as ql

from pricing.curves.curve_set import CurveSet
from pricing.curves.quotes import CurveOptions, shape_of
from pricing.errors import BadInput
from pricing.measures.bond_analytics import PricedBond
from pricing.products.accrual import RegularDates
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.products.fixed_rate_bond import BondTerms
from pricing.products.flows import compile_trade
from pricing.reference import Reference
from tests.pricing.pricing_of import priced

ZERO_RATES = {"1Y": 0.0, "30Y": 0.0}
BUND = {"convention": "DE-BUND", "coupon_rate": 0.05}
GILT = {"convention": "UK-GILT", "coupon_rate": 0.08}
SEMI_ANNUAL_EUR = {
    "currency": "EUR",
    "payment_frequency": "6M",
    "day_count": "ACT/ACT ICMA",
    "coupon_rate": 0.0375,
}
# Terms; then the share of a full year's coupon that the first and the last coupon pay.
BONDS = {
    "long first, short last": (
        BUND | {"issue_date": "2020-03-01", "maturity_date": "2024-12-20"},
        ("2021-06-15", "2024-06-15"),
        # 1 March to 15 June 2020 is 106 of 366 days, then a whole year.
        106 / 366 + 1,
        188 / 365,
    ),
    "long first, long last": (
        BUND | {"issue_date": "2020-03-01", "maturity_date": "2025-12-20"},
        ("2021-06-15", "2024-06-15"),
        106 / 366 + 1,
        1 + 188 / 365,
    ),
    "semi-annual, long first, short last": (
        SEMI_ANNUAL_EUR | {"issue_date": "2015-02-13", "maturity_date": "2025-02-13"},
        ("2015-09-01", "2024-09-01"),
        # 13 February to 1 March 2015 is 16 days of the 181 from 1 September.
        (16 / 181 + 1) / 2,
        165 / 181 / 2,
    ),
    "first longer than two periods": (
        GILT | {"issue_date": "2020-07-01", "maturity_date": "2030-11-15"},
        ("2021-11-15", None),
        # 1 July to 15 November 2020 is 137 of the 184 days from 15 May.
        (137 / 184 + 2) / 2,
        1 / 2,
    ),
    "last longer than two periods": (
        GILT | {"issue_date": "2020-11-15", "maturity_date": "2031-07-01"},
        (None, "2029-11-15"),
        1 / 2,
        # Three whole periods to 15 May 2031, then 47 of the 184 days to 15 November.
        (3 + 47 / 184) / 2,
    ),
    "last of a bond of month ends": (
        GILT | {"issue_date": "2020-08-31", "maturity_date": "2030-04-15", "end_of_month": True},
        (None, "2029-08-31"),
        1 / 2,
        # To 28 February 2030, then 46 of the 184 days to 31 August.
        (1 + 46 / 184) / 2,
    ),
    "one short period": (
        GILT | {"issue_date": "2020-07-01", "maturity_date": "2020-11-15"},
        (None, None),
        137 / 184 / 2,
        137 / 184 / 2,
    ),
}


def bond(case: str) -> BondTerms:
    fields, (first, last), *_ = BONDS[case]
    dates = {
        "issue_date": fields["issue_date"],
        "maturity_date": fields["maturity_date"],
        "first_coupon_date": first,
        "penultimate_coupon_date": last,
    }
    made = {k: dt.date.fromisoformat(v) for k, v in dates.items() if v}
    return BondTerms(**{**fields, **made, "trade_id": "b", "book": "b", "face_amount": 100.0})


def coupons(terms: BondTerms) -> list[float]:
    flows = compile_trade(terms).flows
    return [float(amount) for amount in flows["amount"][flows["unit"] != 0]]


@pytest.mark.parametrize("case", BONDS)
def test_odd_coupons_are_those_counted_by_hand(case: str) -> None:
    *_, first, last = BONDS[case]
    terms = bond(case)
    found = coupons(terms)
    whole = 100 * terms.coupon_rate
    assert found[0] == pytest.approx(whole * first, rel=1e-13)
    assert found[-1] == pytest.approx(whole * last, rel=1e-13)
    regular = whole / (1 if case.startswith("long") else 2)
    assert found[1:-1] == pytest.approx([regular] * len(found[1:-1]), rel=1e-13)


@pytest.mark.parametrize("case", BONDS)
def test_both_engines_value_all_coupons(case: str) -> None:
    """On a curve of 0 % the value on the day of issue is the sum of what is paid."""
    terms = bond(case)
    curve = f"{terms.currency}-GOVT"
    risk = Reference(terms.issue_date, {curve: ZERO_RATES}).price([terms], ladders=False)[0]
    flows = compile_trade(terms).flows
    assert risk.failure is None
    assert risk.npv == pytest.approx(100 + sum(coupons(terms)), rel=1e-12)
    assert risk.pv01 == pytest.approx(float(flows["unit"].sum()) * 1e-4, rel=1e-12)


def accrued(case: str, date: str) -> float:
    today, terms = dt.date.fromisoformat(date), bond(case)
    quotes = {f"{terms.currency}-GOVT": ZERO_RATES}
    curves = CurveSet(today, shape_of(quotes), options=CurveOptions())
    at_once = msgspec.structs.replace(terms, settlement_days=0, calendar="NONE", ex_coupon_days=0)
    return PricedBond(at_once, curves, curves.solve(curves.vector(quotes))).accrued_per_100


def test_interest_accrues_by_the_same_rule_within_odd_periods() -> None:
    # In a first quasi-coupon period, and 200 days into the whole one that follows.
    long = "long first, short last"
    assert accrued(long, "2020-06-01") == pytest.approx(5 * 92 / 366, rel=1e-13)
    assert accrued(long, "2021-01-01") == pytest.approx(5 * (106 / 366 + 200 / 365), rel=1e-13)
    assert accrued(long, "2024-12-19") == pytest.approx(5 * 187 / 365, rel=1e-13)
    # In the second part of a long last period: 15 June to 1 December 2025 is 169 days.
    after = accrued("long first, long last", "2025-12-01")
    assert after == pytest.approx(5 * (1 + 169 / 365), rel=1e-13)
    # In the third quasi-coupon period of a first one: 15 May to 1 June 2021 is 17 days.
    third = accrued("first longer than two periods", "2021-06-01")
    assert third == pytest.approx(4 * (137 / 184 + 1 + 17 / 184), rel=1e-13)


def test_regular_dates_go_on_in_both_directions() -> None:
    dates = RegularDates(anchor=ql.Date(31, 8, 2030), months=6, end_of_month=True)
    assert [dates.date(n).ISO() for n in (-2, -1, 0, 1)] == [
        *("2029-08-31", "2030-02-28"),
        *("2030-08-31", "2031-02-28"),
    ]
    assert dates.years(ql.Date(28, 2, 2030), ql.Date(31, 8, 2030)) == 0.5
    # 28 February to 31 August 2030 is 184 days.
    assert dates.years(ql.Date(1, 3, 2030), ql.Date(31, 8, 2030)) == pytest.approx(183 / 184 / 2)


SWAP = {
    "trade_id": "s",
    "book": "b",
    "pay_receive": "receive",
    "notional": 100.0,
    "fixed_rate": 0.05,
    "calendar": "NONE",
    "effective_date": dt.date(2020, 3, 1),
    "termination_date": dt.date(2024, 12, 20),
    "first_regular_date": dt.date(2021, 6, 15),
    "last_regular_date": dt.date(2024, 6, 15),
    "fixed_day_count": "ACT/ACT ICMA",
    "fixed_frequency": "1Y",
}


def test_a_swap_s_odd_periods_are_counted_as_a_bond_s_are() -> None:
    flows = compile_trade(SwapTerms(**SWAP, convention="EUR-ESTR-OIS")).flows
    fixed = flows["amount"][flows["leg"] == 0]
    expected = [5 * (106 / 366 + 1), 5.0, 5.0, 5.0, 5 * 188 / 365]
    assert fixed.tolist() == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"first_regular_date": dt.date(2020, 8, 1)},
            "by fixed_frequency, periods of 12 months back from last_regular_date 2024-06-15 fall "
            "on 2020-06-15 and 2021-06-15",
        ),
        (
            {"first_regular_date": dt.date(2021, 6, 14), "last_regular_date": None},
            "by fixed_frequency, periods of 12 months back from termination_date 2024-12-20 fall "
            "on 2020-12-20 and 2021-12-20; give last_regular_date where the last period is odd",
        ),
        (
            {"fixed_frequency": "3M", "first_regular_date": dt.date(2020, 9, 15)},
            "by float_frequency, periods of 12 months back from last_regular_date 2024-06-15 fall "
            "on 2020-06-15 and 2021-06-15",
        ),
    ],
)
def test_a_first_period_ends_on_a_regular_date_of_both_legs(
    changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(BadInput) as refused:
        SwapTerms(**SWAP | changes, convention="EUR-ESTR-OIS")
    assert refused.value.field == "first_regular_date"
    assert str(refused.value).endswith(sentence)


def test_an_index_with_its_own_period_decides_the_regular_dates_of_its_leg() -> None:
    half_years = SWAP | {"fixed_frequency": "6M", "first_regular_date": dt.date(2020, 12, 15)}
    SwapTerms(**half_years, convention="EUR-EURIBOR-3M", floating_index="EURIBOR6M")
    with pytest.raises(BadInput, match="by float_frequency, periods of 6 months"):
        SwapTerms(
            **half_years | {"fixed_frequency": "3M", "first_regular_date": dt.date(2020, 9, 15)},
            convention="EUR-EURIBOR-3M",
            floating_index="EURIBOR6M",
        )


def test_both_engines_agree_on_legs_that_count_so() -> None:
    today = dt.date(2020, 2, 20)
    rules = {"calendar": "TARGET", "float_day_count": "ACT/ACT ICMA"}
    terms = SwapTerms(**SWAP | rules, convention="EUR-ESTR-OIS")
    quotes = {"EUR-ESTR": {"1Y": 0.02, "10Y": 0.03}}
    risk = Reference(today, quotes).price([terms], ladders=False)[0]
    assert risk.failure is None
    found = priced([terms], today, quotes).risk
    assert found.npv[0] == pytest.approx(risk.npv, abs=1e-10)
    assert found.pv01[0] == pytest.approx(risk.pv01, abs=1e-12)


def test_a_first_coupon_may_be_paid_on_the_day_that_interest_starts() -> None:
    """From a Friday to the Sunday after it, paid on the business day before."""
    terms = BondTerms(
        trade_id="b",
        book="b",
        face_amount=100.0,
        convention="DE-BUND",
        coupon_rate=0.05,
        issue_date=dt.date(2018, 1, 5),
        first_coupon_date=dt.date(2018, 1, 7),
        maturity_date=dt.date(2020, 1, 7),
        business_day_convention="PRECEDING",
    )
    assert coupons(terms) == pytest.approx([5 * 2 / 365, 5.0, 5.0], rel=1e-13)
    (risk,) = Reference(dt.date(2018, 1, 4), {"EUR-GOVT": ZERO_RATES}).price([terms], ladders=False)
    assert risk.npv == pytest.approx(100 + sum(coupons(terms)), rel=1e-12)
