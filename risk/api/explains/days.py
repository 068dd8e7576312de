"""The P&L of past days over REST: the terms of each stored close since the close before."""

# Fields of a serializer are its documentation here:
# ruff: noqa: D101
# mypy: disable-error-code="type-arg"

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import CharField, DateField, DictField, IntegerField

from pricing.markets.conventions import CURRENCIES
from risk.api import parameters
from risk.api.answers.tables import AMOUNTS_IN, LABELS, TERM_COLUMNS
from risk.api.explains.groups import amounts
from risk.api.past.closes import closes_by_day, range_parameters
from risk.api.schemas import Answer
from risk.api.views import TablesView
from risk.explain.close_explains import stored_explains
from risk.explain.conversion import NoRate
from risk.models import FrameClose
from risk.queries import explain as query
from risk.queries.portfolio import GROUPINGS
from risk.store.explains import Explain
from riskproject.web.tables import answers as answer_tables
from riskproject.web.tables.answers import AnswerTable, Column

DAYS, MOST_DAYS = 20, 120
Json = dict[str, Any]


class DayGroup(Answer):
    currency = CharField(required=False)
    desk = CharField(required=False)
    book = CharField(required=False)
    type = CharField(required=False)
    amounts_in = CharField(help_text="Currency of the amounts")
    trades = IntegerField()
    terms = amounts()


class ExplainedDay(Answer):
    date = DateField(help_text="Valuation date of the closes")
    reasons = DictField(child=CharField(), help_text="Why a currency is not in it, by currency")
    groups = DayGroup(many=True)


class ExplainedDays(Answer):
    market = CharField(help_text="live, or the name of a replay")
    days = IntegerField(help_text="Days with a close in the range, those left out included")
    results = ExplainedDay(many=True, help_text="Oldest first; of many days the newest")


def _rows(answer: Json) -> Iterator[Json]:
    for day in answer["results"]:
        for group in day["groups"]:
            yield {"date": day["date"], **group, **group["terms"]}


TABLES = {
    "terms": AnswerTable(
        (Column("date"), *LABELS, AMOUNTS_IN, Column("trades"), *TERM_COLUMNS), _rows
    )
}


class ExplainDaysView(TablesView):
    """The P&L of each stored day, as it was explained at its close."""

    tables = TABLES

    @extend_schema(
        operation_id="explain_days",
        parameters=[
            parameters.parameter("market", "live (the default), or the name of a replay"),
            parameters.CURRENCY,
            *range_parameters(DAYS, MOST_DAYS),
            parameters.listed("group_by", "Default: currency", GROUPINGS),
            parameters.parameter(
                "reporting_currency",
                "Convert with the FX of each start, and show what its move adds",
                allowed=CURRENCIES,
            ),
            *answer_tables.parameters(TABLES),
        ],
        responses=ExplainedDays,
    )
    def get(self, request: Request) -> Response:
        """Terms by group of each day; a currency that is in none says why."""
        names = ("market", "currency", "from", "to", "days", "group_by", "reporting_currency")
        parameters.known_only(request, *names, *answer_tables.FILE_PARAMETERS)
        self.asked(request)
        groups = parameters.choices(request, "group_by", GROUPINGS) or ["currency"]
        reporting = parameters.text(request, "reporting_currency", CURRENCIES) or None
        market, desks = parameters.market(request), self.desks(request)
        count, rows = closes_by_day(request, market, DAYS, MOST_DAYS, "sums", "labels", "fx")
        try:
            days = [_day(date, found, groups, reporting, desks) for date, found in rows.items()]
        except ValueError as error:
            raise ValidationError({"reporting_currency": str(error)}) from None
        return self.answer(request, {"market": market, "days": count, "results": days}, reporting)


def _day(
    date: dt.date,
    rows: Sequence[FrameClose],
    groups: Sequence[str],
    reporting: str | None,
    desks: Collection[str] | None,
) -> Json:
    """The terms of one day.

    Raises:
        ValueError: Two currencies would be added unconverted.
    """
    reasons: dict[str, str] = {}
    found: list[Explain] = []
    for row, explain in zip(rows, stored_explains(rows), strict=True):
        if isinstance(explain, str):
            reasons[row.currency] = explain
        elif "close" not in explain.periods:
            reasons[row.currency] = explain.reasons["close"]
        else:
            try:
                query.conversion(explain, explain.periods["close"], reporting)
                found.append(explain)
            except NoRate as error:
                reasons[row.currency] = str(error)
    shown = query.explained(found, "close", groups, reporting, desks, with_delta=False)
    return {"date": date, "reasons": reasons, "groups": shown}
