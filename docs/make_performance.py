"""Write the tables of performance.md, scaling.md and sizing.md from the benchmarks' results.

Run from the root of the repository, after ``make bench``, ``make bench-e2e`` and
``make bench-scale``: ``python -m docs.make_performance``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

from docs import sizing_tables
from docs.result_tables import GB, MB, Rows, result, table

HERE = Path(__file__).parent
PAGES = (HERE / "performance.md", HERE / "scaling.md", HERE / "sizing.md")
MARKED = re.compile(r"(<!-- results: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
SIZES = (1_000, 10_000, 100_000)
LARGE = (10_000, 100_000, 1_000_000)
PHASES = {
    "steady": "1 tick/s",
    "saturated": "saturated",
    "steady_at_the_end": "1 tick/s, at the end",
}
HOPS = ("to_bridge", "to_open", "to_worker", "to_priced", "to_published")
PROCESSES = ("bridge", "sums", "detail", "compiler")


def machines() -> str:
    """Return what the results were measured on."""
    rows: Rows = []
    kernels, scales = (f"kernel-{n}" for n in SIZES), (f"scale-{n}" for n in LARGE)
    for name in (*kernels, "products", "end-to-end", *scales):
        found = result(name).get("machine", {})
        if "load_average" in found:
            libraries = ", ".join(f"{n} {v}" for n, v in found["libraries"].items())
            where = f"{found['processor']}, {found['cores']} cores, {found['memory_gb']} GB"
            rows.append(
                (name, where, found["load_average"], f"Python {found['python']}, {libraries}")
            )
    return table(("result", "machine", "load before", "versions"), rows)


def kernels() -> str:
    """Pricing beside QuantLib."""
    rows: Rows = []
    for size in SIZES:
        for row in result(f"kernel-{size}").get("currencies", []):
            low, high = row["tick_ms_spread"]
            rows.append(
                (
                    f"{size:,} {row['currency']}",
                    f"{row['trades']:,}",
                    f"{row['tick_ms']:.2f} ({low:.2f} to {high:.2f})",
                    f"{row['us_per_trade']:.2f}",
                    f"{row['quantlib_us_per_trade']:,.0f}",
                    f"{row['ratio']:,.0f}",
                    f"{row['largest_npv_difference_of_notional']:.0e}",
                    f"{row['largest_ladder_difference_of_gross_dv01']:.0e}",
                    f"{row['share_of_bandwidth']:.0%}" if "share_of_bandwidth" in row else "",
                )
            )
    head = ("book", "trades", "tick ms (range)", "us a trade", "QuantLib us", "times faster")
    return table((*head, "NPV diff.", "ladder diff.", "of bandwidth"), rows)


def parts() -> str:
    """Where the microseconds of one currency's frame go."""
    found = [
        (f"{size:,} {row['currency']}", row["parts_us"])
        for size in SIZES
        for row in result(f"kernel-{size}").get("currencies", [])
        if "parts_us" in row
    ]
    names = list(found[0][1]) if found else []
    rows: Rows = [[name, *(f"{us.get(name, 0):,.0f}" for _, us in found)] for name in names]
    return table(("us", *(title for title, _ in found)), rows)


def slopes() -> str:
    """Return what one trade more costs, between sizes, and two processes against one."""
    rows: Rows = []
    found = [(size, result(f"kernel-{size}")) for size in SIZES]
    known = [(size, _tick_us(one), one) for size, one in found if "processes" in one]
    for (small, few, _), (large, many, _) in pairwise(known):
        rows.append(
            (f"one trade more, {small:,} to {large:,}", f"{(many - few) / (large - small):.2f} us")
        )
    for size, _, one in known:
        low, high = one["processes"]["efficiency_spread"]
        share = f"{one['processes']['efficiency']:.0%} ({low:.0%} to {high:.0%})"
        rows.append((f"two processes against one, {size:,} trades", share))
    return table(("what", "measured"), rows)


def _tick_us(one: dict[str, Any]) -> float:
    return sum(float(row["tick_ms"]) for row in one["currencies"]) * 1e3


def sums() -> str:
    """Sums by book from netted flows, in one process, beside the price of each trade."""
    rows: Rows = []
    for size in SIZES:
        for row in result(f"kernel-{size}").get("currencies", []):
            quantlib = row["quantlib_us_per_trade"] * row["trades"] / 1e3
            for one in row.get("sums", []):
                worst = one["largest_differences"]
                rows.append(
                    (
                        f"{size:,} {row['currency']}, {one['groups']} groups",
                        f"{one['flows']:,}",
                        f"{one['terms']:,}",
                        f"{one['roll_ms'] + one['net_ms'] + one['merge_ms']:,.0f}",
                        f"{one['tick_ms']:.2f}",
                        f"{row['tick_ms']:.2f}",
                        f"{quantlib / one['tick_ms']:,.0f}",
                        f"{worst['npv']:.0e}, {worst['ladder_par']:.0e}",
                    )
                )
    head = ("book", "flows", "netted terms", "netting ms", "tick ms", "by trade ms")
    return table((*head, "times QuantLib", "NPV, ladder off"), rows)


def products() -> str:
    """Return what a trade of each product costs, by trade and netted."""
    rows: Rows = [
        (
            f"{row['product']} {row['currency']}",
            f"{row['flows_a_trade']:.0f}",
            f"{row['by_trade_us']:.2f}",
            f"{row['netted_terms']:,}",
            f"{row['netted_us']:,.0f}",
        )
        for row in result("products").get("products", [])
    ]
    head = ("book of 1,000", "flows a trade", "us a trade", "netted terms", "us for its sums")
    return table(head, rows)


def end_to_end() -> str:
    """Tick to published sums."""
    return _sums_table(_books())


def details() -> str:
    """Tick to published detail."""
    return _details_table(_books())


def _books() -> list[tuple[str, dict[str, Any]]]:
    found = result("end-to-end")
    books = [("empty (floor)", found["floor"])] if found else []
    return books + [(f"{one['trades']:,} trades", one) for one in found.get("sizes", [])]


def _large_books() -> list[tuple[str, dict[str, Any]]]:
    """The floor of each run beside its book."""
    found = [result(f"scale-{size}") for size in LARGE]
    return [
        pair
        for one in found
        if one
        for pair in (
            ("empty (floor of the next)", one.get("floor", {})),
            (f"{one['trades']:,} trades", one),
        )
    ]


def _phases(books: list[tuple[str, dict[str, Any]]]) -> Iterable[tuple[str, dict[str, Any]]]:
    for title, phases in books:
        for name, said in PHASES.items():
            if name in phases:
                yield f"{title}, {said}", phases[name]


def _sums_table(books: list[tuple[str, dict[str, Any]]]) -> str:
    rows: Rows = []
    for title, one in _phases(books):
        whole, p99 = one["ms"]["tick_to_published"], one["noise"]["p99"]
        rows.append(
            (
                title,
                one["frames"],
                one["frames_per_s"],
                *(f"{whole[key]:.0f}" for key in ("p50", "p95", "p99", "max")),
                f"{min(p99):.0f} to {max(p99):.0f}",
                " + ".join(f"{one['ms'][hop]['p50']:.1f}" for hop in HOPS),
            )
        )
    head = ("book", "frames", "frames/s", "p50", "p95", "p99", "max", "p99 of thirds")
    return table((*head, "p50 by hop: bridge + open + worker + priced + published"), rows)


def _details_table(books: list[tuple[str, dict[str, Any]]]) -> str:
    rows: Rows = []
    for title, one in _phases(books):
        found = one.get("detail", {})
        if "ms" in found:
            whole = found["ms"]
            rows.append(
                (
                    title,
                    found["details"],
                    found["conflated"],
                    *(f"{whole[key]:.0f}" for key in ("p50", "p95", "p99", "max")),
                    f"{found['work_ms']['p50']:.0f}",
                    f"{found['sums_error']:.0e}",
                )
            )
    head = ("book", "details", "frames without", "p50", "p95", "p99", "max")
    return table((*head, "of which pricing", "sums off, of gross"), rows)


def processor() -> str:
    """Processor time of a frame, by process."""
    rows: Rows = []
    for title, one in _phases(_books()):
        used = one["cpu_ms_a_frame"]
        rows.append((title, *(f"{used.get(name, 0):.1f}" for name in PROCESSES)))
    return table(("ms a frame", *PROCESSES), rows)


def books() -> str:
    """Loading, compiling, editing, new days, memory, and the check."""
    found = result("end-to-end").get("sizes", [])
    rows: Rows = [
        (
            f"{one['trades']:,}",
            *_netted(one),
            f"{one['compiled_after_load_s']} s",
            f"{one['warm_compile_s']} s",
            *_edits_and_days(one),
            *_memory(one),
            _check(one),
        )
        for one in found
        if "book" in one
    ]
    head = ("trades", "groups", "netted terms", "compiled, cold", "compiled, warm")
    return table((*head, *HEAD_OF_BOOKS), rows)


HEAD_OF_BOOKS = (
    "edit to sums, p50 (max)",
    "first sums of a day, p50 (max)",
    "memory a trade",
    "Redis",
    "NPV, ladder off (sample)",
)


def large_books() -> str:
    """Return the rows of the large books, with their loading time."""
    rows: Rows = []
    for one in (result(f"scale-{size}") for size in LARGE):
        if "compile" in one:
            load, compiled = one["load"], one["compile"]
            rows.append(
                (
                    f"{one['trades']:,}",
                    f"{load['templates']:,}",
                    *_netted(one),
                    f"{load['seconds']:.0f} s",
                    f"{compiled['seconds']:.0f} s, {compiled['peak_bytes'] / GB:.1f} GB",
                    *_edits_and_days(one),
                    *_memory(one),
                    _check(one),
                )
            )
    head = ("trades", "templates", "groups", "netted terms", "loaded", "compiled, cold; peak")
    return table((*head, *HEAD_OF_BOOKS), rows)


def currencies() -> str:
    """Return what the largest large book has in each currency."""
    made = [one for size in LARGE if (one := result(f"scale-{size}")).get("book")]
    found = made[-1]["book"] if made else {}
    rows: Rows = [
        (name, *(f"{one[key]:,}" for key in ("trades", "groups", "terms", "parts", "blocks")))
        for name, one in found.items()
    ]
    head = ("currency", "trades", "groups", "netted terms", "tasks of sums", "blocks of detail")
    return table(head, rows)


def left_out() -> str:
    """Steps that a run left out at its limit."""
    rows: Rows = [
        (f"{one['trades']:,}", f"{one['took_s']:.0f} s", ", ".join(one["left_out"]) or "nothing")
        for size in LARGE
        if (one := result(f"scale-{size}"))
    ]
    return table(("trades", "whole run", "left out"), rows)


def _netted(one: dict[str, Any]) -> tuple[str, str]:
    found = one.get("book", {}).values()
    groups, terms = (sum(row[key] for row in found) for key in ("groups", "terms"))
    return f"{groups:,}", f"{terms:,}"


def _edits_and_days(one: dict[str, Any]) -> tuple[str, str]:
    edits, days = one.get("edits_ms"), one.get("new_days")
    return (
        f"{edits['published_p50']:.0f} ({edits['published_max']:.0f}) ms" if edits else "",
        f"{days['p50']:.0f} ({days['max']:.0f}) ms" if days else "",
    )


def _memory(one: dict[str, Any]) -> tuple[str, str]:
    found = one.get("memory")
    if not found:
        return "", ""
    return f"{found['bytes_a_trade']:,} B", f"{found['redis_bytes'] / MB:,.0f} MB"


def _check(one: dict[str, Any]) -> str:
    found = one.get("check", {})
    if not found.get("trades"):
        return ""
    return f"{found['npv_error']:.0e}, {found['ladder_error']:.0e} ({found['trades']})"


TABLES: dict[str, Callable[[], str]] = {
    "machines": machines,
    "products": products,
    "kernels": kernels,
    "sums": sums,
    "parts": parts,
    "slopes": slopes,
    "end_to_end": end_to_end,
    "processor": processor,
    "details": details,
    "books": books,
    "large_sums": lambda: _sums_table(_large_books()),
    "large_details": lambda: _details_table(_large_books()),
    "large_books": large_books,
    "currencies": currencies,
    "left_out": left_out,
    **sizing_tables.TABLES,
}


def with_results(text: str) -> str:
    """A page with its tables made anew."""
    return MARKED.sub(lambda found: f"{found[1]}{TABLES[found[2]]()}{found[3]}", text)


def main() -> None:
    """Write the pages."""
    for page in PAGES:
        page.write_text(with_results(page.read_text()))


if __name__ == "__main__":
    main()
