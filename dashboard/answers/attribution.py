"""Tables and meters of a P&L attribution test, of what REST gives (docs/rest.md). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from dashboard import format, theme
from dashboard.risk import NO_DESK
from pricing.explain.pla import (
    GREEN_KS,
    GREEN_SPEARMAN,
    RED_KS,
    RED_SPEARMAN,
    Zone,
    zone_of,
)

Json = Mapping[str, Any]

COLUMNS = (
    theme.Column("Desk"),
    theme.Column("Zone", "state"),
    theme.Column("Days", "number"),
    theme.Column("Spearman", "number"),
    theme.Column("KS distance", "number"),
)


class Band(NamedTuple):
    """A zone on the scale of a meter, from its lower end to its upper."""

    zone: Zone
    start: float
    end: float


SPEARMAN_AMBER, KS_AMBER = GREEN_SPEARMAN - RED_SPEARMAN, RED_KS - GREEN_KS
SPEARMAN_BANDS = (
    Band("red", round(RED_SPEARMAN - 3 * SPEARMAN_AMBER, 6), RED_SPEARMAN),
    Band("amber", RED_SPEARMAN, GREEN_SPEARMAN),
    Band("green", GREEN_SPEARMAN, 1.0),
)
KS_BANDS = (
    Band("green", 0.0, GREEN_KS),
    Band("amber", GREEN_KS, RED_KS),
    Band("red", RED_KS, round(RED_KS + 2 * KS_AMBER, 6)),
)
"""Scales of six widths of amber: the far part of red is left out, or amber would not be seen."""


class Meter(NamedTuple):
    """A number of the test on its scale.

    Attributes:
        title: What it is.
        value: None where there is no number.
        text: The value as it is written.
        zone: That it is in by itself; None without a value.
        bands: The zones from left to right; the scale is from the first to the last.
    """

    title: str
    value: float | None
    text: str
    zone: Zone | None
    bands: tuple[Band, ...]


def results(answer: Json) -> dict[str, Json]:
    """Results by desk."""
    return {desk["desk"] or NO_DESK: desk for desk in answer["desks"]}


def rows(answer: Json) -> list[tuple[str, ...]]:
    """A row of ``COLUMNS`` for each desk."""
    return [
        (
            name,
            found["zone"] or format.NOTHING,
            f"{found['days']:,}",
            _rank(found["spearman"]),
            _distance(found["ks"]),
        )
        for name, found in results(answer).items()
    ]


def _rank(value: float | None) -> str:
    return format.NOTHING if value is None else f"{value:.5f}"


def _distance(value: float | None) -> str:
    return format.NOTHING if value is None else f"{value:.4f}"


def note(answer: Json) -> str:
    """Return what the test is of, in a few words."""
    made = str(answer["made"])[:16].replace("T", " ")
    days = max((int(found["days"]) for found in answer["desks"]), default=0)
    return f"HPL against RTPL of {format.count(days, 'day')}; made {made}"


def reasons(answer: Json) -> list[str]:
    """A sentence for each desk that lacks a number."""
    return [
        f"{name}: {found['reason']}." for name, found in results(answer).items() if found["reason"]
    ]


def short_series(answer: Json, found: Json) -> str:
    """Say that a desk has too few days for the zones; "" where it has enough."""
    days, whole = int(found["days"]), int(answer["days_of_the_zones"])
    if days >= whole or found["ks"] is None:
        return ""
    return (
        f"Only {format.count(days, 'day')} of {whole}: the KS distance comes in steps of 1/{days}."
    )


def said(meter: Meter) -> str:
    """The number with its zone."""
    return f"{meter.text}, {meter.zone}" if meter.zone else meter.text


def meters(found: Json) -> tuple[Meter, Meter]:
    """The two numbers of a desk, each with the zones of its scale.

    Each zone is that of one number alone; the zone of the desk is the worse of both.
    """
    rank, distance = found["spearman"], found["ks"]
    return (
        Meter(
            "Spearman",
            rank,
            _rank(rank),
            None if rank is None else zone_of(rank, 0.0),
            SPEARMAN_BANDS,
        ),
        Meter(
            "KS distance",
            distance,
            _distance(distance),
            None if distance is None else zone_of(1.0, distance),
            KS_BANDS,
        ),
    )
