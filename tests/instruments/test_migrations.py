"""A database of before the history is brought up to date with all its rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from knox.models import AuthToken

from instruments.models import BondPosition, Desk, Quarantine, Swap
from tests.instruments.conftest import BOND, SWAP

BEFORE = [("instruments", "0003_quarantine_replies_traders")]


def migrate(targets: list[tuple[str, str]]) -> Any:
    executor = MigrationExecutor(connection)
    executor.migrate(targets)
    return executor.loader.project_state(targets).apps


def newest() -> list[tuple[str, str]]:
    """The last migration of every app: tables of other apps lean on those of the book."""
    return MigrationExecutor(connection).loader.graph.leaf_nodes()


@pytest.fixture(autouse=True)
def all_tables(transactional_db: None) -> Iterator[None]:
    """Other tests find the tables of every app as they were."""
    tables = connection.introspection.table_names()
    yield
    migrate(newest())
    assert connection.introspection.table_names() == tables


def give_rows(old: Any) -> Any:
    """A row of each table; returns the swap."""
    desk = old.get_model("instruments", "Desk").objects.create(code="D", name="Desk", version=3)
    book = old.get_model("instruments", "Book").objects.create(code="B", name="Book", desk=desk)
    swap = old.get_model("instruments", "Swap").objects.create(**SWAP, book=book, version=7)
    bond = old.get_model("instruments", "Bond").objects.create(**BOND, currency="USD")
    old.get_model("instruments", "BondPosition").objects.create(
        trade_id="P1", bond=bond, book=book, face_amount=1, z_spread_bp=Decimal("34608.3")
    )
    old.get_model("instruments", "Quarantine").objects.create(
        trade_id="S9", currency="USD", frame=1, reason="killed its worker"
    )
    return swap


def give_token(key: str) -> Any:
    """A token as it was kept then, in the clear; returns its user."""
    user = get_user_model().objects.create_superuser("client", "client@example.com")
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE authtoken_token (key varchar(40) PRIMARY KEY, created timestamptz NOT"
            " NULL, user_id integer NOT NULL UNIQUE REFERENCES auth_user (id) DEFERRABLE INITIALLY"
            " DEFERRED)"
        )
        cursor.execute(
            "INSERT INTO authtoken_token VALUES (%s, '2024-03-01T00:00:00Z', %s)", [key, user.pk]
        )
    return user


def test_an_older_database_keeps_rows_and_tokens_and_begins_its_history() -> None:
    """One round through all migrations: it takes longer than all that is looked at here."""
    swap = give_rows(migrate(BEFORE))
    key = "0123456789abcdef0123456789abcdef01234567"
    user = give_token(key)
    migrate(newest())
    rows_are_kept(swap)
    tokens_are_hashed_where_they_are(user, key)


def rows_are_kept(swap: Any) -> None:
    row = Swap.objects.get()
    assert (row.version, row.counterparty, row.clearing_house) == (7, None, "")
    line = row.history.get()
    assert (line.version, line.fixed_rate) == (7, Decimal("0.035"))
    assert abs(line.history_date - swap.updated) < dt.timedelta(seconds=1)
    assert BondPosition.history.get().z_spread_bp == Decimal("34608.3")
    assert (Desk.history.get().version, Quarantine.history.count()) == (3, 1)
    row.save()
    assert row.history.count() == 2


def tokens_are_hashed_where_they_are(user: Any, key: str) -> None:
    """Nobody can read them, and programs that have one keep it."""
    stored = AuthToken.objects.get()
    assert (stored.user, stored.created.year, stored.expiry) == (user, 2024, None)
    assert key not in str(vars(stored))
    headers = {"Authorization": f"Token {key}"}
    assert Client().get("/api/v1/swaps/", headers=headers).status_code == 200
    assert "authtoken_token" not in connection.introspection.table_names()
