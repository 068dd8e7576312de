"""Ticks make whole markets, ordered by their source's own numbers."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

from feedbridge.bridge.decode import SourceRefused
from feedbridge.bridge.market_state import (
    MAX_MOVE,
    MAX_SOURCES,
    NEAR_DAYS,
    Board,
    Market,
    Part,
    Verdict,
)
from feedbridge.replay.history.daily import CurveHistory
from risk.store.messages import MarketTick


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
    assert (market.last.seq, market.date) == (2, dt.date(2024, 1, 2))


def test_a_market_that_a_frame_has_is_never_changed():
    board = board_with(tick(1))
    before = board.markets["EUR"]
    copy = msgspec.json.encode(before.curves)
    board.take(tick(2, curves={"EUR-GOVT": {"10Y": 0.03, "5Y": 0.1}}))
    assert msgspec.json.encode(before.curves) == copy


def test_a_source_that_starts_anew_starts_a_new_market():
    board = board_with(tick(1, curves={"EUR-ESTR": {"1Y": 0.04}}))
    assert board.starts_anew(tick(1, epoch=1))
    board.take(tick(1, epoch=1))
    assert set(board.markets["EUR"].curves) == {"EUR-GOVT"}
    assert not board.starts_anew(tick(2, epoch=1))


DAY, NEXT_DAY = dt.date(2024, 1, 2), dt.date(2024, 1, 3)
MARKET = Market.of(
    "EUR",
    DAY,
    "feed",
    {
        "feed": Part(
            source="feed",
            epoch=0,
            seq=7,
            as_of=dt.datetime(2024, 1, 2, 9, tzinfo=dt.UTC),
            date=DAY,
            curves={"EUR-GOVT": {"5Y": 0.01}},
            labels={},
            since_ns=100,
        )
    },
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
    st.dictionaries(st.sampled_from(["1Y", "5Y", "10Y"]), st.floats(0.01, 0.01 + MAX_MOVE / 2)),
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
    assert Board().apply(None, tick(1)).curves == tick(1).curves


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
    board.take(tick(9, epoch=5), since_ns=100)
    low = tick(1, epoch=0)
    assert board.judge(low) is Verdict.STALE
    board.resets = {("feed", "USD"): 200, ("other", "*"): 200, ("feed", "EUR"): 99}
    assert board.judge(low) is Verdict.STALE  # of another currency, source and time
    board.resets = {("feed", "EUR"): 200}
    assert board.last_of(low) is None
    assert board.judge(low) is Verdict.ACCEPTED
    board.take(low, since_ns=300)  # the reset stands in Redis still
    assert board.last_of(low) == (0, 1)


def test_a_reset_holds_for_a_bridge_that_starts_after_it() -> None:
    board = Board()
    board.resets = {("feed", "*"): 200}
    board.restore(MARKET)
    assert board.last_of(tick(1, source="feed", currency=MARKET.currency)) is None
    assert MARKET.currency in board.markets


# --- Whole markets and business dates -----------------------------------------------------------


def noon(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(12), tzinfo=dt.UTC)


FOUR = {"EUR-GOVT": {"3M": 0.01, "4M": 0.02, "6M": 0.03}, "EUR-ESTR": {"1Y": 0.04}}
THREE = {"EUR-GOVT": {"3M": 0.03, "6M": 0.04}}


def test_a_whole_market_replaces_the_one_before():
    board = board_with(tick(1, curves=FOUR), tick(2, curves=THREE, whole=True))
    assert board.markets["EUR"].curves == THREE


def test_what_is_whole_belongs_to_the_content_of_a_tick():
    assert board_with(tick(5)).judge(tick(5, whole=True)) is Verdict.CONFLICT


@pytest.mark.parametrize("day", [NEXT_DAY, DAY - dt.timedelta(days=500)])
def test_a_business_date_begins_with_a_whole_market(day):
    board = board_with(tick(1, curves=FOUR))
    moved = tick(2, curves={"EUR-GOVT": {"3M": 0.02}}, as_of=noon(day))
    assert board.judge(moved) is Verdict.NOT_WHOLE
    whole = tick(3, curves=THREE, as_of=noon(day), whole=True)
    assert board.judge(whole) is Verdict.ACCEPTED
    board.take(whole)
    assert (board.markets["EUR"].date, board.markets["EUR"].curves) == (day, THREE)
    later = tick(4, curves={"EUR-GOVT": {"3M": 0.05}}, as_of=noon(day))
    assert board.judge(later) is Verdict.ACCEPTED


def test_all_quotes_of_the_date_before_make_a_whole_market_too():
    board = board_with(tick(1, curves=THREE))
    whole = tick(2, curves=FOUR, as_of=noon(NEXT_DAY))
    assert board.judge(whole) is Verdict.ACCEPTED
    board.take(whole)
    assert board.markets["EUR"].curves == FOUR


@pytest.mark.parametrize(
    ("currency", "as_of", "date"),
    [
        ("USD", "2024-03-06T01:30:00+00:00", "2024-03-05"),  # 20:30 in New York
        ("USD", "2024-03-06T05:00:00+00:00", "2024-03-06"),
        ("EUR", "2024-03-05T22:59:59+00:00", "2024-03-05"),
        ("EUR", "2024-03-05T23:00:00+00:00", "2024-03-06"),
        ("GBP", "2024-07-01T23:00:00+00:00", "2024-07-02"),  # summer time
        ("GBP", "2024-03-05T20:00:00-05:00", "2024-03-06"),
    ],
)
def test_the_valuation_date_is_the_date_in_the_currencys_own_time_zone(currency, as_of, date):
    curves = {f"{currency}-GOVT": {"10Y": 0.02}}
    board = board_with(
        tick(1, currency=currency, as_of=dt.datetime.fromisoformat(as_of), curves=curves)
    )
    assert board.markets[currency].date == dt.date.fromisoformat(date)


# --- Sources ------------------------------------------------------------------------------------

ESTR = {"EUR-ESTR": {"1Y": 0.04}}


def test_a_source_owns_its_quotes():
    board = board_with(tick(1))
    with pytest.raises(
        SourceRefused, match=r"OWNED: EUR-GOVT 10Y: .*source feed.*by other.*reset_s"
    ):
        board.with_tick(tick(1, source="other"))


def test_two_sources_publish_different_curves_and_instruments_of_a_currency():
    board = board_with(
        tick(1),
        tick(1, source="other", curves=ESTR),
        tick(2, source="other", curves={"EUR-GOVT": {"30Y": 0.03}}),
        tick(2, curves={"EUR-GOVT": {"10Y": 0.05}}, whole=True),
    )
    market = board.markets["EUR"]
    assert market.curves == {"EUR-GOVT": {"10Y": 0.05, "30Y": 0.03}} | ESTR
    assert (market.newest, market.last.seq) == ("feed", 2)


def test_a_released_source_is_replaced_curve_by_curve():
    board = Board()
    board.take(tick(1, curves=FOUR), since_ns=100)
    board.resets = {("feed", "*"): 200}
    board.take(tick(1, source="other", curves=THREE), since_ns=300)
    assert board.markets["EUR"].curves == THREE | ESTR
    with pytest.raises(SourceRefused, match="OWNED"):
        board.with_tick(tick(2, curves=THREE), since_ns=400)


def test_a_second_source_joins_on_the_date_of_the_market():
    board = board_with(tick(1))
    with pytest.raises(SourceRefused, match="OTHER_DATE: as_of: 2024-01-03 is not 2024-01-02"):
        board.with_tick(tick(1, source="other", curves=ESTR, as_of=noon(NEXT_DAY)))


def test_a_date_waits_for_all_sources():
    board = board_with(tick(1), tick(1, source="other", curves=ESTR))
    board.take(tick(2, as_of=noon(NEXT_DAY), whole=True))
    assert board.ready("EUR") is None
    assert board.waiting_for() == "the whole market of EUR of 2024-01-03 from other"
    board.take(tick(2, source="other", curves=ESTR))  # still of the day before
    assert board.ready("EUR") is None
    board.take(tick(3, source="other", curves={"EUR-ESTR": {"1Y": 0.05}}, as_of=noon(NEXT_DAY)))
    market = board.ready("EUR")
    assert (market.date, market.curves["EUR-ESTR"]) == (NEXT_DAY, {"1Y": 0.05})
    assert board.waiting_for() == ""


def test_a_released_source_keeps_no_date_waiting():
    board = board_with(tick(1), tick(1, source="other", curves=ESTR))
    board.take(tick(2, as_of=noon(NEXT_DAY), whole=True), since_ns=10)
    board.resets = {("other", "EUR"): 5}
    assert set(board.ready("EUR").curves) == {"EUR-GOVT"}


def test_the_sources_of_a_currency_are_bounded():
    board = Board()
    for n in range(MAX_SOURCES):
        board.take(tick(1, source=f"s{n}", curves={"EUR-GOVT": {f"{n + 1}Y": 0.02}}))
    with pytest.raises(SourceRefused, match=f"TOO_MANY: source: .*{MAX_SOURCES} sources of EUR"):
        board.with_tick(tick(1, source="more", curves={"EUR-GOVT": {"50Y": 0.02}}))


def test_a_source_that_takes_over_while_it_is_behind_makes_its_own_date_the_markets():
    board = board_with(tick(1), tick(1, source="other", curves=ESTR))
    board.take(tick(2, as_of=noon(NEXT_DAY), whole=True), since_ns=10)
    board.resets = {("feed", "EUR"): 20}
    board.take(tick(2, source="other"), since_ns=30)
    market = board.ready("EUR")
    assert (market.date, market.newest) == (DAY, "other")
    assert market.last.seq == 2
    assert market.curves == {"EUR-GOVT": {"10Y": 0.02}} | ESTR


# --- Moves of quotes --------------------------------------------------------------------------

TEN_YEARS = {"EUR-GOVT": {"5Y": 0.01, "10Y": 0.02}}


@pytest.mark.parametrize("rate", [0.02 + MAX_MOVE + 1e-6, 0.02 - MAX_MOVE - 1e-6, 0.25])
@pytest.mark.parametrize(
    "later",
    [
        {"seq": 2},
        {"seq": 2, "whole": True},
        {"seq": 1, "epoch": 1},
        {"seq": 2, "whole": True, "as_of": noon(DAY + dt.timedelta(days=NEAR_DAYS))},
        {"seq": 2, "whole": True, "as_of": noon(DAY - dt.timedelta(days=NEAR_DAYS))},
    ],
)
def test_a_quote_far_from_the_one_before_is_refused_by_name(rate: float, later: Any) -> None:
    board = board_with(tick(1, curves=TEN_YEARS))
    leap = tick(curves={"EUR-GOVT": {"5Y": 0.011, "10Y": rate}}, **later)
    with pytest.raises(SourceRefused) as caught:
        board.with_tick(leap)
    assert caught.value.code == "QUOTE_JUMP"
    assert f"EUR-GOVT 10Y: {rate!r} is too far from 0.02" in caught.value.reason
    assert "at most 0.03 away" in caught.value.reason
    assert "manage.py reset_source feed --currency EUR" in caught.value.reason
    assert board.markets["EUR"].curves == TEN_YEARS


@pytest.mark.parametrize("rate", [0.02 + MAX_MOVE, 0.02 - MAX_MOVE])
def test_the_greatest_move_is_taken(rate: float) -> None:
    board = board_with(tick(1), tick(2, curves={"EUR-GOVT": {"10Y": rate}}))
    assert board.markets["EUR"].curves["EUR-GOVT"]["10Y"] == rate


@pytest.mark.parametrize("days", [NEAR_DAYS + 1, -NEAR_DAYS - 1, -400, 5_000])
def test_a_whole_market_of_another_time_is_no_jump(days: int) -> None:
    """A replay goes from 2024 to 2022, where rates were others."""
    other = {"EUR-GOVT": {"10Y": 0.09}}
    later = tick(2, as_of=noon(DAY + dt.timedelta(days=days)), curves=other, whole=True)
    assert board_with(tick(1), later).markets["EUR"].curves == other


def test_a_jump_is_taken_from_a_source_that_was_reset() -> None:
    board = Board()
    board.take(tick(1), since_ns=100)
    leap = tick(2, curves={"EUR-GOVT": {"10Y": 0.09}})
    with pytest.raises(SourceRefused, match="QUOTE_JUMP"):
        board.with_tick(leap)
    board.resets = {("feed", "EUR"): 200}
    board.take(leap, since_ns=300)
    with pytest.raises(SourceRefused, match="QUOTE_JUMP"):  # from here the new quote counts
        board.with_tick(tick(3, curves={"EUR-GOVT": {"10Y": 0.02}}))


def test_the_greatest_move_can_be_set_and_switched_off() -> None:
    board = board_with(tick(1))
    leap = tick(2, curves={"EUR-GOVT": {"10Y": 0.03}})
    board.max_move = 0.005
    with pytest.raises(SourceRefused, match=r"at most 0\.005 away"):
        board.with_tick(leap)
    board.max_move = None
    board.take(tick(2, curves={"EUR-GOVT": {"10Y": 0.4}}))


def test_a_jump_is_seen_after_a_restart_of_the_bridge_too() -> None:
    board = Board()
    board.restore(MARKET)
    with pytest.raises(SourceRefused, match="QUOTE_JUMP"):
        board.with_tick(tick(8, curves={"EUR-GOVT": {"5Y": 0.2}}))


@pytest.mark.parametrize("currency", ["USD", "EUR", "GBP"])
def test_no_day_of_the_stored_history_is_a_jump(history: CurveHistory, currency: str) -> None:
    days = list(history.days(currency, dt.date(2000, 1, 3), dt.date(2024, 9, 24)))
    moves = [
        abs(rate - before.curves[curve][tenor])
        for before, after in itertools.pairwise(days)
        if (after.date - before.date).days <= NEAR_DAYS
        for curve, quotes in after.curves.items()
        for tenor, rate in quotes.items()
        if tenor in before.curves[curve]
    ]
    assert 0 < max(moves) < MAX_MOVE / 2
