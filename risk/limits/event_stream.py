"""Send changes of limits as server-sent events with ids that a client can resume from.

The id of an event is its number in the database, where every change is kept, so a client that
reconnects with its last id misses none. Notifications in Redis can be lost, so the number of the
newest event is also read every second; the database is queried only when it has changed.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Collection
from functools import partial
from typing import Any

import msgspec
from django.conf import settings
from django.db import DatabaseError
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from redis import RedisError
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from connections.redis_clients import connect_async
from risk.api import parameters
from risk.api.stream import (
    HEARTBEAT_S,
    LOOK_S,
    RETRY_MS,
    EventsResponse,
    EventStream,
    Permission,
    close_database_connections,
    in_a_thread,
    slots,
)
from risk.api.views import RiskView
from risk.limits import board
from risk.models import LimitEvent
from riskproject.web.problems import problem

EVENT_ID = re.compile(r"[0-9]{1,18}")
AT_ONCE = 500


class LimitStreamView(RiskView):
    """Changes of limits as they happen."""

    renderer_classes = (EventStream,)

    @extend_schema(
        operation_id="stream_limits",
        parameters=[
            OpenApiParameter(
                "Last-Event-ID",
                str,
                OpenApiParameter.HEADER,
                description="`id` of the last event you have: everything since then comes first. "
                "0: from the beginning; without it: from now on",
            ),
        ],
        responses={
            (200, EventStream.media_type): OpenApiResponse(
                str,
                description="Events `limit`: {limit, was, state, value, hard_limit, reason, "
                "currency, frame, at, breach, desk}. Comments keep the line open",
            )
        },
    )
    def get(self, request: Request) -> HttpResponseBase:
        """Server-sent events of the limits that the user may see."""
        parameters.known_only(request)
        word = request.headers.get("Last-Event-ID", "")
        if word and not EVENT_ID.fullmatch(word):
            raise ValidationError({"Last-Event-ID": "Last-Event-ID: send an event's id, or none"})
        desks = self.desks(request)
        after = int(word) if word else _last()
        slot = slots.take(request.user.pk, settings.STREAMS_PER_USER, settings.STREAMS_PER_PROCESS)
        permission = Permission(request, desks)
        return EventsResponse(slot, _stream(slot, settings.REDIS_URL, after, desks, permission))

    def handle_exception(self, exc: Exception) -> Response:
        """Refusals are problem documents, not events."""
        self.request.accepted_renderer = JSONRenderer()
        self.request.accepted_media_type = JSONRenderer.media_type
        return super().handle_exception(exc)


def _last() -> int:
    return LimitEvent.objects.order_by("-id").values_list("id", flat=True).first() or 0


def events_after(number: int, desks: Collection[str] | None) -> tuple[int, list[tuple[int, Any]]]:
    """Return the last event number that was checked, and the events that the user may see."""
    rows = LimitEvent.objects.filter(id__gt=number).select_related(
        "limit__desk", "limit__book__desk", "breach"
    )
    found = list(rows.order_by("id")[:AT_ONCE])
    mine = []
    for row in found:
        owner = row.limit.desk or (row.limit.book.desk if row.limit.book else None)
        desk = str(owner.code) if owner else ""
        if desks is None or (desk and desk in desks):
            mine.append((row.pk, _body(row, desk)))
    return (found[-1].pk if found else number), mine


def _body(row: LimitEvent, desk: str) -> dict[str, Any]:
    names = ("was", "state", "value", "hard_limit", "reason", "kind", "currency", "frame", "at")
    return {
        "limit": row.limit.code,
        **{name: getattr(row, name) for name in names},
        "breach": row.breach.pk if row.breach else None,
        "desk": desk,
    }


async def _stream(
    slot: object,
    url: str,
    after: int,
    desks: Collection[str] | None,
    permission: Permission,
) -> AsyncGenerator[bytes]:
    """Send events until the caller disconnects or ``STREAM_SECONDS`` are over."""
    client = connect_async(url)
    listener = client.pubsub(ignore_subscribe_messages=True)
    try:
        await in_a_thread(close_database_connections)
        yield f"retry: {RETRY_MS}\n\n".encode()
        await listener.subscribe(board.CHANNEL)
        async for event in _events(client, listener, after, desks, permission):
            yield event
    except RedisError as error:
        yield _problem("redis", error)
    except DatabaseError as error:
        yield _problem("database", error)
    finally:
        slots.release(slot)
        await listener.aclose()  # type: ignore[no-untyped-call]
        await client.aclose()


def _problem(what: str, error: Exception) -> bytes:
    body = problem(503, f"{what} does not answer: {type(error).__name__}", code="dependency_down")
    return b"event: problem\ndata: " + msgspec.json.encode(body) + b"\n\n"


async def _events(
    client: Any,
    listener: Any,
    after: int,
    desks: Collection[str] | None,
    permission: Permission,
) -> AsyncIterator[bytes]:
    begun = time.monotonic()
    end, beat, checked = begun + settings.STREAM_SECONDS, begun, begun
    told = -1  # the database is asked once in any case
    while time.monotonic() < end:
        if time.monotonic() - checked >= settings.STREAM_CHECK_SECONDS:
            if not await in_a_thread(permission.stands):
                return
            checked = time.monotonic()
        last = int(await client.get(board.EVENT_KEY) or 0)
        if last != told:
            before = after
            after, found = await in_a_thread(partial(_looked, after, desks))
            if after == before:
                told = last
            for number, body in found:
                text = msgspec.json.encode(body)
                yield f"event: limit\nid: {number}\ndata: ".encode() + text + b"\n\n"
                beat = time.monotonic()
            if after != before:
                continue
        if time.monotonic() - beat >= HEARTBEAT_S:
            beat = time.monotonic()
            yield b": alive\n\n"
        await listener.get_message(timeout=LOOK_S)


def _looked(number: int, desks: Collection[str] | None) -> tuple[int, list[tuple[int, Any]]]:
    try:
        return events_after(number, desks)
    finally:
        close_database_connections()
