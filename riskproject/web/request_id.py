"""Give each request an id that its log lines and its response carry."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware
from structlog.contextvars import bound_contextvars

log = logging.getLogger("requests")
HEADER = "X-Request-ID"
ALLOWED = re.compile(r"[A-Za-z0-9_.-]{1,64}")
MAX_PATH_CHARACTERS = 500
"""Characters of the path in a log line; the rest is left out."""

PROBES = ("/healthz", "/readyz", "/metrics")
"""Paths that are requested every few seconds; they are logged at level DEBUG only."""

Answer = Callable[[HttpRequest], Any]


@sync_and_async_middleware
def request_id(get_response: Answer) -> Answer:
    """Take the caller's id, or make one; write one line a request."""
    if iscoroutinefunction(get_response):
        return _asynchronous(get_response)

    def answer(request: HttpRequest) -> HttpResponseBase:
        name, began = _id_of(request), time.perf_counter()
        with bound_contextvars(request_id=name):
            return _told(request, get_response(request), name, began)

    return answer


def _asynchronous(get_response: Answer) -> Callable[[HttpRequest], Awaitable[HttpResponseBase]]:
    async def answer(request: HttpRequest) -> HttpResponseBase:
        name, began = _id_of(request), time.perf_counter()
        with bound_contextvars(request_id=name):
            return _told(request, await get_response(request), name, began)

    return answer


def _id_of(request: HttpRequest) -> str:
    given = request.headers.get(HEADER, "")
    return given if ALLOWED.fullmatch(given) else secrets.token_hex(8)


def _told(
    request: HttpRequest, response: HttpResponseBase, name: str, began: float
) -> HttpResponseBase:
    response[HEADER] = name
    taken_ms = (time.perf_counter() - began) * 1e3
    level = logging.ERROR if response.status_code >= 500 else logging.INFO
    if request.path in PROBES:
        level = logging.DEBUG
    # Without the query, which may hold confidential values; quoted, so that no path
    # can write a line of its own.
    path = quote(request.path[:MAX_PATH_CHARACTERS])
    log.log(level, "%s %s %d %.1f ms", request.method, path, response.status_code, taken_ms)
    return response
