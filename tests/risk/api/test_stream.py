"""Server-sent events of the real web server: at once, in order, resumable, and tidy."""

from __future__ import annotations

import asyncio
import gc
import json
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
import requests
from django.core.handlers.asgi import ASGIHandler

from devstack.processes.ports import free_port
from risk.api.stream import EventsResponse
from risk.store.frames import CHANNEL, Frames
from tests.risk.api.conftest import Live, answers, start_web
from tests.waiting import until


@contextmanager
def listening(live: Live, query: str = "", **headers: str) -> Iterator[Iterator[dict[str, str]]]:
    """Events as fields by name; a comment has the name ``comment``."""
    url = f"{live.url}/api/v1/stream/risk/{query}"
    with requests.get(url, headers=live.headers | headers, stream=True, timeout=20) as answer:
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "text/event-stream"
        assert answer.headers["cache-control"] == "no-cache"
        yield events(answer)


def events(answer: requests.Response) -> Iterator[dict[str, str]]:
    found: dict[str, str] = {}
    for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
        if not line and found:
            yield found
            found = {}
        elif line:
            name, _, text = line.partition(":")
            found[name or "comment"] = text.strip()


def risk(stream: Iterator[dict[str, str]]) -> tuple[str, int, Any]:
    """The next event of risk: its id, frame and body."""
    event = next(event for event in stream if event.get("event") == "risk")
    body = json.loads(event["data"])
    return event["id"], body["stamp"]["frame"], body


def test_the_frames_of_now_come_at_once_and_the_next_ones_as_they_are_published(live: Live) -> None:
    with listening(live) as stream:
        assert next(stream) == {"retry": "2000"}
        _, _, first = risk(stream)
        _, _, second = risk(stream)
        _, _, third = risk(stream)
        heard = {body["stamp"]["currency"] for body in (first, second, third)}
        assert heard == {"USD", "EUR", "GBP"}
        number = live.publish("USD")
        event_id, frame, body = risk(stream)
        assert frame == number
        assert f"USD:{number}" in event_id.split(",")
        (group,) = body["groups"]
        assert (group["currency"], group["trades"]) == ("USD", 2)
        assert {"as_of", "curve_version", "book_version", "stale"} <= set(body["stamp"])


def test_who_comes_back_hears_only_what_is_newer(live: Live) -> None:
    with listening(live) as stream:
        last = [risk(stream)[0] for _ in range(3)][-1]
    with listening(live, **{"Last-Event-ID": last}) as stream:
        assert next(stream) == {"retry": "2000"}
        number = live.publish("EUR")
        _, frame, body = risk(stream)
        assert (body["stamp"]["currency"], frame) == ("EUR", number)


def test_a_notice_that_is_lost_delays_an_event_and_loses_none(live: Live) -> None:
    """Publishing without the notice is what a lossy channel looks like."""
    client = live.books.client
    with listening(live, "?currency=USD") as stream:
        risk(stream)
        number = next(live.numbers)
        rollup = Frames(client).current("USD")
        assert rollup is not None
        moved = msgspec.msgpack.encode(msgspec.structs.replace(rollup, frame=number))
        client.set(f"risk:{{USD}}:rollup:{number}", moved)
        client.set("risk:{USD}:pointer", number)
        assert f"USD:{number}" in risk(stream)[0]


def test_a_quiet_market_is_told_from_a_dead_line(live: Live) -> None:
    with listening(live, "?currency=GBP") as stream:
        risk(stream)
        assert next(stream) == {"comment": "alive"}


def test_a_listener_that_goes_leaves_no_subscription(live: Live) -> None:
    client: Any = live.books.client

    def subscribers() -> int:
        return int(client.pubsub_numsub(CHANNEL)[0][1])

    until(lambda: subscribers() == 0)
    with listening(live) as stream:
        risk(stream)
        until(lambda: subscribers() == 1)
    until(lambda: subscribers() == 0)


def test_a_listener_that_goes_while_an_event_is_sent_is_let_go_at_once() -> None:
    """Django cancels its own task, which is then in ``send`` and not in the generator."""
    ended: list[bool] = []

    async def stream() -> AsyncGenerator[bytes]:
        try:
            while True:
                yield b": alive\n\n"
        finally:
            ended.append(True)

    class Handler(ASGIHandler):
        async def run_get_response(self, request: Any) -> Any:
            return EventsResponse(object(), stream())

    async def ask() -> None:
        asked, gone = [{"type": "http.request", "body": b""}], asyncio.Event()

        async def receive() -> dict[str, Any]:
            if asked:
                return asked.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            if message.get("body"):
                gone.set()
                await asyncio.Event().wait()

        scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}
        await Handler()(scope, receive, send)
        assert ended, "not by the end of the loop, nor by a garbage collection"

    gc.disable()
    try:
        asyncio.run(ask())
    finally:
        gc.enable()


def test_nobody_listens_without_a_login_or_with_a_wrong_id(live: Live) -> None:
    url = f"{live.url}/api/v1/stream/risk/"
    for headers, status in (
        ({}, 401),
        ({**live.headers, "Last-Event-ID": "7"}, 400),
        ({**live.headers, "Accept": "application/json"}, 406),
    ):
        answer = requests.get(url, headers=headers, timeout=20)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == status


@pytest.mark.parametrize("query", ["?currency=XXX", "?group_by=trader", "?curency=USD"])
def test_a_wrong_question_is_refused_before_the_stream_begins(live: Live, query: str) -> None:
    answer = live.get(f"stream/risk/{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


def test_groups_are_those_asked_for(live: Live) -> None:
    with listening(live, "?currency=USD&group_by=desk,book") as stream:
        body = risk(stream)[2]
    assert {(group["desk"], group["book"]) for group in body["groups"]} == {
        ("RATES", "B1"),
        ("GOVIES", "B2"),
    }


def test_twenty_listeners_hear_the_same_frame(live: Live) -> None:
    with ExitStack() as stack:
        ears = [stack.enter_context(listening(live, "?currency=EUR")) for _ in range(20)]
        started = time.monotonic()
        number = live.publish("EUR")
        for stream in ears:
            while risk(stream)[1] != number:
                pass
        print(f"20 listeners had the frame after {time.monotonic() - started:.2f} s")


def test_open_streams_hold_no_database_connection_and_their_number_is_limited(live: Live) -> None:
    port = free_port()
    start_web(live.system, "web-streams", port, STREAMS_PER_USER="5", STREAMS_PER_PROCESS="6")
    url = f"http://127.0.0.1:{port}"
    until(lambda: answers(url))
    token = live.system.manage("create_token", "listener", "--role", "viewer").split()[-1]
    other = {"Authorization": f"Token {token}"}

    def opened(headers: dict[str, str]) -> requests.Response:
        address = f"{url}/api/v1/stream/risk/"
        return requests.get(address, headers=headers, stream=True, timeout=20)

    before = connections(live)
    heard = []  # a generator of events that is dropped closes its line
    with ExitStack() as stack:
        for _ in range(5):
            answer = stack.enter_context(opened(live.headers))
            assert answer.status_code == 200
            heard.append(events(answer))
            risk(heard[-1])
        until(lambda: connections(live) <= before, 10)
        with opened(live.headers) as refused:
            assert refused.status_code == 429
            assert refused.headers["content-type"] == "application/problem+json"
            assert refused.headers["retry-after"] == "30"
            assert "5 open streams" in refused.json()["detail"]
        heard.append(events(stack.enter_context(opened(other))))
        risk(heard[-1])
        with opened(other) as refused:
            assert refused.status_code == 429
            assert "limit of this web process" in refused.json()["detail"]

    def admitted() -> bool:
        with opened(live.headers) as answer:
            return answer.status_code == 200

    until(admitted)


def threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def test_ninety_seven_streams_hold_no_thread_and_no_connection_and_other_calls_answer(
    live: Live,
) -> None:
    port = free_port()
    process = start_web(live.system, "web-many", port, STREAMS_PER_USER="97")
    url = f"http://127.0.0.1:{port}"
    until(lambda: answers(url))
    before = connections(live), threads(process.pid)
    with ExitStack() as stack:
        for _ in range(97):
            answer = requests.get(
                f"{url}/api/v1/stream/risk/", headers=live.headers, stream=True, timeout=20
            )
            assert stack.enter_context(answer).status_code == 200
        # Few are kept for the next request, whatever the number of streams.
        until(lambda: connections(live) <= before[0] + 3, 10)
        until(lambda: threads(process.pid) <= before[1] + 10, 10)
        for path in ("swaps/", "risk/portfolio/", "bonds/"):
            found = requests.get(f"{url}/api/v1/{path}", headers=live.headers, timeout=20)
            assert found.status_code == 200


MANAGE = """
from django.contrib.auth.models import User
from knox.models import AuthToken
from instruments.models import Desk
user = User.objects.get(username={name!r})
"""
LOST = {
    "deactivated": "user.is_active = False; user.save()",
    "taken off the desk": "[desk.traders.remove(user) for desk in user.desks.all()]",
    "put on another desk": "Desk.objects.create(code='NEW-DESK', name='New').traders.add(user)",
    "without a role": "user.groups.clear()",
    "without the token": "AuthToken.objects.filter(user=user).delete()",
}


def test_a_stream_ends_when_its_user_may_read_it_no_more(live: Live) -> None:
    port = free_port()
    start_web(live.system, "web-checks", port, STREAM_CHECK_SECONDS="1")
    url = f"http://127.0.0.1:{port}"
    until(lambda: answers(url))
    desk = live.get("desks/").json()["results"][0]["code"]
    with ExitStack() as stack:
        streams = {}
        for number, what in enumerate(("nothing", *LOST)):
            words = (f"reader{number}", "--role", "trader", "--desk", desk)
            key = live.system.manage("create_token", *words).split()[-1]
            answer = requests.get(
                f"{url}/api/v1/stream/risk/",
                headers={"Authorization": f"Token {key}"},
                stream=True,
                timeout=20,
            )
            streams[what] = events(stack.enter_context(answer))
            risk(streams[what])
        for number, (what, program) in enumerate(LOST.items(), 1):
            live.system.manage("shell", "-c", MANAGE.format(name=f"reader{number}") + program)
            assert all("event" in event or "comment" in event for event in streams[what])
        frame = live.publish("USD")
        while risk(streams["nothing"])[1] != frame:
            pass


def connections(live: Live) -> int:
    """Open connections to the database, but for the one that counts."""
    with psycopg.connect(live.system.environment["DATABASE_URL"]) as connection:
        row = connection.execute(
            "select count(*) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        ).fetchone()
    assert row is not None
    return int(row[0])
