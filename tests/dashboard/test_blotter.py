"""The table of trades: its rows, and ladders and measures of one."""

from __future__ import annotations

import math

import numpy as np

from dashboard.blotter import TradeRow
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
