"""The explain of P&L by trade over REST, for the trades of a group."""

# Fields of a serializer are its documentation here:
# ruff: noqa: D101
# mypy: disable-error-code="type-arg"

from __future__ import annotations

import uuid
from collections.abc import Iterator
from operator import itemgetter
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import (
    CharField,
    DateField,
    DateTimeField,
    IntegerField,
)

from pricing.markets.conventions import CURRENCIES
from pricing.products.registry import PRODUCT_NAMES
from risk.api import parameters, previewer
from risk.api.answers.tables import AMOUNTS_IN, TERM_COLUMNS
from risk.api.explains.groups import PERIOD, ExplainStart, ExplainUnpriced, amounts, period_of
from risk.api.preview import CannotBePriced
from risk.api.schemas import Answer
from risk.api.views import TablesView
from risk.store import previews
from riskproject.web.tables import answers as answer_tables
from riskproject.web.tables.answers import AnswerTable, Column, columns_of

LIMIT, MOST = 50, 500
ANSWER_S = 6.0
"""Seconds that a caller waits: the books of several currencies may be read."""


class GroupTradesFrame(Answer):
    currency = CharField()
    reason = CharField(allow_null=True, help_text="Why its trades are not in it; else null")
    frame = IntegerField(required=False, help_text="The frame that is explained")
    as_of = DateTimeField(required=False, help_text="The market's time of that frame")
    valuation_date = DateField(required=False)
    start = ExplainStart(required=False)


class ExplainedTrade(Answer):
    trade_id = CharField()
    currency = CharField()
    desk = CharField(allow_blank=True)
    book = CharField()
    type = CharField()
    amounts_in = CharField(help_text="Currency of the amounts")
    terms = amounts()


class GroupTrades(Answer):
    period = CharField()
    frames = GroupTradesFrame(many=True)
    trades = IntegerField(help_text="Trades of the group that are explained")
    terms = amounts()
    results = ExplainedTrade(many=True, help_text="Largest absolute total first")
    unpriced = ExplainUnpriced(many=True)


def _rows(answer: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return ({**row, **row["terms"]} for row in answer["results"])


NAMES = ("trade_id", "currency", "desk", "book", "type")
TABLES = {
    "trades": AnswerTable((*map(Column, NAMES), AMOUNTS_IN, *TERM_COLUMNS), _rows),
    "unpriced": AnswerTable(columns_of(ExplainUnpriced), itemgetter("unpriced")),
    "frames": AnswerTable(columns_of(GroupTradesFrame), itemgetter("frames")),
}


class ExplainTradesView(TablesView):
    """The trades of a group that earned or lost most, and why."""

    tables = TABLES

    @extend_schema(
        operation_id="explain_trades",
        parameters=[
            parameters.CURRENCY,
            parameters.parameter("desk", "Only this desk"),
            parameters.parameter("book", "Only this book"),
            parameters.listed("type", "Only these products", PRODUCT_NAMES),
            PERIOD,
            parameters.parameter(
                "reporting_currency",
                "Convert with the FX of the start; needed for trades of several currencies",
                allowed=CURRENCIES,
            ),
            parameters.parameter(
                "limit",
                f"Trades that are listed; default {LIMIT}, at most {MOST}",
                {"type": "integer", "minimum": 1, "maximum": MOST},
            ),
            *answer_tables.parameters(TABLES),
        ],
        responses=GroupTrades,
    )
    def get(self, request: Request) -> Response:
        """The terms of each trade, made when asked for, on the frames that are published now."""
        names = ("currency", "desk", "book", "type", "period", "reporting_currency", "limit")
        parameters.known_only(request, *names, *answer_tables.FILE_PARAMETERS)
        self.asked(request)
        limit = parameters.whole(request, "limit", LIMIT)
        if limit > MOST:
            raise ValidationError({"limit": f"limit: {limit} is not valid; allowed: 1 to {MOST}"})
        currencies = parameters.currencies(request)
        reporting = parameters.text(request, "reporting_currency", CURRENCIES) or None
        if reporting is None and len(currencies) > 1:
            raise ValidationError(
                {
                    "reporting_currency": "reporting_currency: give it, or one currency: amounts "
                    "of two currencies are never added unconverted"
                }
            )
        desks, period = self.desks(request), period_of(request)
        question = previews.GroupExplainQuestion(
            answer_key=previews.answer_key(uuid.uuid4().hex),
            currencies=list(currencies),
            desk=parameters.text(request, "desk") or None,
            book=parameters.text(request, "book") or None,
            types=parameters.choices(request, "type", PRODUCT_NAMES),
            desks=None if desks is None else sorted(desks),
            period=period,
            reporting=reporting,
            limit=limit,
        )
        with previewer.slot_of(request.user.pk):
            answer = previewer.ask(previews.EXPLAIN_GROUP_TASK, question, ANSWER_S)
        if answer.get("failure") is not None:
            failure = answer["failure"]
            raise CannotBePriced(failure["message"], code=failure["code"])
        return self.answer(request, {"period": period, **answer}, reporting)
