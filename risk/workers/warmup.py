"""Compile the numba loops before the worker takes its first task."""

from __future__ import annotations

import datetime as dt

from pricing.curves.curve_set import CurveSet
from pricing.curves.quotes import shape_of
from pricing.markets.calendars import day_of
from pricing.measures.block import make_ready, price_block
from pricing.measures.groups import make_ready_groups, price_groups
from pricing.measures.netting import net
from pricing.measures.next_day import NextDayFixings, make_ready_next_day, net_next_day
from pricing.measures.theta import curves_of_next_day, forecast_of_today
from pricing.measures.value_date import roll_to
from pricing.products.cash_flows import make_block
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.products.flows import compile_trade
from risk.workers.block_result import add_up_ladders, pack_columns


def compile_kernel() -> None:
    """Price one swap, so that numba compiles (or loads) every loop and QuantLib is in memory."""
    today = dt.date(2024, 6, 3)
    quotes = {"USD-SOFR": {"1Y": 0.05, "10Y": 0.04}}
    curves = CurveSet(today, shape_of(quotes))
    swap = SwapTerms(
        trade_id="warm",
        book="warm",
        convention="USD-SOFR-OIS",
        pay_receive="receive",
        notional=1.0,
        effective_date=dt.date(2024, 6, 5),
        termination_date=dt.date(2026, 6, 5),
        fixed_rate=0.04,
    )
    dated = roll_to(make_block([compile_trade(swap)]), day_of(today), {}, curves.names)
    solved = curves.solve(curves.vector(quotes))
    block = make_ready(dated, curves.grid)
    risk = price_block(block, curves, solved)
    add_up_ladders(risk, block.matured)
    pack_columns(0, risk)
    ready = make_ready_groups(net(dated, curves.names), curves.grid)
    forecast = forecast_of_today(curves, {})
    fixings = NextDayFixings.of({}, today, forecast.indices)
    later = net_next_day(dated, fixings, curves.names)
    next_day = make_ready_next_day(later, forecast, curves_of_next_day(curves))
    price_groups(ready, curves, solved, next_day)
