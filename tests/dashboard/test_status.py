"""A snapshot at a given time has a status of one word."""

from __future__ import annotations

import time
from dataclasses import replace

import msgspec
import pytest

from dashboard import screen, theme
from dashboard.data import Market, Snapshot
from dashboard.status import Status, status_of
from tests.dashboard import made

NOW_S = time.time()


def snapshot(*, frame_age_s: float = 1.0, beat_age_s: float = 0.2, **pulse: object) -> Snapshot:
    published = int((NOW_S - frame_age_s) * 1e9)
    rollup = msgspec.structs.replace(made.make("USD").rollup, published_ns=published)
    beat = made.pulse(sent_ns=int((NOW_S - beat_age_s) * 1e9), **pulse)
    return Snapshot(taken_s=NOW_S, markets={"USD": Market(rollup)}, pulses=[beat])


@pytest.mark.parametrize(
    ("given", "word", "reason"),
    [
        (snapshot(), "LIVE", "frames are being published"),
        (snapshot(frame_age_s=6), "QUIET", "no tick for 6.0s"),
        (snapshot(beat_age_s=2.5), "STALE", "No heartbeat from a bridge for 2.5s"),
        (snapshot(frame_age_s=9, open_frames=2), "STALE", "2 frames open, none published for 9.0s"),
        (snapshot(frame_age_s=9, waiting_for="redis"), "STALE", "waiting for redis"),
        (replace(snapshot(), pulses=[]), "STALE", "No heartbeat from a bridge yet"),
        (replace(snapshot(), down="Redis is away."), "DOWN", "Redis is away."),
    ],
)
def test_the_state_of_the_feed(given: Snapshot, word: str, reason: str) -> None:
    found = status_of(given, NOW_S)
    assert found.word == word
    assert reason in found.reason


def test_one_live_bridge_is_enough() -> None:
    dead, alive = snapshot(beat_age_s=900).pulses[0], snapshot().pulses[0]
    assert status_of(replace(snapshot(), pulses=[dead, alive]), NOW_S).word == "LIVE"


def test_only_old_numbers_are_grey() -> None:
    words = ("LIVE", "QUIET", "MIXED", "STALE", "DOWN")
    assert [Status(word, "").old for word in words] == [False, False, False, True, True]


def test_what_comes_from_data_is_escaped() -> None:
    evil = '<img src=x onerror="alert(1)">'
    status = Status("STALE", evil)
    pieces = [
        theme.pill(status, 1),
        theme.heading(evil, evil),
        theme.facts([(evil, evil, True)]),
        theme.tags([(evil, evil, evil)]),
        theme.warning(evil),
    ]
    assert not any("<img" in piece for piece in pieces)


def test_every_refresh_redraws_the_pill() -> None:
    assert theme.pill(Status("LIVE", ""), 1) != theme.pill(Status("LIVE", ""), 2)


def test_a_sum_over_two_dates_is_not_live() -> None:
    usd = snapshot()
    rollup = made.make("EUR").rollup
    other = msgspec.structs.replace(rollup, valuation_date=rollup.valuation_date.replace(day=1))
    both = replace(usd, markets={**usd.markets, "EUR": Market(other)})
    found = status_of(both, NOW_S)
    assert (found.word, found.old) == ("MIXED", False)
    assert f"EUR {other.valuation_date}, USD {rollup.valuation_date}" in found.reason
    assert status_of(both, NOW_S, [usd.markets["USD"]]).word == "LIVE"
    assert status_of(replace(both, pulses=[]), NOW_S).word == "STALE"


def test_labels_of_one_quality_are_counted_and_named_for_hovering() -> None:
    tags = [("A", "official", "a"), ("B", "synthetic", "b"), ("C", "synthetic", "c")]
    assert screen.counted(tags, "curves") == [
        ("A", "official", "a"),
        ("2 curves", "synthetic", "B, C"),
    ]


def aged(currency: str, seconds: float) -> Market:
    published = int((NOW_S - seconds) * 1e9)
    return Market(msgspec.structs.replace(made.make(currency).rollup, published_ns=published))


def test_of_many_currencies_the_ages_are_a_range_and_the_late_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few = [aged("USD", 0.5), aged("EUR", 7.0), aged("GBP", 2.0)]
    assert [text for text, _, _ in screen.ages(few, NOW_S)] == ["USD 0.5s", "EUR 7.0s", "GBP 2.0s"]
    monkeypatch.setattr(screen, "MAX_BESIDE", 2)
    span, late = screen.ages(few, NOW_S)
    assert (span[0], span[2]) == ("age 0.5s to 7.0s", False)
    assert "GBP 2.0s" in span[1]  # for hovering
    assert (late[0], late[2]) == ("EUR 7.0s", True)
    monkeypatch.setattr(screen, "MAX_LATE", 0)
    (only,) = screen.ages(few, NOW_S)
    assert (only[0], only[2]) == ("age 0.5s to 7.0s, 1 of 3 late", True)
