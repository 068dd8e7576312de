"""Fixtures for every test; the servers behind them are started by ``tests/servers.py``."""

from __future__ import annotations

import gc
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import settings
from playwright.sync_api import Browser, sync_playwright

from risk.store.frames import connect
from tests import not_run

# A busy machine takes longer than Hypothesis's 0.2 s for an example: no test fails for that.
settings.register_profile("no_deadline", deadline=None)
settings.load_profile("no_deadline")

GC_THRESHOLD = 50_000
"""New objects between two garbage collections, as in ``manage.py``. The modules and tests that a
run has loaded are some millions of objects and no garbage: with Python's 700 the collector took a
quarter of the CPU time of the pricing tests."""
gc.set_threshold(GC_THRESHOLD)

CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
)


def pytest_collection_finish() -> None:
    """Leave what has been loaded out of all later collections."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    found = (
        os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    )
    if not found:
        not_run.stop(not_run.CHROMIUM)
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as tools:
        # Playwright keeps an event loop in this thread, where Django would refuse its database.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        started = tools.chromium.launch(executable_path=found, args=list(CHROMIUM_FLAGS))
        yield started
        started.close()


@pytest.fixture(autouse=True, scope="module")
def _kafka_clients_are_closed() -> Iterator[None]:
    """A client left open reconnects in its thread, which draws random numbers in later tests."""
    yield
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith("kafka-io-")]
    assert left == [], "Kafka clients that the tests of this file have not closed"


@pytest.fixture(scope="session")
def redis_url() -> str:
    """A Redis of this test run."""
    return os.environ["REDIS_URL"]


@pytest.fixture(scope="session")
def kafka_bootstrap() -> str:
    """A Kafka broker of this test run."""
    return os.environ["KAFKA_BOOTSTRAP_SERVERS"]


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    """A password costs half a second on purpose; a test that makes users need not pay it."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _own_blocks(settings: Any, tmp_path: Path) -> None:
    """A test maps no block that another one has made."""
    settings.BLOCK_CACHE_DIR = tmp_path / "mapped-blocks"


@pytest.fixture
def redis_client(redis_url: str) -> Iterator[redis.Redis]:
    """An empty Redis."""
    client = connect(redis_url)
    client.flushdb()
    yield client
    client.flushdb()
    client.close()
