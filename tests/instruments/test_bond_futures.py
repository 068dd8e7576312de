"""Bond futures and the bonds that may be delivered, at every door of the master."""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from rest_framework.test import APIClient

from instruments import trade_repository
from instruments.loading import KINDS, load
from instruments.models import Bond, BondFuture, Book, Deliverable, Status
from instruments.trade_repository import reading
from pricing.products.flows import compile_trade
from tests.instruments.test_admin_pages import form_of

TABLE = "bond_futures"
ROW: dict[str, Any] = {
    "trade_id": "FUT-1",
    "book": "B1",
    "contract": "ZNH26",
    "contracts": -120,
    "trade_price": 111.984375,
}
BASKET: tuple[dict[str, Any], ...] = (
    {"code": "ZNH26-A", "contract": "ZNH26", "bond": "T-4.125-2032", "z_spread_bp": 12.5},
    {
        **{"code": "ZNH26-B", "contract": "ZNH26", "bond": "T-3.875-2033"},
        **{"conversion_factor": 0.8777, "repo_spread_bp": -15},
    },
)
BAD = (
    ("contract", "ZNH6", "two digits of a year, such as FGBLM25"),
    ("contract", "SR3H26", "futures: ZT, Z3N"),
    ("contract", "ZNM26", "the bonds that may be delivered into ZNM26"),
    ("contracts", "0", "a whole number of contracts, not 0"),
    ("option_value", "-101", "points of price, -100 to 100"),
    ("market_price", "0.5", "a price per 100 of face"),
)
"""Field, value and what the sentence says is allowed."""

BAD_BONDS = (
    ("contract", "ZNH6", "two digits of a year, such as FGBLM25"),
    ("contract", "FGBLH26", "FGBLH26 is in EUR"),
    ("conversion_factor", "0", "greater than 0"),
    ("z_spread_bp", "20000", "at most 10,000"),
)


@pytest.fixture
def bonds(db: None) -> None:
    for code, rate, start in (
        ("T-4.125-2032", "0.04125", dt.date(2022, 11, 15)),
        ("T-3.875-2033", "0.03875", dt.date(2023, 8, 15)),
    ):
        Bond(
            code=code,
            name=code,
            currency="USD",
            convention="US-TREASURY",
            coupon_rate=Decimal(rate),
            issue_date=start,
            maturity_date=start.replace(year=start.year + 10),
        ).save()


@pytest.fixture
def basket(bonds: None, book: Book) -> None:
    assert load(KINDS["deliverables"], BASKET).sentences() == []


def test_rows_of_files_become_a_trade_that_compiles(basket: None) -> None:
    assert load(KINDS[TABLE], [ROW]).sentences() == []
    (trade,) = trade_repository.load_trades().trades
    terms: Any = trade.terms
    assert terms.currency == BondFuture.objects.get().currency == "USD"
    # By hand: six years and six months of 2.0625 at 3 % a half year.
    assert [bond.conversion_factor for bond in terms.deliverables] == [0.9003, 0.8777]
    assert [(b.z_spread_bp, b.repo_spread_bp) for b in terms.deliverables] == [
        (12.5, 0.0),
        (0.0, -15.0),
    ]
    assert len(compile_trade(terms).flows) > 2 * 14
    assert BondFuture.objects.get().terms_values()["deliverables"]


def test_a_market_price_waits_for_its_option_value_and_a_new_one_drops_it(basket: None) -> None:
    row = {**ROW, "market_price": "111.5"}
    assert load(KINDS[TABLE], [row]).sentences() == []
    (trade,) = trade_repository.load_trades().trades
    terms: Any = trade.terms
    assert terms.waits_for_market
    assert trade_repository.store_spreads({"FUT-1": 0.123456789}) == 1
    assert trade_repository.store_spreads({"FUT-1": 0.2}) == 0
    assert BondFuture.objects.get().option_value == Decimal("0.12345679")
    assert load(KINDS[TABLE], [{"trade_id": "FUT-1", "market_price": "111.75"}]).sentences() == []
    assert BondFuture.objects.get().option_value is None
    changed = {"trade_id": "FUT-1", "market_price": "112", "option_value": "0.25"}
    assert load(KINDS[TABLE], [changed]).sentences() == []
    assert BondFuture.objects.get().option_value == Decimal("0.25")


@pytest.mark.parametrize(("field", "value", "allowed"), BAD)
def test_a_bad_term_in_a_file_is_a_sentence(
    basket: None, field: str, value: str, allowed: str
) -> None:
    (sentence,) = load(KINDS[TABLE], [{**ROW, field: value}]).sentences()
    assert allowed in sentence
    assert not BondFuture.objects.exists()


@pytest.mark.parametrize(("field", "value", "allowed"), BAD_BONDS)
def test_a_bad_bond_in_a_file_is_a_sentence(
    bonds: None, field: str, value: str, allowed: str
) -> None:
    (sentence,) = load(KINDS["deliverables"], [{**BASKET[0], field: value}]).sentences()
    assert allowed in sentence
    assert not Deliverable.objects.exists()


def test_a_bond_that_matures_before_delivery_is_a_sentence(bonds: None) -> None:
    Bond.objects.filter(code="T-4.125-2032").update(maturity_date=dt.date(2026, 3, 15))
    (sentence,) = load(KINDS["deliverables"], [BASKET[0]]).sentences()
    assert "bond: " in sentence
    assert "maturity_date 2026-03-15" in sentence
    assert "after the delivery of ZNH26 on 2026-03-31" in sentence


def test_rest_adds_reads_changes_and_deletes(api: APIClient, bonds: None, book: Book) -> None:
    early = api.post(f"/api/v1/{TABLE}/", ROW, format="json")
    assert early.status_code == 400
    assert "may be delivered into ZNH26" in early.content.decode()
    for row in BASKET:
        made = api.post("/api/v1/deliverables/", row, format="json")
        assert made.status_code == 201, made.content
    twice = api.post("/api/v1/deliverables/", {**BASKET[0], "code": "again"}, format="json")
    assert twice.status_code == 400
    assert "in the basket of this contract already" in twice.content.decode()
    (listed,) = api.get("/api/v1/deliverables/?bond=T-4.125-2032").json()["results"]
    assert listed["code"] == "ZNH26-A"
    assert api.post(f"/api/v1/{TABLE}/", ROW, format="json").status_code == 201
    found = api.get(f"/api/v1/{TABLE}/FUT-1/").json()
    shown = {name: found[name] for name in ("currency", "tick_value", "delivery_date")}
    assert shown == {"currency": "USD", "tick_value": 15.625, "delivery_date": "2026-03-31"}
    assert found["last_trading_date"] == "2026-03-20"
    change = {"contracts": 40, "version": found["version"]}
    assert api.patch(f"/api/v1/{TABLE}/FUT-1/", change, format="json").status_code == 200
    kinds = [line["kind"] for line in api.get(f"/api/v1/{TABLE}/FUT-1/history/").json()]
    assert kinds == ["changed", "created"]
    assert api.delete("/api/v1/bonds/T-4.125-2032/").status_code == 409
    assert api.delete(f"/api/v1/{TABLE}/FUT-1/").status_code == 204
    assert api.delete("/api/v1/deliverables/ZNH26-A/").status_code == 204


@pytest.mark.parametrize(("field", "value", "allowed"), BAD)
def test_a_bad_term_in_the_admin_is_a_sentence_and_a_good_one_is_saved(
    admin_client: Client, basket: None, book: Book, field: str, value: str, allowed: str
) -> None:
    address = "/admin/instruments/bondfuture/add/"
    form = {**form_of(admin_client, address), **ROW, "book": book.pk}
    page = admin_client.post(address, {**form, field: value})
    assert page.status_code == 200
    assert allowed in page.content.decode().replace("&#x27;", "'")
    assert admin_client.post(address, form).status_code == 302
    trade = BondFuture.objects.get()
    shown = admin_client.get(f"/admin/instruments/bondfuture/{trade.pk}/change/")
    assert shown.status_code == 200
    for text in ("15.625", "2026-03-20", "2026-03-31", "margin"):
        assert text in shown.content.decode()
    assert "ZNH26" in admin_client.get("/admin/instruments/bondfuture/").content.decode()
    assert "ZNH26-A" in admin_client.get("/admin/instruments/deliverable/").content.decode()


@pytest.mark.django_db(transaction=True)
def test_what_changes_the_basket_changes_its_trades(basket: None) -> None:
    other = {**ROW, "trade_id": "FUT-2", "contract": "ZBH26"}
    extra = {**BASKET[0], "code": "ZBH26-A", "contract": "ZBH26"}
    assert load(KINDS["deliverables"], [extra]).sentences() == []
    assert load(KINDS[TABLE], [ROW, other]).sentences() == []

    def changed(change: Any) -> set[str] | None:
        with reading() as first:
            pass
        change()
        with reading(first.written.snapshot) as now:
            return now.changed_trades()

    def coupon() -> None:
        Bond.objects.filter(code="T-3.875-2033").update(coupon_rate=Decimal("0.04"))

    def moved() -> None:
        Deliverable.objects.filter(code="ZNH26-B").update(contract="ZBH26")

    assert changed(lambda: None) == set()
    assert changed(coupon) == {"FUT-1"}
    assert changed(moved) == {"FUT-1", "FUT-2"}
    assert changed(lambda: Deliverable.objects.get(code="ZBH26-A").delete()) == {"FUT-2"}


def test_a_trade_whose_basket_is_gone_is_named_with_its_reason(basket: None) -> None:
    assert load(KINDS[TABLE], [ROW]).sentences() == []
    before = trade_repository.current_version()
    Deliverable.objects.all().delete()
    found = trade_repository.load_trades()
    assert found.version > before
    ((name, reason),) = found.rejected
    assert name == "FUT-1"
    assert "may be delivered into ZNH26" in reason


def test_contracts_that_were_delivered_a_week_ago_are_marked_as_matured(basket: None) -> None:
    assert load(KINDS[TABLE], [ROW]).sentences() == []
    for day, status in (
        (dt.date(2026, 4, 7), Status.ACTIVE),
        (dt.date(2026, 4, 8), Status.MATURED),
    ):
        call_command("mark_matured", on=day.isoformat(), stdout=io.StringIO())
        assert BondFuture.objects.get().status == status
