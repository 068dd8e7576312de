"""Rows of the blotter: what is found, in which order, and the CSV file of it."""

from __future__ import annotations

import csv
import datetime as dt
import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dashboard.blotter import Trades
from dashboard.risk import Choice
from dashboard.trades.columns import BY_NAME, COLUMNS, USUAL, chosen
from dashboard.trades.rows import Search, Sort, Stack, csv_bytes
from tests.dashboard import made

ALL = Choice(("USD", "EUR"))
TERMS = {
    "EUR-bond": ("Bund 2034", "DE", "long", 2e6, 0.022, dt.date(2034, 2, 15)),
    "EUR-swap": ("EUR-ESTR-OIS", "", "pay", 1e6, 0.025, dt.date(2029, 3, 7)),
    "USD-bond": ("Treasury 2032", "UST", "short", 5e6, 0.041, dt.date(2032, 11, 15)),
    "USD-swap": ("USD-SOFR-OIS", "", "receive", 3e6, np.nan, None),
}


def trades(currency: str) -> Trades:
    """Those of a made frame, with terms."""
    found = made.make(currency).trades()
    table = found.table.copy()
    for row, name in enumerate(table["trade"]):
        instrument, issuer, side, quantity, rate, maturity = TERMS[name]
        table.loc[row, ["instrument", "issuer", "side"]] = [instrument, issuer, side]
        table.loc[row, ["quantity", "rate"]] = [quantity, rate]
        table.loc[row, "maturity"] = pd.Timestamp(maturity) if maturity else pd.NaT
        table.loc[row, "searched"] = f"{name}\n{instrument}\n{issuer}".lower()
    return replace(found, table=table)


@pytest.fixture
def stack() -> Stack:
    return Stack([trades("USD"), trades("EUR")])


def names(stack: Stack, search: Search = Search(), sort: Sort = Sort()) -> list[str]:
    found = stack.ordered(stack.found(search, ALL), sort)
    return [str(name) for name in stack.rows(found)["trade"]]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        (Sort(), ["EUR-bond", "EUR-swap", "USD-bond", "USD-swap"]),
        (Sort("trade", True), ["USD-swap", "USD-bond", "EUR-swap", "EUR-bond"]),
        (Sort("npv", True), ["EUR-bond", "USD-bond", "EUR-swap", "USD-swap"]),
        (Sort("quantity"), ["EUR-swap", "EUR-bond", "USD-swap", "USD-bond"]),
        # Without a rate, a date or an issuer a row stands last either way.
        (Sort("rate"), ["EUR-bond", "EUR-swap", "USD-bond", "USD-swap"]),
        (Sort("rate", True), ["USD-bond", "EUR-swap", "EUR-bond", "USD-swap"]),
        (Sort("maturity"), ["EUR-swap", "USD-bond", "EUR-bond", "USD-swap"]),
        (Sort("maturity", True), ["EUR-bond", "USD-bond", "EUR-swap", "USD-swap"]),
        (Sort("issuer"), ["EUR-bond", "USD-bond", "EUR-swap", "USD-swap"]),
        (Sort("issuer", True), ["USD-bond", "EUR-bond", "EUR-swap", "USD-swap"]),
        (Sort("side"), ["EUR-bond", "EUR-swap", "USD-swap", "USD-bond"]),
    ],
)
def test_rows_of_two_currencies_are_in_one_order(
    stack: Stack, sort: Sort, expected: list[str]
) -> None:
    assert names(stack, sort=sort) == expected


@pytest.mark.parametrize("column", [column.name for column in COLUMNS])
def test_every_column_sorts_all_rows_either_way(stack: Stack, column: str) -> None:
    for descending in (False, True):
        assert sorted(names(stack, sort=Sort(column, descending))) == sorted(TERMS)


def test_a_search_looks_into_ids_instruments_and_issuers(stack: Stack) -> None:
    assert names(stack, Search(text=" ust ")) == ["USD-bond"]
    assert names(stack, Search(text="ois")) == ["EUR-swap", "USD-swap"]
    assert names(stack, Search(text="eur-b")) == ["EUR-bond"]
    assert names(stack, Search(books=("S",))) == ["EUR-swap", "USD-swap"]
    assert names(stack, Search(not_priced=True)) == []


def test_filters_of_all_pages_narrow_rows(stack: Stack) -> None:
    places = stack.found(Search(), replace(ALL, products=("bond",), desk="D1"))
    assert stack.rows(places)["trade"].tolist() == ["USD-bond", "EUR-bond"]
    assert not len(stack.found(Search(), replace(ALL, desk="D9")))


def test_a_place_is_the_same_trade_while_the_books_are(stack: Stack) -> None:
    later = Stack([trades("USD"), trades("EUR")])
    assert later.books == stack.books
    place = stack.place_of(("EUR", "EUR-swap"))
    assert place is not None
    assert later.rows(np.array([place]))["trade"].tolist() == ["EUR-swap"]
    assert stack.place_of(("USD", "EUR-swap")) is None
    assert stack.key_of("EUR-swap") == ("EUR", "EUR-swap")
    assert stack.key_of("none") is None


def test_a_click_on_a_heading_sorts_and_the_next_one_turns_round() -> None:
    assert Sort().after_click("npv") == Sort("npv", descending=True)
    assert Sort("npv", descending=True).after_click("npv") == Sort("npv")
    assert Sort("npv").after_click("book") == Sort("book")


def test_without_a_choice_the_usual_columns_are_shown() -> None:
    names = [column.name for column in chosen([])]
    assert names == list(USUAL)
    # What moved is left of what does not fit into the window.
    assert max(map(names.index, ("npv", "pnl", "why", "dv01_par"))) < names.index("price")
    assert [column.name for column in chosen(["NPV", "Issuer"])] == ["issuer", "npv"]


def test_a_file_has_the_rows_and_columns_shown_and_of_which_frame_they_are(stack: Stack) -> None:
    found = stack.rows(stack.ordered(stack.found(Search(text="ois"), ALL), Sort("npv")))
    stamps = {each.currency: each.stamp for each in stack.trades}
    columns = [BY_NAME[name] for name in ("trade", "rate", "price", "maturity", "npv")]
    lines = list(csv.DictReader(io.StringIO(csv_bytes(found, stamps, columns).decode())))
    assert [line["trade"] for line in lines] == ["USD-swap", "EUR-swap"]
    assert list(lines[0])[:5] == ["trade", "rate_decimal", "price_per_100", "maturity", "npv"]
    second = lines[1]
    assert (second["rate_decimal"], second["maturity"]) == ("0.025", "2029-03-07")
    assert (lines[0]["rate_decimal"], lines[0]["maturity"]) == ("", "")
    stamp = stack.trades[1].stamp
    assert second["frame"] == str(stamp.frame)
    assert second["market_time"] == stamp.market_time.isoformat(timespec="seconds")
    assert second["valuation_date"] == stamp.valuation_date.isoformat()
    assert second["published_at"].endswith("+00:00")
    assert second["quotes"] == "; ".join(f"{c} {v}" for c, v in stamp.labels.items())


def test_a_spreadsheet_runs_no_formula_of_ours() -> None:
    table = pd.DataFrame({"trade": ["=cmd()", "-x", "+1", "@a", "ok"], "npv": [-1.5, 2, 3, 4, 5]})
    columns = [BY_NAME["trade"], BY_NAME["npv"]]
    lines = csv_bytes(table, {}, columns).decode().splitlines()
    assert lines == ["trade,npv", "'=cmd(),-1.5", "'-x,2.0", "'+1,3.0", "'@a,4.0", "ok,5.0"]


def test_why_a_trade_moved_is_a_column_of_all_trades() -> None:
    found = made.make("USD", 2).trades()
    table = found.table.assign(pnl=[-190.0, np.nan])  # - 10 x 1 - 90 x 2, to first order
    moved = replace(found, table=table, moves_bp=np.array([1.0, 0.0, 2.0]))
    assert moved.column("why").tolist() == ["USD-GOVT 10Y +2.0 bp", ""]
    assert Stack([moved]).column("why").tolist() == ["USD-GOVT 10Y +2.0 bp", ""]
    assert found.column("why").tolist() == ["", ""]
