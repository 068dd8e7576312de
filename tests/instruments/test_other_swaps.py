"""Basis swaps, zero-coupon swaps and forward rate agreements at every door of the master."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from django.core.management import call_command
from django.test import Client
from rest_framework.test import APIClient

from demo import sample_products
from instruments import trade_repository
from instruments.loading import KINDS, load
from instruments.models import (
    BasisSwap,
    Book,
    Counterparty,
    ForwardRateAgreement,
    ZeroCouponSwap,
)
from pricing.products.flows import compile_trade
from pricing.products.futures.bond_future import BondFutureTerms
from pricing.products.terms import Terms
from tests.instruments.test_admin_pages import form_of

MODELS = {
    "basis_swaps": BasisSwap,
    "zero_coupon_swaps": ZeroCouponSwap,
    "fras": ForwardRateAgreement,
}
ROWS: dict[str, dict[str, Any]] = {
    "basis_swaps": {
        "trade_id": "X1",
        "book": "B1",
        "first_index": "EURIBOR3M",
        "second_index": "EURIBOR6M",
        "pay_receive": "receive",
        "notional": 10_000_000,
        "effective_date": "2024-03-23",
        "termination_date": "2034-03-20",
        "first_spread_bp": 5.5,
    },
    "zero_coupon_swaps": {
        "trade_id": "Z1",
        "book": "B1",
        "convention": "EUR-EURIBOR-6M",
        "pay_receive": "pay",
        "notional": 10_000_000,
        "effective_date": "2024-03-23",
        "termination_date": "2034-03-20",
        "fixed_rate": 0.0265,
    },
    "fras": {
        "trade_id": "F1",
        "book": "B1",
        "index": "EURIBOR3M",
        "pay_receive": "pay",
        "notional": 50_000_000,
        "effective_date": "2025-06-18",
        "fixed_rate": 0.0265,
    },
}
BAD = (
    ("basis_swaps", "second_index", "SONIA", "indices of EUR: ESTR, EURIBOR3M, EURIBOR6M"),
    ("basis_swaps", "second_index", "EURIBOR3M", "another index than the first leg"),
    ("basis_swaps", "termination_date", "2024-03-24", "end on a later business day"),
    ("zero_coupon_swaps", "termination_date", "2024-03-24", "end on a later business day"),
    ("zero_coupon_swaps", "fixed_day_count", "ACT/ACT ICMA", "it counts coupon periods"),
    ("zero_coupon_swaps", "fixed_frequency", "ZERO", "leave it empty"),
    ("fras", "index", "ESTR", "an overnight index has no period to agree on"),
    ("fras", "effective_date", "2025-06-21", "starts on a business day of TARGET"),
)
"""Table, field, value and what the sentence says is allowed."""


@pytest.mark.parametrize("table", ROWS)
def test_a_row_of_a_file_becomes_a_trade_that_compiles(book: Book, table: str) -> None:
    result = load(KINDS[table], [ROWS[table]])
    assert result.sentences() == []
    (trade,) = trade_repository.load_trades().trades
    assert trade.terms.trade_id == ROWS[table]["trade_id"]
    assert trade.terms.currency == MODELS[table].objects.get().currency == "EUR"
    assert len(compile_trade(trade.terms).flows) > 1


def test_a_tenor_takes_the_place_of_the_last_day(book: Book) -> None:
    row = {**ROWS["basis_swaps"], "tenor": "18M"}
    del row["termination_date"]
    assert load(KINDS["basis_swaps"], [row]).sentences() == []
    assert BasisSwap.objects.get().termination_date == dt.date(2025, 9, 23)


@pytest.mark.parametrize(("table", "field", "value", "allowed"), BAD)
def test_a_bad_term_in_a_file_is_a_sentence(
    book: Book, table: str, field: str, value: str, allowed: str
) -> None:
    (sentence,) = load(KINDS[table], [{**ROWS[table], field: value}]).sentences()
    assert field in sentence
    assert allowed in sentence
    assert value[:10] in sentence
    assert not MODELS[table].objects.exists()


@pytest.mark.parametrize("table", ROWS)
def test_rest_adds_reads_changes_and_deletes(api: APIClient, book: Book, table: str) -> None:
    Counterparty.objects.create(code="CLIENT-1", name="Client one")
    made = api.post(f"/api/v1/{table}/", {**ROWS[table], "counterparty": "CLIENT-1"}, format="json")
    assert made.status_code == 201, made.content
    address = f"/api/v1/{table}/{ROWS[table]['trade_id']}/"
    found = api.get(address).json()
    assert (found["currency"], found["counterparty"], found["desk"]) == ("EUR", "CLIENT-1", "RATES")
    changed = api.patch(address, {"notional": 1, "version": found["version"]}, format="json")
    assert changed.status_code == 200, changed.content
    assert MODELS[table].objects.get().notional == Decimal(1)
    assert [line["kind"] for line in api.get(f"{address}history/").json()] == ["changed", "created"]
    assert api.delete(address).status_code == 204


@pytest.mark.parametrize(("table", "field", "value", "allowed"), BAD)
def test_a_bad_term_over_rest_is_a_sentence(
    api: APIClient, book: Book, table: str, field: str, value: str, allowed: str
) -> None:
    answer = api.post(f"/api/v1/{table}/", {**ROWS[table], field: value}, format="json")
    assert answer.status_code == 400
    (sentence,) = answer.json()["errors"][field]
    assert allowed in sentence


@pytest.mark.parametrize(("table", "field", "value", "allowed"), BAD)
def test_a_bad_term_in_the_admin_is_a_sentence_and_a_good_one_is_saved(
    admin_client: Client, book: Book, table: str, field: str, value: str, allowed: str
) -> None:
    model = MODELS[table]
    address = f"/admin/instruments/{model._meta.model_name}/add/"
    form = {**form_of(admin_client, address), **ROWS[table], "book": book.pk}
    page = admin_client.post(address, {**form, field: value})
    assert page.status_code == 200
    assert allowed in page.content.decode().replace("&#x27;", "'")
    assert admin_client.post(address, form).status_code == 302
    trade = model.objects.get()
    assert trade.trade_id == ROWS[table]["trade_id"]
    shown = admin_client.get(f"/admin/instruments/{model._meta.model_name}/{trade.pk}/change/")
    assert shown.status_code == 200


def test_the_samples_are_stored_as_they_are(db: None) -> None:
    call_command("seed_book", "--every-product", verbosity=0)
    loaded = trade_repository.load_trades()
    assert loaded.rejected == []
    found = {trade.terms.trade_id: trade.terms for trade in loaded.trades}
    for terms in sample_products.trades():
        assert in_order(found[terms.trade_id]) == in_order(terms)


def in_order(terms: Terms) -> Terms:
    """The bonds of a basket have no order, and in the database each has its currency."""
    if not isinstance(terms, BondFutureTerms):
        return terms
    bonds = [msgspec.structs.replace(bond, currency=None) for bond in terms.deliverables]
    basket = sorted(bonds, key=lambda bond: (bond.maturity_date, bond.coupon_rate))
    return msgspec.structs.replace(terms, deliverables=tuple(basket))
