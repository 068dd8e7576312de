"""The table of trades: its rows, their order, and the CSV file."""

from __future__ import annotations

import csv
import io
import math

import numpy as np
import pandas as pd

from dashboard.blotter import Sort, TradeRow, csv_bytes, in_order
from pricing.errors import Failure
from risk.store.results import UnpricedTrade
from tests.dashboard import made


def test_a_row_per_trade_with_its_desk_and_exact_numbers() -> None:
    frame = made.make("EUR")
    table = frame.trades().table
    columns = ["trade", "currency", "desk", "book", "product", "npv", "dv01_par", "status"]
    assert table[columns].to_numpy().tolist() == [
        ["EUR-bond", "EUR", "D1", "B", "bond", 2000, 30, "ok"],
        ["EUR-swap", "EUR", "D2", "S", "swap", 500, 40, "ok"],
    ]


def test_a_failed_trade_says_why_and_has_no_number() -> None:
    bad = Failure(trade_id="EUR-late", code="BAD_TERMS", message="no coupon")
    frame = made.make("EUR", not_compiled=[bad])
    table = frame.trades().table
    row = table[table["trade"] == "EUR-late"].iloc[0]
    assert (row["status"], row["message"]) == ("failed: BAD_TERMS", "no coupon")
    assert math.isnan(row["npv"])


def test_a_trade_that_did_not_compile_stands_in_its_book() -> None:
    lost = UnpricedTrade(
        trade_id="EUR-late", code="BAD_TERMS", message="no coupon", book="EUR-B", product="swap"
    )
    frame = made.make("EUR", not_compiled=[lost])
    table = frame.trades([lost]).table
    row = table[table["trade"] == "EUR-late"].iloc[0]
    assert (row["book"], row["product"]) == ("EUR-B", "swap")


def test_trades_of_a_missing_block_are_there_without_numbers() -> None:
    frame = made.make("EUR", missing=[1])
    table = frame.trades().table
    assert table["status"].tolist() == ["ok", "missing"]
    assert np.isnan(table["npv"].iloc[1])


def test_a_trades_ladders_by_curve_and_tenor() -> None:
    frame = made.make("EUR")
    trades = frame.trades()
    ladder = trades.ladder(TradeRow("EUR-swap", "EUR", 1, 0))
    assert ladder.to_numpy().tolist() == [
        ["EUR-ESTR", "2Y", -10, -10],
        ["EUR-EURIBOR6M", "10Y", 50, 50],
    ]
    assert trades.ladder(TradeRow("gone", "EUR", 7, 0)).empty


def test_all_measures_of_a_trade_with_their_frame_or_why_one_is_missing() -> None:
    frame = made.make("EUR")
    trades = frame.trades()
    found = trades.measures(TradeRow("EUR-swap", "EUR", 1, 0), "swap").set_index("measure")
    assert found.loc["NPV", ["unit", "frame"]].tolist() == [
        "trade currency",
        str(frame.rollup.frame),
    ]
    assert found.loc["Theta", ["value", "frame"]].tolist() == ["NOT_MADE_YET", ""]
    assert "CS01" not in found.index  # no swap has one
    assert trades.measures(TradeRow("gone", "EUR", 7, 0), "swap").empty


def rows(*named: tuple[str, str, float]) -> pd.DataFrame:
    return pd.DataFrame(named, columns=["currency", "trade", "npv"])


ROWS = rows(("USD", "b", 1.0), ("EUR", "c", math.nan), ("USD", "a", -5.0), ("EUR", "b", 1.0))


def test_rows_are_ordered_by_a_column_and_missing_numbers_stand_last() -> None:
    assert [t for _, t in Sort().order(ROWS)] == ["a", "b", "b", "c"]
    up = [("USD", "a"), ("USD", "b"), ("EUR", "b"), ("EUR", "c")]
    assert Sort("npv").order(ROWS) == up
    assert Sort("npv", descending=True).order(ROWS) == [*up[1:3], up[0], up[3]]


def test_a_click_on_a_heading_sorts_and_the_next_one_turns_round() -> None:
    assert Sort().after_click("npv") == Sort("npv", descending=True)
    assert Sort("npv", descending=True).after_click("npv") == Sort("npv")
    assert Sort("npv").after_click("book") == Sort("book")


def test_rows_are_found_by_currency_and_trade() -> None:
    found = in_order(ROWS, [("EUR", "b"), ("USD", "a")])
    assert found["npv"].tolist() == [1.0, -5.0]


def test_a_csv_file_says_of_which_frame_and_quotes_its_numbers_are() -> None:
    frame = made.make("EUR")
    trades = frame.trades()
    text = csv_bytes(trades.table[["trade", "currency", "npv"]], {"EUR": trades.stamp}).decode()
    first = next(csv.DictReader(io.StringIO(text)))
    assert (first["trade"], first["npv"], first["frame"]) == (
        "EUR-bond",
        "2000.0",
        str(frame.rollup.frame),
    )
    assert first["market_time"] == frame.rollup.as_of.isoformat(timespec="seconds")
    assert first["valuation_date"] == frame.rollup.valuation_date.isoformat()
    assert first["published_at"].endswith("+00:00")
    assert first["quotes"] == "; ".join(f"{c} {v}" for c, v in frame.rollup.labels.items())


def test_a_spreadsheet_runs_no_formula_of_ours() -> None:
    table = pd.DataFrame({"trade": ["=cmd()", "-x", "+1", "@a", "ok"], "npv": [-1.5, 2, 3, 4, 5]})
    lines = csv_bytes(table, {}).decode().splitlines()
    assert lines == ["trade,npv", "'=cmd(),-1.5", "'-x,2.0", "'+1,3.0", "'@a,4.0", "ok,5.0"]


def test_a_csv_of_some_columns_has_them_and_what_they_were_made_from() -> None:
    trades = made.make("EUR").trades()
    rows = in_order(trades.table, [("EUR", "EUR-swap"), ("EUR", "EUR-bond")])
    text = csv_bytes(rows, {"EUR": trades.stamp}, ["trade", "npv"]).decode()
    found = list(csv.DictReader(io.StringIO(text)))
    assert [(row["trade"], float(row["npv"])) for row in found] == [
        ("EUR-swap", 500.0),
        ("EUR-bond", 2000.0),
    ]
    assert list(found[0])[:2] == ["trade", "npv"]
    assert "desk" not in found[0]
    assert found[0]["frame"] == "1"
