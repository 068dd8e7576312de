"""Rates of compounded overnight coupons as QuantLib's test suite and the ARRC's examples have them.

QuantLib, test-suite/overnightindexedcoupon.cpp: its past coupons with a lookback, an observation
shift and a lockout are those of the ARRC's workbook ARRC-BWLG-Examples-Other-Lookback-Options.xlsx
(Federal Reserve Bank of New York, 2020). SOFR fixings and forecasts are inputs of that file.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections.abc import Mapping

import numpy as np
import pytest

from pricing import kernel
from pricing.markets.calendars import day_of
from pricing.measures.delivery.choice import flows_to_price
from pricing.measures.value_date import DatedBlock, roll_to
from pricing.products.cash_flows import make_block
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.products.flows import compile_trade

NOTIONAL = 10_000.0
JUNE_2019 = (
    "0621 .0237 0624 .0239 0625 .0241 0626 .0243 0627 .0242 0628 .0250 0701 .0242 0702 .0251 "
    "0703 .0256 0705 .0259 0708 .0248 0709 .0245 0710 .0246 0711 .0241 0712 .0236 0715 .0246 "
    "0716 .0247 0717 .0247 0718 .0246 0719 .0241 0722 .0240 0723 .0240 0724 .0241 0725 .0242 "
    "0726 .0241 0729 .0240 0730 .0239 0731 .0255"
)
OCTOBER_2021 = (
    "1018 .0008 1019 .0009 1020 .0008 1021 .0010 1022 .0012 1025 .0011 1026 .0013 1027 .0012 "
    "1028 .0012 1029 .0008 1101 .0009 1102 .0010 1103 .0011 1104 .0014 1105 .0013 1108 .0011 "
    "1109 .0009 1110 .0008 1112 .0007 1115 .0008 1116 .0008 1117 .0007"
)


def fixings(year: int, text: str) -> Mapping[str, Mapping[dt.date, float]]:
    words = text.split()
    return {
        "SOFR": {
            dt.date(year, int(day[:2]), int(day[2:])): float(rate)
            for day, rate in zip(words[::2], words[1::2], strict=True)
        }
    }


def rate(
    start: str,
    end: str,
    *,
    today: str,
    flat: float = 0.0,
    known: Mapping[str, Mapping[dt.date, float]] | None = None,
    **terms: object,
) -> float:
    """The rate of the only floating coupon of a swap, on a flat curve (continuous, act/360)."""
    swap = SwapTerms(
        **{
            "trade_id": "S",
            "book": "truth",
            "convention": "USD-SOFR-OIS",
            "pay_receive": "pay",
            "notional": NOTIONAL,
            "effective_date": dt.date.fromisoformat(start),
            "termination_date": dt.date.fromisoformat(end),
            "fixed_rate": 0.0,
            **terms,
        }
    )
    day = day_of(dt.date.fromisoformat(today))
    dated: DatedBlock = roll_to(make_block([compile_trade(swap)]), day, known or {}, ("USD-SOFR",))
    assert not dated.failures
    discount = np.exp(-flat * (dated.point_day - day) / 360.0)
    flows = flows_to_price(dated.flows, dated.deliveries, dated.chains, discount)
    paid = float(discount[flows.float_pay[0]])
    years = (swap.termination_date - swap.effective_date).days / 360.0
    return float(kernel.value(flows, discount)[0]) / (NOTIONAL * paid * years)


JULY = fixings(2019, JUNE_2019)


def test_a_past_coupon_with_a_lookback_is_that_of_the_arrc():
    found = rate("2019-07-01", "2019-07-15", today="2019-07-16", known=JULY, lookback_days=5)
    assert found == pytest.approx(0.024781644454, abs=1e-12)


def test_a_past_coupon_with_a_shift_and_a_lockout_is_that_of_the_arrc():
    shifted = {"lookback_days": 5, "observation_shift": True}
    period = ("2019-07-01", "2019-07-31")
    without = rate(*period, today="2019-08-01", known=JULY, **shifted)
    assert without == pytest.approx(0.024603611707, abs=1e-12)
    locked = rate(*period, today="2019-08-01", known=JULY, lockout_days=3, **shifted)
    assert locked == pytest.approx(0.024693783702, abs=1e-12)


@pytest.mark.parametrize(
    ("end", "terms", "expected"),
    [
        ("2019-07-08", {"lookback_days": 5}, 0.0250050849311315),
        ("2019-07-15", {"lookback_days": 5}, 0.0250118464503275),
        ("2019-07-15", {"lockout_days": 2}, 0.025011784374543),
    ],
)
def test_a_future_coupon_is_that_of_quantlibs_test_suite(end, terms, expected):
    found = rate("2019-07-01", end, today="2019-03-12", flat=0.025, **terms)
    assert found == pytest.approx(expected, abs=1e-12)


def test_a_lockout_by_hand():
    """Growth to 11 July, then the fixing of 10 July for one day and for a weekend."""
    fixing = (math.exp(0.025 / 360) - 1.0) * 360
    grown = math.exp(0.025 * 10 / 360) * (1 + fixing / 360) * (1 + fixing * 3 / 360)
    found = rate("2019-07-01", "2019-07-15", today="2019-03-12", flat=0.025, lockout_days=2)
    assert found == pytest.approx((grown - 1.0) * 360 / 14, abs=1e-13)


@pytest.mark.parametrize(
    ("method", "expected"),
    [("straight", 0.0010871445057780704), ("spread_exclusive", 0.0010871361040194164)],
)
def test_a_spread_that_compounds_is_that_of_quantlibs_test_suite(method, expected):
    found = rate(
        *("2021-10-18", "2021-11-18"),
        today="2021-11-19",
        known=fixings(2021, OCTOBER_2021),
        spread_bp=1.0,
        compounding_method=method,
    )
    assert found == pytest.approx(expected, abs=1e-12)


def test_a_flat_spread_by_hand():
    """On each day the spread accrues, and grows to the end by the fixings alone."""
    known = fixings(2021, OCTOBER_2021)
    days = [*known["SOFR"], dt.date(2021, 11, 18)]
    spread, flat, grown = 0.0085, 0.0, 1.0
    for first, last in reversed(list(itertools.pairwise(days))):
        years = (last - first).days / 360
        flat += spread * years * grown
        grown *= 1.0 + known["SOFR"][first] * years
    found = rate(
        *("2021-10-18", "2021-11-18"),
        today="2021-11-19",
        known=known,
        spread_bp=85.0,
        compounding_method="flat",
    )
    assert found == pytest.approx((grown - 1.0 + flat) * 360 / 31, abs=1e-14)
    straight = (
        (
            math.prod(
                1.0 + (known["SOFR"][first] + spread) * (last - first).days / 360
                for first, last in itertools.pairwise(days)
            )
            - 1.0
        )
        * 360
        / 31
    )
    assert found < straight


@pytest.mark.parametrize("today", ["2021-11-19", "2021-11-15"])
def test_a_flat_spread_with_a_lockout_by_hand(today):
    """The last three days repeat the fixing of 12 November, also in what each spread grows by."""
    known = fixings(2021, OCTOBER_2021)
    days = [*known["SOFR"], dt.date(2021, 11, 18)]
    rates = [known["SOFR"][day] for day in days[:-1]]
    rates[-3:] = [rates[-4]] * 3
    spread, flat, grown = 0.0085, 0.0, 1.0
    for (first, last), fixing in reversed(list(zip(itertools.pairwise(days), rates, strict=True))):
        years = (last - first).days / 360
        flat += spread * years * grown
        grown *= 1.0 + fixing * years
    # On 15 November nothing is left to be forecast: later fixings do not count.
    found = rate(
        *("2021-10-18", "2021-11-18"),
        today=today,
        known={"SOFR": {day: r for day, r in known["SOFR"].items() if day < days[-4]}},
        spread_bp=85.0,
        compounding_method="flat",
        lockout_days=3,
    )
    assert found == pytest.approx((grown - 1.0 + flat) * 360 / 31, abs=1e-14)


def test_a_flat_spread_with_a_lockout_on_forecasts_by_hand():
    """The spread of each day grows on the curve to 11 July, then as the lockout says."""
    days = [dt.date(2019, 7, day) for day in (1, 2, 3, 5, 8, 9, 10, 11, 12, 15)]
    spread, fixing = 0.0085, (math.exp(0.025 / 360) - 1.0) * 360
    last = (1 + fixing / 360) * (1 + fixing * 3 / 360)  # 11 and 12 July repeat 10 July

    def grows(day: dt.date) -> float:
        if day >= dt.date(2019, 7, 12):
            return 1.0 if day.day == 15 else 1 + fixing * 3 / 360
        return math.exp(0.025 * (11 - day.day) / 360) * last

    paid = sum(spread * (b - a).days / 360 * grows(b) for a, b in itertools.pairwise(days))
    found = rate(
        *("2019-07-01", "2019-07-15"),
        today="2019-03-12",
        flat=0.025,
        lockout_days=2,
        spread_bp=85.0,
        compounding_method="flat",
    )
    assert found == pytest.approx((grows(days[0]) - 1.0 + paid) * 360 / 14, abs=1e-13)
