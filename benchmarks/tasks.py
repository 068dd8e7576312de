"""Measure what a task and a part cost beside pricing: ``python -m benchmarks.tasks``."""

from __future__ import annotations

import json
import time
from pathlib import Path

import django
import msgspec

from benchmarks.kernel import TODAY, fixings_of
from feedbridge.replay.history.daily import SAMPLE_CURRENCIES as CURRENCIES
from feedbridge.replay.history.daily import stored
from pricing.curves.curve_set import CurveSet
from pricing.curves.quotes import shape_of
from pricing.markets.calendars import day_of
from pricing.measures.groups import make_ready_groups, price_groups
from pricing.measures.netting import net
from pricing.measures.value_date import roll_to
from pricing.products.cash_flows import make_block
from pricing.products.flows import compile_book
from risk.store.messages import SumsJob
from risk.store.results import PartSums, merge_cells
from risk.workers.book_netter import cells_of

RESULTS = Path(__file__).resolve().parent / "results"
TASKS, PARTS = 500, 16


def main() -> None:
    """Measure processor time and print."""
    django.setup()
    found = {"send_s": send_s(), "merge_s": merge_s()}
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / "tasks.json"
    path.write_text(json.dumps(found, indent=1) + "\n")
    print(
        f"a task sent {found['send_s'] * 1e3:.2f} ms, a part merged {found['merge_s'] * 1e3:.2f} ms"
    )
    print(f"written to {path}")


def send_s() -> float:
    """Processor seconds of sending one task, and of dropping it again from the queue."""
    from feedbridge.bridge.task_queue import PricingQueue  # its tasks need Django's set-up
    from riskproject.celery import app

    payload = msgspec.to_builtins(_job())
    queue = PricingQueue(app)
    queue.send_sums(payload)
    began = time.process_time()
    for _ in range(TASKS):
        queue.send_sums(payload)
    taken = time.process_time() - began
    queue.close()
    with app.connection_for_write() as connection:
        connection.default_channel.queue_purge("sums")
    return taken / TASKS


def merge_s() -> float:
    """Processor seconds of reading one part's sums and adding them."""
    raw = [msgspec.msgpack.encode(_part(part)) for part in range(PARTS)]
    decode = msgspec.msgpack.Decoder(PartSums).decode
    merge_cells([decode(part) for part in raw], {})
    began = time.process_time()
    for _ in range(20):
        merge_cells([decode(part) for part in raw], {})
    return (time.process_time() - began) / 20 / PARTS


def _job() -> SumsJob:
    return SumsJob(
        currency=CURRENCIES[0],
        frame=1,
        part=0,
        parts=1,
        blocks=2,
        book_version="1-bench",
        valuation_date=TODAY,
        curves=stored().day(CURRENCIES[0], TODAY).curves,
    )


def _part(part: int) -> PartSums:
    from demo import sample

    currency = CURRENCIES[0]
    terms = [t for t in sample.trades(200) if t.currency == currency]
    trades, _ = compile_book(terms)
    quotes, fixings = stored().day(currency, TODAY).curves, fixings_of(currency)
    curves = CurveSet(TODAY, shape_of(quotes), fixings)
    dated = roll_to(make_block(trades), day_of(TODAY), fixings, curves.names)
    netted = net(dated, curves.names)
    ready = make_ready_groups(netted, curves.grid)
    sums = price_groups(ready, curves, curves.solve(curves.vector(quotes)))
    return PartSums(
        part=part,
        worker="bench",
        started_ns=1,
        finished_ns=2,
        keys=[(key.curve, key.tenor) for key in curves.keys],
        curve_version="",
        rate_error=0.0,
        zero_rates=[0.0] * len(curves.keys),
        cells=cells_of(netted, sums),
        failures=[],
    )


if __name__ == "__main__":
    main()
