"""Ask the web process what-if questions with the user's own rights, and make its answers tables.

Pure but for the calls. An answer is what REST gives (docs/rest.md); a refusal is its sentence.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from dashboard import format, theme
from dashboard.access.login import Web
from dashboard.answers.rest import Json, ask

ENTRY_COLUMNS = (
    theme.Column("Trade"),
    theme.Column("What", "long"),
    theme.Column("NPV", "signed"),
    theme.Column("DV01", "number"),
    theme.Column("Solved", "number"),
    theme.Column("Remark", "long"),
)
SUM_COLUMNS = (
    theme.Column("Sum"),
    theme.Column("Before", "number"),
    theme.Column("After", "number"),
    theme.Column("Difference", "number"),
)
HEDGE_COLUMNS = (
    theme.Column("Instrument"),
    theme.Column("Side"),
    theme.Column("Size", "number"),
    theme.Column("Cost", "number"),
)
BUCKET_COLUMNS = (
    theme.Column("Bucket"),
    theme.Column("DV01", "number"),
    theme.Column("Instrument"),
    theme.Column("Size", "number"),
)
SMALLEST = 0.005
"""Amounts below half a cent are shown as 0."""

SUMS = {"npv": "NPV", "dv01_par": "DV01", "gamma": "Gamma", "theta": "Theta"}


def entries_of(answer: Json) -> list[dict[str, Any]]:
    """The entries of an answer, to be asked again or kept."""
    names = ("action", "kind", "row", "solve")
    return [{name: entry[name] for name in names} for entry in answer["entries"]]


def desks_of(answer: Json) -> list[str]:
    """Desks of the trades that come or go, in the order of entries."""
    sides = [entry[name] for entry in answer["entries"] for name in ("new", "old") if entry[name]]
    return list(dict.fromkeys(side["desk"] for side in sides if side["desk"]))


@dataclass(frozen=True)
class Booking:
    """The outcome of booking a set: the identifiers of its trades, or why it was not booked."""

    code: str
    trade_ids: Sequence[str]
    refusal: str


def book(web: Web, session: str, entries: Sequence[Json], desk: str) -> Booking:
    """Keep entries as a set, preview it and book it; the book is that of the preview."""
    today = dt.datetime.now(dt.UTC)
    code = f"W-{today:%Y%m%d}-{secrets.token_hex(3)}"
    made = ask(
        web, session, "what-if-sets/", {"code": code, "desk": desk, "entries": list(entries)}
    )
    for action in ("preview", "book"):
        if isinstance(made, str):
            return Booking(code, (), made)
        made = ask(web, session, f"what-if-sets/{quote(code)}/{action}/", {})
    if isinstance(made, str):
        return Booking(code, (), made)
    return Booking(code, made["trade_ids"], "")


# --- Tables ----------------------------------------------------------------------------------


def number(value: float | None, *, signed: bool = True) -> str:
    """A short amount without a currency."""
    if value is None:
        return format.NOTHING
    if abs(value) < SMALLEST:
        return "0"
    sign = "-" if value < 0 else "+" if signed else ""
    return f"{sign}{format.short(abs(value))}"


SOLVED = {
    "fixed_rate": "rate",
    "clean_price": "price",
    "spread_bp": "spread",
    "option_value": "option value",
}


def solved_number(name: str, value: float) -> str:
    """4.00134 %, or a price or a spread as it is."""
    return f"{value:.5%}" if name.endswith("rate") else f"{value:.6g}"


def entry_rows(answer: Json) -> list[tuple[str, ...]]:
    """A row for each trade that comes and each that goes."""
    rows: list[tuple[str, ...]] = []
    for entry in answer["entries"]:
        what = entry["sentence"] or f"{entry['action'].capitalize()} {entry['trade_id']}"
        solved = ", ".join(
            f"{SOLVED.get(name, name)} {solved_number(name, value)}"
            for name, value in sorted(entry["solved"].items())
        )
        remarks = [*entry["warnings"], *entry["notes"]]
        for name, sign in (("new", 1), ("old", -1)):
            side = entry[name]
            if side is None:
                continue
            failure = [side["failure"]["message"]] if side["failure"] else []
            measures = side["measures"]
            rows.append(
                (
                    entry["trade_id"],
                    what if sign > 0 or not entry["new"] else "removed, as it is now",
                    number(_signed(sign, measures.get("npv"))),
                    number(_signed(sign, measures.get("dv01_par"))),
                    solved if sign > 0 else "",
                    "; ".join([*remarks, *failure]) if sign > 0 else "; ".join(failure),
                )
            )
    return rows


def _signed(sign: int, value: float | None) -> float | None:
    return None if value is None else sign * value


def sum_rows(group: Json) -> list[tuple[str, ...]]:
    """Sums of a group before and after."""
    sides = [group[name] or {} for name in ("before", "after", "difference")]
    return [
        (f"{label}, {group['amounts_in']}", *(number(side.get(name)) for side in sides))
        for name, label in SUMS.items()
    ]


def ladder_sides(
    group: Json, kind: str
) -> tuple[list[tuple[str, str]], dict[str, list[float | None]]]:
    """Curve and tenor of a ladder's buckets, and its DV01 before and after; None: not known."""
    after = group["after"][kind]
    keys = [(curve, tenor) for curve, tenors in after.items() for tenor in tenors]
    before = (group["before"] or {}).get(kind, {})
    return keys, {
        "Before": [before.get(curve, {}).get(tenor, 0.0) for curve, tenor in keys],
        "After": [after[curve][tenor] for curve, tenor in keys],
    }


STATUSES = {
    "optimal": "Within the tolerance in every bucket.",
    "time_limit": "Within the tolerance; time limit reached, so a better solution may exist.",
    "nearest": "The instruments cannot reach the tolerance: these sizes come closest.",
}


def hedge_note(answer: Json) -> str:
    """Say how the solver ended, with its gap, its time and the trades without a price."""
    gap = f" Gap {answer['gap']:.1%}." if answer["gap"] else ""
    unpriced = "".join(f" {name}: {why}." for name, why in answer["unpriced"].items())
    return f"{STATUSES[answer['status']]}{gap} Made in {answer['took_ms']:.0f} ms.{unpriced}"


def hedge_rows(answer: Json) -> list[tuple[str, ...]]:
    """A row a trade."""
    return [
        (
            trade["instrument"],
            "receive or buy" if trade["size"] > 0 else "pay or sell",
            f"{abs(trade['size']):,.0f}",
            number(trade["cost"], signed=False),
        )
        for trade in answer["trades"]
    ]


def bucket_rows(answer: Json) -> list[tuple[str, ...]]:
    """One instrument for each bucket."""
    return [
        (
            row["bucket"],
            number(row["exposure"]),
            row["instrument"] or "none in the list",
            number(row["size"]),
        )
        for row in answer["by_bucket"]
    ]


def instruments_of(text: str) -> list[str]:
    """The instruments of a text, one a line or separated by semicolons."""
    return [word.strip() for line in text.splitlines() for word in line.split(";") if word.strip()]
