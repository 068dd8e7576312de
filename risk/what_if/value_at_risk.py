"""Value at risk before and after a what-if, by full revaluation on the same scenarios.

The book's P&L by day is that of the newest published run. Entries are revalued at the same days,
from the quotes that the run started from. Incremental value at risk is VaR(book with the entries) -
VaR(book): negative for a hedge.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from pricing.arrays import FloatArray, IntArray
from pricing.scenarios.tail import LEVELS, tail_of
from risk.scenarios.answers import Scope, members_of
from risk.scenarios.messages import CurrencyScenarios, GroupHead, ScenarioFrame
from risk.what_if.answers import Side
from risk.what_if.messages import VarScenarios

Json = dict[str, Any]


class EntrySide(NamedTuple):
    """A side of an entry, with the entry's number from 1."""

    entry: int
    side: Side


Sides = Mapping[str, Sequence[EntrySide]]
"""Sides of entries by currency: trades that are added, and trades that are removed."""


def scenarios_of(frame: ScenarioFrame, curves: Mapping[str, Any]) -> VarScenarios:
    """The scenarios of a run as a worker needs them; ``curves`` are its quotes by currency."""
    return VarScenarios(
        currencies=[name for name, one in frame.currencies.items() if one.historical],
        days=list(frame.days),
        kind=frame.kind,
        curves=dict(curves),
    )


def value_at_risk(
    frame: ScenarioFrame,
    sides: Sides,
    reasons: Mapping[str, str],
    reporting: str,
    desks: Collection[str] | None,
) -> Json:
    """Value at risk and expected shortfall before and after, of all, by desk and by entry.

    Args:
        frame: The run that the book's P&L is of.
        sides: The entries.
        reasons: Why the trades of a currency have no P&L in the scenarios.
        reporting: Currency of all amounts.
        desks: Desks that the user may see; None for all. Value at risk is of these.

    Raises:
        ValueError: There is no FX rate of the reporting currency.
    """
    scope = Scope(desks=desks, reporting=reporting)
    members, _ = members_of(frame, scope)
    left_out = {name: reasons[name] for name in sides if reasons.get(name)}
    lost: list[int] = []
    factors = _factors(frame, reporting)
    rows: list[tuple[int, str, FloatArray]] = []
    for currency, mine in sides.items():
        if currency not in left_out and factors.get(currency) is None:
            left_out[currency] = f"{currency} has no exchange rate to {reporting} in the run"
        for entry, side in mine if currency not in left_out else ():
            if desks is not None and side.desk not in desks:
                continue
            pnl = np.frombuffer(side.numbers.historical)
            if side.numbers.failure is not None or len(pnl) != len(frame.days):
                lost.append(entry)
            else:
                rows.append((entry, side.desk, side.sign * factors[currency] * pnl))
    answer: Json = {
        "number": frame.number,
        "scenarios": len(frame.days),
        "amounts_in": reporting,
        "frames": {name: one.frame for name, one in frame.currencies.items()},
        "total": None,
        "desks": [],
        "entries": [],
        "excluded": [{"currency": n, "reason": why} for n, why in sorted(left_out.items())],
        "entries_without": sorted(set(lost)),
        "reason": frame.no_history,
    }
    having = [(m.head.desk, m.row(m.found.historical)) for m in members if m.found.historical]
    if not frame.days or (not having and not rows):
        return answer
    nothing = np.zeros(len(frame.days))
    book = sum((row for _, row in having), nothing)
    change = sum((row for _, _, row in rows), nothing)
    good = np.flatnonzero(np.isfinite(book) & np.isfinite(change))
    if not len(good):
        return answer | {"reason": "no day has a P&L of the book and of the entries"}
    answer["scenarios"] = len(good)
    answer["total"] = {"levels": _levels(book, change, good)}
    for desk in sorted({desk for _, desk, _ in rows}):
        before = sum((row for name, row in having if name == desk), nothing)
        after = sum((row for _, name, row in rows if name == desk), nothing)
        answer["desks"].append({"desk": desk, "levels": _levels(before, after, good)})
    for number in sorted({entry for entry, _, _ in rows}):
        alone = sum((row for entry, _, row in rows if entry == number), nothing)
        answer["entries"].append({"entry": number, "levels": _levels(book, alone, good)})
    return answer


def _levels(book: FloatArray, change: FloatArray, good: IntArray) -> list[Json]:
    """Before, after and their difference at each level, on the days that have all numbers."""
    found = []
    for level in LEVELS:
        before, after = tail_of(book[good], level), tail_of((book + change)[good], level)
        found.append(
            {
                "level": level,
                "var_before": before.var,
                "var_after": after.var,
                "incremental_var": after.var - before.var,
                "expected_shortfall_before": before.expected_shortfall,
                "expected_shortfall_after": after.expected_shortfall,
                "incremental_expected_shortfall": after.expected_shortfall
                - before.expected_shortfall,
            }
        )
    return found


def _factors(frame: ScenarioFrame, reporting: str) -> dict[str, float]:
    """Units of the reporting currency per unit, by the rates of the run."""
    usd = {name: one.usd for name, one in frame.currencies.items() if one.usd}
    usd["USD"] = 1.0
    base = usd.get(reporting)
    return {name: rate / base for name, rate in usd.items()} if base else {}


def frame_with(frame: ScenarioFrame, sides: Sides) -> ScenarioFrame:
    """The run with the entries that have a P&L in its scenarios as more groups."""
    found = dict(frame.currencies)
    for currency, mine in sides.items():
        one = found.get(currency)
        rows = [
            side
            for _, side in mine
            if side.numbers.failure is None and len(side.numbers.historical) == 8 * len(frame.days)
        ]
        if one is not None and one.historical and rows:
            found[currency] = _with(one, rows)
    return msgspec.structs.replace(frame, currencies=found)


def _with(one: CurrencyScenarios, rows: Sequence[Side]) -> CurrencyScenarios:
    more = np.array([side.sign * np.frombuffer(side.numbers.historical) for side in rows])
    heads = [
        GroupHead(book=s.book, product=s.product, desk=s.desk, trades=s.sign, failed=0)
        for s in rows
    ]
    return msgspec.structs.replace(
        one,
        groups=[*one.groups, *heads],
        historical=one.historical + more.tobytes(),
        # Limits on stress scenarios are not judged anew: nobody reads these.
        stress=one.stress + np.zeros((len(rows), _scenarios(one))).tobytes(),
    )


def _scenarios(one: CurrencyScenarios) -> int:
    return len(one.stress) // 8 // len(one.groups) if one.groups else 0
