"""Ticks in, whole markets out; order is the source's own."""

from __future__ import annotations

import datetime as dt
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

from feedbridge.board import Board, Market, Verdict, lay
from pricing.core.messages import MarketTick


def tick(seq: int = 1, epoch: int = 0, **changes: Any) -> MarketTick:
    usual: dict[str, Any] = {
        "currency": "EUR",
        "as_of": dt.datetime(2024, 1, 2, 12, tzinfo=dt.UTC),
        "source": "feed",
        "seq": seq,
        "epoch": epoch,
        "curves": {"EUR-GOVT": {"10Y": 0.02}},
        "labels": {"EUR-GOVT": "official"},
    }
    return MarketTick(**{**usual, **changes})


def board_with(*ticks: MarketTick) -> Board:
    board = Board()
    for each in ticks:
        assert board.judge(each) is Verdict.ACCEPTED
        board.take(each)
    return board


@pytest.mark.parametrize(
    ("later", "verdict"),
    [
        (tick(6), Verdict.ACCEPTED),
        (tick(9), Verdict.ACCEPTED),  # a gap is the feed's business
        (tick(5), Verdict.DUPLICATE),
        (tick(5, curves={"EUR-GOVT": {"10Y": 0.03}}), Verdict.CONFLICT),
        (tick(5, as_of=dt.datetime(2024, 1, 3, tzinfo=dt.UTC)), Verdict.CONFLICT),
        (tick(4), Verdict.STALE),
        (tick(1, epoch=1), Verdict.ACCEPTED),  # the source has started anew
        (tick(0), Verdict.STALE),
        (tick(1, source="other"), Verdict.ACCEPTED),
        (tick(1, currency="USD", curves={"USD-SOFR": {"1Y": 0.05}}), Verdict.ACCEPTED),
    ],
)
def test_a_tick_is_judged_by_what_its_source_sent_before(later, verdict):
    assert board_with(tick(5)).judge(later) is verdict


def test_judging_changes_nothing():
    board = board_with(tick(5))
    board.judge(tick(9))
    assert board.judge(tick(6)) is Verdict.ACCEPTED


def test_what_a_tick_does_not_carry_stands():
    board = board_with(
        tick(1, curves={"EUR-GOVT": {"5Y": 0.01, "10Y": 0.02}}),
        tick(2, curves={"EUR-GOVT": {"10Y": 0.03}, "EUR-ESTR": {"1Y": 0.04}}, labels={}),
    )
    market = board.markets["EUR"]
    assert market.curves == {"EUR-GOVT": {"5Y": 0.01, "10Y": 0.03}, "EUR-ESTR": {"1Y": 0.04}}
    assert market.labels == {"EUR-GOVT": "official"}
    assert (market.seq, market.date) == (2, dt.date(2024, 1, 2))


def test_a_market_that_a_frame_has_is_never_changed():
    board = board_with(tick(1))
    before = board.markets["EUR"]
    copy = msgspec.json.encode(before.curves)
    board.take(tick(2, curves={"EUR-GOVT": {"10Y": 0.5, "5Y": 0.1}}))
    assert msgspec.json.encode(before.curves) == copy


def test_a_source_that_starts_anew_starts_a_new_market():
    board = board_with(tick(1, curves={"EUR-ESTR": {"1Y": 0.04}}))
    assert board.take(tick(1, epoch=1)) is True
    assert set(board.markets["EUR"].curves) == {"EUR-GOVT"}
    assert board.take(tick(2, epoch=1)) is False


MARKET = Market(
    currency="EUR",
    curves={"EUR-GOVT": {"5Y": 0.01}},
    labels={},
    as_of=dt.datetime(2024, 1, 2, tzinfo=dt.UTC),
    source="feed",
    epoch=0,
    seq=7,
)


def test_after_a_restart_the_published_tick_is_known_by_its_number():
    board = Board()
    board.restore(MARKET)
    assert board.judge(tick(7)) is Verdict.DUPLICATE
    assert board.judge(tick(6)) is Verdict.STALE
    board.take(tick(8))
    assert board.markets["EUR"].curves == {"EUR-GOVT": {"5Y": 0.01, "10Y": 0.02}}


def test_restoring_an_older_market_does_not_open_the_door_to_its_ticks():
    board = board_with(tick(9))
    board.restore(MARKET)
    assert board.judge(tick(8)) is Verdict.STALE


def test_a_bad_tick_leaves_the_market_and_stays_known():
    board = board_with(tick(9))
    board.replace("EUR", MARKET)
    assert board.markets["EUR"] is MARKET
    assert board.judge(tick(9)) is Verdict.DUPLICATE
    board.replace("EUR", None)
    assert "EUR" not in board.markets


def test_what_another_bridge_has_now_is_forgotten():
    board = board_with(tick(9), tick(3, currency="USD"))
    board.forget("EUR")
    assert list(board.markets) == ["USD"]
    assert board.judge(tick(1)) is Verdict.ACCEPTED
    assert board.judge(tick(3, currency="USD")) is Verdict.DUPLICATE


QUOTES = st.dictionaries(
    st.sampled_from(["EUR-GOVT", "EUR-ESTR"]),
    st.dictionaries(st.sampled_from(["1Y", "5Y", "10Y"]), st.floats(-0.05, 0.5)),
)


@given(st.lists(QUOTES, min_size=1, max_size=8))
def test_the_board_holds_the_newest_quote_of_every_node(sent):
    board, newest = Board(), {}
    for seq, curves in enumerate(sent):
        board.take(tick(seq, curves=curves))
        newest |= {(c, t): rate for c, quotes in curves.items() for t, rate in quotes.items()}
    curves = board.markets["EUR"].curves
    assert {(c, t): rate for c, quotes in curves.items() for t, rate in quotes.items()} == newest


def test_a_tick_on_no_market_is_the_market():
    assert lay(None, tick(1)).curves == tick(1).curves


def test_the_market_with_a_tick_is_known_before_it_is_taken() -> None:
    board = board_with(tick(1))
    found = board.with_tick(tick(2, curves={"EUR-GOVT": {"5Y": 0.01}}))
    assert found.curves == {"EUR-GOVT": {"10Y": 0.02, "5Y": 0.01}}
    anew = board.with_tick(tick(1, epoch=1, curves={"EUR-GOVT": {"5Y": 0.01}}))
    assert anew.curves == {"EUR-GOVT": {"5Y": 0.01}}
    assert board.markets["EUR"].curves == {"EUR-GOVT": {"10Y": 0.02}}
    assert board.last_of(tick(9)) == (0, 1)
    assert board.last_of(tick(9, source="other")) is None


def test_a_source_that_was_reset_may_begin_again_below_its_last_number() -> None:
    board = Board()
    board.take(tick(9, epoch=5), now_ns=100)
    low = tick(1, epoch=0)
    assert board.judge(low) is Verdict.STALE
    board.resets = {("feed", "USD"): 200, ("other", "*"): 200, ("feed", "EUR"): 99}
    assert board.judge(low) is Verdict.STALE  # of another currency, source and time
    board.resets = {("feed", "EUR"): 200}
    assert board.last_of(low) is None
    assert board.judge(low) is Verdict.ACCEPTED
    board.take(low, now_ns=300)  # the reset stands in Redis still
    assert board.last_of(low) == (0, 1)


def test_a_reset_holds_for_a_bridge_that_starts_after_it() -> None:
    board = Board()
    board.resets = {("feed", "*"): 200}
    board.restore(MARKET, published_ns=100)
    assert board.last_of(tick(1, source=MARKET.source, currency=MARKET.currency)) is None
    assert MARKET.currency in board.markets
