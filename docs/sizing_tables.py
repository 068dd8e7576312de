"""The tables of docs/sizing.md: what a trade and a frame cost, and what a book of any size needs.

Unit costs are differences of measured runs. What is beyond the largest measured book is linear in
the trades, except the sums of frames, which are linear in netted terms up to their bound.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from docs.result_tables import Rows, result, table

LARGE = (1_000_000, 100_000, 10_000)
"""Sizes of runs with a large book: the largest that is there is used."""

SIZES = (10_000, 100_000, 1_000_000, 50_000_000)
TICKS_A_SECOND = 1.0
"""Of each currency."""

YEARS, BUSINESS_DAYS, CURVES = 50, 261, 2
"""Netted terms are at most one for each business day, curve and group."""


@dataclass(frozen=True)
class Costs:
    """Unit costs; times are processor time. ``floor`` is a frame of an empty book."""

    trades: int
    currencies: int
    groups: int
    terms: float
    floor_ms: dict[str, float]
    frame_ms: dict[str, float]
    detail_us: float
    compile_us: float
    compile_bytes: float
    processes_bytes: float
    trade_bytes: float
    redis_bytes: float
    detail_bytes: float
    put_us: float

    def frames_a_second(self) -> float:
        """Frames of all currencies in a second."""
        return self.currencies * TICKS_A_SECOND

    def terms_of(self, trades: int) -> float:
        """Netted terms of one currency: linear in trades, up to what days and groups allow."""
        most = YEARS * BUSINESS_DAYS * CURVES * self.groups
        return min(self.terms * trades / self.trades, most)

    def sums_cores(self, trades: int) -> float:
        """Cores for the sums of all frames."""
        more = self.frame_ms["sums"] - self.floor_ms["sums"]
        one_ms = self.floor_ms["sums"] + more * self.terms_of(trades) / self.terms
        return self.frames_a_second() * one_ms / 1e3

    def detail_cores(self, trades: int) -> float:
        """Cores for a detail of every frame."""
        fixed = self.frames_a_second() * self.floor_ms["detail"] / 1e3
        return fixed + TICKS_A_SECOND * trades * self.detail_us / 1e6

    def bridge_cores(self) -> float:
        """Cores for the bridge, which handles all frames and does not know trades."""
        return self.frames_a_second() * self.frame_ms["bridge"] / 1e3


def costs() -> Costs | None:
    """Return the numbers of the largest measured book; None before there is one."""
    size = next((n for n in LARGE if "memory" in result(f"scale-{n}")), 0)
    run, kernel = result(f"scale-{size}"), result("kernel-100000")
    if not run or not kernel:
        return None
    books, trades = run["book"].values(), run["trades"]
    floor, frame = (one["steady"]["cpu_ms_a_frame"] for one in (run["floor"], run))
    share = trades / len(books)
    currencies = kernel["currencies"]
    priced = sum(row["trades"] for row in currencies)
    return Costs(
        trades=trades,
        currencies=len(books),
        groups=max(book["groups"] for book in books),
        terms=statistics.mean(book["terms"] for book in books),
        floor_ms=floor,
        frame_ms=frame,
        detail_us=(_of_details(run["steady"]) - _of_details(run["floor"]["steady"])) * 1e3 / share,
        compile_us=run["compile"]["seconds"] * 1e6 / trades,
        compile_bytes=run["compile"]["peak_bytes"] / trades,
        processes_bytes=run["memory"]["empty_bytes"],
        trade_bytes=run["memory"]["bytes_a_trade"],
        redis_bytes=run["memory"]["redis_bytes"] / trades,
        detail_bytes=sum(row["part_bytes"] for row in currencies) / priced,
        put_us=sum(row["parts_us"]["put_detail"] for row in currencies) / priced,
    )


def _of_details(phase: dict[str, Any]) -> float:
    """Processor time of the detail for each frame that has got one, ms: with many trades few do."""
    spent: float = phase["cpu_ms_a_frame"]["detail"] * phase["frames"]
    return spent / phase["detail"]["details"]


def unit_costs() -> str:
    """Return what one frame, trade, reader and gigabyte costs."""
    found = costs()
    if found is None:
        return table((), [])
    sums_us = (found.frame_ms["sums"] - found.floor_ms["sums"]) * 1e3
    pages = [page["median_ms"] for page in result("rest").get("pages", [])]
    var = result("var-100000")
    rows: Rows = [
        ("a frame: bridge", f"{found.frame_ms['bridge']:.1f} ms of a core"),
        ("a frame: sums, of an empty book", f"{found.floor_ms['sums']:.1f} ms"),
        ("a frame: detail, of an empty book", f"{found.floor_ms['detail']:.1f} ms"),
        ("1,000 netted terms more in the sums", f"{sums_us / found.terms * 1e3:.0f} us a frame"),
        ("a trade more in the detail", f"{found.detail_us:.1f} us a frame"),
        ("of which Redis: writing it", f"{found.put_us:.2f} us, {found.detail_bytes:.0f} bytes"),
        ("a trade compiled from nothing", f"{found.compile_us:.0f} us on two cores"),
        ("a trade in the memory of a host of workers", f"{found.trade_bytes:,.0f} bytes"),
        ("a trade in Redis", f"{found.redis_bytes:,.0f} bytes"),
        ("trades in a GB of workers", f"{1e9 / found.trade_bytes:,.0f}"),
        ("trades in a GB of Redis", f"{1e9 / found.redis_bytes:,.0f}"),
    ]
    if pages:
        median, most = statistics.median(pages), max(pages)
        rows.append(("a page of REST, 100,000 trades", f"{median:.0f} ms, at most {most:.0f}"))
    if var:
        text = f"{var['all_currencies_ms']:.0f} ms on two cores"
        rows.append((f"{var['scenarios']} scenarios of {var['trades']:,} trades", text))
    return table(("one more", "measured"), rows)


def sizing() -> str:
    """Return what books need, beside the one that was measured."""
    found = costs()
    if found is None:
        return table((), [])
    rows: Rows = [
        (
            f"{trades:,}, {_how(trades, found.trades)}",
            f"{found.bridge_cores():.1f}",
            f"{found.sums_cores(trades):.1f}",
            f"{found.detail_cores(trades):,.1f}",
            _size(found.processes_bytes + trades * found.trade_bytes),
            _size(trades * found.redis_bytes),
            f"{_size(trades * found.detail_bytes * TICKS_A_SECOND)}/s",
            f"{_duration(trades * found.compile_us / 1e6)}, {_size(trades * found.compile_bytes)}",
        )
        for trades in SIZES
    ]
    head = ("trades", "cores: bridge", "sums, at most", "detail", "memory of workers", "Redis")
    return table((*head, "written to Redis", "compiled, cold, on two cores; memory"), rows)


def first_limits() -> str:
    """The number of trades at which each part is at its end."""
    found = costs()
    if found is None:
        return table((), [])
    detail = found.detail_us * TICKS_A_SECOND / 1e6
    fixed = found.detail_cores(0)
    rows = [
        ("8 cores for a detail of every frame", (8 - fixed) / detail),
        ("24 GB for the workers of a host", (24e9 - found.processes_bytes) / found.trade_bytes),
        ("one Redis, busy with details alone", 1e6 / found.put_us / TICKS_A_SECOND),
        ("compiled from nothing within an hour, on two cores", 3600e6 / found.compile_us),
        ("64 GB of Redis", 64e9 / found.redis_bytes),
        ("64 cores for a detail of every frame", (64 - fixed) / detail),
    ]
    rows.sort(key=lambda row: row[1])
    said = [(what, f"{round(trades, -5):,.0f}") for what, trades in rows]
    return table(("part", "enough up to trades, extrapolated"), said)


def _how(trades: int, measured: int) -> str:
    if trades == measured:
        return "measured"
    return "interpolated" if trades < measured else "extrapolated"


def _size(size: float) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.0f} MB"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


TABLES: dict[str, Callable[[], str]] = {
    "unit_costs": unit_costs,
    "sizing": sizing,
    "first_limits": first_limits,
}
