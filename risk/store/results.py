"""Records of the two products of a frame: its sums, and the detail behind them.

A part of the sums covers a range of blocks, by book and product in double precision. A roll-up has
the sums of all parts, added in order, so that whoever adds them gets the same bits. The detail is
columns by trade, block by block, with what is needed to compare them with the roll-up.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import msgspec
import numpy as np

from pricing.arrays import FloatArray
from pricing.curves.quotes import CurveQuotes, Label
from pricing.curves.sanity import CurveWarning
from pricing.errors import Failure
from pricing.headlines import Headline
from pricing.measures import ladder_codec
from pricing.measures.table import BY_NAME, LIVE_SUMMED, MEASURES, total
from risk.store.messages import FrameHeader, blocks_of_part

REQUIRED_NUMBERS = tuple(name for name in MEASURES if BY_NAME[name].required)
"""Columns of ``PartColumns.numbers``, which are the same in every release."""

MeasureSums: Any = msgspec.defstruct(
    "MeasureSums",
    [
        (name, float) if BY_NAME[name].required else (name, float | None, None)
        for name in LIVE_SUMMED
    ],
    frozen=True,
    kw_only=True,
)
"""Sums with one field for each additive measure.

None where the product does not have it, a priced trade has no number, or the worker is of the
previous release.
"""


class CellSums(MeasureSums, frozen=True, kw_only=True):  # type: ignore[misc,call-arg]
    """Sums of the trades of one book and product in one block; trade currency.

    Beside the fields below it has those of ``MeasureSums``: one for each additive measure.
    ``ladder_par`` and ``krd`` follow the order of the part's ``keys``. Failed trades are
    counted and not summed. ``notional`` is unsigned, failed and all.
    """

    book: str
    product: str
    trades: int
    failed: int
    notional: float
    notional_failed: float
    ladder_par: list[float]
    krd: list[float]


class UnpricedTrade(Failure, frozen=True, kw_only=True):
    """A trade that is in no part, with what its book still has to know of it.

    ``book`` is "" and ``notional`` 0 when not even they could be read. ``headline`` is what lists
    of trades say of it, of a trade that is in no block.
    """

    book: str = ""
    product: str = ""
    notional: float = 0.0
    headline: Headline | msgspec.UnsetType = msgspec.UNSET


class FrameNodes(msgspec.Struct, frozen=True, kw_only=True):
    """Nodes of a curve whose quotes end on other days; see ``interpolation.Layout``.

    ``log_discount`` has one number for each quote of the curve. Days are since 1970.
    """

    curve: str
    interpolation: str
    days: list[int]
    log_discount: list[float]
    ends: list[int]
    keys: list[int]
    flat: int = 0
    turns: list[tuple[int, int]] = []

    @property
    def unknowns(self) -> int:
        """Nodes and turns: fewer than quotes where the curve is a fit."""
        return len(self.days) + len(self.turns)


class PartSums(msgspec.Struct, frozen=True, kw_only=True):
    """The sums of a range of blocks.

    ``excluded`` are blocks of the range that are not in them. ``conventions`` is the hash of the
    currency's market conventions in the worker that made it. ``matured`` counts trades that have
    made their last payment; they are in no cell. ``terms`` counts netted flows. ``residuals_bp``
    are quote less model rate by key; ``weights`` are those of a fit, by key, empty without one.
    """

    part: int
    worker: str
    started_ns: int
    finished_ns: int
    keys: list[tuple[str, str]]
    curve_version: str
    rate_error: float
    zero_rates: list[float]
    cells: list[CellSums]
    failures: list[Failure]
    node_days: list[int] = []
    conventions: str = ""
    matured: int = 0
    excluded: list[int] = []
    terms: int = 0
    residuals_bp: list[float] = []
    weights: list[float] = []
    nodes: list[FrameNodes] = []
    warnings: list[CurveWarning] = []


class CellCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What the trades of one book and product in one block add up to, and their gross.

    Both have a number for each measure of CHECKED_SUMS; ``gross`` adds up absolute values.
    """

    book: str
    product: str
    sums: list[float]
    gross: list[float]


CHECKED_SUMS = tuple(name for name in LIVE_SUMMED if BY_NAME[name].required)
"""Measures in which the detail of a frame is compared with its sums."""


class BlockTotals(msgspec.Struct, frozen=True, kw_only=True):
    """What the detail of one block adds up to, and who made it.

    ``ladders`` are the par ladder and the key rates of all its trades together, one after the
    other; ``ladders_gross`` has the sum of absolute values of each.
    """

    block: int
    worker: str
    started_ns: int
    finished_ns: int
    cells: list[CellCheck]
    ladders: list[float]
    ladders_gross: list[float]


class PartColumns(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers by trade of one block, in the order of the book's block.

    ``numbers`` holds REQUIRED_NUMBERS as float64 columns, ``more`` each other measure of every
    frame by name; a worker of the release before puts none. Ladders are packed in single precision
    (``ladder_codec.py``): stored ones need no more, their sums are made in double precision.
    """

    block: int
    trades: int
    keys: int
    numbers: bytes
    ladder_par: bytes
    krd: bytes
    more: dict[str, bytes] = {}

    def column(self, name: str) -> FloatArray:
        """One measure by trade; NaN where there is none; shape (trades,)."""
        if name in REQUIRED_NUMBERS:
            table = np.frombuffer(self.numbers, dtype=np.float64)
            columns = table.reshape(len(REQUIRED_NUMBERS), self.trades)
            return np.asarray(columns[REQUIRED_NUMBERS.index(name)])
        if name not in self.more:
            return np.full(self.trades, np.nan)
        return np.frombuffer(self.more[name], dtype=np.float64)

    def has(self, name: str) -> bool:
        """Return whether the worker that put this part makes the measure."""
        return name in REQUIRED_NUMBERS or name in self.more

    def ladder(self, name: Literal["ladder_par", "krd"]) -> FloatArray:
        """A ladder by trade; shape (trades, keys)."""
        return ladder_codec.unpack(getattr(self, name), self.trades, self.keys)


class BookProductTotals(CellSums, frozen=True, kw_only=True):  # type: ignore[call-arg]
    """Sums over a whole frame, with the desk that the book belongs to."""

    desk: str


class Rollup(msgspec.Struct, frozen=True, kw_only=True):
    """The published sums of a frame: one quote vector, one date, one book version, one currency.

    ``status`` is PARTIAL when blocks are missing; ``missing`` names them, and their trades are
    failures and count as failed in their cells. ``terms`` counts netted flows. ``coverage`` is the
    share of notional priced.
    ``node_days`` are the days on which the quotes of ``keys`` end, days since 1970; they are the
    nodes, except of the curves in ``nodes``. ``residuals_bp`` are quote less model rate by key, and
    ``weights`` those of a fit, empty where all quotes are met exactly; ``warnings`` name quotes
    that make the curves doubtful. Times are ns since 1970, of
    the hosts that took them. ``conventions`` is the hash of the market conventions that the frame
    was made with; several joined by ``+`` where workers had different ones, as while a system is
    restarted with new market files.
    """

    frame: int
    currency: str
    as_of: dt.datetime
    valuation_date: dt.date
    curves: CurveQuotes
    labels: dict[str, Label]
    book_version: str
    curve_version: str
    keys: list[tuple[str, str]]
    zero_rates: list[float]
    cells: list[BookProductTotals]
    trades: int
    priced: int
    failures: list[Failure]
    status: Literal["COMPLETE", "PARTIAL"]
    blocks: int
    missing: list[int]
    coverage: float
    rate_error: float
    fx: dict[str, float]
    fx_label: str
    sent_ns: int
    received_ns: int
    opened_ns: int
    started_ns: int
    finished_ns: int
    published_ns: int
    ticks: int
    source: str
    node_days: list[int] = []
    slowest_ns: int = 0
    conventions: str = ""
    parts: int = 1
    terms: int = 0
    residuals_bp: list[float] = []
    weights: list[float] = []
    nodes: list[FrameNodes] = []
    warnings: list[CurveWarning] = []

    @property
    def tick_to_published_ms(self) -> float:
        """Milliseconds from the sender's clock to publication; NaN when the tick has no time."""
        start = self.sent_ns or self.received_ns
        return (self.published_ns - start) / 1e6 if start else float("nan")


class Detail(msgspec.Struct, frozen=True, kw_only=True):
    """The published detail of a frame whose sums are published.

    ``missing`` are blocks without numbers by trade. ``sums_error`` is the largest difference
    between the detail's sums and the frame's, as a share of gross. Times are ns since 1970.
    """

    frame: int
    currency: str
    blocks: int
    missing: list[int]
    sums_error: float
    opened_ns: int
    started_ns: int
    finished_ns: int
    published_ns: int
    sent_ns: int = 0
    trades: int = 0

    @property
    def tick_to_published_ms(self) -> float:
        """Milliseconds from the sender's clock to publication; NaN when the tick has no time."""
        return (self.published_ns - self.sent_ns) / 1e6 if self.sent_ns else float("nan")


class HistoryLine(msgspec.Struct, frozen=True, kw_only=True):
    """One published frame in a line, for sparklines and latencies."""

    frame: int
    as_of: dt.datetime
    published_ns: int
    tick_to_published_ms: float
    npv: float
    dv01_par: float
    trades: int
    priced: int
    status: str
    book_version: str = ""
    curve_version: str = ""
    sent_ns: int = 0
    received_ns: int = 0
    opened_ns: int = 0
    started_ns: int = 0
    finished_ns: int = 0
    slowest_ns: int = 0
    warnings: int = 0


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """How far a sample of a frame's trades differed from plain QuantLib.

    ``npv_error`` is the largest of the sample as a share of notional, ``ladder_error`` as a
    share of gross DV01; ``worst`` is the trade with the former. ``breach`` is an alarm.
    """

    currency: str
    frame: int
    trades: int
    npv_error: float
    ladder_error: float
    worst: str
    checked_ns: int
    breach: bool


def merge_cells(
    parts: Sequence[PartSums], desk_of_book: dict[str, str], lost: Sequence[CellSums] = ()
) -> tuple[list[BookProductTotals], list[Failure]]:
    """Add the cells of parts in order; those of trades in no part add nothing to sums."""
    found: dict[tuple[str, str], list[CellSums]] = {}
    failures: list[Failure] = []
    for part in sorted(parts, key=lambda p: p.part):
        failures += part.failures
        for cell in part.cells:
            found.setdefault((cell.book, cell.product), []).append(cell)
    for cell in lost:
        found.setdefault((cell.book, cell.product), []).append(cell)
    cells = [
        _added(cells, desk_of_book.get(book, "")) for (book, _), cells in sorted(found.items())
    ]
    return cells, failures


def _lost_cells(lost: Iterable[Failure], keys: int) -> list[CellSums]:
    """Cells that count trades as failed, for those whose book is known."""
    found: dict[tuple[str, str], list[float]] = {}
    for trade in lost:
        if isinstance(trade, UnpricedTrade) and trade.book:
            found.setdefault((trade.book, trade.product), []).append(trade.notional)
    return [
        CellSums(
            book=book,
            product=product,
            trades=len(notionals),
            failed=len(notionals),
            notional=math.fsum(notionals),
            notional_failed=math.fsum(notionals),
            ladder_par=[0.0] * keys,
            krd=[0.0] * keys,
            **{name: total([(product, 0.0)], name) for name in LIVE_SUMMED},
        )
        for (book, product), notionals in found.items()
    ]


def _coverage(cells: Sequence[CellSums], priced: int, trades: int) -> float:
    """Share of notional priced; a trade of unknown size counts as one of average size."""
    if not trades:
        return 1.0
    whole = math.fsum(cell.notional for cell in cells)
    if whole <= 0.0:
        return priced / trades
    known = sum(cell.trades for cell in cells) / trades
    return known * (1.0 - math.fsum(cell.notional_failed for cell in cells) / whole)


def _added(cells: Sequence[CellSums], desk: str) -> BookProductTotals:
    first = cells[0]
    if len(cells) == 1:  # the usual case: a book of one part
        fields = {name: getattr(first, name) for name in CellSums.__struct_fields__}
        return BookProductTotals(desk=desk, **fields)

    def ladder(name: str) -> list[float]:
        rows = np.array([getattr(cell, name) for cell in cells])
        return [float(x) for x in rows.sum(axis=0)]

    return BookProductTotals(
        desk=desk,
        book=first.book,
        product=first.product,
        trades=sum(cell.trades for cell in cells),
        failed=sum(cell.failed for cell in cells),
        notional=float(sum(cell.notional for cell in cells)),
        notional_failed=float(sum(cell.notional_failed for cell in cells)),
        ladder_par=ladder("ladder_par"),
        krd=ladder("krd"),
        **{
            name: total([(cell.product, getattr(cell, name)) for cell in cells], name)
            for name in LIVE_SUMMED
        },
    )


def missing_blocks(header: FrameHeader, parts: Sequence[PartSums]) -> list[int]:
    """Blocks of a frame that are in none of these parts."""
    there: set[int] = set()
    for part in parts:
        blocks = blocks_of_part(part.part, header.parts, header.blocks)
        there |= set(blocks) - set(part.excluded)
    return [block for block in range(header.blocks) if block not in there]


def roll_up(
    header: FrameHeader,
    parts: Sequence[PartSums],
    *,
    desk_of_book: dict[str, str],
    trades: int,
    not_compiled: Iterable[Failure],
    published_ns: int,
    not_arrived: Iterable[UnpricedTrade] = (),
) -> Rollup:
    """The frame of these parts; PARTIAL when some are missing.

    Args:
        header: What the frame was opened with.
        parts: At least one part.
        desk_of_book: The desk of each book.
        trades: Trades of the currency in this book version, compiled or not. Those that have
            matured since it was compiled are left out of the count.
        not_compiled: Trades that could not be compiled.
        published_ns: The publisher's wall clock.
        not_arrived: Trades of the blocks that are missing.
    """
    lost = [*not_compiled, *not_arrived]
    first = parts[0]
    cells, failures = merge_cells(parts, desk_of_book, _lost_cells(lost, len(first.keys)))
    failures += lost
    missing = missing_blocks(header, parts)
    priced = sum(cell.trades - cell.failed for cell in cells)
    live = trades - sum(part.matured for part in parts)
    return Rollup(
        frame=header.frame,
        currency=header.currency,
        as_of=header.as_of,
        valuation_date=header.valuation_date,
        curves=header.curves,
        labels=header.labels,
        book_version=header.book_version,
        curve_version=first.curve_version,
        keys=first.keys,
        zero_rates=first.zero_rates,
        cells=cells,
        trades=live,
        priced=priced,
        failures=failures,
        status="PARTIAL" if missing else "COMPLETE",
        blocks=header.blocks,
        missing=missing,
        coverage=_coverage(cells, priced, live),
        rate_error=max(part.rate_error for part in parts),
        fx=header.fx,
        fx_label=header.fx_label,
        sent_ns=header.sent_ns,
        received_ns=header.received_ns,
        opened_ns=header.opened_ns,
        started_ns=min(part.started_ns for part in parts),
        finished_ns=max(part.finished_ns for part in parts),
        published_ns=published_ns,
        ticks=header.ticks,
        source=header.source,
        node_days=first.node_days,
        slowest_ns=max(part.finished_ns - part.started_ns for part in parts),
        conventions="+".join(sorted({part.conventions for part in parts if part.conventions})),
        parts=header.parts,
        terms=sum(part.terms for part in parts),
        residuals_bp=first.residuals_bp,
        weights=first.weights,
        nodes=first.nodes,
        warnings=first.warnings,
    )


def history_line(rollup: Rollup) -> HistoryLine:
    """The line of a roll-up."""
    return HistoryLine(
        frame=rollup.frame,
        as_of=rollup.as_of,
        published_ns=rollup.published_ns,
        tick_to_published_ms=rollup.tick_to_published_ms,
        npv=sum(cell.npv for cell in rollup.cells),
        dv01_par=sum(cell.dv01_par for cell in rollup.cells),
        trades=rollup.trades,
        priced=rollup.priced,
        status=rollup.status,
        book_version=rollup.book_version,
        curve_version=rollup.curve_version,
        sent_ns=rollup.sent_ns,
        received_ns=rollup.received_ns,
        opened_ns=rollup.opened_ns,
        started_ns=rollup.started_ns,
        finished_ns=rollup.finished_ns,
        slowest_ns=rollup.slowest_ns,
        warnings=len(rollup.warnings),
    )
