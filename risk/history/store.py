"""Add closing quotes to the history: compare them with stored ones, then copy new ones."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from django.db import connection, transaction

from pricing.curves.quotes import QUOTE_MAX, QUOTE_MIN, Label
from pricing.errors import BadInput
from pricing.markets import conventions
from risk.history.layouts.table import GAP, MAX_MOVE_BP, Quote
from risk.history.models import LABELS, CurveFile

DECIMALS = 10
"""Decimal places of a stored rate."""

LOADING = 0x68697374
"""Key of the advisory lock that lets only one load run at a time."""

_STORED = """
    SELECT q.id, q.date, q.curve, q.quote_id, q.rate::float8, f.publisher, f.label
    FROM market_history_curvequote q JOIN market_history_curvefile f ON f.id = q.file_id
    WHERE q.superseded_by_id IS NULL AND q.curve = ANY(%s) AND q.date BETWEEN %s AND %s
"""
_COPY = (
    "COPY market_history_curvequote (date, curve, quote_id, rate, quote_kind, file_id) FROM STDIN"
)
_SUPERSEDE = (
    "UPDATE market_history_curvequote SET superseded_by_id = %s"
    " WHERE id = ANY(%s) AND superseded_by_id IS NULL"
)


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The source of quotes. ``forced_reason`` overrides checks that would refuse them."""

    publisher: str
    name: str
    label: Label
    retrieved_at: dt.datetime
    sha256: str = ""
    user: Any = None
    forced_reason: str = ""


class Difference(NamedTuple):
    """A stored quote and its new value in a file; ``after`` is None for one that is withdrawn."""

    date: dt.date
    curve: str
    quote_id: str
    before: float
    after: float | None

    def __str__(self) -> str:
        where = f"{self.date} {self.curve} {self.quote_id}: {self.before:.4%}"
        if self.after is None:
            return f"{where} is withdrawn"
        return f"{where} -> {self.after:.4%} ({(self.after - self.before) * 1e4:+.2f} bp)"


@dataclass(frozen=True)
class Stored:
    """What a load did, or would do. ``kept`` counts quotes where a better one is stored."""

    days: int
    new: int = 0
    unchanged: int = 0
    kept: int = 0
    changed: Sequence[Difference] = ()
    file: CurveFile | None = None


class _Current(NamedTuple):
    """A stored quote that is current today."""

    id: int
    date: dt.date
    curve: str
    quote_id: str
    rate: float
    publisher: str
    label: str


@dataclass
class _Plan:
    """The rows to be written."""

    add: list[Quote] = field(default_factory=list)
    supersede: list[int] = field(default_factory=list)
    changed: list[Difference] = field(default_factory=list)
    unchanged: int = 0
    kept: int = 0


def store(quotes: Iterable[Quote], origin: Origin, *, dry_run: bool = False) -> Stored:
    """Add quotes in one transaction; a second load of the same quotes writes nothing.

    A rate replaces one of the same publisher, and one of a worse label (``LABELS``): then all
    quotes of that curve and day are replaced, since a day is one publisher's. A blank withdraws a
    rate of the same publisher. Where a better label is stored, the day is kept as it is.

    Args:
        quotes: In any order; each curve, day and tenor once.
        origin: Where they come from.
        dry_run: Compare only.

    Raises:
        BadInput: A curve that has no conventions, a rate out of range, a quote that appears twice,
            a day after the file was retrieved (invented rates may be of later days), a rate that
            differs from another publisher's of the same label, or a move above 150 bp from
            one day of that label to the next; the last two are taken with a ``forced_reason``.
    """
    incoming = _checked(quotes)
    if not incoming:
        raise BadInput("history", origin.name, "there is no quote in it")
    days = {quote.date for quote in incoming.values()}
    retrieved = origin.retrieved_at.date()
    if origin.label != "synthetic" and max(days) > retrieved:
        allowed = f"a day up to {retrieved}, on which the file was retrieved"
        raise BadInput("date", max(days).isoformat(), f"{allowed}; are day and month swapped?")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOADING])
        stored = _stored(cursor, incoming, min(days) - GAP, max(days) + GAP)
        plan = _plan(incoming, stored, origin)
        if not origin.forced_reason:
            _refuse_moves(plan, stored, origin.label)
        file = None
        if not dry_run and (plan.add or plan.supersede):
            file = _file(origin)
            cursor.execute(_SUPERSEDE, [file.pk, plan.supersede])
            _copy(cursor, plan.add, file)
    replaced = sum(difference.after is not None for difference in plan.changed)
    new = len(plan.add) - replaced
    return Stored(len(days), new, plan.unchanged, plan.kept, plan.changed, file)


Place = tuple[str, dt.date, str]
"""Curve, day and tenor of a quote."""


def _checked(quotes: Iterable[Quote]) -> dict[Place, Quote]:
    found: dict[Place, Quote] = {}
    for quote in quotes:
        place = quote.curve, quote.date, quote.quote_id
        if quote.curve not in conventions.CURVES:
            raise BadInput("curve", quote.curve, f"curves: {', '.join(conventions.CURVES)}")
        if quote.rate is not None and not QUOTE_MIN <= quote.rate <= QUOTE_MAX:
            where = f"{quote.date} {quote.curve} {quote.quote_id}"
            raise BadInput(where, quote.rate, f"a decimal rate from {QUOTE_MIN} to {QUOTE_MAX}")
        if place in found:
            where = f"{quote.date} {quote.curve} {quote.quote_id}"
            raise BadInput(where, quote.rate, "each quote may appear only once in a load")
        found[place] = quote
    return found


def _stored(
    cursor: Any, incoming: dict[Place, Quote], first: dt.date, last: dt.date
) -> dict[Place, _Current]:
    curves = sorted({curve for curve, _, _ in incoming})
    cursor.execute(_STORED, [curves, first, last])
    rows = (_Current(*row) for row in cursor.fetchall())
    return {(row.curve, row.date, row.quote_id): row for row in rows}


def _plan(incoming: dict[Place, Quote], stored: dict[Place, _Current], origin: Origin) -> _Plan:
    plan, rank = _Plan(), LABELS.index(origin.label)
    days = {(curve, date) for curve, date, _ in incoming}
    better: set[tuple[str, dt.date]] = set()
    for row in stored.values():
        day = row.curve, row.date
        if day not in days:
            continue
        if LABELS.index(row.label) < rank:
            better.add(day)
        elif LABELS.index(row.label) != rank:
            plan.supersede.append(row.id)
            after = incoming.get((row.curve, row.date, row.quote_id))
            rate = None if after is None else after.rate
            plan.changed.append(Difference(row.date, row.curve, row.quote_id, row.rate, rate))
    replaced = set(plan.supersede)
    for place, quote in incoming.items():
        row_before = stored.get(place)
        if (quote.curve, quote.date) in better:
            plan.kept += quote.rate is not None
        elif row_before is None or row_before.id in replaced:
            plan.add += [quote] if quote.rate is not None else []
        else:
            _compare(plan, quote, row_before, origin)
    return plan


def _compare(plan: _Plan, quote: Quote, before: _Current, origin: Origin) -> None:
    """A quote beside a stored one of the same label."""
    rate = None if quote.rate is None else round(quote.rate, DECIMALS)
    own = before.publisher == origin.publisher
    if rate == before.rate or (rate is None and not own):
        plan.unchanged += 1
        return
    if not own and not origin.forced_reason:
        where = f"{quote.date} {quote.curve} {quote.quote_id}"
        allowed = (
            f"{before.rate:.8g}, which {before.publisher} has published of that day: two sources "
            "of one curve are not mixed; --force REASON replaces the stored rates"
        )
        raise BadInput(where, quote.rate, allowed)
    plan.supersede.append(before.id)
    plan.changed.append(Difference(quote.date, quote.curve, quote.quote_id, before.rate, rate))
    plan.add += [quote] if rate is not None else []


def _refuse_moves(plan: _Plan, stored: dict[Place, _Current], label: Label) -> None:
    """Refuse a new rate that is far from the one of the day before or after it.

    Only stored rates of the same label count: from a synthetic rate to an official one is not a
    move of the market.
    """
    gone, added = set(plan.supersede), {(q.curve, q.quote_id) for q in plan.add}
    series: dict[tuple[str, str], list[tuple[dt.date, float, bool]]] = {}
    for row in stored.values():
        if row.label == label and (row.curve, row.quote_id) in added and row.id not in gone:
            series.setdefault((row.curve, row.quote_id), []).append((row.date, row.rate, False))
    for quote in plan.add:
        if quote.rate is not None:
            series.setdefault((quote.curve, quote.quote_id), []).append(
                (quote.date, quote.rate, True)
            )
    for (curve, tenor), rows in series.items():
        rows.sort()
        for (a, before, a_new), (b, after, b_new) in pairwise(rows):
            move_bp = (after - before) * 1e4
            if (a_new or b_new) and b - a <= GAP and abs(move_bp) > MAX_MOVE_BP:
                allowed = f"a move of at most {MAX_MOVE_BP:g} bp since {a}; --force REASON takes it"
                raise BadInput(f"{b} {curve} {tenor}", f"{move_bp:+.0f} bp", allowed)


def _file(origin: Origin) -> CurveFile:
    file = CurveFile.objects.create(
        publisher=origin.publisher,
        name=origin.name,
        sha256=origin.sha256,
        label=origin.label,
        retrieved_at=origin.retrieved_at,
        loaded_by=origin.user,
        forced_reason=origin.forced_reason,
    )
    file.refresh_from_db(fields=["loaded_at"])
    return file


def _copy(cursor: Any, quotes: Sequence[Quote], file: CurveFile) -> None:
    with cursor.copy(_COPY) as copy:
        copy.write("".join(_lines(quotes, file.pk)))


def _lines(quotes: Sequence[Quote], file: int) -> Iterator[str]:
    kinds = {name: row.quotes for name, row in conventions.CURVES.items()}
    for date, curve, quote_id, rate in quotes:
        yield f"{date}\t{curve}\t{quote_id}\t{rate:.10f}\t{kinds[curve]}\t{file}\n"
