"""The explain of P&L over REST."""

# Fields of a serializer are its documentation here:
# ruff: noqa: D101
# mypy: disable-error-code="type-arg"

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections.abc import Collection, Sequence
from typing import Any, cast

import msgspec
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import (
    CharField,
    DateField,
    DateTimeField,
    DictField,
    FloatField,
    IntegerField,
    ListField,
)

from pricing.explain.terms import MEMOS, TERMS
from pricing.markets.conventions import CURRENCIES
from risk.api import parameters, previewer, source, trades
from risk.api.answers import markets
from risk.api.answers.tables import EXPLAIN_TRADE, explain_tables
from risk.api.schemas import Answer, Failure, ladder
from risk.api.views import TablesView
from risk.explain.close_explains import explains_of, without
from risk.explain.conversion import NoRate
from risk.explain.frame_closes import NoClose, closes_on
from risk.models import LIVE
from risk.queries import explain as query
from risk.queries.portfolio import GROUPINGS
from risk.store import previews
from risk.store.explains import PERIODS, Explain, ExplainStore, PeriodName
from riskproject.web.problems import RETRY_AFTER_S
from riskproject.web.tables import answers as answer_tables

Json = dict[str, Any]

PERIOD = parameters.parameter(
    "period",
    "close: since the last frame of the previous valuation date (default); frame: since the frame"
    " that was explained before",
    allowed=PERIODS,
)


class NoExplainYet(APIException):
    """Nothing has been explained."""

    status_code = 503
    default_code = "no_explain"
    wait = RETRY_AFTER_S
    default_detail = (
        "No P&L has been explained yet: it follows the first frame when a worker of the queue of"
        " compilations runs (celery -A riskproject worker --queues compile)"
    )


class ExplainStart(Answer):
    frame = IntegerField(help_text="The frame that the period starts from")
    as_of = DateTimeField(help_text="The market's time of that frame")
    valuation_date = DateField()
    book_version = CharField()


class ExplainStamp(Answer):
    currency = CharField()
    frame = IntegerField(help_text="The frame that is explained")
    sums_frame = IntegerField(help_text="The newest frame whose sums are published")
    as_of = DateTimeField(help_text="The market's time")
    valuation_date = DateField()
    book_version = CharField()
    labels = DictField(child=CharField(), help_text="official, proxy or synthetic, by curve")
    fx_label = CharField(allow_blank=True)
    age_s = FloatField(help_text="Seconds since the frame was published")
    made_in_s = FloatField(help_text="Seconds that the explain took")
    reason = CharField(allow_null=True, help_text="Why the period is not explained; else null")
    start = ExplainStart(allow_null=True)
    trades = IntegerField(help_text="Trades that are explained")
    moves_bp = ladder()
    left_out = ListField(
        child=CharField(),
        help_text="Quotes of the start that cannot stand beside those of the end: not in delta",
    )


def amounts() -> DictField:
    """Terms and memos by name, with what each is."""
    rows = "; ".join(f"{row.name}: {row.doc}" for row in (*TERMS, *MEMOS))
    return DictField(
        child=FloatField(allow_null=True),
        help_text=f"{rows}; fx: moves of exchange rates, with a reporting currency. The terms from"
        " carry to residual, and fx, add up to total; the others are not added again",
    )


class ExplainGroup(Answer):
    currency = CharField(required=False)
    desk = CharField(required=False)
    book = CharField(required=False)
    type = CharField(required=False)
    amounts_in = CharField(help_text="Currency of the amounts")
    trades = IntegerField()
    terms = amounts()
    delta = ladder()


class ExplainUnpriced(Answer):
    trade_id = CharField()
    currency = CharField()
    book = CharField(allow_blank=True)
    type = CharField(allow_blank=True)
    at = CharField(help_text="start, end or both: where it has no number")
    code = CharField()
    message = CharField()


class ExplainChange(Answer):
    trade_id = CharField()
    currency = CharField()
    desk = CharField(allow_blank=True)
    book = CharField()
    type = CharField()
    terms = DictField(child=FloatField(), help_text="By term; trade currency")
    consideration = FloatField(
        allow_null=True, help_text="Paid, less received; null: none was given, and 0 is taken"
    )


class ExplainAnswer(Answer):
    period = CharField()
    frames = ExplainStamp(many=True)
    groups = ExplainGroup(many=True)
    unpriced = ExplainUnpriced(many=True)
    changes = ExplainChange(many=True)


TABLES = explain_tables(ExplainUnpriced, ExplainStamp)


class ExplainView(TablesView):
    """Why P&L is what it is: since the previous close, or since the frame explained before."""

    tables = TABLES

    @extend_schema(
        operation_id="explain",
        parameters=[
            parameters.CURRENCY,
            markets.MARKET,
            PERIOD,
            parameters.parameter(
                "as_of",
                "Date of a stored close: its P&L since the close before; default: up to now",
                OpenApiTypes.DATE,
            ),
            parameters.listed("group_by", "Default: currency", GROUPINGS),
            parameters.parameter(
                "reporting_currency",
                "Convert with the FX of the start, and show what its move adds",
                allowed=CURRENCIES,
            ),
            *answer_tables.parameters(TABLES),
        ],
        responses=ExplainAnswer,
    )
    def get(self, request: Request) -> Response:
        """The terms by group, the trades that are in none, and those that changed."""
        names = ("currency", "market", "period", "as_of", "group_by", "reporting_currency")
        parameters.known_only(request, *names, *answer_tables.FILE_PARAMETERS)
        period = period_of(request)
        groups = parameters.choices(request, "group_by", GROUPINGS) or ["currency"]
        reporting = parameters.text(request, "reporting_currency", CURRENCIES) or None
        market, day = parameters.market(request), parameters.day(request, "as_of")
        if day is not None:
            found = of_day(request, market, day, period, reporting)
            pointers = {one.currency: one.frame for one in found}
        elif market == LIVE:
            found, pointers = explains(parameters.currencies(request))
        else:
            found, pointers = of_replay(request, market, period)
        desks = self.desks(request)
        try:
            rows = query.explained(found, period, groups, reporting, desks)
        except ValueError as error:
            raise ValidationError({"reporting_currency": str(error)}) from None
        now_ns = time.time_ns()
        answer: Json = {
            "period": period,
            "frames": [query.stamp(e, period, pointers[e.currency], now_ns) for e in found],
            "groups": rows,
            "unpriced": query.unpriced(found, period, desks),
            "changes": query.changes(found, period, desks),
        }
        return self.answer(request, answer, reporting)


def period_of(request: Request) -> PeriodName:
    """The period that is asked for; since the close unless one is given."""
    return cast(PeriodName, parameters.text(request, "period", PERIODS) or "close")


def of_day(
    request: Request, market: str, day: dt.date, period: PeriodName, reporting: str | None
) -> list[Explain]:
    """The stored explains of a day's closes; one that is missing or has no rate says why.

    Raises:
        ValidationError: A day has closes alone, so it has no other period.
        NotFound: No currency has a close on it, or another release stored one.
    """
    if period != "close":
        raise ValidationError({"period": ["period: a day has its close alone: leave it out"]})
    try:
        rows = closes_on(day, parameters.currencies(request), market)
        found = explains_of([row for row in rows.values() if row.date == day])
        found += [
            without(row, f"it has no close of the day; its last one is of {row.date}")
            for row in rows.values()
            if row.date != day
        ]
    except NoClose as error:
        raise NotFound(f"as_of: {error}") from None
    except msgspec.MsgspecError:
        raise NotFound(f"as_of: another release stored a close of {day}") from None
    found = [_with_rate(one, reporting) for one in found]
    return sorted(found, key=lambda one: CURRENCIES.index(one.currency))


def _with_rate(explain: Explain, reporting: str | None) -> Explain:
    """The explain; without its period, and with the reason, where it cannot be converted."""
    try:
        for period in explain.periods.values():
            query.conversion(explain, period, reporting)
    except NoRate as error:
        return msgspec.structs.replace(explain, periods={}, reasons={"close": str(error)})
    return explain


def of_replay(
    request: Request, market: str, period: PeriodName
) -> tuple[list[Explain], dict[str, int]]:
    """The explains of a replay's current closes, and their frames.

    Raises:
        ValidationError: A replay has closes alone, so it has no other period.
        NotFound: None of them is explained: says why.
    """
    if period != "close":
        raise ValidationError({"period": ["period: a replay has closes alone: leave it out"]})
    found, reasons = markets.explains(request, market)
    if not found:
        said = "; ".join(f"{name}: {why}" for name, why in reasons.items())
        raise NotFound(f"market: the closes of {market} are not explained: {said}")
    return found, {one.currency: one.frame for one in found}


class ExplainTrade(Answer):
    trade_id = CharField()
    currency = CharField()
    desk = CharField(allow_blank=True)
    book = CharField()
    type = CharField()
    failure = Failure(allow_null=True)
    frame = IntegerField(required=False, help_text="The frame that is explained")
    as_of = DateTimeField(required=False)
    valuation_date = DateField(required=False)
    start = ExplainStart(required=False)
    terms = DictField(
        child=FloatField(allow_null=True), required=False, help_text="As in /explain/"
    )
    delta = DictField(child=DictField(child=FloatField()), required=False)
    moves_bp = DictField(child=DictField(child=FloatField()), required=False)


class ExplainTradeView(TablesView):
    """Why the P&L of one trade is what it is since the previous close, or since a frame."""

    tables = EXPLAIN_TRADE

    @extend_schema(
        operation_id="explain_trade",
        parameters=[PERIOD, *answer_tables.parameters(EXPLAIN_TRADE)],
        responses=ExplainTrade,
    )
    def get(self, request: Request, trade_id: str) -> Response:
        """The terms of one trade in its currency, made when asked for; or why there are none."""
        parameters.known_only(request, "period", *answer_tables.FILE_PARAMETERS)
        self.asked(request)
        period, desks = period_of(request), self.desks(request)
        record = trades.on_request(request, trade_id, lambda: _of_trade(trade_id, desks, period))
        return self.answer(request, record, record["currency"])


def _of_trade(trade_id: str, desks: Collection[str] | None, period: PeriodName) -> Json | None:
    found = trades.in_sums(trade_id)
    record = trades.head(*found) if found is not None else None
    if found is None or record is None or not trades.seen(record, desks):
        return None
    names = ("trade_id", "currency", "desk", "book", "type")
    question = previews.ExplainQuestion(
        answer_key=previews.answer_key(uuid.uuid4().hex),
        currency=found[0].rollup.currency,
        trade_id=trade_id,
        period=period,
    )
    answer = previewer.ask(previews.EXPLAIN_TASK, question)
    return {**{name: record[name] for name in names}, "failure": None, **answer}


def explains(currencies: Sequence[str]) -> tuple[list[Explain], dict[str, int]]:
    """The newest explains, and the frames whose sums are published.

    Raises:
        NoExplainYet: There are none in these currencies.
        DependencyDown: Redis does not answer.
    """

    def ask() -> tuple[dict[str, Explain], dict[str, int]]:
        frames = source.frames()
        return ExplainStore(frames.client).of_all(currencies), frames.pointers(currencies)

    found, pointers = source.read(ask)
    if not found:
        source.rollups(tuple(currencies))  # says so, if there are no frames either
        raise NoExplainYet
    return list(found.values()), pointers
