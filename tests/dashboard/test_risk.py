"""Sums, ladders and series of the dashboard in US dollars: the numbers stand in made.py."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dashboard import risk
from dashboard.blotter import TIME_AND_OTHER
from dashboard.data import Market, sample_of
from dashboard.opening import FIRST_OF_DAY, Opening
from dashboard.risk import Choice
from pricing.errors import Failure
from pricing.products.registry import PRODUCT_NAMES
from risk.store.results import history_line
from tests.dashboard import made

ALL = Choice(("USD", "EUR", "GBP"))
BONDS = Choice(("USD", "EUR", "GBP"), ("bond",))


def market(currency: str, *, opened: dict[str, Any] | None = None, **now: Any) -> Market:
    """A market of one frame, opened with another one when that is described."""
    first = made.make(currency, 1, **(opened or {}))
    rollup = made.make(currency, 2, **now).rollup
    if opened is None:
        return Market(rollup, [history_line(rollup)], None, [sample_of(rollup)])
    opening = Opening(history_line(first.rollup), FIRST_OF_DAY, first.rollup)
    lines = [history_line(first.rollup), history_line(rollup)]
    return Market(rollup, lines, opening, [sample_of(first.rollup), sample_of(rollup)])


def three(**more: Any) -> list[Market]:
    return [market(currency, **more) for currency in made.KEYS]


def test_currencies_are_added_in_dollars_at_the_fx_of_their_frames() -> None:
    assert risk.total(three(), ALL, "npv") == 900 + 2 * 2500 + 4 * 4000
    assert risk.total(three(), ALL, "dv01_par") == 80 + 2 * 70 + 4 * 5


def test_each_frame_is_converted_with_its_own_fx_not_with_another_ones() -> None:
    markets = [market("USD", fx={"EUR": 9.0, "USD": 1.0}), market("EUR")]
    assert risk.total(markets, ALL, "npv") == 900 + 2 * 2500


@pytest.mark.parametrize("fx", [{}, {"USD": 1.0}, {"EUR": 0.0}, {"EUR": -1.0}])
def test_a_currency_without_a_usable_rate_is_named_and_in_no_sum(fx: dict[str, float]) -> None:
    markets = [market("USD"), market("EUR", fx=fx)]
    assert risk.excluded(markets) == ["EUR"]
    assert risk.total(markets, ALL, "npv") == 900
    assert risk.ladder(markets, ALL, "krd").rows.keys() == {"USD"}
    assert risk.breakdown(markets, ALL, "Ccy").groups == ["USD"]
    assert [row.npv for row in risk.desk_rows(markets, ALL)] == [1000, -100]


def test_the_dollar_needs_no_rate() -> None:
    assert risk.total([market("USD", fx={})], ALL, "npv") == 900


def test_nothing_to_convert_is_not_a_zero() -> None:
    assert risk.total([market("EUR", fx={})], ALL, "npv") is None


def test_filters_take_products_and_desks() -> None:
    assert risk.total(three(), BONDS, "dv01_par") == 100 + 2 * 30 + 4 * 5
    assert risk.total(three(), Choice(("USD",), PRODUCT_NAMES, "D2"), "npv") == -100 + 1000
    chosen = Choice(("USD",)).markets({m.currency: m for m in three()})
    assert [m.currency for m in chosen] == ["USD"]


def test_change_is_now_less_open_at_todays_fx() -> None:
    markets = [market("USD", opened={}, gain=10.0), market("EUR", opened={"gain": 5.0})]
    assert risk.change(markets, ALL).usd == 10 - 2 * 5
    assert risk.change(markets, BONDS).usd == 10 - 2 * 5
    assert risk.change(markets, Choice(ALL.currencies, ("swap",))).usd == 0
    assert "2024-03-05 09:01:00, first frame of the market day" in risk.change(markets, ALL).note


def test_a_change_without_an_opening_is_missing_and_says_of_whom() -> None:
    found = risk.change([market("USD", opened={}), market("EUR")], ALL)
    assert found.usd is None
    assert "EUR" in found.note


def test_desks_add_up_to_the_total() -> None:
    markets = three(opened={}, gain=7.0)
    rows = risk.desk_rows(markets, ALL)
    assert [(row.desk, row.npv, row.dv01, row.pnl, row.trades) for row in rows] == [
        ("D1", 21_000 + 49, 180, 49, 3),
        ("D2", 900, 60, 0, 3),
    ]
    assert sum(row.npv for row in rows) == risk.total(markets, ALL, "npv")
    assert sum(row.pnl or 0 for row in rows) == risk.change(markets, ALL).usd


def test_a_desk_without_an_opening_has_no_change() -> None:
    assert [row.pnl for row in risk.desk_rows([market("USD")], ALL)] == [None, None]


def test_ladders_are_in_dollars_by_exact_tenor() -> None:
    found = risk.ladder(three(), ALL, "krd")
    assert found.tenors == ["2Y", "10Y", "30Y"]
    assert found.rows == {"USD": [15, 65, 0], "EUR": [40, 100, 0], "GBP": [0, 0, 20]}
    assert found.net == [55, 165, 20]
    assert sum(found.net) == risk.total(three(), ALL, "dv01_zero")


def test_discount_and_projection_curves_stand_alone() -> None:
    assert risk.ladder(three(), ALL, "krd", risk.GOVT).rows["USD"] == [90]
    assert risk.ladder(three(), ALL, "krd", risk.PROJECTION).rows["EUR"] == [100]
    ois = risk.ladder(three(), ALL, "krd", risk.OIS)
    assert (ois.tenors, ois.rows["EUR"]) == (["2Y", "10Y", "30Y"], [40, 0, 0])


def test_families_add_up_to_all_curves() -> None:
    families = (risk.OIS, risk.GOVT, risk.PROJECTION)
    parts = [sum(risk.ladder(three(), ALL, "krd", family).net) for family in families]
    assert sum(parts) == sum(risk.ladder(three(), ALL, "krd").net)


def test_the_exact_table_has_the_net_and_the_sums() -> None:
    assert risk.ladder(three(), ALL, "krd").table() == [
        ("2Y", [15, 40, 0, 55]),
        ("10Y", [65, 100, 0, 165]),
        ("30Y", [0, 0, 20, 20]),
        ("Sum", [80, 140, 20, 240]),
    ]


def test_the_largest_key_rate_is_of_the_net() -> None:
    found = risk.largest_key_rate(risk.ladder(three(), ALL, "krd"))
    assert found == risk.LargestKeyRate("10Y", 165, 240)
    assert risk.largest_key_rate(risk.ladder([], ALL, "krd")) is None


def test_curves_now_and_at_the_opening() -> None:
    shown = market("EUR", opened={}, zeros=[0.0201, 0.0252])
    (line,) = risk.curve_lines([shown], risk.PROJECTION)
    assert (line.curve, line.now, line.open) == ("EUR-EURIBOR6M", {"10Y": 0.0252}, {"10Y": 0.025})
    assert line.change_bp == pytest.approx({"10Y": 2.0})


def test_a_curve_without_an_opening_has_no_change() -> None:
    (line,) = risk.curve_lines([market("GBP")], risk.OIS)
    assert (line.open, line.change_bp) == ({}, {})


def test_breakdowns_are_stacked_by_product_largest_first() -> None:
    found = risk.breakdown(three(), ALL, "Ccy")
    assert found.groups == ["EUR", "USD", "GBP"]
    assert found.by_product == {"bond": [60, 100, 20], "swap": [80, -20, 0]}
    assert risk.breakdown(three(), ALL, "Desk").groups == ["D1", "D2"]
    assert risk.breakdown(three(), ALL, "Type").groups == ["Bond", "Swap"]
    assert risk.breakdown(three(), BONDS, "Book").by_product == {"bond": [180]}


def test_movers_are_the_largest_changes_in_dollars() -> None:
    markets = [market("USD"), market("EUR")]
    trades = {}
    for currency, gain in (("USD", 10.0), ("EUR", -6.0)):
        found = made.make(currency, 2).trades()
        found.table["pnl"] = [gain, 0.0]  # bond, swap
        trades[currency] = found
    by_change = risk.movers(markets, trades, ALL, by="pnl", count=2)
    assert [(mover.trade, mover.pnl) for mover in by_change] == [
        ("EUR-bond", -12),
        ("USD-bond", 10),
    ]
    trades["EUR"].table["pnl"] = float("nan")  # no number is no mover; of equal ones DV01 decides
    trades["USD"].table["pnl"] = 0.0
    unmoved = risk.movers(markets, trades, ALL, by="pnl")
    assert [mover.trade for mover in unmoved] == ["USD-bond", "USD-swap"]
    by_dv01 = risk.movers(markets, trades, ALL, by="dv01", count=1)
    assert [(mover.trade, mover.dv01) for mover in by_dv01] == [("USD-bond", 100)]
    assert {m.product for m in risk.movers(markets, trades, BONDS, by="dv01")} == {"bond"}


def test_a_mover_names_the_zero_rate_that_moved_it_most() -> None:
    found = made.make("USD", 2).trades()
    why = []
    for pnl in (-190.0, 500.0, float("nan")):  # - 10 x 1 - 90 x 2, to first order
        table = found.table.assign(pnl=[pnl, 0.0])
        moved = replace(found, table=table, moves_bp=np.array([1.0, 0.0, 2.0]))
        row = risk.movers([market("USD")], {"USD": moved}, BONDS, by="dv01")[0]
        why.append(row.why)
    assert why == ["USD-GOVT 10Y +2.0 bp", TIME_AND_OTHER, ""]


def test_no_trade_in_trouble_is_left_out() -> None:
    bad = [Failure(trade_id=f"T{i}", code="X", message="why") for i in range(300)]
    found = risk.troubles([market("USD", failures=bad), market("EUR", missing=[1])])
    assert len(found) == 301
    assert found[-1].code == "missing_block"


def test_trades_that_never_compiled_are_counted_as_failed() -> None:
    lost = [Failure(trade_id="T", code="X", message="why")]
    assert risk.trade_counts([market("USD", not_compiled=lost)], ALL) == (3, 1)


def test_sums_over_time_begin_when_all_have_begun() -> None:
    lines = {"USD": [(1, 10.0), (4, 11.0)], "EUR": [(3, 5.0), (5, 6.0)]}
    assert risk.summed_over_time(lines) == [15, 16, 17]


def test_a_series_that_never_moves_is_no_line() -> None:
    assert risk.thinned([5.0, 5.0, 5.0]) == []
    assert risk.thinned([]) == []
    many = risk.thinned([float(i) for i in range(1000)])
    assert len(many) <= risk.SPARK_POINTS
    assert many[-1] == 999


def test_series_follow_the_filter() -> None:
    markets = [market("USD", opened={}, gain=10.0)]
    assert risk.series(markets, ALL, "npv") == [900, 910]
    assert risk.series(markets, BONDS, "npv") == [1000, 1010]
    assert risk.series(markets, Choice(("USD",), ("swap",)), "npv") == []


def test_a_series_leaves_out_frames_of_another_number_of_priced_trades() -> None:
    late = market("USD", opened={}, gain=10.0)
    assert risk.series([replace(late, comparable=frozenset({2}))], ALL, "npv") == []
    assert risk.series([replace(late, comparable=frozenset({1, 2}))], ALL, "npv") == [900, 910]


def test_a_choice_without_a_trade_has_no_total() -> None:
    assert risk.total(three(), Choice(("USD",), ("bond",), "D2"), "npv") is None


def test_percentiles_are_of_what_was_measured() -> None:
    values = [float(i) for i in range(1, 101)]
    assert [risk.percentile(values, p) for p in (50, 95, 99)] == [50, 95, 99]
    assert risk.percentile([], 50) is None
    untimed = market("USD", sent_ns=0, received_ns=0)
    assert risk.latency([untimed]).frames == 0
