"""Tables of answers as CSV, workbooks, lines of JSON, Arrow and Parquet."""

from __future__ import annotations

import base64
import csv
import datetime as dt
import io
import json

import openpyxl
import pyarrow as pa
import pyarrow.parquet
import pytest
from django.core.management import call_command
from live_risk_client.table import named
from rest_framework.test import APIClient

from instruments import loading
from instruments.api.urls import router
from instruments.models import Counterparty, Desk, Fixing, FxRate, Issuer, Limit, ScenarioShock
from pricing.measures.table import LIVE
from risk.api.answers.tables import CURVES, PORTFOLIO, TRADE, TRADES
from riskproject.web.tables import formats as table_formats
from riskproject.web.tables.column_names import LOCAL, column_name
from riskproject.web.tables.paging import cursor_after
from tests.risk.rest import caller_of, publish_two_currencies


@pytest.fixture
def client(redis_client, redis_url, settings, admin_user):
    return caller_of(redis_url, settings, admin_user)


@pytest.fixture
def published(client, redis_client):
    """USD with a swap, a bond and two failures; EUR with two swaps."""
    publish_two_currencies(redis_client)


def get(client, path):
    answer = client.get(f"/api/v1/{path}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def lines_of(client, path: str) -> list[dict[str, str]]:
    answer = client.get(f"/api/v1/{path}")
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


def sheets_of(client, path: str) -> dict[str, list[tuple]]:
    answer = client.get(f"/api/v1/{path}")
    assert answer.status_code == 200, answer.content
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    return {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in book}


def refusal(client, path: str) -> str:
    answer = client.get(f"/api/v1/{path}")
    assert answer.status_code == 400, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    return answer.json()["detail"]


def test_a_file_of_sums_has_the_numbers_of_the_json_to_the_last_bit(client, published):
    groups = get(client, "risk/portfolio/?group_by=currency,book")["groups"]
    rows = lines_of(client, "risk/portfolio/?group_by=currency,book&format=csv")
    assert [row["book"] for row in rows] == [group["book"] for group in groups]
    for row, group in zip(rows, groups, strict=True):
        assert float(row["npv_local"]) == group["npv"]
        assert float(row["dv01_par_local_per_bp"]) == group["dv01_par"]
        assert row["amounts_in"] == group["currency"]
        assert row["gamma_local_per_bp2"] == ("" if group["gamma"] is None else str(group["gamma"]))
    (usd, _) = get(client, "risk/portfolio/")["groups"]
    ladder = lines_of(client, "risk/portfolio/?format=csv&table=ladder_par")
    mine = {(r["curve"], r["tenor"]): r for r in ladder if r["currency"] == usd["currency"]}
    assert {key: float(row["ladder_par_local_per_bp"]) for key, row in mine.items()} == {
        (curve, tenor): value
        for curve, by_tenor in usd["ladder_par"].items()
        for tenor, value in by_tenor.items()
    }


def test_a_workbook_has_a_sheet_for_each_table_of_one_answer(client, published):
    sheets = sheets_of(client, "risk/portfolio/?format=xlsx")
    assert list(sheets) == list(PORTFOLIO)
    header, *rows = sheets["groups"]
    (usd,) = (row for row in rows if row[0] == "USD")
    (group,) = (g for g in get(client, "risk/portfolio/")["groups"] if g["currency"] == "USD")
    assert usd[header.index("npv_local")] == pytest.approx(group["npv"], rel=1e-15)
    assert isinstance(sheets["frames"][1][sheets["frames"][0].index("as_of")], dt.datetime)
    assert list(sheets_of(client, "risk/portfolio/?format=xlsx&table=krd")) == ["krd"]


def test_one_currency_of_all_amounts_is_in_the_names_of_columns(client, published):
    (row,) = lines_of(client, "risk/portfolio/?group_by=currency&currency=USD&format=csv")
    assert "npv_local" in row  # names do not depend on the rows
    row = lines_of(client, "risk/trades/?currency=USD&format=csv")[0]
    assert {"npv_usd", "dv01_par_usd_per_bp", "par_rate_decimal", "z_spread_bp"} <= set(row)


def test_names_of_measures_are_those_of_the_python_client():
    for name in LIVE:
        assert column_name(name) == named(name, LOCAL), name


@pytest.mark.parametrize("ordering", ["trade_id", "-npv", "dv01_par"])
def test_a_file_of_trades_has_all_of_them_and_the_fields_of_the_json(client, published, ordering):
    found = get(client, f"risk/trades/?ordering={ordering}")["results"]
    rows = lines_of(client, f"risk/trades/?ordering={ordering}&format=csv")
    assert [row["trade_id"] for row in rows] == [trade["trade_id"] for trade in found]
    for row, trade in zip(rows, found, strict=True):
        for name in LIVE:
            cell = row[column_name(name)]
            assert (float(cell) if cell else None) == trade[name], (name, trade["trade_id"])
        for name in ("currency", "desk", "book", "type", "status"):
            assert row[name] == trade[name]
        assert row["failure_code"] == (trade["failure"] or {}).get("code", "")
        assert int(row["frame"]) == trade["frame"]
        why = dict(part.split(": ") for part in row["unavailable"].split("; ") if part)
        assert why == {
            name: reason
            for name, reason in trade["unavailable"].items()
            if reason != "UNSUPPORTED" and name in LIVE
        }


def test_ladders_by_trade_are_columns_when_they_are_asked_for(client, published):
    path = "risk/trades/?currency=USD&fields=trade_id,ladder_par,krd&format="
    rows = {row["trade_id"]: row for row in lines_of(client, f"{path}csv")}
    for name in ("S1", "P1"):
        trade = get(client, f"risk/trades/{name}/")
        for kind in ("ladder_par", "krd"):
            assert {
                (curve, tenor): float(rows[name][f"{kind}_usd_per_bp {curve} {tenor}"])
                for curve, by_tenor in trade[kind].items()
                for tenor in by_tenor
            } == {(c, t): value for c, by_t in trade[kind].items() for t, value in by_t.items()}
    assert {value for key, value in rows["X1"].items() if key != "trade_id"} == {""}
    sentence = refusal(client, "risk/trades/?fields=trade_id,krd&format=csv")
    assert "one currency" in sentence
    assert "USD, EUR" in sentence or "EUR, USD" in sentence


def test_arrow_parquet_and_lines_of_json_hold_the_same(client, published):
    path = "risk/trades/?currency=USD&fields=trade_id,npv,status,failure_code,ladder_par&format="
    answer = client.get(f"/api/v1/{path}arrow")
    arrow = pa.ipc.open_stream(answer.content).read_all()
    parquet = pyarrow.parquet.read_table(io.BytesIO(client.get(f"/api/v1/{path}parquet").content))
    lines = [json.loads(x) for x in client.get(f"/api/v1/{path}ndjson").content.splitlines()]
    assert arrow.to_pylist() == parquet.to_pylist()
    assert arrow.to_pylist() == lines
    by_id = {row["trade_id"]: row for row in lines}
    assert by_id["OLD"]["npv_usd"] is None
    assert by_id["OLD"]["failure_code"] == "MISSING_FIXING"
    assert by_id["S1"]["npv_usd"] == get(client, "risk/trades/S1/")["npv"]
    assert arrow.schema.field("npv_usd").type == pa.float64()


def test_every_table_of_the_risk_answers_is_a_file(client, published):
    for path, tables in {
        "risk/portfolio/": PORTFOLIO,
        "risk/trades/": TRADES,
        "risk/trades/S1/": TRADE,
        "curves/": CURVES,
        "curves/USD-SOFR/": CURVES,
    }.items():
        for name in tables:
            for format_name in table_formats.FORMATS:
                answer = client.get(
                    f"/api/v1/{path}?format={format_name}"
                    + (f"&table={name}" if len(tables) > 1 else "")
                )
                assert answer.status_code == 200, (path, name, answer.content)


def test_what_a_file_cannot_be_is_refused_by_a_sentence(client, published):
    assert "allowed: json, csv, xlsx, ndjson, arrow, parquet" in refusal(
        client, "risk/trades/?format=pdf"
    )
    assert "allowed: json" in refusal(client, "session/?format=csv")
    assert "allowed: json" in refusal(client, "limit-breaches/1/?format=xlsx")
    sentence = refusal(client, "risk/trades/?format=csv&fields=trade_id,prices")
    assert "'prices' is not valid; allowed: trade_id, currency" in sentence
    assert "allowed: groups, ladder_par, krd, frames" in refusal(
        client, "risk/portfolio/?format=csv&table=trades"
    )
    assert "add format=csv" in refusal(client, "risk/trades/?fields=npv")
    assert "add format=csv" in refusal(client, "risk/portfolio/?table=krd")
    assert "names no column" in refusal(client, "risk/trades/?format=csv&fields=,")


def test_a_file_that_is_too_long_is_refused_and_a_page_of_it_is_not(client, published, monkeypatch):
    short = table_formats.TableFormat("csv", "text/csv", table_formats.csv_bytes, most_rows=3)
    from riskproject.web.tables.answers import RENDERERS

    (renderer,) = (r for r in RENDERERS if r.format == "csv")
    monkeypatch.setattr(renderer, "table_format", short)
    sentence = refusal(client, "risk/trades/?format=csv")
    assert "has 6 rows, and csv at most 3" in sentence
    rows = lines_of(client, "risk/trades/?format=csv&page=2&page_size=2")
    assert [row["trade_id"] for row in rows] == ["OLD", "P1"]


def test_a_refusal_stays_a_problem_document(client, published):
    answer = client.get("/api/v1/risk/trades/NONE/?format=xlsx")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert "no trade" in answer.json()["detail"]
    assert APIClient().get("/api/v1/risk/trades/?format=csv").status_code == 401


def test_a_user_writes_two_files_at_once_and_not_three(client, published, admin_user):
    from riskproject.web.tables.answers import _slots

    taken = [_slots.take(admin_user.pk, 2, 4) for _ in range(2)]
    try:
        answer = client.get("/api/v1/risk/portfolio/?format=csv")
        assert (answer.status_code, answer.json()["code"]) == (429, "TOO_MANY_FILES")
        assert get(client, "risk/portfolio/")
    finally:
        for slot in taken:
            _slots.release(slot)


# --- Pages by cursor -------------------------------------------------------------------------


def test_pages_of_trades_by_cursor_hold_each_trade_once_while_frames_change(client, published):
    names, cursor = [], "*"
    while cursor:
        page = get(client, f"risk/trades/?page_size=2&cursor={cursor}")
        names += [row["trade_id"] for row in page["results"]]
        cursor = page["next_cursor"]
    assert names == ["E1", "E2", "OLD", "P1", "S1", "X1"]
    assert get(client, "risk/trades/")["next_cursor"] is None
    assert "not together with cursor" in refusal(client, "risk/trades/?cursor=*&page=2")
    assert "not together with cursor" in refusal(client, "risk/trades/?cursor=*&ordering=npv")
    assert "is not valid" in refusal(client, "risk/trades/?cursor=abc")
    assert "a file has all rows" in refusal(client, "risk/trades/?cursor=*&format=csv")


def test_pages_of_the_master_by_cursor_are_stable_under_edits(client):
    for number in range(7):
        Issuer.objects.create(code=f"I{number}", name=f"Issuer {number}")
    first = get(client, "issuers/?cursor=*&page_size=3")
    assert [row["code"] for row in first["results"]] == ["I0", "I1", "I2"]
    assert (first["count"], first["previous"]) == (None, None)
    Issuer.objects.get(code="I1").delete()
    Issuer.objects.create(code="I00", name="before the cursor")
    second = get(client, first["next"].split("/api/v1/")[1])
    assert [row["code"] for row in second["results"]] == ["I3", "I4", "I5"]
    third = get(client, second["next"].split("/api/v1/")[1])
    assert ([row["code"] for row in third["results"]], third["next"]) == (["I6"], None)
    assert "of another list" in refusal(client, f"fixings/?cursor={cursor_after('S1')}")
    assert "a file has all rows" in refusal(client, "issuers/?cursor=*&format=csv")


# --- The security master ---------------------------------------------------------------------


def test_every_table_of_the_master_is_written_and_loaded_again_without_a_change(client):
    call_command("seed_book", trades=150, every_product=True, stdout=io.StringIO())
    make_others()
    addresses = {view.queryset.model: address for address, view, _ in router.registry}
    for kind, spec in loading.KINDS.items():
        address = addresses[spec.model]
        for format_name in ("csv", "xlsx"):
            answer = client.get(f"/api/v1/{address}/?format={format_name}")
            assert answer.status_code == 200, answer.content
            table = loading.read_table(answer.content, spec)
            assert len(table.rows) == spec.model._base_manager.count() > 0, kind
            result = loading.load(
                spec, table, user=None, reason="test", dry_run=True, books=None, books_seen=None
            )
            wrong = [row.errors or row.changes for row in result.rows if row.status != "skip"]
            assert wrong == [], kind


def make_others():
    """Rows of the tables that the sample book leaves empty."""
    Fixing.objects.create(index="SOFR", date="2024-01-02", rate="0.05345", source="x")
    ScenarioShock.objects.create(
        code="OIL-1", scenario="Oil", space="par", shape="parallel", move_bp=1
    )
    Counterparty.objects.create(code="C1", name="Counterparty, one")
    Issuer.objects.create(code="I1", name="=Issuer")
    FxRate.objects.create(currency="EUR", date="2024-01-02", usd="1.1", source="x")
    desk = Desk.objects.first()
    Limit.objects.create(code="L1", name="L1", desk=desk, measure="npv", hard_limit=1)


def test_text_is_no_formula_of_a_spreadsheet(client):
    for number, name in enumerate(("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1")):
        Issuer.objects.create(code=f"I{number}", name=name)
    rows = lines_of(client, "issuers/?format=csv")
    assert all(row["name"].startswith("'") for row in rows)
    for row in sheets_of(client, "issuers/?format=xlsx")["issuer"][1:]:
        assert str(row[1]).startswith("'")


def test_changes_of_a_row_and_chosen_columns_are_files_too(client):
    issuer = Issuer.objects.create(code="I1", name="One")
    issuer.name = "Two"
    issuer.save()
    rows = lines_of(client, "issuers/I1/history/?format=csv")
    assert [row["kind"] for row in rows] == ["changed", "created"]
    assert "name: One; Two" in rows[0]["changes"]
    (row,) = lines_of(client, "issuers/?format=csv&fields=name,code")
    assert list(row.items()) == [("name", "Two"), ("code", "I1")]


# --- A token as a spreadsheet sends it -------------------------------------------------------


def basic(name: str, token: str) -> dict[str, str]:
    word = base64.b64encode(f"{name}:{token}".encode()).decode()
    return {"Authorization": f"Basic {word}"}


def test_a_token_as_the_password_of_its_user_reads_and_changes_nothing(admin_user):
    from knox.models import AuthToken

    _, key = AuthToken.objects.create(admin_user)
    call = APIClient()
    name = admin_user.get_username()
    found = call.get("/api/v1/issuers/?format=csv", headers=basic(name, key))
    assert found.status_code == 200
    made = call.post("/api/v1/issuers/", {"code": "I1"}, headers=basic(name, key), format="json")
    assert made.status_code == 401
    assert "is for reading" in made.json()["detail"]
    for headers in (
        basic("other", key),
        basic(name, "x" * 64),
        basic(name, "password"),
        {"Authorization": "Basic ???"},
        {"Authorization": "Basic " + "A" * 2_000},
    ):
        assert call.get("/api/v1/issuers/", headers=headers).status_code == 401
    assert not Issuer.objects.filter(code="I1").exists()
