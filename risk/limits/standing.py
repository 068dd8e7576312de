"""Evaluate limits on results outside the log: those of a stored day or of a what-if.

A state depends only on the number; there is no hysteresis.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence

import numpy as np

from pricing.exposure.definition import Bounds, LimitTerms
from pricing.exposure.numbers import Numbers
from pricing.exposure.states import STATES, UNKNOWN, judge, levels_of, nothing_before, utilisation
from risk.limits import tables
from risk.limits.board import LimitRow
from risk.limits.definitions import Defined
from risk.store.result_log import LoggedExplain, LoggedScenarios, LoggedSums


def standing(
    limits: Sequence[Defined],
    sums: Collection[LoggedSums],
    explains: Collection[LoggedExplain],
    scenarios: LoggedScenarios | None,
    clock_ns: int,
) -> list[LimitRow]:
    """Return each limit with its number, bounds and state.

    Args:
        limits: The limits.
        sums: Sums of a frame of each currency that has trades.
        explains: Their P&L since the close.
        scenarios: A run on the same frames.
        clock_ns: Time for the bounds in force and for ages, ns since 1970.
    """
    numbers = Numbers([one.terms for one in limits])
    numbers.expect({one.currency for one in sums})
    for logged in sums:
        numbers.put("sums", logged.currency, tables.of_sums(logged))
    for explain in explains:
        numbers.put("explain", explain.currency, tables.of_explain(explain))
    if scenarios is not None:
        numbers.put_scenarios(
            tables.of_scenarios(scenarios),
            scenarios.scenarios,
            scenarios.unavailable,
            scenarios.published_ns,
        )
    return _rows(limits, numbers, clock_ns)


def _rows(limits: Sequence[Defined], numbers: Numbers, clock_ns: int) -> list[LimitRow]:
    if not limits:
        return []
    bounds = [one.terms.bounds_at(clock_ns) for one in limits]
    levels = levels_of(
        [one.terms.direction for one in limits],
        [each for each, _ in bounds],
        [one.terms.hysteresis for one in limits],
    )
    values = numbers.values()
    judged = judge(
        values,
        numbers.known(clock_ns),
        np.array([one.terms.in_force(clock_ns) for one in limits], dtype=bool),
        levels,
        nothing_before(len(limits)),
        np.zeros(len(limits), dtype=bool),
    )
    return [
        limit_row(
            defined,
            bounds[place],
            float(values[place]),
            int(judged.state[place]),
            reason=numbers.reason(place, clock_ns) if judged.state[place] == UNKNOWN else "",
            frames=numbers.frames(place),
        )
        for place, defined in enumerate(limits)
    ]


def limit_row(
    defined: Defined,
    bounds: tuple[Bounds, str],
    number: float,
    state: int,
    *,
    reason: str,
    frames: dict[str, int],
    since: dt.datetime | None = None,
    breach: int | None = None,
) -> LimitRow:
    """One line of a board.

    Args:
        defined: The limit.
        bounds: Those in force, and the code of a temporary limit that they are of.
        number: Its number; ignored in the state ``unknown``.
        state: A place in ``STATES``.
        reason: Why it is unknown.
        frames: The frames that the number was computed from.
        since: When the state began.
        breach: The open breach.
    """
    terms, (now, temporary) = defined.terms, bounds
    value = number if state != UNKNOWN and np.isfinite(number) else None
    return LimitRow(
        code=terms.code,
        name=defined.name,
        scope=str(terms.scope),
        desk=defined.desk,
        measure=terms.measure,
        detail=_detail_of(terms),
        amounts_in=terms.amounts_in,
        direction=terms.direction,
        value=value,
        hard_limit=now.hard,
        warning=now.warning,
        temporary=temporary,
        utilisation=None if value is None else utilisation(value, now, terms.direction),
        state=STATES[state],
        reason=reason,
        since=since,
        frames=frames,
        breach=breach,
    )


def _detail_of(terms: LimitTerms) -> str:
    """Return what the measure refers to: curve and tenor, level, or scenario."""
    if terms.measure in ("var", "expected_shortfall"):
        return f"{terms.level} %"
    return terms.scenario or f"{terms.curve} {terms.tenor}".strip()
