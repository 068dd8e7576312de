"""Stress scenarios of one trade over REST, computed on request."""

# Fields of a serializer are its documentation here:
# ruff: noqa: D101
# mypy: disable-error-code="type-arg"

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import (
    CharField,
    DateField,
    DateTimeField,
    IntegerField,
)

from risk.api import parameters, previewer, trades
from risk.api.answers.tables import OF_TRADE
from risk.api.schemas import Answer, Failure
from risk.api.views import TablesView
from risk.queries import trade_detail
from risk.queries.trade_detail import FrameMoved
from risk.scenarios.views import APPROXIMATIONS, MONEY, ScenarioRow
from risk.store import previews
from risk.store.frames import BOOK_GONE
from riskproject.web.tables import answers as answer_tables
from riskproject.web.tables.answers import AnswerTable, Column

Json = dict[str, Any]
HEAD = ("trade_id", "currency", "desk", "book", "type")


class TradeScenario(ScenarioRow):
    reason = CharField(allow_null=True, help_text="Why there is no P&L; else null")


class TradeStress(Answer):
    trade_id = CharField()
    currency = CharField()
    desk = CharField(allow_blank=True)
    book = CharField()
    type = CharField()
    frame = IntegerField(help_text="The frame that gives quotes and book")
    as_of = DateTimeField(help_text="The market's time of that frame")
    valuation_date = DateField()
    book_version = CharField()
    failure = Failure(allow_null=True, help_text="Why the trade has no number; else null")
    scenarios = TradeScenario(many=True)


def _rows(answer: Json) -> Iterator[Json]:
    head = {name: answer[name] for name in HEAD}
    for row in answer["scenarios"]:
        yield {**head, **row}


STRESS_TRADE = {
    "scenarios": AnswerTable(
        (
            *OF_TRADE,
            *map(Column, ("desk", "book", "type", "scenario", "title", "set", "space", "source")),
            *(Column("pnl", MONEY), *APPROXIMATIONS, Column("reason"), Column("not_quoted")),
        ),
        _rows,
    )
}


class StressTradeView(TablesView):
    """Stress scenarios of one trade by full revaluation, beside their approximations."""

    tables = STRESS_TRADE

    @extend_schema(
        operation_id="risk_scenarios_trade",
        parameters=answer_tables.parameters(STRESS_TRADE),
        responses=TradeStress,
    )
    def get(self, request: Request, trade_id: str) -> Response:
        """P&L of one trade by scenario on the quotes of the newest sums, in its currency."""
        parameters.known_only(request, *answer_tables.FILE_PARAMETERS)
        self.asked(request)
        desks = self.desks(request)
        record = trades.on_request(request, trade_id, lambda: _of_trade(trade_id, desks))
        return self.answer(request, record, record["currency"])


def _of_trade(trade_id: str, desks: Collection[str] | None) -> Json | None:
    """The answer; None for a trade that the user may not see.

    Raises:
        FrameMoved: The book has been retired meanwhile.
        PreviewerBusy: No previewer answered in time.
    """
    found = trades.in_sums(trade_id)
    record = trades.head(*found) if found is not None else None
    if found is None or record is None or not trades.seen(record, desks):
        return None
    view, _, place = found
    answer: Json = {
        **{name: record[name] for name in HEAD},
        "frame": view.rollup.frame,
        "as_of": view.rollup.as_of,
        "valuation_date": view.rollup.valuation_date,
        "book_version": view.rollup.book_version,
        "failure": None,
        "scenarios": [],
    }
    reason = trades.without_number(*found)
    if place is None or reason is not None:
        code, message = reason or trade_detail.LATE
        return {**answer, "failure": {"code": code, "message": message}}
    asked = previewer.ask(previews.STRESS_TASK, trades.trade_question(view, place))
    failure = asked.get("failure")
    if failure is not None and failure["code"] == BOOK_GONE:
        raise FrameMoved(failure["message"])
    return {
        **answer,
        "failure": failure and {name: failure[name] for name in ("code", "message")},
        "scenarios": asked.get("scenarios", []),
    }
