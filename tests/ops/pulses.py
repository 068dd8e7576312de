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
from risk.store.publication import publish_detail, publish_parts
from risk.store.results import CheckResult
from tests.risk.made import cell, columns, header, part, totals
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
        "details": {"USD": 3},
        "details_conflated": 2,
        "details_abandoned": 1,
    }
    made = BridgePulse(**{**pulse, **changes})
    client.hset(BRIDGES_KEY, made.name, msgspec.json.encode(made))


def say_worker(client: redis.Redis, *queues: str) -> None:
    """Workers with two processes speak, one of the sums and one of the detail if not told so."""
    for queue in queues or ("sums", "detail"):
        write_worker(client, f"{queue}@host", 2, [queue])


def publish_frames(client: redis.Redis, number: int = 1, *, detail: bool = True) -> None:
    """One frame of each currency, and its check against QuantLib."""
    frames, books = Frames(client), CompiledBooks(client)
    for name in CURRENCIES:
        made = store_book(books, currency=name)
        opened = header(number, 1, currency=name, book_version=made.version)
        frames.open(opened)
        frames.put(name, number, part(0))
        head = books.head(name, made.version)
        assert head is not None
        assert publish_parts(frames, opened, head, books) == "PUBLISHED"
        if detail:
            rollup = frames.current(name)
            assert rollup is not None
            frames.open_detail(name, number)
            frames.put_detail(name, number, totals(0, cell()), columns(0))
            assert publish_detail(frames, rollup) == "PUBLISHED"
        frames.keep_check(
            CheckResult(
                currency=name,
                frame=number,
                trades=4,
                npv_error=1e-12,
                ladder_error=1e-9,
                worst="S1",
                checked_ns=time.time_ns(),
                breach=False,
            )
        )
