"""Answer a request before Django has seen it, in the form of all other problems."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

TITLES = {
    408: ("Request Timeout", "REQUEST_TIMEOUT"),
    413: ("Content Too Large", "TOO_LARGE"),
    429: ("Too Many Requests", "TOO_MANY_REQUESTS"),
}


async def refuse(send: Send, status: int, detail: str, *headers: tuple[bytes, bytes]) -> None:
    """Send a whole answer.

    Args:
        send: The server's.
        status: A key of ``TITLES``.
        detail: A sentence for the caller.
        headers: More of them than type and length.
    """
    title, code = TITLES[status]
    body = json.dumps(
        {"type": "about:blank", "title": title, "status": status, "detail": detail, "code": code}
    ).encode()
    named = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        *headers,
    ]
    await send({"type": "http.response.start", "status": status, "headers": named})
    await send({"type": "http.response.body", "body": body})
