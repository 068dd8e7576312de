"""Build the view models of the P&L page, in US dollars at the FX of each period's start.

No clock, no Redis. A currency whose frames have no FX rate is left out of all sums and named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from dashboard import format
from dashboard.risk import NO_DESK, Choice, tenor_name
from pricing.curves.quotes import quote_order
from pricing.errors import BadInput
from pricing.explain.terms import TERMS
from pricing.markets.conventions import CURVES
from risk.queries import explain as query
from risk.queries.explain import FX, NoRate
from risk.store.explains import Explain, PeriodName

USD = "USD"
PERIODS: Mapping[str, PeriodName] = {"Since close": "close", "Since frame before": "frame"}
GROUPS = {"Desk": "desk", "Book": "book", "Type": "type", "Ccy": "currency"}
MAX_CURVES = 8
"""Curves whose colours a reader tells apart."""

TITLES = {**{term.name: term.title for term in TERMS}, FX: "FX"}
"""Titles of the terms that add up to the total, by name."""


@dataclass(frozen=True)
class Pnl:
    """The explain of P&L for the trades that the filters select.

    Attributes:
        explains: With the period, by currency, and with groups that pass.
        reasons: Sentences on currencies that are not explained, or not in the sums.
        period: The period.
    """

    explains: Sequence[Explain]
    reasons: Sequence[str]
    period: PeriodName

    def rows(self, group: str) -> list[tuple[str, dict[str, float | None]]]:
        """The terms by group, largest absolute total first."""
        found = query.explained(self.explains, self.period, [GROUPS[group]], USD)
        rows = [(str(row[GROUPS[group]]) or NO_DESK, row["terms"]) for row in found]
        return sorted(rows, key=lambda row: -abs(row[1]["total"] or 0.0))

    def total(self) -> dict[str, float | None]:
        """The terms of everything; {} where nothing is explained."""
        rows = query.explained(self.explains, self.period, [], USD)
        return rows[0]["terms"] if rows else {}

    def steps(self) -> list[tuple[str, float | None]]:
        """Titles and amounts of the terms that are not 0, and the total.

        None for a term that could not be computed; it is then part of the residual.
        """
        terms = self.total()
        known = [(TITLES[name], terms.get(name, 0.0)) for name in TITLES]
        return [
            *((title, amount) for title, amount in known if amount != 0.0),
            ("Total", terms.get("total", 0.0)),
        ]

    def bars(self) -> list[tuple[str, str, float]]:
        """Titles, texts and heights of the steps; one that could not be computed has no height."""
        steps = self.steps()
        return [(title, format.money(x, signed=True), x or 0.0) for title, x in steps]

    def delta(self) -> tuple[list[str], dict[str, list[float]]]:
        """Tenors, and the term delta by curve and tenor; by currency where curves are many."""
        rows = query.explained(self.explains, self.period, [], USD)
        found = rows[0]["delta"] if rows else {}
        many = len(found) > MAX_CURVES
        by_curve: dict[str, dict[str, float]] = {}
        for curve, amounts in found.items():
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
        found = query.explained(self.explains, self.period, [], USD)
        delta = found[0]["delta"] if found else {}
        rows = [
            (curve, tenor, move, delta.get(curve, {}).get(tenor, 0.0))
            for explain in self.explains
            for (curve, tenor), move in zip(
                explain.periods[self.period].keys,
                explain.periods[self.period].shift_bp,
                strict=True,
            )
        ]
        return sorted(rows, key=lambda row: -abs(row[3]))

    def unpriced(self) -> list[dict[str, Any]]:
        """Trades that are in no term."""
        return query.unpriced(self.explains, self.period)

    def changes(self) -> list[dict[str, Any]]:
        """Trades that changed, with their terms."""
        return query.changes(self.explains, self.period)


def pnl(explains: Mapping[str, Explain], choice: Choice, period: PeriodName) -> Pnl:
    """The explains that pass a choice; those that cannot be added are named."""
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
        found.append(_passing(explain, choice, period))
    return Pnl(found, reasons, period)


def _passing(explain: Explain, choice: Choice, period: PeriodName) -> Explain:
    whole = explain.periods[period]
    groups = [group for group in whole.groups if choice.takes(group.desk, group.product)]
    books = {group.book for group in groups}
    everything = choice.whole

    def passes(book: str) -> bool:
        return everything or book in books

    mine = msgspec.structs.replace(
        whole,
        groups=groups,
        unpriced=[trade for trade in whole.unpriced if passes(trade.book)],
        changes=[change for change in whole.changes if passes(change.book)],
    )
    return msgspec.structs.replace(explain, periods={period: mine})


def _name(tenor: str) -> str:
    try:
        return tenor_name(tenor)
    except BadInput:
        return tenor
