"""Past days of a curve over REST: stored closes of frames, and the history of closing quotes."""

# Fields of a serializer are its documentation here:
# ruff: noqa: D101
# mypy: disable-error-code="type-arg"

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
from django.db import connection
from django.utils.dateparse import parse_date
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import CharField, DateField, DateTimeField, FloatField, IntegerField

from pricing.curves.quotes import tenor_order
from pricing.errors import shortened
from pricing.markets import conventions
from risk.api import parameters, schemas
from risk.api.curves import published_curves
from risk.api.views import RiskView
from risk.explain.frame_closes import frame_of
from risk.models import LIVE, FrameClose
from riskproject.web.openapi_errors import OWN_PROBLEMS

Json = dict[str, Any]

DAYS, MOST_DAYS = 400, 5_000
CLOSE, HISTORY = "close", "history"

_DAYS = """
    SELECT q.date, string_agg(DISTINCT f.label, ', '), string_agg(DISTINCT f.publisher, ', ')
    FROM market_history_curvequote q JOIN market_history_curvefile f ON f.id = q.file_id
    WHERE q.curve = %s AND q.superseded_by_id IS NULL GROUP BY 1 ORDER BY 1 DESC LIMIT %s
"""
_QUOTES = """
    SELECT q.quote_id, q.rate::float8, f.label, f.publisher FROM market_history_curvequote q
    JOIN market_history_curvefile f ON f.id = q.file_id
    WHERE q.curve = %s AND q.date = %s AND q.superseded_by_id IS NULL
"""


class CurveDay(schemas.Answer):
    date = DateField()
    of = CharField(help_text="close: a stored frame; history: closing quotes of a publisher")
    # A field's own attribute is called so too, but a declared field is not on the class:
    label = CharField(help_text="official, proxy or synthetic; all of them where files differ")  # type: ignore[assignment]
    source = CharField(allow_blank=True)  # type: ignore[assignment]
    as_of = DateTimeField(allow_null=True, help_text="The market's time of a close; else null")


class CurveDays(schemas.Answer):
    curve = CharField()
    days = CurveDay(many=True, help_text="Newest first; a date may have a close and a history")


class PastNode(schemas.Answer):
    tenor = CharField()
    date = DateField(allow_null=True, help_text="On which the quote ends; null of the history")
    quote = FloatField(help_text="Decimal per year")
    zero_rate = FloatField(allow_null=True, help_text="Continuous; null of the history")
    discount_factor = FloatField(allow_null=True, help_text="Null of the history")


class PastCurve(CurveDay):
    frame = IntegerField(allow_null=True, help_text="Number of the frame of a close; else null")
    nodes = PastNode(many=True, help_text="From short to long")


class PastCurves(schemas.Answer):
    curve = CharField()
    date = DateField()
    found = PastCurve(many=True, help_text="The close first")


CURVE = OpenApiParameter(
    "curve", {"type": "string", "enum": list(conventions.CURVES)}, OpenApiParameter.PATH
)


def _known(curve: str) -> conventions.CurveConvention:
    row = conventions.CURVES.get(curve)
    if row is None:
        known = ", ".join(conventions.CURVES)
        raise NotFound(f"curve: {shortened(repr(curve))} does not exist; there are: {known}")
    return row


class CurveDaysView(RiskView):
    """Days of which a curve is stored."""

    @extend_schema(
        operation_id="curve_days",
        parameters=[
            CURVE,
            parameters.parameter(
                "days",
                f"The newest so many of each source; default {DAYS}, at most {MOST_DAYS:,}",
                {"type": "integer", "minimum": 1, "maximum": MOST_DAYS},
            ),
        ],
        responses=CurveDays,
        extensions={OWN_PROBLEMS: [404]},
    )
    def get(self, request: Request, curve: str) -> Response:
        """The days of the curve's closes and of its history, with the label of their source."""
        parameters.known_only(request, "days")
        row = _known(curve)
        count = parameters.whole(request, "days", DAYS)
        if count > MOST_DAYS:
            allowed = f"allowed: 1 to {MOST_DAYS:,}"
            raise ValidationError({"days": f"days: {count} is not valid; {allowed}"})
        with connection.cursor() as cursor:
            cursor.execute(_DAYS, [curve, count])
            stored = cursor.fetchall()
        days = [_day(date, HISTORY, label, publisher, None) for date, label, publisher in stored]
        closes = FrameClose.objects.filter(
            market=LIVE, currency=row.currency, quotes__has_key=curve
        ).order_by("-date")[:count]
        for date, labels, source, as_of in closes.values_list("date", "labels", "source", "as_of"):
            days.append(_day(date, CLOSE, labels.get(curve, ""), source, as_of))
        days.sort(key=lambda day: (day["date"], day["of"] == CLOSE), reverse=True)
        return Response({"curve": curve, "days": days})


def _day(date: dt.date, of: str, label: str, source: str, as_of: dt.datetime | None) -> Json:
    return {"date": date, "of": of, "label": label, "source": source, "as_of": as_of}


class PastCurveView(RiskView):
    """A curve on a past day."""

    @extend_schema(
        operation_id="curve_day",
        parameters=[CURVE, OpenApiParameter("date", OpenApiTypes.DATE, OpenApiParameter.PATH)],
        responses=PastCurves,
        extensions={OWN_PROBLEMS: [404]},
    )
    def get(self, request: Request, curve: str, date: str) -> Response:
        """The close of the day, with its curve, and the quotes that the history has of it."""
        parameters.known_only(request)
        row, day = _known(curve), _date(date)
        found = [*_closes(row.currency, curve, day), *_history(curve, day)]
        if not found:
            known = f"curves/{curve}/days/ lists the days that are stored"
            raise NotFound(f"date: nothing is stored of {curve} on {day}; {known}")
        return Response({"curve": curve, "date": day, "found": found})


def _date(word: str) -> dt.date:
    try:
        found = parse_date(word)
    except ValueError:
        found = None
    if found is None:
        raise NotFound(f"date: {shortened(repr(word))} is not a date such as 2024-03-05")
    return found


def _closes(currency: str, curve: str, day: dt.date) -> list[Json]:
    """The live close of the day, if it has the curve and this release can read it."""
    row = FrameClose.objects.filter(market=LIVE, currency=currency, date=day).first()
    if row is None:
        return []
    try:
        published = published_curves(frame_of(row))
    except msgspec.MsgspecError:  # another release wrote it
        return []
    names = ("tenor", "date", "quote", "zero_rate", "discount_factor")
    return [
        {
            **_day(day, CLOSE, made["label"], row.source, row.as_of),
            "frame": row.frame,
            "nodes": [{name: node[name] for name in names} for node in made["nodes"]],
        }
        for made in published
        if made["curve"] == curve
    ]


def _history(curve: str, day: dt.date) -> list[Json]:
    """The quotes of the history that count today."""
    with connection.cursor() as cursor:
        cursor.execute(_QUOTES, [curve, day])
        rows = cursor.fetchall()
    if not rows:
        return []
    rates = {tenor: rate for tenor, rate, _, _ in rows}
    label, publisher = (", ".join(sorted({row[place] for row in rows})) for place in (2, 3))
    nothing = dict.fromkeys(("date", "zero_rate", "discount_factor"))
    return [
        {
            **_day(day, HISTORY, label, publisher, None),
            "frame": None,
            "nodes": [
                {"tenor": tenor, "quote": rates[tenor], **nothing} for tenor in tenor_order(rates)
            ],
        }
    ]
