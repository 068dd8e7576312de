"""A bounded log of published results in Redis, for whoever has to see every one of them in order.

A frame is kept for seconds and a notice can be lost; a log is kept for hours. Publication appends
to it in the same atomic step, so a result is in the log exactly when it was published:

    risk:{USD}:log:sums               stream: what limits need of each frame's sums
    risk:{USD}:log:explains           stream: the same of each explain
    risk:{scenarios}:log:scenarios    stream: the same of each run of the scenarios
    risk:{USD}:log:sums:number        how many were ever appended to the stream

Each entry has the next number of its stream. A reader that finds another one than it expects has
missed entries: the stream was trimmed, or Redis has lost its data.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np

from pricing.explain.terms import TERM_NAMES
from pricing.markets.conventions import CURRENCIES
from pricing.measures.table import BY_NAME, LIVE_SUMMED
from risk.store.results import Rollup

Kind = Literal["sums", "explains", "scenarios"]

LENGTHS: Mapping[Kind, int] = {"sums": 10_000, "explains": 10_000, "scenarios": 2_000}
"""Entries that a stream keeps while no process reads it: 2.8 hours with one frame a second and a
run of the scenarios every 5 s. A reader removes the entries that it has read."""

SCENARIOS = "scenarios"
"""Name of the stream of scenarios, where other streams have the name of a currency."""

NUMBER, PAYLOAD = b"n", b"p"

LEFT = "left"
"""Column with the value at the end, plus cash, less considerations: the amount that a move of
exchange rates changes."""

EXPLAINED = (*TERM_NAMES, "total", LEFT)
"""Columns of ``LoggedPeriod.numbers``."""

MAX_CHANGES = 50


class LoggedGroup(msgspec.Struct, frozen=True, array_like=True):
    """A book and product, and its trades without a number."""

    book: str
    product: str
    desk: str
    trades: int
    failed: int


class LoggedSums(msgspec.Struct, frozen=True, kw_only=True):
    """The sums of a frame by group, in trade currency.

    ``numbers`` has the measures of LIVE_SUMMED, float64, shape (groups, measures): NaN where trades
    that have the measure lack it. ``elsewhere`` counts trades without a number and a known book.
    """

    currency: str
    frame: int
    as_of: dt.datetime
    valuation_date: dt.date
    published_ns: int
    book_version: str
    fx: dict[str, float]
    keys: list[tuple[str, str]]
    groups: list[LoggedGroup]
    elsewhere: int
    numbers: bytes
    ladder_par: bytes
    krd: bytes


class LoggedChange(msgspec.Struct, frozen=True, array_like=True):
    """A changed trade, and the term that it is in."""

    trade_id: str
    book: str
    product: str
    term: str


class LoggedPeriod(msgspec.Struct, frozen=True, kw_only=True):
    """The terms of a period by group; ``numbers`` has EXPLAINED, float64. ``changed`` counts."""

    start_frame: int
    start_fx: dict[str, float]
    groups: list[LoggedGroup]
    numbers: bytes
    elsewhere: int
    changes: list[LoggedChange] = []
    changed: int = 0


class LoggedExplain(msgspec.Struct, frozen=True, kw_only=True):
    """The explain of a frame. ``published_ns`` is of the frame's sums."""

    currency: str
    frame: int
    as_of: dt.datetime
    valuation_date: dt.date
    published_ns: int
    fx: dict[str, float]
    periods: dict[str, LoggedPeriod]
    reasons: dict[str, str] = {}


class LoggedCurrency(msgspec.Struct, frozen=True, kw_only=True):
    """Scenario results of a currency.

    ``historical`` is float32 by group and day; ``stress`` float64 by group and scenario.
    """

    frame: int
    as_of: dt.datetime
    valuation_date: dt.date
    usd: float | None
    groups: list[LoggedGroup]
    historical: bytes
    stress: bytes


class LoggedScenarios(msgspec.Struct, frozen=True, kw_only=True):
    """A run of the scenarios."""

    number: int
    published_ns: int
    scenarios: list[str]
    currencies: dict[str, LoggedCurrency]
    unavailable: dict[str, str] = {}


Logged = LoggedSums | LoggedExplain | LoggedScenarios
TYPES: Mapping[Kind, type[Any]] = {
    "sums": LoggedSums,
    "explains": LoggedExplain,
    "scenarios": LoggedScenarios,
}
_encode = msgspec.msgpack.Encoder().encode
_decoders = {kind: msgspec.msgpack.Decoder(of) for kind, of in TYPES.items()}


class Stream(NamedTuple):
    """One stream: its currency, or SCENARIOS, and what it holds."""

    place: str
    kind: Kind

    @property
    def key(self) -> str:
        """Key of the stream in Redis."""
        return f"risk:{{{self.place}}}:log:{self.kind}"

    @property
    def number_key(self) -> str:
        """The key of its count."""
        return f"{self.key}:number"

    @property
    def name(self) -> str:
        """Name of the stream in the database."""
        return f"{self.place}:{self.kind}"


STREAMS = (
    *(Stream(name, "sums") for name in CURRENCIES),
    *(Stream(name, "explains") for name in CURRENCIES),
    Stream(SCENARIOS, "scenarios"),
)


Order = tuple[int, int, str, int]
RANKS: tuple[Kind, ...] = ("sums", "explains", "scenarios")


class Entry(NamedTuple):
    """One entry: its id in the stream, its number, and what was published."""

    stream: Stream
    entry_id: str
    number: int
    payload: bytes

    @property
    def order(self) -> Order:
        """Entries of all streams in the order of publication; within a millisecond sums first."""
        milliseconds, sequence = parsed_id(self.entry_id)
        return milliseconds, RANKS.index(self.stream.kind), self.stream.place, sequence

    def decoded(self) -> Logged:
        """Return what was published.

        Raises:
            msgspec.MsgspecError: Another release wrote it.
        """
        return decoded(self.stream.kind, self.payload)


def decoded(kind: Kind, payload: bytes) -> Logged:
    """A record of its bytes; errors as ``Entry.decoded``."""
    found: Logged = _decoders[kind].decode(payload)
    return found


def encoded(record: Logged) -> bytes:
    """The bytes of a record."""
    return _encode(record)


def parsed_id(entry_id: str) -> tuple[int, int]:
    """Milliseconds and sequence of an entry's id."""
    first, _, second = entry_id.partition("-")
    return int(first), int(second or 0)


def sums_of(rollup: Rollup) -> LoggedSums:
    """Return what limits need of a frame's sums."""
    cells = rollup.cells
    rows = [[_number(cell, name) for name in LIVE_SUMMED] for cell in cells]
    return LoggedSums(
        currency=rollup.currency,
        frame=rollup.frame,
        as_of=rollup.as_of,
        valuation_date=rollup.valuation_date,
        published_ns=rollup.published_ns,
        book_version=rollup.book_version,
        fx=rollup.fx,
        keys=rollup.keys,
        groups=[
            LoggedGroup(cell.book, cell.product, cell.desk, cell.trades, cell.failed)
            for cell in cells
        ],
        elsewhere=max(0, rollup.trades - sum(cell.trades for cell in cells)),
        numbers=np.array(rows, dtype=float).tobytes(),
        ladder_par=np.array([cell.ladder_par for cell in cells], dtype=float).tobytes(),
        krd=np.array([cell.krd for cell in cells], dtype=float).tobytes(),
    )


def _number(cell: Any, name: str) -> float:
    """A sum; 0 where the product has no such measure, NaN where its trades lack it."""
    if not BY_NAME[name].supports(cell.product):
        return 0.0
    value = getattr(cell, name)
    return float("nan") if value is None else float(value)


class ResultLog:
    """Read and trim all streams, behind one Redis client."""

    def __init__(self, client: Any, streams: Sequence[Stream] = STREAMS) -> None:
        """Send nothing yet."""
        self.client, self.streams = client, tuple(streams)
        self._by_key = {stream.key.encode(): stream for stream in self.streams}

    def read(
        self, after: Mapping[str, str], count: int = 100, block_ms: int | None = None
    ) -> list[Entry]:
        """Entries after a position of each stream, in the order of publication.

        Args:
            after: Ids of the last entries that were read, by the name of the stream.
            count: How many of a stream at most.
            block_ms: How long to wait for one; None: not at all.

        Returns:
            The entries. Where a stream has more, no entry of another that is later than its last
            one is among them.
        """
        wanted = {stream.key: after.get(stream.name, "0-0") for stream in self.streams}
        found = self.client.xread(wanted, count=count, block=block_ms) or []
        entries: list[Entry] = []
        last: Order | None = None
        for name, rows in found:
            mine = [
                Entry(self._by_key[name], entry_id.decode(), int(fields[NUMBER]), fields[PAYLOAD])
                for entry_id, fields in rows
            ]
            entries += mine
            if len(mine) >= count and (last is None or mine[-1].order < last):
                last = mine[-1].order
        entries.sort(key=lambda entry: entry.order)
        return entries if last is None else [one for one in entries if one.order <= last]

    def newest(self) -> dict[str, str]:
        """The id of the newest entry that each stream ever had; absent for no stream."""
        found: dict[str, str] = {}
        for stream in self.streams:
            if self.client.exists(stream.key):
                info = self.client.xinfo_stream(stream.key)
                found[stream.name] = info["last-generated-id"].decode()
        return found

    def forget(self, until: Mapping[str, str]) -> None:
        """Remove the entries up to a position of each stream, that included."""
        with self.client.pipeline(transaction=False) as pipe:
            for stream in self.streams:
                if stream.name in until:
                    first, second = parsed_id(until[stream.name])
                    pipe.xtrim(stream.key, minid=f"{first}-{second + 1}", approximate=False)
            pipe.execute()

    def waiting(self) -> int:
        """Entries that nobody has removed yet."""
        with self.client.pipeline(transaction=False) as pipe:
            for stream in self.streams:
                pipe.xlen(stream.key)
            return int(sum(pipe.execute()))
