"""Who lives says so in Redis, and whoever falls silent disappears."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import msgspec
import redis

from risk.store import heartbeats
from risk.store.heartbeats import (
    PROCESSES_KEY,
    WORKERS_KEY,
    HeartbeatWriter,
    ProcessPulse,
    WorkerPulse,
    alive_processes,
    speaking,
)


def until(happened: Callable[[], object]) -> None:
    end = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def said(client: redis.Redis, age_s: float, pid: int = 7) -> str:
    """A process spoke some time ago; returns its field."""
    sent_ns = time.time_ns() - int(age_s * 1e9)
    made = ProcessPulse(
        kind="web", name=f"h:{pid}", host="h", pid=pid, started_ns=1, sent_ns=sent_ns
    )
    client.hset(PROCESSES_KEY, f"web:h:{pid}", msgspec.json.encode(made))
    return f"web:h:{pid}"


def test_a_process_that_speaks_is_listed_with_its_kind_and_id(redis_client: redis.Redis) -> None:
    HeartbeatWriter(redis_client, "compiler", "compile@h").speak()
    (found,) = alive_processes(redis_client)
    assert (found.kind, found.name, found.pid) == ("compiler", "compile@h", os.getpid())
    assert found.started_ns <= found.sent_ns
    assert found.age_s < 5


def test_a_thread_speaks_for_a_process_until_its_end(redis_client: redis.Redis) -> None:
    with speaking(redis_client, "replay"):
        until(lambda: alive_processes(redis_client))
        (before,) = alive_processes(redis_client)
        until(lambda: alive_processes(redis_client)[0].sent_ns > before.sent_ns)
    assert alive_processes(redis_client) == []


def test_a_redis_that_is_away_holds_nobody_up() -> None:
    with speaking(redis.Redis(port=1), "web"):
        pass


def test_a_process_that_was_killed_is_not_listed_after_some_seconds(
    redis_client: redis.Redis,
) -> None:
    said(redis_client, heartbeats.PROCESS_STALE_S + 1)
    said(redis_client, 0.0, pid=8)
    assert [found.pid for found in alive_processes(redis_client)] == [8]


def test_whoever_speaks_deletes_who_has_long_been_silent(redis_client: redis.Redis) -> None:
    gone = said(redis_client, heartbeats.FORGET_AFTER_S[PROCESSES_KEY] + 1)
    kept = said(redis_client, heartbeats.FORGET_AFTER_S[PROCESSES_KEY] - 30, pid=8)
    old = WorkerPulse(name="w", sent_ns=1, processes=2)
    redis_client.hset(WORKERS_KEY, "w", msgspec.json.encode(old))
    HeartbeatWriter(redis_client, "web").speak()
    fields = {field.decode() for field in redis_client.hkeys(PROCESSES_KEY)}
    assert gone not in fields
    assert kept in fields
    assert len(fields) == 2
    assert redis_client.hkeys(WORKERS_KEY) == []
