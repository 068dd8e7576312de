"""The opening frame, from which changes are measured, is found in a day's history."""

from __future__ import annotations

import datetime as dt

import msgspec

from dashboard.opening import FIRST_OF_BOOK, FIRST_OF_DAY, OLDEST_KEPT, opening_line
from risk.store.results import HistoryLine, history_line
from tests.dashboard import made

NOW = made.make("USD", 9).rollup
TODAY = history_line(NOW)
YESTERDAY = msgspec.structs.replace(TODAY, as_of=TODAY.as_of - dt.timedelta(days=1))


def line(frame: int, of: HistoryLine = TODAY, **more: object) -> HistoryLine:
    return msgspec.structs.replace(of, frame=frame, **more)


def found(history: list[HistoryLine]) -> tuple[int, str] | None:
    result = opening_line(history, NOW)
    return None if result is None else (result[0].frame, result[1])


def test_the_day_opens_with_its_first_frame() -> None:
    assert found([line(1, YESTERDAY), line(2), line(3)]) == (2, FIRST_OF_DAY)


def test_a_history_that_begins_today_may_not_know_the_first_frame() -> None:
    assert found([line(2), line(3)]) == (2, OLDEST_KEPT)


def test_a_booked_trade_is_no_profit() -> None:
    before = line(2, trades=1, priced=1)
    assert found([line(1, YESTERDAY), before, line(3), line(4)]) == (3, FIRST_OF_BOOK)


def test_a_failed_trade_is_no_loss() -> None:
    assert found([line(1, YESTERDAY), line(2, priced=1), line(3)]) == (3, FIRST_OF_BOOK)


def test_a_partial_frame_opens_nothing() -> None:
    assert found([line(1, YESTERDAY), line(2, status="PARTIAL"), line(3)]) == (3, FIRST_OF_BOOK)
    assert opening_line([line(2)], made.make("USD", 9, missing=[0]).rollup) is None


def test_a_replay_that_loops_does_not_measure_from_its_last_round() -> None:
    history = [line(1), line(2, YESTERDAY), line(3), line(4)]
    assert found(history) == (3, FIRST_OF_DAY)


def test_nothing_opens_an_empty_history() -> None:
    assert found([]) is None
    assert found([line(1, YESTERDAY)]) is None
