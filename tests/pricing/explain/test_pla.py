"""The P&L attribution test against SciPy's definitions by hand, and its zones."""

from __future__ import annotations

import numpy as np
import pytest

from pricing.explain.pla import attribution, kolmogorov_smirnov, spearman, zone_of


def test_equal_series_are_green():
    days = np.random.default_rng(1).normal(size=300)
    found = attribution(days, days)
    assert found == (250, pytest.approx(1.0), 0.0, "green")


def test_spearman_of_a_published_example():
    """Wikipedia, Spearman's rank correlation coefficient: IQ and hours of television."""
    iq = np.array([106, 100, 86, 101, 99, 103, 97, 113, 112, 110.0])
    hours = np.array([7, 27, 2, 50, 28, 29, 20, 12, 6, 17.0])
    assert spearman(iq, hours) == pytest.approx(-29 / 165)


def test_equal_numbers_share_their_mean_rank():
    first, second = np.array([1.0, 1, 2, 3]), np.array([4.0, 5, 6, 6])
    expected = np.corrcoef([1.5, 1.5, 3, 4], [1, 2, 3.5, 3.5])[0, 1]
    assert spearman(first, second) == pytest.approx(expected)


def test_the_distance_is_that_of_step_functions_counted_by_hand():
    """Of four numbers three are below all of the others."""
    assert kolmogorov_smirnov(np.array([1.0, 2, 3, 9]), np.array([4.0, 5, 6, 7])) == 0.75
    assert kolmogorov_smirnov(np.array([1.0, 1]), np.array([1.0, 2])) == 0.5


@pytest.mark.parametrize("below", [0, 3, 125, 220])
def test_thirty_of_250_days_are_0_12_and_not_a_bit_more(below: int):
    """Differences of shares are: 33 / 250 - 3 / 250 is more than 0.12 in floating point."""
    days = np.arange(250.0)
    ours, theirs = np.where(days < below, -1.0, 1.0), np.where(days < below + 30, -1.0, 1.0)
    assert kolmogorov_smirnov(ours, theirs) == 0.12
    assert zone_of(1.0, kolmogorov_smirnov(ours, theirs)) == "amber"


@pytest.mark.parametrize(
    ("rank", "distance", "zone"),
    [
        (0.80, 0.09, "green"),
        (0.79, 0.09, "amber"),
        (0.80, 0.091, "amber"),
        (0.70, 0.12, "amber"),
        (0.69, 0.0, "red"),
        (1.0, 0.121, "red"),
        (float("nan"), 0.0, "red"),
    ],
)
def test_zones(rank, distance, zone):
    assert zone_of(rank, distance) == zone


def test_what_cannot_be_tested_is_refused():
    ones = np.ones(3)
    for first, second in ((ones, ones[:2]), (ones[:1], ones[:1]), (ones, ones * np.nan)):
        with pytest.raises(ValueError, match=r"days|number"):
            attribution(first, second)
