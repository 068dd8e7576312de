"""The curves of the frames published now over REST; unchanged ones answer 304."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from pricing.markets import conventions
from risk.api import parameters, schemas, source
from risk.api.views import RiskView
from risk.queries.curves import EPOCH, NoNodes, curves_of
from risk.queries.trade_detail import by_curve, stamp
from risk.store.results import Rollup

Json = dict[str, Any]


class CurvesView(RiskView):
    """The curves of the frames published now."""

    @extend_schema(
        operation_id="curves", parameters=[parameters.CURRENCY], responses=schemas.Curves
    )
    def get(self, request: Request) -> Response:
        """Quotes, zero rates and discount factors at the nodes of every curve."""
        parameters.known_only(request, "currency")
        rollups = source.rollups(parameters.currencies(request))
        return Response({"curves": [row for rollup in rollups for row in _curves(rollup)]})


class CurveView(RiskView):
    """One curve."""

    @extend_schema(
        operation_id="curve",
        parameters=[
            OpenApiParameter(
                "curve",
                {"type": "string", "enum": list(conventions.CURVES)},
                OpenApiParameter.PATH,
            ),
            OpenApiParameter(
                "If-None-Match",
                str,
                OpenApiParameter.HEADER,
                description=("ETag of the response that the caller has"),
            ),
        ],
        responses={
            200: schemas.Curve,
            304: OpenApiResponse(description="The curve has not changed"),
        },
    )
    def get(self, request: Request, curve: str) -> Response:
        """Quotes, zero rates and discount factors; the ETag is the curve version."""
        row = conventions.CURVES.get(curve)
        if row is None:
            known = ", ".join(conventions.CURVES)
            raise NotFound(f"curve: {curve!r} does not exist; there are: {known}")
        (rollup,) = source.rollups((row.currency,))
        # Weak: the same curve in a later frame has another age.
        tag = f'W/"{rollup.curve_version}"'
        if tag in parse_etags(request.headers.get("If-None-Match", "")):
            return Response(status=304, headers={"ETag": tag})
        for found in _curves(rollup):
            if found["curve"] == curve:
                return Response(found, headers={"ETag": tag})
        raise NotFound(f"curve: the feed sends no {curve}")


def _curves(rollup: Rollup) -> list[Json]:
    zeros = by_curve(rollup.keys, rollup.zero_rates)
    dates, factors = _nodes(rollup)
    return [
        {
            "curve": name,
            "label": rollup.labels.get(name, ""),
            "nodes": [
                {
                    "tenor": tenor,
                    "date": dates.get(name, {}).get(tenor),
                    "quote": rollup.curves[name][tenor],
                    "zero_rate": rate,
                    "discount_factor": factors.get(name, {}).get(tenor),
                }
                for tenor, rate in rates.items()
            ],
            "stamp": stamp(rollup),
        }
        for name, rates in zeros.items()
    ]


def _nodes(rollup: Rollup) -> tuple[Json, Json]:
    """Dates and discount factors by curve and tenor; empty when the frame has no nodes."""
    try:
        curves = curves_of(rollup, source.options())
    except NoNodes:
        return {}, {}
    factors = by_curve(rollup.keys, np.exp(curves.x))
    dates: Json = {}
    for (curve, tenor), day in zip(rollup.keys, rollup.node_days, strict=True):
        dates.setdefault(curve, {})[tenor] = EPOCH + dt.timedelta(days=day)
    return dates, factors
