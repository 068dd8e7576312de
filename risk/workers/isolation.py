"""Price each trade of a block that crashed its process alone, with its name recorded first.

No result is kept: a block whose trades all survive is priced as usual, with the same numbers to
the last bit. The quick run passes slices of the prepared block through the kernel, about 0.1 ms a
trade; the thorough run takes each trade through every step that a block goes through, for trades
that crash before the kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from pricing import kernel
from pricing.arrays import IntArray
from pricing.curves.curve_set import CurveSet, Solved
from pricing.kernel_arrays import Flows, Tables
from pricing.markets.calendars import day_of
from pricing.measures.block import ReadyBlock, make_ready, price_block
from pricing.measures.value_date import roll_to
from pricing.products.cash_flows import FlowBlock, only
from risk.store.messages import PriceJob
from risk.workers.session import Session


def price_each_alone(
    session: Session, job: PriceJob, say: Callable[[str], None], *, thorough: bool = False
) -> None:
    """Price every trade of a block alone.

    Args:
        session: The process's session.
        job: The block and its quotes.
        say: Called with each trade's id before it is priced, and with "" after the last.
        thorough: Repeat every step for each trade, not only the kernel.

    Raises:
        BootstrapFailed: The quotes admit no curve.
        BookGone: The book version no longer exists.
    """
    curves = session.curves(job)
    solved = session.solve(job, curves)
    if thorough:
        for block in _each(session.fetch_block(job, job.block)):
            say(block.trade_ids[0])
            _price_one(session, job, block, curves, solved)
    else:
        _, (ready, _) = session.prepare(job)
        _through_the_kernel(ready, solved, say)
    say("")


def _through_the_kernel(ready: ReadyBlock, solved: Solved, say: Callable[[str], None]) -> None:
    whole = ready.grid.tables_at(ready.tables, solved.x)
    discount = ready.grid.discount(whole, solved.x)
    for row, name in enumerate(ready.trade_ids):
        say(name)
        flows, points = _flows_of(ready.flows, row)
        tables = _tables_of(whole, points)
        kernel.value_and_gradients(flows, discount[points], tables, ready.grid.size)


def _price_one(
    session: Session, job: PriceJob, block: FlowBlock, curves: CurveSet, solved: Solved
) -> None:
    fixings = session.fixings(job)
    dated = roll_to(block, day_of(job.valuation_date), fixings, curves.names)
    price_block(make_ready(dated, curves.grid), curves, solved)


def _each(block: FlowBlock) -> Iterator[FlowBlock]:
    return (only(block, row) for row in range(len(block)))


def _tables_of(tables: Tables, points: IntArray) -> Tables:
    return Tables(
        tables.node[points],
        tables.node_weight[points],
        tables.tent[points],
        tables.tent_weight[points],
    )


def _flows_of(flows: Flows, row: int) -> tuple[Flows, IntArray]:
    """One trade's flows over its own points, and which of the block's points those are."""
    legs = slice(2 * row, 2 * row + 3)
    fixed_ptr, float_ptr = flows.fixed_ptr[legs], flows.float_ptr[legs]
    fixed, floating = (slice(ptr[0], ptr[-1]) for ptr in (fixed_ptr, float_ptr))
    parts = [flows.fixed_pay[fixed], flows.float_pay[floating]]
    parts += [flows.float_start[floating], flows.float_end[floating]]
    points, places = np.unique(np.concatenate(parts), return_inverse=True)
    ends = np.cumsum([len(part) for part in parts])[:-1]
    pay, float_pay, start, end = np.split(places.astype(parts[0].dtype), ends)
    one = Flows(
        fixed_ptr=fixed_ptr - fixed.start,
        fixed_pay=pay,
        fixed_amount=flows.fixed_amount[fixed],
        fixed_unit=flows.fixed_unit[fixed],
        float_ptr=float_ptr - floating.start,
        float_pay=float_pay,
        float_start=start,
        float_end=end,
        float_alpha=flows.float_alpha[floating],
        float_beta=flows.float_beta[floating],
    )
    return one, points
