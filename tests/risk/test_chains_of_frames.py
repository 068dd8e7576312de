"""Trades that compound what does not telescope, in blocks as processes share them, and as flows."""

from __future__ import annotations

import numpy as np
import pytest

from pricing.measures.block import make_ready, price_block
from pricing.measures.compounding.netted import NettedChains
from pricing.measures.delivery.choice import flows_to_price
from pricing.measures.netting import net
from pricing.measures.next_day import NextDayFixings, net_next_day
from pricing.measures.theta import forecast_of_today
from pricing.measures.value_date import roll_to
from pricing.products.cash_flows import only
from risk.queries.cash_flows import _rows
from risk.workers.block_result import Groups
from risk.workers.prepared_block import (
    NettedPair,
    PreparedBlock,
    pack_netted,
    pack_prepared,
    unpack_netted,
    unpack_prepared,
)
from tests.pricing.test_chains import all_kinds, market


@pytest.fixture(scope="module")
def made():
    return market(all_kinds())


def test_a_shared_block_has_its_chains(made):
    dated = made.blocks[0]
    ready = make_ready(dated, made.curves.grid)
    groups = Groups((), np.zeros(0, dtype=np.int64), np.zeros(0))
    packed = pack_prepared(PreparedBlock(ready, groups))
    again = unpack_prepared(packed, made.curves.grid).ready
    one, two = (price_block(block, made.curves, made.solved) for block in (ready, again))
    assert one.npv.tobytes() == two.npv.tobytes()
    assert one.ladder_par.tobytes() == two.ladder_par.tobytes()


def test_shared_netted_flows_have_their_chains(made):
    forecast = forecast_of_today(made.curves, made.fixings)
    fixings = NextDayFixings.of(made.fixings, made.today, forecast.indices)
    dated, names = made.blocks[0], made.curves.names
    pair = NettedPair(net(dated, names), net_next_day(dated, fixings, names))
    again = unpack_netted(pack_netted(pair))
    for ours, theirs in ((pair.today, again.today), (pair.next_day, again.next_day)):
        assert len(ours.chains.group)
        for name in NettedChains._fields:
            assert np.array_equal(getattr(ours.chains, name), getattr(theirs.chains, name)), name


def test_the_flows_of_a_trade_are_its_payments_and_add_up_to_its_value(made):
    block = only(made.blocks[0].block, 0)
    dated = roll_to(block, made.curves.grid.today, made.fixings, made.curves.names)

    class Curves:
        @staticmethod
        def discount(curve, day):
            grid = made.curves.grid
            return grid.discount(grid.tables(curve, day), made.solved.x)

    rows = _rows(dated, Curves)
    value = price_block(make_ready(dated, made.curves.grid), made.curves, made.solved).npv[0]
    assert sum(row["present_value"] for row in rows) == pytest.approx(value, abs=1e-6)
    floating = [row for row in rows if row["leg"] == "floating"]
    # One payment a year is left of each leg; links are no payments.
    assert len(floating) == len({row["pay_date"] for row in rows})
    assert all(row["projected"] for row in floating)
    flows = flows_to_price(
        dated.flows, dated.deliveries, dated.chains, np.ones(len(dated.point_day))
    )
    assert len(flows.float_pay) > 10 * len(floating)
