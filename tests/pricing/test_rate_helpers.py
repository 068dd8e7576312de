"""What a quote means, by hand, on the curve that QuantLib bootstraps from that quote alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import QuantLib as ql

from pricing.curves.curve_set import set_date
from pricing.curves.quotes import QuoteId
from pricing.curves.rate_helpers import HelperFactory
from pricing.errors import BootstrapFailed
from pricing.markets import conventions
from pricing.products import schedules

TODAY = dt.date(2025, 2, 10)
"""A Monday; the US markets are closed on Monday 17 February."""

QUOTE = 0.04
Factor = Callable[[str], float]


def factors(curve: ql.YieldTermStructure) -> Factor:
    curve.enableExtrapolation()
    return lambda day: float(curve.discount(ql.DateParser.parseISO(day)))


def flat(rate: float) -> ql.YieldTermStructure:
    return ql.FlatForward(schedules.to_ql(TODAY), rate, ql.Actual365Fixed())


def bootstrapped(
    name: str, tenor: str, discount: ql.YieldTermStructure | None = None
) -> tuple[Any, Factor]:
    """The helper of a quote of 4 %, and the factors of the curve that has that quote."""
    set_date(TODAY)
    handle = ql.YieldTermStructureHandle(discount) if discount else ql.YieldTermStructureHandle()
    factory = HelperFactory(conventions.CURVES[name], TODAY, handle, indexed=False)
    made = factory.make(QuoteId(name, tenor), ql.SimpleQuote(QUOTE))
    curve = ql.PiecewiseLogLinearDiscount(schedules.to_ql(TODAY), [made], ql.Actual365Fixed())
    return made, factors(curve)


def days(start: str, end: str) -> int:
    return (dt.date.fromisoformat(end) - dt.date.fromisoformat(start)).days


@pytest.mark.parametrize(
    ("name", "tenor", "start", "end", "year"),
    [
        ("USD-SOFR", "1D", "2025-02-10", "2025-02-11", 360),
        ("GBP-SONIA", "1D", "2025-02-10", "2025-02-11", 365),
        # EURIBOR: two TARGET days to spot, modified following.
        ("EUR-EURIBOR3M", "3M", "2025-02-12", "2025-05-12", 360),
        ("EUR-EURIBOR6M", "6M", "2025-02-12", "2025-08-12", 360),
        ("USD-GOVT", "1M", "2025-02-10", "2025-03-10", 365),
        ("USD-GOVT", "6M", "2025-02-10", "2025-08-10", 365),  # a Sunday: no calendar
    ],
)
def test_short_quotes_are_simple_rates(
    name: str, tenor: str, start: str, end: str, year: int
) -> None:
    made, factor = bootstrapped(name, tenor, flat(0.03))
    assert (made.earliestDate().ISO(), made.maturityDate().ISO()) == (start, end)
    interest = QUOTE * days(start, end) / year
    assert factor(start) / factor(end) == pytest.approx(1.0 + interest, rel=1e-11)


@pytest.mark.parametrize(
    ("name", "tenor", "start", "periods", "year"),
    [
        # End of accrual, and payment: two US business days later, over a weekend and a holiday.
        ("USD-SOFR", "1Y", "2025-02-12", [("2026-02-12", "2026-02-17")], 360),
        ("USD-SOFR", "6M", "2025-02-12", [("2025-08-12", "2025-08-14")], 360),
        ("EUR-ESTR", "1Y", "2025-02-12", [("2026-02-12", "2026-02-13")], 360),
        (
            *("USD-SOFR", "2Y", "2025-02-12"),
            [("2026-02-12", "2026-02-17"), ("2027-02-12", "2027-02-17")],
            360,
        ),
        ("GBP-SONIA", "2Y", "2025-02-10", [("2026-02-10",) * 2, ("2027-02-10",) * 2], 365),
    ],
)
def test_an_overnight_swap_exchanges_its_quote_for_the_growth_of_its_periods(
    name: str, tenor: str, start: str, periods: list[tuple[str, str]], year: int
) -> None:
    made, factor = bootstrapped(name, tenor)
    assert made.earliestDate().ISO() == start
    fixed = floating = 0.0
    before = start
    for end, pay in periods:
        fixed += factor(pay) * QUOTE * days(before, end) / year
        floating += factor(pay) * (factor(before) / factor(end) - 1.0)
        before = end
    assert fixed == pytest.approx(floating, rel=1e-10)
    for leg in (0, 1):
        paid = [flow.date().ISO() for flow in made.swap().leg(leg)]
        assert paid == [pay for _, pay in periods]


def test_an_ibor_swap_is_discounted_on_the_overnight_curve() -> None:
    """Annual 30/360 against the half-years of the index, each paid as it ends."""
    _, forward = bootstrapped("EUR-EURIBOR6M", "2Y", flat(0.03))
    discount = factors(flat(0.03))
    ends = ["2025-02-12", "2025-08-12", "2026-02-12", "2026-08-12", "2027-02-12"]
    floating = sum(
        discount(end) * (forward(start) / forward(end) - 1.0) for start, end in pairwise(ends)
    )
    fixed = QUOTE * (discount(ends[2]) + discount(ends[4]))
    assert fixed == pytest.approx(floating, rel=1e-10)


def test_a_par_yield_is_the_coupon_of_a_bond_at_100() -> None:
    made, factor = bootstrapped("USD-GOVT", "2Y")
    dates = ["2025-08-10", "2026-02-10", "2026-08-10", "2027-02-10"]
    assert [flow.date().ISO() for flow in made.bond().cashflows()] == [*dates, dates[-1]]
    price = 100.0 * (QUOTE / 2.0 * sum(map(factor, dates)) + factor(dates[-1]))
    assert price == pytest.approx(100.0, abs=1e-8)


def test_a_swap_that_ends_where_it_begins_names_the_tenor() -> None:
    """Two days from Friday 29 May 2026 is a Sunday, which rolls back within the month."""
    today = dt.date(2026, 5, 29)
    set_date(today)
    row, nowhere = conventions.CURVES["GBP-SONIA"], ql.YieldTermStructureHandle()
    factory = HelperFactory(row, today, nowhere, indexed=False)
    with pytest.raises(BootstrapFailed) as refused:
        factory.make(QuoteId("GBP-SONIA", "2D"), ql.SimpleQuote(QUOTE))
    assert "GBP-SONIA 2D" in str(refused.value)
    assert "on 2026-05-29 it begins on 2026-05-29, and ends there" in str(refused.value)
