"""The admin shows every table, repeats the library's sentences, and asks before it overwrites."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from instruments.admin import percent
from instruments.models import BondPosition, Book, Swap
from instruments.trade_repository import current_version
from tests.instruments.conftest import make_swap

TABLES = ("desk", "book", "bond", "bondposition", "swap", "fixing")


def form_of(client: Any, address: str) -> dict[str, Any]:
    form = client.get(address).context["adminform"].form
    values = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    return {name: "" if value is None else value for name, value in values.items()}


@pytest.mark.parametrize("table", TABLES)
def test_every_table_has_its_pages(
    admin_client: Any, swap: Swap, position: BondPosition, table: str
) -> None:
    assert admin_client.get(f"/admin/instruments/{table}/").status_code == 200
    assert admin_client.get(f"/admin/instruments/{table}/?q=s1").status_code == 200
    assert admin_client.get(f"/admin/instruments/{table}/add/").status_code == 200


def test_rates_are_shown_in_percent(admin_client: Any, position: BondPosition) -> None:
    assert "4.125 %" in admin_client.get("/admin/instruments/bond/").content.decode()
    assert [percent(Decimal(text)) for text in ("0.04", "-0.00125", "0", "1")] == [
        "4.000 %",
        "-0.125 %",
        "0.000 %",
        "100.000 %",
    ]


def test_a_wrong_rate_is_refused_with_the_sentence_of_the_core(
    admin_client: Any, swap: Swap
) -> None:
    address = f"/admin/instruments/swap/{swap.pk}/change/"
    page = admin_client.post(address, {**form_of(admin_client, address), "fixed_rate": "3.5"})
    assert "fixed_rate: 3.5 is not valid" in page.content.decode()
    assert Swap.objects.get().fixed_rate == Decimal("0.035")


def test_a_change_is_saved_and_counted(admin_client: Any, swap: Swap) -> None:
    address = f"/admin/instruments/swap/{swap.pk}/change/"
    before = current_version()
    page = admin_client.post(address, {**form_of(admin_client, address), "fixed_rate": "0.04"})
    assert page.status_code == 302
    row = Swap.objects.get()
    assert (row.fixed_rate, row.version, current_version()) == (Decimal("0.04"), 2, before + 1)


def test_the_second_of_two_people_is_told(admin_client: Any, swap: Swap) -> None:
    address = f"/admin/instruments/swap/{swap.pk}/change/"
    form = form_of(admin_client, address)
    Swap.objects.get().save()
    page = admin_client.post(address, {**form, "fixed_rate": "0.04"})
    assert "S1 is at version 2, your change was made on version 1" in page.content.decode()
    assert Swap.objects.get().fixed_rate == Decimal("0.035")


def test_deleting_many_rows_is_one_change(admin_client: Any, swap: Swap, book: Book) -> None:
    make_swap(book, trade_id="S2").save()
    before = current_version()
    picked = {
        "action": "delete_selected",
        "_selected_action": list(Swap.objects.values_list("pk", flat=True)),
        "post": "yes",
    }
    admin_client.post("/admin/instruments/swap/", picked)
    assert (Swap.objects.count(), current_version()) == (0, before + 1)
