"""Load the limits from the security master and detect changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from django.db.models import Max

from instruments.models import Book, Limit, TemporaryLimit
from pricing.exposure.definition import LimitTerms

Version = tuple[int, int, int, int]


class Defined(NamedTuple):
    """A limit: its row, its terms, its name on screens, and the desk whose traders may see it."""

    pk: int
    terms: LimitTerms
    name: str
    desk: str


def version() -> Version:
    """Return a value that changes with the limits, temporary limits and desks of books."""
    newest = [
        int(model.history.aggregate(found=Max("history_id"))["found"] or 0)
        for model in (Limit, TemporaryLimit, Book)
    ]
    return (newest[0], newest[1], newest[2], Limit.objects.count())


def load() -> Sequence[Defined]:
    """All limits by code."""
    rows = Limit.objects.select_related("desk", "book__desk").prefetch_related("temporaries")
    return [Defined(row.pk, row.terms(), row.name, _desk(row)) for row in rows.order_by("code")]


def _desk(row: Limit) -> str:
    if row.desk is not None:
        return str(row.desk.code)
    return str(row.book.desk.code) if row.book is not None else ""
