"""Value at risk and stress scenarios over REST."""

# Fields of a serializer are its documentation here:
# ruff: noqa: D101
# mypy: disable-error-code="type-arg"

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from operator import itemgetter
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import APIException, ValidationError
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

from pricing.errors import BadInput
from pricing.markets.conventions import CURRENCIES
from pricing.products.registry import PRODUCT_NAMES
from pricing.scenarios.tail import LEVELS, tail_count
from risk.api import parameters, source
from risk.api.answers.tables import AMOUNTS_IN
from risk.api.answers.tables import LABELS as LABEL_COLUMNS
from risk.api.schemas import Answer
from risk.api.views import TablesView
from risk.scenarios import answers
from risk.scenarios.messages import ScenarioFrame
from risk.scenarios.store import ScenarioStore
from riskproject.web.problems import RETRY_AFTER_S
from riskproject.web.tables import answers as answer_tables
from riskproject.web.tables.answers import AnswerTable, Column, columns_of

Json = dict[str, Any]

LABELS = ("desk", "book", "currency", "type")
MAX_LEVELS = 5


class NoScenariosYet(APIException):
    """No run has been published."""

    status_code = 503
    default_code = "no_scenarios"
    wait = RETRY_AFTER_S
    default_detail = (
        "No scenarios have been published yet: they follow the first frame if a worker of their"
        " queue is running (celery -A riskproject worker --queues scenarios)"
    )


class FrameInput(Answer):
    currency = CharField()
    frame = IntegerField(help_text="The frame that gives quotes and book")
    age_s = FloatField(help_text="Seconds since the frame was published")
    as_of = DateTimeField(help_text="The market's time of that frame")
    valuation_date = DateField()
    book_version = CharField()
    fx_usd = FloatField(allow_null=True, help_text="US dollars per unit; null: unknown")
    trades = IntegerField(help_text="Trades of the groups in this answer")
    failed = IntegerField(help_text="Of these, trades that are not included")


class ScenarioStamp(Answer):
    number = IntegerField(help_text="Number of the run; only increases")
    age_s = FloatField(help_text="Seconds since the run ended")
    stale = BooleanField(help_text="Whether the run is older than three cadences")
    every_s = FloatField(help_text="The cadence of runs")
    took_ms = FloatField()
    inputs = FrameInput(many=True)
    unavailable = DictField(
        child=CharField(), help_text="Reason why a currency is missing, by currency"
    )


class HistoryOfCurrency(Answer):
    currency = CharField()
    holidays = IntegerField(help_text="Days on which it has no close and moves by 0")
    interpolated = IntegerField(help_text="Moves interpolated between neighbouring tenors")
    proxies = DictField(child=CharField(), help_text="Proxy of each curve without its own history")
    without_history = ListField(child=CharField(), help_text="Curves that move by 0")
    days_without_curves = DictField(child=CharField(), help_text="Why a day has no P&L")


class HistoryRange(Answer):
    scenarios = IntegerField()
    first_day = DateField(allow_null=True)
    last_day = DateField(allow_null=True)
    moves = CharField(help_text="absolute or relative")
    left_out = DictField(child=CharField(), help_text="Days left out, with the reason")
    currencies = HistoryOfCurrency(many=True)
    reason = CharField(help_text="Why there are no historical scenarios; empty when there are")


class TailDay(Answer):
    date = DateField()
    pnl = FloatField()
    by_curve = DictField(
        child=FloatField(),
        allow_null=True,
        help_text="P&L of the moves of one curve only; null if the run did not compute it",
    )


class TotalLevel(Answer):
    level = CharField(help_text="Percent")
    var = FloatField(help_text="Positive for a loss")
    expected_shortfall = FloatField(help_text="Positive for a loss")
    tail = TailDay(many=True)


class Total(Answer):
    scenarios = IntegerField(help_text="Days with a P&L in every group of the answer")
    trades = IntegerField()
    failed = IntegerField(help_text="Trades that are not included")
    levels = TotalLevel(many=True)


class GroupLevel(Answer):
    level = CharField(help_text="Percent")
    var = FloatField()
    expected_shortfall = FloatField()
    component_expected_shortfall = FloatField(
        help_text="Share of the total's expected shortfall; the groups' shares add up to it"
    )


class VarGroup(Answer):
    desk = CharField(required=False)
    book = CharField(required=False)
    currency = CharField(required=False)
    type = CharField(required=False)
    trades = IntegerField()
    failed = IntegerField()
    levels = GroupLevel(many=True)


class Excluded(Answer):
    currency = CharField()
    reason = CharField()


class DayPnl(Answer):
    date = DateField()
    pnl = FloatField()


class ValueAtRisk(Answer):
    stamp = ScenarioStamp()
    history = HistoryRange()
    amounts_in = CharField()
    group_by = CharField()
    excluded = Excluded(many=True)
    total = Total(allow_null=True)
    groups = VarGroup(many=True)
    days = DayPnl(many=True)


class Approximation(Answer):
    delta = FloatField(allow_null=True, help_text="By ladders alone")
    delta_gamma = FloatField(
        allow_null=True, help_text="With the second-order effect along the move"
    )


class StressGroup(Answer):
    desk = CharField(required=False)
    book = CharField(required=False)
    currency = CharField(required=False)
    type = CharField(required=False)
    pnl = FloatField(allow_null=True)
    approximation = Approximation()


class ScenarioRow(Answer):
    scenario = CharField()
    title = CharField()
    set = CharField(help_text="With its version")
    space = CharField(help_text="par or zero")
    # A field's own attribute is called so too, but a declared field is not on the class:
    source = CharField()  # type: ignore[assignment]
    pnl = FloatField(allow_null=True, help_text="By full revaluation")
    approximation = Approximation()
    not_quoted = ListField(
        child=CharField(), help_text="Key rates and curves that it names and that have no quote"
    )


class StressScenario(ScenarioRow):
    groups = StressGroup(many=True)
    reasons = DictField(child=CharField(), help_text="Why there is no P&L, by currency")


class Stress(Answer):
    stamp = ScenarioStamp()
    amounts_in = CharField()
    group_by = CharField()
    excluded = Excluded(many=True)
    scenarios = StressScenario(many=True)


def _levels_of(answer: Json) -> Iterator[Json]:
    """A row for each group and level, the total first."""
    whole = [{**answer["total"], "group": "total"}] if answer["total"] else []
    groups = [{**each, "group": each[answer["group_by"]]} for each in answer["groups"]]
    for each in (*whole, *groups):
        for level in each["levels"]:
            yield {"amounts_in": answer["amounts_in"], **each, **level}


def _tail_of(answer: Json) -> Iterator[Json]:
    for level in answer["total"]["levels"] if answer["total"] else ():
        for day in level["tail"]:
            yield {"level": level["level"], **day}


def _groups_of(answer: Json) -> Iterator[Json]:
    for each in answer["scenarios"]:
        for group in each["groups"]:
            yield {"scenario": each["scenario"], "amounts_in": answer["amounts_in"], **group}


MONEY = "trade currency"
APPROXIMATIONS = (
    Column("approximation.delta", MONEY),
    Column("approximation.delta_gamma", MONEY),
)
EXCLUDED = AnswerTable(columns_of(Excluded), itemgetter("excluded"))
INPUTS = AnswerTable(columns_of(FrameInput), lambda answer: answer["stamp"]["inputs"])
OF_LEVEL = ("var", "expected_shortfall", "component_expected_shortfall", "trades", "failed")
VAR = {
    "levels": AnswerTable(
        (Column("group"), Column("level"), AMOUNTS_IN, *map(Column, OF_LEVEL)), _levels_of
    ),
    "days": AnswerTable(columns_of(DayPnl), itemgetter("days")),
    "tail": AnswerTable((Column("level"), *columns_of(TailDay)), _tail_of),
    "excluded": EXCLUDED,
    "inputs": INPUTS,
}
STRESS = {
    "scenarios": AnswerTable(
        (
            *(Column(name) for name in ("scenario", "title", "set", "space", "source", "pnl")),
            *APPROXIMATIONS,
            *(Column(name) for name in ("reasons", "not_quoted")),
        ),
        itemgetter("scenarios"),
    ),
    "groups": AnswerTable(
        (Column("scenario"), *LABEL_COLUMNS, AMOUNTS_IN, Column("pnl"), *APPROXIMATIONS), _groups_of
    ),
    "excluded": EXCLUDED,
    "inputs": INPUTS,
}

SCOPE = [
    parameters.parameter("currency", "Only this currency", allowed=CURRENCIES),
    parameters.parameter("desk", "Only this desk"),
    parameters.parameter("book", "Only this book"),
    parameters.parameter("type", "Only this product", allowed=PRODUCT_NAMES),
    parameters.parameter("group_by", "Default: desk", allowed=answers.GROUPINGS),
    parameters.parameter("reporting_currency", "Default: USD", allowed=CURRENCIES),
]
SCOPE_NAMES = (*LABELS, "group_by", "reporting_currency")


@cache
def _store() -> ScenarioStore:
    return ScenarioStore(source.frames().client)


def current() -> ScenarioFrame:
    """The results published now.

    Raises:
        NoScenariosYet: There are none.
        DependencyDown: Redis does not answer.
    """
    found = source.read(lambda: _store().current())
    if found is None:
        raise NoScenariosYet
    return found


class ScenariosView(TablesView):
    """What every view of scenarios reads from a request."""

    def scope(self, request: Request) -> tuple[answers.Scope, str]:
        """The groups that are asked for, within the user's desks, and the grouping."""
        labels = {
            "currency": parameters.text(request, "currency", CURRENCIES),
            "type": parameters.text(request, "type", PRODUCT_NAMES),
            "desk": parameters.text(request, "desk"),
            "book": parameters.text(request, "book"),
        }
        reporting = parameters.text(request, "reporting_currency", CURRENCIES) or "USD"
        scope = answers.Scope(
            desks=self.desks(request),
            labels={name: (word,) for name, word in labels.items() if word},
            reporting=reporting,
        )
        return scope, parameters.text(request, "group_by", answers.GROUPINGS) or "desk"


class VarView(ScenariosView):
    """Historical value at risk and expected shortfall by full revaluation."""

    tables = VAR

    @extend_schema(
        operation_id="risk_var",
        parameters=[
            *SCOPE,
            parameters.parameter("level", f"Percent, comma-separated; default: {','.join(LEVELS)}"),
            *answer_tables.parameters(VAR),
        ],
        responses=ValueAtRisk,
    )
    def get(self, request: Request) -> Response:
        """Tail days with their P&L by curve, components that add up, and what it was made from."""
        parameters.known_only(request, *SCOPE_NAMES, "level", *answer_tables.FILE_PARAMETERS)
        scope, group_by = self.scope(request)
        levels = _levels(request)
        try:
            found = answers.value_at_risk(current(), scope, group_by, levels)
        except ValueError as error:
            raise ValidationError({"reporting_currency": str(error)}) from None
        return self.answer(request, found, found["amounts_in"])


class StressView(ScenariosView):
    """Stress scenarios by full revaluation, beside their approximations."""

    tables = STRESS

    @extend_schema(
        operation_id="risk_scenarios",
        parameters=[*SCOPE, *answer_tables.parameters(STRESS)],
        responses=Stress,
    )
    def get(self, request: Request) -> Response:
        """P&L by scenario and group; what has none says why."""
        parameters.known_only(request, *SCOPE_NAMES, *answer_tables.FILE_PARAMETERS)
        scope, group_by = self.scope(request)
        try:
            found = answers.stress(current(), scope, group_by)
        except ValueError as error:
            raise ValidationError({"reporting_currency": str(error)}) from None
        return self.answer(request, found, found["amounts_in"])


def _levels(request: Request) -> tuple[str, ...]:
    words = tuple(dict.fromkeys(filter(None, parameters.text(request, "level").split(","))))
    if len(words) > MAX_LEVELS:
        raise ValidationError({"level": f"level: at most {MAX_LEVELS} levels"})
    for word in words:
        try:
            tail_count(1, word)
        except BadInput as error:
            raise ValidationError({"level": str(error)}) from None
    return words or LEVELS
