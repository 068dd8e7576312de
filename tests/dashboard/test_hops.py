"""Latencies by hop are computed from the frames' timestamps."""

from __future__ import annotations

import math
from dataclasses import replace

from msgspec.structs import replace as replace_line

from dashboard import hops
from dashboard.data import Market, Sample, sample_of
from risk.store.results import history_line
from tests.dashboard import made

MS = 1_000_000


def sample(**stamps: int) -> Sample:
    """Hops of 1, 2, 3, 4 and 5 ms."""
    times = (100, 101, 103, 106, 110, 115)
    names = ("sent", "received", "opened", "started", "finished", "published")
    ns = {f"{name}_ns": ms * MS for name, ms in zip(names, times, strict=True)}
    return replace(sample_of(made.make("USD").rollup), **{**ns, **stamps})


def test_each_hop_is_from_one_stamp_to_the_next() -> None:
    assert [hops.hop_ms(sample(), hop) for hop in hops.HOPS] == [1, 2, 3, 4, 5]
    assert {hop: values[0] for hop, values in hops.stacked([sample()]).items()} == dict(
        zip(hops.HOPS, (1, 2, 3, 4, 5), strict=True)
    )


def test_hops_add_up_to_tick_to_risk() -> None:
    assert sum(values[0] for values in hops.stacked([sample()]).values()) == 15


def test_a_hop_without_a_stamp_is_unknown_and_not_counted() -> None:
    untimed = sample(sent_ns=0)
    assert math.isnan(hops.hop_ms(untimed, "Transport"))
    rows = {row.hop: row for row in hops.hop_rows([untimed, sample()])}
    assert (rows["Transport"].frames, rows["Queue"].frames) == (1, 2)


def test_clocks_that_disagree_count_as_no_time() -> None:
    assert hops.hop_ms(sample(received_ns=90 * MS), "Transport") == 0


def test_the_history_begins_after_the_last_pause() -> None:
    """Else a line leads across the hours in which nothing ran."""
    rollup = made.make("USD").rollup
    line = history_line(rollup)
    hour = 3_600 * 1_000_000_000
    times = [0, 1_000 * MS, hour, hour + 60_000 * MS, hour + 120_000 * MS]
    lines = [replace_line(line, published_ns=line.published_ns + ns) for ns in times]
    shown = [hops.latency_lines([Market(rollup, lines[:n])])["USD"] for n in (0, 2, 5)]
    assert [len(line) for line in shown] == [0, 2, 3]
    assert shown[1][0] < shown[2][0]
