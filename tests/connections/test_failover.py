"""Clients of a Sentinel URL follow the primary: ours, those of an event loop, and Celery's."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import kombu
import pytest
import redis

from connections.redis_clients import broker_of, connect, connect_async
from devstack.processes.process import stop_left_behind
from devstack.stack import Stack
from tests.sentinels import ReplicatedRedis
from tests.servers import BASE
from tests.waiting import until


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[ReplicatedRedis, dict[str, str]]]:
    """A primary, a replica and three Sentinels; and the URLs of all accounts, by Sentinel."""
    base = BASE.with_name(f"{BASE.name}-replicated")
    if base.exists():
        stop_left_behind(base)
        shutil.rmtree(base)
    with Stack(base, durable=False, want=("redis",), environ={}) as stack:
        made = ReplicatedRedis(stack, stack.urls.redis_url)
        try:
            made.start()
            urls = stack.urls.environment()
            yield made, {n: made.by_sentinel(u) for n, u in urls.items() if n.endswith("REDIS_URL")}
        finally:
            made.stop()


def fail_over(servers: ReplicatedRedis) -> None:
    servers.bring_back(servers.kill_primary())


def soon(work: Callable[[], Any]) -> Any:
    """Return what it returns, once it does not fail for want of a primary."""

    def tried() -> Any:
        with suppress(redis.RedisError):
            return work()

    return until(tried, 30)


def test_a_client_made_before_writes_to_the_new_primary_and_back(servers):
    replicated, urls = servers
    client: Any = connect(urls["REDIS_URL"])
    for number in (1, 2):
        client.set("failover:number", number)
        assert client.wait(1, 5000) == 1, "the replica has it"
        fail_over(replicated)
        assert int(soon(lambda: client.get("failover:number"))) == number
        assert client.role()[0] == b"master"
    assert replicated.primary() == replicated.first


def test_a_primary_that_hangs_is_left_after_one_timeout_in_all(servers):
    replicated, urls = servers
    client: Any = connect(urls["REDIS_URL"], timeout_s=1.0)
    patient: Any = connect(urls["REDIS_URL"], timeout_s=5.0, retries=0)
    assert client.ping()
    assert patient.ping()
    with replicated.frozen_primary() as frozen:
        replicated.await_another(frozen)
        assert client.role()[0] == b"master", "the retry is not at the primary that hangs"
        assert patient.role()[0] == b"master", "another pool has learnt it, and so has this one"
    replicated.await_replica(frozen)


def test_a_subscription_ends_with_its_primary_and_a_new_client_leaves_no_connection(servers):
    replicated, urls = servers

    async def hears(client: Any, listener: Any, word: bytes) -> bool:
        await listener.subscribe("risk:failover")
        await listener.get_message(timeout=1.0)  # the subscription itself
        await client.publish("risk:failover", word)
        message = await listener.get_message(timeout=5.0)
        return message is not None and message["data"] == word

    async def listen(listener: Any) -> None:
        while True:
            await listener.get_message(timeout=0.1)

    async def close(client: Any, listener: Any) -> list[Any]:
        await listener.aclose()
        await client.aclose()
        sentinels = client.connection_pool.sentinel_manager.sentinels
        pools = [client.connection_pool, *(each.connection_pool for each in sentinels)]
        return [c for pool in pools for c in pool._available_connections if c.is_connected]

    with asyncio.Runner() as loop:
        for word in (b"before", b"after"):
            client = connect_async(urls["WEB_REDIS_URL"])
            listener = client.pubsub(ignore_subscribe_messages=True)
            client_of_bridge = connect_async(urls["BRIDGE_REDIS_URL"])
            assert loop.run(hears(client_of_bridge, listener, word))
            if word == b"before":
                fail_over(replicated)
                with pytest.raises(redis.ConnectionError):  # a stream's reader is told, and calls
                    loop.run(listen(listener))
            assert loop.run(close(client, listener)) == []
            loop.run(client_of_bridge.aclose())


def test_celery_publishes_and_consumes_on_the_new_primary_with_a_workers_account(servers):
    replicated, urls = servers
    made = broker_of(urls["SUMS_REDIS_URL"])
    options = {**made.options, "socket_timeout": 1, "socket_connect_timeout": 1}
    with kombu.Connection(made.url, transport_options=options) as connection:
        for word in ("before", "after"):
            queue = soon(lambda: connection.SimpleQueue("sums", serializer="json"))
            soon(lambda queue=queue, word=word: queue.put(word) or True)
            message = soon(lambda queue=queue: queue.get(timeout=1))
            assert message.payload == word
            message.ack()
            with suppress(redis.RedisError, OSError):
                queue.close()
            if word == "before":
                fail_over(replicated)
                connection.close()


def test_a_sentinel_that_is_down_does_not_hold_up_the_others(servers):
    _, urls = servers
    dead = urls["REDIS_URL"].replace("@", "@127.0.0.1:1,", 1)
    assert connect(dead).ping()
    made = broker_of(dead)
    with kombu.Connection(made.url, transport_options=made.options) as connection:
        assert connection.default_channel.client.ping()


def test_sentinels_and_replicas_do_no_more_than_their_accounts_allow(servers):
    replicated, _ = servers
    for port in replicated.ports:
        with replicated.client(port) as client:
            assert client.acl_log() == []
