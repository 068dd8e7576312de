"""A source that has leapt: refused by name, and taken again once an operator has reset it."""

from __future__ import annotations

import time
from typing import Any

import pytest
import redis
from django.core.management import CommandError, call_command

from feedbridge.bridge.heartbeat import Heartbeat
from feedbridge.handover.resets import (
    KEPT_DAYS,
    RESETS_KEY,
    decode_resets,
    read_resets,
    reset_ns,
    write_reset,
)


def test_the_command_tells_bridges_of_a_reset(
    redis_client: redis.Redis, settings: Any, redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.REDIS_URL = redis_url
    began = time.time_ns()
    call_command("reset_source", "my feed", currency="EUR")
    assert "my feed is reset in EUR" in capsys.readouterr().out
    raw: Any = redis_client.hgetall(RESETS_KEY)
    resets = decode_resets(raw)
    assert began <= reset_ns(resets, "my feed", "EUR") <= time.time_ns()
    assert reset_ns(resets, "my feed", "USD") == 0
    call_command("reset_source", "my feed")
    raw = redis_client.hgetall(RESETS_KEY)
    assert reset_ns(decode_resets(raw), "my feed", "USD") > began


def test_a_source_without_a_name_is_refused(settings: Any, redis_url: str) -> None:
    settings.REDIS_URL = redis_url
    with pytest.raises(CommandError, match="1 to 64 characters"):
        call_command("reset_source", "x" * 65)


def test_without_redis_the_command_says_so(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with pytest.raises(CommandError, match="Redis does not answer"):
        call_command("reset_source", "feed")


def test_a_bridge_hears_of_resets_with_its_heartbeat(
    redis_client: redis.Redis, settings: Any, redis_url: str, rig: Any
) -> None:
    settings.REDIS_URL = redis_url
    bridge = rig.bridge()
    call_command("reset_source", "feed", currency="EUR")
    pulse = Heartbeat(redis_client, "b", "k")
    pulse.beat(bridge)
    bridge.reset_sources(pulse.resets)
    assert reset_ns(pulse.resets, "feed", "EUR") > 0


def test_resets_of_long_ago_go_when_another_is_written(redis_client: redis.Redis) -> None:
    day_ns, now_ns = 86_400 * 10**9, time.time_ns()
    for source, days in (("old", KEPT_DAYS + 1), ("young", KEPT_DAYS - 1)):
        redis_client.hset(RESETS_KEY, f"* {source}", now_ns - days * day_ns)
    write_reset(redis_client, "new")
    assert {source for source, _ in read_resets(redis_client)} == {"young", "new"}
