"""Measure what a trade of each product costs, by trade and netted.

    python -m benchmarks.products --trades 1000

A book of one product is its sample trades, repeated with other sizes under other names. Each is
priced by itself on the day's quotes of its currency: all measures of all trades, and the sums of
the book from netted flows. Solving the curves is the same for all products and stands apart. The
output is a table and a JSON file.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.kernel import TODAY, fixings_of
from benchmarks.machine import machine
from demo import sample, sample_products
from feedbridge.replay.history.daily import stored
from pricing.curves.curve_set import CurveSet
from pricing.curves.quotes import shape_of
from pricing.markets.calendars import day_of
from pricing.measures.block import make_ready, price_block
from pricing.measures.groups import make_ready_groups, price_groups
from pricing.measures.netting import net
from pricing.measures.value_date import roll_to
from pricing.products.cash_flows import CHAINED, last_payments
from pricing.products.flows import compile_block
from pricing.products.registry import PRODUCTS, as_security
from pricing.products.terms import Terms

RESULTS = Path(__file__).resolve().parent / "results"
SIZES = ("notional", "face_amount", "contracts")
"""Fields that hold the size of a trade; each product has one of them. Copies of a trade differ in
it."""


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trades", type=int, default=1_000, help="of each product and currency")
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    rows = [
        measure(product, currency, some, options.trades, options.repeats)
        for (product, currency), some in sorted(samples().items())
    ]
    RESULTS.mkdir(exist_ok=True)
    result = {"machine": machine(), "valuation_date": TODAY.isoformat(), "products": rows}
    (RESULTS / "products.json").write_text(json.dumps(result, indent=1) + "\n")
    for row in rows:
        print(
            f"{row['product']:26} {row['currency']} {row['flows_a_trade']:7.1f} flows a trade, "
            f"{row['by_trade_us']:6.2f} us a trade, {row['netted_terms']:6,} netted terms, "
            f"{row['netted_us']:6.0f} us a book"
        )


def samples() -> dict[tuple[str, str], list[Terms]]:
    """The sample trades that still pay on the day, by product and currency; no quote to solve.

    Those that compound what does not telescope are apart.
    """
    found: dict[tuple[str, str], list[Terms]] = {}
    for terms in (*sample.trades(sample.SAMPLE_SIZE), *sample_products.trades()):
        if (security := as_security(terms)) is not None and security.quote is not None:
            terms = msgspec.structs.replace(security, z_spread_bp=25.0)
        block, failed = compile_block([terms])
        if not failed and last_payments(block)[0] > day_of(TODAY):
            chains = ", chains" if CHAINED in block.flows["kind"] else ""
            found.setdefault((f"{terms.product}{chains}", str(terms.currency)), []).append(terms)
    missing = PRODUCTS.keys() - {product for product, _ in found}
    if missing:
        raise SystemExit(f"no sample trade of {', '.join(sorted(missing))}")
    return found


def copies(some: list[Terms], count: int) -> Iterator[Terms]:
    """Return this number of trades in one book, each of a different size."""
    for number, terms in enumerate(islice(cycle(some), count)):
        (name,) = [field for field in SIZES if hasattr(terms, field)]
        size = getattr(terms, name) * (1 + number // len(some))
        names = {"trade_id": f"{number:06d}", "book": "BOOK", name: size}
        yield msgspec.structs.replace(terms, **names)


def measure(
    product: str, currency: str, some: list[Terms], count: int, repeats: int
) -> dict[str, Any]:
    """A book of one product in one currency."""
    quotes, fixings = stored().day(currency, TODAY).curves, fixings_of(currency)
    curves = CurveSet(TODAY, shape_of(quotes), fixings)
    solved = curves.solve(curves.vector(quotes))
    block, _ = compile_block(list(copies(some, count)))
    dated = roll_to(block, day_of(TODAY), fixings, curves.names)
    ready, netted = make_ready(dated, curves.grid), net(dated, curves.names)
    groups = make_ready_groups(netted, curves.grid)
    by_trade = seconds(lambda: price_block(ready, curves, solved), repeats)
    sums = seconds(lambda: price_groups(groups, curves, solved), repeats)
    return {
        "product": product,
        "currency": currency,
        "trades": count,
        "failed": len(dated.failures),
        "flows_a_trade": (len(ready.flows.fixed_pay) + len(ready.flows.float_pay)) / count,
        "by_trade_us": by_trade / count * 1e6,
        "netted_terms": netted.terms,
        "netted_us": sums * 1e6,
    }


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Processor time, the median of some runs after one that loads the compiled loops.

    Other processes of a busy machine do not count, but for the caches that they use.
    """
    work()
    taken: list[float] = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
