"""Interest-rate futures at every door of the master."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from rest_framework.test import APIClient

from instruments import trade_repository
from instruments.loading import KINDS, load
from instruments.models import Book, InterestRateFuture, Status
from pricing.products.flows import compile_trade
from tests.instruments.test_admin_pages import form_of

TABLE = "ir_futures"
ROW: dict[str, Any] = {
    "trade_id": "FUT-1",
    "book": "B1",
    "contract": "SR3H26",
    "contracts": -250,
    "trade_price": 96.345,
}
BAD = (
    ("contract", "SR3H6", "two digits of a year, such as SR3H25"),
    ("contract", "ED3H26", "futures: SR3, SR1"),
    ("contracts", "0", "a whole number of contracts, not 0"),
    ("trade_price", "3.655", "a price quote, 100 less the rate in percent, 50 to 120"),
    ("forecast_curve", "EUR-ESTR", "curves of USD: "),
)
"""Field, value and what the sentence says is allowed."""


def test_a_row_of_a_file_becomes_a_trade_that_compiles(book: Book) -> None:
    assert load(KINDS[TABLE], [ROW]).sentences() == []
    (trade,) = trade_repository.load_trades().trades
    assert trade.terms.currency == InterestRateFuture.objects.get().currency == "USD"
    assert len(compile_trade(trade.terms).flows) == 3


@pytest.mark.parametrize(("field", "value", "allowed"), BAD)
def test_a_bad_term_in_a_file_is_a_sentence(
    book: Book, field: str, value: str, allowed: str
) -> None:
    (sentence,) = load(KINDS[TABLE], [{**ROW, field: value}]).sentences()
    for part in (field, value, allowed):
        assert part in sentence
    assert not InterestRateFuture.objects.exists()


def test_a_model_of_convexity_is_read_and_half_of_one_is_a_sentence(book: Book) -> None:
    model = {"volatility_bp": "95.5", "mean_reversion": "0.03"}
    for field in model:
        (sentence,) = load(KINDS[TABLE], [{**ROW, field: model[field]}]).sentences()
        assert "mean_reversion" in sentence
        assert "volatility_bp" in sentence
    (sentence,) = load(KINDS[TABLE], [{**ROW, **model, "convexity_bp": 1}]).sentences()
    assert "either given or made by the model" in sentence
    assert load(KINDS[TABLE], [{**ROW, **model}]).sentences() == []
    (trade,) = trade_repository.load_trades().trades
    assert (trade.terms.volatility_bp, trade.terms.mean_reversion) == (95.5, 0.03)


def test_part_of_a_contract_is_refused_in_a_file(book: Book) -> None:
    (sentence,) = load(KINDS[TABLE], [{**ROW, "contracts": "2.5"}]).sentences()
    assert "contracts" in sentence
    assert "2.5" in sentence


def test_rest_adds_reads_changes_and_deletes(api: APIClient, book: Book) -> None:
    made = api.post(f"/api/v1/{TABLE}/", ROW, format="json")
    assert made.status_code == 201, made.content
    found = api.get(f"/api/v1/{TABLE}/FUT-1/").json()
    shown = {name: found[name] for name in ("currency", "convexity_bp", "tick_value")}
    assert {**shown, "convexity_bp": float(shown["convexity_bp"])} == {
        "currency": "USD",
        "convexity_bp": 0.0,
        "tick_value": 6.25,
    }
    assert (found["last_trading_date"], found["settlement_date"]) == ("2026-06-16", "2026-06-17")
    change = {"contracts": 40, "version": found["version"]}
    changed = api.patch(f"/api/v1/{TABLE}/FUT-1/", change, format="json")
    assert changed.status_code == 200, changed.content
    assert InterestRateFuture.objects.get().contracts == 40
    kinds = [line["kind"] for line in api.get(f"/api/v1/{TABLE}/FUT-1/history/").json()]
    assert kinds == ["changed", "created"]
    assert api.delete(f"/api/v1/{TABLE}/FUT-1/").status_code == 204


@pytest.mark.parametrize(("field", "value", "allowed"), BAD)
def test_a_bad_term_over_rest_is_a_sentence(
    api: APIClient, book: Book, field: str, value: str, allowed: str
) -> None:
    answer = api.post(f"/api/v1/{TABLE}/", {**ROW, field: value}, format="json")
    assert answer.status_code == 400
    (sentence,) = answer.json()["errors"][field]
    assert allowed in sentence


@pytest.mark.parametrize(("field", "value", "allowed"), BAD)
def test_a_bad_term_in_the_admin_is_a_sentence_and_a_good_one_is_saved(
    admin_client: Client, book: Book, field: str, value: str, allowed: str
) -> None:
    address = "/admin/instruments/interestratefuture/add/"
    form = {**form_of(admin_client, address), **ROW, "book": book.pk}
    page = admin_client.post(address, {**form, field: value})
    assert page.status_code == 200
    assert allowed in page.content.decode().replace("&#x27;", "'")
    assert admin_client.post(address, form).status_code == 302
    trade = InterestRateFuture.objects.get()
    shown = admin_client.get(f"/admin/instruments/interestratefuture/{trade.pk}/change/")
    assert shown.status_code == 200
    for text in ("6.25", "2026-06-16", "2026-06-17", "margin"):
        assert text in shown.content.decode()
    listed = admin_client.get("/admin/instruments/interestratefuture/").content.decode()
    assert "SR3H26" in listed
    assert "-250" in listed


def test_contracts_that_were_settled_a_week_ago_are_marked_as_matured(book: Book) -> None:
    rows = [ROW, {**ROW, "trade_id": "FUT-2", "contract": "SR3M26"}]
    assert load(KINDS[TABLE], rows).sentences() == []
    for day, statuses in (
        (dt.date(2026, 6, 24), [Status.ACTIVE, Status.ACTIVE]),
        (dt.date(2026, 6, 25), [Status.MATURED, Status.ACTIVE]),
    ):
        call_command("mark_matured", on=day.isoformat(), stdout=io.StringIO())
        found = InterestRateFuture.objects.order_by("trade_id").values_list("status", flat=True)
        assert list(found) == statuses
