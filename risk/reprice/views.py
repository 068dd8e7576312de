"""Reprice a stored close over REST."""

# Fields of a serializer are its documentation here:
# ruff: noqa: D101
# mypy: disable-error-code="type-arg"

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.utils.dateparse import parse_date
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import (
    BooleanField,
    CharField,
    DateField,
    DateTimeField,
    DictField,
    FloatField,
    IntegerField,
    ListField,
)

from pricing.markets.conventions import CURRENCIES
from risk.api import parameters, previewer
from risk.api.preview import CannotBePriced
from risk.api.schemas import Answer
from risk.api.views import TablesView
from risk.store import previews
from riskproject.web.openapi_errors import OWN_PROBLEMS
from riskproject.web.tables import answers as answer_tables
from riskproject.web.tables.answers import AnswerTable, columns_of

CORRECTIONS = ("quotes", "fixings", "trades")
ANSWER_S = 20.0
NAME_CHARACTERS = 40


class CorrectedQuote(Answer):
    curve = CharField()
    quote = CharField()
    before = FloatField(help_text="Decimal")
    after = FloatField(help_text="Decimal")


class CorrectedFixing(Answer):
    index = CharField()
    date = DateField()
    before = FloatField(allow_null=True, help_text="Decimal; null: there was none")
    after = FloatField(allow_null=True, help_text="Decimal; null: there is none")


class CorrectedTrade(Answer):
    trade_id = CharField()
    desk = CharField(allow_blank=True)
    book = CharField(allow_blank=True)
    type = CharField(allow_blank=True)
    change = CharField(allow_blank=True, help_text="new, terminated, amended, or empty")
    npv = FloatField(allow_null=True, help_text="Trade currency; null: no number then")
    npv_corrected = FloatField(allow_null=True, help_text="Trade currency; null: no number now")
    effects = DictField(
        child=FloatField(), help_text="Of quotes, fixings and trades; they add up to the difference"
    )
    reason = CharField(allow_blank=True, help_text="Why it has no number at one end")


class CorrectedClose(Answer):
    known_at = DateTimeField()
    book_version = CharField()
    sha256 = CharField(help_text="Of the corrected sums")
    npv = FloatField(help_text="Of the desks that the caller may see")
    difference = FloatField()
    quotes = CorrectedQuote(many=True)
    fixings = CorrectedFixing(many=True)
    trades = CorrectedTrade(many=True)


class RepricedClose(Answer):
    currency = CharField()
    valuation_date = DateField()
    as_of = DateTimeField(help_text="The market's time of the close")
    frame = IntegerField()
    book_version = CharField()
    book_version_repriced = CharField()
    conventions = CharField()
    conventions_repriced = CharField()
    sha256 = CharField(help_text="Of the published sums, without clocks and the frame's number")
    sha256_repriced = CharField()
    equal = BooleanField(help_text="Every number has the same bits")
    differences = ListField(child=CharField(), help_text="Fields of the frame that differ")
    detail_sha256 = CharField(
        allow_null=True, help_text="Of the stored numbers by trade; null: none are stored"
    )
    detail_sha256_repriced = CharField()
    trades = IntegerField()
    priced = IntegerField()
    npv = FloatField(help_text="Of the desks that the caller may see")
    corrected = CorrectedClose(allow_null=True)


def _corrected(name: str) -> Any:
    return lambda answer: (answer["corrected"] or {}).get(name, ())


TABLES = {
    "close": AnswerTable(columns_of(RepricedClose), lambda answer: [answer]),
    "trades": AnswerTable(columns_of(CorrectedTrade), _corrected("trades")),
    "quotes": AnswerTable(columns_of(CorrectedQuote), _corrected("quotes")),
    "fixings": AnswerTable(columns_of(CorrectedFixing), _corrected("fixings")),
}


class RepriceView(TablesView):
    """A stored close again: as it was, with its hash, and with what is known at a later time."""

    tables = TABLES

    @extend_schema(
        operation_id="reprice",
        parameters=[
            parameters.parameter("currency", "Of the close; needed", allowed=CURRENCIES),
            parameters.parameter(
                "as_of", "Date: the newest close of then; default: the newest", OpenApiTypes.DATE
            ),
            parameters.parameter(
                "known_at", "Also with what was known then", OpenApiTypes.DATETIME
            ),
            parameters.listed("correct", "Default: all; with known_at", CORRECTIONS),
            parameters.parameter("market", "live, or the name of a replay; default: live"),
            *answer_tables.parameters(TABLES),
        ],
        responses=RepricedClose,
        extensions={OWN_PROBLEMS: [404, 422]},
    )
    def get(self, request: Request) -> Response:
        """Price the book as it was; nothing is stored."""
        names = ("currency", "as_of", "known_at", "correct", "market")
        parameters.known_only(request, *names, *answer_tables.FILE_PARAMETERS)
        self.asked(request)
        currency = parameters.text(request, "currency", CURRENCIES)
        if not currency:
            raise ValidationError({"currency": f"currency: one of {', '.join(CURRENCIES)}"})
        market = parameters.text(request, "market") or "live"
        if len(market) > NAME_CHARACTERS:
            raise ValidationError({"market": f"market: {NAME_CHARACTERS} characters at most"})
        desks = self.desks(request)
        question = previews.RepriceQuestion(
            answer_key=previews.answer_key(uuid.uuid4().hex),
            currency=currency,
            as_of=_day(request),
            known_at=parameters.moment(request, "known_at"),
            correct=parameters.choices(request, "correct", CORRECTIONS),
            market=market,
            desks=None if desks is None else sorted(desks),
        )
        with previewer.slot_of(request.user.pk):
            answer = previewer.ask(previews.REPRICE_TASK, question, ANSWER_S)
        return self.answer(request, _checked(answer), currency)


def _day(request: Request) -> dt.date:
    word = request.query_params.get("as_of", "")
    if not word:
        return dt.date.max
    try:
        found = parse_date(word)
    except ValueError:
        found = None
    if found is None:
        raise ValidationError({"as_of": f"{word!r} is not a date such as 2024-03-05"})
    return found


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    failure = answer.get("failure")
    if failure is None:
        return answer
    if failure["code"] == "NOTHING_STORED":
        raise NotFound(failure["message"])
    raise CannotBePriced(failure["message"], code=failure["code"])
