"""Who changed what and when is kept of every row, cannot be rewritten, and leads back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, transaction
from django.test import Client

from instruments import trade_repository as master
from instruments.models import BondPosition, Book, Desk, Quarantine, Swap
from instruments.trade_repository import current_version
from tests.instruments.test_admin import form_of


def change(client: Client, swap: Swap, **values: str) -> Any:
    address = f"/admin/instruments/swap/{swap.pk}/change/"
    return client.post(address, {**form_of(client, address), **values})


def bring_back(client: Client, swap: Swap, line: Any, **values: Any) -> Any:
    address = f"/admin/instruments/swap/{swap.pk}/history/{line.history_id}/"
    form = client.get(address).context["adminform"].form
    filled = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    given = {name: "" if value is None else value for name, value in filled.items()}
    return client.post(address, {**given, **values})


def test_a_change_in_the_admin_is_kept_with_user_and_values(
    admin_client: Client, admin_user: Any, swap: Swap
) -> None:
    assert change(admin_client, swap, fixed_rate="0.04").status_code == 302
    new, old = Swap.history.all()
    assert (new.history_type, new.history_user, new.version) == ("~", admin_user, 2)
    assert [c.field for c in new.diff_against(old).changes] == ["fixed_rate"]
    page = admin_client.get(f"/admin/instruments/swap/{swap.pk}/history/").content.decode()
    assert "0.0400000000" in page


def test_an_older_state_is_brought_back_as_a_new_version(
    admin_client: Client, admin_user: Any, swap: Swap
) -> None:
    change(admin_client, swap, fixed_rate="0.04")
    before = current_version()
    first = Swap.history.order_by("history_id").first()
    assert bring_back(admin_client, swap, first).status_code == 302
    row = Swap.objects.get()
    assert (row.fixed_rate, row.version) == (Decimal("0.035"), 3)
    assert current_version() == before + 1
    assert Swap.history.first().history_user == admin_user


def test_bringing_back_goes_through_the_same_checks(admin_client: Client, swap: Swap) -> None:
    change(admin_client, swap, fixed_rate="0.04")
    first = Swap.history.order_by("history_id").first()
    page = bring_back(admin_client, swap, first, fixed_rate="4")
    assert "fixed_rate: 4.0 is not valid" in page.content.decode()
    stale = bring_back(admin_client, swap, first, seen_version="1")
    assert "is at version 2, your change was made on version 1" in stale.content.decode()
    assert Swap.objects.get().fixed_rate == Decimal("0.04")


def test_a_deleted_row_is_still_in_the_history(admin_client: Client, swap: Swap) -> None:
    key = swap.pk
    admin_client.post(f"/admin/instruments/swap/{key}/delete/", {"post": "yes"})
    assert Swap.objects.count() == 0
    assert [line.history_type for line in Swap.history.filter(id=key)] == ["-", "+"]


@pytest.mark.parametrize("statement", ["UPDATE {} SET fixed_rate = 1", "DELETE FROM {}"])
def test_the_database_lets_nobody_rewrite_the_history(swap: Swap, statement: str) -> None:
    from django.db import connection

    table = Swap.history.model._meta.db_table
    with (
        pytest.raises(DatabaseError, match="history is only ever added to"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.format(table))
    assert Swap.history.count() == 1


def test_a_user_may_go_and_the_history_stays(
    admin_client: Client, swap: Swap, django_user_model: Any
) -> None:
    somebody = django_user_model.objects.create_superuser("somebody", "a@example.com", "x")
    other = Client()
    other.force_login(somebody)
    change(other, swap, fixed_rate="0.04")
    somebody.delete()
    assert Swap.history.first().history_user is None
    assert Swap.history.count() == 2


def test_who_may_trade_for_a_desk_is_in_its_history(desk: Desk, admin_user: User) -> None:
    desk.traders.add(admin_user)
    line = desk.history.first()
    assert [named.user for named in line.traders.all()] == [admin_user]


def test_a_solved_spread_is_a_line_of_the_history(position: BondPosition) -> None:
    BondPosition.objects.update(clean_price=99)
    assert master.store_spreads({"P1": 12.5}) == 1
    line = BondPosition.history.first()
    assert (line.z_spread_bp, line.version) == (Decimal("12.5"), 2)
    assert line.history_change_reason == "made from the quote on a market"


def test_a_release_from_quarantine_names_who_did_it(
    admin_client: Client, admin_user: Any, db: None
) -> None:
    row = Quarantine.objects.create(trade_id="S1", currency="USD", frame=7, reason="killed it")
    before = current_version()
    page = admin_client.get("/admin/instruments/quarantine/")
    assert "killed it" in page.content.decode()
    picked = {"action": "release", "_selected_action": [row.pk]}
    admin_client.post("/admin/instruments/quarantine/", picked)
    assert (Quarantine.objects.count(), current_version()) == (0, before + 1)
    line = Quarantine.history.first()
    assert (line.history_type, line.history_user) == ("-", admin_user)


def test_audit_pages_show_who_did_what_and_nobody_writes_there(
    admin_client: Client, admin_user: Any, swap: Swap
) -> None:
    change(admin_client, swap, fixed_rate="0.04")
    page = admin_client.get("/admin/instruments/historicalswap/").content.decode()
    assert "changed" in page
    assert f"/admin/instruments/swap/{swap.pk}/history/" in page
    assert admin_client.get("/admin/instruments/historicalswap/add/").status_code == 403


def test_a_row_of_before_the_history_has_its_first_line(book: Book, django_db_blocker: Any) -> None:
    """What migration 0005 makes of a database that has rows already."""
    from importlib import import_module

    from django.apps import apps

    Book.objects.bulk_create([Book(code="OLD", name="Old", desk=book.desk, version=4)])
    begin = import_module("instruments.migrations.0005_history_begins")
    begin.begin(apps, None)
    line = Book.history.get(code="OLD")
    assert (line.history_type, line.version, line.desk) == ("+", 4, book.desk)
    assert line.history_change_reason == "as it stood when the history began"
