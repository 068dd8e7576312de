"""CRIF rows and the charge for GIRR delta over REST, of live frames or of stored closes."""

# Fields of a serializer are its documentation here:
# ruff: noqa: D101
# mypy: disable-error-code="type-arg"

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any, cast

import msgspec
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import (
    CharField,
    DateField,
    DateTimeField,
    DictField,
    FloatField,
    IntegerField,
)

from pricing.markets.conventions import CURRENCIES
from risk.api import parameters, source
from risk.api.schemas import Answer
from risk.api.views import TablesView
from risk.explain.frame_closes import NoClose, closes_on, frame_of
from risk.sensitivities import rows as query
from risk.store.results import Rollup
from riskproject.web.openapi_errors import OWN_PROBLEMS
from riskproject.web.tables import answers as answer_tables
from riskproject.web.tables.answers import AnswerTable, Column, columns_of, without_units

Json = dict[str, Any]

FRAMES = [
    parameters.CURRENCY,
    parameters.parameter(
        "date", "Of the stored closes; default: the frames published now", OpenApiTypes.DATE
    ),
    parameters.parameter("market", "live, or the name of a replay; default: live; with date"),
    parameters.parameter(
        "ladder",
        "Which is mapped to the tenors: zero (tents on zero rates; default) or par (quotes)",
        allowed=tuple(query.LADDERS),
    ),
]
FRAME_NAMES = ("currency", "date", "market", "ladder")


class SensitivityStamp(Answer):
    currency = CharField()
    frame = IntegerField(help_text="Number of the frame")
    as_of = DateTimeField(help_text="The market's time")
    valuation_date = DateField(
        help_text="Earlier than the date that was asked for where that was a holiday"
    )
    book_version = CharField()
    curve_version = CharField()
    priced = IntegerField()
    total = IntegerField(help_text="Trades; those without a number are in no row")
    fx_usd = FloatField(allow_null=True, help_text="US dollars per unit; null: unknown")


class CrifRow(Answer):
    PortfolioID = CharField(allow_blank=True, help_text="The desk, or the book")
    ProductClass = CharField(allow_blank=True, help_text="Empty: it is of initial margin alone")
    RiskType = CharField(help_text="GIRR_DELTA")
    Qualifier = CharField(help_text="The currency")
    Bucket = CharField(allow_blank=True, help_text="Empty: the bucket is the currency")
    Label1 = CharField(help_text="Tenor in years: 0.25 to 30")
    Label2 = CharField(help_text="Name of the curve")
    Amount = FloatField(help_text="(V(+1 bp) - V) / 0.0001: -10,000 times the DV01")
    AmountCurrency = CharField()
    AmountUSD = FloatField(allow_null=True, help_text="By the frame's own FX; null: unknown")
    ValuationDate = DateField()
    Ladder = CharField(help_text="zero or par: which ladder was mapped")


class Crif(Answer):
    frames = SensitivityStamp(many=True)
    rows = CrifRow(many=True)


class GirrCurrency(Answer):
    currency = CharField()
    charge = FloatField(help_text="Of this currency alone")
    net = FloatField(help_text="Sum of its weighted sensitivities")


class GirrScenario(Answer):
    charge = FloatField()
    currencies = GirrCurrency(many=True)


class GirrCharge(Answer):
    charge = FloatField(help_text="The largest of the three scenarios; reporting currency")
    scenario = CharField(help_text="Which it is of: low, medium or high correlations")
    scenarios = DictField(child=GirrScenario(), help_text="By low, medium and high")


class GirrDesk(GirrCharge):
    desk = CharField(allow_blank=True)


class Girr(Answer):
    frames = SensitivityStamp(many=True)
    amounts_in = CharField()
    ladder = CharField()
    total = GirrCharge(help_text="Of all desks of the answer together")
    desks = GirrDesk(many=True)


def frames_asked_for(request: Request) -> list[Rollup]:
    """The closes of the date that is asked for, or the frames published now.

    Raises:
        NotFound: No close of that date is stored.
        NoFrameYet: Nothing is published.
        ValidationError: A parameter is wrong.
    """
    date = parameters.day(request, "date")
    currencies = parameters.currencies(request)
    if date is None:
        if request.query_params.get("market"):
            raise ValidationError({"market": "market: with date only; live frames have none"})
        return source.rollups(currencies)
    return closes_asked_for(date, currencies, parameters.market(request))


def closes_asked_for(date: dt.date, currencies: Sequence[str], market: str) -> list[Rollup]:
    """The closes of a date as frames.

    Raises:
        NotFound: None is stored, or another release stored one with other fields.
    """
    try:
        rows = closes_on(date, currencies, market)
    except NoClose as error:
        raise NotFound(f"date: {error}") from None
    try:
        return [frame_of(row) for row in rows.values()]
    except msgspec.MsgspecError:
        raise NotFound(f"date: another release stored the closes of {date}") from None


def _charges(answer: Json) -> Iterator[Json]:
    """A row for each desk, scenario and currency; the total has the desk ``total``."""
    money = {"amounts_in": answer["amounts_in"]}
    for each in ({**answer["total"], "desk": "total"}, *answer["desks"]):
        for name, scenario in each["scenarios"].items():
            head = {**money, "desk": each["desk"], "scenario": name, "of_all": scenario["charge"]}
            for row in scenario["currencies"]:
                yield {**head, **row}


_FRAMES = AnswerTable(columns_of(SensitivityStamp), itemgetter("frames"))
CRIF = {
    "rows": AnswerTable(without_units(columns_of(CrifRow)), itemgetter("rows")),
    "frames": _FRAMES,
}
"""Tables of the answer; the columns of rows have the names of the format."""

MONEY = "trade currency"
GIRR = {
    "desks": AnswerTable(
        (Column("desk"), Column("scenario"), Column("charge", MONEY)),
        lambda answer: ({**answer["total"], "desk": "total"}, *answer["desks"]),
    ),
    "scenarios": AnswerTable(
        (
            *(Column("desk"), Column("scenario"), Column("amounts_in"), Column("of_all", MONEY)),
            *(Column("currency"), Column("charge", MONEY), Column("net", MONEY)),
        ),
        _charges,
    ),
    "frames": _FRAMES,
}


class CrifView(TablesView):
    """Sensitivities as rows of the Common Risk Interchange Format."""

    tables = CRIF

    @extend_schema(
        operation_id="crif",
        parameters=[
            *FRAMES,
            parameters.parameter("by", "Default: desk", allowed=query.PORTFOLIOS),
            *answer_tables.parameters(CRIF),
        ],
        responses=Crif,
        extensions={OWN_PROBLEMS: [404]},
    )
    def get(self, request: Request) -> Response:
        """A row a tenor, curve, currency and desk or book, of the desks that the user may see."""
        parameters.known_only(request, *FRAME_NAMES, "by", *answer_tables.FILE_PARAMETERS)
        ladder = _ladder(request)
        by = parameters.text(request, "by", query.PORTFOLIOS) or "desk"
        rollups = frames_asked_for(request)
        rows = query.crif(rollups, ladder, by, self.desks(request))
        stamps = [query.stamp(rollup) for rollup in rollups]
        return self.answer(request, {"frames": stamps, "rows": rows})


class GirrView(TablesView):
    """The charge for the delta of general interest rate risk, by desk."""

    tables = GIRR

    @extend_schema(
        operation_id="girr_delta",
        parameters=[
            *FRAMES,
            parameters.parameter(
                "reporting_currency", "The bank's own; default: USD", allowed=CURRENCIES
            ),
            *answer_tables.parameters(GIRR),
        ],
        responses=Girr,
        extensions={OWN_PROBLEMS: [404]},
    )
    def get(self, request: Request) -> Response:
        """Each desk by itself and all desks that the user may see together, three scenarios."""
        names = (*FRAME_NAMES, "reporting_currency", *answer_tables.FILE_PARAMETERS)
        parameters.known_only(request, *names)
        ladder = _ladder(request)
        reporting = parameters.text(request, "reporting_currency", CURRENCIES) or "USD"
        rollups = frames_asked_for(request)
        try:
            found = query.charges(rollups, ladder, reporting, self.desks(request))
        except ValueError as error:
            raise ValidationError({"reporting_currency": str(error)}) from None
        return self.answer(
            request,
            {
                "frames": [query.stamp(rollup) for rollup in rollups],
                "amounts_in": reporting,
                "ladder": ladder,
                **found,
            },
            reporting,
        )


def _ladder(request: Request) -> query.Ladder:
    return cast(query.Ladder, parameters.text(request, "ladder", tuple(query.LADDERS)) or "zero")
