"""One user a role, a book of two desks, and clients that are logged in."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from knox.models import AuthToken
from rest_framework.test import APIClient

from instruments.models import Book, Desk, Swap
from risk.api import source
from riskproject.web import throttles
from tests.instruments.conftest import make_bond, make_swap

ROLES = ("viewer", "trader", "risk_admin")


def a_user(name: str, *roles: str) -> Any:
    user = get_user_model().objects.create_user(name)
    user.groups.set(Group.objects.filter(name__in=roles))
    return user


def by_token(user: Any) -> APIClient:
    client = APIClient()
    if user is not None:
        key = AuthToken.objects.create(user=user)[1]
        client.credentials(HTTP_AUTHORIZATION=f"Token {key}")
    return client


@pytest.fixture(autouse=True)
def _own_redis(redis_client: Any, redis_url: str, settings: Any) -> None:
    settings.REDIS_URL = redis_url
    source.frames.cache_clear()
    source.books.cache_clear()


@pytest.fixture
def desks(db: None) -> dict[str, Desk]:
    """RATES holds S1, CREDIT holds S2; T1 is a bond."""
    made = {}
    for code, trade in (("RATES", "S1"), ("CREDIT", "S2")):
        made[code] = Desk.objects.create(code=code, name=code.title())
        book = Book.objects.create(code=f"{code}-BOOK", name=code, desk=made[code])
        make_swap(book, trade_id=trade).save()
    make_bond(code="T1", currency="USD").save()
    return made


@pytest.fixture
def users(desks: dict[str, Desk]) -> dict[str, Any]:
    """Everyone there can be; `trader` belongs to RATES, `both` too and sees everything."""
    made = {
        "anonymous": None,
        "nobody": a_user("nobody"),
        "viewer": a_user("viewer", "viewer"),
        "trader": a_user("trader", "trader"),
        "both": a_user("both", "viewer", "trader"),
        "risk_admin": a_user("risk_admin", "risk_admin"),
        "superuser": get_user_model().objects.create_superuser("root", "root@example.com"),
    }
    desks["RATES"].traders.set([made["trader"], made["both"]])
    return made


@pytest.fixture
def swap(desks: dict[str, Desk]) -> Swap:
    return Swap.objects.get(trade_id="S1")


@pytest.fixture(autouse=True)
def _one_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of the limits stands: no test falls over the end of a minute."""
    monkeypatch.setattr(throttles, "now", lambda: 1_800_000_030.0)
    monkeypatch.setattr(throttles, "_away_until", 0.0)
