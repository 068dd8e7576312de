"""Excel: the template, its queries, and a workbook that is filled from a running server."""

from __future__ import annotations

import asyncio
import importlib.util
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.urls import resolve
from live_risk_client import ApiError, Client
from live_risk_client.workbook import fill

from docs import make_workbook
from pricing.reference import Reference
from riskproject.web import problems
from tests.risk.api.conftest import CURVES, Live
from tests.risk.made import DATE, bond, swap

ROOT = Path(__file__).resolve().parents[3]
EXCEL = make_workbook.FILE.parent
PQ = (EXCEL / "live-risk.pq").read_text()


@pytest.fixture(scope="module")
def functions() -> Any:
    file = ROOT / "client" / "excel" / "live_risk_functions.py"
    spec = importlib.util.spec_from_file_location("functions", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def filled(live: Live, tmp_path: Path) -> Any:
    live.publish("USD")
    path = tmp_path / "live-risk.xlsx"
    with Client(live.url, token=live.system.token) as client:
        rows = fill(client, make_workbook.FILE, path)
    assert rows["Trades"] == 2
    return openpyxl.load_workbook(path)


def rows_of(sheet: Any) -> list[dict[str, Any]]:
    header, *lines = sheet.iter_rows(values_only=True)
    return [dict(zip(header, line, strict=True)) for line in lines]


def test_the_template_is_what_its_script_makes() -> None:
    made, committed = make_workbook.workbook(), openpyxl.load_workbook(make_workbook.FILE)
    assert committed.sheetnames == made.sheetnames, "run: python -m docs.make_workbook"
    for sheet in made:
        assert list(committed[sheet.title].values) == list(sheet.values), sheet.title


def test_queries_of_the_template_and_of_power_query_ask_addresses_that_there_are() -> None:
    paths = re.findall(r'LiveRisk\("([^"]+)"', PQ)
    assert len(paths) >= 8
    for path in (*paths, *(address.split("?")[0] for address in make_workbook.QUERIES.values())):
        assert resolve(f"/api/v1/{path}").func is not problems.no_such_address, path


def test_power_query_s_requests_are_answered_with_its_credentials(live: Live) -> None:
    live.publish("USD")
    for path, words in re.findall(r'LiveRisk\("([^"]+)", (null|\[[^\]]*\])', PQ):
        query = dict(re.findall(r'(\w+) = "([^"]*)"', words)) | {"format": "xlsx"}
        answer = live.get(
            path, params=query, headers={"Authorization": ""}, auth=("admin", live.system.token)
        )
        assert answer.status_code == 200, (path, answer.text)


def test_sheets_are_the_answers_of_rest_and_what_quantlib_says(filled: Any, live: Live) -> None:
    trades = {row["trade_id"]: row for row in rows_of(filled["Trades"])}
    truths = Reference(DATE, CURVES["USD"]).values([swap("S1"), bond("P1")])
    for name, truth in zip(("S1", "P1"), truths, strict=True):
        answer = live.get(f"risk/trades/{name}/").json()
        for header, measure in (("npv_usd", "npv"), ("dv01_par_usd_per_bp", "dv01_par")):
            # The 15 digits that Excel shows, and the file's sixteenth.
            assert trades[name][header] == pytest.approx(answer[measure], rel=1e-15)
            assert f"{trades[name][header]:.15g}" == f"{answer[measure]:.15g}"
        assert f"{trades[name]['npv_usd']:,.2f}" == f"{truth:,.2f}"  # as the sheet shows it
    (usd,) = live.get("risk/portfolio/?currency=USD").json()["groups"]
    groups = [row for row in rows_of(filled["Groups"]) if row["currency"] == "USD"]
    assert sum(row["npv_local"] for row in groups) == pytest.approx(usd["npv"], rel=1e-15)
    ladder = [row for row in rows_of(filled["Ladder"]) if row["currency"] == "USD"]
    assert {row["tenor"] for row in ladder} == {t for ts in usd["ladder_par"].values() for t in ts}


def test_tables_of_a_filled_workbook_cover_their_rows_and_formulas_stay(filled: Any) -> None:
    for name in make_workbook.QUERIES:
        sheet = filled[name]
        assert sheet.tables[name].ref == sheet.dimensions
        header = [cell.value for cell in sheet[1]]
        assert [column.name for column in sheet.tables[name].tableColumns] == header
        assert header == make_workbook.headers()[name]
    used = re.findall(r"(\w+)\[(\w+)\]", " ".join(formula for _, formula in make_workbook.SUMMARY))
    assert used
    for table, column in used:
        assert column in make_workbook.headers()[table]
    assert [row[1].value for row in filled["summary"].iter_rows(min_row=2)] == [
        formula for _, formula in make_workbook.SUMMARY
    ]


def test_a_workbook_is_not_saved_when_an_address_is_refused(live: Live, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(make_workbook.FILE)
    book["queries"].append(("Wrong", "risk/portfolio/?table=sums"))
    path = tmp_path / "wrong.xlsx"
    book.save(path)
    before = path.read_bytes()
    with (
        Client(live.url, token=live.system.token) as client,
        pytest.raises(ApiError, match="allowed: groups"),
    ):
        fill(client, path)
    assert path.read_bytes() == before


def test_streaming_cells_read_the_stream_however_it_is_cut(functions: Any, live: Live) -> None:
    frame = live.publish("USD")
    raw = b""
    with live.get("stream/risk/?currency=USD", stream=True) as answer:
        for part in answer.iter_content(64):
            raw += part
            if raw.count(b"\n\n") > 1 and b"event: risk" in raw:
                break

    async def cut(size: int) -> AsyncIterator[bytes]:
        for place in range(0, len(raw), size):
            yield raw[place : place + size]

    async def read(size: int) -> list[Any]:
        return [event async for event in functions.events(functions.lines_of(cut(size)))]

    found = asyncio.run(read(7))
    assert found == asyncio.run(read(10_000))
    event_id, name, data = found[0]
    assert (event_id, name) == (f"USD:{frame}", "risk")
    (group,) = live.get("risk/portfolio/?currency=USD").json()["groups"]
    assert functions.number_of(data, "npv") == group["npv"]
    ladder = group["ladder_par"]["USD-SOFR"]
    assert functions.number_of(data, "ladder_par.USD-SOFR.10Y") == ladder["10Y"]
    assert functions.number_of(data, "price") == "no price in price"
    assert functions.number_of({"groups": []}, "npv") == "no trades"
