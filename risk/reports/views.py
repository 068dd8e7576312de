"""Reports of stored days over REST: as JSON, CSV, XLSX or an HTML page."""

# Fields of a serializer are its documentation here:
# ruff: noqa: D101
# mypy: disable-error-code="type-arg"

from __future__ import annotations

import datetime as dt

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import (
    CharField,
    DateField,
    DateTimeField,
    DictField,
    JSONField,
    ListField,
)

from pricing.markets.conventions import CURRENCIES
from risk.api import parameters
from risk.api.schemas import Answer
from risk.api.views import RiskView
from risk.models import DayReport
from risk.reports.documents import Document, document
from risk.reports.results import NoReport, read
from risk.reports.tables import MAKERS, Asked, as_json, tables_of
from riskproject.web.openapi_errors import OWN_PROBLEMS
from riskproject.web.tables.answers import RENDERERS, FileRenderer

MOST_DAYS = 400
MARKET = parameters.parameter("market", "live, or the name of a replay; default: live")


class StoredReport(Answer):
    date = DateField()
    market = CharField()
    made = DateTimeField()


class Reports(Answer):
    reports = StoredReport(many=True)
    hint = CharField(help_text="The command that makes a report; empty if there are reports")


class ReportTable(Answer):
    name = CharField()
    title = CharField()
    amounts_in = CharField(allow_null=True)
    rows = ListField(
        child=DictField(child=JSONField(allow_null=True)),
        help_text="One object per row; null: could not be computed",
    )
    notes = ListField(child=CharField(), help_text="What is left out, or why the table is empty")


class Report(Answer):
    date = DateField()
    market = CharField()
    made = DateTimeField()
    amounts_in = CharField()
    tables = ReportTable(many=True)


class AsHtml(FileRenderer):
    """The page."""

    media_type, format = "text/html", "html"


CSV, XLSX = (one for one in RENDERERS if one.format in ("csv", "xlsx"))


class ReportsView(RiskView):
    """The days of which a report is stored."""

    @extend_schema(operation_id="reports", parameters=[MARKET], responses=Reports)
    def get(self, request: Request) -> Response:
        """The newest first."""
        parameters.known_only(request, "market")
        rows = DayReport.objects.filter(market=parameters.market(request)).order_by("-date")
        found = list(rows.values("date", "market", "made")[:MOST_DAYS])
        hint = "" if found else "run manage.py report --date DATE; manage.py closes lists the days"
        return Response({"reports": found, "hint": hint})


class ReportView(RiskView):
    """End-of-day risk, P&L explain, value at risk, limits and breaches by desk, of a stored day."""

    renderer_classes = (JSONRenderer, AsHtml, CSV, XLSX)

    @extend_schema(
        operation_id="report",
        parameters=[
            OpenApiParameter("date", OpenApiTypes.DATE, OpenApiParameter.PATH),
            MARKET,
            parameters.parameter("reporting_currency", "Default: USD", allowed=CURRENCIES),
            parameters.parameter(
                "table", "Table of a CSV file; default: risk", allowed=tuple(MAKERS)
            ),
        ],
        responses={
            (200, "application/json"): Report,
            (200, "text/html"): OpenApiResponse(str, description="An HTML page to mail or print"),
            (200, "text/csv"): OpenApiResponse(str, description="One table"),
            (200, XLSX.media_type): OpenApiResponse(
                bytes, description="A workbook with one sheet per table"
            ),
        },
        extensions={OWN_PROBLEMS: [404]},
    )
    def get(self, request: Request, date: str) -> Response:
        """Return the report of the user's desks; `format=html`, `csv` or `xlsx` gives a file."""
        parameters.known_only(request, "market", "reporting_currency", "table")
        reporting = parameters.text(request, "reporting_currency", CURRENCIES) or "USD"
        table = parameters.text(request, "table", tuple(MAKERS)) or "risk"
        asked = Asked(self.desks(request), reporting)
        try:
            results = read(_date(date), parameters.market(request))
        except NoReport as error:
            raise NotFound(f"date: {error}") from None
        form = str(request.accepted_renderer.format)
        try:
            if form != JSONRenderer.format:
                return _file(document(results, asked, form, table))
            tables = [as_json(one) for one in tables_of(results, asked)]
        except ValueError as error:
            raise ValidationError({"reporting_currency": str(error)}) from None
        return Response(
            {
                "date": results.date,
                "market": results.market,
                "made": results.made,
                "amounts_in": reporting,
                "tables": tables,
            }
        )

    def handle_exception(self, exc: Exception) -> Response:
        """Refusals are problem documents, whatever was asked for."""
        self.request.accepted_renderer = JSONRenderer()
        self.request.accepted_media_type = JSONRenderer.media_type
        return super().handle_exception(exc)


def _file(made: Document) -> Response:
    place = "inline" if made.name.endswith(".html") else "attachment"
    headers = {"Content-Disposition": f'{place}; filename="{made.name}"'}
    return Response(made.content, headers=headers, content_type=made.content_type)


def _date(word: str) -> dt.date:
    try:
        return dt.date.fromisoformat(word)
    except ValueError:
        raise NotFound(f"date: {word[:40]!r} is not a date such as 2024-03-05") from None
