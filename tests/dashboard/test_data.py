"""The dashboard's reader makes snapshots of a real Redis."""

from __future__ import annotations

import pytest
import redis

from dashboard.data import Reader
from dashboard.opening import FIRST_OF_BOOK
from risk.store.frames import key
from tests.dashboard import made
from tests.dashboard.conftest import OwnRedis


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


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


def test_the_opening_is_kept_with_its_details(
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
    assert opening.npv_by_trade == {"USD-bond": 1000, "USD-swap": -100}


def test_an_opening_whose_trades_have_gone_is_taken_from_a_frame_that_has_them(
    reader: Reader, redis_client: redis.Redis
) -> None:
    made.publish(redis_client, "USD", 1)
    redis_client.delete(key("USD", "parts", 1))  # parts go before the roll-up
    made.publish(redis_client, "USD", 2, gain=5.0)
    opening = reader.snapshot().markets["USD"].opening
    assert opening is not None
    assert (opening.line.frame, opening.rollup.frame) == (1, 2)
    assert set(opening.npv_by_trade) == {"USD-bond", "USD-swap"}


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


def test_a_screen_opened_late_says_that_its_details_begin_later(
    reader: Reader, redis_client: redis.Redis
) -> None:
    made.publish(redis_client, "USD", 1)
    made.publish(redis_client, "USD", 2, gain=5.0)
    redis_client.delete(key("USD", "rollup", 1))
    opening = reader.snapshot().markets["USD"].opening
    assert opening is not None
    assert (opening.line.frame, opening.rollup.frame, opening.exact) == (1, 2, False)
    assert "could read" in opening.since(details=True)
    assert "09:01:00" in opening.since(details=False)


def test_another_book_opens_anew(reader: Reader, clock: Clock, redis_client: redis.Redis) -> None:
    made.publish(redis_client, "USD", 1)
    reader.snapshot()
    made.publish(redis_client, "USD", 2, book_version="2-def")
    clock.now_s += 1.0
    opening = reader.snapshot().markets["USD"].opening
    assert opening is not None
    assert opening.rollup.book_version == "2-def"
    assert (opening.line.frame, opening.why) == (2, FIRST_OF_BOOK)


def test_trades_are_read_once_per_frame(reader: Reader, redis_client: redis.Redis) -> None:
    rollup = made.publish(redis_client, "USD", 1)
    first = reader.trades(rollup)
    assert first is not None
    assert first.table["trade"].tolist() == ["USD-bond", "USD-swap"]
    assert reader.trades(rollup) is first


def test_trades_of_a_frame_that_has_gone_are_the_last_ones_read(
    reader: Reader, redis_client: redis.Redis
) -> None:
    first = reader.trades(made.publish(redis_client, "USD", 1))
    second = made.publish(redis_client, "USD", 2)
    redis_client.delete(key("USD", "parts", 2))
    assert reader.trades(second) is first


def test_the_last_snapshot_stays_when_redis_goes(own_redis: OwnRedis, clock: Clock) -> None:
    reader = Reader(own_redis.url, clock)
    made.publish_all(own_redis.client)
    good = reader.snapshot()
    own_redis.stop()
    clock.now_s += 1.0
    after = reader.snapshot()
    assert after.markets == good.markets
    assert "does not answer" in after.down
    assert reader.trades(made.make("USD", 5).rollup) is None


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
