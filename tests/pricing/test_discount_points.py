"""Each day of a curve that some flow needs is discounted once."""

from __future__ import annotations

import numpy as np

from pricing.curves.discount_points import Points

TODAY = 20_000


def test_the_same_day_of_a_curve_is_one_point() -> None:
    points = Points(TODAY, 2, TODAY + 10)
    pay = points.mark(np.array([0, 1, 0]), np.array([TODAY + 5, TODAY + 5, TODAY + 9]))
    start = points.mark(np.array([1, 0]), np.array([TODAY + 5, TODAY]))
    assert points.curve().tolist() == [0, 0, 0, 1]
    assert points.day().tolist() == [TODAY, TODAY + 5, TODAY + 9, TODAY + 5]
    assert points.number(pay).tolist() == [1, 3, 2]
    assert points.number(start).tolist() == [3, 0]


def test_the_first_and_the_last_day_belong_to_their_own_curve() -> None:
    """The last day of a curve stands beside the first of the next in the table."""
    points = Points(TODAY, 3, TODAY + 1)
    pairs = [(0, TODAY + 1), (1, TODAY), (1, TODAY + 1), (2, TODAY)]
    curve, day = (np.array(part) for part in zip(*pairs, strict=True))
    assert points.number(points.mark(curve, day)).tolist() == [0, 1, 2, 3]
    assert list(zip(points.curve().tolist(), points.day().tolist(), strict=True)) == pairs


def test_random_pairs_come_back_by_their_numbers() -> None:
    rng = np.random.default_rng(7)
    curve, day = rng.integers(0, 4, 500), TODAY + rng.integers(0, 60, 500)
    points = Points(TODAY, 4, TODAY + 59)
    number = points.number(points.mark(curve, day))
    assert points.curve()[number].tolist() == curve.tolist()
    assert points.day()[number].tolist() == day.tolist()
    assert len(points.day()) == len(set(zip(curve.tolist(), day.tolist(), strict=True)))


def test_without_pairs_there_are_no_points() -> None:
    points = Points(TODAY, 2, TODAY + 10)
    none = points.mark(np.array([], dtype=int), np.array([], dtype=int))
    assert len(points.number(none)) == len(points.curve()) == len(points.day()) == 0
