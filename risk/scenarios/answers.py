"""Answer questions about scenarios and value at risk from a published scenario frame.

A user's answer is made of the groups of the desks that the user may see: totals, tails and
components included. Money of currencies is added only after it is converted, by the FX of the
frames that the results are of.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from pricing.arrays import FloatArray, IntArray
from pricing.scenarios.tail import LEVELS, Tail, component_shortfall, tail_of
from risk.scenarios.messages import CurrencyScenarios, GroupHead, ScenarioFrame

Json = dict[str, Any]

GROUPINGS = ("desk", "book", "currency", "type")
TABLES = ("stress", "delta", "delta_gamma", "historical")
"""Tables of P&L with one row for each group."""

STALE_AFTER = 3.0
"""Results that are older than this number of cadences are flagged as stale."""


@dataclass(frozen=True)
class Scope:
    """The groups that an answer is made of.

    Attributes:
        desks: Desks that the user may see; None for all.
        labels: Allowed desks, books, currencies or types, by name.
        reporting: The currency of all amounts.
        usd: US dollars per unit of currencies that the results may not have.
    """

    desks: Collection[str] | None = None
    labels: Mapping[str, Collection[str]] = field(default_factory=dict)
    reporting: str = "USD"
    usd: Mapping[str, float] = field(default_factory=dict)


def scope_of(currencies: Sequence[str], products: Sequence[str], desk: str | None) -> Scope:
    """The scope of a screen's filters; its reader has kept to the user's desks already."""
    labels: dict[str, Collection[str]] = {"currency": currencies, "type": products}
    if desk is not None:
        labels["desk"] = (desk,)
    return Scope(labels=labels)


@dataclass(frozen=True)
class Member:
    """One group of a scope: its place in its currency's tables, and the factor that converts it."""

    found: CurrencyScenarios
    place: int
    factor: float

    @property
    def head(self) -> GroupHead:
        """The group."""
        return self.found.groups[self.place]

    def label(self, name: str) -> str:
        """Desk, book, currency or type."""
        words = {"currency": self.found.currency, "type": self.head.product}
        return words.get(name) or str(getattr(self.head, name))

    def row(self, raw: bytes) -> FloatArray:
        """Return the row of the group in one of the tables, converted."""
        return np.asarray(self.found.matrix(raw)[self.place] * self.factor)


def members_of(frame: ScenarioFrame, scope: Scope) -> tuple[list[Member], list[str]]:
    """The groups of a scope, and currencies that cannot be converted.

    Raises:
        ValueError: There is no FX rate of the reporting currency.
    """
    base = 1.0
    if scope.reporting != "USD":
        found = frame.currencies.get(scope.reporting)
        rate = scope.usd.get(scope.reporting) if found is None else found.usd
        if rate is None:
            raise ValueError(f"no exchange rate of {scope.reporting} in these results")
        base = rate
    members, lost = [], []
    for currency, one in frame.currencies.items():
        if currency == scope.reporting:
            factor = 1.0
        elif one.usd is None:
            lost.append(currency)
            continue
        else:
            factor = one.usd / base
        for place in range(len(one.groups)):
            member = Member(one, place, factor)
            if scope.desks is not None and member.head.desk not in scope.desks:
                continue
            if all(member.label(name) in words for name, words in scope.labels.items()):
                members.append(member)
    return members, lost


def narrowed(frame: ScenarioFrame, desks: Collection[str]) -> ScenarioFrame:
    """Return the results with the groups of some desks alone."""
    found: dict[str, CurrencyScenarios] = {}
    for currency, one in frame.currencies.items():
        kept = [place for place, group in enumerate(one.groups) if group.desk in desks]

        def rows(raw: bytes, one: CurrencyScenarios = one, kept: list[int] = kept) -> bytes:
            return one.matrix(raw)[kept].tobytes() if kept and raw else b""

        found[currency] = msgspec.structs.replace(
            one,
            groups=[one.groups[place] for place in kept],
            by_curve={curve: rows(raw) for curve, raw in one.by_curve.items()},
            **{name: rows(getattr(one, name)) for name in TABLES},
        )
    return msgspec.structs.replace(frame, currencies=found)


def stamp(frame: ScenarioFrame, members: Sequence[Member], now_s: float | None = None) -> Json:
    """Return what every answer carries: number, age, and the frames it is made from."""
    now = time.time() if now_s is None else now_s
    age = now - frame.finished_ns / 1e9
    inputs = {member.found.currency: member.found for member in members}
    return {
        "number": frame.number,
        "age_s": max(0.0, age),
        "stale": age > STALE_AFTER * frame.every_s,
        "every_s": frame.every_s,
        "took_ms": (frame.finished_ns - frame.started_ns) / 1e6,
        "inputs": [
            {
                "currency": name,
                "frame": found.frame,
                "age_s": max(0.0, now - found.published_ns / 1e9),
                "as_of": found.as_of,
                "valuation_date": found.valuation_date,
                "book_version": found.book_version,
                "fx_usd": found.usd,
                "trades": sum(m.head.trades for m in members if m.found is found),
                "failed": sum(m.head.failed for m in members if m.found is found),
            }
            for name, found in sorted(inputs.items())
        ],
        "unavailable": frame.unavailable,
    }


# --- Value at risk ---------------------------------------------------------------------------


def history_stamp(frame: ScenarioFrame, members: Sequence[Member]) -> Json:
    """Which days, proxies and holes the historical scenarios have."""
    inputs = {m.found.currency: m.found for m in members if m.found.historical}
    return {
        "scenarios": len(frame.days),
        "first_day": frame.days[0] if frame.days else None,
        "last_day": frame.days[-1] if frame.days else None,
        "moves": frame.kind,
        "left_out": frame.left_out,
        "currencies": [
            {
                "currency": name,
                "holidays": found.holidays,
                "interpolated": found.interpolated,
                "proxies": found.proxies,
                "without_history": found.without,
                "days_without_curves": {
                    frame.days[place].isoformat(): why
                    for place, why in found.historical_reasons.items()
                },
            }
            for name, found in sorted(inputs.items())
        ],
        "reason": frame.no_history,
    }


def value_at_risk(
    frame: ScenarioFrame,
    scope: Scope,
    group_by: str = "desk",
    levels: Sequence[str] = LEVELS,
    now_s: float | None = None,
) -> Json:
    """Value at risk and expected shortfall of a scope and of the groups that it falls into.

    Components are of the whole scope's tail days, so they add up to its expected shortfall.

    Args:
        frame: The results.
        scope: Which groups, and the currency of the answer.
        group_by: One of ``GROUPINGS``.
        levels: Percent, as written.
        now_s: The reader's clock; for ages.

    Raises:
        ValueError: There is no FX rate of the reporting currency.
        BadInput: A level is no percentage.
    """
    members, lost = members_of(frame, scope)
    having = [member for member in members if member.found.historical]
    without = sorted({m.found.currency for m in members} - {m.found.currency for m in having})
    answer: Json = {
        "stamp": stamp(frame, members, now_s),
        "history": history_stamp(frame, members),
        "amounts_in": scope.reporting,
        "group_by": group_by,
        "excluded": [
            *({"currency": name, "reason": "no exchange rate"} for name in lost),
            *(
                {"currency": name, "reason": frame.unavailable.get(name, frame.no_history)}
                for name in without
            ),
        ],
        "total": None,
        "groups": [],
        "days": [],
    }
    if not having or not frame.days:
        return answer
    rows = np.array([member.row(member.found.historical) for member in having])
    good = np.flatnonzero(np.isfinite(rows).all(axis=0))
    if not len(good):
        return answer
    total = rows.sum(axis=0)
    tails = {level: _places(tail_of(total[good], level), good) for level in levels}
    answer["total"] = {
        "scenarios": len(good),
        "trades": sum(member.head.trades for member in having),
        "failed": sum(member.head.failed for member in having),
        "levels": [_level(frame, level, tail, total, having) for level, tail in tails.items()],
    }
    places: dict[str, list[int]] = {}
    for row, member in enumerate(having):
        places.setdefault(member.label(group_by), []).append(row)
    parts = np.array([rows[mine].sum(axis=0) for mine in places.values()])
    components = {level: component_shortfall(parts, tail.days) for level, tail in tails.items()}
    answer["groups"] = [
        {
            group_by: name,
            "trades": sum(having[row].head.trades for row in mine),
            "failed": sum(having[row].head.failed for row in mine),
            "levels": [
                {
                    "level": level,
                    "var": own.var,
                    "expected_shortfall": own.expected_shortfall,
                    "component_expected_shortfall": float(components[level][number]),
                }
                for level, own in ((level, tail_of(parts[number][good], level)) for level in levels)
            ],
        }
        for number, (name, mine) in enumerate(places.items())
    ]
    answer["groups"].sort(key=lambda group: group[group_by])
    answer["days"] = [
        {"date": frame.days[place], "pnl": float(total[place])} for place in good.tolist()
    ]
    return answer


def _places(tail: Tail, good: IntArray) -> Tail:
    """The tail with its days counted among all days."""
    return tail._replace(days=good[tail.days])


def _level(
    frame: ScenarioFrame, level: str, tail: Tail, total: FloatArray, members: Sequence[Member]
) -> Json:
    return {
        "level": level,
        "var": tail.var,
        "expected_shortfall": tail.expected_shortfall,
        "tail": [
            {
                "date": frame.days[place],
                "pnl": float(total[place]),
                "by_curve": _by_curve(frame, place, members),
            }
            for place in tail.days.tolist()
        ],
    }


def _by_curve(frame: ScenarioFrame, day: int, members: Sequence[Member]) -> dict[str, float] | None:
    """P&L of a day with the moves of one curve alone; None when the day was in no tail then.

    The curves' P&Ls add up to the day's but for what they do together.
    """
    if day not in frame.tail_days:
        return None
    place = frame.tail_days.index(day)
    found: dict[str, float] = {}
    for member in members:
        for curve, raw in member.found.by_curve.items():
            pnl = float(member.row(raw)[place])
            found[curve] = found.get(curve, 0.0) + pnl
    return dict(sorted(found.items()))


# --- Stress scenarios ------------------------------------------------------------------------


def stress(
    frame: ScenarioFrame, scope: Scope, group_by: str = "desk", now_s: float | None = None
) -> Json:
    """P&L of the stress scenarios of a scope and its groups, beside their approximations.

    A scenario that is not defined for a currency of the scope, or has no curve there, has no P&L
    in any group with that currency, and says why.

    Raises:
        ValueError: There is no FX rate of the reporting currency.
    """
    members, lost = members_of(frame, scope)
    places: dict[str, list[Member]] = {}
    for member in members:
        places.setdefault(member.label(group_by), []).append(member)
    scenarios = []
    tables = {
        name: {label: _sum(mine, name) for label, mine in places.items()}
        for name in ("stress", "delta", "delta_gamma")
    }
    totals = {name: _sum(members, name) for name in tables}
    for number, head in enumerate(frame.scenarios):
        reasons = {
            m.found.currency: m.found.stress_reasons[number]
            for m in members
            if number in m.found.stress_reasons
        }
        unmatched = sorted({q for m in members for q in m.found.unmatched.get(head.name, ())})
        scenarios.append(
            {
                "scenario": head.name,
                "title": head.title,
                "set": head.set_name,
                "space": head.space,
                "source": head.source,
                **_three(totals, number),
                "groups": [
                    {group_by: label, **_three({n: t[label] for n, t in tables.items()}, number)}
                    for label in sorted(places)
                ],
                "reasons": reasons,
                "not_quoted": unmatched,
            }
        )
    return {
        "stamp": stamp(frame, members, now_s),
        "amounts_in": scope.reporting,
        "group_by": group_by,
        "excluded": [{"currency": name, "reason": "no exchange rate"} for name in lost],
        "scenarios": scenarios if members else [],
    }


def _sum(members: Sequence[Member], table: str) -> FloatArray:
    rows = [member.row(getattr(member.found, table)) for member in members]
    return np.sum(rows, axis=0) if rows else np.empty(0)


def _three(tables: Mapping[str, FloatArray], number: int) -> Json:
    """P&L and its two approximations; None where there is none."""

    def at(name: str) -> float | None:
        value = float(tables[name][number]) if len(tables[name]) > number else float("nan")
        return value if np.isfinite(value) else None

    return {
        "pnl": at("stress"),
        "approximation": {"delta": at("delta"), "delta_gamma": at("delta_gamma")},
    }
