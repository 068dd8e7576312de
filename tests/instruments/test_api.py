"""The REST API: status codes, problem documents, conflicts, and no query per row."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from knox.models import AuthToken
from rest_framework.test import APIClient

from instruments.models import Bond, BondPosition, Book, Desk, Fixing, Swap
from tests.instruments.conftest import make_swap

TABLES = (
    "desks",
    "books",
    "issuers",
    "counterparties",
    "bonds",
    "bond-positions",
    "swaps",
    "fixings",
    "fx-rates",
)
SWAP = {
    "trade_id": "S1",
    "book": "B1",
    "convention": "USD-SOFR-OIS",
    "pay_receive": "pay",
    "notional": 10_000_000,
    "effective_date": "2023-03-15",
    "termination_date": "2033-03-15",
    "fixed_rate": 0.035,
}
BOND = {
    "code": "T1",
    "name": "Treasury",
    "convention": "US-TREASURY",
    "issue_date": "2022-11-15",
    "maturity_date": "2032-11-15",
    "coupon_rate": 0.04125,
}


def problem(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.content
    assert response["content-type"] == "application/problem+json"
    body = response.json()
    assert {"type", "title", "status", "detail"} <= set(body)
    assert body["status"] == status
    return body


@pytest.mark.parametrize("table", TABLES)
def test_nobody_reads_without_a_login(db: None, table: str) -> None:
    body = problem(APIClient().get(f"/api/v1/{table}/"), 401)
    assert "credentials" in body["detail"]


def test_a_token_in_the_header_is_a_login(admin_user: Any) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {AuthToken.objects.create(user=admin_user)[1]}")
    assert client.get("/api/v1/desks/").status_code == 200


def test_a_book_is_built_from_nothing(api: APIClient, db: None) -> None:
    fixing = {"index": "SOFR", "date": "2024-01-02", "rate": 0.054, "source": "NY Fed"}
    position = {"trade_id": "P1", "book": "B1", "bond": "T1", "face_amount": -5_000_000}
    for table, row in (
        ("desks", {"code": "RATES", "name": "Rates"}),
        ("books", {"code": "B1", "name": "Book", "desk": "RATES"}),
        ("bonds", BOND),
        ("bond-positions", position),
        ("swaps", SWAP),
        ("fixings", fixing),
    ):
        response = api.post(f"/api/v1/{table}/", row)
        assert response.status_code == 201, response.json()
        assert row.items() <= response.json().items()
        assert api.get(f"/api/v1/{table}/").json()["count"] == 1
    models = (Desk, Book, Bond, BondPosition, Swap, Fixing)
    assert [model.objects.count() for model in models] == [1] * 6


def test_money_and_rates_are_json_numbers(api: APIClient, swap: Swap, position: Any) -> None:
    body = api.get("/api/v1/swaps/S1/").json()
    assert (body["notional"], body["fixed_rate"], body["spread_bp"]) == (10_000_000.0, 0.035, 0.0)
    assert (body["currency"], body["desk"], body["book"]) == ("USD", "RATES", "B1")
    body = api.get("/api/v1/bond-positions/P1/").json()
    assert (body["face_amount"], body["currency"]) == (5_000_000.0, "USD")


def test_an_unknown_field_is_refused_with_the_name_that_was_meant(
    api: APIClient, book: Book
) -> None:
    body = problem(api.post("/api/v1/swaps/", {**SWAP, "fixed_rat": 0.04}), 400)
    assert body["errors"] == {"fixed_rat": ["fixed_rat: no such field; did you mean fixed_rate?"]}
    assert body["detail"] == "fixed_rat: no such field; did you mean fixed_rate?"
    assert body["code"] == "UNKNOWN_FIELD"
    assert not Swap.objects.exists()


def test_an_unknown_book_is_refused_with_those_there_are(api: APIClient, book: Book) -> None:
    body = problem(api.post("/api/v1/swaps/", {**SWAP, "book": "B2"}), 400)
    assert body["errors"]["book"] == ["book: 'B2' does not exist; there are: B1"]


@pytest.mark.parametrize("code", [None, 7, ["B1"], {"code": "B1"}, "a\0b", ""])
def test_a_book_that_is_no_code_is_refused(api: APIClient, book: Book, code: Any) -> None:
    assert "book" in problem(api.post("/api/v1/swaps/", {**SWAP, "book": code}), 400)["errors"]


def test_a_rate_in_percent_is_refused_with_the_sentence_of_the_core(
    api: APIClient, book: Book
) -> None:
    body = problem(api.post("/api/v1/swaps/", {**SWAP, "fixed_rate": 3.5}), 400)
    assert body["errors"]["fixed_rate"][0].startswith("fixed_rate: 3.5 is not valid")
    assert not Swap.objects.exists()


FIXING = {"index": "SOFR", "date": "2024-01-02", "rate": 0.054, "source": "NY Fed"}
POSITION = {"trade_id": "P1", "book": "B1", "bond": "T-4.125-2032", "face_amount": 5_000_000}


@pytest.mark.parametrize(
    ("table", "row", "field", "sentence"),
    [
        ("bonds", {**BOND, "coupon_rate": 4.25}, "coupon_rate", "write 4.25 % as 0.0425"),
        ("bonds", {**BOND, "maturity_date": "2999-11-15"}, "maturity_date", "to 2198-12-31"),
        ("bonds", {**BOND, "first_coupon_date": "2023-05-16"}, "first_coupon_date", "fall on"),
        (
            "swaps",
            {**SWAP, "first_regular_date": "2030-03-15", "last_regular_date": "2026-03-15"},
            "last_regular_date",
            "must not be before first_regular_date 2030-03-15",
        ),
        ("bond-positions", {**POSITION, "clean_price": 0.99}, "clean_price", "per 100 of face"),
        ("fixings", {**FIXING, "rate": 5.4}, "rate", "write 5.4 % as 0.054"),
        ("fixings", {**FIXING, "date": "2024-01-06"}, "date", "no index fixes on a weekend"),
        ("fixings", {**FIXING, "date": "2999-01-02"}, "date", "to 2198-12-31"),
    ],
)
def test_what_files_refuse_is_refused_with_the_same_sentence(
    api: APIClient,
    book: Book,
    bond: Bond,
    table: str,
    row: dict[str, Any],
    field: str,
    sentence: str,
) -> None:
    body = problem(api.post(f"/api/v1/{table}/", row), 400)
    assert sentence in " ".join(body["errors"][field])


@pytest.mark.parametrize("body", [[], [SWAP], "text", 7, None])
def test_a_body_that_is_no_object_is_refused(api: APIClient, book: Book, body: Any) -> None:
    problem(api.post("/api/v1/swaps/", body, format="json"), 400)


def test_a_body_that_is_no_json_is_refused(api: APIClient) -> None:
    problem(api.post("/api/v1/swaps/", "{", content_type="application/json"), 400)
    problem(api.post("/api/v1/swaps/", "a,b", content_type="text/csv"), 415)
    nan = '{"index": "SOFR", "date": "2024-01-02", "rate": NaN, "source": "x"}'
    problem(api.post("/api/v1/fixings/", nan, content_type="application/json"), 400)


def test_a_second_trade_of_that_name_is_refused(api: APIClient, swap: Swap, position: Any) -> None:
    assert "trade_id" in problem(api.post("/api/v1/swaps/", SWAP), 400)["errors"]
    taken = problem(api.post("/api/v1/swaps/", {**SWAP, "trade_id": "P1"}), 400)
    assert "another trade has this identifier" in taken["detail"]


def test_a_change_on_the_version_that_was_read_is_saved(api: APIClient, swap: Swap) -> None:
    version = api.get("/api/v1/swaps/S1/").json()["version"]
    response = api.patch("/api/v1/swaps/S1/", {"notional": 5, "version": version})
    assert (response.status_code, response.json()["version"]) == (200, version + 1)


def test_a_change_on_an_older_version_is_a_conflict(api: APIClient, swap: Swap) -> None:
    api.patch("/api/v1/swaps/S1/", {"notional": 5})
    body = problem(api.patch("/api/v1/swaps/S1/", {"notional": 6, "version": 1}), 409)
    assert body["code"] == "VERSION_CONFLICT CURRENT=2"
    assert "S1 is at version 2, your change was made on version 1" in body["detail"]
    assert Swap.objects.get().notional == 5


def test_what_was_read_can_be_put_back(api: APIClient, swap: Swap, position: Any) -> None:
    for address in ("swaps/S1", "bond-positions/P1", "bonds/T-4.125-2032", "books/B1"):
        body = api.get(f"/api/v1/{address}/").json()
        response = api.put(f"/api/v1/{address}/", body)
        assert response.status_code == 200, response.json()
        again = response.json()
        assert {**again, "version": 0, "updated": ""} == {**body, "version": 0, "updated": ""}


def test_a_patch_is_judged_with_the_rest_of_the_row(api: APIClient, swap: Swap) -> None:
    body = problem(api.patch("/api/v1/swaps/S1/", {"termination_date": "2020-01-01"}), 400)
    assert "must be after effective_date 2023-03-15" in body["detail"]
    assert Swap.objects.get().version == 1


def test_a_trade_keeps_its_name(api: APIClient, swap: Swap) -> None:
    assert (
        "cannot be changed"
        in problem(api.patch("/api/v1/swaps/S1/", {"trade_id": "S2"}), 400)["detail"]
    )


def test_deleting(api: APIClient, swap: Swap) -> None:
    assert "B1 still has swaps" in problem(api.delete("/api/v1/books/B1/"), 409)["detail"]
    assert api.delete("/api/v1/swaps/S1/").status_code == 204
    problem(api.get("/api/v1/swaps/S1/"), 404)
    assert api.delete("/api/v1/books/B1/").status_code == 204


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("currency=USD", 2),
        ("currency=GBP", 0),
        ("desk=RATES&book=B1", 2),
        ("desk=OTHER", 0),
        ("convention=USD-SOFR-OIS", 2),
        ("maturity_after=2033-03-15", 2),
        ("maturity_before=2033-03-14", 0),
        ("status=cancelled", 1),
        ("search=s2", 1),
        ("pay_receive=receive", 0),
    ],
)
def test_filters_of_swaps(api: APIClient, swap: Swap, book: Book, query: str, found: int) -> None:
    make_swap(book, trade_id="S2", status="cancelled").save()
    assert api.get(f"/api/v1/swaps/?{query}").json()["count"] == found


def test_invented_bonds_are_told_apart(api: APIClient, bond: Bond) -> None:
    assert api.get("/api/v1/bonds/?is_sample=false").json()["count"] == 1
    assert api.get("/api/v1/bonds/?is_sample=true").json()["count"] == 0
    assert "is_sample" in problem(api.get("/api/v1/bonds/?is_sample=null"), 400)["errors"]


@pytest.mark.parametrize("query", ["currency=USD", "desk=RATES", "maturity_before=2040-01-01"])
def test_filters_of_positions(api: APIClient, position: BondPosition, query: str) -> None:
    assert api.get(f"/api/v1/bond-positions/?{query}").json()["count"] == 1
    assert api.get("/api/v1/bond-positions/?search=nothing").json()["count"] == 0


def test_ordering(api: APIClient, swap: Swap, book: Book) -> None:
    make_swap(book, trade_id="S2", notional=Decimal(1)).save()
    rows = api.get("/api/v1/swaps/?ordering=notional").json()["results"]
    assert [row["trade_id"] for row in rows] == ["S2", "S1"]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("curency=USD", "curency: no such query parameter; did you mean currency?"),
        ("currency=XXX", "XXX is not one of the available choices"),
        ("maturity_after=soon", "Enter a valid date"),
        ("ordering=password", "'password' is not valid; allowed: trade_id, status"),
        ("maturity_before=", "maturity_before: has no value; leave it out"),
        ("desk=x&desc=x", "desc: no such query parameter; did you mean desk?"),
        ("page_size=0", "'0' is not a number from 1 on"),
        ("page_size=many", "'many' is not a number from 1 on"),
        ("search=%00", "no NUL characters"),
    ],
)
def test_a_query_that_would_be_ignored_is_refused(
    api: APIClient, swap: Swap, query: str, sentence: str
) -> None:
    assert sentence in problem(api.get(f"/api/v1/swaps/?{query}"), 400)["detail"]


def test_pages_end_at_500_rows(api: APIClient, book: Book) -> None:
    Swap.objects.bulk_create([make_swap(book, trade_id=f"T{n}") for n in range(501)])
    assert len(api.get("/api/v1/swaps/?page_size=9999").json()["results"]) == 500
    assert len(api.get("/api/v1/swaps/").json()["results"]) == 100
    problem(api.get("/api/v1/swaps/?page=99"), 404)


@pytest.mark.parametrize(
    ("table", "queries"),
    [
        ("desks", 2),
        ("books", 2),
        ("issuers", 2),
        ("counterparties", 1),
        ("bonds", 2),
        ("bond-positions", 2),
        ("swaps", 2),
        ("fixings", 1),
        ("fx-rates", 1),
    ],
)
def test_a_list_costs_two_queries_however_long(
    api: APIClient, db: None, table: str, queries: int, django_assert_num_queries: Any
) -> None:
    call_command("seed_book", verbosity=0, stdout=open("/dev/null", "w"))  # noqa: SIM115
    with django_assert_num_queries(queries):  # count and rows
        assert api.get(f"/api/v1/{table}/").status_code == 200


@pytest.mark.parametrize("path", ["/api/v1/nothing/", "/api/nothing", "/api/v1/swaps/%00/"])
def test_an_address_that_does_not_exist_is_a_problem_document(api: APIClient, path: str) -> None:
    problem(api.get(path), 404)


def test_a_missing_slash_is_said(api: APIClient) -> None:
    body = problem(api.post("/api/v1/swaps", SWAP), 404)
    assert body["detail"] == "/api/v1/swaps does not exist; /api/v1/swaps/ does"


def test_a_fault_of_ours_is_a_problem_without_details(
    api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr("instruments.api.views.DeskViewSet.list", fails)
    api.raise_request_exception = False
    body = problem(api.get("/api/v1/desks/"), 500)
    assert "secret" not in str(body)


def test_a_wrong_method_is_a_problem(api: APIClient) -> None:
    problem(api.delete("/api/v1/fixings/"), 405)


def test_the_process_answers_without_a_login(client: Any) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/").url == "/api/docs/"


def test_the_docs_page_asks_nobody_outside(client: Any) -> None:
    page = client.get("/api/docs/").content.decode()
    assert "https://" not in page
    assert "drf_spectacular_sidecar" in page
    assert "<script>" not in page  # the content policy allows none


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ('{"code": "A", "code": "B"}', "'code' appears twice in one object"),
        ('{"code": NaN}', "NaN is not a JSON number"),
        ('{"code": }', "at line 1 column 10"),
        ("[" * 100_000, "nested too deeply"),
        (b"\xff", "not UTF-8 at byte 0"),
        ("9" * 5_000, "Exceeds the limit"),
    ],
)
def test_a_body_that_python_would_guess_at_is_refused(
    api: APIClient, db: None, body: Any, sentence: str
) -> None:
    found = problem(api.post("/api/v1/desks/", body, content_type="application/json"), 400)
    assert sentence in found["detail"]
    assert found["code"] == "INVALID_JSON"


def test_a_body_that_is_too_long_is_refused(api: APIClient, book: Book, settings: Any) -> None:
    settings.API_BODY_BYTES = 100
    body = problem(api.post("/api/v1/swaps/", {**SWAP, "trade_id": "S" * 100}), 413)
    assert body["code"] == "TOO_LARGE"
    assert not Swap.objects.exists()


def test_a_row_tells_its_history(api: APIClient, swap: Swap, admin_user: Any) -> None:
    api.patch("/api/v1/swaps/S1/", {"notional": 5})
    newest, first = api.get("/api/v1/swaps/S1/history/").json()
    assert (newest["kind"], newest["version"]) == ("changed", 2)
    assert newest["changes"] == {"notional": ["10000000.00", "5.00"]}
    assert (first["kind"], first["version"], first["changes"]) == ("created", 1, {})
