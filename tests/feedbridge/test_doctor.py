"""``manage.py doctor`` names what is not well, with the command that repairs it."""

from __future__ import annotations

import io
import re
import time

import msgspec
import pytest
from django.core.management import CommandError, call_command

from feedbridge.kafka.topics import ensure_topics
from pricing.markets.conventions import CURRENCIES
from risk.store.compiled_book_store import CompiledBooks
from risk.store.frames import Frames
from risk.store.heartbeats import BRIDGES_KEY, BridgePulse, write_worker
from risk.store.publication import publish_parts
from tests.risk.made import header, part, store

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def servers(settings, redis_client, redis_url, kafka_bootstrap):
    ensure_topics(kafka_bootstrap)
    settings.REDIS_URL, settings.KAFKA_BOOTSTRAP_SERVERS = redis_url, kafka_bootstrap


def doctor() -> tuple[dict[str, str], str]:
    """Lines by check ('ok ...', 'WARN ...' or 'FAIL ...'), and the sentence it ends with."""
    out, end = io.StringIO(), ""
    try:
        call_command("doctor", stdout=out)
    except CommandError as error:
        end = str(error)
    text = out.getvalue().splitlines()
    found, name = {}, ""
    for line in text:
        if line.startswith(("ok", "WARN", "FAIL")):
            name = line[5:21].strip()
            found[name] = line
        else:
            found[name] += " " + line.strip()
    return found, end


def test_an_empty_system_is_told_what_to_run():
    found, end = doctor()
    for name in ("libraries", "PostgreSQL", "tables", "Redis", "Kafka"):
        assert found[name].startswith("ok"), found[name]
    for name, command in {
        "trades": "manage.py seed_book",
        "fixings": "manage.py seed_fixings",
        "workers": "celery -A riskproject worker --queues sums",
        "compiled books": "--queues compile",
        "bridge": "manage.py runbridge",
        "frames": "manage.py replay",
    }.items():
        assert found[name].startswith("FAIL"), found[name]
        assert command in found[name]
    assert found["detail"].startswith("WARN"), found["detail"]
    assert "celery -A riskproject worker --queues detail" in found["detail"]
    assert end.startswith("failed checks: trades, fixings")
    assert "detail" not in end


def test_a_server_that_is_away_is_one_line_and_the_others_are_still_looked_at(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    settings.KAFKA_BOOTSTRAP_SERVERS = "127.0.0.1:1"
    found, _ = doctor()
    assert found["PostgreSQL"].startswith("ok")
    for name in ("Redis", "Kafka", "workers", "compiled books", "bridge", "frames"):
        assert found[name].startswith("FAIL")
        assert "Traceback" not in found[name]
    assert "no Kafka broker answers at 127.0.0.1:1" in found["Kafka"]


def test_a_broker_that_is_not_configured_is_said(settings):
    settings.KAFKA_BOOTSTRAP_SERVERS = ""
    assert "KAFKA_BOOTSTRAP_SERVERS is not set" in doctor()[0]["Kafka"]


def test_a_running_system_is_well_in_redis(redis_client):
    frames, books = Frames(redis_client), CompiledBooks(redis_client)
    for name in CURRENCIES:
        made = store(books, currency=name)
        opened = header(1, 1, currency=name, book_version=made.version)
        frames.open(opened)
        frames.put(name, 1, part(0))
        head = books.head(name, made.version)
        assert head is not None
        assert publish_parts(frames, opened, head, books) == "PUBLISHED"
    write_worker(redis_client, "sums@here", 2, ["sums"])
    pulse = BridgePulse(
        **{"name": "b", "sent_ns": time.time_ns(), "broker": "k", "consumed": 0, "in_flight": 0},
        **{"states": {}, "frames": {}, "open_frames": 0, "resent": 0, "lag": 7, "waiting_for": ""},
    )
    redis_client.hset(BRIDGES_KEY, "b", msgspec.json.encode(pulse))
    found, end = doctor()
    assert "sums@here (2 processes)" in found["workers"]
    assert "b, lag 7" in found["bridge"]
    assert re.search(r"USD \d s old", found["frames"])
    assert end == "failed checks: trades, fixings"


def test_a_source_whose_ticks_are_refused_in_a_row_is_named_and_the_bridge_is_well(redis_client):
    why = "the last 11 ticks of USD from rogue were refused: OWNED"
    pulse = BridgePulse(
        **{"name": "b", "sent_ns": time.time_ns(), "broker": "k", "consumed": 0, "in_flight": 0},
        **{"states": {}, "frames": {}, "open_frames": 0, "resent": 0, "lag": 7, "waiting_for": ""},
        refused=[why],
    )
    redis_client.hset(BRIDGES_KEY, "b", msgspec.json.encode(pulse))
    line = doctor()[0]["bridge"]
    assert line.startswith("ok")
    assert why in line
    assert "manage.py reset_source" in line
