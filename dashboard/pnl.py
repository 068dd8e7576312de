"""Build the view models of the P&L page, in US dollars at the FX of each period's start.

No clock, no Redis. A currency whose frames have no FX rate is left out of all sums and named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from dashboard import format
from dashboard.risk import NO_DESK, Choice, tenor_name
from pricing.curves.quotes import quote_order
from pricing.errors import BadInput
from pricing.explain.terms import TERMS
from pricing.markets.conventions import CURVES
from risk.explain.conversion import FX, NoRate, add_terms
from risk.queries import explain as query
from risk.queries.portfolio import GROUPINGS
from risk.store.explains import Explain, PeriodName

Json = Mapping[str, Any]
Terms = dict[str, float | None]
USD = "USD"
PERIODS: Mapping[str, PeriodName] = {"Since close": "close", "Since frame before": "frame"}
GROUPS = {"Desk": "desk", "Book": "book", "Type": "type", "Ccy": "currency"}
MAX_CURVES = 8
"""Curves whose colours a reader tells apart."""

TITLES = {**{term.name: term.title for term in TERMS}, FX: "FX"}
"""Titles of the terms that add up to the total, by name."""


class ExplainedFrame(NamedTuple):
    """Which frames of a currency a P&L is between, and how its quotes moved.

    ``age_s`` counts from the publication of the later frame; ``moves`` are curve, tenor and bp.
    """

    currency: str
    frame: int
    start_frame: int
    start_date: str
    age_s: float
    made_in_s: float
    moves: Sequence[tuple[str, str, float]]


@dataclass(frozen=True)
class Pnl:
    """The explain of P&L for the trades that the filters select.

    Attributes:
        groups: Terms, in US dollars, by currency, desk, book and type, as REST has them.
        frames: The frames that they are from, by currency.
        unpriced: Trades that are in no term.
        changes: Trades that changed, with their terms.
        reasons: Sentences on currencies that are not explained, or not in the sums.
    """

    groups: Sequence[Json]
    frames: Sequence[ExplainedFrame]
    unpriced: Sequence[Json]
    changes: Sequence[Json]
    reasons: Sequence[str]

    def rows(self, group: str) -> list[tuple[str, Terms]]:
        """The terms by group, largest absolute total first."""
        found: dict[str, Terms] = {}
        for row in self.groups:
            add_terms(found.setdefault(row[GROUPS[group]] or NO_DESK, {}), row["terms"])
        return sorted(found.items(), key=lambda each: -abs(each[1]["total"] or 0.0))

    def currencies_of(self, group: str, name: str) -> tuple[str, ...]:
        """The currencies in which a group has trades."""
        mine = (row["currency"] for row in self.groups if row[GROUPS[group]] == name)
        return tuple(dict.fromkeys(mine))

    @cached_property
    def total(self) -> Terms:
        """The terms of everything; {} where nothing is explained."""
        terms: Terms = {}
        for row in self.groups:
            add_terms(terms, row["terms"])
        return terms

    def steps(self) -> list[tuple[str, float | None]]:
        """Titles and amounts of the terms that are not 0, and the total.

        None for a term that could not be computed; it is then part of the residual.
        """
        known = [(TITLES[name], self.total.get(name, 0.0)) for name in TITLES]
        return [
            *((title, amount) for title, amount in known if amount != 0.0),
            ("Total", self.total.get("total", 0.0)),
        ]

    def bars(self) -> list[tuple[str, str, float]]:
        """Titles, texts and heights of the steps; one that could not be computed has no height."""
        steps = self.steps()
        return [(title, format.money(x, signed=True), x or 0.0) for title, x in steps]

    @cached_property
    def by_quote(self) -> dict[str, dict[str, float]]:
        """The term delta by curve and tenor."""
        found: dict[str, dict[str, float]] = {}
        for row in self.groups:
            for curve, amounts in row.get("delta", {}).items():
                of_curve = found.setdefault(curve, {})
                for tenor, amount in amounts.items():
                    of_curve[tenor] = of_curve.get(tenor, 0.0) + amount
        return found

    def delta(self) -> tuple[list[str], dict[str, list[float]]]:
        """Tenors, and the term delta by curve and tenor; by currency where curves are many."""
        many = len(self.by_quote) > MAX_CURVES
        by_curve: dict[str, dict[str, float]] = {}
        for curve, amounts in self.by_quote.items():
            name = CURVES[curve].currency if many and curve in CURVES else curve
            of_curve = by_curve.setdefault(name, {})
            for tenor, amount in amounts.items():
                at = _name(tenor)
                of_curve[at] = of_curve.get(at, 0.0) + amount
        tenors = sorted({t for some in by_curve.values() for t in some}, key=quote_order)
        return tenors, {
            curve: [some.get(tenor, 0.0) for tenor in tenors] for curve, some in by_curve.items()
        }

    def quotes(self) -> list[tuple[str, str, float, float]]:
        """Curve, tenor, move in basis points and delta of each quote, largest effect first."""
        rows = [
            (curve, tenor, move, self.by_quote.get(curve, {}).get(tenor, 0.0))
            for frame in self.frames
            for curve, tenor, move in frame.moves
        ]
        return sorted(rows, key=lambda row: -abs(row[3]))


def pnl(
    explains: Mapping[str, Explain],
    choice: Choice,
    period: PeriodName,
    now_s: float,
    *,
    with_delta: bool = True,
) -> Pnl:
    """The published explains that pass a choice; those that cannot be added are named.

    Pages that show no delta by quote leave it out.
    """
    found: list[Explain] = []
    reasons: list[str] = []
    for name in choice.currencies:
        explain = explains.get(name)
        if explain is None:
            continue
        if period not in explain.periods:
            reasons.append(f"{name}: {explain.reasons.get(period, 'not explained')}.")
            continue
        try:
            query.conversion(explain, explain.periods[period], USD)
        except NoRate as error:
            reasons.append(f"{name} is not in the sums: {error}.")
            continue
        found.append(explain)
    now_ns = int(now_s * 1e9)
    stamps = [query.stamp(explain, period, explain.frame, now_ns) for explain in found]
    answer = {
        "groups": query.explained(found, period, GROUPINGS, USD, with_delta=with_delta),
        "unpriced": query.unpriced(found, period),
        "changes": query.changes(found, period),
        "frames": stamps,
    }
    return _passing(answer, choice, reasons)


def pnl_of_answer(answer: Json, choice: Choice) -> Pnl:
    """The P&L of an answer of REST, by currency, desk, book and type in US dollars."""
    reasons = [
        f"{frame['currency']}: {frame['reason']}."
        for frame in answer["frames"]
        if frame["reason"] and frame["currency"] in choice.currencies
    ]
    return _passing(answer, choice, reasons)


def _passing(answer: Json, choice: Choice, reasons: Sequence[str]) -> Pnl:
    """What the filters select of an answer."""
    groups = [
        row
        for row in answer["groups"]
        if row["currency"] in choice.currencies and choice.takes(row["desk"], row["type"])
    ]
    books = {row["book"] for row in groups}

    def passing(rows: Sequence[Json]) -> list[Json]:
        mine = [row for row in rows if row["currency"] in choice.currencies]
        return mine if choice.whole else [row for row in mine if row["book"] in books]

    return Pnl(
        groups,
        [
            _frame(stamp)
            for stamp in answer["frames"]
            if stamp["start"] and stamp["currency"] in choice.currencies
        ],
        passing(answer["unpriced"]),
        passing(answer["changes"]),
        reasons,
    )


def _frame(stamp: Json) -> ExplainedFrame:
    return ExplainedFrame(
        currency=stamp["currency"],
        frame=stamp["frame"],
        start_frame=stamp["start"]["frame"],
        start_date=str(stamp["start"]["valuation_date"]),
        age_s=stamp["age_s"],
        made_in_s=stamp["made_in_s"],
        moves=[
            (curve, tenor, move)
            for curve, moves in stamp["moves_bp"].items()
            for tenor, move in moves.items()
        ],
    )


def _name(tenor: str) -> str:
    try:
        return tenor_name(tenor)
    except BadInput:
        return tenor
