"""Stored closes over REST: sums by group and day, of the live market or of a replay's own."""

# Fields of a serializer are its documentation here:
# ruff: noqa: D101
# mypy: disable-error-code="type-arg"

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import msgspec
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import (
    CharField,
    DateField,
    DateTimeField,
    DictField,
    FloatField,
    IntegerField,
)

from pricing.markets.conventions import CURRENCIES
from risk.api import parameters, schemas
from risk.api.views import TablesView
from risk.explain.frame_closes import frame_of
from risk.models import FrameClose
from risk.queries import portfolio
from risk.store.results import Rollup
from riskproject.web.tables import answers as answer_tables
from riskproject.web.tables.answers import AnswerTable, Column, columns_of

DAYS, MOST_DAYS = 60, 400
OTHER_RELEASE = "stored by another release, whose form this one cannot read"

Json = dict[str, Any]


class CloseFrame(schemas.Answer):
    currency = CharField()
    frame = IntegerField()
    as_of = DateTimeField(help_text="The market's time of the frame")
    source = CharField(allow_blank=True)  # type: ignore[assignment]
    sha256 = CharField(help_text="Hash of all that the frame published")
    failure = CharField(allow_blank=True, help_text="Why its sums are missing; else empty")


class DayClose(schemas.Answer):
    date = DateField(help_text="Valuation date")
    frames = CloseFrame(many=True)
    fx = DictField(
        child=FloatField(), help_text="Units of the reporting currency per unit, by currency"
    )
    groups = schemas.Sums(many=True)


class Closes(schemas.Answer):
    market = CharField(help_text="live, or the name of a replay")
    days = IntegerField(help_text="Days with a close in the range, those left out included")
    closes = DayClose(many=True, help_text="Oldest first; of many days the newest")


def _of_days(name: str) -> Callable[[Json], Iterator[Json]]:
    def rows(answer: Json) -> Iterator[Json]:
        for day in answer["closes"]:
            for row in day[name]:
                yield {"date": day["date"], **row}

    return rows


def range_parameters(usual: int, most: int) -> list[OpenApiParameter]:
    """Describe the days that ``closes_by_day`` reads."""
    return [
        parameters.parameter("from", "First valuation date", OpenApiTypes.DATE),
        parameters.parameter("to", "Last valuation date", OpenApiTypes.DATE),
        parameters.parameter(
            "days",
            f"The newest so many days of the range; default {usual}, at most {most}",
            {"type": "integer", "minimum": 1, "maximum": most},
        ),
    ]


TABLES = {
    "groups": AnswerTable((Column("date"), *columns_of(schemas.Sums)), _of_days("groups")),
    "frames": AnswerTable((Column("date"), *columns_of(CloseFrame)), _of_days("frames")),
}


class ClosesView(TablesView):
    """Closes of a market as they were published."""

    tables = TABLES

    @extend_schema(
        operation_id="closes",
        parameters=[
            parameters.parameter("market", "live (the default), or the name of a replay"),
            parameters.CURRENCY,
            *range_parameters(DAYS, MOST_DAYS),
            parameters.listed("group_by", "Default: currency", portfolio.GROUPINGS),
            parameters.parameter(
                "reporting_currency", "Convert sums with the frames' own FX", allowed=CURRENCIES
            ),
            *answer_tables.parameters(TABLES),
        ],
        responses=Closes,
    )
    def get(self, request: Request) -> Response:
        """Sums by group of each day; a market without closes has none."""
        names = ("market", "currency", "from", "to", "days", "group_by", "reporting_currency")
        parameters.known_only(request, *names, *answer_tables.FILE_PARAMETERS)
        self.asked(request)
        groups = parameters.choices(request, "group_by", portfolio.GROUPINGS) or ["currency"]
        reporting = parameters.text(request, "reporting_currency", CURRENCIES) or None
        market = parameters.market(request)
        count, rows = closes_by_day(request, market, DAYS, MOST_DAYS)
        try:
            days = [
                _day(date, found, groups, reporting, self.desks(request))
                for date, found in rows.items()
            ]
        except ValueError as error:
            raise ValidationError({"reporting_currency": str(error)}) from None
        found = {"market": market, "days": count, "closes": days}
        return self.answer(request, found, reporting)


def closes_by_day(
    request: Request, market: str, usual: int, most: int, *left_out: str
) -> tuple[int, dict[dt.date, list[FrameClose]]]:
    """The number of days with a close in the range, and the closes of the newest of them by day.

    Args:
        request: With ``from``, ``to``, ``days`` and ``currency``.
        market: live, or the name of a replay.
        usual: Days without the parameter.
        most: Days at most.
        *left_out: Columns that are not read, besides the head of the book and the quotes.

    Raises:
        ValidationError: The range is none, or has too many days.
    """
    count = parameters.whole(request, "days", usual)
    if count > most:
        raise ValidationError({"days": f"days: {count} is not valid; allowed: 1 to {most}"})
    start, end = parameters.day(request, "from"), parameters.day(request, "to")
    if start and end and start > end:
        raise ValidationError({"to": "to: must not be before from"})
    stored = FrameClose.objects.filter(market=market, currency__in=parameters.currencies(request))
    if start:
        stored = stored.filter(date__gte=start)
    if end:
        stored = stored.filter(date__lte=end)
    dates = list(stored.order_by("-date").values_list("date", flat=True).distinct())
    rows: dict[dt.date, list[FrameClose]] = {date: [] for date in sorted(dates[:count])}
    for row in stored.filter(date__in=rows).order_by("currency").defer("head", "quotes", *left_out):
        rows[row.date].append(row)
    return len(dates), rows


def _day(
    date: dt.date,
    rows: Sequence[FrameClose],
    groups: Sequence[str],
    reporting: str | None,
    desks: Collection[str] | None,
) -> Json:
    """The close of one valuation date. Errors as ``portfolio.portfolio``."""
    frames: list[Json] = []
    rollups: list[Rollup] = []
    for row in rows:
        failure = ""
        try:
            rollups.append(frame_of(row))
        except msgspec.MsgspecError:
            failure = OTHER_RELEASE
        names = ("currency", "frame", "as_of", "source", "sha256")
        frames.append({name: getattr(row, name) for name in names} | {"failure": failure})
    return {
        "date": date,
        "frames": frames,
        "fx": {r.currency: portfolio.conversion(r, reporting) for r in rollups if reporting},
        "groups": portfolio.portfolio(rollups, groups, reporting, desks, ladders=()),
    }
