"""Parts and a manifest in, one row per trade out."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from dashboard.blotter import TradeRow, csv_bytes, trades_of
from pricing.core.messages import Failure
from pricing.core.results import LostTrade
from tests.dashboard import made


def test_a_row_per_trade_with_its_desk_and_exact_numbers() -> None:
    frame = made.make("EUR")
    table = trades_of(frame.rollup, made.manifest("EUR"), dict(enumerate(frame.columns))).table
    columns = ["trade", "currency", "desk", "book", "product", "npv", "dv01_par", "status"]
    assert table[columns].to_numpy().tolist() == [
        ["EUR-bond", "EUR", "D1", "B", "bond", 2000, 30, "ok"],
        ["EUR-swap", "EUR", "D2", "S", "swap", 500, 40, "ok"],
    ]


def test_a_failed_trade_says_why_and_has_no_number() -> None:
    bad = Failure(trade_id="EUR-late", code="BAD_TERMS", message="no coupon")
    frame = made.make("EUR", not_compiled=[bad])
    table = trades_of(frame.rollup, made.manifest("EUR"), dict(enumerate(frame.columns))).table
    row = table[table["trade"] == "EUR-late"].iloc[0]
    assert (row["status"], row["message"]) == ("failed: BAD_TERMS", "no coupon")
    assert math.isnan(row["npv"])


def test_a_trade_that_did_not_compile_stands_in_its_book() -> None:
    lost = LostTrade(
        trade_id="EUR-late", code="BAD_TERMS", message="no coupon", book="EUR-B", product="swap"
    )
    frame = made.make("EUR", not_compiled=[lost])
    table = trades_of(
        frame.rollup, made.manifest("EUR", [lost]), dict(enumerate(frame.columns))
    ).table
    row = table[table["trade"] == "EUR-late"].iloc[0]
    assert (row["book"], row["product"]) == ("EUR-B", "swap")


def test_trades_of_a_missing_block_are_there_without_numbers() -> None:
    frame = made.make("EUR", missing=[1])
    table = trades_of(frame.rollup, made.manifest("EUR"), {0: frame.columns[0]}).table
    assert table["status"].tolist() == ["ok", "missing"]
    assert np.isnan(table["npv"].iloc[1])


def test_a_trades_ladders_by_curve_and_tenor() -> None:
    frame = made.make("EUR")
    trades = trades_of(frame.rollup, made.manifest("EUR"), dict(enumerate(frame.columns)))
    ladder = trades.ladder(TradeRow("EUR-swap", "EUR", 1, 0))
    assert ladder.to_numpy().tolist() == [
        ["EUR-ESTR", "2Y", -10, -10],
        ["EUR-EURIBOR6M", "10Y", 50, 50],
    ]
    assert trades.ladder(TradeRow("gone", "EUR", 7, 0)).empty


def test_a_spreadsheet_runs_no_formula_of_ours() -> None:
    table = pd.DataFrame({"trade": ["=cmd()", "-x", "+1", "@a", "ok"], "npv": [-1.5, 2, 3, 4, 5]})
    lines = csv_bytes(table).decode().splitlines()
    assert lines == ["trade,npv", "'=cmd(),-1.5", "'-x,2.0", "'+1,3.0", "'@a,4.0", "ok,5.0"]
