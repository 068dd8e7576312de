"""A desk, a book, a bond, a stand-in for the broker, and clients that are logged in."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from rest_framework.test import APIClient

from instruments.models import Bond, BondPosition, Book, Desk, Swap, book_version
from risk.api import previewer
from risk.store.previews import CONTRACT_TASK
from risk.workers.preview import contract_flows


class FakeBroker:
    """Takes tasks, or fails like a broker that is away."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.error: Exception | None = None

    def send_task(self, name: str, *, queue: str) -> None:
        if self.error is not None:
            raise self.error
        self.sent.append((name, queue))


@pytest.fixture(autouse=True)
def broker(monkeypatch: pytest.MonkeyPatch) -> FakeBroker:
    fake = FakeBroker()
    monkeypatch.setattr(book_version, "current_app", fake)
    return fake


@pytest.fixture
def desk(db: None) -> Desk:
    return Desk.objects.create(code="RATES", name="Rates")


@pytest.fixture
def book(desk: Desk) -> Book:
    return Book.objects.create(code="B1", name="Book one", desk=desk)


BOND = {
    "code": "T-4.125-2032",
    "isin": "US91282CFV81",
    "name": "Treasury 4.125% 2032",
    "convention": "US-TREASURY",
    "issue_date": dt.date(2022, 11, 15),
    "maturity_date": dt.date(2032, 11, 15),
    "coupon_rate": Decimal("0.04125"),
}
SWAP = {
    "trade_id": "S1",
    "convention": "USD-SOFR-OIS",
    "pay_receive": "pay",
    "notional": Decimal("10000000"),
    "effective_date": dt.date(2023, 3, 15),
    "termination_date": dt.date(2033, 3, 15),
    "fixed_rate": Decimal("0.035"),
}


def make_bond(**changes: Any) -> Bond:
    return Bond(**{**BOND, **changes})


def make_swap(book: Book, **changes: Any) -> Swap:
    return Swap(**{**SWAP, "book": book, **changes})


@pytest.fixture
def bond(db: None) -> Bond:
    row = make_bond(currency="USD")
    row.save()
    return row


@pytest.fixture
def swap(book: Book) -> Swap:
    row = make_swap(book)
    row.save()
    return row


@pytest.fixture
def position(book: Book, bond: Bond) -> BondPosition:
    return BondPosition.objects.create(
        trade_id="P1", book=book, bond=bond, face_amount=Decimal("5000000")
    )


@pytest.fixture
def api(admin_user: Any) -> APIClient:
    client = APIClient()
    client.force_authenticate(admin_user)
    return client


@pytest.fixture(autouse=True)
def _previewer_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The previewer's own code answers here; tests/risk/api asks a real one."""

    def ask(task: str, question: Any, timeout_s: float = 0.0) -> Any:
        assert task == CONTRACT_TASK
        return msgspec.json.decode(msgspec.json.encode(contract_flows(question)))

    monkeypatch.setattr(previewer, "ask", ask)
