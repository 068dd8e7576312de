"""Coupon and face schedules of bonds at every door of the master."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from instruments import trade_repository
from instruments.loading import KINDS, load
from instruments.models import Bond, Book
from tests.instruments.test_admin_pages import form_of

BONDS, POSITIONS = KINDS["bonds"], KINDS["positions"]
COUPONS = [{"date": "2027-06-15", "coupon_rate": 0.035}]
FACES = [{"date": "2026-06-15", "face": 75}, {"date": "2028-06-15", "face": 40}]
ROW: dict[str, Any] = {
    "code": "STEPPED",
    "name": "A bond with schedules",
    "convention": "DE-BUND",
    "coupon_rate": "0.02",
    "issue_date": "2021-06-15",
    "maturity_date": "2031-06-15",
}
GOOD = {"coupon_schedule": json.dumps(COUPONS), "face_schedule": json.dumps(FACES)}
BAD = (
    ("coupon_schedule", [{"date": "2027-07-15", "coupon_rate": 0.03}], "fall on 2027-06-15 and"),
    ("face_schedule", [{"date": "2027-06-15", "face": 100}], "must be less than 100"),
    ("face_schedule", [{"date": "2027-06-15", "fce": 75}], "no such field"),
)
"""Field, value and what the sentence says."""


def test_a_row_of_a_file_becomes_terms_with_its_schedules(book: Book) -> None:
    assert load(BONDS, [ROW | GOOD]).sentences() == []
    position = {"trade_id": "P1", "bond": "STEPPED", "face_amount": "100", "book": "B1"}
    assert load(POSITIONS, [position]).sentences() == []
    (trade,) = trade_repository.load_trades().trades
    terms: Any = trade.terms
    assert [step.coupon_rate for step in terms.coupon_schedule] == [0.035]
    assert [step.face for step in terms.face_schedule] == [75.0, 40.0]


@pytest.mark.parametrize(("field", "value", "sentence"), BAD)
def test_a_bad_schedule_in_a_file_is_a_sentence(
    db: None, field: str, value: Any, sentence: str
) -> None:
    (said,) = load(BONDS, [{**ROW, field: json.dumps(value)}]).sentences()
    assert field in said
    assert sentence in said


@pytest.mark.parametrize(("field", "value", "sentence"), BAD)
def test_a_bad_schedule_over_rest_is_a_sentence_and_a_good_one_is_stored(
    api: APIClient, db: None, field: str, value: Any, sentence: str
) -> None:
    answer = api.post("/api/v1/bonds/", {**ROW, field: value}, format="json")
    assert answer.status_code == 400
    assert sentence in answer.json()["errors"][field][0]
    made = api.post("/api/v1/bonds/", {**ROW, "face_schedule": FACES}, format="json")
    assert made.status_code == 201, made.content
    assert Bond.objects.get().face_schedule == FACES


@pytest.mark.parametrize(("field", "value", "sentence"), BAD)
def test_a_bad_schedule_in_the_admin_is_a_sentence_and_a_good_one_is_saved(
    admin_client: Client, db: None, field: str, value: Any, sentence: str
) -> None:
    address = "/admin/instruments/bond/add/"
    form = {**form_of(admin_client, address), **ROW}
    page = admin_client.post(address, {**form, field: json.dumps(value)})
    assert page.status_code == 200
    assert sentence in page.content.decode().replace("&#x27;", "'")
    assert admin_client.post(address, {**form, **GOOD}).status_code == 302
    bond = Bond.objects.get()
    assert bond.coupon_schedule == COUPONS
    shown = admin_client.get(f"/admin/instruments/bond/{bond.pk}/change/")
    assert shown.status_code == 200
