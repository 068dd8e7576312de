"""Read past days of a curve from what REST gives (docs/rest.md). Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dashboard import format

Json = Mapping[str, Any]

DAYS = 365.0
CLOSE = "close"


class Day(NamedTuple):
    """A past day of a curve: a stored close of a frame, or closing quotes of a publisher."""

    date: str
    of: str

    @classmethod
    def read(cls, word: str) -> Day | None:
        """The day of a word such as ``2024-03-05 close``; None of another text."""
        date, _, of = word.partition(" ")
        return cls(date, of) if date and of else None

    @property
    def word(self) -> str:
        """The form that the URL uses."""
        return f"{self.date} {self.of}"


def days_of(answer: Json) -> dict[str, str]:
    """Titles of the stored days by their words, newest first."""
    return {Day(str(day["date"]), str(day["of"])).word: _title(day) for day in answer["days"]}


def _title(day: Json) -> str:
    source = ", ".join(part for part in (str(day["label"]), str(day["source"])) if part)
    kind = "close" if day["of"] == CLOSE else "quotes"
    return f"{day['date']} {kind} ({source or format.NOTHING})"


def curve_on(answer: Json, day: Day) -> Json | None:
    """The curve of one source on its day; None where the day has no such source."""
    return next((found for found in answer["found"] if found["of"] == day.of), None)


def rates(curve: Json, kind: str) -> dict[str, float]:
    """A stored curve by quote; kinds as ``dashboard.curves.rates``. {}: the day has no such rates.

    Forwards are simple rates on 365 days from the end of the quote before, or from the day itself.
    """
    nodes: Sequence[Json] = curve["nodes"]
    column = {"Zero": "zero_rate", "Par": "quote", "Discount": "discount_factor"}.get(kind)
    if column is not None:
        return {n["tenor"]: float(n[column]) for n in nodes if n[column] is not None}
    known = [n for n in nodes if n["discount_factor"] is not None and n["date"] is not None]
    start, factor, found = dt.date.fromisoformat(str(curve["date"])), 1.0, {}
    for node in sorted(known, key=lambda each: str(each["date"])):
        end, at_end = dt.date.fromisoformat(str(node["date"])), float(node["discount_factor"])
        if end > start:
            found[str(node["tenor"])] = (factor / at_end - 1.0) * DAYS / (end - start).days
        start, factor = end, at_end
    return found


def source_of(curve: Json) -> str:
    """Where a stored curve comes from, in a few words."""
    label, source = curve["label"] or "unlabelled", curve["source"] or "no source named"
    if curve["of"] == CLOSE:
        at = str(curve["as_of"])[:19].replace("T", " ")
        return f"close of {curve['date']}, {label}, {source}, market time {at}"
    return f"quotes of {curve['date']}, {label}, {source}"
