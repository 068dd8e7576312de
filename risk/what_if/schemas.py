"""Schemas of what-if, for the OpenAPI document; tests check the answers against them."""

# Fields of a serializer are its documentation here:
# ruff: noqa: D101
# mypy: disable-error-code="type-arg"

from __future__ import annotations

from typing import Any

from rest_framework.serializers import (
    BooleanField,
    CharField,
    ChoiceField,
    DateField,
    DictField,
    FloatField,
    IntegerField,
    JSONField,
    ListField,
)

from instruments.what_if import MAX_ENTRIES
from pricing.measures.table import LIVE_SUMMED
from risk.api.schemas import Answer, Failure, Stamp, ladder, measures


class TextQuestion(Answer):
    text = CharField(help_text="One trade per line, such as: rec 50m USD 10Y 3.85")
    book = CharField(required=False, help_text="Book of lines that name none")


class EntryProblem(Answer):
    field = CharField()
    text = CharField(allow_null=True)
    allowed = CharField()
    sentence = CharField(help_text="Field, text and what is allowed")


class StoredEntry(Answer):
    action = CharField(help_text="new, amend or terminate")
    kind = CharField(allow_blank=True, help_text="Table of the trade; empty until it is looked up")
    row = DictField(help_text="Columns as in docs/loading.md")
    solve = CharField(allow_blank=True, help_text="Column to be solved from the market")


class TextLine(Answer):
    line = IntegerField()
    text = CharField()
    sentence = CharField(allow_blank=True, help_text="The line as understood; empty: see problem")
    entry = StoredEntry(allow_null=True)
    problem = EntryProblem(allow_null=True)


class TextAnswer(Answer):
    valuation_dates = DictField(child=DateField(), help_text="Date from which spot dates count")
    lines = TextLine(many=True)


class Question(Answer):
    entries = ListField(
        child=JSONField(),
        required=False,
        max_length=MAX_ENTRIES,
        help_text='Objects {"text": ...} or {"action": ..., "kind": ..., "row": {...}}',
    )
    text = CharField(required=False, help_text="More entries: one line of quick text each")
    book = CharField(required=False, help_text="Book of new trades that name none")


class SideAnswer(Answer):
    currency = CharField()
    desk = CharField(allow_blank=True)
    book = CharField(allow_blank=True)
    type = CharField(allow_blank=True)
    notional = FloatField()
    measures = DictField(child=FloatField(allow_null=True), help_text="In the currency")
    ladder_par = ladder()
    krd = ladder()
    failure = Failure(allow_null=True)


class EntryAnswer(Answer):
    entry = IntegerField(help_text="From 1")
    action = CharField()
    kind = CharField()
    trade_id = CharField()
    sentence = CharField(allow_blank=True)
    row = DictField()
    solve = CharField(allow_blank=True)
    solved = DictField(child=FloatField(), help_text="Solved numbers, by column")
    version = IntegerField(help_text="Version of the row that would change; 0 for a new trade")
    changes = DictField(child=ListField(child=CharField(allow_blank=True)))
    warnings = ListField(child=CharField())
    notes = ListField(child=CharField())
    new = SideAnswer(allow_null=True, help_text="The trade as it would be")
    old = SideAnswer(allow_null=True, help_text="The trade as it is in the frame")


class _SumsHead(Answer):
    trades = IntegerField()
    failed = IntegerField()
    notional = FloatField()
    ladder_par = ladder()
    krd = ladder()


Sums: Any = type("WhatIfSums", (_SumsHead,), {**measures(LIVE_SUMMED), "__module__": __name__})


class WhatIfGroup(Answer):
    currency = CharField(required=False)
    desk = CharField(required=False)
    book = CharField(required=False)
    type = CharField(required=False)
    amounts_in = CharField()
    before = Sums(allow_null=True, help_text="null: the group has no trades")
    after = Sums()
    difference = Sums(allow_null=True, help_text="null: nothing changes in the group")


class WhatIfLevel(Answer):
    level = CharField(help_text="Percent")
    var_before = FloatField(help_text="Positive for a loss")
    var_after = FloatField()
    incremental_var = FloatField(help_text="After minus before; negative for a hedge")
    expected_shortfall_before = FloatField()
    expected_shortfall_after = FloatField()
    incremental_expected_shortfall = FloatField()


class WhatIfVarTotal(Answer):
    levels = WhatIfLevel(many=True)


class WhatIfVarDesk(WhatIfVarTotal):
    desk = CharField(allow_blank=True)


class WhatIfVarEntry(WhatIfVarTotal):
    entry = IntegerField(help_text="The book with only this entry")


class WhatIfExcluded(Answer):
    currency = CharField()
    reason = CharField()


class WhatIfVar(Answer):
    number = IntegerField(help_text="Number of the scenario run")
    scenarios = IntegerField()
    amounts_in = CharField()
    frames = DictField(child=IntegerField(), help_text="The frames of the run, by currency")
    total = WhatIfVarTotal(allow_null=True, help_text="Covers the desks that the user may see")
    desks = WhatIfVarDesk(many=True, help_text="Desks of the entries, each alone")
    entries = WhatIfVarEntry(many=True)
    excluded = WhatIfExcluded(many=True, help_text="Currencies whose entries are not included")
    entries_without = ListField(child=IntegerField(), help_text="Entries without a P&L")
    reason = CharField(allow_blank=True, help_text="Reason why there is none; empty otherwise")


class WhatIfLimitSide(Answer):
    value = FloatField(allow_null=True)
    utilisation = FloatField(allow_null=True)
    state = CharField(help_text="State of the number, without hysteresis")
    reason = CharField(allow_blank=True, help_text="Why it is unknown")


class WhatIfLimit(Answer):
    code = CharField()
    name = CharField()
    scope = CharField()
    measure = CharField()
    detail = CharField(allow_blank=True)
    amounts_in = CharField()
    hard_limit = FloatField()
    warning = FloatField(allow_null=True)
    changes_state = BooleanField()
    before = WhatIfLimitSide()
    after = WhatIfLimitSide()


class WhatIfPreview(Answer):
    frames = Stamp(many=True)
    fx = DictField(
        child=FloatField(), help_text="Units of the reporting currency per unit, by currency"
    )
    entries = EntryAnswer(many=True)
    groups = WhatIfGroup(many=True)
    value_at_risk = WhatIfVar(allow_null=True, help_text="null: without var=true")
    limits = WhatIfLimit(
        many=True,
        allow_null=True,
        help_text="Limits changed by the entries; null without limits=true",
    )


class Booked(Answer):
    code = CharField()
    rows = IntegerField()
    trade_ids = ListField(child=CharField())


class HedgeQuestion(Answer):
    currency = CharField(help_text="Of the ladder")
    book = CharField(help_text="Book of the proposed trades")
    desk = CharField(required=False, help_text="Only this desk's ladder")
    of_book = CharField(required=False, help_text="Only this book's ladder")
    type = CharField(required=False, help_text="Only this product's ladder")
    ladder = ChoiceField(choices=("ladder_par", "krd"), required=False)
    buckets = ListField(
        child=CharField(), required=False, help_text="Such as USD-SOFR:10Y; default: all"
    )
    total = BooleanField(required=False, help_text="Flatten the sum of the buckets, not each")
    tolerance = FloatField(
        required=False,
        min_value=0,
        help_text="DV01 that may remain in each; default: 1 % of the buckets' absolute sum",
    )
    instruments = ListField(
        child=JSONField(),
        required=False,
        help_text='Texts such as "USD 10Y" or "SR3H6", or objects with instrument, cost_bp, lot '
        "and limit; default: the par swaps of the curves",
    )
    objective = ChoiceField(
        choices=("notional", "cost", "trades"), required=False, help_text="What is least"
    )
    time_limit_s = FloatField(required=False, min_value=0.01, max_value=3)


class HedgeTrade(Answer):
    instrument = CharField()
    size = FloatField(help_text="Notional, face or contracts; positive is received or bought")
    notional = FloatField()
    cost = FloatField()
    ladder = ladder()
    entry = StoredEntry(help_text="For what-if/")


class BucketHedge(Answer):
    bucket = CharField()
    exposure = FloatField()
    instrument = CharField(allow_null=True, help_text="null: none moves the bucket")
    size = FloatField(help_text="Size that alone brings the bucket to 0")
    left = FloatField(help_text="Absolute sum of all buckets with this hedge")


class HedgeAnswer(Answer):
    frame = Stamp()
    status = CharField(help_text="optimal, time_limit, or nearest: the tolerance is not reached")
    gap = FloatField(help_text="Relative gap to the best possible answer")
    took_ms = FloatField(help_text="Of the programs")
    objective = CharField()
    tolerance = FloatField()
    notional = FloatField()
    cost = FloatField(help_text="Money: cost_bp times the DV01 of each trade")
    before = ladder()
    after = ladder()
    trades = HedgeTrade(many=True)
    by_bucket = BucketHedge(many=True, help_text="One instrument for each bucket")
    unpriced = DictField(child=CharField(), help_text="Reason why an instrument has no price")
