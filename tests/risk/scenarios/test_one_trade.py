"""Stress P&L of one trade: sums of trades are those of their group, and each is QuantLib's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import redis

from pricing.reference import Reference
from pricing.scenarios.standard import plain, supervisory
from risk.scenarios.one_trade import stress_of_trade
from risk.store.compiled_book_store import CompiledBooks
from risk.store.frames import BOOK_GONE
from risk.store.previews import TradeQuestion
from risk.workers.session import Session
from tests.risk.made import DATE, QUOTES, bond, swap
from tests.risk.scenarios.live import publish_books, run

TERMS = {"S1": swap("S1"), "S2": swap("S2", notional=3e6), "P1": bond("P1")}
GROUPS = {("B1", "swap"): ("S1", "S2"), ("B2", "bond"): ("P1",)}
SCENARIOS = [*plain(), *supervisory()]
MONEY = 1e-5


def question(made: Any, trade: str, **changes: Any) -> TradeQuestion:
    block, row = made.place_of(trade)
    usual = {
        "answer_key": "a",
        "currency": made.currency,
        "valuation_date": DATE,
        "curves": QUOTES[made.currency],
        "book_version": made.version,
        "block": block,
        "row": row,
    }
    return TradeQuestion(**{**usual, **changes})


def asked(client: redis.Redis, made: Any, trade: str, **changes: Any) -> Any:
    session = Session(CompiledBooks(client))
    return stress_of_trade(question(made, trade, **changes), session, SCENARIOS)


def test_trades_of_a_group_add_up_to_the_group_in_every_scenario(redis_client: redis.Redis) -> None:
    made = publish_books(redis_client)["USD"]
    usd = run(redis_client).currencies["USD"]
    of_trade = {name: asked(redis_client, made, name)["scenarios"] for name in TERMS}
    assert {len(rows) for rows in of_trade.values()} == {len(SCENARIOS)}
    for place, group in enumerate(usd.groups):
        names = GROUPS[group.book, group.product]
        for number, scenario in enumerate(SCENARIOS):
            rows = [of_trade[name][number] for name in names]
            assert {row["scenario"] for row in rows} == {scenario.name}
            expected = usd.matrix(usd.stress)[place, number]
            assert sum(row["pnl"] for row in rows) == pytest.approx(expected, abs=MONEY)
            for table in ("delta", "delta_gamma"):
                sums = sum(row["approximation"][table] for row in rows)
                expected = usd.matrix(getattr(usd, table))[place, number]
                assert sums == pytest.approx(expected, abs=1e-2), table


@pytest.mark.parametrize("trade", sorted(TERMS))
def test_a_parallel_move_is_that_of_quantlib_at_the_moved_quotes(
    redis_client: redis.Redis, trade: str
) -> None:
    made = publish_books(redis_client)["USD"]
    (row,) = [
        row
        for row in asked(redis_client, made, trade)["scenarios"]
        if row["scenario"] == "parallel_+100"
    ]
    moved = {
        curve: {tenor: rate + 0.01 for tenor, rate in rates.items()}
        for curve, rates in QUOTES["USD"].items()
    }
    now, then = (
        Reference(DATE, quotes).price([TERMS[trade]], ladders=False)[0].npv
        for quotes in (QUOTES["USD"], moved)
    )
    assert row["pnl"] == pytest.approx(then - now, abs=1e-8 * 3e6)
    assert abs(row["pnl"]) > 10_000.0
    assert (row["reason"], row["space"]) == (None, "par")


def test_what_has_no_p_and_l_says_why(redis_client: redis.Redis) -> None:
    made = publish_books(redis_client)["USD"]
    gone = asked(redis_client, made, "S1", book_version="99-none")
    assert gone["failure"]["code"] == BOOK_GONE
    broken = asked(redis_client, made, "S1", curves={"USD-SOFR": {"1Y": 0.05, "10Y": float("nan")}})
    assert "USD-SOFR" in broken["failure"]["message"]
    # So far below what any curve allows that quotes cannot be repriced in some scenarios.
    low = {"USD-SOFR": dict.fromkeys(QUOTES["USD"]["USD-SOFR"], -0.0995)}
    rows = asked(redis_client, made, "S1", curves=low)["scenarios"]
    for row in rows:
        assert (row["pnl"] is None) == (row["reason"] is not None)
    assert np.isfinite([row["pnl"] for row in rows if row["reason"] is None]).all()
