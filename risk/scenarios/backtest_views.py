"""The stored backtest over REST."""

# Fields of a serializer are its documentation here:
# ruff: noqa: D101
# mypy: disable-error-code="type-arg"

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import (
    BooleanField,
    CharField,
    DateField,
    DateTimeField,
    FloatField,
    IntegerField,
    ListField,
)

from pricing.errors import BadInput
from pricing.scenarios.tail import tail_count
from risk.api import parameters
from risk.api.schemas import Answer
from risk.api.views import RiskView
from risk.scenarios.backtest_runs import NoBacktest, answer
from riskproject.web.openapi_errors import OWN_PROBLEMS

LEVEL = "99"


class BacktestDayAnswer(Answer):
    date = DateField()
    evening = DateField(help_text="The evening before, of which the value at risk is")
    pnl = FloatField(help_text="Hypothetical P&L; a loss is negative")
    var = FloatField(help_text="Positive for a loss")
    exception = BooleanField(help_text="The day lost more than the value at risk")


class BacktestResult(Answer):
    days = IntegerField(help_text="With fewer than days_of_the_zones the zone is less reliable")
    zone = CharField(help_text="green, amber or red (Basel MAR32)")
    exceptions = BacktestDayAnswer(many=True)
    series = BacktestDayAnswer(many=True, help_text="Every day; only with series=true")


class BacktestDesk(BacktestResult):
    desk = CharField(allow_blank=True)


class BacktestAnswer(Answer):
    level = CharField(help_text="Percent")
    made = DateTimeField()
    amounts_in = CharField()
    days_of_the_zones = IntegerField()
    desks = BacktestDesk(many=True)
    firm = BacktestResult(allow_null=True, help_text="null for users who may not see all desks")
    notes = ListField(
        child=CharField(), help_text="What is left out; only for users who may see all desks"
    )


class BacktestView(RiskView):
    """Days that lost more than the value at risk of the evening before, by desk."""

    @extend_schema(
        operation_id="risk_backtest",
        parameters=[
            parameters.parameter("level", f"Percent; default: {LEVEL}"),
            parameters.parameter(
                "series", "true: every day, not only the exceptions", allowed=("true", "false")
            ),
        ],
        responses=BacktestAnswer,
        extensions={OWN_PROBLEMS: [404]},
    )
    def get(self, request: Request) -> Response:
        """The traffic light and the exceptions of the last backtest of the whole book."""
        parameters.known_only(request, "level", "series")
        level = parameters.text(request, "level") or LEVEL
        try:
            tail_count(1, level)
            return Response(
                answer(level, self.desks(request), series=parameters.flag(request, "series"))
            )
        except BadInput as error:
            raise ValidationError({"level": str(error)}) from None
        except NoBacktest as error:
            raise NotFound(str(error)) from None
