"""Sum the explains of published frames by group, and list what is not in the sums."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from pricing.explain.terms import MEMOS, TERMS
from risk.explain.conversion import FX, add_terms, conversion_between, converted
from risk.queries.portfolio import GROUPINGS
from risk.store.explains import Explain, ExplainedGroup, ExplainedPeriod, PeriodName

TERM_NAMES = (*(term.name for term in TERMS), FX)
"""Names of the terms, which add up to ``total``."""

MEMO_NAMES = tuple(memo.name for memo in MEMOS)
Json = dict[str, Any]


def explained(
    explains: Sequence[Explain],
    period: PeriodName,
    group_by: Sequence[str],
    reporting: str | None,
    desks: Collection[str] | None = None,
    *,
    with_delta: bool = True,
) -> list[Json]:
    """The terms by group. Currencies are added only when converted.

    Amounts are converted with the FX of the start. What its move adds is the term ``fx``: the value
    at the end, plus cash, less considerations, times the move of the rate.

    Args:
        explains: One for each currency; those without the period add nothing.
        period: The period.
        group_by: Any of GROUPINGS; without ``currency`` a reporting currency is needed.
        reporting: Currency to convert to, or None to stay in each trade's own.
        desks: Only these; None for all.
        with_delta: Whether rows have ``delta`` by curve and tenor.

    Raises:
        ValueError: Two currencies would be added unconverted, or an FX rate is missing.
    """
    there = [explain for explain in explains if period in explain.periods]
    if reporting is None and "currency" not in group_by and len(there) > 1:
        raise ValueError(
            "give reporting_currency, or group by currency: amounts of two"
            " currencies are never added unconverted"
        )
    groups: dict[tuple[str, ...], Json] = {}
    for explain in there:
        found = explain.periods[period]
        start, end = conversion(explain, found, reporting)
        for row in found.groups:
            if desks is not None and row.desk not in desks:
                continue
            place = tuple(_labels(explain, row)[name] for name in group_by)
            labels = dict(zip(group_by, place, strict=True))
            amounts_in = reporting or explain.currency
            group = groups.setdefault(place, _empty(labels, amounts_in, with_delta=with_delta))
            group["trades"] += row.trades
            add_terms(group["terms"], converted(row.terms, start, end - start))
            if with_delta:
                _add_delta(group["delta"], found, row, start)
    return [groups[place] for place in sorted(groups)]


def conversion(
    explain: Explain, period: ExplainedPeriod, reporting: str | None
) -> tuple[float, float]:
    """Units of the reporting currency per unit, by the FX of the start and of the end.

    Raises:
        NoRate: One of them has no rate.
    """
    ends = ((period.start_fx, period.start_frame), (explain.fx, explain.frame))
    return conversion_between(explain.currency, ends, reporting)


def _labels(explain: Explain, row: ExplainedGroup) -> dict[str, str]:
    values = (explain.currency, row.desk, row.book, row.product)
    return dict(zip(GROUPINGS, values, strict=True))


def _empty(labels: Mapping[str, str], amounts_in: str, *, with_delta: bool) -> Json:
    names = (*TERM_NAMES, *MEMO_NAMES)
    return {
        **labels,
        "amounts_in": amounts_in,
        "trades": 0,
        "terms": dict.fromkeys(names, 0.0),
        **({"delta": {}} if with_delta else {}),
    }


def _add_delta(
    delta: dict[str, dict[str, float]], period: ExplainedPeriod, row: ExplainedGroup, factor: float
) -> None:
    for (curve, tenor), value in zip(period.keys, row.delta, strict=True):
        by_tenor = delta.setdefault(curve, {})
        by_tenor[tenor] = by_tenor.get(tenor, 0.0) + factor * value


def unpriced(
    explains: Sequence[Explain], period: PeriodName, desks: Collection[str] | None = None
) -> list[Json]:
    """The trades that are in no term, with the reason. Who sees some desks sees theirs."""
    return [
        {
            "trade_id": one.trade_id,
            "currency": explain.currency,
            "book": one.book,
            "type": one.product,
            "at": one.at,
            "code": one.code,
            "message": one.message,
        }
        for explain, found in _of(explains, period)
        for one in found.unpriced
        if desks is None or _desk_of(found, one.book) in desks
    ]


def changes(
    explains: Sequence[Explain], period: PeriodName, desks: Collection[str] | None = None
) -> list[Json]:
    """The changed trades with their terms; a consideration that was not given is None."""
    return [
        {
            "trade_id": one.trade_id,
            "currency": explain.currency,
            "desk": _desk_of(found, one.book),
            "book": one.book,
            "type": one.product,
            "terms": dict(one.terms),
            "consideration": one.consideration,
        }
        for explain, found in _of(explains, period)
        for one in found.changes
        if desks is None or _desk_of(found, one.book) in desks
    ]


def _of(
    explains: Sequence[Explain], period: PeriodName
) -> Iterator[tuple[Explain, ExplainedPeriod]]:
    for explain in explains:
        if period in explain.periods:
            yield explain, explain.periods[period]


def _desk_of(period: ExplainedPeriod, book: str) -> str:
    """The desk of a book; empty where the explain does not have the book."""
    return next((row.desk for row in period.groups if row.book == book), "")


def stamp(explain: Explain, period: PeriodName, sums_frame: int, now_ns: int) -> Json:
    """Return what an answer says of the frames that it is from.

    Args:
        explain: The explain of a currency.
        period: The period.
        sums_frame: The newest frame whose sums are published.
        now_ns: The reader's wall clock.
    """
    found = explain.periods.get(period)
    return {
        "currency": explain.currency,
        "frame": explain.frame,
        "sums_frame": sums_frame,
        "as_of": explain.as_of,
        "valuation_date": explain.valuation_date,
        "book_version": explain.book_version,
        "labels": explain.labels,
        "fx_label": explain.fx_label,
        "age_s": max(0.0, (now_ns - explain.frame_published_ns) / 1e9),
        "made_in_s": explain.seconds,
        "reason": explain.reasons.get(period),
        "start": found and _start(found),
        "trades": sum(row.trades for row in found.groups) if found else 0,
        "moves_bp": _moves(found) if found else {},
        "left_out": [f"{curve} {tenor}" for curve, tenor in found.left_out] if found else [],
    }


def _start(period: ExplainedPeriod) -> Json:
    return {
        "frame": period.start_frame,
        "as_of": period.start_as_of,
        "valuation_date": period.start_date,
        "book_version": period.start_book_version,
    }


def _moves(period: ExplainedPeriod) -> dict[str, dict[str, float]]:
    moves: dict[str, dict[str, float]] = {}
    for (curve, tenor), move in zip(period.keys, period.shift_bp, strict=True):
        moves.setdefault(curve, {})[tenor] = move
    return moves
