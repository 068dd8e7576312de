"""Sums by group over REST."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from pricing import sums
from pricing.api import parameters, schemas, source
from pricing.api.views import RiskView
from pricing.core.conventions import CURRENCIES


class PortfolioView(RiskView):
    """NPV, DV01 and ladders summed by group, of the frames published now."""

    @extend_schema(
        operation_id="risk_portfolio",
        parameters=[
            parameters.CURRENCY,
            parameters.listed("group_by", "Default: currency", sums.GROUPINGS),
            parameters.parameter(
                "reporting_currency", "Convert sums with the frames' own FX", allowed=CURRENCIES
            ),
        ],
        responses=schemas.Portfolio,
    )
    def get(self, request: Request) -> Response:
        """Sums by group; every frame that went in is named under `frames`."""
        parameters.known_only(request, "currency", "group_by", "reporting_currency")
        groups = parameters.choices(request, "group_by", sums.GROUPINGS) or ["currency"]
        reporting = parameters.text(request, "reporting_currency", CURRENCIES) or None
        views = source.views(parameters.currencies(request))
        rollups = [view.rollup for view in views]
        try:
            rows = sums.portfolio(rollups, groups, reporting, self.desks(request))
            fx = {r.currency: sums.conversion(r, reporting) for r in rollups if reporting}
        except ValueError as error:
            raise ValidationError({"reporting_currency": str(error)}) from None
        return Response({"frames": [view.stamp() for view in views], "fx": fx, "groups": rows})
