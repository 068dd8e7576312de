"""Nodes by Newton's method are QuantLib's own, whatever was solved before; wild quotes are judged
by QuantLib alone."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedbridge.replay.history.daily import stored
from feedbridge.replay.history.fixings import derive_fixings
from pricing.curves.curve_set import CurveSet
from pricing.curves.fixings import public_on
from pricing.curves.quotes import CurveOptions, shape_of
from pricing.errors import BootstrapFailed
from pricing.markets import conventions

DAY = dt.date(2024, 3, 5)
EXAMPLES = settings(max_examples=25, deadline=None)
LIKE_QUANTLIB = 1e-10
"""Of a log discount factor: QuantLib's root search stops at 1e-12 a node, and nodes add up."""

INTERPOLATIONS = ("log_linear", "natural_log_cubic")
made: dict[tuple[str, str], CurveSet] = {}


def curves(currency: str, interpolation: str = "log_linear") -> CurveSet:
    """Kept: making helpers takes longer than solving."""
    if (currency, interpolation) not in made:
        quotes = stored().day(currency, DAY).curves
        known: dict[str, dict[dt.date, float]] = {}
        for fixing in derive_fixings(currency, DAY - dt.timedelta(days=30), DAY):
            known.setdefault(fixing.index, {})[fixing.date] = fixing.rate
        fixings = {n: public_on(conventions.INDICES[n], r, DAY) for n, r in known.items()}
        options = CurveOptions(interpolation=dict.fromkeys(quotes, interpolation))
        made[currency, interpolation] = CurveSet(DAY, shape_of(quotes), fixings, options)
    return made[currency, interpolation]


def quotes_of(currency: str, moves: list[float]) -> np.ndarray:
    """The day's quotes, each with a move in basis points."""
    found = curves(currency)
    base = found.vector(stored().day(currency, DAY).curves)
    return base + np.resize(moves, len(base)) * 1e-4


def basis_points(size: float) -> st.SearchStrategy[list[float]]:
    return st.lists(st.floats(-size, size), min_size=5, max_size=11)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("currency", conventions.CURRENCIES)
@EXAMPLES
@given(moves=basis_points(40.0))
def test_nodes_are_those_of_quantlibs_bootstrap(currency, interpolation, moves):
    found, quotes = curves(currency, interpolation), quotes_of(currency, moves)
    solved = found.solve(quotes)
    assert np.abs(solved.x - found.bootstrap(quotes)).max() < LIKE_QUANTLIB
    assert solved.rate_error < 1e-13


@pytest.mark.parametrize("currency", conventions.CURRENCIES)
@EXAMPLES
@given(moves=basis_points(40.0), before=basis_points(200.0))
def test_the_same_quotes_give_the_same_bits_whatever_was_solved_before(currency, moves, before):
    found, quotes = curves(currency), quotes_of(currency, moves)
    first = found.solve(quotes)
    with contextlib.suppress(BootstrapFailed):
        found.solve(quotes_of(currency, before))
    again = found.solve(quotes)
    assert first.x.tobytes() == again.x.tobytes()
    assert first.jacobian.tobytes() == again.jacobian.tobytes()


@pytest.mark.parametrize("currency", conventions.CURRENCIES)
@EXAMPLES
@given(moves=basis_points(800.0))
def test_quotes_that_quantlib_refuses_are_refused_with_its_words(currency, moves):
    found, quotes = curves(currency), quotes_of(currency, moves)
    truth, refused = outcome(found.bootstrap, quotes)
    solved, said = outcome(lambda wanted: found.solve(wanted).x, quotes)
    assert said == refused
    # QuantLib stops at 1e-12 of a quote, which such steep curves turn into more at a node.
    assert truth is None or np.abs(solved - truth).max() < 100 * LIKE_QUANTLIB


def outcome(make: Callable[[np.ndarray], np.ndarray], quotes: np.ndarray) -> tuple[Any, str]:
    """Nodes, or the words of the refusal."""
    try:
        return make(quotes), ""
    except BootstrapFailed as error:
        return None, str(error)


@pytest.mark.parametrize("currency", conventions.CURRENCIES)
@EXAMPLES
@given(moves=basis_points(40.0), size=st.floats(-1.0, 1.0))
def test_nodes_after_a_small_move_are_those_of_solving_anew(currency, moves, size):
    found, quotes = curves(currency), quotes_of(currency, moves)
    solved, shift = found.solve(quotes), np.full(len(quotes), size * 1e-4)
    anew = found.solve(quotes + shift)
    # Rounding of some hundred additions: of log discount factors, whose size is at most 1.
    assert np.abs(found.shifted(solved, shift) - anew.x).max() < 5e-14
