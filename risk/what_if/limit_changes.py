"""Which limits a what-if would move, and which would change their state.

Limits are judged twice on the same frames, without and with the entries, by the numbers alone:
without the memory of hysteresis, and whatever was judged live. Limits on P&L since the close and
on stress scenarios are left out, as entries have no such numbers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from pricing.exposure.definition import MEASURES
from risk.limits.board import LimitRow
from risk.limits.definitions import Defined
from risk.limits.standing import standing
from risk.scenarios.messages import ScenarioFrame
from risk.scenarios.store import logged
from risk.store.result_log import sums_of
from risk.store.results import Rollup
from risk.what_if.answers import cells_of
from risk.what_if.value_at_risk import Sides, frame_with

Json = dict[str, Any]
OF_TAILS = ("var", "expected_shortfall")


def limit_changes(
    limits: Sequence[Defined],
    rollups: Sequence[Rollup],
    sides: Sides,
    run: ScenarioFrame | None,
    desks: Collection[str] | None,
    clock_ns: int,
) -> list[Json]:
    """The limits whose number or state the entries change.

    Args:
        limits: All limits.
        rollups: The published frames, of all currencies.
        sides: The entries.
        run: The run of the scenarios with the P&L of entries; None leaves limits on it out.
        desks: Desks that the user may see; limits of the firm need all of them.
        clock_ns: The time at which bounds are in force, ns since 1970.
    """
    judged = [
        one
        for one in limits
        if MEASURES[one.terms.measure].source == "sums"
        or (run is not None and one.terms.measure in OF_TAILS)
    ]
    seen = [one for one in judged if desks is None or (one.desk and one.desk in desks)]
    if not seen:
        return []
    after = [_with(rollup, sides) for rollup in rollups]
    runs = (run, None if run is None else frame_with(run, sides))
    found: list[Mapping[str, LimitRow]] = []
    for frames, scenarios in zip((rollups, after), runs, strict=True):
        at_once = None
        if scenarios is not None:
            at_once = msgspec.structs.replace(logged(scenarios), published_ns=clock_ns)
        sums = [msgspec.structs.replace(sums_of(frame), published_ns=clock_ns) for frame in frames]
        rows = standing(seen, sums, [], at_once, clock_ns)
        found.append({row.code: row for row in rows})
    return [
        {
            "code": code,
            "name": before.name,
            "scope": before.scope,
            "measure": before.measure,
            "detail": before.detail,
            "amounts_in": before.amounts_in,
            "hard_limit": before.hard_limit,
            "warning": before.warning,
            "changes_state": before.state != found[1][code].state,
            "before": _side(before),
            "after": _side(found[1][code]),
        }
        for code, before in found[0].items()
        if _side(before) != _side(found[1][code])
    ]


def _with(rollup: Rollup, sides: Sides) -> Rollup:
    mine = [side for _, side in sides.get(rollup.currency, ())]
    cells = cells_of(mine, len(rollup.keys))
    return msgspec.structs.replace(
        rollup,
        cells=[*rollup.cells, *cells],
        trades=rollup.trades + sum(cell.trades for cell in cells),
    )


def _side(row: LimitRow) -> Json:
    return {
        "value": row.value,
        "utilisation": row.utilisation,
        "state": row.state,
        "reason": row.reason,
    }
