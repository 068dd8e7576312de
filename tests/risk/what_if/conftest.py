"""A book of two desks in PostgreSQL, compiled and published, and users who ask for what-ifs.

All is real; only the queue is left out: the task of the preview worker runs where it is sent.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from celery import Celery
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from rest_framework.test import APIClient

from instruments.models import Bond, BondPosition, Book, Desk, Swap, book_version
from pricing.curves.quotes import CurveOptions
from risk.api import previewer, source
from risk.compiler.book_compiler import Compiler
from risk.store.compiled_book_store import CompiledBooks
from risk.store.frames import Frames
from risk.what_if import tasks as what_if_tasks
from risk.workers import tasks
from tests.risk.published import publish

CACHES = (tasks._frames, tasks._session, previewer._waiting_client, source.frames, source.books)
TASKS = {
    name: getattr(what_if_tasks, name.rpartition(".")[2])
    for name in ("risk.what_if.tasks.price_what_if", "risk.what_if.tasks.find_hedge")
}


@pytest.fixture(autouse=True)
def queue_left_out(
    monkeypatch: pytest.MonkeyPatch, redis_url: str, settings: Any, redis_client: Any
) -> Any:
    settings.REDIS_URL = redis_url
    for made in CACHES:
        made.cache_clear()
    monkeypatch.setattr(book_version, "ask_to_compile", lambda: None)
    # Of every application: which one is current depends on the thread.
    monkeypatch.setattr(Celery, "send_task", lambda _, name, args, **__: TASKS[name](*args))
    yield
    for made in CACHES:
        made.cache_clear()


@pytest.fixture
def books(db: None) -> dict[str, Book]:
    found = {}
    for code, desk in (("B1", "RATES"), ("B2", "GOVIES")):
        made = Desk.objects.create(code=desk, name=desk.title())
        found[code] = Book.objects.create(code=code, name=code, desk=made)
    bond = Bond.objects.create(
        code="T-4.125-2032",
        isin="US91282CFV81",
        name="Treasury",
        convention="US-TREASURY",
        currency="USD",
        issue_date=dt.date(2022, 11, 15),
        maturity_date=dt.date(2032, 11, 15),
        coupon_rate=Decimal("0.04125"),
        discount_curve="USD-SOFR",
    )
    for number, rate in enumerate(("0.04", "0.041", "0.0395"), 1):
        Swap.objects.create(
            trade_id=f"S{number}",
            book=found["B1"],
            convention="USD-SOFR-OIS",
            pay_receive="receive" if number % 2 else "pay",
            notional=Decimal(number * 1_000_000),
            effective_date=dt.date(2024, 3, 7),
            termination_date=dt.date(2029 + number, 3, 7),
            fixed_rate=Decimal(rate),
        )
    BondPosition.objects.create(
        trade_id="P1",
        book=found["B2"],
        bond=bond,
        face_amount=Decimal(1_000_000),
        z_spread_bp=Decimal(10),
    )
    return found


@pytest.fixture
def compile_and_publish(redis_client: Any, books: Any) -> Callable[[], dict[str, Any]]:
    """Compile the tables, and publish frames at the usual quotes; returns sums by currency."""
    stored = CompiledBooks(redis_client)
    frames = Frames(redis_client)
    compiler = Compiler(stored, frames, CurveOptions(), 1)
    numbers = iter(range(1, 100))

    def run() -> dict[str, Any]:
        found = {}
        for head in compiler.run():
            made = stored.manifest(head.currency, head.version)
            if made is not None and made.trades and head.currency in ("USD", "EUR"):
                publish(redis_client, stored, made, next(numbers))
                found[head.currency] = frames.current(head.currency)
        return found

    return run


def user(*roles: str, desk: str = "") -> APIClient:
    made = get_user_model().objects.create_user("-".join((*roles, desk)))
    made.groups.set(Group.objects.filter(name__in=roles))
    if desk:
        Desk.objects.get(code=desk).traders.add(made)
    client = APIClient()
    client.force_authenticate(made)
    return client


@pytest.fixture
def client(admin_user: Any) -> APIClient:
    made = APIClient()
    made.force_authenticate(admin_user)
    return made
