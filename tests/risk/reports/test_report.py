"""The report of a day: its numbers against plain QuantLib, who sees what, and its documents."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import msgspec
import numpy as np
import openpyxl
import pytest
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from pricing.products.fixed_floating_swap import SwapTerms
from pricing.reference import Reference
from risk.explain.frame_closes import keep_close
from risk.models import DayReport, FrameClose
from risk.workers import tasks
from tests.risk.curve_history import TENORS, usd_moves
from tests.risk.made import QUOTES, as_of, header, sums_job
from tests.risk.reports.conftest import FORWARD
from tests.risk.reprice.test_reprice import DATES, make_swap, moved
from tests.risk.rest import caller_of, trader

pytestmark = pytest.mark.django_db(transaction=True)
DAY = DATES[1]


def run(*words: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("report", *words, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


@pytest.fixture
def client(redis_url, settings, admin_user):
    return caller_of(redis_url, settings, admin_user)


@pytest.fixture
def made(closes, limits, client):
    """The report of the second day is stored."""
    run("--date", DAY.isoformat())
    return client


def tables(client: APIClient, more: str = "") -> dict[str, list[dict[str, Any]]]:
    answer = client.get(f"/api/v1/reports/{DAY}/{more}")
    assert answer.status_code == 200, answer.content
    return {table["name"]: table["rows"] for table in answer.json()["tables"]}


def by_desk(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["desk"]: row for row in rows}


def terms(name: str, sign: str = "receive", notional: float = 1e6, rate: float = 0.04) -> SwapTerms:
    return SwapTerms(
        trade_id=name,
        book="B1",
        convention="USD-SOFR-OIS",
        pay_receive=sign,
        notional=notional,
        effective_date=dt.date(2024, 4, 2),
        termination_date=dt.date(2029, 2, 20),
        fixed_rate=rate,
    )


SWAPS = {"S1": terms("S1"), "S2": terms("S2", "pay", 3e6), "S3": terms("S3", rate=0.0433)}


def values(quotes: dict[str, dict[str, float]], date: dt.date = DAY) -> dict[str, float]:
    """Values of the three swaps by plain QuantLib."""
    found = Reference(date, quotes, {}).values(list(SWAPS.values()))
    return dict(zip(SWAPS, found, strict=True))


def test_values_and_pnl_of_a_day_are_those_of_plain_quantlib(made) -> None:
    found = tables(made)
    end, start = values(moved(4.0)), values(moved(0.0), DATES[0])
    npv = {name: row["npv"] for name, row in by_desk(found["risk"]).items()}
    assert npv["RATES"] == pytest.approx(end["S1"] + end["S3"], abs=0.02)
    assert npv["=CREDIT"] == pytest.approx(end["S2"], abs=0.06)
    assert npv["Total"] == pytest.approx(npv["RATES"] + npv["=CREDIT"], rel=1e-12)
    pnl = by_desk(found["pnl"])
    credit = end["S2"] - start["S2"]
    assert pnl["=CREDIT"]["total"] == pytest.approx(credit, abs=0.06)
    rates = end["S1"] + end["S3"] - start["S1"]
    assert pnl["RATES"]["total"] == pytest.approx(rates, abs=0.02)
    assert pnl["RATES"]["new"] == pytest.approx(end["S3"], abs=0.02)
    assert pnl["Total"]["total"] == pytest.approx(credit + rates, abs=0.06)
    ladder = sum(row["dv01_par"] for row in found["ladder"])
    assert ladder == pytest.approx(by_desk(found["risk"])["Total"]["dv01_par"], rel=1e-6)


def test_value_at_risk_is_that_of_a_script_of_numpy_and_quantlib(made) -> None:
    """Every scenario: quotes moved, curves built by QuantLib anew, each swap valued again."""
    today = np.array([moved(4.0)["USD-SOFR"][tenor] for tenor in TENORS])
    base = values(moved(4.0))
    rows = []
    for move in usd_moves(DAY):
        shocked = {"USD-SOFR": dict(zip(TENORS, (today + move).tolist(), strict=True))}
        found = values(shocked)
        rows.append([found[name] - base[name] for name in SWAPS])
    pnl = np.array(rows)
    scopes = {"RATES": pnl[:, 0] + pnl[:, 2], "=CREDIT": pnl[:, 1], "Total": pnl.sum(axis=1)}
    var = by_desk(tables(made)["var"])
    assert len(pnl) == 60
    for name, losses in scopes.items():
        ordered = np.sort(losses)
        # Of 60 days 1 is the tail at 99 % (0.6), 2 at 97.5 % (1.5).
        for column, expected in (
            ("var_99", -ordered[0]),
            ("es_99", -ordered[0]),
            ("var_97.5", -ordered[1]),
            ("es_97.5", -ordered[:2].mean()),
        ):
            assert var[name][column] == pytest.approx(expected, abs=1e-8 * 5e6), (name, column)
    parts = [var[name]["component_es_97.5"] for name in ("RATES", "=CREDIT")]
    assert sum(parts) == pytest.approx(var["Total"]["es_97.5"], rel=1e-9)


def test_a_trade_that_was_booked_after_the_close_is_not_in_it(made) -> None:
    found = tables(made)
    assert by_desk(found["risk"])["Total"]["trades"] == 3
    (frame,) = found["frames"]
    assert (frame["valuation_date"], frame["trades"]) == (DAY.isoformat(), 3)
    assert frame["reproduced"] == "equal in every bit"


def test_limits_are_judged_on_the_numbers_of_the_close_and_breaches_are_listed(made) -> None:
    found = tables(made)
    rates, firm = found["limits"]
    assert (rates["code"], rates["state"]) == ("L-RATES", "breach")  # breaches come first
    assert rates["value"] == pytest.approx(by_desk(found["risk"])["RATES"]["dv01_par"])
    assert (firm["code"], firm["state"]) == ("L-FIRM", "ok")
    total = by_desk(found["var"])["Total"]["var_99"]
    assert firm["value"] == pytest.approx(total, rel=1e-6)  # limits have single precision
    (breach,) = found["breaches"]
    assert (breach["limit"], breach["worst"], breach["cause"]) == ("L-RATES", 2.5, "market")
    assert breach["began"] == "2024-03-05 17:00:00"


def test_a_trader_gets_the_own_desk_and_nothing_of_the_firm(made) -> None:
    everything = tables(made)
    seen = tables(trader("=CREDIT"))
    for name in ("risk", "pnl", "var"):
        assert set(by_desk(seen[name])) == {"=CREDIT", "Total"}, name
    own, whole = by_desk(seen["risk"]), by_desk(everything["risk"])
    assert own["=CREDIT"] == whole["=CREDIT"]
    assert own["Total"]["npv"] == whole["=CREDIT"]["npv"]
    assert (
        by_desk(seen["var"])["Total"]["var_99"] == by_desk(everything["var"])["=CREDIT"]["var_99"]
    )
    assert (seen["limits"], seen["breaches"]) == ([], [])
    assert seen["tail_days"] != everything["tail_days"]
    assert {row["desk"] for row in seen["ladder"]} == {"=CREDIT"}
    (frame,) = seen["frames"]
    assert frame["trades"] == 1
    page = trader("RATES").get(f"/api/v1/reports/{DAY}/?format=html").content.decode()
    assert "CREDIT" not in page
    assert "L-FIRM" not in page


class Page(HTMLParser):
    """The cells of a page's tables, and everything that a browser would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.tags: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href", "action")]

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


def test_the_page_asks_for_nothing_outside_and_has_the_numbers(made) -> None:
    answer = made.get(f"/api/v1/reports/{DAY}/?format=html")
    assert answer["Content-Type"].startswith("text/html")
    assert answer["Content-Disposition"] == f'inline; filename="report-{DAY}.html"'
    text = answer.content.decode()
    page = Page()
    page.feed(text)
    assert page.fetched == []
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert not re.search(r"url\(|@import|https?:", text)
    npv = by_desk(tables(made)["risk"])["Total"]["npv"]
    assert f"{npv:,.0f}" in page.texts
    assert "@media print" in text
    for title in (
        "Risk at the close",
        "P&L explain since the previous close",
        "Breaches of the day",
    ):
        assert title in page.texts


def test_the_workbook_has_numbers_and_no_formulas(made) -> None:
    answer = made.get(f"/api/v1/reports/{DAY}/?format=xlsx")
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    assert book.sheetnames == list(tables(made))
    sheet = book["risk"]
    header = [cell.value for cell in sheet[1]]
    assert header[3] == "NPV (USD)"
    rows = {row[0].value: row for row in sheet.iter_rows(min_row=2)}
    npv = by_desk(tables(made)["risk"])["Total"]["npv"]
    assert rows["Total"][3].value == pytest.approx(npv, rel=1e-14)  # it writes 16 digits
    assert rows["=CREDIT"][0].data_type == "s"  # a desk's name that begins with =


def test_each_table_as_csv(made) -> None:
    for name, rows in tables(made).items():
        answer = made.get(f"/api/v1/reports/{DAY}/?table={name}", headers={"accept": "text/csv"})
        found = list(csv.DictReader(io.StringIO(answer.content.decode())))
        assert len(found) == len(rows), name
        if rows:
            assert list(found[0]) == list(rows[0]), name
    risk = made.get(f"/api/v1/reports/{DAY}/", headers={"accept": "text/csv"}).content.decode()
    assert "'=CREDIT" in risk
    assert float(list(csv.DictReader(io.StringIO(risk)))[-1]["npv"]) == pytest.approx(
        by_desk(tables(made)["risk"])["Total"]["npv"]
    )


def test_a_close_without_the_rate_of_the_reporting_currency_is_refused(made) -> None:
    answer = made.get(f"/api/v1/reports/{DAY}/?reporting_currency=JPY")
    assert answer.status_code == 400
    assert "no FX rate for JPY" in answer.json()["detail"]
    in_euro = by_desk(tables(made, "?reporting_currency=EUR")["risk"])["Total"]["npv"]
    assert in_euro * 1.1 == pytest.approx(by_desk(tables(made)["risk"])["Total"]["npv"])


def test_an_empty_state_says_which_command_to_run(client, db) -> None:
    answer = client.get(f"/api/v1/reports/{DAY}/")
    assert answer.status_code == 404
    assert f"run manage.py report --date {DAY}" in answer.json()["detail"]
    assert "manage.py report --date DATE" in client.get("/api/v1/reports/").json()["hint"]
    assert client.get("/api/v1/reports/yesterday/").status_code == 404
    with pytest.raises(CommandError, match=r"no close is stored in the market 'live'.*make demo"):
        run()


def test_the_command_writes_files_and_makes_the_newest_day_again(
    closes, limits, client, tmp_path
) -> None:
    out, _ = run("--out", str(tmp_path))
    assert f"report of {DAY}, market live, is stored" in out
    names = {path.name for path in tmp_path.iterdir()}
    assert {f"report-{DAY}.html", f"report-{DAY}.xlsx", f"report-{DAY}-pnl.csv"} <= names
    assert re.search(r"limits: 1 breach, 1 ok; breaches: 1", out)
    run()
    assert DayReport.objects.count() == 1
    listed = client.get("/api/v1/reports/").json()
    assert ([one["date"] for one in listed["reports"]], listed["hint"]) == ([DAY.isoformat()], "")
    with pytest.raises(CommandError, match=r"no close of 2024-03-09 is stored"):
        run("--date", "2024-03-09")
    DayReport.objects.update(results=b"\x00")
    answer = client.get(f"/api/v1/reports/{DAY}/")
    assert "another release wrote the report" in answer.json()["detail"]


def test_the_first_close_has_no_pnl_and_says_why(closes, client) -> None:
    _, err = run("--date", DATES[0].isoformat())
    assert "USD is not in it: no close of the 14 days before is stored" in err
    FrameClose.objects.filter(date=DATES[0]).update(sums=b"\x00")
    with pytest.raises(CommandError, match="another release stored this close"):
        run("--date", DATES[0].isoformat())


def euro_close(live, date: dt.date) -> FrameClose:
    """A frame of EUR at its usual quotes, kept as the close of a date."""
    live.compiler.run()
    head = live.books.head("EUR", live.books.newest("EUR").version)
    changes: dict[str, Any] = {
        "valuation_date": date,
        "curves": QUOTES["EUR"],
        "book_version": head.version,
        "blocks": head.blocks,
        "currency": "EUR",
    }
    live.frames.open(header(900, as_of=as_of(date), **{**changes, "parts": 1}))
    job = msgspec.to_builtins(sums_job(head.version, 900, **changes))
    assert tasks.price_sums(job) == "PUBLISHED"
    return keep_close(live.frames.current("EUR"), "live", head)


def test_a_currency_on_holiday_keeps_its_close_and_says_so(closes, books, client) -> None:
    euro = {"convention": "EUR-ESTR-OIS", "notional": Decimal(2_000_000)}
    make_swap(books["B2"], "E1", **FORWARD, **euro)
    euro_close(closes.live, DATES[0])
    _, err = run("--date", DAY.isoformat())
    assert (
        f"pnl: EUR is not in it: it has no close of the day; its last one is of {DATES[0]}." in err
    )
    assert "var: EUR is not in it: no historical scenarios: it has no stored closes." in err
    found = tables(client)
    frames = {row["currency"]: row["valuation_date"] for row in found["frames"]}
    assert frames == {"USD": DAY.isoformat(), "EUR": DATES[0].isoformat()}
    terms = SwapTerms(
        trade_id="E1",
        book="B2",
        convention="EUR-ESTR-OIS",
        pay_receive="receive",
        notional=2e6,
        effective_date=dt.date(2024, 4, 2),
        termination_date=dt.date(2029, 2, 20),
        fixed_rate=0.04,
    )
    (euros,) = Reference(DATES[0], QUOTES["EUR"], {}).values([terms])
    credit = by_desk(found["risk"])["=CREDIT"]
    assert credit["trades"] == 2
    assert credit["npv"] == pytest.approx(values(moved(4.0))["S2"] + 1.1 * euros, abs=0.1)
    assert by_desk(found["pnl"])["=CREDIT"]["trades"] == 1
    # Without a date: the newest one of which all currencies have a close.
    assert f"report of {DATES[0]}, market live, is stored" in run()[0]
