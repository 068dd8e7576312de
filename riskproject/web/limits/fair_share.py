"""Share this web process among callers: a few requests of each at work, the others in line.

A request that waits in line costs this process nothing: Django has not seen it. So a caller who
sends more than is answered delays itself, and a long line is refused at little cost.
"""

from __future__ import annotations

import asyncio
from http.cookies import CookieError, SimpleCookie
from typing import Any

from riskproject.web.limits.refusals import Message, Receive, Send, refuse

ALWAYS = frozenset({"/healthz", "/readyz", "/metrics"})
"""Paths that monitoring requests; they never wait behind other requests."""

RETRY_AFTER_S = b"1"


class FairShare:
    """ASGI middleware that runs some of each caller's requests at a time, in their order.

    A request is at work until its answer begins: a stream or a download is not counted afterwards.
    """

    def __init__(self, app: Any, at_work: int, in_line: int, cookie: str) -> None:
        """Wrap an application.

        Args:
            app: The application.
            at_work: Requests of a caller that the application answers at the same time.
            in_line: Requests of a caller that may wait beside these; more are refused with 429.
            cookie: Name of the cookie that holds a browser's session.
        """
        self.app, self.at_work, self.in_line, self.cookie = app, at_work, in_line, cookie
        self._lines: dict[bytes, _Line] = {}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass the request on when it is its turn."""
        if scope["type"] != "http" or scope["path"] in ALWAYS:
            await self.app(scope, receive, send)
            return
        caller = caller_of(scope, self.cookie)
        line = self._lines.setdefault(caller, _Line(self.at_work))
        if line.waiting >= self.at_work + self.in_line:
            await refuse(send, 429, self._sentence(), (b"retry-after", RETRY_AFTER_S))
            return
        place = _Place(line)
        try:
            await place.take()

            async def answer(message: Message) -> None:
                place.leave()
                await send(message)

            await self.app(scope, receive, answer)
        finally:
            place.leave()
            if not line.waiting and self._lines.get(caller) is line:
                del self._lines[caller]

    def _sentence(self) -> str:
        return (
            f"{self.at_work + self.in_line} of your requests wait for an answer, which is the "
            "limit of a caller: wait for answers before sending more"
        )


class _Line:
    """The requests of one caller whose answers have not begun."""

    def __init__(self, at_work: int) -> None:
        self.waiting = 0
        self.places = asyncio.Semaphore(at_work)


class _Place:
    """One request's place in line, and then at work; left when its answer begins."""

    def __init__(self, line: _Line) -> None:
        self._line, self._at_work, self._left = line, False, False
        line.waiting += 1

    async def take(self) -> None:
        await self._line.places.acquire()
        self._at_work = True

    def leave(self) -> None:
        if self._left:
            return
        self._left = True
        self._line.waiting -= 1
        if self._at_work:
            self._line.places.release()


def caller_of(scope: Message, cookie: str) -> bytes:
    """Name the caller by the login that the request carries, or else by its address.

    Nothing is checked: who makes up logins has a line for each, and no more connections than any
    other address.
    """
    headers = dict(scope["headers"])
    if login := headers.get(b"authorization"):
        return bytes(login)
    session = _cookie(headers.get(b"cookie", b""), cookie)
    if session:
        return session.encode()
    return str((scope.get("client") or ("unknown",))[0]).encode()


def _cookie(header: bytes, name: str) -> str:
    try:
        found = SimpleCookie(header.decode("latin-1")).get(name)
    except CookieError:
        return ""
    return found.value if found else ""
