"""/healthz and /readyz of a real web process, while servers are there, away, and frozen."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import msgspec
import pytest
import redis

from pricing.markets.conventions import CURRENCIES
from risk.store.frames import Frames, key
from risk.store.heartbeats import speaking
from risk.store.results import HistoryLine
from tests.ops import pulses
from tests.web_process import Web, free_port, running_web

TOKEN = "scrape-0123456789abcdef"
KEY = "k3y-" + "0123456789abcdef" * 4


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory, store_url: str) -> Iterator[Web]:
    base: Path = tmp_path_factory.mktemp("web")
    with running_web(base, REDIS_URL=store_url) as found:
        yield found


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory, store_url: str) -> Iterator[Web]:
    base: Path = tmp_path_factory.mktemp("production")
    environment = {"RISK_ENV": "production", "SECRET_KEY": KEY, "METRICS_TOKEN": TOKEN}
    environment["ADMIN_ENABLED"] = "True"
    with running_web(base, REDIS_URL=store_url, **environment) as found:
        yield found


@contextmanager
def speaking_bridge(store: redis.Redis) -> Iterator[None]:
    """A bridge that goes on speaking."""
    stop = threading.Event()

    def speak() -> None:
        while not stop.wait(0.2):
            pulses.say_bridge(store)

    thread = threading.Thread(target=speak)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_a_system_that_prices_is_ready(web: Web, store: redis.Redis) -> None:
    pulses.publish_frames(store)
    pulses.say_worker(store)
    with speaking_bridge(store), speaking(store, "replay"):
        time.sleep(1.2)  # older answers have gone
        found = web.get("/readyz")
    assert (found.status, found.json["status"], found.json["failing"]) == (200, "ready", {})
    assert set(found.json["checks"]) == {
        *("database", "redis", "kafka", "bridge", "workers", "frames", "detail")
    }
    assert found.json["warnings"] == {}
    assert set(found.json["frames"]) == set(CURRENCIES)
    usd = found.json["frames"]["USD"]
    assert 0 < usd["age_s"] < 60
    assert (usd["status"], usd["priced"]) == ("COMPLETE", 2)
    assert (usd["detail"]["behind_s"], usd["detail"]["missing"]) == (0, 0)
    assert "replay" in {process["kind"] for process in found.json["processes"]}


def test_what_is_missing_is_named_with_the_command_that_repairs_it(
    web: Web, store: redis.Redis
) -> None:
    time.sleep(1.2)
    found = web.get("/readyz")
    assert found.status == 503
    assert set(found.json["failing"]) == {"bridge", "workers", "frames"}
    assert "manage.py runbridge" in found.json["failing"]["bridge"]
    assert "--queues sums" in found.json["failing"]["workers"]
    assert "--queues detail" in found.json["warnings"]["detail"]


def test_a_detail_that_is_stuck_while_sums_flow_is_a_warning_and_no_failure(
    web: Web, store: redis.Redis
) -> None:
    pulses.say_worker(store, "sums")
    pulses.publish_frames(store, 1)
    pulses.publish_frames(store, 2, detail=False)
    time.sleep(1.2)
    pulses.say_bridge(store)
    found = web.get("/readyz")
    assert (found.status, set(found.json["warnings"])) == (200, {"detail"})
    assert "no worker of the detail" in found.json["checks"]["detail"]["said"]
    pulses.say_worker(store)
    time.sleep(1.2)
    pulses.say_bridge(store)
    assert web.get("/readyz").json["warnings"] == {}  # just behind
    _age_history(store, 3600)
    _age_details(store, 3600)
    pulses.publish_frames(store, 3, detail=False)
    time.sleep(1.2)
    pulses.say_bridge(store)
    found = web.get("/readyz")
    assert (found.status, set(found.json["warnings"])) == (200, {"detail"})
    assert "stuck in USD, EUR" in found.json["checks"]["detail"]["said"]
    assert found.json["frames"]["USD"]["detail"]["behind_s"] > 3000


def test_a_detail_that_is_old_because_the_market_was_quiet_is_no_warning(
    web: Web, store: redis.Redis
) -> None:
    pulses.publish_frames(store)
    _age_history(store, 3600)
    _age_details(store, 3600)
    pulses.publish_frames(store, 2, detail=False)  # the first tick after an hour
    pulses.say_worker(store)
    time.sleep(1.2)
    pulses.say_bridge(store)
    assert web.get("/readyz").json["warnings"] == {}


def test_old_frames_of_a_quiet_market_are_ready_and_an_open_frame_that_nobody_prices_is_not(
    web: Web, store: redis.Redis
) -> None:
    pulses.say_worker(store)
    pulses.publish_frames(store)
    _age_history(store, 3600)
    pulses.say_bridge(store, open_frames=0)
    time.sleep(1.2)
    pulses.say_bridge(store, open_frames=0)
    assert web.get("/readyz").json["failing"] == {}
    pulses.say_bridge(store, open_frames=2)
    time.sleep(1.2)
    pulses.say_bridge(store, open_frames=2)
    found = web.get("/readyz")
    assert set(found.json["failing"]) == {"frames"}
    assert "2 open, and no frame published for" in found.json["checks"]["frames"]["said"]


def _age_history(store: redis.Redis, seconds: int) -> None:
    for name, place in product(CURRENCIES, range(store.llen(key("USD", "history")))):
        line = Frames(store).history(name)[-1 - place]
        old: HistoryLine = msgspec.structs.replace(
            line, published_ns=line.published_ns - seconds * 10**9
        )
        store.lset(key(name, "history"), place, msgspec.msgpack.encode(old))


def _age_details(store: redis.Redis, seconds: int) -> None:
    for name, found in Frames(store).details(CURRENCIES).items():
        old = msgspec.structs.replace(
            found,
            opened_ns=found.opened_ns - seconds * 10**9,
            published_ns=found.published_ns - seconds * 10**9,
        )
        store.set(key(name, "detail", found.frame, "head"), msgspec.msgpack.encode(old))


def test_a_bridge_that_has_stopped_reading_is_not_ready(web: Web, store: redis.Redis) -> None:
    pulses.publish_frames(store)
    pulses.say_worker(store)
    time.sleep(1.2)
    pulses.say_bridge(store, halted="60 of the last 100 records were bad")
    found = web.get("/readyz")
    assert set(found.json["failing"]) == {"bridge"}
    assert "60 of the last 100 records were bad" in found.json["checks"]["bridge"]["said"]


def test_servers_that_are_away_are_named_and_web_itself_is_well(tmp_path: Path) -> None:
    away = {
        "DATABASE_URL": "postgresql://risk:n0t-shown@127.0.0.1:1/risk",
        "REDIS_URL": "redis://:n0t-shown@127.0.0.1:1/0",
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
    }
    with running_web(tmp_path, **away) as web:
        found = web.get("/readyz")
        assert found.status == 503
        assert list(found.json["failing"]) == [
            *("database", "redis", "kafka", "bridge", "workers", "frames")
        ]
        assert found.json["checks"]["bridge"]["said"] == "unknown while Redis is down"
        assert "n0t-shown" not in found.text
        assert web.get("/healthz").json == {"status": "ok"}


def test_servers_that_are_frozen_do_not_hold_an_answer_up(tmp_path: Path) -> None:
    with frozen_server() as port:
        frozen = {
            "DATABASE_URL": f"postgresql://risk:secret@127.0.0.1:{port}/risk",
            "REDIS_URL": f"redis://127.0.0.1:{port}/0",
        }
        with running_web(tmp_path, **frozen) as web:
            began = time.monotonic()
            found = web.get("/readyz")
            taken_s = time.monotonic() - began
            print(f"/readyz beside frozen servers took {taken_s:.2f} s")
            assert taken_s < 3.0
            assert {"database", "redis"} <= set(found.json["failing"])
            assert "no answer within 1 s" in found.json["checks"]["database"]["said"]


@contextmanager
def frozen_server() -> Iterator[int]:
    """Takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", free_port())) as server:
        yield server.getsockname()[1]


def test_in_production_strangers_see_what_fails_and_no_more(
    production: Web, store: redis.Redis
) -> None:
    time.sleep(1.2)
    found = production.get("/readyz", Host="localhost")
    assert found.status == 503
    assert set(found.json) == {"status", "failing", "warnings"}
    assert set(found.json["failing"]) == {"bridge", "workers", "frames"}
    for header in ("Bearer wrong-0123456789abcdef", "Bearer ", "Token nobody", "Basic eDp5"):
        told = production.get("/readyz", Host="localhost", Authorization=header)
        assert set(told.json) == {"status", "failing", "warnings"}, header
    told = production.get("/readyz", Host="localhost", Authorization=f"Bearer {TOKEN}")
    assert "checks" in told.json


def test_probes_are_answered_over_plain_http_in_production_and_pages_are_not(
    production: Web,
) -> None:
    assert production.get("/healthz", Host="localhost").status == 200
    assert production.get("/admin/", Host="localhost").status == 301


def test_a_request_keeps_the_id_that_its_caller_gave_and_gets_one_otherwise(web: Web) -> None:
    assert web.get("/healthz", X_Request_ID="abc-1").headers["x-request-id"] == "abc-1"
    made = [web.get("/healthz").headers["x-request-id"] for _ in range(2)]
    assert len(set(made)) == 2
    for bad in ("x" * 65, "a b", "a\tb"):
        assert web.get("/healthz", X_Request_ID=bad).headers["x-request-id"] != bad
