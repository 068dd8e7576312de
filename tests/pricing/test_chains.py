"""Payments that compound what does not telescope: shared factors, open fixings, gradients."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from pricing.curves.curve_set import ONE_BP
from pricing.explain.flows import NettedFlows
from pricing.explain.market import Nodes
from pricing.measures.groups import make_ready_groups, price_groups
from pricing.measures.netting import merge, net
from pricing.products.cash_flows import CHAINED, LINK
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.products.flows import compile_trade
from pricing.scenarios.moves import Moves
from pricing.scenarios.revaluation import ready_groups, ready_trades, revalue
from tests.pricing import netting_of, sample_markets
from tests.pricing.netting_of import Market, sums_by_trade
from tests.pricing.test_next_day import check as check_theta

TODAY = dt.date(2025, 2, 10)
START, END = dt.date(2024, 5, 20), dt.date(2027, 5, 20)
KINDS = {
    "lookback": {"lookback_days": 2},
    "lockout": {"lockout_days": 3, "spread_bp": 9.0},
    "straight": {"compounding_method": "straight", "spread_bp": 60.0},
    "flat": {"compounding_method": "flat", "spread_bp": 60.0, "lockout_days": 3},
    "both": {"lookback_days": 5, "lockout_days": 2, "notional_schedule": [8e5, 0.0, 3e5]},
}


def swap(name: str, **changes: object) -> SwapTerms:
    usual = {
        "trade_id": name,
        "book": "book",
        "convention": "USD-SOFR-OIS",
        "pay_receive": "receive",
        "notional": 1e6,
        "effective_date": START,
        "termination_date": END,
        "fixed_rate": 0.03,
    }
    return SwapTerms(**{**usual, **changes})


def market(book: list[SwapTerms], today: dt.date = TODAY) -> Market:
    quotes = sample_markets.curves_of("USD", 0.031, 0.009, -0.004)
    fixings = sample_markets.fixings_until(today)
    return netting_of.market(netting_of.compiled(book), today, quotes, fixings)


def all_kinds() -> list[SwapTerms]:
    """Each kind twice, of other sizes and sides: the two are in different books."""
    return [
        swap(f"{name}-{number}", **{**given, "pay_receive": side})
        for number, side in enumerate(("receive", "pay"))
        for name, given in KINDS.items()
    ]


def test_days_that_telescope_are_one_link():
    lockout = compile_trade(swap("S", lockout_days=3, termination_date=dt.date(2025, 5, 20))).flows
    assert np.count_nonzero(lockout["kind"] == CHAINED) == 1
    # All days but the last four of the lockout, whose weekend makes one of them count three days.
    assert np.count_nonzero(lockout["kind"] == LINK) <= 5
    lookback = compile_trade(swap("L", lookback_days=5)).flows
    assert np.count_nonzero(lookback["kind"] == LINK) < 0.3 * (END - START).days


def test_trades_and_groups_share_their_factors():
    """Ten trades of five kinds in three books: factors are those of one trade of each kind."""
    made = market(all_kinds())
    netted = merge([net(dated, made.curves.names) for dated in made.blocks])
    alone = market(all_kinds()[: len(KINDS)])
    own = merge([net(dated, alone.curves.names) for dated in alone.blocks])
    assert netted.chains.name.tolist() == own.chains.name.tolist()
    assert len(netted.chains.group) > len(own.chains.group)


def test_sums_of_groups_are_those_of_their_trades():
    made = market(all_kinds())
    netted = merge([net(dated, made.curves.names) for dated in made.blocks])
    found = price_groups(make_ready_groups(netted, made.curves.grid), made.curves, made.solved)
    risks = made.risks()
    close = netting_of.rounding(made)
    for name in ("npv", "pv01", "dv01_par", "gamma"):
        expected = sums_by_trade(made.blocks, found.groups, [risk.values[name] for risk in risks])
        assert found.values[name] == pytest.approx(expected, abs=close), name
    for name in ("ladder_par", "krd"):
        expected = sums_by_trade(made.blocks, found.groups, [getattr(r, name) for r in risks])
        assert getattr(found, name) == pytest.approx(expected, abs=close), name


def test_payer_and_receiver_cancel():
    (risk,) = market(
        [swap("A", **KINDS["both"]), swap("B", **KINDS["both"], pay_receive="pay")]
    ).risks()
    assert risk.npv.sum() == 0.0
    assert np.abs(risk.ladder_par.sum(axis=0)).max() < 1e-12


def test_a_scenario_revalues_each_chain_in_full():
    """Far moves, in quotes and in zero rates: linear flows with the alphas of today would fail."""
    made = market(all_kinds())
    keys = len(made.curves.keys)
    par = np.array([np.full(keys, 0.03), np.linspace(-0.02, 0.02, keys), np.zeros(keys)])
    zero = np.array([np.zeros(keys), np.zeros(keys), np.full(keys, 0.03)])
    moves = Moves(par, zero)
    netted = merge([net(dated, made.curves.names) for dated in made.blocks])
    of_groups = revalue(ready_groups(netted, made.curves.grid), made.curves, made.solved, moves)
    by_trade = [
        revalue(ready_trades(dated, made.curves.grid), made.curves, made.solved, moves)
        for dated in made.blocks
    ]
    risks = made.risks()
    for dated, found, risk in zip(made.blocks, by_trade, risks, strict=True):
        assert found.base == pytest.approx(risk.npv, abs=1e-7)
        quotes = made.solved.quotes
        for place in (0, 1):
            moved = made.curves.solve(quotes + par[place])
            again = netting_of.market(
                made.trades, TODAY, quotes_of(made, moved.quotes), made.fixings
            )
            values = dict(
                zip(
                    [name for d in again.blocks for name in d.block.trade_ids],
                    np.concatenate([r.npv for r in again.risks()]),
                    strict=True,
                )
            )
            full = np.array([values[name] for name in dated.block.trade_ids]) - risk.npv
            assert found.pnl[:, place] == pytest.approx(full, abs=1e-6)
    summed = sums_by_trade(made.blocks, netted.groups, [found.pnl for found in by_trade])
    assert of_groups.pnl == pytest.approx(summed, abs=1e-6)


def quotes_of(made: Market, quotes: np.ndarray) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for key, quote in zip(made.curves.keys, quotes.tolist(), strict=True):
        found.setdefault(key.curve, {})[key.tenor] = quote
    return found


def test_flows_of_an_explain_have_the_values_and_slopes_of_groups():
    made = market(all_kinds())
    netted = merge([net(dated, made.curves.names) for dated in made.blocks])
    found = price_groups(make_ready_groups(netted, made.curves.grid), made.curves, made.solved)
    flows = NettedFlows(netted)
    grid = made.curves.grid
    factors = grid.discount(grid.tables(*flows.points), made.solved.x)
    assert flows.values(factors) == pytest.approx(found.values["npv"], abs=1e-7)
    ladder = -ONE_BP * flows.node_gradient(Nodes(grid, made.solved.x)) @ made.solved.jacobian
    assert ladder == pytest.approx(found.ladder_par, abs=1e-9)


@pytest.mark.parametrize(
    "today",
    [
        dt.date(2027, 5, 13),  # a Thursday: its fixing is repeated by the lockout of three days
        dt.date(2027, 5, 14),
        dt.date(2027, 5, 17),
        dt.date(2027, 5, 18),
        dt.date(2027, 5, 19),
    ],
)
def test_theta_on_the_days_of_a_lockout(today):
    """Today's fixing is not known, and several days of the coupon repeat it."""
    check_theta(market([swap(name, **given) for name, given in KINDS.items()], today))
