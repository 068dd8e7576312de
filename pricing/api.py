"""The risk side of the REST API: published frames in Redis in, JSON out."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from redis import RedisError
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pricing import reading
from pricing.books import Books
from pricing.core.conventions import CURRENCIES
from pricing.core.results import MEASURES
from pricing.frames import Frames, connect
from pricing.reading import FrameMoved, FrameView

ORDERINGS = ("trade_id", *MEASURES)
PAGE_SIZE, MAX_PAGE_SIZE = 100, 500
TRIES = 3
DIGITS = re.compile(r"[0-9]{1,9}")


class DependencyDown(APIException):
    """A server that the answer needs is away."""

    status_code = 503
    default_code = "dependency_down"


class NoFrameYet(APIException):
    """Nothing has been published."""

    status_code = 503
    default_code = "no_frame"
    default_detail = (
        "No risk has been published yet: start the bridge and a feed"
        " (manage.py runbridge, manage.py replay), or `make demo`"
    )


@cache
def _frames() -> Frames:
    return Frames(connect(settings.REDIS_URL))


def _views(currencies: tuple[str, ...] = CURRENCIES) -> list[FrameView]:
    frames = _frames()
    try:
        views = reading.current_views(frames, Books(frames.client), currencies)
    except RedisError as error:
        raise DependencyDown(f"Redis does not answer: {error}") from None
    if not views:
        raise NoFrameYet
    return views


def _choices(request: Request, name: str, allowed: tuple[str, ...]) -> list[str]:
    """A comma-separated parameter whose words must be of a list."""
    # Each once: a currency named twice must not be counted twice.
    words = list(dict.fromkeys(filter(None, request.query_params.get(name, "").split(","))))
    for word in words:
        if word not in allowed:
            raise ValidationError({name: f"{word!r} is not valid; allowed: {', '.join(allowed)}"})
    return words


def _currencies(request: Request) -> tuple[str, ...]:
    return tuple(_choices(request, "currency", CURRENCIES)) or CURRENCIES


def _parameter(name: str, text: str, kind: Any = OpenApiTypes.STR) -> OpenApiParameter:
    return OpenApiParameter(name, kind, OpenApiParameter.QUERY, description=text)


CURRENCY = _parameter("currency", f"Comma-separated: {', '.join(CURRENCIES)}")


class PortfolioView(APIView):
    """NPV, DV01 and ladders summed by group, of the frames published now."""

    @extend_schema(
        parameters=[
            CURRENCY,
            _parameter("group_by", f"Comma-separated: {', '.join(reading.GROUPINGS)}"),
            _parameter("reporting_currency", "Convert sums with the frames' own FX"),
        ],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request) -> Response:
        """Sums by group; every frame that went in is named under `frames`."""
        groups = _choices(request, "group_by", reading.GROUPINGS) or ["currency"]
        reporting = request.query_params.get("reporting_currency") or None
        views = _views(_currencies(request))
        try:
            rows = reading.portfolio(views, groups, reporting)
        except ValueError as error:
            raise ValidationError({"reporting_currency": str(error)}) from None
        return Response({"frames": [view.stamp() for view in views], "groups": rows})


class TradesView(APIView):
    """Risk by trade, of the frames published now."""

    @extend_schema(
        operation_id="risk_trades",
        parameters=[
            CURRENCY,
            _parameter("book", "Book code"),
            _parameter("desk", "Desk code"),
            _parameter("type", "bond or swap"),
            _parameter("status", "priced or failed"),
            _parameter("search", "Part of a trade id"),
            _parameter("ordering", f"One of {', '.join(ORDERINGS)}; - in front for descending"),
            _parameter("page", "Page, from 1", OpenApiTypes.INT),
            _parameter("page_size", f"Rows, at most {MAX_PAGE_SIZE}", OpenApiTypes.INT),
        ],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request) -> Response:
        """One row a trade; a trade without a number says why."""
        currencies = _currencies(request)
        views, rows = _retry(lambda: _rows(_views(currencies)))
        rows = _matching(rows, request)
        rows = _ordered(rows, request.query_params.get("ordering") or "trade_id")
        page, size = _page(request)
        return Response(
            {
                "frames": [view.stamp() for view in views],
                "count": len(rows),
                "page": page,
                "page_size": size,
                "results": rows[(page - 1) * size : page * size],
            }
        )


class TradeView(APIView):
    """Risk of one trade."""

    @extend_schema(operation_id="risk_trade", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, trade_id: str) -> Response:
        """Value, DV01, and both ladders by curve and tenor."""
        record = _retry(lambda: _detail(_views(), trade_id))
        if record is not None:
            return Response(record)
        raise NotFound(f"trade_id: no trade {trade_id!r} in the current frames")


class CurvesView(APIView):
    """The curves of the frames published now."""

    @extend_schema(parameters=[CURRENCY], responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """Quotes and zero rates (continuous, Act/365F) by curve and tenor; decimals."""
        answer = []
        for view in _views(_currencies(request)):
            zeros = reading.by_curve(view.rollup.keys, view.rollup.zero_rates)
            for name, quotes in view.rollup.curves.items():
                answer.append(
                    {
                        "curve": name,
                        "label": view.rollup.labels.get(name, ""),
                        "quotes": quotes,
                        "zero_rates": zeros.get(name, {}),
                        "stamp": view.stamp(),
                    }
                )
        return Response({"curves": answer})


def _retry(read: Any) -> Any:
    """Read again, from the pointer on, when the frame expired meanwhile."""
    for attempt in range(TRIES):
        try:
            return read()
        except FrameMoved:
            if attempt == TRIES - 1:
                raise DependencyDown("frames move faster than they can be read") from None
        except RedisError as error:
            raise DependencyDown(f"Redis does not answer: {error}") from None
    return None


def _rows(views: list[FrameView]) -> tuple[list[FrameView], list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    for view in views:
        table = reading.trade_table(_frames(), view)
        rows += [reading.trade_row(table, row) for row in range(len(table.trade_ids))]
    return views, rows


def _detail(views: list[FrameView], trade_id: str) -> dict[str, Any] | None:
    found = (reading.trade_detail(_frames(), view, trade_id) for view in views)
    return next((record for record in found if record is not None), None)


def _matching(rows: list[dict[str, Any]], request: Request) -> list[dict[str, Any]]:
    for name in ("book", "desk", "type", "status"):
        wanted = request.query_params.get(name)
        if wanted:
            rows = [row for row in rows if row[name] == wanted]
    search = request.query_params.get("search", "").lower()
    return [row for row in rows if search in row["trade_id"].lower()] if search else rows


def _ordered(rows: list[dict[str, Any]], ordering: str) -> list[dict[str, Any]]:
    name = ordering.removeprefix("-")
    if name not in ORDERINGS:
        raise ValidationError({"ordering": f"{name!r}: allowed: {', '.join(ORDERINGS)}"})
    known = [row for row in rows if row[name] is not None]
    known.sort(key=lambda row: row[name], reverse=ordering.startswith("-"))
    return known + [row for row in rows if row[name] is None]


def _page(request: Request) -> tuple[int, int]:
    numbers = []
    for name, default in (("page", 1), ("page_size", PAGE_SIZE)):
        text = request.query_params.get(name) or str(default)
        if not DIGITS.fullmatch(text) or not int(text):
            raise ValidationError({name: f"{text!r} is not a number from 1 on"})
        numbers.append(int(text))
    return numbers[0], min(numbers[1], MAX_PAGE_SIZE)
