"""Pages of trades and instruments: what they pay, what they are worth, and who may do what."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import Group
from django.test import Client

from instruments.admin.shared.panel import live
from instruments.models import Bond, BondPosition, Book, Desk, Swap
from tests.instruments.conftest import SWAP, make_swap
from tests.instruments.test_admin import form_of

PAGES = sorted(
    model._meta.model_name
    for model in admin.site._registry
    if model._meta.app_label == "instruments"
)


def text_of(page: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.content.decode()))


@pytest.fixture
def no_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    from risk.api import source

    monkeypatch.setattr(settings, "REDIS_URL", "redis://127.0.0.1:1/0")
    source.frames.cache_clear()
    source.books.cache_clear()
    yield
    source.frames.cache_clear()
    source.books.cache_clear()


def as_role(django_user_model: Any, role: str, desk: Desk | None = None) -> Client:
    user = django_user_model.objects.create_user(role, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    if desk:
        desk.traders.add(user)
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize("table", PAGES)
def test_every_registered_page_opens(admin_client: Client, swap: Swap, table: str) -> None:
    assert admin_client.get(f"/admin/instruments/{table}/").status_code == 200


def test_the_page_of_a_bond_shows_coupon_in_percent_and_its_cash_flows(
    admin_client: Client, bond: Bond
) -> None:
    text = text_of(admin_client.get(f"/admin/instruments/bond/{bond.pk}/change/"))
    assert "4.125 %" in text
    assert "2023-05-15 coupon 2.06" in text
    assert "2032-11-15 redemption 100.00" in text


def test_the_page_of_a_swap_shows_fixed_flows_and_that_the_others_float(
    admin_client: Client, swap: Swap
) -> None:
    text = text_of(admin_client.get(f"/admin/instruments/swap/{swap.pk}/change/"))
    assert re.search(r"2033-03-17 coupon -354,\d{3}\.\d\d", text)
    assert "2033-03-17 floating, SOFR - 2032-03-15 2033-03-15" in text


def test_a_position_that_waits_for_its_spread_has_cash_flows_too(
    admin_client: Client, position: BondPosition
) -> None:
    BondPosition.objects.update(clean_price=99)
    text = text_of(admin_client.get(f"/admin/instruments/bondposition/{position.pk}/change/"))
    assert "2023-05-15 coupon 103,125.00" in text


@pytest.mark.usefixtures("no_redis")
def test_without_redis_the_page_says_so_and_everything_else_works(
    admin_client: Client, swap: Swap
) -> None:
    address = f"/admin/instruments/swap/{swap.pk}/change/"
    assert "redis" in text_of(admin_client.get(address)).lower()
    page = admin_client.post(address, {**form_of(admin_client, address), "fixed_rate": "0.04"})
    assert page.status_code == 302
    assert Swap.objects.get().fixed_rate == Decimal("0.04")


def test_a_convention_fills_what_is_left_empty_as_if_it_had_been_given(book: Book) -> None:
    short = make_swap(book)
    full = make_swap(
        book,
        fixed_frequency="1Y",
        fixed_day_count="ACT/360",
        float_frequency="1Y",
        float_day_count="ACT/360",
        floating_index="SOFR",
        payment_lag=2,
        calendar="US-SOFR",
        business_day_convention="MODIFIED_FOLLOWING",
        end_of_month=False,
        discount_curve="USD-SOFR",
        forecast_curve="USD-SOFR",
    )
    panels = [
        live().contract(
            "swap",
            {**row.terms_values(), "book": "B1"},
            title="",
        )
        for row in (short, full)
    ]
    assert len(panels[0].rows) == 20
    assert panels[0].rows == panels[1].rows


def test_a_swap_is_entered_with_a_tenor_instead_of_its_last_day(
    admin_client: Client, book: Book
) -> None:
    address = "/admin/instruments/swap/add/"
    form = {**form_of(admin_client, address), **SWAP, "book": book.pk}
    del form["termination_date"]
    page = admin_client.post(address, {**form, "tenor": "ten"})
    assert "tenor: &#x27;ten&#x27; is not valid; a number and D, W, M or Y" in page.content.decode()
    page = admin_client.post(address, {**form, "tenor": ""})
    assert "Enter the termination date or a tenor." in page.content.decode()
    assert admin_client.post(address, {**form, "tenor": "18M"}).status_code == 302
    assert Swap.objects.get().termination_date.isoformat() == "2024-09-15"


def test_cancelling_is_an_action_with_its_line_of_history(
    admin_client: Client, admin_user: Any, swap: Swap
) -> None:
    picked = {"action": "cancel", "_selected_action": [swap.pk]}
    admin_client.post("/admin/instruments/swap/", picked)
    row, line = Swap.objects.get(), Swap.history.first()
    assert (row.status, row.version) == ("cancelled", 2)
    assert (line.history_user, line.history_change_reason) == (
        admin_user,
        "cancelled in the admin",
    )


@pytest.mark.parametrize("role", ["viewer", "trader", "risk_admin"])
def test_only_a_superuser_deletes_a_trade(
    swap: Swap, desk: Desk, django_user_model: Any, role: str
) -> None:
    client = as_role(django_user_model, role, desk)
    address = f"/admin/instruments/swap/{swap.pk}/delete/"
    assert client.post(address, {"post": "yes"}).status_code == 403
    assert Swap.objects.count() == 1


def test_a_viewer_reads_and_cannot_change(swap: Swap, django_user_model: Any) -> None:
    client = as_role(django_user_model, "viewer")
    address = f"/admin/instruments/swap/{swap.pk}/change/"
    page = client.get(address)
    assert page.status_code == 200
    assert 'name="_save"' not in page.content.decode()
    assert client.post(address, {"fixed_rate": "0.04"}).status_code == 403
    assert client.get("/admin/instruments/swap/add/").status_code == 403
    picked = {"action": "cancel", "_selected_action": [swap.pk]}
    client.post("/admin/instruments/swap/", picked)
    assert Swap.objects.get().status == "active"


def test_the_history_of_another_desk_is_not_for_a_trader(
    swap: Swap, django_user_model: Any
) -> None:
    client = as_role(django_user_model, "trader")
    history = f"/admin/instruments/swap/{swap.pk}/history/"
    line = Swap.history.get()
    assert client.get(history).status_code != 200
    assert client.get(f"{history}{line.history_id}/").status_code == 404
    assert client.get("/admin/instruments/historicalswap/").status_code == 403
    swap.book.desk.traders.add(django_user_model.objects.get(username="trader"))
    assert client.get(history).status_code == 200


def test_who_may_only_read_brings_no_older_state_back(swap: Swap, django_user_model: Any) -> None:
    client = as_role(django_user_model, "viewer")
    line = Swap.history.get()
    address = f"/admin/instruments/swap/{swap.pk}/history/{line.history_id}/"
    assert client.get(address).status_code == 200
    assert client.post(address, {"seen_version": "1"}).status_code == 403
    assert Swap.objects.get().version == 1


@pytest.mark.parametrize("table", ["axes/accessattempt", "axes/accesslog", "knox/authtoken"])
def test_logins_and_tokens_are_for_superusers(
    admin_client: Client, django_user_model: Any, db: None, table: str
) -> None:
    assert admin_client.get(f"/admin/{table}/").status_code == 200
    client = as_role(django_user_model, "risk_admin")
    assert client.get(f"/admin/{table}/").status_code == 403


def test_the_menu_shows_what_the_user_may_see(
    admin_client: Client, django_user_model: Any, db: None
) -> None:
    assert "Failed logins" in text_of(admin_client.get("/admin/"))
    text = text_of(as_role(django_user_model, "viewer").get("/admin/"))
    assert "Swaps" in text
    assert "Failed logins" not in text


@pytest.mark.parametrize(
    "table", ["swap", "bondposition", "bond", "book", "desk", "historicalswap"]
)
def test_a_list_takes_as_many_queries_for_thirty_rows_as_for_one(
    admin_client: Client, swap: Swap, position: BondPosition, table: str
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            assert admin_client.get(f"/admin/instruments/{table}/").status_code == 200
        return len(found)

    queries()  # content types and the like are read once
    before = queries()
    for i in range(30):
        desk = Desk.objects.create(code=f"D{i}", name="Desk")
        book = Book.objects.create(code=f"BK{i}", name="Book", desk=desk)
        make_swap(book, trade_id=f"T{i}").save()
        bond = Bond(**{**vars_of(position.bond), "code": f"C{i}", "isin": None})
        bond.save()
        BondPosition.objects.create(trade_id=f"Q{i}", book=book, bond=bond, face_amount=Decimal(1))
    assert queries() <= before


def vars_of(bond: Bond) -> dict[str, Any]:
    names = ("name", "convention", "currency", "issue_date", "maturity_date", "coupon_rate")
    return {name: getattr(bond, name) for name in names}


def test_no_page_asks_another_host_for_anything(admin_client: Client, swap: Swap) -> None:
    for address in ("/admin/", "/admin/instruments/swap/", "/admin/instruments/swap/import/"):
        page = admin_client.get(address).content.decode()
        assert not re.findall(r'(?:src|href)="(?:https?:)?//[^"]*"', page)


def test_a_price_that_may_be_a_fraction_is_saved_with_a_warning(
    admin_client: Client, position: BondPosition
) -> None:
    address = f"/admin/instruments/bondposition/{position.pk}/change/"

    def save(**changes: str) -> list[str]:
        sent = {**form_of(admin_client, address), **changes}
        page = admin_client.post(address, sent, follow=True)
        return [str(message) for message in page.context["messages"]]

    doubt = "clean_price: 1.01 is read as 1.01 % of face; if 101 % is meant, write 101"
    assert doubt in save(clean_price="1.01")
    assert doubt not in save()  # it is stored so: nobody is asked again
