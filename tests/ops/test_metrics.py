"""/metrics of a real web process, read by Prometheus' own parser."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.contrib.auth.models import User
from knox.models import AuthToken
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from risk.limits import board
from risk.limits.board import Board
from risk.store.heartbeats import HOP_BUCKETS_MS, HOPS
from tests.ops import pulses
from tests.risk.test_limits_api import row
from tests.web_process import ROOT, Web, running_web

# Committed, for another process reads them.
pytestmark = pytest.mark.django_db(transaction=True)

TOKEN = "scrape-0123456789abcdef"
KEY = "k3y-" + "0123456789abcdef" * 4
LIBRARY = ("process_", "python_")
ROW = re.compile(r"^\| `(risk_\w+)` \| (\w+) \|([^|]*)\|", re.MULTILINE)


@pytest.fixture(scope="module")
def web(
    tmp_path_factory: pytest.TempPathFactory, store_url: str, database_url: str
) -> Iterator[Web]:
    """Production mode, and a database whose tables are made."""
    base: Path = tmp_path_factory.mktemp("web")
    environment = {"RISK_ENV": "production", "SECRET_KEY": KEY, "METRICS_TOKEN": TOKEN}
    with running_web(base, REDIS_URL=store_url, DATABASE_URL=database_url, **environment) as found:
        yield found


def scrape(web: Web) -> dict[str, Metric]:
    found = web.get("/metrics", Host="localhost", Authorization=f"Bearer {TOKEN}")
    assert found.status == 200, found.text
    return {family.name: family for family in text_string_to_metric_families(found.text)}


def value(families: dict[str, Metric], sample: str, **labels: str) -> float:
    found = [
        s.value
        for family in families.values()
        for s in family.samples
        if s.name == sample and labels.items() <= s.labels.items()
    ]
    assert len(found) == 1, (sample, labels, found)
    return found[0]


@pytest.fixture
def full(web: Web, store: redis.Redis) -> dict[str, Metric]:
    """A scrape of a system that has everything."""
    pulses.publish_frames(store)
    pulses.say_worker(store)
    pulses.say_bridge(store)
    now = time.time_ns()
    limits = [row("L1", "RATES", state="breach")]
    board.write(
        store, Board(made_ns=now, clock_ns=now, behind=2, limits=limits, breaches=[], gaps=[])
    )
    time.sleep(2.2)  # web speaks again: the store has been emptied
    pulses.say_bridge(store)
    return scrape(web)


def test_counts_of_a_bridge_are_what_it_said(full: dict[str, Metric]) -> None:
    bridge = {"bridge": "host:1"}
    assert value(full, "risk_ticks_total", state="published", **bridge) == 5
    assert value(full, "risk_ticks_total", state="dead_lettered", **bridge) == 1
    assert value(full, "risk_records_consumed_total", **bridge) == 12
    assert value(full, "risk_ticks_in_flight", **bridge) == 2
    assert value(full, "risk_consumer_lag", **bridge) == 7
    assert value(full, "risk_blocks_resent_total", **bridge) == 3
    assert value(full, "risk_frames_published_total", currency="USD", **bridge) == 5
    assert value(full, "risk_frames_total", status="PARTIAL", **bridge) == 1
    assert value(full, "risk_bridge_up", **bridge) == 1
    assert value(full, "risk_bridge_halted", **bridge) == 0


@pytest.mark.parametrize("hop", HOPS)
def test_a_hop_is_a_histogram_whose_buckets_add_up(full: dict[str, Metric], hop: str) -> None:
    buckets = [
        (s.labels["le"], s.value)
        for s in full["risk_hop_seconds"].samples
        if s.name.endswith("_bucket") and s.labels["hop"] == hop
    ]
    assert [bound for bound, _ in buckets[:-1]] == [repr(ms / 1e3) for ms in HOP_BUCKETS_MS]
    # One frame below 1 ms, two below 2 ms, three longer than all.
    assert [count for _, count in buckets] == [1, *[3] * (len(HOP_BUCKETS_MS) - 1), 6]
    assert buckets[-1][0] == "+Inf"
    assert value(full, "risk_hop_seconds_count", hop=hop) == 6
    assert value(full, "risk_hop_seconds_sum", hop=hop) == 12.0


def test_processes_frames_parts_and_checks_are_counted(full: dict[str, Metric]) -> None:
    assert value(full, "risk_redis_up") == value(full, "risk_database_up") == 1
    assert value(full, "risk_workers") == 2
    assert value(full, "risk_worker_processes") == 4
    assert value(full, "risk_queue_processes", queue="detail") == 2
    assert value(full, "risk_processes", kind="web") == 1
    assert value(full, "risk_quarantined_trades") == 0
    assert value(full, "risk_parts_total", currency="USD", outcome="PUT") == 1
    assert value(full, "risk_parts_total", currency="USD", outcome="DETAIL_PUT") == 1
    assert value(full, "risk_frame_trades_priced", currency="EUR") == 2
    assert value(full, "risk_frame_partial", currency="EUR") == 0
    assert 0 < value(full, "risk_frame_age_seconds", currency="GBP") < 60
    assert value(full, "risk_quantlib_npv_error_ratio", currency="USD") == 1e-12
    assert value(full, "process_resident_memory_bytes") > 1e6


def test_a_detail_behind_its_sums_is_measured(web: Web, store: redis.Redis) -> None:
    pulses.publish_frames(store)
    time.sleep(0.2)
    pulses.publish_frames(store, 2, detail=False)
    pulses.say_bridge(store)
    found = scrape(web)
    assert value(found, "risk_detail_lag_seconds", currency="USD") >= 0.2
    age_s = value(found, "risk_detail_age_seconds", currency="USD")
    assert age_s > value(found, "risk_frame_age_seconds", currency="USD")
    assert value(found, "risk_detail_blocks_missing", currency="USD") == 0
    assert value(found, "risk_detail_sums_error_ratio", currency="USD") == 0
    assert value(found, "risk_details_published_total", currency="USD") == 3
    assert value(found, "risk_details_conflated_total") == 2


def test_a_bridge_that_is_silent_keeps_its_counts_and_is_not_up(
    web: Web, store: redis.Redis
) -> None:
    pulses.say_bridge(store, sent_ns=time.time_ns() - 30 * 10**9)
    found = scrape(web)
    assert value(found, "risk_bridge_up", bridge="host:1") == 0
    assert value(found, "risk_bridges") == 0
    assert value(found, "risk_ticks_total", state="published") == 5


def test_the_page_of_operations_lists_every_metric_with_its_type_and_labels(
    full: dict[str, Metric],
) -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    listed = {
        name: (kind, tuple(sorted(re.findall(r"`(\w+)`", labels))))
        for name, kind, labels in ROW.findall(page)
    }
    served = {}
    for family in full.values():
        if not family.name.startswith(LIBRARY):
            name = family.name + ("_total" if family.type == "counter" else "")
            labels = sorted({key for s in family.samples for key in s.labels} - {"le"})
            served[name] = (family.type, tuple(labels))
    assert listed == served


def test_every_metric_of_the_sample_alerts_is_served(full: dict[str, Metric]) -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    served = {s.name for family in full.values() for s in family.samples}
    used = set(re.findall(r"^ *expr: .*$", page, re.MULTILINE))
    assert len(used) >= 6
    for expression in used:
        for name in re.findall(r"risk_\w+", expression):
            assert name in served, name


@pytest.mark.parametrize(
    "header", ["", "Bearer wrong-0123456789abcdef", "Bearer", "Token nobody", f"Basic {TOKEN}"]
)
def test_strangers_get_no_metrics_in_production(web: Web, header: str) -> None:
    headers = {"Authorization": header} if header else {}
    found = web.get("/metrics", Host="localhost", **headers)
    assert found.status == 403
    assert "risk_" not in found.text


def test_a_scrape_while_redis_and_the_database_are_away_says_so(tmp_path: Path) -> None:
    away = {
        "DATABASE_URL": "postgresql://risk:secret@127.0.0.1:1/risk",
        "REDIS_URL": "redis://127.0.0.1:1/0",
    }
    with running_web(tmp_path, **away) as web:
        found = scrape(web)  # loopback is enough in development
        assert value(found, "risk_redis_up") == value(found, "risk_database_up") == 0
        assert {name for name in found if name.startswith("risk_")} == {
            "risk_redis_up",
            "risk_database_up",
        }


def test_a_user_with_a_token_may_scrape_until_the_account_is_closed(web: Web) -> None:
    user = User.objects.create_user("scraper")
    header = f"Token {AuthToken.objects.create(user=user)[1]}"
    assert web.get("/metrics", Host="localhost", Authorization=header).status == 200
    user.is_active = False
    user.save()
    assert web.get("/metrics", Host="localhost", Authorization=header).status == 403
