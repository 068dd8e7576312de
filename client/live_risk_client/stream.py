"""Frames as they are published, by server-sent events; a lost connection is resumed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from live_risk_client.connection import check
from live_risk_client.errors import ApiError, Unreachable
from live_risk_client.table import Table, ladder_rows, named, with_units

MAX_WAIT_S = 30.0
FIRST_WAIT_S = 0.5
SILENCE_S = 30.0
"""Seconds without a byte after which a stream counts as lost; the server sends a comment every five
seconds."""

TRY_AGAIN = (429, 503)


@dataclass(frozen=True)
class Frame:
    """An event: the newest sums of a currency, or the explain of its P&L.

    Attributes:
        event: ``risk`` or ``explain``.
        id: What to resume behind; empty for explains.
        stamp: Currency, number, times and curve version.
        groups: As the API answers them.
    """

    event: str
    id: str
    stamp: dict[str, Any]
    groups: list[dict[str, Any]]

    @property
    def currency(self) -> str:
        """The currency of the frame."""
        return str(self.stamp["currency"])

    @property
    def number(self) -> int:
        """The number of the frame, which only rises."""
        return int(self.stamp["frame"])

    def sums(self) -> Table:
        """A row a group, without ladders."""
        return with_units(
            {k: v for k, v in group.items() if not isinstance(v, dict | list)}
            for group in self.groups
        )

    def ladders(self, kind: str = "ladder_par") -> Table:
        """A row for each group and bucket."""
        return Table(
            row
            for group in self.groups
            for row in ladder_rows(
                {k: v for k, v in group.items() if isinstance(v, str)},
                group[kind],
                named(kind, str(group["amounts_in"]).lower()),
            )
        )


def frames(
    open_stream: Callable[[str], Any],
    last_id: str = "",
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Frame]:
    """Every event, for ever: a line that ends or breaks is opened again behind the last event.

    Args:
        open_stream: Opens the stream behind an event, as a context of an ``httpx.Response``.
        last_id: The event to begin behind; empty: the newest frames come first.
        sleep: Waits.

    Raises:
        ApiError: The call is refused in a way that another try does not change.
    """
    wait_s = FIRST_WAIT_S
    while True:
        try:
            with open_stream(last_id) as answer:
                if answer.is_error:
                    answer.read()
                check(answer)
                for frame in parse(answer.iter_lines()):
                    wait_s = FIRST_WAIT_S
                    last_id = frame.id or last_id
                    yield frame
        except ApiError as error:
            if error.status not in TRY_AGAIN:
                raise
            wait_s = max(wait_s, error.retry_after_s or 0.0)
        except (httpx.HTTPError, Unreachable):
            pass
        sleep(wait_s)
        wait_s = min(2.0 * wait_s, MAX_WAIT_S)


def parse(lines: Iterable[str]) -> Iterator[Frame]:
    """The events in lines of a stream (WHATWG HTML, 9.2.6); comments and other events are left out.

    Raises:
        Unreachable: The server says that it cannot go on; the stream may be opened again.
    """
    event, event_id, data = "", "", ""
    for line in lines:
        if line:
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                event = value
            elif field == "id":
                event_id = value
            elif field == "data":
                data += value
            continue
        if event in ("risk", "explain") and data:
            body = json.loads(data)
            yield Frame(event, event_id, body["stamp"], body["groups"])
        elif event == "problem":
            raise Unreachable(data)
        event, event_id, data = "", "", ""
