"""Make tables and lines of replays and of the closes of their markets. Pure.

Answers are what REST gives (docs/rest.md).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard import format, theme

Json = Mapping[str, Any]

REPLAY_COLUMNS = (
    theme.Column("Replay"),
    theme.Column("State"),
    theme.Column("From"),
    theme.Column("To"),
    theme.Column("Day"),
    theme.Column("Done", "number"),
    theme.Column("Frames", "number"),
    theme.Column("Failed", "number"),
    theme.Column("Currencies"),
    theme.Column("Hash of all frames"),
    theme.Column("Last step (UTC)"),
    theme.Column("Remark"),
)
EVENT_COLUMNS = (
    theme.Column("Window"),
    theme.Column("Name"),
    theme.Column("From"),
    theme.Column("To"),
    theme.Column("Market"),
)
DAY_COLUMNS = (
    theme.Column("Day"),
    theme.Column("NPV", "signed"),
    theme.Column("Change", "signed"),
    theme.Column("DV01", "signed"),
    theme.Column("Trades", "number"),
    theme.Column("Failed", "number"),
    theme.Column("Frames"),
)
HASH_CHARACTERS = 16


def replay_row(replay: Json) -> tuple[str, ...]:
    """A replay as a row of ``REPLAY_COLUMNS``."""
    steps = replay["steps"]
    return (
        replay["name"],
        replay["state"],
        replay["start"],
        replay["end"],
        replay["date"] or format.NOTHING,
        f"{replay['place'] / steps:.0%}" if steps else format.NOTHING,
        f"{replay['frames']:,}",
        f"{replay['failed']:,}",
        ", ".join(replay["currencies"]),
        replay["sha256"][:HASH_CHARACTERS],
        f"{dt.datetime.fromisoformat(replay['updated']).astimezone(dt.UTC):%Y-%m-%d %H:%M:%S}",
        replay["message"] or replay["first_failure"],
    )


def event_row(event: Json) -> tuple[str, ...]:
    """A named window as a row of ``EVENT_COLUMNS``."""
    return (event["title"], event["name"], event["start"], event["end"], event["currency"])


@dataclass(frozen=True)
class Days:
    """Closes of a market in one currency: sums by day, oldest first.

    A sum that a day does not have is None: a group without trades, or a measure without a number.

    Attributes:
        dates: Valuation dates, ISO 8601.
        groups: Names of the groups, such as desks.
        npv: By group, a value per date.
        dv01: By group, a value per date; money per bp.
        remarks: By date, what is missing from it.
    """

    dates: Sequence[str]
    groups: Sequence[str]
    npv: Mapping[str, Sequence[float | None]]
    dv01: Mapping[str, Sequence[float | None]]
    remarks: Mapping[str, str]

    @classmethod
    def of(cls, answer: Json, group_by: str) -> Days:
        """Read the closes in an answer of ``closes/`` with a reporting currency."""
        closes = answer["closes"]
        groups = list(dict.fromkeys(g[group_by] for day in closes for g in day["groups"]))
        by_day = [{group[group_by]: group for group in day["groups"]} for day in closes]

        def lines(measure: str) -> dict[str, list[float | None]]:
            return {name: [day.get(name, {}).get(measure) for day in by_day] for name in groups}

        remarks = {
            day["date"]: "; ".join(
                f"{frame['currency']} {frame['failure']}"
                for frame in day["frames"]
                if frame["failure"]
            )
            for day in closes
        }
        dates = [day["date"] for day in closes]
        return cls(dates, groups, lines("npv"), lines("dv01_par"), remarks)

    def changes(self) -> dict[str, list[float | None]]:
        """Change of NPV since the first day by group; None where either end is missing."""
        found = {}
        for name, values in self.npv.items():
            first = values[0] if values else None
            found[name] = [None if v is None or first is None else v - first for v in values]
        return found


def day_rows(answer: Json) -> list[tuple[str, ...]]:
    """Sums of all groups by day as rows of ``DAY_COLUMNS``, the newest first."""
    rows: list[tuple[str, ...]] = []
    before: float | None = None
    for day in answer["closes"]:
        npv = _sum(day, "npv")
        change = None if npv is None or before is None else npv - before
        rows.append(
            (
                day["date"],
                format.money(npv, signed=True),
                format.money(change, signed=True),
                format.money(_sum(day, "dv01_par"), signed=True),
                f"{sum(group['trades'] for group in day['groups']):,}",
                f"{sum(group['failed'] for group in day['groups']):,}",
                ", ".join(
                    f"{frame['currency']} {frame['failure'] or frame['sha256'][:8]}"
                    for frame in day["frames"]
                ),
            )
        )
        before = npv
    return rows[::-1]


def _sum(day: Json, measure: str) -> float | None:
    """The sum of all groups; None where one lacks it, or there is none."""
    values = [group[measure] for group in day["groups"]]
    return None if not values or None in values else float(sum(values))
