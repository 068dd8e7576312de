"""Callers of REST in this process, and frames of two currencies for them to read."""

from __future__ import annotations

from typing import Any

import redis
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from rest_framework.test import APIClient

from instruments.models import Desk
from pricing.errors import Failure
from risk.api import source
from risk.store.compiled_book import BookHead
from risk.store.compiled_book_store import CompiledBooks
from tests.risk.made import bond, store, swap
from tests.risk.published import publish


def caller(user: Any) -> APIClient:
    """A client that is logged in."""
    client = APIClient()
    client.force_authenticate(user)
    return client


def caller_of(redis_url: str, settings: Any, user: Any) -> APIClient:
    """The same, of an API that reads this Redis."""
    settings.REDIS_URL = redis_url
    source.frames.cache_clear()
    source.books.cache_clear()
    return caller(user)


def trader(desk: str) -> APIClient:
    """A trader of one desk, which is made if it is not there."""
    user = get_user_model().objects.create_user(f"trader-{desk}")
    user.groups.add(Group.objects.get(name="trader"))
    made, _ = Desk.objects.get_or_create(code=desk, defaults={"name": desk})
    made.traders.add(user)
    return caller(user)


def publish_two_currencies(client: redis.Redis) -> tuple[CompiledBooks, BookHead]:
    """USD with a swap, a bond and two failures; EUR with two swaps. Returns the book of USD."""
    books = CompiledBooks(client)
    lost = Failure(trade_id="X1", code="BAD_INPUT", message="no such calendar")
    seasoned = swap("OLD", effective_date=swap().effective_date.replace(year=2023))
    usd = store(books, swap("S1"), bond("P1"), seasoned, failures=(lost,), blocks=2)
    eur = store(
        books,
        swap("E1", convention="EUR-ESTR-OIS"),
        swap("E2", convention="EUR-ESTR-OIS", notional=2e6),
        currency="EUR",
    )
    for made in (usd, eur):
        publish(client, books, made, 1)
    return books, usd
