"""A worker's messages on a real Redis whose line goes dead."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import kombu
import pytest
import redis

import riskproject.celery  # noqa: F401 - installs the guards
from tests.faults.proxy import Proxy

QUEUE = "guarded"


@pytest.fixture
def proxy(redis_url: str, redis_client: redis.Redis) -> Iterator[Proxy]:
    parts = urlsplit(redis_url)
    made = Proxy(parts.hostname or "", parts.port or 0)
    yield made
    made.close()


@pytest.fixture
def connection(proxy: Proxy, redis_url: str) -> Iterator[kombu.Connection]:
    options = {"socket_timeout": 0.3, "socket_connect_timeout": 0.3, "health_check_interval": 0}
    with kombu.Connection(proxy.url(redis_url), transport_options=options) as made:
        yield made


def taken(connection: kombu.Connection, channel: Any) -> Any:
    """A message that a worker has taken and not acknowledged."""
    kombu.Queue(QUEUE, channel=channel).declare()
    connection.Producer().publish({"n": 1}, routing_key=QUEUE, serializer="json")
    return channel.basic_get(QUEUE)


def test_a_message_whose_end_redis_did_not_hear_of_does_not_use_up_the_worker(
    connection: kombu.Connection, proxy: Proxy, redis_client: redis.Redis
) -> None:
    channel = connection.channel()
    channel.basic_qos(0, 1, False)
    message = taken(connection, channel)
    assert not channel.qos.can_consume(), "one message is all that this worker may hold"
    proxy.go_half_open()
    with pytest.raises(channel.connection_errors):
        message.ack()
    assert channel.qos.can_consume()
    proxy.mend()
    assert redis_client.hlen("unacked") == 1, "it comes again, as that of a worker that died"


def test_one_dead_line_is_enough_to_leave_all_that_wait_in_the_pool(
    connection: kombu.Connection, proxy: Proxy, redis_client: redis.Redis
) -> None:
    channel = connection.channel()
    message = taken(connection, channel)
    lines = [channel.pool.get_connection() for _ in range(3)]
    for line in lines:
        channel.pool.release(line)
    proxy.go_half_open()
    with pytest.raises(channel.connection_errors):
        message.ack()
    held = [channel.pool.get_connection() for _ in range(3)]
    for line in held:
        line.send_command("PING")
        assert line.read_response() in (b"PONG", "PONG")
