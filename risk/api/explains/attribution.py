"""The stored P&L attribution test over REST."""

# Fields of a serializer are its documentation here:
# ruff: noqa: D101
# mypy: disable-error-code="type-arg"

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import (
    CharField,
    DateField,
    DateTimeField,
    FloatField,
    IntegerField,
    ListField,
)

from risk.api import parameters
from risk.api.schemas import Answer
from risk.api.views import RiskView
from risk.explain.attribution_runs import NoAttribution, answer
from riskproject.web.openapi_errors import OWN_PROBLEMS


class AttributionDayAnswer(Answer):
    date = DateField()
    hpl = FloatField(allow_null=True, help_text="Hypothetical P&L; null: no number")
    rtpl = FloatField(allow_null=True, help_text="Risk-theoretical P&L; null: no number")


class AttributionDesk(Answer):
    desk = CharField(allow_blank=True)
    days = IntegerField(help_text="With fewer than days_of_the_zones the zone is less reliable")
    spearman = FloatField(allow_null=True, help_text="Rank correlation of HPL and RTPL")
    ks = FloatField(allow_null=True, help_text="Kolmogorov-Smirnov distance of HPL and RTPL")
    zone = CharField(allow_null=True, help_text="green, amber or red (Basel MAR32)")
    reason = CharField(allow_null=True, help_text="Why a number is missing; else null")
    series = AttributionDayAnswer(
        many=True, help_text="Every day, oldest first; only with series=true"
    )


class AttributionAnswer(Answer):
    made = DateTimeField()
    amounts_in = CharField()
    days_of_the_zones = IntegerField()
    desks = AttributionDesk(many=True)
    notes = ListField(
        child=CharField(),
        help_text="What is left out; trades and desks only for users who may see all desks",
    )


class AttributionView(RiskView):
    """How closely risk-theoretical P&L follows hypothetical P&L, by desk."""

    @extend_schema(
        operation_id="risk_pla",
        parameters=[
            parameters.parameter(
                "series", "true: HPL and RTPL of every day", allowed=("true", "false")
            ),
        ],
        responses=AttributionAnswer,
        extensions={OWN_PROBLEMS: [404]},
    )
    def get(self, request: Request) -> Response:
        """Correlation, distance and zone of the last P&L attribution test of the whole book."""
        parameters.known_only(request, "series")
        try:
            return Response(answer(self.desks(request), series=parameters.flag(request, "series")))
        except NoAttribution as error:
            raise NotFound(str(error)) from None
