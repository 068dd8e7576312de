"""Prices, yields and margins of many securities at once are those of one at a time."""

from __future__ import annotations

import numpy as np
import pytest
import QuantLib as ql
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.curves.curve_set import CurveSet
from pricing.curves.quotes import shape_of
from pricing.errors import PricingError
from pricing.measures.bond_analytics import BOND_ANALYTICS, price_security
from pricing.measures.bond_block import analytics_of
from pricing.products.bonds.yield_flows import YieldFlows, yields_from_dirty
from tests.pricing import sample_markets as made


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_many_bonds_at_once_are_as_one_at_a_time(data):
    currency = data.draw(st.sampled_from(["USD", "EUR", "GBP"]))
    today = data.draw(made.dates)
    quotes = data.draw(made.markets(currency))
    curves = CurveSet(today, shape_of(quotes), made.fixings_until(today))
    solved = curves.solve(curves.vector(quotes))
    makers = data.draw(st.lists(st.sampled_from([made.bonds, made.notes]), min_size=6, max_size=6))
    book = [data.draw(make(currency, today, number)) for number, make in enumerate(makers)]
    priced = []
    for terms in book:
        try:
            priced.append(price_security(terms, curves, solved))
        except PricingError:
            continue
    if not priced:
        return
    flows, spreads = [p.flows() for p in priced], np.array([p.z_spread() for p in priced])
    found = analytics_of(flows, spreads, curves, solved)
    for row, one in enumerate(priced):
        slow = one.analytics()
        for name in BOND_ANALYTICS:
            wanted = getattr(slow, name)
            assert found[name][row] == pytest.approx(wanted, rel=1e-9, abs=1e-11, nan_ok=True)


def test_yields_are_those_of_quantlib():
    """Whole years, compounded once or twice a year: the convention of both."""
    today = ql.Date(5, 3, 2024)
    ql.Settings.instance().evaluationDate = today
    for frequency, per_year in ((ql.Annual, 1), (ql.Semiannual, 2)):
        period = ql.Period(frequency)
        schedule = ql.Schedule(
            *(today, today + ql.Period(10, ql.Years), period, ql.NullCalendar()),
            *(ql.Unadjusted, ql.Unadjusted, ql.DateGeneration.Backward, False),
        )
        count = ql.ActualActual(ql.ActualActual.ISMA, schedule)
        bond = ql.FixedRateBond(0, 100.0, schedule, [0.04], count)
        n = np.arange(1, 10 * per_year + 1)
        amounts = np.full(len(n), 4.0 / per_year)
        amounts[-1] += 100.0
        flows = YieldFlows(
            amounts=amounts, years=n / per_year, simple_years=np.zeros(len(n)), frequency=per_year
        )
        dirty = np.array([80.0, 100.0, 130.0])
        ytm, duration, convexity = yields_from_dirty([flows] * 3, dirty)
        for row, price in enumerate(dirty):
            wanted = bond.bondYield(
                ql.BondPrice(price, ql.BondPrice.Clean),
                count,
                ql.Compounded,
                frequency,
                today,
                1e-14,
            )
            assert ytm[row] == pytest.approx(wanted, abs=1e-10)
            rate = ql.InterestRate(wanted, count, ql.Compounded, frequency)
            assert duration[row] == pytest.approx(
                ql.BondFunctions.duration(bond, rate, ql.Duration.Modified, today), rel=1e-8
            )
            assert convexity[row] == pytest.approx(
                ql.BondFunctions.convexity(bond, rate, today), rel=1e-8
            )


def test_a_price_that_no_yield_explains_has_none_and_leaves_the_others():
    flows = YieldFlows(
        amounts=np.array([100.0]),
        years=np.array([2.0]),
        simple_years=np.zeros(1),
        frequency=1,
    )
    ytm, duration, _ = yields_from_dirty([flows, flows], np.array([-1.0, 100.0]))
    assert np.isnan(ytm[0])
    assert np.isnan(duration[0])
    assert ytm[1] == pytest.approx(0.0, abs=1e-15)
