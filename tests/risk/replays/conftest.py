"""The stored days and the book that are replayed."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from instruments.models import Book, Desk, Swap, book_version
from risk.history.layouts.table import Quote
from risk.history.store import Origin, store
from tests.risk.replays.small import DAYS, quotes_of


@pytest.fixture(autouse=True)
def no_broker(monkeypatch):
    monkeypatch.setattr(book_version, "ask_to_compile", lambda: None)


@pytest.fixture
def history(db):
    quotes = [
        Quote(day, curve, tenor, rate + spread)
        for day in DAYS
        for curve, spread in (("USD-SOFR", 0.0), ("EUR-ESTR", -0.01))
        for tenor, rate in quotes_of(day).items()
    ]
    now = dt.datetime.now(dt.UTC)
    store(quotes, Origin(publisher="test", name="x", label="official", retrieved_at=now))


@pytest.fixture
def book(db):
    row = Book.objects.create(code="B1", name="B", desk=Desk.objects.create(code="D", name="D"))
    for n in range(6):
        Swap.objects.create(
            trade_id=f"S{n}",
            book=row,
            convention=("USD-SOFR-OIS", "EUR-ESTR-OIS")[n % 2],
            pay_receive=("pay", "receive")[n // 3],
            notional=Decimal(1_000_000 + n),
            effective_date=dt.date(2024, 4, 2),
            termination_date=dt.date(2029 + n, 4, 2),
            fixed_rate=Decimal("0.04"),
        )
    return row
