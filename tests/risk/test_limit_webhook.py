"""The webhook of limits against a real receiver: signed, repeated until taken, known hosts only."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.utils import timezone

from instruments.models import Limit
from pricing.errors import BadInput
from risk.limits.webhook import GIVE_UP_AFTER, Target, send_due, target_of
from risk.models import LimitDelivery, LimitEvent

pytestmark = pytest.mark.django_db
SECRET = "sixteen characters and more"


class Receiver:
    """Takes posts, and answers what the test says."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.taken: list[tuple[dict[str, str], bytes]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.taken.append((dict(self.headers), body))
                status = outer.answers.pop(0) if outer.answers else 204
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def target(self) -> Target:
        url = f"http://127.0.0.1:{self.server.server_address[1]}/hook?x=1"
        return target_of(url, SECRET, ["127.0.0.1"])


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.server.shutdown()
    found.server.server_close()
    found.thread.join()


@pytest.fixture
def due(db) -> LimitDelivery:
    limit = Limit.objects.create(code="L1", name="L1", measure="npv", hard_limit=1)
    event = LimitEvent.objects.create(
        limit=limit, was="ok", state="breach", value=1.1, hard_limit=1, kind="sums", frame=7,
        currency="USD", at=timezone.now(),
    )  # fmt: skip
    return LimitDelivery.objects.create(event=event, next_try=timezone.now())


def test_an_event_is_sent_once_and_its_signature_can_be_checked(receiver, due):
    assert send_due(receiver.target) == 1
    assert send_due(receiver.target) == 0
    ((headers, body),) = receiver.taken
    found = json.loads(body)
    assert (found["id"], found["limit"], found["state"]) == (due.event_id, "L1", "breach")
    signed = headers["X-Risk-Timestamp"].encode() + b"." + body
    wanted = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert headers["X-Risk-Signature"] == f"sha256={wanted}"
    due.refresh_from_db()
    assert due.delivered
    assert due.attempts == 1


@pytest.mark.parametrize("status", [500, 404, 302])
def test_what_is_not_taken_is_sent_again_later(receiver, due, status):
    receiver.answers = [status]
    assert send_due(receiver.target) == 0
    due.refresh_from_db()
    assert due.error == f"answered {status}"
    assert due.next_try > timezone.now()
    assert send_due(receiver.target) == 0  # not due yet
    LimitDelivery.objects.update(next_try=timezone.now())
    assert send_due(receiver.target) == 1
    assert len(receiver.taken) == 2  # no redirect was followed


def test_waits_grow_and_end_after_a_day(due):
    nobody = target_of("http://127.0.0.1:9/", SECRET, ["127.0.0.1"])
    waits = []
    for _ in range(12):
        LimitDelivery.objects.update(next_try=timezone.now())
        assert send_due(nobody) == 0
        due.refresh_from_db()
        waits.append(round((due.next_try - timezone.now()).total_seconds()))
    assert waits[:4] == [2, 4, 8, 16]
    assert waits[-1] == 600
    LimitEvent.objects.update(at=timezone.now() - GIVE_UP_AFTER - dt.timedelta(minutes=1))
    LimitDelivery.objects.update(next_try=timezone.now())
    send_due(nobody)
    due.refresh_from_db()
    assert due.next_try is None
    assert due.delivered is None


@pytest.mark.parametrize(
    ("url", "secret", "field"),
    [
        ("https://evil.example/", SECRET, "LIMIT_WEBHOOK_URL"),
        ("http://good.example/", SECRET, "LIMIT_WEBHOOK_URL"),
        ("ftp://good.example/", SECRET, "LIMIT_WEBHOOK_URL"),
        ("https://good.example.evil.example/", SECRET, "LIMIT_WEBHOOK_URL"),
        ("https://good.example@evil.example/", SECRET, "LIMIT_WEBHOOK_URL"),
        ("https://good.example/", "short", "LIMIT_WEBHOOK_SECRET"),
    ],
)
def test_only_listed_hosts_over_https_with_a_secret_are_called(url, secret, field):
    with pytest.raises(BadInput) as caught:
        target_of(url, secret, ["good.example"])
    assert caught.value.field == field


def test_a_listed_host_is_taken():
    found = target_of("https://good.example/a?b=1", SECRET, ["good.example"])
    assert found[:4] == ("https", "good.example", 443, "/a?b=1")
