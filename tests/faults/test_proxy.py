"""The proxy does what its orders say: a fault that is not injected proves nothing."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.faults.proxy import Proxy


@pytest.fixture
def proxy(redis_url: str, redis_client: redis.Redis) -> Iterator[Proxy]:
    parts = urlsplit(redis_url)
    made = Proxy(parts.hostname or "", parts.port or 0)
    yield made
    made.close()


@pytest.fixture
def client(proxy: Proxy, redis_url: str) -> redis.Redis:
    """Through the proxy, without a second try of its own."""
    return redis.Redis.from_url(
        proxy.url(redis_url), socket_timeout=0.3, retry=Retry(NoBackoff(), 0)
    )


def test_bytes_pass_both_ways_also_when_there_are_many(client):
    client.set("big", b"x" * 1_000_000)
    assert client.get("big") == b"x" * 1_000_000


def test_a_reset_connection_fails_and_the_next_one_works(client, proxy):
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=2.0) as plain:
        plain.sendall(b"PING\r\n")
        plain.recv(4096)
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            plain.recv(4096)
    assert client.ping()


def test_while_it_refuses_nobody_listens_and_once_mended_somebody_does(client, proxy):
    client.ping()
    proxy.refuse()
    with pytest.raises(redis.ConnectionError):
        client.ping()  # its connection may have been reset, or be refused already
    with pytest.raises(redis.ConnectionError, match="refused"):
        client.ping()
    proxy.mend()
    assert client.ping()


def test_a_half_open_connection_hangs_until_the_client_gives_up_and_connects_anew(client, proxy):
    client.ping()
    proxy.go_half_open()
    began = time.monotonic()
    with pytest.raises(redis.TimeoutError):
        client.ping()
    assert time.monotonic() - began > 0.25
    assert client.ping()


def test_in_the_dark_new_connections_hang_too(client, proxy):
    proxy.go_dark()
    for _ in range(2):
        with pytest.raises(redis.TimeoutError):
            client.ping()
    proxy.mend()
    assert client.ping()


def test_a_dropped_reply_leaves_the_work_done_and_the_client_in_doubt(client, proxy, redis_client):
    client.ping()
    proxy.drop_replies(1)
    with pytest.raises(redis.ConnectionError):
        client.incr("count")
    assert redis_client.get("count") == b"1"
    assert proxy.dropped == 1
    assert client.incr("count") == 2


def test_a_delay_holds_each_answer_back(client, proxy):
    client.ping()
    proxy.delay(0.1)
    began = time.monotonic()
    client.ping()
    assert time.monotonic() - began > 0.09
