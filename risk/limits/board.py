"""The states of all limits as they are now, in Redis: for screens, REST and the event stream.

    risk:{limits}:board    the newest board; derived from the database, rebuilt every second
    risk:{limits}:event    the number of the last event

The database is authoritative for states, events, breaches and gaps; the board adds current numbers.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any

import msgspec

BOARD_KEY = "risk:{limits}:board"
EVENT_KEY = "risk:{limits}:event"
CHANNEL = "risk:limits"
"""Pub/sub channel with the number of the newest event. Messages can be lost: only a hint."""

STALE_S = 10.0
"""A board older than this means that no evaluator is running."""


class LimitRow(msgspec.Struct, frozen=True, kw_only=True):
    """One limit. If ``value`` is None, ``reason`` says why it is unknown."""

    code: str
    name: str
    scope: str
    desk: str
    measure: str
    detail: str
    amounts_in: str
    direction: str
    value: float | None
    hard_limit: float
    warning: float | None
    temporary: str
    utilisation: float | None
    state: str
    reason: str
    since: dt.datetime | None
    frames: dict[str, int]
    breach: int | None


class BreachRow(msgspec.Struct, frozen=True, kw_only=True):
    """A recent breach, or one that has not been acknowledged."""

    id: int
    limit: str
    desk: str
    scope: str
    began: dt.datetime
    ended: dt.datetime | None
    value: float
    worst: float
    hard_limit: float
    currency: str
    frame: int
    cause: str
    classification: str = ""
    resolution: str = ""
    comment: str = ""
    acknowledged_by: str = ""


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """All limits; ``clock_ns`` is the time of their evaluation, ns since 1970."""

    made_ns: int
    clock_ns: int
    behind: int
    limits: list[LimitRow]
    breaches: list[BreachRow]
    gaps: list[str]

    def of_desks(self, desks: Collection[str] | None) -> Board:
        """Return what a user of these desks may see; limits on all desks need access to all."""
        if desks is None:
            return self
        return msgspec.structs.replace(
            self,
            limits=[row for row in self.limits if row.desk and row.desk in desks],
            breaches=[row for row in self.breaches if row.desk and row.desk in desks],
        )


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Board).decode


def write(client: Any, board: Board) -> None:
    """Replace the board."""
    client.set(BOARD_KEY, _encode(board))


def tell(client: Any, event: int) -> None:
    """Publish the number of the newest event."""
    client.set(EVENT_KEY, event)
    client.publish(CHANNEL, str(event))


def read(client: Any) -> Board | None:
    """Return the newest board; None if there is none that this release can read."""
    raw = client.get(BOARD_KEY)
    try:
        return _decode(raw) if raw else None
    except msgspec.MsgspecError:
        return None
