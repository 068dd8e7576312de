"""Trades that compound what does not telescope, in blocks as processes share them, and as flows."""

from __future__ import annotations

import numpy as np
import pytest

from pricing.measures.block import make_ready, price_block
from pricing.measures.compounding.netted import NettedChains
from pricing.measures.delivery.choice import flows_to_price
from pricing.measures.groups import make_ready_groups, price_groups
from pricing.measures.netting import merge, net
from pricing.measures.next_day import (
    NextDayFixings,
    make_ready_next_day,
    merge_next_day,
    net_next_day,
)
from pricing.measures.theta import curves_of_next_day, forecast_of_today, with_forecast_of_today
from pricing.measures.value_date import roll_to
from pricing.products.cash_flows import only
from pricing.reference import Reference
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
from tests.pricing import sample_markets
from tests.pricing.test_chains import all_kinds, market

NOTIONAL = 1e6


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
    assert not len(pair.today.growth_key)  # a link is no flow of its own
    again = unpack_netted(pack_netted(pair))
    for ours, theirs in ((pair.today, again.today), (pair.next_day, again.next_day)):
        assert len(ours.chains.group)
        for name in NettedChains._fields:
            assert np.array_equal(getattr(ours.chains, name), getattr(theirs.chains, name)), name


def test_shared_netted_flows_are_worth_what_quantlib_says(made):
    """Value, DV01 and theta of each book, of flows that went through a process's shared memory."""
    forecast = forecast_of_today(made.curves, made.fixings)
    fixings = NextDayFixings.of(made.fixings, made.today, forecast.indices)
    names = made.curves.names
    pairs = [
        unpack_netted(pack_netted(NettedPair(net(d, names), net_next_day(d, fixings, names))))
        for d in made.blocks
    ]
    later = merge_next_day([pair.next_day for pair in pairs])
    found = price_groups(
        make_ready_groups(merge([pair.today for pair in pairs]), made.curves.grid),
        made.curves,
        made.solved,
        make_ready_next_day(later, forecast, curves_of_next_day(made.curves)),
    )
    book, quotes = all_kinds(), sample_markets.curves_of("USD", 0.031, 0.009, -0.004)
    options = made.curves.options
    now = {row.trade_id: row for row in Reference(made.today, quotes, made.fixings).price(book)}
    known = with_forecast_of_today(made.curves, made.solved, made.fixings)
    then = Reference.on_next_day(made.today, quotes, known, options).values(book)
    value_then = dict(zip((terms.trade_id for terms in book), then, strict=True))
    for place, group in enumerate(found.groups):
        mine = [now[each.trade_id] for each in made.trades if (each.book, each.product) == group]
        expected = {
            "npv": sum(row.npv for row in mine),
            "dv01_par": sum(row.dv01_par for row in mine),
            "theta": sum(value_then[row.trade_id] - row.npv for row in mine),
        }
        assert abs(expected["npv"]) > 100.0
        for name, number in expected.items():
            assert found.values[name][place] == pytest.approx(number, abs=1e-8 * NOTIONAL), name


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
