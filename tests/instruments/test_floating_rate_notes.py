"""Floating-rate notes at every door of the master, and the spreads that their prices make."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from instruments import trade_repository
from instruments.loading import KINDS, load
from instruments.models import Book, FloatingRateNote, trade_models
from instruments.row_changes import TRIGGERS
from pricing.products.flows import compile_trade
from tests.instruments.test_admin_pages import form_of

ROW: dict[str, Any] = {
    "trade_id": "FRN-1",
    "book": "B1",
    "name": "Bank floating 2029",
    "floating_index": "EURIBOR3M",
    "face_amount": "5000000",
    "issue_date": "2024-03-15",
    "maturity_date": "2029-03-15",
    "spread_bp": "85",
    "z_spread_bp": "70",
}
TABLE, ADDRESS = "floating_rate_notes", "/api/v1/floating_rate_notes/"
NOTES = KINDS[TABLE]
BAD = (
    ("floating_index", "LIBOR", "allowed: "),
    ("day_count", "ACT/363", "ACT/360"),
    ("lookback_days", "5", "coupons on EURIBOR3M fix once"),
    ("lockout_days", "2", "coupons on EURIBOR3M fix once"),
    ("maturity_date", "2020-01-01", "must be after issue_date 2024-03-15"),
    ("isin", "US91282CFV80", "12 characters with a valid check digit"),
    ("discount_curve", "USD-SOFR", "curves of EUR: "),
)
"""Field, value and what the sentence says is allowed."""
REFUSED = (
    ("cap_rate", "0.05", "coupons with a cap are options and are not priced"),
    ("floor_rate", "0", "coupons with a floor are options and are not priced"),
    ("compound_spread", "true", "a spread that compounds with the fixings of a note"),
)


def given(**changes: Any) -> dict[str, Any]:
    return {**ROW, **changes}


def test_a_row_of_a_file_becomes_a_trade_that_compiles(book: Book) -> None:
    steps = '[{"date": "2026-03-16", "spread_bp": 95}]'
    assert load(NOTES, [given(spread_schedule=steps)]).sentences() == []
    (trade,) = trade_repository.load_trades().trades
    assert trade.terms.currency == FloatingRateNote.objects.get().currency == "EUR"
    assert trade.terms.spread_schedule[0].date == dt.date(2026, 3, 16)  # type: ignore[attr-defined]
    assert len(compile_trade(trade.terms).flows) == 41  # 20 coupons, their spreads, the face


@pytest.mark.parametrize(("field", "value", "allowed"), BAD)
def test_a_bad_term_in_a_file_is_a_sentence(
    book: Book, field: str, value: str, allowed: str
) -> None:
    (sentence,) = load(NOTES, [given(**{field: value})]).sentences()
    assert field in sentence
    assert allowed in sentence
    assert not FloatingRateNote.objects.exists()


@pytest.mark.parametrize(("field", "value", "sentence"), REFUSED)
def test_what_is_not_priced_is_refused_by_name_in_files_and_over_rest(
    api: APIClient, book: Book, field: str, value: str, sentence: str
) -> None:
    (said,) = load(NOTES, [given(**{field: value})]).sentences()
    assert f"column {field}: {sentence}" in said
    answer = api.post(ADDRESS, given(**{field: value}), format="json")
    assert answer.status_code == 400
    assert answer.json()["errors"][field][0].startswith(f"{field}: {sentence}")


def test_rest_adds_reads_changes_and_deletes(api: APIClient, book: Book) -> None:
    made = api.post(ADDRESS, ROW, format="json")
    assert made.status_code == 201, made.content
    found = api.get(f"{ADDRESS}FRN-1/").json()
    assert (found["currency"], found["desk"]) == ("EUR", "RATES")
    change = {"spread_bp": 90, "version": found["version"]}
    changed = api.patch(f"{ADDRESS}FRN-1/", change, format="json")
    assert changed.status_code == 200, changed.content
    assert FloatingRateNote.objects.get().spread_bp == Decimal(90)
    assert api.delete(f"{ADDRESS}FRN-1/").status_code == 204


@pytest.mark.parametrize(("field", "value", "allowed"), BAD)
def test_a_bad_term_over_rest_is_a_sentence(
    api: APIClient, book: Book, field: str, value: str, allowed: str
) -> None:
    answer = api.post(ADDRESS, given(**{field: value}), format="json")
    assert answer.status_code == 400
    assert allowed in answer.json()["errors"][field][0]


@pytest.mark.parametrize(("field", "value", "allowed"), BAD)
def test_a_bad_term_in_the_admin_is_a_sentence_and_a_good_one_is_saved(
    admin_client: Client, book: Book, field: str, value: str, allowed: str
) -> None:
    address = "/admin/instruments/floatingratenote/add/"
    form = {**form_of(admin_client, address), **ROW, "book": book.pk}
    page = admin_client.post(address, {**form, field: value})
    assert page.status_code == 200
    assert allowed in page.content.decode().replace("&#x27;", "'")
    assert admin_client.post(address, form).status_code == 302
    note = FloatingRateNote.objects.get()
    shown = admin_client.get(f"/admin/instruments/floatingratenote/{note.pk}/change/")
    assert shown.status_code == 200


def test_the_menu_of_the_admin_lists_its_pages(admin_client: Client) -> None:
    page = admin_client.get("/admin/").content.decode()
    assert "/admin/instruments/floatingratenote/" in page
    assert "/admin/instruments/historicalfloatingratenote/" in page


def test_a_price_waits_for_a_market_and_keeps_the_spread_that_it_makes(book: Book) -> None:
    assert load(NOTES, [given(z_spread_bp="", clean_price="100.42")]).sentences() == []
    assert trade_repository.store_spreads({"FRN-1": 61.25, "none": 3.0}) == 1
    note = FloatingRateNote.objects.get()
    assert note.z_spread_bp == Decimal("61.25")
    note.clean_price = Decimal("99.5")
    note.save()
    assert note.z_spread_bp is None
    assert [line.z_spread_bp for line in note.history.all()] == [None, Decimal("61.25"), None]


def test_a_price_that_may_be_a_fraction_is_a_warning(book: Book) -> None:
    (row,) = load(NOTES, [given(z_spread_bp="", clean_price="1.004")]).rows
    assert "clean_price" in row.warnings


def test_changes_of_every_table_of_trades_are_noted(db: None) -> None:
    from django.db import connection

    for model in trade_models():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_trigger WHERE tgrelid = %s::regclass"
                " AND tgname LIKE 'note_%%'",
                [model._meta.db_table],
            )
            assert cursor.fetchone() == (len(TRIGGERS),), model
