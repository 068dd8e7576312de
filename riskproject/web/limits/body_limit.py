"""Refuse request bodies that are too long or arrive too slowly, before Django stores them on disk.

The middleware also records when the caller has disconnected.
"""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

from riskproject.web.disconnects import watch_caller
from riskproject.web.limits.refusals import Message, Receive, Send, refuse

CLOSE = (b"connection", b"close")

BODY_S, BYTES_A_SECOND = 20.0, 50_000
"""Seconds that a body may take, plus one for each BYTES_A_SECOND received bytes."""


class BodyLimit:
    """ASGI middleware that bounds the length of a body and the time that it takes to come."""

    def __init__(self, app: Any, limit: int, body_s: float = BODY_S) -> None:
        """Wrap an application.

        Args:
            app: The application.
            limit: Greatest length of a body in bytes.
            body_s: Seconds that even an empty body may take.
        """
        self.app, self.limit, self.body_s = app, limit, body_s

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass the call on, counting what it sends."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if not length.isdigit() or int(length) > self.limit:
            await refuse(send, 413, self._too_long(), CLOSE)
            return
        gone = watch_caller()
        body = _Body(receive, send, self, gone)
        try:
            await self.app(scope, body.receive, body.send)
        finally:
            gone.set()  # a thread may still be running, as when the server is stopping

    def _too_long(self) -> str:
        return f"The body is longer than {self.limit:,} bytes: send it in parts"


class _Body:
    """The body of one request while it is received.

    When it is refused, the application sees a disconnect: it has not begun to
    answer, and no answer would be about the whole body.
    """

    def __init__(
        self, receive: Receive, send: Send, limits: BodyLimit, gone: threading.Event
    ) -> None:
        self._receive, self._send, self._limits = receive, send, limits
        self._gone = gone
        self._seen, self._begun_s = 0, time.monotonic()
        self._complete = self._refused = self._answered = False

    async def receive(self) -> Message:
        if self._complete:
            message = await self._receive()  # no body any more: the end of the connection
            self._gone.set()
            return message
        allowed_s = self._limits.body_s + self._seen / BYTES_A_SECOND
        left_s = self._begun_s + allowed_s - time.monotonic()
        try:
            message = await asyncio.wait_for(self._receive(), max(left_s, 0.0))
        except TimeoutError:
            return await self._refusal(
                408, f"The body was not complete within {allowed_s:.0f} s: send it again"
            )
        self._seen += len(message.get("body", b""))
        if self._seen > self._limits.limit:
            return await self._refusal(413, self._limits._too_long())
        self._complete = not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if not self._refused:
            self._answered = True
            await self._send(message)

    async def _refusal(self, status: int, detail: str) -> Message:
        if not self._answered:
            await refuse(self._send, status, detail, CLOSE)
        self._refused = self._complete = True
        return {"type": "http.disconnect"}
