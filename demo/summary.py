"""Print the published risk while a demo runs, and a summary at its end."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from rich.table import Table

from pricing.markets.conventions import CURRENCIES
from risk.store.compiled_book import Books
from risk.store.frames import Frames
from risk.store.heartbeats import alive, read_pulses
from risk.store.results import Detail, HistoryLine, Rollup


def live_table(frames: Frames) -> Table:
    """Return a table of the published risk by currency."""
    table = Table(title="Live Risk (trade currency)", title_justify="left")
    for name in (
        "Ccy",
        "Market time",
        "Status",
        "Trades",
        "NPV",
        "DV01",
        "Largest key rate",
        "Tick to risk",
        "Age",
        "Detail",
    ):
        table.add_column(name, justify="left" if name in ("Ccy", "Status") else "right")
    details = frames.details(CURRENCIES)  # before the sums: a detail is never above them
    for currency, rollup in frames.current_all(CURRENCIES).items():
        table.add_row(currency, *live_row(rollup, details.get(currency)))
    if not table.row_count:
        table.caption = "no frame yet: workers are starting"
    return table


def live_row(rollup: Rollup, detail: Detail | None) -> list[str]:
    """One currency's line; the last column says how far its numbers by trade are behind."""
    age = time.time() - rollup.published_ns / 1e9
    return [
        f"{rollup.as_of:%Y-%m-%d %H:%M:%S}",
        rollup.status if rollup.priced == rollup.trades else f"{rollup.status}*",
        f"{rollup.priced}/{rollup.trades}",
        f"{sum(cell.npv for cell in rollup.cells):,.0f}",
        f"{sum(cell.dv01_par for cell in rollup.cells):,.0f}",
        largest_key(rollup),
        f"{rollup.tick_to_published_ms:.1f} ms",
        f"{age:.1f} s",
        behind(rollup, detail),
    ]


def behind(rollup: Rollup, detail: Detail | None) -> str:
    """How far the numbers by trade are behind the sums."""
    if detail is None:
        return "none yet"
    if detail.frame == rollup.frame:
        return "same frame"
    return f"{max(0.0, (rollup.published_ns - detail.opened_ns) / 1e9):.1f} s behind"


def largest_key(rollup: Rollup) -> str:
    """The key rate with the largest KR01, over all cells."""
    if not rollup.cells or not rollup.keys:
        return "-"
    total = np.sum([cell.krd for cell in rollup.cells], axis=0)
    place = int(np.argmax(np.abs(total)))
    curve, tenor = rollup.keys[place]
    return f"{curve} {tenor} {total[place]:,.0f}"


def plain_line(frames: Frames) -> str:
    """Return the line of a currency as plain text, for a log."""
    parts = []
    for name, rollup in frames.current_all(CURRENCIES).items():
        npv = sum(cell.npv for cell in rollup.cells)
        dv01 = sum(cell.dv01_par for cell in rollup.cells)
        parts.append(
            f"{name} NPV {npv:,.0f} DV01 {dv01:,.0f} ({rollup.tick_to_published_ms:.0f} ms)"
        )
    return "risk  " + ("  |  ".join(parts) if parts else "no frame yet")


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What happened in a run.

    ``frames`` are all published ones by currency, of those that have trades or frames, ``details``
    counts those whose numbers by trade were published, too. ``trades``
    and ``failed`` are those of the newest frames; percentiles are over ``measured`` frames, as many
    as the history keeps.
    """

    ticks: int
    states: Mapping[str, int]
    frames: Mapping[str, int]
    trades: int
    failed: int
    measured: int
    p50_ms: float
    p99_ms: float
    details: int = 0

    @property
    def complete(self) -> bool:
        """Frames were published for every currency that has trades."""
        return bool(self.frames) and all(self.frames.values())

    def lines(self) -> list[str]:
        """Return the summary as lines of text."""
        frames = ", ".join(f"{name} {count}" for name, count in self.frames.items())
        states = ", ".join(f"{count} {name}" for name, count in sorted(self.states.items()))
        return [
            f"ticks in              {self.ticks} of curves and FX  ({states or 'none ended'})",
            f"frames published      {sum(self.frames.values())}  ({frames})",
            f"with detail by trade  {self.details}",
            f"trades in each round  {self.trades}  ({self.failed} failed)",
            f"tick to published     p50 {self.p50_ms:.1f} ms, p99 {self.p99_ms:.1f} ms"
            f"  (last {self.measured} frames)",
        ]


def summarise(frames: Frames, since_ns: int) -> Summary:
    """Everything published since a moment (ns since 1970).

    The history keeps the last frames only, so that they are counted by the bridges' own counts
    where those are higher.
    """
    pulses = alive(frames.client) or read_pulses(frames.client)[:1]
    found = {name: _since(frames.history(name), since_ns) for name in CURRENCIES}
    served = {*Books(frames.client).served(), *(name for pulse in pulses for name in pulse.frames)}
    lines = {name: found[name] for name in CURRENCIES if found[name] or name in served}
    every = [line for mine in lines.values() for line in mine]
    newest = [mine[-1] for mine in lines.values() if mine]
    taken = np.array([line.tick_to_published_ms for line in every])
    taken = taken[np.isfinite(taken)]
    states: dict[str, int] = {}
    for pulse in pulses:
        for state, count in pulse.states.items():
            states[state] = states.get(state, 0) + count
    return Summary(
        ticks=sum(pulse.consumed for pulse in pulses),
        states=states,
        frames={
            name: max(len(mine), sum(pulse.frames.get(name, 0) for pulse in pulses))
            for name, mine in lines.items()
        },
        trades=sum(line.trades for line in newest),
        failed=sum(line.trades - line.priced for line in newest),
        measured=len(taken),
        p50_ms=float(np.percentile(taken, 50)) if len(taken) else float("nan"),
        p99_ms=float(np.percentile(taken, 99)) if len(taken) else float("nan"),
        details=sum(count for pulse in pulses for count in pulse.details.values()),
    )


def _since(lines: Sequence[HistoryLine], since_ns: int) -> list[HistoryLine]:
    """Frames published since, of ticks sent since: a start first clears what waited before."""
    return [
        line for line in lines if line.published_ns - line.tick_to_published_ms * 1e6 >= since_ns
    ]
