"""Write the tables of docs/performance.md and docs/scaling.md from the benchmarks' results.

Run from the root of the repository, after ``make bench`` and ``make bench-e2e``:
``python -m docs.make_performance``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGES = (HERE / "performance.md", HERE / "scaling.md")
RESULTS = HERE.parent / "benchmarks" / "results"
MARKED = re.compile(r"(<!-- results: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
SIZES = (1_000, 10_000, 100_000)
PHASES = {
    "steady": "1 tick/s",
    "saturated": "saturated",
    "steady_at_the_end": "1 tick/s, at the end",
}
HOPS = ("to_bridge", "to_open", "to_worker", "to_priced", "to_published")

Rows = list[Sequence[object]]


def result(name: str) -> dict[str, Any]:
    """A benchmark's result; empty when it has not been run."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of Markdown; a sentence when there is nothing to show."""
    lines = ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    if not lines:
        return "Not measured yet.\n"
    rule = "|---" + "|--:" * (len(head) - 1) + "|"
    return "\n".join(["| " + " | ".join(head) + " |", rule, *lines]) + "\n"


def machines() -> str:
    """What the results were measured on."""
    rows: Rows = []
    for name in (*(f"kernel-{size}" for size in SIZES), "end-to-end"):
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
    """What one trade more costs, between sizes, and two processes against one."""
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


def end_to_end() -> str:
    """Tick to published."""
    rows: Rows = []
    for title, phases in _books():
        for name, said in PHASES.items():
            if name in phases:
                one, whole = phases[name], phases[name]["ms"]["tick_to_published"]
                hops = " + ".join(f"{one['ms'][hop]['p50']:.1f}" for hop in HOPS)
                p99 = one["noise"]["p99"]
                numbers = [f"{whole[key]:.0f}" for key in ("p50", "p95", "p99", "max")]
                noise = f"{min(p99):.0f} to {max(p99):.0f}"
                rows.append((f"{title}, {said}", one["frames"], *numbers, noise, hops))
    head = ("book", "frames", "p50", "p95", "p99", "max", "p99 of thirds")
    return table((*head, "p50 by hop: bridge + open + worker + priced + published"), rows)


def _books() -> list[tuple[str, dict[str, Any]]]:
    found = result("end-to-end")
    books = [("empty (floor)", found["floor"])] if found else []
    return books + [(f"{one['trades']:,} trades", one) for one in found.get("sizes", [])]


def processor() -> str:
    """Processor time of a frame, by process."""
    rows: Rows = []
    for title, phases in _books():
        for name, said in PHASES.items():
            if name in phases:
                used = phases[name]["cpu_ms_a_frame"]
                cells = [
                    f"{used.get(process, 0):.1f}" for process in ("bridge", "worker", "compiler")
                ]
                rows.append((f"{title}, {said}", *cells, phases[name]["frames_per_s"]))
    return table(("ms a frame", "bridge", "worker", "compiler", "frames/s"), rows)


def books() -> str:
    """Loading, compiling, editing, new days, memory, and the check."""
    rows: Rows = []
    for one in result("end-to-end").get("sizes", []):
        edits, days, check = one["edits_ms"], one["new_days"], one["check"]
        rows.append(
            (
                f"{one['trades']:,}",
                f"{one['compiled_after_load_s']} s",
                f"{one['warm_compile_s']} s",
                f"{edits['published_p50']:.0f} ({edits['published_max']:.0f}) ms",
                f"{days['p50']:.0f} ({days['max']:.0f}) ms",
                f"{one['worker_memory']['bytes_a_trade']:,} B",
                f"{check['npv_error']:.0e}, {check['ladder_error']:.0e} ({check['trades']})",
            )
        )
    head = ("trades", "compiled, cold", "compiled, warm", "edit to frame, p50 (max)")
    return table(
        (
            *head,
            "first frame of a day, p50 (max)",
            "worker memory a trade",
            "NPV, ladder off (sample)",
        ),
        rows,
    )


def scaling() -> str:
    """The simulation's rows."""
    rows: Rows = [
        (
            row["hosts"],
            row["hosts"] * row["processes_a_host"],
            row["bridges"],
            row["redis_nodes"],
            f"{row['p50_ms']:.0f}",
            f"{row['p99_ms']:.0f}",
            *(f"{row['busy'][name]:.0%}" for name in ("bridge", "workers", "redis")),
        )
        for row in result("scaling").get("rows", [])
    ]
    head = ("hosts", "processes", "bridges", "Redis nodes", "p50 ms", "p99 ms")
    return table((*head, "bridge busy", "workers busy", "Redis busy"), rows)


def costs() -> str:
    """What the simulation reckons with."""
    rows = result("scaling").get("costs", {}).items()
    return table(
        ("cost", "seconds of a core"),
        [
            (name, f"{value:.3g}" if name != "bytes_a_trade" else f"{value:.0f} bytes")
            for name, value in rows
        ],
    )


TABLES: dict[str, Callable[[], str]] = {
    "machines": machines,
    "kernels": kernels,
    "parts": parts,
    "slopes": slopes,
    "end_to_end": end_to_end,
    "processor": processor,
    "books": books,
    "scaling": scaling,
    "costs": costs,
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
