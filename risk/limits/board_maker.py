"""Build the board from the state of an evaluator and the breaches in the database."""

from __future__ import annotations

import time

from django.db.models import Exists, OuterRef, Prefetch

from risk.limits.board import Board, BreachRow, LimitRow
from risk.limits.evaluator import Evaluator
from risk.limits.standing import limit_row
from risk.models import LimitBreach, LimitGap, LimitReview

BREACHES, GAPS = 100, 5
"""Number of recent breaches shown; unacknowledged ones come first."""


def make_board(evaluator: Evaluator, behind: int) -> Board:
    """The board now.

    Args:
        evaluator: An evaluator that has completed a step.
        behind: Number of log entries not yet evaluated.
    """
    return Board(
        made_ns=time.time_ns(),
        clock_ns=evaluator.clock_ns,
        behind=behind,
        limits=_limits(evaluator),
        breaches=[breach_row(row) for row in newest_breaches()],
        gaps=[
            f"{gap.noticed:%Y-%m-%d %H:%M:%S} {gap.stream}: {gap.reason}"
            for gap in LimitGap.objects.filter(market=evaluator.market)[:GAPS]
        ],
    )


def _limits(evaluator: Evaluator) -> list[LimitRow]:
    values = evaluator.numbers.values().tolist()
    return [
        limit_row(
            defined,
            bounds,
            values[place],
            int(evaluator.judged.state[place]),
            reason=evaluator.reasons[place],
            since=evaluator.since[place],
            frames=evaluator.numbers.frames(place),
            breach=evaluator.breaches[place].pk if place in evaluator.breaches else None,
        )
        for place, (defined, bounds) in enumerate(
            zip(evaluator.limits, evaluator.bounds_now(), strict=True)
        )
    ]


def newest_breaches() -> list[LimitBreach]:
    """Those without a review, then the newest."""
    reviews = LimitReview.objects.order_by("id")
    rows = LimitBreach.objects.select_related("limit").prefetch_related(
        Prefetch("reviews", queryset=reviews)
    )
    rows = rows.annotate(seen=Exists(LimitReview.objects.filter(breach=OuterRef("pk"))))
    return list(rows.order_by("seen", "-id")[:BREACHES])


def breach_row(row: LimitBreach) -> BreachRow:
    """A breach with its last review."""
    reviews = list(row.reviews.all())
    last = reviews[-1] if reviews else None
    cause = row.cause or {}
    return BreachRow(
        id=row.pk,
        limit=row.limit.code,
        desk=row.desk,
        scope=row.scope,
        began=row.began,
        ended=row.ended,
        value=row.value,
        worst=row.worst,
        hard_limit=row.hard_limit,
        currency=row.currency,
        frame=row.frame,
        cause=str(cause.get("cause", "not known yet")),
        classification=last.classification if last else "",
        resolution=last.resolution if last else "",
        comment=last.comment if last else "",
        acknowledged_by=last.by if last else "",
    )
