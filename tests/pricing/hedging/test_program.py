"""Hedges by linear programming, against least squares, exhaustive search and hand arithmetic."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from pricing.errors import BadInput
from pricing.hedging.program import Instrument, hedge, one_each


def instruments(ladders: Any, **more: Any) -> list[Instrument]:
    return [
        Instrument(name=f"I{n}", ladder=np.array(ladder, dtype=float), notional=1.0, **more)
        for n, ladder in enumerate(ladders)
    ]


@pytest.mark.parametrize("seed", range(20))
def test_as_many_instruments_as_buckets_leave_nothing_as_least_squares_has_it(seed: int) -> None:
    """With a tolerance of 0 there is one answer: that of the linear system."""
    random = np.random.default_rng(seed)
    buckets = int(random.integers(1, 12))
    ladders = np.diag(random.uniform(1e-5, 1e-3, buckets))
    ladders += random.normal(0.0, 1e-5, (buckets, buckets)) * (random.random() < 0.7)
    exposure = random.normal(0.0, 1e4, buckets)
    found = hedge(exposure, np.zeros(buckets), instruments(ladders))
    expected, *_ = np.linalg.lstsq(ladders.T, -exposure, rcond=None)
    assert found.status == "optimal"
    assert np.abs(found.left).max() <= 1e-6 * np.abs(exposure).max()
    assert np.allclose(found.sizes, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("seed", range(10))
def test_of_two_ways_the_cheaper_one_by_each_objective(seed: int) -> None:
    """One bucket, and instruments whose costs and notionals are known: by hand, all in one."""
    random = np.random.default_rng(seed)
    dv01, notional, cost = random.uniform(0.5, 2.0, (3, 4))
    choices = [
        Instrument(
            name=str(n),
            ladder=np.array([dv01[n]]),
            notional=float(notional[n]),
            cost=float(cost[n]),
        )
        for n in range(4)
    ]
    for name, weight in (("notional", notional), ("cost", cost)):
        found = hedge(np.array([1000.0]), np.array([100.0]), choices, name)  # type: ignore[arg-type]
        best = int((weight / dv01).argmin())
        assert found.sizes[best] == pytest.approx(-900.0 / dv01[best])
        assert np.count_nonzero(found.sizes) == 1
        assert found.left[0] == pytest.approx(100.0)
        assert getattr(found, name) == pytest.approx(900.0 * (weight / dv01).min())


def test_a_tolerance_is_held_in_every_bucket_and_saves_notional() -> None:
    exposure = np.array([500.0, -300.0, 80.0])
    exact = hedge(exposure, np.zeros(3), instruments(np.eye(3)))
    loose = hedge(exposure, np.array([100.0, 50.0, 100.0]), instruments(np.eye(3)))
    assert exact.sizes == pytest.approx([-500.0, 300.0, -80.0])
    assert loose.sizes == pytest.approx([-400.0, 250.0, 0.0])
    assert np.count_nonzero(loose.sizes) == 2


def test_the_fewest_trades_are_those_of_an_exhaustive_search() -> None:
    random = np.random.default_rng(7)
    for _ in range(10):
        ladders = random.uniform(0.0, 1.0, (5, 4)) * (random.random((5, 4)) < 0.6)
        exposure, tolerance = random.uniform(-100.0, 100.0, 4), np.full(4, 15.0)
        found = hedge(exposure, tolerance, instruments(ladders), "trades")
        fewest = next(
            (
                count
                for count in range(6)
                for some in itertools.combinations(range(5), count)
                if _reaches(exposure, tolerance, ladders[list(some)])
            ),
            None,
        )
        if fewest is None:
            assert found.status == "nearest"
        else:
            assert np.count_nonzero(found.sizes) == fewest
            assert (np.abs(found.left) <= tolerance + 1e-6).all()


def _reaches(exposure: Any, tolerance: Any, ladders: Any) -> bool:
    """Return whether any sizes of all these reach the tolerance: by SciPy's own LP, not by ours."""
    from scipy.optimize import linprog

    if not len(ladders):
        return bool((np.abs(exposure) <= tolerance).all())
    rows = np.vstack([ladders.T, -ladders.T])
    limits = np.concatenate([tolerance - exposure, tolerance + exposure])
    return bool(linprog(np.zeros(len(ladders)), rows, limits, bounds=(None, None)).status == 0)


def test_lots_are_whole_and_the_best_of_all_that_are_tried() -> None:
    ladders = np.array([[25.0, 0.0], [0.0, 40.0], [15.0, 15.0]])
    exposure, tolerance = np.array([330.0, -170.0]), np.array([12.0, 20.0])
    found = hedge(exposure, tolerance, instruments(ladders, lot=1.0))
    tried = [
        lots
        for lots in itertools.product(range(-25, 26), repeat=3)
        if (np.abs(exposure + np.array(lots) @ ladders) <= tolerance).all()
    ]
    assert tuple(found.sizes) in tried
    assert found.notional == min(sum(map(abs, lots)) for lots in tried)
    assert (found.status, found.gap) == ("optimal", 0.0)


def test_what_cannot_be_reached_is_said_with_the_nearest_sizes() -> None:
    found = hedge(np.array([100.0, 50.0]), np.array([1.0, 1.0]), instruments([[1.0, 0.0]]))
    assert found.status == "nearest"
    assert found.left == pytest.approx([1.0, 50.0]) or abs(found.left[0]) <= 1.0
    coarse = hedge(np.array([100.0]), np.array([5.0]), instruments([[30.0]], lot=1.0))
    assert (coarse.status, coarse.sizes[0]) == ("nearest", -3.0)


def test_limits_hold() -> None:
    found = hedge(np.array([100.0]), np.array([0.0]), instruments([[1.0]], limit=60.0))
    assert (found.status, found.sizes[0], found.left[0]) == ("nearest", -60.0, 40.0)
    two = instruments([[1.0], [1.0]], limit=60.0)
    assert np.abs(hedge(np.array([100.0]), np.array([0.0]), two).sizes).max() <= 60.0


def test_nothing_to_hedge_is_no_trade() -> None:
    found = hedge(np.zeros(2), np.zeros(2), instruments(np.eye(2)))
    assert (found.status, found.notional) == ("optimal", 0.0)


def test_one_instrument_alone_makes_its_bucket_zero() -> None:
    ladders = [[2.0, 0.0, 0.0], [0.5, 4.0, 0.0]]
    first, second, third = one_each(np.array([10.0, -8.0, 3.0]), instruments(ladders))
    assert (first.instrument, first.size) == (0, -5.0)
    assert (second.instrument, second.size) == (1, 2.0)
    assert second.left.tolist() == [11.0, 0.0, 3.0]
    assert (third.instrument, third.size) == (None, 0.0)


@pytest.mark.parametrize(
    ("exposure", "tolerance", "some", "words"),
    [
        ([1.0], [0.0], [], "instruments: [] is not valid"),
        ([1.0], [-1.0], instruments([[1.0]]), "tolerance: [-1.0] is not valid"),
        ([1.0], [0.0, 0.0], instruments([[1.0]]), "a number from 0 on for each bucket"),
        ([np.nan], [0.0], instruments([[1.0]]), "exposure"),
        ([1.0], [0.0], instruments([[1.0, 2.0]]), "I0: [1.0, 2.0] is not valid"),
        ([1.0], [0.0], instruments([[1.0]], lot=-1.0), "I0.lot: -1.0 is not valid"),
    ],
)
def test_bad_input_is_named(exposure: Any, tolerance: Any, some: Any, words: str) -> None:
    with pytest.raises(BadInput, match=None) as refused:
        hedge(np.array(exposure), np.array(tolerance), some)
    assert words in str(refused.value)
