"""What a demo tells of its run, from frames in Redis."""

from __future__ import annotations

import io
import time

import msgspec
import pytest
from rich.console import Console

from demo.summary import Summary, live_table, plain_line, summarise
from feedbridge.replay.history.daily import SAMPLE_CURRENCIES as CURRENCIES
from pricing.errors import Failure
from risk.store.compiled_book_store import CompiledBooks
from risk.store.frames import Frames
from risk.store.heartbeats import BRIDGES_KEY, BridgePulse
from risk.store.results import roll_up
from tests.risk.made import cell, header, part
from tests.risk.made import store as store_book


@pytest.fixture
def frames(redis_client):
    return Frames(redis_client)


def publish(frames, number, currency="USD", *, sent_ns=0, taken_ms=5.0, cells=None):
    sent_ns = sent_ns or time.time_ns()
    opened = header(number, 1, currency=currency, sent_ns=sent_ns)
    frames.open(opened)
    made = part(0, cells=[cell(trades=4, failed=1)] if cells is None else cells)
    frames.put(currency, number, made)
    rollup = roll_up(
        opened,
        [made],
        desk_of_book={},
        trades=4 if cells is None else 0,
        not_compiled=(),
        published_ns=sent_ns + int(taken_ms * 1e6),
    )
    assert frames.publish(rollup) == "PUBLISHED"


def pulse(frames, name, age_s, **states):
    beat = BridgePulse(
        **{"name": name, "sent_ns": time.time_ns() - int(age_s * 1e9), "broker": "k"},
        **{"consumed": sum(states.values()), "in_flight": 0, "states": states, "frames": {}},
        **{"open_frames": 0, "resent": 0, "lag": 0, "waiting_for": ""},
    )
    frames.client.hset(BRIDGES_KEY, name, msgspec.json.encode(beat))


def test_a_run_is_summed_over_currencies_and_bridges(frames):
    since = time.time_ns()
    for number in range(1, 11):
        publish(frames, number, sent_ns=since + number * 10**6, taken_ms=10.0 * number)
    publish(frames, 1, "EUR", sent_ns=since + 10**6)
    lost = Failure(trade_id="S1", code="BAD_INPUT", message="no terms")
    store_book(CompiledBooks(frames.client), currency="GBP", failures=(lost,))
    pulse(frames, "a", 0.0, published=10, conflated=5)
    pulse(frames, "b", 0.0, published=1)
    pulse(frames, "long gone", 99.0, published=500)
    summary = summarise(frames, since)
    assert (summary.ticks, summary.states) == (16, {"published": 11, "conflated": 5})
    assert summary.frames == {"USD": 10, "EUR": 1, "GBP": 0}
    assert (summary.trades, summary.failed, summary.measured) == (8, 2, 11)
    assert summary.p50_ms == pytest.approx(50.0, abs=0.1)
    assert not summary.complete


def test_frames_of_ticks_that_waited_before_the_run_are_not_counted(frames):
    since = time.time_ns()
    publish(frames, 1, sent_ns=since - 10**9, taken_ms=5000.0)
    publish(frames, 2, sent_ns=since + 10**6)
    assert summarise(frames, since).frames["USD"] == 1


def test_frames_beyond_the_history_are_counted_by_the_bridge(frames):
    since = time.time_ns()
    publish(frames, 1, sent_ns=since + 10**6)
    pulse(frames, "a", 0.0, published=700)
    raw = msgspec.json.decode(frames.client.hget(BRIDGES_KEY, "a"))
    raw |= {"frames": {"USD": 700, "EUR": 3}, "details": {"USD": 90, "EUR": 2}}
    frames.client.hset(BRIDGES_KEY, "a", msgspec.json.encode(raw))
    summary = summarise(frames, since)
    assert summary.frames == {"USD": 700, "EUR": 3}
    assert "with detail by trade  92" in summary.lines()
    assert "(last 1 frames)" in summary.lines()[-1]


def test_after_the_bridge_has_stopped_its_last_word_counts(frames):
    pulse(frames, "a", 30.0, published=3)
    pulse(frames, "older", 60.0, published=9)
    assert summarise(frames, 0).ticks == 3


def test_a_run_without_frames_has_words_for_it(frames):
    summary = summarise(frames, 0)
    assert "none ended" in summary.lines()[0]
    assert not summary.complete
    assert plain_line(frames) == "risk  no frame yet"


def test_a_run_is_complete_when_every_currency_has_a_frame():
    counts = dict.fromkeys(CURRENCIES, 1)
    made = Summary(
        ticks=3, states={}, frames=counts, trades=3, failed=0, measured=9, p50_ms=1.0, p99_ms=2.0
    )
    assert made.complete
    assert "p99 2.0 ms" in made.lines()[-1]


def test_the_live_table_shows_a_currency_without_trades(frames):
    publish(frames, 1)
    publish(frames, 1, "GBP", cells=[])
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(live_table(frames))
    text = console.export_text()
    assert "COMPLETE*" in text  # a trade has failed
    assert "USD-SOFR 10Y 2" in text
    assert "GBP" in text
    assert "0/0" in text
    assert text.count("none yet") == 2  # numbers by trade
