"""Value at risk and expected shortfall: published figures of a run of ORE, integers for the count,
components that add up."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.errors import BadInput
from pricing.scenarios.tail import component_shortfall, tail_count, tail_of
from tests import not_run

ORE = Path(__file__).resolve().parents[4] / "shared" / "truth" / "ore_historical_var.json"


@not_run.unless(ORE.exists(), not_run.SAMPLE_DATA)
def test_the_published_run_of_ore():
    case = json.loads(ORE.read_text())
    found = tail_of(np.array(case["pnl"]), "99")
    assert -found.var == case["expected"]["quantile_0.01"]
    shortfall = case["expected"]["expected_shortfall_0.01"]
    assert -found.expected_shortfall == pytest.approx(shortfall, abs=1e-6)


@pytest.mark.parametrize(
    ("scenarios", "level", "count"),
    [
        (500, "99", 5),
        (500, "97.5", 13),
        (250, "99", 3),
        (100, "99", 1),
        (1, "99", 1),
        (715, "99", 8),
    ],
)
def test_the_tail_is_counted_in_rationals(scenarios, level, count):
    assert tail_count(scenarios, level) == count


@pytest.mark.parametrize("level", ["100", "49", "x", "1/0", ""])
def test_a_level_that_is_no_percentage_is_refused(level):
    with pytest.raises(BadInput, match="level"):
        tail_count(500, level)


def test_the_days_of_the_tail_are_named_the_worst_first():
    pnl = np.array([3.0, -5.0, 1.0, -9.0, -5.0, 0.0, 2.0, 4.0, 6.0, 8.0])
    found = tail_of(pnl, "75")
    assert found.days.tolist() == [3, 1, 4]
    assert found.var == 5.0
    assert found.expected_shortfall == pytest.approx(19.0 / 3.0)


@given(
    st.integers(1, 5).flatmap(
        lambda parts: st.lists(
            st.lists(st.floats(-1e6, 1e6), min_size=parts, max_size=parts), min_size=3, max_size=40
        )
    )
)
def test_components_add_up_to_the_whole(rows):
    pnl = np.array(rows).T
    whole = tail_of(pnl.sum(axis=0), "97.5")
    total = component_shortfall(pnl, whole.days).sum()
    assert total == pytest.approx(whole.expected_shortfall, abs=1e-6)
