"""A month of stored closes, explained one after the other for the sample book."""

from __future__ import annotations

import datetime as dt
import itertools

import numpy as np
import pytest

from pricing.explain.terms import TERM_NAMES
from tests.pricing.explain.replayed import Step, steps

FIRST, LAST = dt.date(2022, 10, 3), dt.date(2022, 10, 31)
FOUR_MONTHS = dt.date(2022, 10, 19)
"""The first day on which the Treasury publishes a yield of four months."""


@pytest.fixture(scope="module")
def month() -> list[Step]:
    return list(steps("USD", FIRST, LAST))


def test_terms_add_up_on_every_day(month):
    assert len(month) == 19
    for step in month:
        added = sum(step.explained.terms[name] for name in TERM_NAMES)
        error = np.abs(added - step.explained.terms["total"]).max()
        assert error <= 1e-9 * step.gross_npv


def test_the_residual_is_below_a_five_thousandth_of_gross_pnl(month):
    """Moves of up to 19 bp: third-order terms are all that is left."""
    assert max(step.move_bp for step in month) > 15
    assert max(step.residual for step in month) < 2e-4


def test_a_tenor_that_is_new_moves_by_what_the_day_before_implied_for_it(month):
    (step,) = [step for step in month if step.date == FOUR_MONTHS]
    shown = {
        key.tenor: bp
        for key, bp in zip(step.explained.keys, step.explained.shift * 1e4, strict=True)
    }
    neighbours = shown["3M"], shown["6M"]
    assert min(neighbours) - 5 < shown["4M"] < max(neighbours) + 5
    assert step.residual < 2e-4


def test_the_totals_of_a_month_are_its_change_of_value_and_its_cash(month):
    """Each day starts from where the one before ended."""
    for before, after in itertools.pairwise(month):
        start, end = after.explained.terms["value_start"], before.explained.terms["value_end"]
        assert start == pytest.approx(end, abs=1e-9 * after.gross_npv)
