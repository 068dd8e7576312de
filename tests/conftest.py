"""Fixtures for every test; the servers behind them are started by ``tests/servers.py``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from pricing.frames import connect


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


@pytest.fixture
def redis_client(redis_url: str) -> Iterator[redis.Redis]:
    """An empty Redis."""
    client = connect(redis_url)
    client.flushdb()
    yield client
    client.flushdb()
    client.close()
