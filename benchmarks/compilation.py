"""Measure compiling a book from PostgreSQL into Redis, and edits of it, in one compiler.

Run it under ``python -m devstack run``, which starts the servers:

    python -m devstack run --base .local/bench -- python -m benchmarks.compilation --trades 100000

The trades are those of ``demo/sample.py``, whose dates are more diverse than a desk's: nearly every
second swap of 10,000 has a schedule of its own. With ``--repeat`` the database gets that many
trades by copying those of ``--trades`` under other names, notionals and rates.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import time
from pathlib import Path
from typing import Any
from unittest import mock

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from benchmarks.machine import machine

RESULTS = Path(__file__).resolve().parent / "results"
EDITS = 12


def main() -> None:
    """Seed, compile, edit; print and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trades", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=0)
    options = parser.parse_args()
    django.setup()
    found = measure(options.trades, options.repeat)
    path = RESULTS / f"compilation-{max(options.trades, options.repeat)}.json"
    path.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1), flush=True)


def measure(trades: int, repeat: int) -> dict[str, Any]:
    """Seconds and megabytes of a book of so many trades."""
    from pricing.curves.quotes import CurveOptions
    from pricing.products.flows import templates
    from risk.compiler.book_compiler import Compiler
    from risk.store.compiled_book_store import CompiledBooks
    from risk.store.frames import Frames, connect

    client: Any = connect(settings.REDIS_URL, timeout_s=60.0)
    client.flushdb()
    call_command("migrate", verbosity=0)
    with mock.patch("instruments.models.book_version.ask_to_compile"):
        call_command("seed_book", trades=trades)
        _without_prices()
        if repeat > trades:
            _copied(trades, repeat)
        compiler = Compiler(
            CompiledBooks(client), Frames(client), CurveOptions(), settings.PRICING_PROCESSES
        )
        began, cpu = time.perf_counter(), _cpu_s()
        heads = compiler.run()
        cold = {"wall_s": round(time.perf_counter() - began, 2), "cpu_s": round(_cpu_s() - cpu, 2)}
        edits = [_edit_ms(compiler, number) for number in range(EDITS)]
        began = time.perf_counter()
        Compiler(CompiledBooks(client), Frames(client), CurveOptions(), 1).run()
        warm_s = time.perf_counter() - began
    return {
        "machine": machine(),
        "trades": sum(head.trades for head in heads),
        "compiled": {head.currency: sum(head.sizes) for head in heads if head.trades},
        "blocks": {head.currency: head.blocks for head in heads if head.trades},
        "templates": templates(indexed=False).count,
        "cold": cold,
        "edit_ms": {
            "p50_wall": round(statistics.median(wall for wall, _ in edits), 1),
            "max_wall": round(max(wall for wall, _ in edits), 1),
            "p50_cpu": round(statistics.median(cpu for _, cpu in edits), 1),
        },
        "warm_start_s": round(warm_s, 2),
        "compiler_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "redis_mb": client.info("memory")["used_memory"] // 2**20,
    }


def _edit_ms(compiler: Any, number: int) -> tuple[float, float]:
    """Milliseconds from an edited trade to its compiled book: wall clock, processor."""
    from instruments.models import Swap

    swap = Swap.objects.order_by("trade_id")[number * 7]
    swap.notional += 1000
    swap.save()
    began, cpu = time.perf_counter(), time.process_time()
    compiler.run()
    return (time.perf_counter() - began) * 1e3, (time.process_time() - cpu) * 1e3


def _without_prices() -> None:
    """Bonds with a price would wait for a market; here they have a spread."""
    from instruments.models import BondPosition

    BondPosition.objects.filter(clean_price__isnull=False).update(z_spread_bp=10)


def _copied(trades: int, repeat: int) -> None:
    """Copy all trades under other names until there are so many."""
    from instruments.models import BondPosition, Swap

    copies = -(-repeat // trades)
    for model, size in ((Swap, "notional"), (BondPosition, "face_amount")):
        table = model._meta.db_table
        fields = [f.column for f in model._meta.fields if f.column not in ("id", "trade_id", size)]
        columns = ", ".join(f'"{name}"' for name in fields)
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {table} (trade_id, {size}, {columns})"  # noqa: S608
                f" SELECT trade_id || '-' || copy, {size} + 1000 * copy, {columns}"
                f" FROM {table}, generate_series(2, %s) copy",  # nosec B608 - our own tables
                [copies],
            )


def _cpu_s() -> float:
    """Processor seconds of this process and of its children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    main()
