"""The curves of the frames published now over REST; unchanged ones answer 304."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from pricing.errors import shortened
from pricing.markets import conventions
from risk.api import parameters, schemas, source
from risk.api.answers import markets
from risk.api.answers.tables import CURVES
from risk.api.views import TablesView
from risk.models import LIVE
from risk.queries.curves import EPOCH, FrameCurves, NoNodes, curves_of, meeting_forwards
from risk.queries.trade_detail import by_curve, stamp
from risk.store.results import Rollup
from riskproject.web.tables import answers as answer_tables

Json = dict[str, Any]


class CurvesView(TablesView):
    """The curves of the frames published now."""

    tables = CURVES

    @extend_schema(
        operation_id="curves",
        parameters=[parameters.CURRENCY, markets.MARKET, *answer_tables.parameters(CURVES)],
        responses=schemas.Curves,
    )
    def get(self, request: Request) -> Response:
        """Quotes, zero rates and discount factors at the nodes of every curve."""
        parameters.known_only(request, "currency", "market", *answer_tables.FILE_PARAMETERS)
        found = [row for rollup in markets.rollups(request) for row in published_curves(rollup)]
        return self.answer(request, {"curves": found})


class CurveView(TablesView):
    """One curve."""

    tables = CURVES

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
            markets.MARKET,
            *answer_tables.parameters(CURVES),
        ],
        responses={
            200: schemas.Curve,
            304: OpenApiResponse(description="The curve has not changed"),
        },
    )
    def get(self, request: Request, curve: str) -> Response:
        """Quotes, zero rates and discount factors; the ETag is the curve version."""
        parameters.known_only(request, "market", *answer_tables.FILE_PARAMETERS)
        self.asked(request)
        market = parameters.market(request)
        row = conventions.CURVES.get(curve)
        if row is None:
            known = ", ".join(conventions.CURVES)
            shown = shortened(repr(curve))
            raise NotFound(f"curve: {shown} does not exist; there are: {known}")
        (rollup,) = (
            source.rollups((row.currency,))
            if market == LIVE
            else markets.rollups_of(market, (row.currency,))
        )
        # Weak: the same curve in a later frame has another age.
        tag = f'W/"{rollup.curve_version}"'
        if tag in parse_etags(request.headers.get("If-None-Match", "")):
            return Response(status=304, headers={"ETag": tag})
        for found in published_curves(rollup):
            if found["curve"] == curve:
                response = self.answer(request, found)
                response["ETag"] = tag
                return response
        raise NotFound(f"curve: the feed sends no {curve}")


def published_curves(rollup: Rollup) -> list[Json]:
    """The curves of a frame, as answers have them."""
    zeros = by_curve(rollup.keys, rollup.zero_rates)
    options = source.options()
    found = _frame_curves(rollup)
    dates, factors = _nodes(rollup, found)
    none: list[float | None] = [None] * len(rollup.keys)
    residuals = by_curve(rollup.keys, rollup.residuals_bp or none)
    weights = by_curve(rollup.keys, rollup.weights or none)
    fitted = {nodes.curve for nodes in rollup.nodes if nodes.unknowns < len(nodes.ends)}
    return [
        {
            "curve": name,
            "label": rollup.labels.get(name, ""),
            "interpolation": options.of(conventions.CURVES[name]),
            "fit": "least_squares" if name in fitted else "exact",
            "nodes": [
                {
                    "tenor": tenor,
                    "date": dates.get(name, {}).get(tenor),
                    "quote": rollup.curves[name][tenor],
                    "zero_rate": rate,
                    "discount_factor": factors.get(name, {}).get(tenor),
                    "residual_bp": residuals[name][tenor],
                    "weight": weights[name][tenor] if name in fitted else None,
                }
                for tenor, rate in rates.items()
            ],
            "meetings": _meetings(found, name) if found is not None else [],
            "warnings": [
                {
                    "quote": warning.quote,
                    "check": warning.check,
                    "value": warning.value,
                    "limit": warning.limit,
                    "message": warning.message,
                }
                for warning in rollup.warnings
                if warning.curve == name
            ],
            "stamp": stamp(rollup),
        }
        for name, rates in zeros.items()
    ]


def _meetings(found: FrameCurves, curve: str) -> list[Json]:
    """Forward rates from decision to decision of the curve's central bank, and their steps."""
    forwards = meeting_forwards(found, curve)
    before: list[float | None] = [None, *(each.rate for each in forwards)]
    return [
        {
            "announced": each.announced,
            "start": each.start,
            "end": each.end,
            "forward_rate": each.rate,
            "step_bp": None if last is None else (each.rate - last) * 1e4,
        }
        for each, last in zip(forwards, before, strict=False)
    ]


def _frame_curves(rollup: Rollup) -> FrameCurves | None:
    """The curves of a frame; None when it has no nodes."""
    try:
        return curves_of(rollup, source.options())
    except NoNodes:
        return None


def _nodes(rollup: Rollup, curves: FrameCurves | None) -> tuple[Json, Json]:
    """Dates and discount factors by curve and tenor; empty when the frame has no nodes."""
    if curves is None:
        return {}, {}
    factors = by_curve(rollup.keys, curves.at_quotes())
    dates: Json = {}
    for (curve, tenor), day in zip(rollup.keys, rollup.node_days, strict=True):
        dates.setdefault(curve, {})[tenor] = EPOCH + dt.timedelta(days=day)
    return dates, factors
