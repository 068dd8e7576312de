"""Prices of 10-year Japanese government bond futures that OpenGamma publishes.

Source: github.com/OpenGamma/Strata, modules/pricer, BondFuturesJpyEnd2EndTest.java (facts only):
continuous zero rates by years (actual/actual ISDA), linear between nodes and flat beyond them, one
curve of the issuer and one of repo. Coupons count actual days without 29 February over 365.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
import QuantLib as ql

from pricing import kernel
from pricing.markets.calendars import day_of
from pricing.measures.delivery.choice import cheapest, flows_to_price
from pricing.measures.value_date import DatedBlock, roll_to
from pricing.products.cash_flows import make_block
from pricing.products.fixed_rate_bond import CouponStep
from pricing.products.flows import compile_trade
from pricing.products.futures.bond_future import BondFutureTerms, Deliverable
from pricing.products.schedules import ql_of_day

TODAY = dt.date(2016, 2, 10)
ISSUER = (
    (
        *(0.25136612021857924, 0.4972677595628415, 1.0139980537465378, 2.013998053746538),
        *(2.857833670184894, 3.857833670184894, 4.860655737704918, 5.857833670184894),
        *(7.104409012650647, 7.857833670184894, 8.857923497267759, 9.863313122239688),
        *(14.857833670184894, 19.857833670184895, 29.857833670184895, 39.11262819073284),
    ),
    (
        *(-0.0013117084834668065, -0.0010851901424876163, -0.0020906775838723216),
        *(-0.0022137102045172784, -0.0022695678374162888, -0.0023424568490920798),
        *(-0.0021603059162879916, -0.0021667343131861225, -0.0018285921969274823),
        *(-0.001355094018965514, -6.763044056712535e-4, 1.9555294306801752e-4),
        *(0.003944125562941363, 0.008054233458390252, 0.012276105941434846, 0.013537766297065804),
    ),
)
REPO = (
    (
        *(0.00273224043715847, 0.01912568306010929, 0.040983606557377046, 0.05737704918032787),
        *(0.07923497267759563, 0.2459016393442623, 0.4972677595628415, 1.0002994236095515),
    ),
    (
        *(2.599662058772748e-4, -8.403529976927196e-4, -0.0010105103936934236),
        *(-0.0011506617573950931, -0.0012708071334455143, -0.00146106683851595),
        *(-0.0014710815100096722, -0.001481096281798276),
    ),
)
BONDS = (
    *((0.6, (2015, 3), (2023, 3)), (0.8, (2015, 6), (2023, 6)), (0.8, (2015, 9), (2023, 9))),
    *((0.6, (2015, 9), (2023, 9)), (0.6, (2015, 12), (2023, 12)), (0.6, (2015, 3), (2024, 3))),
    *((0.6, (2015, 6), (2024, 6)), (0.5, (2015, 9), (2024, 9)), (0.5, (2015, 12), (2024, 12))),
    *((0.3, (2015, 12), (2024, 12)), (0.4, (2015, 3), (2025, 3)), (0.4, (2015, 6), (2025, 6))),
    *((0.4, (2015, 9), (2025, 9)), (0.3, (2015, 12), (2025, 12))),
)
FACTORS = {
    "JGBLH16": (
        *(0.695006, 0.697881, 0.689613, 0.677675, 0.669189, 0.660850, 0.652611),
        *(0.637931, 0.629786, 0.616327, 0.614901, 0.606851, 0.598933, 0.583818),
    ),
    "JGBLM16": (
        *(0.706302, 0.697881, 0.686265, 0.677675, 0.669189, 0.660850, 0.646180),
        *(0.637931, 0.624765, 0.623057, 0.614901, 0.606851, 0.591771),
    ),
    "JGBLU16": (
        *(0.706302, 0.695006, 0.686265, 0.677675, 0.669189, 0.654569),
        *(0.646180, 0.633317, 0.631348, 0.623057, 0.614901, 0.599832),
    ),
}
PRICES = {
    "JGBLH16": 151.83071796298776,
    "JGBLM16": 151.25027452317593,
    "JGBLU16": 151.08452213883535,
}
CHEAPEST = {"JGBLH16": (2023, 3), "JGBLM16": (2023, 6), "JGBLU16": (2023, 9)}
"""Months of maturity: the nodes with nearly all of the published sensitivity, at 7.1 and 7.9 years,
are at it or on either side of it."""

VALUES = {  # of one contract, and the price that it is measured from
    "JGBLH16": (152.25, -419282.03701224923),
    "JGBLM16": (151.73, -479725.4768240452),
    "JGBLU16": (151.61, -525477.8611646593),
}


def without_leap_days(rate: float, start: dt.date, end: dt.date) -> tuple[CouponStep, ...]:
    """Rates that make coupons of actual/365 those that do not count 29 February."""
    steps, day = [], start
    while day < end:
        month, year = (day.month + 6, day.year) if day.month <= 6 else (day.month - 6, day.year + 1)
        after = dt.date(year, month, 20)
        leap = any(day < dt.date(y, 2, 29) <= after for y in (2016, 2020, 2024))
        days = (after - day).days
        steps.append(CouponStep(date=day, coupon_rate=rate * (days - leap) / days))
        day = after
    return tuple(steps[1:])


def deliverable(number: int, factor: float) -> Deliverable:
    percent, start, end = BONDS[number]
    issue, maturity = dt.date(*start, 20), dt.date(*end, 20)
    return Deliverable(
        name=f"bond {number}",
        issue_date=issue,
        maturity_date=maturity,
        coupon_rate=percent / 100.0,
        coupon_schedule=without_leap_days(percent / 100.0, issue, maturity),
        currency="JPY",
        payment_frequency="6M",
        day_count="ACT/365F",
        calendar="JAPAN",
        business_day_convention="FOLLOWING",
        discount_curve="JPY-GOVT",
        conversion_factor=factor,
    )


def future(code: str) -> BondFutureTerms:
    factors = FACTORS[code]
    first = len(BONDS) - len(factors)
    bonds = tuple(deliverable(first + i, factor) for i, factor in enumerate(factors))
    return BondFutureTerms(
        trade_id=code,
        book="",
        contract=code,
        contracts=1.0,
        trade_price=VALUES[code][0],
        deliverables=bonds,
    )


def factor(curve: tuple, day: int) -> float:
    years = ql.ActualActual(ql.ActualActual.ISDA).yearFraction(
        ql_of_day(day_of(TODAY)), ql_of_day(day)
    )
    return float(np.exp(-np.interp(years, *curve) * years))


def at_published_curves(code: str) -> tuple[DatedBlock, np.ndarray]:
    terms = future(code)
    block = make_block([compile_trade(terms)])
    dated = roll_to(block, day_of(TODAY), {}, ("JPY-GOVT",))
    delivery = day_of(terms.dates.delivery)
    curves = [REPO if day == delivery else ISSUER for day in dated.point_day.tolist()]
    found = [factor(c, d) for c, d in zip(curves, dated.point_day.tolist(), strict=True)]
    return dated, np.array(found)


@pytest.mark.parametrize("code", PRICES)
def test_the_price_is_the_published_one(code: str):
    dated, discount = at_published_curves(code)
    traded, value = VALUES[code]
    npv = kernel.value(
        flows_to_price(dated.flows, dated.deliveries, dated.chains, discount), discount
    )[0]
    assert traded + npv / 1e6 == pytest.approx(PRICES[code], abs=1e-10)
    assert npv == pytest.approx(value, abs=1e-4)


@pytest.mark.parametrize("code", CHEAPEST)
def test_the_cheapest_bond_is_that_of_the_published_sensitivities(code: str):
    dated, discount = at_published_curves(code)
    picked = cheapest(dated.flows, dated.deliveries, discount).picked
    (bond,) = (future(code).deliverables[dated.deliveries.number[one]] for one in picked)
    assert (bond.maturity_date.year, bond.maturity_date.month) == CHEAPEST[code]


def test_the_contract_ends_on_the_twentieth_or_the_next_business_day():
    """20 March 2016 is a Sunday, and the Monday after it a holiday in lieu of the equinox."""
    dates = {code: future(code).dates for code in PRICES}
    assert {code: found.delivery for code, found in dates.items()} == {
        "JGBLH16": dt.date(2016, 3, 22),
        "JGBLM16": dt.date(2016, 6, 20),
        "JGBLU16": dt.date(2016, 9, 20),
    }
    assert dates["JGBLM16"].last_trading == dt.date(2016, 6, 13)
