"""The dashboard's reader makes snapshots of a real Redis."""

from __future__ import annotations

import math

import pytest
import redis

from dashboard.data import Market, Reader
from dashboard.opening import FIRST_OF_BOOK
from risk.store.frames import key
from tests.clock import Clock
from tests.dashboard import made
from tests.dashboard.conftest import OwnRedis


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reader(redis_url: str, clock: Clock) -> Reader:
    return Reader(redis_url, clock)


def test_many_tabs_make_one_read_a_second(
    reader: Reader, clock: Clock, redis_client: redis.Redis
) -> None:
    made.publish(redis_client, "USD", 1)
    first = reader.snapshot()
    made.publish(redis_client, "USD", 2)
    assert reader.snapshot() is first
    clock.now_s += 1.0
    assert reader.snapshot().markets["USD"].rollup.frame == 2


def test_the_opening_is_kept_with_its_sums_by_book(
    reader: Reader, clock: Clock, redis_client: redis.Redis
) -> None:
    made.publish(redis_client, "USD", 1)
    reader.snapshot()
    redis_client.delete(key("USD", "rollup", 1))  # Redis keeps whole frames for seconds
    made.publish(redis_client, "USD", 2, gain=5.0)
    clock.now_s += 1.0
    opening = reader.snapshot().markets["USD"].opening
    assert opening is not None
    assert (opening.line.frame, opening.exact) == (1, True)
    assert [cell.npv for cell in opening.rollup.cells] == [1000, -100]


def test_the_opening_outlives_the_history(
    reader: Reader, clock: Clock, redis_client: redis.Redis
) -> None:
    made.publish(redis_client, "USD", 1)
    reader.snapshot()
    made.publish(redis_client, "USD", 2, gain=5.0)
    redis_client.ltrim(key("USD", "history"), 0, 0)
    clock.now_s += 1.0
    opening = reader.snapshot().markets["USD"].opening
    assert opening is not None
    assert opening.line.frame == 1


def test_a_screen_opened_late_says_that_its_sums_by_book_begin_later(
    reader: Reader, redis_client: redis.Redis
) -> None:
    made.publish(redis_client, "USD", 1)
    made.publish(redis_client, "USD", 2, gain=5.0)
    redis_client.delete(key("USD", "rollup", 1))
    opening = reader.snapshot().markets["USD"].opening
    assert opening is not None
    assert (opening.line.frame, opening.rollup.frame, opening.exact) == (1, 2, False)
    assert "could read" in opening.since(by_book=True)
    assert "09:01:00" in opening.since(by_book=False)


def test_another_book_opens_anew(reader: Reader, clock: Clock, redis_client: redis.Redis) -> None:
    made.publish(redis_client, "USD", 1)
    reader.snapshot()
    made.publish(redis_client, "USD", 2, book_version="2-def")
    clock.now_s += 1.0
    opening = reader.snapshot().markets["USD"].opening
    assert opening is not None
    assert opening.rollup.book_version == "2-def"
    assert (opening.line.frame, opening.why) == (2, FIRST_OF_BOOK)


def usd(reader: Reader, clock: Clock) -> Market:
    """The market of a new snapshot."""
    clock.now_s += 1.0
    return reader.snapshot().markets["USD"]


def test_trades_are_read_once_per_detail(
    reader: Reader, clock: Clock, redis_client: redis.Redis
) -> None:
    made.publish(redis_client, "USD", 1)
    first = reader.trades(usd(reader, clock))
    assert first is not None
    assert first.table["trade"].tolist() == ["USD-bond", "USD-swap"]
    made.publish(redis_client, "USD", 2, detail=False)
    assert reader.trades(usd(reader, clock)) is first


def test_trades_are_of_the_detail_and_sums_are_of_their_own_frame(
    reader: Reader, clock: Clock, redis_client: redis.Redis
) -> None:
    made.publish(redis_client, "USD", 1)
    made.publish(redis_client, "USD", 2, gain=5.0, detail=False)
    market = usd(reader, clock)
    trades = reader.trades(market)
    assert trades is not None
    assert (market.rollup.frame, trades.frame) == (2, 1)
    assert sum(cell.npv for cell in market.rollup.cells) == 905
    assert trades.table["npv"].sum() == 900


def test_without_a_detail_there_are_sums_and_no_trades(
    reader: Reader, clock: Clock, redis_client: redis.Redis
) -> None:
    made.publish(redis_client, "USD", 1, detail=False)
    market = usd(reader, clock)
    assert (market.detail, reader.trades(market)) == (None, None)
    assert market.rollup.trades == 2


def test_a_detail_that_is_stuck_stays_readable_with_its_sums_and_book(
    redis_url: str, clock: Clock, redis_client: redis.Redis
) -> None:
    made.publish(redis_client, "USD", 1)
    for frame in range(2, 6):
        made.publish(redis_client, "USD", frame, detail=False, book_version="2-def")
    reader = Reader(redis_url, clock)  # of another process, which has read nothing yet
    trades = reader.trades(usd(reader, clock))
    assert trades is not None
    assert (trades.frame, trades.table["npv"].tolist()) == (1, [1000, -100])


def test_trades_are_never_of_a_later_frame_than_the_sums_beside_them(
    reader: Reader, clock: Clock, redis_client: redis.Redis
) -> None:
    made.publish(redis_client, "USD", 1)
    before = usd(reader, clock)
    made.publish(redis_client, "USD", 2, gain=5.0)
    trades = reader.trades(before)
    assert trades is not None
    assert trades.frame == before.rollup.frame == 1


def test_the_profit_of_a_trade_is_measured_from_the_first_detail_of_its_book(
    reader: Reader, clock: Clock, redis_client: redis.Redis
) -> None:
    def pnl() -> list[float]:
        trades = reader.trades(usd(reader, clock))
        assert trades is not None
        found: list[float] = trades.table["pnl"].tolist()
        return found

    first = made.publish(redis_client, "USD", 1)
    assert pnl() == [0, 0]
    made.publish(redis_client, "USD", 2, gain=7.0)
    assert pnl() == [7, 0]
    made.publish(redis_client, "USD", 3, gain=9.0, late=[1])
    late = pnl()
    assert late[0] == 9
    assert math.isnan(late[1])
    trades = reader.trades(usd(reader, clock))
    assert trades is not None
    assert trades.since == first.as_of
    made.publish(redis_client, "USD", 4, gain=9.0, book_version="2-def")
    assert pnl() == [0, 0]


def test_trades_of_a_detail_that_has_gone_are_the_last_ones_read(
    reader: Reader, clock: Clock, redis_client: redis.Redis
) -> None:
    made.publish(redis_client, "USD", 1)
    first = reader.trades(usd(reader, clock))
    made.publish(redis_client, "USD", 2)
    redis_client.delete(key("USD", "detail", 2))
    assert first is not None
    assert reader.trades(usd(reader, clock)) is first


def test_the_last_snapshot_stays_when_redis_goes(own_redis: OwnRedis, clock: Clock) -> None:
    reader = Reader(own_redis.url, clock)
    made.publish_all(own_redis.client)
    good = reader.snapshot()
    own_redis.stop()
    clock.now_s += 1.0
    after = reader.snapshot()
    assert after.markets == good.markets
    assert "does not answer" in after.down
    assert reader.trades(after.markets["USD"]) is None


def test_what_cannot_be_read_is_said_and_not_raised(
    reader: Reader, redis_client: redis.Redis
) -> None:
    redis_client.set(key("USD", "pointer"), 1)
    redis_client.set(key("USD", "rollup", 1), b"\x00nonsense")
    assert "another release" in reader.snapshot().down


def test_no_password_is_shown() -> None:
    reader = Reader("redis://:secret@127.0.0.1:1/0")
    assert reader.where == "127.0.0.1:1"
    assert "secret" not in reader.snapshot().down
