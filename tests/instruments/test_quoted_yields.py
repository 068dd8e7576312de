"""Positions that are quoted by a yield or a discount rate, at every door of the master."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import openpyxl
import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client
from rest_framework.test import APIClient

from instruments import trade_repository
from instruments.loading import KINDS, load, read_table
from instruments.models import Bond, BondPosition, Book
from instruments.what_if import read_entry, unsolved
from tests.instruments.test_admin_pages import form_of

POSITIONS = KINDS["positions"]
BILL: dict[str, Any] = {
    "code": "B-2024-07",
    "name": "Treasury bill 5 Jul 2024",
    "convention": "US-TREASURY",
    "payment_frequency": "ZERO",
    "coupon_rate": "0",
    "issue_date": "2024-01-04",
    "maturity_date": "2024-07-05",
}
ROW: dict[str, Any] = {
    "trade_id": "P1",
    "bond": "B-2024-07",
    "face_amount": "5000000",
    "book": "B1",
    "quoted_yield": "0.0525",
}
BOTH = "leave one empty: clean_price 98 is a quote too"
NO_PAPER = "without coupons that is issued for a year or less"


@pytest.fixture(autouse=True)
def bill(book: Book) -> Bond:
    assert load(KINDS["bonds"], [BILL]).sentences() == []
    return Bond.objects.get()


def csv_file(row: dict[str, Any]) -> bytes:
    return f"{','.join(row)}\n{','.join(map(str, row.values()))}\n".encode()


def workbook(row: dict[str, Any]) -> bytes:
    made = openpyxl.Workbook()
    made.active.append(list(row))
    made.active.append(list(row.values()))
    content = io.BytesIO()
    made.save(content)
    return content.getvalue()


@pytest.mark.parametrize("made", [csv_file, workbook])
def test_a_file_s_position_waits_for_its_spread_and_gets_it_once(made: Any) -> None:
    assert load(POSITIONS, read_table(made(ROW), POSITIONS)).sentences() == []
    (trade,) = trade_repository.load_trades().trades
    terms: Any = trade.terms
    assert terms.waits_for_market
    assert terms.quote == "discount_yield 0.0525"
    assert trade_repository.store_spreads({"P1": 12.5}) == 1
    assert trade_repository.store_spreads({"P1": 13.5}) == 0
    stored = BondPosition.objects.get()
    assert (stored.quoted_yield, stored.z_spread_bp) == (Decimal("0.0525"), Decimal("12.5"))
    lines = list(BondPosition.history.order_by("history_id").values_list("quoted_yield", flat=True))
    assert lines == [Decimal("0.0525")] * 2


@pytest.mark.parametrize(
    "change",
    [
        {"quoted_yield": "0.0530"},
        {"yield_type": "bond_equivalent_yield"},
        {"quoted_yield": "", "clean_price": "98.1"},
    ],
)
def test_another_quote_drops_the_spread_of_the_one_before(change: dict[str, Any]) -> None:
    load(POSITIONS, [ROW])
    trade_repository.store_spreads({"P1": 12.5})
    assert load(POSITIONS, [{"trade_id": "P1", **change}]).sentences() == []
    assert BondPosition.objects.get().z_spread_bp is None


def test_a_save_with_another_quote_drops_it_too() -> None:
    load(POSITIONS, [ROW])
    trade_repository.store_spreads({"P1": 12.5})
    position = BondPosition.objects.get()
    position.face_amount = Decimal(7)
    position.save()
    assert BondPosition.objects.get().z_spread_bp == Decimal("12.5")
    position.quoted_yield = Decimal("0.051")
    position.save()
    assert BondPosition.objects.get().z_spread_bp is None


def test_rest_stores_a_quote_shows_it_and_refuses_two(api: APIClient) -> None:
    address = "/api/v1/bond-positions/"
    twice = api.post(address, {**ROW, "clean_price": "98"}, format="json")
    assert twice.status_code == 400
    assert BOTH in twice.json()["errors"]["quoted_yield"][0]
    made = api.post(address, {**ROW, "yield_type": "money_market_yield"}, format="json")
    assert made.status_code == 201, made.content
    shown = api.get(f"{address}P1/").json()
    assert Decimal(str(shown["quoted_yield"])) == Decimal("0.0525")
    assert shown["yield_type"] == "money_market_yield"


def test_a_discount_rate_of_a_bond_with_coupons_is_a_sentence_at_each_door(
    api: APIClient, admin_client: Client
) -> None:
    coupons = {**BILL, "code": "T", "coupon_rate": "0.04", "payment_frequency": "6M"}
    assert load(KINDS["bonds"], [{**coupons, "maturity_date": "2031-01-04"}]).sentences() == []
    row = {**ROW, "bond": "T", "yield_type": "discount_yield"}
    (said,) = load(POSITIONS, [row]).sentences()
    assert "yield_type" in said
    assert NO_PAPER in said
    answer = api.post("/api/v1/bond-positions/", row, format="json")
    assert NO_PAPER in answer.json()["errors"]["yield_type"][0]
    address = "/admin/instruments/bondposition/add/"
    keys = {"bond": Bond.objects.get(code="T").pk, "book": Book.objects.get().pk}
    page = admin_client.post(address, {**form_of(admin_client, address), **row, **keys})
    assert NO_PAPER in page.content.decode()
    assert not BondPosition.objects.exists()


def test_an_export_loads_again_unchanged(admin_client: Client) -> None:
    load(POSITIONS, [{**ROW, "yield_type": "bond_equivalent_yield"}])
    column = POSITIONS.columns["quoted_yield"]
    assert column.text(BondPosition.objects.get()) == "0.0525"
    again = load(POSITIONS, [{**ROW, "yield_type": "bond_equivalent_yield"}])
    assert again.counts["skip"] == 1


def test_the_database_refuses_two_quotes_and_a_type_without_a_yield(book: Book, bill: Bond) -> None:
    for wrong in (
        {"quoted_yield": Decimal("0.05"), "clean_price": Decimal(98)},
        {"yield_type": "ytm"},
    ):
        row = BondPosition(trade_id="P2", book=book, bond=bill, face_amount=Decimal(1), **wrong)
        with pytest.raises(ValidationError):
            row.full_clean()
        with pytest.raises(IntegrityError), transaction.atomic():
            row.save()


def test_quick_text_with_a_percent_sign_is_a_yield() -> None:
    entry = read_entry({"text": "buy 20m B-2024-07 @5.25% book B1"}, {})
    assert Decimal(str(entry.row["quoted_yield"])) == Decimal("0.0525")
    assert "a quoted yield of 5.25 %" in entry.sentence
    assert unsolved([entry], {}) == [entry.trade_id]
