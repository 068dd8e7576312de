"""Price a scenario that is not stored, over REST."""

# Fields of a serializer are its documentation here:
# ruff: noqa: D101
# mypy: disable-error-code="type-arg"

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import msgspec
import numpy as np
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import CharField, ChoiceField, FloatField

from instruments.api.refusals import refuse_unknown
from pricing.errors import BadInput, shortened
from pricing.scenarios import definition
from pricing.scenarios.definition import COLUMNS, Scenario, from_rows
from risk.api import parameters, previewer
from risk.api.preview import CannotBePriced
from risk.api.schemas import Answer
from risk.scenarios import answers
from risk.scenarios.messages import ScenarioFrame
from risk.scenarios.store import NOT_STORED, QUEUE
from risk.scenarios.views import SCOPE, SCOPE_NAMES, STRESS, ScenariosView, Stress
from risk.store import previews
from riskproject.web.tables import answers as answer_tables
from riskproject.web.tables.answers import AnswerTable, columns_of

Json = dict[str, Any]

MAX_ROWS = 200
FIELDS = ("scenario", "rows")
ROW = tuple(name for name in COLUMNS if name != "scenario")
NO_FRAME_OF_IT = "no frame of it is published"
EXAMPLE = (
    'send {"scenario": "oil shock", "rows": [{"space": "par", "currency": "USD", '
    '"shape": "points", "tenor": "2Y", "move_bp": 40}]}'
)


class ShockRow(Answer):
    space = ChoiceField(choices=definition.SPACES)
    currency = CharField(required=False, allow_blank=True, help_text="Empty: all currencies")
    curve = CharField(required=False, allow_blank=True, help_text="Empty: all of the currency")
    shape = ChoiceField(choices=definition.SHAPES)
    tenor = CharField(required=False, allow_blank=True, help_text="Empty for a parallel move")
    move_bp = FloatField(help_text="Basis points")


class Shock(Answer):
    scenario = CharField(max_length=definition.MAX_NAME, help_text="A name for the answer")
    rows = ShockRow(many=True, help_text=f"1 to {MAX_ROWS}; they add up")


class KeyMove(Answer):
    currency = CharField()
    curve = CharField()
    tenor = CharField(help_text="Or another id of a quote")
    quote = FloatField(help_text="Decimal, of the frame")
    zero_rate = FloatField(help_text="Continuous, at the end of the quote; decimal")
    move_bp = FloatField(
        allow_null=True,
        help_text="Added to the quote, or to the zero rate where that is the scenario's space",
    )


class PricedShock(Stress):
    moves = KeyMove(many=True)


PRICED = {**STRESS, "moves": AnswerTable(columns_of(KeyMove), itemgetter("moves"))}


class PriceView(ScenariosView):
    """A scenario that is not stored, by full revaluation of the newest frames."""

    tables = PRICED

    @extend_schema(
        operation_id="risk_scenarios_price",
        parameters=[*SCOPE, *answer_tables.parameters(PRICED)],
        request=Shock,
        responses=PricedShock,
    )
    def post(self, request: Request) -> Response:
        """P&L by group beside its approximations, and the moves by quote; stores nothing."""
        parameters.known_only(request, *SCOPE_NAMES, *answer_tables.FILE_PARAMETERS)
        self.asked(request)
        scope, group_by = self.scope(request)
        rows = _asked(request.data)
        scenario = _checked(rows)
        with previewer.slot_of(request.user.pk):
            frame = _priced(rows)
        try:
            found = answers.stress(frame, scope, group_by)
        except ValueError as error:
            raise ValidationError({"reporting_currency": str(error)}) from None
        found["excluded"] += _without_frame(scenario, frame, scope)
        answer = {**found, "moves": _moves(frame, scope)}
        return self.answer(request, answer, answer["amounts_in"])


def _asked(body: object) -> list[dict[str, str]]:
    """The rows of a request as texts, each with the name of the scenario.

    Raises:
        ValidationError: It is no object with a name and rows.
    """
    if not isinstance(body, dict):
        raise ValidationError({"rows": [EXAMPLE]})
    refuse_unknown(body, FIELDS, "field")
    name, rows = body.get("scenario", ""), body.get("rows")
    try:
        definition.checked_name(name if isinstance(name, str) else "")
    except BadInput as error:
        raise ValidationError({"scenario": [str(error)]}) from None
    if not isinstance(rows, list) or not 0 < len(rows) <= MAX_ROWS:
        raise ValidationError({"rows": [f"rows: a list of 1 to {MAX_ROWS} rows; {EXAMPLE}"]})
    return [{"scenario": name, **_cells(number, row)} for number, row in enumerate(rows, start=1)]


def _cells(number: int, row: object) -> dict[str, str]:
    if not isinstance(row, dict):
        raise ValidationError({"rows": [f"row {number}: an object is needed; {EXAMPLE}"]})
    unknown = [str(name) for name in row if name not in ROW]
    if unknown:
        word = shortened(repr(unknown[0]))
        sentence = f"row {number}: there is no field {word}; allowed: {', '.join(ROW)}"
        raise ValidationError({"rows": [sentence]})
    return {name: _text(number, name, row.get(name)) for name in ROW}


def _text(number: int, name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    if name == "move_bp" and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    word, needed = shortened(repr(value)), "a number" if name == "move_bp" else "a text"
    sentence = f"row {number}, {name}: {word} is not valid; {needed} is needed"
    raise ValidationError({"rows": [sentence]})


def _checked(rows: Sequence[Mapping[str, str]]) -> Scenario:
    try:
        (scenario,) = from_rows(enumerate(rows, start=1), NOT_STORED)
    except BadInput as error:
        raise ValidationError({"rows": [str(error)]}) from None
    return scenario


def _priced(rows: list[dict[str, str]]) -> ScenarioFrame:
    """Ask the process of the scenarios.

    Raises:
        CannotBePriced: It says why.
        ScenariosBusy: It did not answer in time.
        DependencyDown: Redis does not answer.
    """
    question = previews.ShockQuestion(answer_key=previews.answer_key(uuid.uuid4().hex), rows=rows)
    found = previewer.ask(previews.SHOCK_TASK, question, queue=QUEUE)
    if "failure" in found:
        raise CannotBePriced(found["failure"]["message"], code=found["failure"]["code"])
    return msgspec.convert(found["frame"], ScenarioFrame, str_keys=True)


def _without_frame(
    scenario: Scenario, frame: ScenarioFrame, scope: answers.Scope
) -> list[dict[str, str]]:
    """Currencies that the shock names and that no published frame is of."""
    named = {shock.currency for shock in scenario.shocks if shock.currency}
    lost = named - set(frame.currencies) - set(frame.unavailable)
    asked = scope.labels.get("currency", lost)
    return [{"currency": name, "reason": NO_FRAME_OF_IT} for name in sorted(lost) if name in asked]


def _moves(frame: ScenarioFrame, scope: answers.Scope) -> list[Json]:
    """What each quote, or zero rate, of the scope's currencies is moved by."""
    asked = scope.labels.get("currency", frame.currencies)
    return [
        {
            "currency": currency,
            "curve": curve,
            "tenor": tenor,
            "quote": quote,
            "zero_rate": zero_rate,
            "move_bp": move if np.isfinite(move) else None,
        }
        for currency, found in frame.currencies.items()
        if currency in asked and found.keys
        for (curve, tenor), quote, zero_rate, move in zip(
            found.keys,
            np.frombuffer(found.quotes).tolist(),
            np.frombuffer(found.zero_rates).tolist(),
            found.moves_bp(0).tolist(),
            strict=True,
        )
    ]
