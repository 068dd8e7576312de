"""What a running bridge says of itself in Redis; the screen and the API read it."""

from __future__ import annotations

import time

import msgspec
import redis

BRIDGES_KEY = "risk:bridges"
STALE_S = 2.0


class BridgePulse(msgspec.Struct, frozen=True, kw_only=True):
    """Counts since the bridge started; ``states`` are where its ticks ended."""

    name: str
    sent_ns: int
    broker: str
    consumed: int
    in_flight: int
    states: dict[str, int]
    frames: dict[str, int]
    open_frames: int
    resent: int
    lag: int
    waiting_for: str

    @property
    def age_s(self) -> float:
        """Seconds since it was written."""
        return (time.time_ns() - self.sent_ns) / 1e9


_decode = msgspec.json.Decoder(BridgePulse).decode


def read_pulses(client: redis.Redis) -> list[BridgePulse]:
    """All bridges that have ever spoken, newest word first; see ``age_s``."""
    found = [_decode(raw) for raw in client.hvals(BRIDGES_KEY)]
    return sorted(found, key=lambda pulse: -pulse.sent_ns)


def alive(client: redis.Redis) -> list[BridgePulse]:
    """Bridges that have spoken within STALE_S."""
    return [pulse for pulse in read_pulses(client) if pulse.age_s < STALE_S]
