"""A currency of which only the market file is known has a history, fixings and exchange rates."""

from __future__ import annotations

import datetime as dt

import pytest

from dashboard import theme
from feedbridge.replay.history.daily import SAMPLE_CURRENCIES, stored
from feedbridge.replay.history.fixings import derive_fixings
from feedbridge.replay.history.fx import usd_at
from feedbridge.replay.ticks import ReplayPlan, ticks
from pricing.curves.curve_set import CurveSet
from pricing.curves.quotes import shape_of
from pricing.markets import conventions
from pricing.markets.business_dates import business_date

DAY = dt.date(2024, 3, 6)
OTHERS = [name for name in conventions.CURRENCIES if name not in SAMPLE_CURRENCIES]


@pytest.mark.parametrize("currency", OTHERS)
def test_its_invented_curves_can_be_solved(currency):
    day = stored().day(currency, DAY)
    own = [row.name for row in conventions.CURVES.values() if row.currency == currency]
    assert list(day.curves) == own
    assert set(day.labels.values()) == {"synthetic"}
    curves = CurveSet(DAY, shape_of(day.curves))
    assert curves.solve(curves.vector(day.curves)).rate_error < 1e-10


@pytest.mark.parametrize("currency", OTHERS)
def test_it_has_fixings_of_each_index(currency):
    own = {row.name for row in conventions.INDICES.values() if row.currency == currency}
    assert {fixing.index for fixing in derive_fixings(currency, DAY, DAY)} == own


def test_it_has_an_exchange_rate():
    rates = usd_at(dt.datetime.combine(DAY, dt.time(12)))
    assert set(rates) == set(conventions.CURRENCIES) - {"USD"}
    assert all(rate > 0 for rate in rates.values())


@pytest.mark.parametrize("currency", conventions.CURRENCIES)
def test_a_replay_ticks_on_the_business_date_of_each_market(currency):
    plan = ReplayPlan(
        currencies=(currency,), start=DAY, end=DAY, run_id="t", epoch=1, ticks_per_day=5
    )
    for due in ticks(stored(), plan):
        assert business_date(currency, due.tick.as_of) == DAY


def test_colours_depend_on_the_code_alone_and_differ():
    colors = {name: theme.currency_color(name) for name in conventions.CURRENCIES}
    assert colors["USD"] == theme.PALETTES["dark"].series[0]
    assert len(set(colors.values())) == len(colors)
    assert all(len(color) == 7 and color.startswith("#") for color in colors.values())
