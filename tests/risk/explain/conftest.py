"""Frames and books in a real Redis, and what explains them."""

from __future__ import annotations

import pytest

from pricing.curves.quotes import CurveOptions
from risk.explain.maker import ExplainMaker
from risk.store.compiled_book_store import CompiledBooks
from risk.store.follow_up import ShareOfTime
from risk.store.frames import Frames
from risk.workers import tasks


@pytest.fixture
def frames(redis_client, settings, redis_url, monkeypatch):
    settings.REDIS_URL = redis_url
    for made in (tasks._frames, tasks._books, tasks._session, tasks._netter, tasks._run_registry):
        made.cache_clear()
    return Frames(redis_client)


@pytest.fixture
def books(redis_client):
    return CompiledBooks(redis_client)


@pytest.fixture
def maker(frames, books):
    made = ExplainMaker(frames, books, CurveOptions(), lambda changes, since, until: {})
    made.time = ShareOfTime(1e9)  # runs may follow each other at once
    return made
