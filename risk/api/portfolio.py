"""Aggregated risk by group over REST."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from pricing.markets.conventions import CURRENCIES
from risk.api import parameters, schemas
from risk.api.answers import markets
from risk.api.answers.tables import PORTFOLIO
from risk.api.views import TablesView
from risk.queries import portfolio
from risk.queries.trade_detail import stamp
from riskproject.web.tables import answers as answer_tables


class PortfolioView(TablesView):
    """NPV, DV01 and ladders summed by group, of the frames published now or of a replay."""

    tables = PORTFOLIO

    @extend_schema(
        operation_id="risk_portfolio",
        parameters=[
            parameters.CURRENCY,
            markets.MARKET,
            parameters.listed("group_by", "Default: currency", portfolio.GROUPINGS),
            parameters.parameter(
                "reporting_currency", "Convert sums with the frames' own FX", allowed=CURRENCIES
            ),
            *answer_tables.parameters(PORTFOLIO),
        ],
        responses=schemas.Portfolio,
    )
    def get(self, request: Request) -> Response:
        """Sums by group; every frame that went in is named under `frames`."""
        names = ("currency", "market", "group_by", "reporting_currency")
        parameters.known_only(request, *names, *answer_tables.FILE_PARAMETERS)
        groups = parameters.choices(request, "group_by", portfolio.GROUPINGS) or ["currency"]
        reporting = parameters.text(request, "reporting_currency", CURRENCIES) or None
        rollups = markets.rollups(request)
        try:
            rows = portfolio.portfolio(rollups, groups, reporting, self.desks(request))
            fx = {r.currency: portfolio.conversion(r, reporting) for r in rollups if reporting}
        except ValueError as error:
            raise ValidationError({"reporting_currency": str(error)}) from None
        return self.answer(
            request,
            {
                "frames": [stamp(rollup) for rollup in rollups],
                "fx": fx,
                "groups": rows,
            },
            reporting,
        )
