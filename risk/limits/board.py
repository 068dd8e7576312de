"""The states of all limits as they are now, in Redis: for screens, REST and the event stream.

    risk:{limits}:board    the newest board; derived from the database, and made anew every second
    risk:{limits}:event    the number of the last event

What counts is in the database: states, events, breaches and gaps. The board has numbers besides.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any

import msgspec

BOARD_KEY = "risk:{limits}:board"
EVENT_KEY = "risk:{limits}:event"
CHANNEL = "risk:limits"
"""Pub/sub: the number of the last event when there are new ones. Lossy: only a hint to look."""

STALE_S = 10.0
"""An older board is of an evaluator that does not run."""


class LimitRow(msgspec.Struct, frozen=True, kw_only=True):
    """One limit. ``value`` None: it is not known, and ``reason`` says why."""

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
    """One of the newest breaches, or one that nobody has acknowledged."""

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
    """All limits. ``clock_ns`` is the time that they are judged at, ns since 1970."""

    made_ns: int
    clock_ns: int
    behind: int
    limits: list[LimitRow]
    breaches: list[BreachRow]
    gaps: list[str]

    def of_desks(self, desks: Collection[str] | None) -> Board:
        """What a user with these desks may see; limits of all desks need all of them."""
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
    """Say what the last event is."""
    client.set(EVENT_KEY, event)
    client.publish(CHANNEL, str(event))


def read(client: Any) -> Board | None:
    """The newest board; None where there is none of this release's form."""
    raw = client.get(BOARD_KEY)
    try:
        return _decode(raw) if raw else None
    except msgspec.MsgspecError:
        return None
