"""Warnings of curves name the quote behind a bad forward, a kink, a move or a residual."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedbridge.replay.history.daily import stored
from pricing.curves.curve_set import CurveSet
from pricing.curves.quotes import shape_of
from pricing.curves.sanity import SanityLimits, check_curves, moved_quotes, read_limits
from pricing.errors import BadInput, BootstrapFailed
from pricing.markets import conventions
from tests.pricing.fitted_markets import with_curve

DAY = dt.date(2024, 3, 5)
LIMITS = SanityLimits()


def warnings(quotes, day: dt.date = DAY, limits: SanityLimits = LIMITS):
    curves = CurveSet(day, shape_of(quotes))
    found = curves.solve(curves.vector(quotes))
    return check_curves(curves.grid, curves.keys, found.x, found.residuals, limits)


@pytest.mark.parametrize("currency", conventions.CURRENCIES)
def test_a_day_of_the_history_has_no_warning(currency):
    quotes = stored().day(currency, DAY).curves
    assert warnings(quotes) == []
    assert moved_quotes(quotes, quotes, LIMITS) == []


@settings(max_examples=40, deadline=None)
@given(place=st.integers(1, 9), off=st.sampled_from([-260.0, -200.0, 200.0, 260.0]))
def test_an_absurd_quote_is_named(place, off):
    """Within the accepted range, and within the largest move that a bridge takes."""
    quotes = {name: dict(some) for name, some in stored().day("USD", DAY).curves.items()}
    tenors = list(quotes["USD-SOFR"])
    absurd = tenors[min(place, len(tenors) - 2)]
    before = {name: dict(some) for name, some in quotes.items()}
    quotes["USD-SOFR"][absurd] += off * 1e-4
    (move,) = moved_quotes(before, quotes, LIMITS)
    assert (move.curve, move.quote, move.check) == ("USD-SOFR", absurd, "move")
    assert move.value == pytest.approx(off)
    assert f"USD-SOFR {absurd} has moved by {off:+.1f} bp" in move.message
    try:
        found = warnings(quotes)
    except BootstrapFailed as error:
        named = error.tenor  # refused outright
        assert named == absurd
        return
    kinks = [w for w in found if w.check == "kink"]
    assert absurd in {w.quote for w in found}
    # A neighbour has a kink too, of the other sign.
    (own,) = [w for w in kinks if w.quote == absurd]
    assert math.copysign(1.0, own.value) == math.copysign(1.0, off)


def test_a_kink_is_the_distance_to_equal_forwards_by_hand():
    """Zero rates of 3 %, 3 % + k and 3 %, at 1, 2 and 3 years: the second is off by k.

    The forwards are 3 %, 3 % + 2 k and 3 % - 2 k: a step of 4 k, over 2 x (1/1 + 1/1).
    """
    kink = 0.004
    quotes = {"GBP-GOVT": {"365D": 0.03, "730D": 0.03 + kink, "1095D": 0.03}}
    found = warnings(quotes, limits=SanityLimits(kink_bp=1.0))
    by_quote = {w.quote: w.value for w in found if w.check == "kink"}
    assert by_quote["730D"] == pytest.approx(40.0, abs=1e-6)
    # At one year the forwards are 3 % and 3 % + 2 k: 2 k over 1 x (1 + 1).
    assert by_quote["365D"] == pytest.approx(-40.0, abs=1e-6)


def test_forwards_out_of_bounds_name_the_quote_at_their_end():
    quotes = {"GBP-GOVT": {"1Y": 0.04, "2Y": 0.14, "10Y": 0.12}}
    (high,) = [w for w in warnings(quotes) if w.check == "forward"]
    assert high.quote == "2Y"
    assert high.value == pytest.approx(24.0, abs=0.1)
    assert "makes a forward rate of" in high.message
    low = [w for w in warnings({"GBP-GOVT": {"1Y": 0.04, "2Y": -0.001}}) if w.check == "forward"]
    assert [w.quote for w in low] == ["2Y"]


def test_what_a_fit_leaves_of_a_quote_is_said(monkeypatch):
    with_curve(monkeypatch, "GBP-SONIA", fit="least_squares", nodes=("1Y", "5Y", "10Y"))
    quotes = {"GBP-SONIA": {"1Y": 0.05, "2Y": 0.0510, "3Y": 0.0440, "5Y": 0.0410, "10Y": 0.039}}
    found = [w for w in warnings(quotes) if w.check == "residual"]
    assert "2Y" in {w.quote for w in found}
    assert all("above what the fitted curve gives it" in w.message for w in found)


def test_an_old_quote_and_a_new_one_are_no_move():
    before, now = {"A": {"1Y": 0.04}}, {"A": {"1Y": 0.0449, "2Y": 0.05}, "B": {"1Y": 0.01}}
    assert moved_quotes(before, now, LIMITS) == []
    assert len(moved_quotes(before, now, SanityLimits(move_bp=40.0))) == 1


def test_limits_are_read_from_a_text():
    assert read_limits("") == SanityLimits()
    found = read_limits("move_bp=30, kink_bp=80,forward_min=-1")
    assert found == SanityLimits(move_bp=30.0, kink_bp=80.0, forward_min=-1.0)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("moves=30", "allowed: forward_min, forward_max, kink_bp, move_bp, residual_bp"),
        ("move_bp=wide", "a number, such as 50"),
        ("move_bp=-1", "a number above 0, such as 50"),
        ("move_bp=nan", "a number above 0, such as 50"),
        ("forward_min=30", "less than forward_max"),
    ],
)
def test_limits_that_mean_nothing_are_refused(text, sentence):
    with pytest.raises(BadInput) as caught:
        read_limits(text)
    assert sentence in str(caught.value)


def test_warnings_are_bounded():
    before = {"A": {str(n): 0.01 for n in range(300)}}
    now = {"A": {str(n): 0.04 for n in range(300)}}
    assert len(moved_quotes(before, now, LIMITS)) == 50
    assert np.isfinite([w.value for w in moved_quotes(before, now, LIMITS)]).all()
