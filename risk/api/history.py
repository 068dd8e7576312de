"""The history of recent frames over REST, one line per frame of a whole currency."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Iterator
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from risk.api import parameters, schemas, source
from risk.api.answers.tables import HISTORY
from risk.api.views import TablesView
from risk.store.frames import HISTORY_LENGTH
from risk.store.results import HistoryLine
from riskproject.web.tables import answers as answer_tables

Json = dict[str, Any]


class HistoryView(TablesView):
    """The last frames of each currency."""

    tables = HISTORY

    @extend_schema(
        operation_id="risk_history",
        parameters=[
            parameters.CURRENCY,
            parameters.parameter("from", "Published then or later", OpenApiTypes.DATETIME),
            parameters.parameter("to", "Published before then", OpenApiTypes.DATETIME),
            parameters.parameter(
                "interval",
                "Seconds: of each such span only the last frame",
                {"type": "integer", "minimum": 1, "maximum": 999_999_999},
            ),
            *answer_tables.parameters(HISTORY),
        ],
        responses=schemas.History,
    )
    def get(self, request: Request) -> Response:
        """A line a frame, oldest first; at most the last 600 frames of a currency are kept."""
        names = ("currency", "from", "to", "interval")
        parameters.known_only(request, *names, *answer_tables.FILE_PARAMETERS)
        if self.desks(request) is not None:
            raise PermissionDenied(
                "The history covers all desks: it needs the role viewer or risk_admin",
                code="role_required viewer",
            )
        start, end = parameters.moment(request, "from"), parameters.moment(request, "to")
        if start and end and start >= end:
            raise ValidationError({"to": "to: must be after from"})
        span = parameters.whole(request, "interval", 0) if _has(request, "interval") else 0
        rows = [
            _row(currency, line)
            for currency in parameters.currencies(request)
            for line in _thinned(_between(_history(currency), start, end), span)
        ]
        rows.sort(key=lambda row: row["published"])
        return self.answer(request, {"count": len(rows), "results": rows})


def _has(request: Request, name: str) -> bool:
    return bool(request.query_params.get(name))


def _history(currency: str) -> list[HistoryLine]:
    return source.read(lambda: source.frames().history(currency, HISTORY_LENGTH))


def _between(
    lines: Iterable[HistoryLine], start: dt.datetime | None, end: dt.datetime | None
) -> Iterator[HistoryLine]:
    for line in lines:
        at = _published(line)
        if (start is None or at >= start) and (end is None or at < end):
            yield line


def _thinned(lines: Iterable[HistoryLine], span_s: int) -> Iterable[HistoryLine]:
    """The last line of each span."""
    if not span_s:
        return lines
    return {int(line.published_ns // (span_s * 10**9)): line for line in lines}.values()


def _published(line: HistoryLine) -> dt.datetime:
    return dt.datetime.fromtimestamp(line.published_ns / 1e9, dt.UTC)


def _row(currency: str, line: HistoryLine) -> Json:
    took = line.tick_to_published_ms
    return {
        "currency": currency,
        "frame": line.frame,
        "published": _published(line),
        "as_of": line.as_of,
        "book_version": line.book_version,
        "curve_version": line.curve_version,
        "status": line.status,
        "npv": line.npv,
        "dv01_par": line.dv01_par,
        "priced": line.priced,
        "total": line.trades,
        "tick_to_published_ms": took if math.isfinite(took) else None,
    }
