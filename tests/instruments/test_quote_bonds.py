"""Bonds of the security master become quotes of a curve: tables that market files load."""

from __future__ import annotations

import datetime as dt
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from instruments.loading import KINDS, load
from instruments.models import Book
from pricing.markets import conventions, loader

ROWS: list[dict[str, Any]] = [
    {
        "code": "BUND-34",
        "isin": "DE000BU2Z023",
        "name": "Bund 2.2% 2034",
        "convention": "DE-BUND",
        "coupon_rate": "0.022",
        "issue_date": "2024-01-12",
        "maturity_date": "2034-02-15",
        "first_coupon_date": "2025-02-15",
    },
    {
        "code": "BTP-31",
        "name": "BTP 3.25% 2031",
        "convention": "IT-BTP",
        "coupon_rate": "0.0325",
        "issue_date": "2021-01-15",
        "dated_date": "2020-12-15",
        "maturity_date": "2031-06-15",
    },
    {
        "code": "BUBILL",
        "name": "Bubill",
        "convention": "DE-BUND",
        "payment_frequency": "ZERO",
        "coupon_rate": "0",
        "issue_date": "2024-01-17",
        "maturity_date": "2025-01-15",
    },
    {
        "code": "OLD",
        "name": "Bund 2024",
        "convention": "DE-BUND",
        "coupon_rate": "0.0175",
        "issue_date": "2014-01-31",
        "maturity_date": "2024-02-15",
    },
    {
        "code": "T-32",
        "name": "Treasury",
        "convention": "US-TREASURY",
        "coupon_rate": "0.04125",
        "issue_date": "2022-11-15",
        "maturity_date": "2032-11-15",
    },
    {
        "code": "NOT-HELD",
        "name": "Bund 2029",
        "convention": "DE-BUND",
        "coupon_rate": "0.021",
        "issue_date": "2024-01-16",
        "maturity_date": "2029-04-12",
    },
]
DATE = dt.date(2024, 3, 5)


@pytest.fixture(autouse=True)
def master(book: Book) -> None:
    for row in ROWS:
        assert load(KINDS["bonds"], [row]).sentences() == []
    held = [row["code"] for row in ROWS if row["code"] != "NOT-HELD"]
    positions = [
        {"trade_id": f"P-{code}", "bond": code, "face_amount": "1000000", "book": "B1"}
        for code in (*held, "BUND-34")
    ]
    positions[-1]["trade_id"] = "P-AGAIN"
    assert load(KINDS["positions"], positions).sentences() == []


def run(**options: Any) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    usual = {"curve": "EUR-GOVT", "date": DATE, "stdout": out, "stderr": err}
    call_command("quote_bonds", **{**usual, **options})
    return out.getvalue(), err.getvalue()


def loaded(file: Path) -> loader.Markets:
    return loader.read([*loader.packaged(), file])


def test_bonds_with_positions_become_tables_that_a_market_file_has(tmp_path: Path) -> None:
    file = tmp_path / "eur.toml"
    said, left_out = run(out=file)
    assert "2 bonds as quotes of EUR-GOVT, such as BOND-BTP-31" in said
    assert left_out.splitlines() == [
        "OLD: left out: it matures on 2024-02-15",
        "BUBILL: left out: it has terms of its own: payment_frequency",
    ]
    rows = loaded(file).quoted_bonds
    assert list(rows) == ["BTP-31", "DE000BU2Z023"]
    bund, btp = rows["DE000BU2Z023"], rows["BTP-31"]
    assert (bund.curve, bund.convention, bund.coupon_rate) == ("EUR-GOVT", "DE-BUND", 0.022)
    assert (bund.issue_date, bund.maturity_date) == (dt.date(2024, 1, 12), dt.date(2034, 2, 15))
    assert bund.first_coupon_date == dt.date(2025, 2, 15)
    assert btp.issue_date == dt.date(2020, 12, 15)  # interest accrues from the dated date
    assert bund.sources["curve"].startswith("Security master of this site, as of 2024-03-05")


def test_nodes_make_the_row_of_a_fitted_curve(tmp_path: Path) -> None:
    file = tmp_path / "eur.toml"
    run(out=file, nodes="1Y,5Y,10Y")
    row, before = loaded(file).curves["EUR-GOVT"], conventions.CURVES["EUR-GOVT"]
    assert (row.nodes, row.fit) == (("1Y", "5Y", "10Y"), "least_squares")
    assert (row.quotes, row.interpolation) == (before.quotes, before.interpolation)
    assert row.sources["quotes"] == before.sources["quotes"]


def test_codes_choose_bonds_whether_held_or_not(tmp_path: Path) -> None:
    file = tmp_path / "eur.toml"
    _, left_out = run(out=file, code=["NOT-HELD", "T-32"])
    assert left_out == "T-32: left out: it is discounted on USD-GOVT\n"
    assert list(loaded(file).quoted_bonds) == ["NOT-HELD"]


def test_a_file_that_it_wrote_is_replaced_and_another_is_not(tmp_path: Path) -> None:
    file = tmp_path / "eur.toml"
    run(out=file)
    run(out=file, code=["NOT-HELD"])
    assert list(loaded(file).quoted_bonds) == ["NOT-HELD"]
    file.write_text("# ours\n")
    with pytest.raises(CommandError, match="exists: it has other tables"):
        run(out=file)
    assert file.read_text() == "# ours\n"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"code": ["NONE"]}, "--code: no bond 'NONE' in the security master"),
        ({"curve": "GBP-GOVT"}, "no bond can be a quote of GBP-GOVT"),
        ({"nodes": "1Y,9Q"}, r"nodes = .*'9Q'"),
        ({"out": Path("usd.toml")}, "--out: 'usd.toml' is not valid; use eur.toml"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        run(**options)


def test_without_a_file_the_tables_are_printed() -> None:
    said, _ = run()
    assert said.startswith("# Written by manage.py quote_bonds")
    assert "[quoted_bonds.DE000BU2Z023]\ncurve = " in said
