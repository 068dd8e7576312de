"""The arithmetic of docs/sizing.md gives the measured numbers back at the measured size."""

from __future__ import annotations

import pytest

from docs import sizing_tables
from docs.result_tables import result

COSTS = sizing_tables.costs()
assert COSTS is not None
RUN = result(f"scale-{COSTS.trades}")
FRAME = RUN["steady"]["cpu_ms_a_frame"]


def test_at_the_measured_size_the_cores_are_those_of_the_run() -> None:
    assert COSTS is not None
    frames = COSTS.frames_a_second()
    assert frames == 8
    assert COSTS.sums_cores(COSTS.trades) == pytest.approx(frames * FRAME["sums"] / 1e3)
    made = RUN["steady"]["detail"]["details"] / RUN["steady"]["frames"]
    whole_ms = FRAME["detail"] / made  # frames without a detail cost it nothing
    assert COSTS.detail_cores(COSTS.trades) == pytest.approx(frames * whole_ms / 1e3)
    memory = COSTS.processes_bytes + COSTS.trades * COSTS.trade_bytes
    assert memory == pytest.approx(RUN["memory"]["pricing_bytes"], rel=1e-4)


def test_an_empty_book_costs_the_floor() -> None:
    assert COSTS is not None
    floor = RUN["floor"]["steady"]["cpu_ms_a_frame"]
    assert COSTS.sums_cores(0) == pytest.approx(8 * floor["sums"] / 1e3)
    assert COSTS.detail_cores(0) == pytest.approx(8 * floor["detail"] / 1e3)


def test_netted_terms_are_bounded_by_days_curves_and_groups() -> None:
    assert COSTS is not None
    assert COSTS.groups == 200
    assert COSTS.terms_of(10**9) == 50 * 261 * 2 * 200
    assert COSTS.terms_of(2 * COSTS.trades) == pytest.approx(2 * COSTS.terms)


def test_a_detail_ten_times_as_large_needs_ten_times_the_cores_beyond_the_floor() -> None:
    assert COSTS is not None
    fixed = COSTS.detail_cores(0)
    ten, one = COSTS.detail_cores(1_000_000), COSTS.detail_cores(100_000)
    assert ten - fixed == pytest.approx(10 * (one - fixed))
