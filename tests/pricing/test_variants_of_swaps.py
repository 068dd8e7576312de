"""Fixed-floating swaps with other rates and overnight legs, against QuantLib's legs by hand."""

from __future__ import annotations

import datetime as dt

import msgspec
import numpy as np
import pytest
import QuantLib as ql

from pricing.curves.quotes import CurveOptions
from pricing.errors import BadInput
from pricing.products.fixed_floating_swap import RateStep, SwapTerms
from pricing.products.flows import compile_trade
from pricing.products.terms import decode
from pricing.reference import Reference
from tests.pricing import sample_markets
from tests.pricing.pricing_of import priced
from tests.pricing.test_compiled_equals_quantlib import check

TODAY = dt.date(2025, 2, 10)
QUOTES = {
    currency: sample_markets.curves_of(currency, 0.031, 0.009, -0.004)
    for currency in ("USD", "EUR", "GBP")
}
FIXINGS = sample_markets.fixings_until(TODAY)
START, END = dt.date(2023, 5, 22), dt.date(2031, 5, 22)


def swap(**changes) -> SwapTerms:
    usual = {
        "trade_id": "S",
        "book": "book",
        "convention": "USD-SOFR-OIS",
        "pay_receive": "receive",
        "notional": 1e6,
        "effective_date": START,
        "termination_date": END,
        "fixed_rate": 0.03,
    }
    return SwapTerms(**{**usual, **changes})


STEPS = [
    RateStep(date=dt.date(2026, 5, 22), rate=0.035),
    RateStep(date=dt.date(2028, 5, 22), rate=0.04),
]
PER_PERIOD = [0.03, 0.031, 0.032, 0.033, 0.034, 0.035, 0.036, 0.037]
AMORTISING = [9e5, 8e5, 7e5, 6e5, 5e5, 4e5, 3e5, 2e5]
LATER = {"effective_date": dt.date(2026, 9, 16), "termination_date": dt.date(2033, 9, 16)}
VARIANTS = {
    "steps": {"fixed_rate_schedule": STEPS},
    "per period": {"fixed_rate_schedule": PER_PERIOD},
    "averaged": {"overnight_method": "averaged", "spread_bp": 12.0},
    "shifted": {"lookback_days": 5, "observation_shift": True, "spread_bp": 7.0},
    "forward start": LATER,
    "forward average": {**LATER, "overnight_method": "averaged"},
    "amortising steps": {"fixed_rate_schedule": PER_PERIOD, "notional_schedule": AMORTISING},
    "amortising average": {"overnight_method": "averaged", "notional_schedule": AMORTISING},
}


@pytest.mark.parametrize("name", VARIANTS)
def test_every_measure_is_the_references(name: str) -> None:
    check([swap(**VARIANTS[name])], TODAY, QUOTES["USD"], CurveOptions())
    check(
        [swap(convention="GBP-SONIA-OIS", **VARIANTS[name])], TODAY, QUOTES["GBP"], CurveOptions()
    )


SHORT = {"effective_date": dt.date(2024, 5, 22), "termination_date": dt.date(2027, 5, 22)}
CHAINS = {
    "lookback": {"lookback_days": 5, "spread_bp": 7.0},
    "short lookback": {"lookback_days": 2},
    "lockout": {"lockout_days": 2, "spread_bp": 7.0},
    "lookback and lockout": {"lookback_days": 3, "lockout_days": 2},
    "shift and lockout": {"lookback_days": 3, "observation_shift": True, "lockout_days": 2},
    "straight": {"spread_bp": 85.0, "compounding_method": "straight"},
    "straight lookback": {
        **{"spread_bp": 85.0, "compounding_method": "straight"},
        **{"lookback_days": 2, "lockout_days": 3},
    },
    "flat": {"spread_bp": 85.0, "compounding_method": "flat"},
    "flat shift": {
        **{"spread_bp": -45.0, "compounding_method": "flat"},
        **{"lookback_days": 5, "observation_shift": True},
    },
    "flat lockout": {
        **{"spread_bp": 85.0, "compounding_method": "flat"},
        "lockout_days": 3,
    },
    "flat shift and lockout": {
        **{"spread_bp": -45.0, "compounding_method": "flat", "lockout_days": 2},
        **{"lookback_days": 3, "observation_shift": True, "notional_schedule": [9e5, 0.0, 3e5]},
    },
    "late average": {"overnight_method": "averaged", "lookback_days": 5, "spread_bp": 3.0},
    "locked average": {"overnight_method": "averaged", "lockout_days": 3, "spread_bp": 3.0},
    "stepped lookback": {"lookback_days": 2, "notional_schedule": [9e5, 8e5, 3e5]},
    "forward lookback": {
        **{"effective_date": dt.date(2026, 9, 16), "termination_date": dt.date(2027, 9, 16)},
        "lookback_days": 2,
    },
}
"""Of swaps of three years: the reference compounds day by day at each bump."""


@pytest.mark.parametrize("name", CHAINS)
def test_every_measure_of_fixings_of_other_days_is_the_references(name: str) -> None:
    currency, convention = ("USD", "USD-SOFR-OIS")
    if list(CHAINS).index(name) % 2:
        currency, convention = ("GBP", "GBP-SONIA-OIS")
    trade = swap(convention=convention, **{**SHORT, **CHAINS[name]})
    check([trade], TODAY, QUOTES[currency], CurveOptions())


COMPOUNDING = {
    "spread exclusive": {"compounding_method": "spread_exclusive", "float_frequency": "1Y"},
    "straight": {"compounding_method": "straight", "float_frequency": "1Y"},
    "flat": {"compounding_method": "flat", "float_frequency": "1Y"},
    "once": {"compounding_method": "straight", "float_frequency": "ZERO"},
    "amortising": {
        **{"compounding_method": "straight", "float_frequency": "1Y"},
        **{"notional_schedule": AMORTISING},
    },
}


@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize("name", COMPOUNDING)
@pytest.mark.parametrize("index", ["EURIBOR3M", "EURIBOR6M"])
def test_every_measure_of_fixings_that_compound_is_the_references(
    name: str, index: str, indexed: bool
) -> None:
    given = {"convention": "EUR-EURIBOR-6M", "floating_index": index, "spread_bp": 35.0}
    book = [swap(**given, **COMPOUNDING[name])]
    check(book, TODAY, QUOTES["EUR"], CurveOptions(indexed=indexed))


def leg_by_hand(index: ql.OvernightIndex, **method) -> ql.Leg:
    """A floating leg of the swap above as the dollar market has it: annual, paid two days later."""
    days = ql.UnitedStates(ql.UnitedStates.SOFR)
    schedule = ql.Schedule(
        ql.Date(22, 5, 2023), ql.Date(22, 5, 2031), ql.Period("1Y"), days,
        ql.ModifiedFollowing, ql.ModifiedFollowing, ql.DateGeneration.Backward, False,
    )  # fmt: skip
    return ql.OvernightLeg(
        [1e6], schedule, index, ql.Actual360(), paymentCalendar=days, paymentLag=2, **method
    )


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("averaged", {"averagingMethod": ql.RateAveraging.Simple, "spreads": [0.0012]}),
        ("shifted", {"lookbackDays": 5, "applyObservationShift": True, "spreads": [0.0007]}),
        ("lookback", {"lookbackDays": 5, "spreads": [0.0007]}),
        ("lookback and lockout", {"lookbackDays": 3, "lockoutDays": 2}),
        (
            "straight lookback",
            {
                **{"lookbackDays": 2, "lockoutDays": 3},
                **{"spreads": [0.0085], "compoundSpreadDaily": True},
            },
        ),
    ],
)
def test_an_overnight_leg_is_quantlibs_by_hand(name: str, method: dict) -> None:
    reference = Reference(TODAY, QUOTES["USD"], FIXINGS)
    curve = ql.YieldTermStructureHandle(reference.base["USD-SOFR"])
    with reference.history():
        index = ql.OvernightIndex(
            "SOFR",
            0,
            ql.USDCurrency(),
            ql.UnitedStates(ql.UnitedStates.SOFR),
            ql.Actual360(),
            curve,
        )
        leg = leg_by_hand(index, **method)
        expected = -ql.CashFlows.npv(leg, curve, False)
    risk = priced([swap(**{**VARIANTS, **CHAINS}[name])], TODAY, QUOTES["USD"], FIXINGS).risk
    assert risk.leg_npv[0, 1] == pytest.approx(expected, abs=1e-5)


def test_an_average_of_positive_rates_pays_less_than_they_compound_to() -> None:
    book = [swap(), swap(trade_id="A", overnight_method="averaged")]
    compounded, averaged = -priced(book, TODAY, QUOTES["USD"], FIXINGS).risk.leg_npv[:, 1]
    assert 0.97 * compounded < averaged < 0.995 * compounded


def test_a_step_is_paid_from_the_period_that_starts_on_its_date() -> None:
    flows = compile_trade(swap(**VARIANTS["steps"])).flows
    fixed = flows[flows["leg"] == 0]
    assert fixed["amount"] / fixed["unit"] == pytest.approx([0.03] * 3 + [0.035] * 2 + [0.04] * 3)
    flows = compile_trade(swap(**VARIANTS["per period"])).flows
    fixed = flows[flows["leg"] == 0]
    assert fixed["amount"] / fixed["unit"] == pytest.approx(PER_PERIOD)


def test_rates_at_the_par_rate_of_a_swap_with_steps_make_it_worth_nothing() -> None:
    risk = priced([swap(**VARIANTS["steps"])], TODAY, QUOTES["USD"], FIXINGS).risk
    flat = swap(fixed_rate=float(risk.par_rate[0]))
    assert priced([flat], TODAY, QUOTES["USD"], FIXINGS).risk.npv[0] == pytest.approx(0.0, abs=1e-6)


def test_trades_with_other_steps_do_not_share_a_template() -> None:
    two = [swap(**VARIANTS["steps"]), swap(trade_id="B", fixed_rate=0.01, **VARIANTS["steps"])]
    first, second = (compile_trade(terms).flows["amount"] for terms in two)
    assert first[0] == pytest.approx(3 * second[0])
    assert np.array_equal(first[3:], second[3:])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"lookback_days": 5, "compounding_method": "flat"},
            "compounding_method: 'flat'.*not their own is not priced; allowed: straight",
        ),
        (
            {"overnight_method": "averaged", "compounding_method": "straight"},
            "compounding_method: 'straight'.*an average does not compound",
        ),
        (
            {"lockout_days": 3, "effective_date": "2031-05-19"},
            "lockout_days: 3.*less than the 3 fixings of the period from 2031-05-19 to 2031-05-22",
        ),
        ({"compound_spread": True}, "compound_spread: True.*give compounding_method 'straight'"),
        (
            {"convention": "EUR-EURIBOR-6M", "compounding_method": "straight"},
            "compounding_method: 'straight'.*payments every 6M have one fixing of 6M each",
        ),
        (
            {"convention": "EUR-EURIBOR-6M", "lockout_days": 2},
            "lockout_days: 2.*EURIBOR6M fixes once a period",
        ),
        ({"overnight_method": "mean"}, "overnight_method: 'mean'"),
        (
            {"convention": "EUR-EURIBOR-6M", "overnight_method": "averaged"},
            "overnight_method: 'averaged'.*EURIBOR6M fixes once a period",
        ),
        ({"fixed_rate_schedule": [0.03, 0.04]}, "fixed_rate_schedule: .*8 periods"),
        (
            {"fixed_rate_schedule": [0.03, {"date": "2026-05-22", "rate": 0.04}]},
            "fixed_rate_schedule: .*not both",
        ),
        ({"fixed_rate_schedule": [3.0] * 8}, "fixed_rate_schedule"),
    ],
)
def test_what_is_not_priced_is_refused_by_name(change: dict, sentence: str) -> None:
    given = {k: v for k, v in msgspec.to_builtins(swap()).items() if v is not None}
    with pytest.raises(BadInput, match=sentence):
        compile_trade(decode({**given, **change}, SwapTerms))
