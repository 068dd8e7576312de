"""Published frames as server-sent events: what the caller has not seen yet, as it is published.

The notice on ``risk:frames`` can be lost, so the pointers are also read every second. If frames
are published faster than they are sent, some are skipped: an event always carries the newest
frame of its currency.
"""

from __future__ import annotations

import asyncio
import re
import time
import weakref
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Collection,
    Mapping,
    Sequence,
)
from typing import Any, NamedTuple, TypeVar, cast

import msgspec
from asgiref.sync import SyncToAsync, async_to_sync, sync_to_async
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import DatabaseError, connections
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from knox.models import AuthToken
from redis import RedisError
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from connections.redis_clients import connect_async
from instruments import access
from instruments.api.permissions import READS_MASTER
from pricing.markets.conventions import CURRENCIES
from risk.api import parameters
from risk.api.answers import markets
from risk.api.views import RiskView
from risk.models import LIVE
from risk.queries import explain as explain_query
from risk.queries import portfolio, trade_detail
from risk.store.explains import EXPLAIN_CHANNEL, read
from risk.store.frames import CHANNEL, key
from risk.store.results import Rollup
from riskproject.web.problems import problem
from riskproject.web.slots import Slots

T = TypeVar("T")
LOOK_S, HEARTBEAT_S, GAP_S = 1.0, 5.0, 0.1
RETRY_MS = 2000
RETRY_AFTER_S = 30
RISK, EXPLAIN = EVENTS = ("risk", "explain")
CHANNELS = {RISK: CHANNEL, EXPLAIN: EXPLAIN_CHANNEL}
EVENT_ID = re.compile(r"[A-Z]{3}:[0-9]{1,19}(,[A-Z]{3}:[0-9]{1,19})*")

_rollup = msgspec.msgpack.Decoder(Rollup)


slots = Slots(
    "streams",
    own_hint="close one, or poll /risk/portfolio/",
    hint="try again later, or poll /risk/portfolio/",
    retry_after_s=RETRY_AFTER_S,
)


class EventStream(BaseRenderer):
    """Accepts the media type of event streams; the stream renders itself."""

    media_type, format, charset = "text/event-stream", "event-stream", "utf-8"

    def render(self, data: Any, *_: Any, **__: Any) -> bytes:
        """Render an answer that is not a stream, such as a refusal."""
        return JSONRenderer().render(data)


class EventsResponse(StreamingHttpResponse):
    """Events as they are made, until the client goes; then their generator is closed at once.

    Django cancels the task that iterates. If that was sending an event, the generator would keep
    its subscription and its slot until a garbage collection.
    """

    def __init__(self, slot: object, events: AsyncGenerator[bytes]) -> None:
        """Send what is generated; ``slot`` is released with the response at the latest."""
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        super().__init__(events, content_type=EventStream.media_type, headers=headers)
        self._events = events
        # The generator's own release does not run for a client that leaves before it starts.
        weakref.finalize(self, slots.release, slot)

    def close(self) -> None:
        """Close the generator too."""
        super().close()
        async_to_sync(self._end)()

    async def _end(self) -> None:
        await self._events.aclose()


class StreamView(RiskView):
    """Risk as it is published."""

    renderer_classes = (EventStream,)

    @extend_schema(
        operation_id="stream_risk",
        parameters=[
            parameters.CURRENCY,
            markets.MARKET,
            parameters.listed("group_by", "Default: currency", portfolio.GROUPINGS),
            parameters.listed("events", "Default: risk; of a replay it is the only one", EVENTS),
            OpenApiParameter(
                "Last-Event-ID",
                str,
                OpenApiParameter.HEADER,
                description="`id` of the last event you have, such as USD:7,EUR:9",
            ),
        ],
        responses={
            (200, EventStream.media_type): OpenApiResponse(
                str,
                description="Events `risk`: {stamp, groups} of one currency, as in "
                "/risk/portfolio/. Events `explain`, if asked for: {period, stamp, groups} of one "
                "currency and period, as in /explain/, without an id. The first come at once. "
                "Comments keep the line open; it ends after ten minutes, and a browser comes back "
                "by itself",
            )
        },
    )
    def get(self, request: Request) -> HttpResponseBase:
        """Server-sent events, from now on or from the event that `Last-Event-ID` names."""
        parameters.known_only(request, "currency", "market", "group_by", "events")
        groups = parameters.choices(request, "group_by", portfolio.GROUPINGS) or ["currency"]
        wanted = parameters.currencies(request)
        events = parameters.choices(request, "events", EVENTS) or [RISK]
        market = parameters.market(request)
        if market != LIVE and events != [RISK]:
            raise ValidationError({"events": "events: a replay has risk alone; see /explain/"})
        seen = _seen(request.headers.get("Last-Event-ID", ""))
        desks = self.desks(request)
        slot = slots.take(request.user.pk, settings.STREAMS_PER_USER, settings.STREAMS_PER_PROCESS)
        what = Wanted(wanted, groups, desks, events, market)
        permission = Permission(request, desks)
        return EventsResponse(slot, stream(slot, settings.REDIS_URL, what, seen, permission))

    def handle_exception(self, exc: Exception) -> Response:
        """Refusals are problem documents, not events."""
        self.request.accepted_renderer = JSONRenderer()
        self.request.accepted_media_type = JSONRenderer.media_type
        return super().handle_exception(exc)


class Wanted(NamedTuple):
    """The request of a stream: currencies, groups, the desks of its user, and events."""

    currencies: Sequence[str]
    groups: Sequence[str]
    desks: Collection[str] | None
    events: Sequence[str]
    market: str = LIVE


def _seen(event_id: str) -> dict[str, int]:
    """Frames by currency that the caller has.

    Raises:
        ValidationError: It is no id of ours.
    """
    if not event_id:
        return {}
    if not EVENT_ID.fullmatch(event_id):
        raise ValidationError({"Last-Event-ID": "Last-Event-ID: send an event's id, or none"})
    return {name: int(frame) for name, frame in (p.split(":") for p in event_id.split(","))}


class Permission:
    """The rights that a stream was opened with: its user, the login, and the readable desks."""

    def __init__(self, request: Request, desks: Collection[str] | None) -> None:
        """Remember what the request was let in by."""
        self._user_pk, self._desks = cast(int, request.user.pk), desks
        self._token_pk = getattr(request.auth, "pk", None)
        self._session_hash = self._hash(cast(Any, request.user))
        session = None if request.auth else getattr(request, "session", None)
        self._session = session if session is not None and session.session_key else None

    def stands(self) -> bool:
        """Return whether a new request would be allowed and would read the same desks.

        While the database is down nothing is known, and the stream continues to its ordinary end.
        """
        try:
            return self._stands()
        except DatabaseError:
            return True
        finally:
            close_database_connections()

    def _stands(self) -> bool:
        user = get_user_model().objects.filter(pk=self._user_pk, is_active=True).first()
        if user is None or not user.has_perm(READS_MASTER):
            return False
        if self._token_pk and not AuthToken.objects.filter(pk=self._token_pk).exists():
            return False
        if self._session is not None and not (
            self._session.exists(self._session.session_key)
            and self._hash(user) == self._session_hash
        ):
            return False
        return access.desks_seen(user) == self._desks

    @staticmethod
    def _hash(user: Any) -> str:
        """Changes with the password."""
        return str(user.get_session_auth_hash())


def close_database_connections() -> None:
    """Close this thread's connections, but for one that is in a transaction.

    Django closes them when a response ends, which for a stream is minutes later.
    """
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()


async def in_a_thread(work: Callable[[], T]) -> T:
    """Run in the request's own thread, and give the thread back.

    Django keeps one thread for each request until its response has ended. asgiref starts another
    one when it is needed again.
    """
    result = await sync_to_async(work, thread_sensitive=True)()
    context = SyncToAsync.thread_sensitive_context.get(None)
    executor = SyncToAsync.context_to_thread_executor.pop(context, None) if context else None
    if executor is not None:
        executor.shutdown(wait=False)
    return result


async def stream(
    slot: object,
    url: str,
    wanted: Wanted,
    seen: Mapping[str, int],
    permission: Permission,
) -> AsyncGenerator[bytes]:
    """Send events until the caller disconnects or ``STREAM_SECONDS`` are over.

    It ends early when the permission is revoked: a client that reconnects is told why.
    """
    client = connect_async(url)
    listener = client.pubsub(ignore_subscribe_messages=True)
    try:
        # Here all middleware has run, and this is still the thread in which it has run.
        await in_a_thread(close_database_connections)
        yield f"retry: {RETRY_MS}\n\n".encode()
        await listener.subscribe(*(CHANNELS[name] for name in wanted.events))
        async for event in _events(client, listener, wanted, dict(seen), permission):
            yield event
    except RedisError as error:
        body = problem(
            503, f"redis does not answer: {type(error).__name__}", code="dependency_down"
        )
        yield b"event: problem\ndata: " + msgspec.json.encode(body) + b"\n\n"
    finally:
        slots.release(slot)
        await listener.aclose()  # type: ignore[no-untyped-call]
        await client.aclose()


async def _events(
    client: Any,
    listener: Any,
    wanted: Wanted,
    seen: dict[str, int],
    permission: Permission,
) -> AsyncIterator[bytes]:
    explained: dict[str, int] = {}
    begun = time.monotonic()
    end, beat, checked = begun + settings.STREAM_SECONDS, begun, begun
    while time.monotonic() < end:
        if time.monotonic() - checked >= settings.STREAM_CHECK_SECONDS:
            if not await in_a_thread(permission.stands):
                return
            checked = time.monotonic()
        for name in wanted.events:
            async for event in _MADE[name](client, wanted, seen, explained):
                yield event
                beat = time.monotonic()
        if time.monotonic() - beat >= HEARTBEAT_S:
            beat = time.monotonic()
            yield b": alive\n\n"
        await _notice(listener)


async def _risk_events(
    client: Any, wanted: Wanted, seen: dict[str, int], _: dict[str, int]
) -> AsyncIterator[bytes]:
    if wanted.market != LIVE:
        for rollup in await in_a_thread(lambda: _closes(wanted, dict(seen))):
            seen[rollup.currency] = rollup.frame
            yield _event(rollup, wanted.groups, wanted.desks, seen)
        return
    async for rollup in _newer(client, wanted.currencies, seen):
        seen[rollup.currency] = rollup.frame
        yield _event(rollup, wanted.groups, wanted.desks, seen)


async def _explain_events(
    client: Any, wanted: Wanted, _: dict[str, int], explained: dict[str, int]
) -> AsyncIterator[bytes]:
    """An event for each period of each explain that the caller does not have."""
    names = [key(name, "explain", "number") for name in wanted.currencies]
    for name, raw in zip(wanted.currencies, await client.mget(names), strict=True):
        if int(raw or 0) <= explained.get(name, 0):
            continue
        found = read(await client.get(key(name, "explain")))
        if found is None:
            continue
        explained[name] = found.frame
        for period in found.periods:
            rows = explain_query.explained([found], period, wanted.groups, None, wanted.desks)
            body = {
                "period": period,
                "stamp": explain_query.stamp(found, period, found.frame, time.time_ns()),
                "groups": rows,
            }
            yield b"event: explain\ndata: " + msgspec.json.encode(body) + b"\n\n"


def _closes(wanted: Wanted, seen: Mapping[str, int]) -> list[Rollup]:
    """Closes of a replay that the caller does not have; a pass may begin with 1 again.

    While the database is down there are none.
    """
    try:
        found = markets.current_closes(wanted.market, wanted.currencies, "sums", "head", "quotes")
        new = [row.currency for row in found if row.frame != seen.get(row.currency)]
        return markets.rollups_of(wanted.market, new) if new else []
    except (DatabaseError, APIException):
        return []
    finally:
        close_database_connections()


async def _newer(
    client: Any, currencies: Sequence[str], seen: Mapping[str, int]
) -> AsyncIterator[Rollup]:
    """Frames that the caller does not have."""
    for name, raw in zip(currencies, await _pointers(client, currencies), strict=True):
        frame = int(raw or 0)
        if frame > seen.get(name, 0):
            found = await client.get(key(name, "rollup", frame))
            if found:  # else it has moved on: the next look finds it
                yield _rollup.decode(found)


async def _pointers(client: Any, currencies: Sequence[str]) -> Any:
    async with client.pipeline(transaction=False) as pipe:
        for name in currencies:
            pipe.get(key(name, "pointer"))
        return await pipe.execute()


async def _notice(listener: Any) -> None:
    """Wait for a notice or a second; what came meanwhile is one notice."""
    await asyncio.sleep(GAP_S)
    wait = LOOK_S - GAP_S
    while await listener.get_message(timeout=wait):
        wait = 0.0


_MADE = {RISK: _risk_events, EXPLAIN: _explain_events}
"""Functions that make the events of each name."""


def _event(
    rollup: Rollup,
    groups: Sequence[str],
    desks: Collection[str] | None,
    seen: Mapping[str, int],
) -> bytes:
    event_id = ",".join(f"{name}:{frame}" for name, frame in seen.items() if name in CURRENCIES)
    body = {
        "stamp": trade_detail.stamp(rollup),
        "groups": portfolio.portfolio([rollup], groups, None, desks),
    }
    return f"event: risk\nid: {event_id}\ndata: ".encode() + msgspec.json.encode(body) + b"\n\n"
