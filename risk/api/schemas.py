"""Response schemas, used for the OpenAPI document only; tests check the responses against them."""

# Fields of a serializer are its documentation here:
# ruff: noqa: D101
# mypy: disable-error-code="type-arg"

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rest_framework import serializers
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

from pricing.measures.table import BY_NAME, LIVE, LIVE_SUMMED, with_new_names
from risk.queries.trade_fields import FIELDS, TradeField


class Answer(serializers.Serializer):
    """Base of serializers that document answers and never validate."""


def money(text: str = "Trade currency") -> FloatField:
    """An amount that may be missing."""
    return FloatField(allow_null=True, help_text=text)


def ladder() -> DictField:
    """DV01 by curve and tenor."""
    return DictField(
        child=DictField(child=FloatField(allow_null=True)), help_text="By curve and tenor"
    )


class Stamp(Answer):
    currency = CharField()
    frame = IntegerField(help_text="Number of the frame; only rises")
    as_of = DateTimeField(help_text="The market's time")
    valuation_date = DateField()
    curve_version = CharField(help_text="Name of quotes, date and conventions")
    conventions = CharField(help_text="Hash of the currency's market conventions")
    book_version = CharField(help_text="Name of the compiled book")
    labels = DictField(child=CharField(), help_text="official, proxy or synthetic, by curve")
    status = CharField(help_text="COMPLETE or PARTIAL")
    priced = IntegerField()
    total = IntegerField()
    coverage = FloatField()
    age_s = FloatField(help_text="Seconds since publication")
    stale = BooleanField()
    fx_usd = FloatField(allow_null=True, help_text="US dollars per unit; null: unknown")
    fx_label = CharField()


class TradeStamp(Stamp):
    """Frames that were published as sums and as detail when trades were read."""

    sums_frame = IntegerField(help_text="The newest frame whose sums are published")
    detail_frame = IntegerField(
        allow_null=True, help_text="The newest frame whose numbers by trade are published"
    )


class Failure(Answer):
    code = CharField()
    message = CharField()


def measures(names: Iterable[str]) -> dict[str, Any]:
    """A field for each measure; a renamed one under both names."""
    texts = {name: f"{BY_NAME[name].doc} Unit: {BY_NAME[name].unit}" for name in names}
    return {name: money(text) for name, text in with_new_names(texts).items()}


def _field(field: TradeField) -> Any:
    """A field of the table of trade fields; it may be missing, but for a text that is empty."""
    kinds = {"text": CharField, "number": FloatField, "date": DateField}
    return kinds[field.kind](allow_null=True, help_text=field.doc)


def trade_fields() -> dict[str, Any]:
    """Return what lists say of a trade beside its measures."""
    return {field.name: _field(field) for field in FIELDS}


class _TradeHead(Answer):
    trade_id = CharField()
    currency = CharField()
    desk = CharField()
    book = CharField()
    type = CharField(help_text="bond or swap")
    status = CharField(help_text="priced or failed")
    failure = Failure(allow_null=True)
    frame = IntegerField()
    unavailable = DictField(
        child=CharField(),
        help_text="Why a measure of a priced trade is null, by measure: UNSUPPORTED: its product"
        " does not have it. OLDER_WORKER: the worker's release does not make it. NOT_A_NUMBER: it"
        " could not be made of this trade. NOT_MADE_YET: it is made at a lower cadence than"
        " frames, and has not been for this book and date. Other words are codes of failures,"
        " such as of a bond of which a buyer of today gets nothing.",
    )
    analytics_frame = IntegerField(
        allow_null=True, help_text="The frame that measures of a lower cadence are of"
    )
    analytics_as_of = DateTimeField(allow_null=True, help_text="The market's time of that frame")


TradeRisk = type(
    "TradeRisk",
    (_TradeHead,),
    {**trade_fields(), **measures(LIVE), "__module__": __name__},
)


class Trades(Answer):
    frames = TradeStamp(many=True)
    without_detail = ListField(
        child=CharField(),
        help_text="Currencies whose sums are published and whose numbers by trade are not yet",
    )
    count = IntegerField()
    page = IntegerField()
    page_size = IntegerField()
    next_cursor = CharField(
        allow_null=True, help_text="With a cursor: that of the next page; null at the end"
    )
    results = TradeRisk(many=True)


class CashFlow(Answer):
    pay_date = DateField()
    leg = CharField(help_text="bond, fixed or floating")
    amount = FloatField(help_text="Trade currency; what is received is positive")
    projected = BooleanField(help_text="The amount depends on the curves")
    discount_factor = FloatField()
    present_value = FloatField(help_text="With the bond's z-spread")


class TradeCurves(Answer):
    discount = CharField()
    forecast = CharField()


class DeliverableBond(Answer):
    bond = CharField(
        allow_null=True, help_text="Code; null where the basket has been edited since the frame"
    )
    last_payment = DateField(help_text="Of the bond")
    price = FloatField(help_text="Forward clean price over conversion factor; per 100 of face")
    cheapest = BooleanField(help_text="It is the bond that is delivered")


class TradeDetail(TradeRisk):  # type: ignore[valid-type,misc]
    ladder_par = ladder()
    krd = ladder()
    curves = TradeCurves(allow_null=True)
    cash_flows = CashFlow(many=True, allow_null=True)
    deliverables = DeliverableBond(
        many=True, allow_null=True, help_text="Of a bond future; null for other products"
    )
    stamp = TradeStamp()


class _SumsHead(Answer):
    currency = CharField(required=False)
    desk = CharField(required=False)
    book = CharField(required=False)
    type = CharField(required=False)
    amounts_in = CharField(help_text="Currency of the sums")
    reporting_currency = CharField(allow_null=True)
    valuation_dates = ListField(
        child=DateField(), help_text="Of the frames summed; more than one: a sum of no one date"
    )
    trades = IntegerField()
    failed = IntegerField()
    notional = FloatField()


class _GroupHead(_SumsHead):
    ladder_par = ladder()
    krd = ladder()


Sums = type("Sums", (_SumsHead,), {**measures(LIVE_SUMMED), "__module__": __name__})
Group = type("Group", (_GroupHead,), {**measures(LIVE_SUMMED), "__module__": __name__})


class Portfolio(Answer):
    frames = Stamp(many=True)
    fx = DictField(
        child=FloatField(), help_text="Units of the reporting currency per unit, by currency"
    )
    groups = Group(many=True)


class HistoryRow(Answer):
    currency = CharField()
    frame = IntegerField()
    published = DateTimeField()
    as_of = DateTimeField()
    book_version = CharField()
    curve_version = CharField()
    status = CharField()
    npv = FloatField()
    dv01_par = FloatField()
    priced = IntegerField()
    total = IntegerField()
    tick_to_published_ms = FloatField(allow_null=True)


class History(Answer):
    count = IntegerField()
    results = HistoryRow(many=True)


class Node(Answer):
    tenor = CharField()
    date = DateField(allow_null=True)
    quote = FloatField(help_text="Decimal per year")
    zero_rate = FloatField(allow_null=True, help_text="Continuous, Act/365F; decimal per year")
    discount_factor = FloatField(allow_null=True)
    residual_bp = FloatField(
        allow_null=True,
        help_text="Quote less the rate of the curve; a bond above 0 is cheap",
    )
    weight = FloatField(
        allow_null=True, help_text="Of the residual's square in a fit; null where all are exact"
    )


class MeetingForward(Answer):
    announced = DateField(allow_null=True, help_text="Null before the next decision")
    start = DateField(help_text="From which the decision counts")
    end = DateField(help_text="From which the next one counts")
    forward_rate = FloatField(help_text="Simple, by the index's day count; decimal per year")
    step_bp = FloatField(allow_null=True, help_text="Above the forward rate before it")


class CurveWarning(Answer):
    quote = CharField(help_text="The quote behind it")
    check = CharField(help_text="forward, kink, move or residual")
    value = FloatField(help_text="Percent of a forward rate, basis points of the others")
    limit = FloatField(help_text="What is let through without a warning")
    message = CharField()


class Curve(Answer):
    curve = CharField()
    # A field's own attribute is called so too, but a declared field is not on the class:
    label = CharField()  # type: ignore[assignment]
    interpolation = CharField(
        help_text="Of log discount factors: log_linear, natural_log_cubic or monotone_convex"
    )
    fit = CharField(help_text="exact, or least_squares where there are more quotes than nodes")
    nodes = Node(many=True)
    meetings = MeetingForward(many=True)
    warnings = CurveWarning(many=True)
    stamp = Stamp()


class Curves(Answer):
    curves = Curve(many=True)


class Preview(Answer):
    measures = DictField(help_text="As `manage.py price` writes them for a trade")
    stamp = Stamp()
