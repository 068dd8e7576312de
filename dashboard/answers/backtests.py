"""Tables of a backtest, of what REST gives (docs/rest.md). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dashboard import format, theme

Json = Mapping[str, Any]

ALL_DESKS = "All desks"
COLUMNS = (
    theme.Column("Desk"),
    theme.Column("Light", "state"),
    theme.Column("Days", "number"),
    theme.Column("Exceptions", "number"),
    theme.Column("Last exception"),
    theme.Column("Worst excess", "signed"),
)
EXCEPTION_COLUMNS = (
    theme.Column("Day"),
    theme.Column("P&L", "signed"),
    theme.Column("VaR of the evening before", "number"),
    theme.Column("Evening"),
)


def results(answer: Json) -> dict[str, Json]:
    """Results by desk; those of all desks first, for who may see them."""
    firm = {ALL_DESKS: answer["firm"]} if answer["firm"] else {}
    return {**firm, **{desk["desk"] or "No desk": desk for desk in answer["desks"]}}


def rows(answer: Json) -> list[tuple[str, ...]]:
    """A row of ``COLUMNS`` for each desk."""
    return [_row(name, found) for name, found in results(answer).items()]


def _row(name: str, found: Json) -> tuple[str, ...]:
    broken: Sequence[Json] = found["exceptions"]
    worst = min((day["pnl"] + day["var"] for day in broken), default=None)
    return (
        name,
        str(found["zone"]),
        f"{found['days']:,}",
        f"{len(broken):,}",
        max((str(day["date"]) for day in broken), default=""),
        format.money(worst, signed=True) if worst is not None else "",
    )


def exception_rows(found: Json) -> list[tuple[str, ...]]:
    """The days that lost more than the value at risk, the newest first."""
    days = sorted(found["exceptions"], key=lambda day: str(day["date"]), reverse=True)
    return [
        (
            str(day["date"]),
            format.money(day["pnl"], signed=True),
            format.money(day["var"]),
            str(day["evening"]),
        )
        for day in days
    ]


def note(answer: Json) -> str:
    """Return what the backtest is of, in a few words."""
    made = str(answer["made"])[:16].replace("T", " ")
    whole = answer["days_of_the_zones"]
    return f"{answer['level']} %, {answer['amounts_in']}; made {made}; zones are of {whole} days"


def short_series(answer: Json) -> str:
    """Say that days are missing for the zones; "" where there are enough."""
    found = results(answer)
    days = max((int(each["days"]) for each in found.values()), default=0)
    whole = int(answer["days_of_the_zones"])
    if days >= whole or not found:
        return ""
    return f"Only {format.count(days, 'day')} of {whole}: fewer exceptions are seen than would be."
