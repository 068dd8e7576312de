"""Turn logged results into the tables that the numbers of limits are made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pricing.arrays import FloatArray
from pricing.exposure.definition import MEASURES, Scope
from pricing.exposure.numbers import Column, Group, GroupTable, ScenarioTable
from pricing.markets.conventions import CURRENCIES
from pricing.measures.table import LIVE_SUMMED
from risk.store.result_log import (
    EXPLAINED,
    LEFT,
    LoggedCurrency,
    LoggedExplain,
    LoggedGroup,
    LoggedPeriod,
    LoggedScenarios,
    LoggedSums,
)

PNL = "pnl_close"
CLOSE, FRAME = "close", "frame"

CAUSES = {
    "carry": "time",
    "roll_down": "time",
    "fixings": "fixing",
    "delta": "market",
    "gamma": "market",
    "spread": "market",
    "new": "new trade",
    "terminated": "terminated trade",
    "amended": "amended trade",
    "transfer": "transferred trade",
    "residual": "unexplained",
    "fx": "FX",
}
"""Cause of a breach by term of the explain, in words for the reviewer."""


def of_sums(logged: LoggedSums) -> GroupTable:
    """The table of a frame's sums: measures, then both ladders."""
    rows, keys = len(logged.groups), len(logged.keys)
    columns: tuple[Column, ...] = (
        *((name, "", "") for name in LIVE_SUMMED),
        *((ladder, *key) for ladder in ("ladder_par", "krd") for key in logged.keys),
    )
    return GroupTable(
        groups=_groups(logged.groups),
        columns=columns,
        values=np.hstack(
            [
                _matrix(logged.numbers, rows, len(LIVE_SUMMED)),
                _matrix(logged.ladder_par, rows, keys),
                _matrix(logged.krd, rows, keys),
            ]
        ),
        unpriced=_failed(logged.groups),
        elsewhere=logged.elsewhere,
        factors=factors(logged.fx, logged.currency),
        frame=logged.frame,
        published_ns=logged.published_ns,
    )


def of_explain(logged: LoggedExplain) -> GroupTable:
    """The table of the P&L since the close."""
    period = logged.periods.get(CLOSE)
    if period is None:
        refused = logged.reasons.get(CLOSE, "there is no close")
        return GroupTable(
            groups=(),
            columns=(),
            values=np.zeros((0, 0)),
            unpriced=np.zeros(0, dtype=np.int64),
            elsewhere=0,
            factors={},
            refused=refused,
            frame=logged.frame,
            published_ns=logged.published_ns,
        )
    start = factors(period.start_fx, logged.currency)
    end = factors(logged.fx, logged.currency)
    numbers = _matrix(period.numbers, len(period.groups), len(EXPLAINED))
    return GroupTable(
        groups=_groups(period.groups),
        columns=((PNL, "", ""), (LEFT, "", "")),
        values=numbers[:, [EXPLAINED.index("total"), EXPLAINED.index(LEFT)]],
        unpriced=_failed(period.groups),
        elsewhere=period.elsewhere,
        factors=start if start.keys() <= end.keys() else {},
        moves={name: end[name] - rate for name, rate in start.items() if name in end},
        moved=1,
        frame=logged.frame,
        published_ns=logged.published_ns,
    )


def of_scenarios(logged: LoggedScenarios) -> dict[str, ScenarioTable]:
    """The tables of a run by currency."""
    return {name: _of_currency(found) for name, found in logged.currencies.items()}


def _of_currency(found: LoggedCurrency) -> ScenarioTable:
    rows = len(found.groups)
    historical = np.frombuffer(found.historical, dtype=np.float32).astype(np.float64)
    stress = np.frombuffer(found.stress)
    return ScenarioTable(
        groups=_groups(found.groups),
        unpriced=_failed(found.groups),
        usd=found.usd,
        historical=historical.reshape(rows, -1) if len(historical) else None,
        stress=stress.reshape(rows, -1) if rows else np.zeros((0, 0)),
        frame=found.frame,
    )


def factors(fx: Mapping[str, float], currency: str) -> dict[str, float]:
    """Units of other currencies per unit of one; absent where a rate is missing."""
    own = 1.0 if currency == "USD" else fx.get(currency)
    if not own:
        return {}
    rates = {"USD": 1.0, **fx}
    return {name: own / rates[name] for name in CURRENCIES if rates.get(name)}


def cause_of(
    logged: LoggedExplain, scope: Scope, amounts_in: str, measure: str, *, period: str = FRAME
) -> dict[str, object] | None:
    """The largest term of an explain in a scope; None where the explain does not have the period.

    For a sensitivity, a changed trade of the scope takes precedence: a move of quotes changes a
    DV01 only through gamma, and a new trade at the market has a large DV01 and no P&L.
    """
    found = logged.periods.get(period)
    if found is None:
        return None
    groups = _groups(found.groups)
    mine = np.array([_within(group, scope) for group in groups], dtype=bool)
    numbers = _matrix(found.numbers, len(groups), len(EXPLAINED))[mine].sum(axis=0)
    amounts = _terms(numbers, logged, found, amounts_in)
    changes = [
        one
        for one in found.changes
        if scope.book in ("", one.book)
        and scope.product in ("", one.product)
        and (not scope.desk or one.book in {g.book for g in groups if g.desk == scope.desk})
    ]
    term = max(amounts, key=lambda name: abs(amounts[name]))
    if changes and MEASURES[measure].sensitivity:
        kinds = [one.term for one in changes]
        term = max(dict.fromkeys(kinds), key=kinds.count)
    return {
        "cause": CAUSES.get(term, term),
        "term": term,
        "amount": amounts.get(term),
        "amounts_in": amounts_in,
        "terms": amounts,
        "trades": [one.trade_id for one in changes],
        "changed": found.changed,
        "from_frame": found.start_frame,
        "to_frame": logged.frame,
    }


def _terms(
    numbers: FloatArray, logged: LoggedExplain, period: LoggedPeriod, amounts_in: str
) -> dict[str, float]:
    """Convert terms to another currency, adding the FX effect; omit what cannot be converted."""
    start = factors(period.start_fx, logged.currency)
    end = factors(logged.fx, logged.currency)
    if amounts_in == logged.currency:
        rate, move = 1.0, 0.0
    elif amounts_in in start and amounts_in in end:
        rate, move = start[amounts_in], end[amounts_in] - start[amounts_in]
    else:
        rate, move = float("nan"), float("nan")
    known = dict(zip(EXPLAINED, numbers.tolist(), strict=True))
    found = {name: known[name] * rate for name in EXPLAINED if name not in ("total", LEFT)}
    found["fx"] = known[LEFT] * move
    finite = {name: value for name, value in found.items() if np.isfinite(value)}
    return finite or {"residual": 0.0}


def _within(group: Group, scope: Scope) -> bool:
    return (
        scope.desk in ("", group.desk)
        and scope.book in ("", group.book)
        and scope.product in ("", group.product)
    )


def _groups(groups: Sequence[LoggedGroup]) -> tuple[Group, ...]:
    return tuple(Group(one.book, one.product, one.desk) for one in groups)


def _failed(groups: Sequence[LoggedGroup]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([one.failed for one in groups], dtype=np.int64)


def _matrix(raw: bytes, rows: int, columns: int) -> FloatArray:
    return np.frombuffer(raw, dtype=np.float64).reshape(rows, columns)
