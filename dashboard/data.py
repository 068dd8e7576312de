"""Read what is published from Redis, and keep the last snapshot while Redis is down.

All tabs of a process share one reader, so Redis is read once a second however many there are.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import redis

from connections.redis_clients import place_of
from dashboard.blotter import Trades, trades_of
from dashboard.opening import FIRST_OF_BOOK, Opening, comparable, opening_line
from dashboard.trades.value_history import Value, ValueHistory
from pricing.arrays import FloatArray
from pricing.markets.conventions import CURRENCIES
from risk.limits import board
from risk.limits.board import Board
from risk.scenarios.messages import ScenarioFrame
from risk.scenarios.store import ScenarioStore
from risk.store.block_analytics import AnalyticsStore
from risk.store.compiled_book import Books, Manifest
from risk.store.explains import Explain, ExplainStore
from risk.store.frames import KEEP_SECONDS, Frames, connect, key
from risk.store.heartbeats import (
    BridgePulse,
    ProcessPulse,
    WorkerPulse,
    alive_processes,
    alive_workers,
    read_pulses,
)
from risk.store.results import Detail, HistoryLine, Rollup, history_line

FRESH_S = 1.0
"""Seconds for which other tabs get the snapshot that was read last."""

TIMEOUT_S = 0.5
SAMPLES_KEPT = 300
CURVES_KEPT, CURVES_EVERY_S = 240, 5
"""Number of kept quote vectors, and the seconds between two of them: 20 minutes in all."""
BOOKS_KEPT = 2
"""Frames kept per currency: those of the newest sums and of the detail behind them."""

GONE = (redis.RedisError, OSError)
UNREADABLE = (msgspec.DecodeError,)


@dataclass(frozen=True)
class Sample:
    """What is remembered of a frame that this process has seen: two sums by cell, and stamps.

    Cells are named by desk, book and product; money in the frame's currency.
    """

    frame: int
    status: str
    npv: Mapping[tuple[str, str, str], float]
    dv01_par: Mapping[tuple[str, str, str], float]
    sent_ns: int
    received_ns: int
    opened_ns: int
    started_ns: int
    finished_ns: int
    published_ns: int


@dataclass(frozen=True)
class CurveSample:
    """The quotes of a frame that this process has seen: curve, quote, decimal rate."""

    frame: int
    as_of: dt.datetime
    published_ns: int
    quotes: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Market:
    """One currency: its published sums, their past, and what their changes are measured from."""

    rollup: Rollup
    history: Sequence[HistoryLine] = ()
    opening: Opening | None = None
    samples: Sequence[Sample] = ()
    comparable: frozenset[int] | None = None
    """Frames with as many trades and priced trades as this one; None: all of them."""
    detail: Detail | None = None
    """The published detail, of this frame or of an earlier one; its numbers are not read."""
    curve_samples: Sequence[CurveSample] = ()
    """Quotes over time, one frame every CURVES_EVERY_S at most, oldest first."""

    def compares(self, frame: int) -> bool:
        """Return whether sums of that frame are comparable with this one's."""
        return self.comparable is None or frame in self.comparable

    @property
    def currency(self) -> str:
        return self.rollup.currency

    @property
    def usd(self) -> float | None:
        """US dollars per unit by the frame's own FX; None when the frame has none."""
        rate = 1.0 if self.currency == "USD" else self.rollup.fx.get(self.currency)
        return rate if rate and rate > 0 else None


@dataclass(frozen=True)
class Snapshot:
    """The data of a page. ``down`` says why Redis cannot be read; the rest is then old.

    ``currencies`` are those that have trades or frames.
    """

    taken_s: float
    markets: Mapping[str, Market] = field(default_factory=dict)
    pulses: Sequence[BridgePulse] = ()
    workers: Sequence[WorkerPulse] = ()
    processes: Sequence[ProcessPulse] = ()
    down: str = ""
    currencies: frozenset[str] = frozenset()
    explains: Mapping[str, Explain] = field(default_factory=dict)
    """Why P&L moved, by currency; of the frames shown or of earlier ones."""


class Reader:
    """Reads frames, and keeps the day's openings and the last good snapshot."""

    def __init__(self, url: str, clock: Callable[[], float] = time.time) -> None:
        """Make a reader; it connects to Redis when it is first used.

        Raises:
            ValueError: The URL is not one of Redis.
        """
        self.client = connect(url, timeout_s=TIMEOUT_S)
        self.frames, self.books, self.clock = Frames(self.client), Books(self.client), clock
        self.analytics = AnalyticsStore(self.client)
        self.explains = ExplainStore(self.client)
        # Trades are the bulk: whoever needs sums alone does not wait for them.
        self._lock, self._trades_lock = threading.Lock(), threading.Lock()
        self._scenario_store, self._scenarios_lock = ScenarioStore(self.client), threading.Lock()
        self._scenarios: ScenarioFrame | None = None
        self._limits: Board | None = None
        self._limits_lock = threading.Lock()
        self._read_s = self._scenarios_s = self._limits_s = float("-inf")
        self._snapshot = Snapshot(taken_s=0.0)
        self._openings: dict[str, Opening] = {}
        self._samples: dict[str, deque[Sample]] = {}
        self._curves: dict[str, deque[CurveSample]] = {}
        self._trades: dict[str, Trades] = {}
        self._firsts: dict[str, First] = {}
        self._values: dict[str, ValueHistory] = {}
        self._manifests: dict[str, dict[str, Manifest]] = {}

    @property
    def where(self) -> str:
        """Where Redis is, without the password."""
        return place_of(self.client)

    def snapshot(self) -> Snapshot:
        """Return a snapshot at most FRESH_S old, or the last good one while Redis is down."""
        with self._lock:
            if self.clock() - self._read_s >= FRESH_S:
                self._snapshot = self._read_or_last()
                self._read_s = self.clock()
            return self._snapshot

    def trades(self, market: Market) -> Trades | None:
        """Return the trades of a market's detail, or the last ones read once it expired, or None.

        They are never of a later frame than the market's sums.
        """
        with self._trades_lock:
            held = self._trades.get(market.currency)
            detail = market.detail
            if detail is None or (held is not None and held.frame >= detail.frame):
                return held
            try:
                found = self._read_trades(detail)
            except (*GONE, *UNREADABLE):
                found = None
            if found is not None:
                self._trades[market.currency] = found
                self._values.setdefault(market.currency, ValueHistory()).note(found)
            return found or held

    def values(self, currency: str, trade_id: str) -> list[Value]:
        """Return the values of a trade in details that were read, oldest first."""
        with self._trades_lock:
            kept = self._values.get(currency)
            return kept.of(trade_id) if kept is not None else []

    def scenarios(self) -> ScenarioFrame | None:
        """Return the newest scenario results, or the last ones read, or None; for all desks."""
        with self._scenarios_lock:
            if self.clock() - self._scenarios_s >= FRESH_S:
                with suppress(*GONE, *UNREADABLE):
                    self._scenarios = self._scenario_store.current()
                self._scenarios_s = self.clock()
            return self._scenarios

    def limits(self) -> Board | None:
        """Return the newest states of limits, or the last ones read, or None; for all desks."""
        with self._limits_lock:
            if self.clock() - self._limits_s >= FRESH_S:
                with suppress(*GONE, *UNREADABLE):
                    self._limits = board.read(self.client)
                self._limits_s = self.clock()
            return self._limits

    def manifest(self, rollup: Rollup) -> Manifest | None:
        """Return what the frame's book holds; None when it cannot be read now."""
        with self._trades_lock:
            try:
                return self._manifest(rollup)
            except (*GONE, *UNREADABLE):
                return None

    # --- Snapshots ---------------------------------------------------------------------------

    def _read_or_last(self) -> Snapshot:
        try:
            return self._read()
        except GONE as error:
            down = f"Redis ({self.where}) does not answer ({type(error).__name__})."
        except UNREADABLE as error:
            down = f"Redis ({self.where}) holds frames of another release: {error}"
        return replace(self._snapshot, down=down)

    def _read(self) -> Snapshot:
        details = self.frames.details(CURRENCIES)  # before the sums: it is never above them
        rollups = self.frames.current_all(CURRENCIES)
        for rollup in rollups.values():
            self._remember(rollup)
        return Snapshot(
            taken_s=self.clock(),
            markets={n: self._market(rollup, details.get(n)) for n, rollup in rollups.items()},
            pulses=read_pulses(self.client),
            workers=alive_workers(self.client),
            processes=alive_processes(self.client),
            currencies=frozenset((*self.books.served(), *rollups)),
            explains=self.explains.of_all(CURRENCIES),
        )

    def _market(self, rollup: Rollup, detail: Detail | None) -> Market:
        history = self.frames.history(rollup.currency)
        opening = self._opening(rollup, history)
        same = frozenset(line.frame for line in history if comparable(line, rollup))
        samples = tuple(self._samples[rollup.currency])
        seen = tuple(self._curves[rollup.currency])
        return Market(rollup, history, opening, samples, same, detail, seen)

    def _remember(self, rollup: Rollup) -> None:
        """Keep a light copy of each frame seen."""
        kept = self._samples.setdefault(rollup.currency, deque(maxlen=SAMPLES_KEPT))
        if not kept or kept[-1].frame != rollup.frame:
            kept.append(sample_of(rollup))
        curves = self._curves.setdefault(rollup.currency, deque(maxlen=CURVES_KEPT))
        if not curves or rollup.published_ns - curves[-1].published_ns >= CURVES_EVERY_S * 10**9:
            curves.append(
                CurveSample(rollup.frame, rollup.as_of, rollup.published_ns, rollup.curves)
            )

    # --- Openings ----------------------------------------------------------------------------

    def _opening(self, rollup: Rollup, history: Sequence[HistoryLine]) -> Opening | None:
        found = opening_line(history, rollup)
        if found is None:
            return None
        line, why = found
        held = self._openings.get(rollup.currency)
        if held is not None and usable(held.rollup, rollup):
            # A long day outgrows the history; its opening is kept.
            opening = held if held.line.frame <= line.frame else replace(held, line=line, why=why)
        else:
            first = self._rollup(rollup.currency, line.frame)
            if first is None or not usable(first, rollup):
                other_book = first is not None or same_day(held, rollup)
                first = self._oldest(history, rollup)
                # As many trades as before, yet another book: its lines look alike.
                line, why = (history_line(first), FIRST_OF_BOOK) if other_book else (line, why)
            opening = Opening(line, why, first)
        self._openings[rollup.currency] = opening
        return opening

    def _oldest(self, history: Sequence[HistoryLine], now: Rollup) -> Rollup:
        """The earliest whole frame of the day that Redis still has."""
        oldest_ns = now.published_ns - KEEP_SECONDS * 10**9
        for line in (line for line in history if line.published_ns > oldest_ns):
            found = self._rollup(now.currency, line.frame)
            if found is not None and usable(found, now):
                return found
        return now

    def _rollup(self, currency: str, frame: int) -> Rollup | None:
        raw: Any = self.client.get(key(currency, "rollup", frame))  # bytes: nothing is decoded
        return msgspec.msgpack.decode(raw, type=Rollup) if raw else None

    # --- Trades ------------------------------------------------------------------------------

    def _read_trades(self, detail: Detail) -> Trades | None:
        """The trades of a detail, with the sums and the book of the same frame."""
        name, number = detail.currency, detail.frame
        rollup = self.frames.rollup(name, number)
        manifest = self._manifest(rollup) if rollup is not None else None
        if rollup is None or manifest is None:
            return None
        blocks = range(detail.blocks)
        columns = self.frames.columns_of(name, number, blocks)
        parts = {b: part for b, part in zip(blocks, columns, strict=True) if part is not None}
        if not parts or set(blocks) - set(parts) - set(detail.missing):
            return None  # it has expired meanwhile
        found = trades_of(rollup, manifest, parts, self.analytics.of(rollup))
        return self._since_first(found, First(rollup, found.table), whole=not detail.missing)

    def _since_first(self, found: Trades, now: First, *, whole: bool) -> Trades:
        """Measure the P&L of trades from the first detail of the same day and book."""
        first = self._firsts.get(found.currency)
        if first is None or not usable(first.rollup, now.rollup):
            if not whole or now.rollup.status != "COMPLETE":
                return found
            first = self._firsts[found.currency] = now
        opened = found.table["trade"].map(first.npv)
        table = found.table.assign(pnl=found.table["npv"] - opened)
        return replace(
            found,
            table=table,
            since=first.rollup.as_of,
            moves_bp=zero_moves_bp(first.rollup, now.rollup),
        )

    def _manifest(self, rollup: Rollup) -> Manifest | None:
        """Return what the frame's book holds; read once per book version."""
        kept = self._manifests.setdefault(rollup.currency, {})
        found = kept.get(rollup.book_version)
        if found is None:
            found = self.books.manifest(rollup.currency, rollup.book_version)
            if found is not None:
                kept[found.version] = found
                for old in list(kept)[:-BOOKS_KEPT]:
                    del kept[old]
        return found


class First:
    """The first detail of a day and book that this process has read."""

    def __init__(self, rollup: Rollup, table: pd.DataFrame) -> None:
        """Keep the value of each trade."""
        self.rollup = rollup
        self.npv = pd.Series(table["npv"].to_numpy(), index=table["trade"].to_numpy())
        self.npv = self.npv[~self.npv.index.duplicated()]


def zero_moves_bp(then: Rollup, now: Rollup) -> FloatArray | None:
    """Moves of zero rates between two frames, bp; shape (keys,). None: other quotes."""
    if then.keys != now.keys:
        return None
    moves: FloatArray = 1e4 * (np.array(now.zero_rates) - np.array(then.zero_rates))
    return moves


def usable(then: Rollup, now: Rollup) -> bool:
    """Return whether numbers of two frames compare: same day, same book, both whole."""
    same = (then.valuation_date, then.book_version, then.trades, then.priced) == (
        now.valuation_date,
        now.book_version,
        now.trades,
        now.priced,
    )
    return same and then.status == now.status == "COMPLETE" and then.frame <= now.frame


def same_day(held: Opening | None, now: Rollup) -> bool:
    """An opening of the same day, of whatever book."""
    return held is not None and held.rollup.valuation_date == now.valuation_date


def sample_of(rollup: Rollup) -> Sample:
    """The light copy of a frame."""
    return Sample(
        frame=rollup.frame,
        status=rollup.status,
        npv={(cell.desk, cell.book, cell.product): cell.npv for cell in rollup.cells},
        dv01_par={(cell.desk, cell.book, cell.product): cell.dv01_par for cell in rollup.cells},
        sent_ns=rollup.sent_ns,
        received_ns=rollup.received_ns,
        opened_ns=rollup.opened_ns,
        started_ns=rollup.started_ns,
        finished_ns=rollup.finished_ns,
        published_ns=rollup.published_ns,
    )
