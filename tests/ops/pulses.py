"""A bridge, a worker and published frames, as they stand in Redis."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import redis

from pricing.markets.conventions import CURRENCIES
from risk.store.compiled_book_store import CompiledBooks
from risk.store.frames import Frames
from risk.store.heartbeats import BRIDGES_KEY, HOP_BUCKETS_MS, HOPS, BridgePulse, write_worker
from risk.store.publication import publish_parts
from risk.store.results import CheckResult
from tests.risk.made import columns, header, part
from tests.risk.made import store as store_book


def say_bridge(client: redis.Redis, **changes: Any) -> None:
    """A bridge speaks."""
    counts = [0] * (len(HOP_BUCKETS_MS) + 1)
    pulse: dict[str, Any] = {
        "name": "host:1",
        "sent_ns": time.time_ns(),
        "broker": "a broker",
        "consumed": 12,
        "in_flight": 2,
        "states": {"published": 5, "conflated": 4, "dead_lettered": 1},
        "frames": {"USD": 5},
        "open_frames": 1,
        "resent": 3,
        "lag": 7,
        "waiting_for": "",
        "frame_states": {"COMPLETE": 4, "PARTIAL": 1},
        "hops": {hop: [1, 2, *counts[2:-1], 3] for hop in HOPS},
        "hop_sums_ms": dict.fromkeys(HOPS, 12_000.0),
        "split": 1,
    }
    made = BridgePulse(**{**pulse, **changes})
    client.hset(BRIDGES_KEY, made.name, msgspec.json.encode(made))


def say_worker(client: redis.Redis) -> None:
    """A worker with two processes speaks."""
    write_worker(client, "pricing@host", 2)


def publish_frames(client: redis.Redis) -> None:
    """One frame of each currency, and its check against QuantLib."""
    frames, books = Frames(client), CompiledBooks(client)
    for name in CURRENCIES:
        made = store_book(books, currency=name)
        opened = header(1, 1, currency=name, book_version=made.version)
        frames.open(opened)
        frames.put(name, 1, part(0), columns(0))
        assert publish_parts(frames, opened, made) == "PUBLISHED"
        frames.keep_check(
            CheckResult(
                currency=name,
                frame=1,
                trades=4,
                npv_error=1e-12,
                ladder_error=1e-9,
                worst="S1",
                checked_ns=time.time_ns(),
                breach=False,
            )
        )
