"""States of limits, breaches and their acknowledgement over REST."""

# Fields of a serializer are its documentation here:
# ruff: noqa: D101
# mypy: disable-error-code="type-arg"

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from operator import itemgetter
from typing import Any, cast

import msgspec
from django.db.models import Exists, OuterRef, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException, NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import (
    BooleanField,
    CharField,
    ChoiceField,
    DateField,
    DateTimeField,
    DictField,
    FloatField,
    IntegerField,
    ListField,
)

from instruments import access
from instruments.api.permissions import needs
from instruments.api.refusals import Conflict, refuse_unknown
from pricing.errors import BadInput
from pricing.exposure.states import STATES
from risk.api import parameters, source
from risk.api.schemas import Answer
from risk.api.views import RiskView, TablesView
from risk.limits import board, reviews
from risk.models import CLASSIFICATIONS, RESOLUTIONS, LimitBreach, LimitReview
from riskproject.web.problems import RETRY_AFTER_S
from riskproject.web.tables import answers as answer_tables
from riskproject.web.tables.answers import AnswerTable, Column, columns_of

Json = dict[str, Any]
MAX_ID = 2**63 - 1


class NoLimitsYet(APIException):
    """No evaluator has published a board yet."""

    status_code = 503
    default_code = "no_limits"
    wait = RETRY_AFTER_S
    default_detail = "No limits have been evaluated yet: start manage.py runlimits"


class BoardStamp(Answer):
    age_s = FloatField(help_text="Seconds since the board was made")
    stale = BooleanField(help_text="No evaluator runs: the states are old")
    behind = IntegerField(help_text="Published results that wait to be evaluated")


class LimitStateAnswer(Answer):
    code = CharField()
    name = CharField()
    scope = CharField()
    desk = CharField(help_text="Of the scope; empty: all desks")
    measure = CharField()
    detail = CharField(help_text="Curve and tenor, level, or scenario")
    amounts_in = CharField()
    direction = CharField()
    value = FloatField(allow_null=True, help_text="null: not known")
    hard_limit = FloatField(help_text="In force now")
    warning = FloatField(allow_null=True)
    temporary = CharField(help_text="Code of the temporary limit that counts now, or empty")
    utilisation = FloatField(allow_null=True, help_text="1 at the limit")
    state = ChoiceField(choices=STATES)
    reason = CharField(help_text="Why it is unknown")
    since = DateTimeField(allow_null=True)
    frames = DictField(child=IntegerField(), help_text="Frames that the number is made of")
    breach = IntegerField(allow_null=True, help_text="Number of the open breach")


class LimitStates(Answer):
    stamp = BoardStamp()
    gaps = ListField(child=CharField(), help_text="Results that were lost before evaluation")
    limits = LimitStateAnswer(many=True)


class Review(Answer):
    by = CharField()
    at = DateTimeField()
    classification = CharField()
    resolution = CharField()
    comment = CharField()


class BreachAnswer(Answer):
    id = IntegerField()
    limit = CharField()
    scope = CharField()
    desk = CharField()
    kind = CharField(help_text="sums, explains, scenarios, or clock")
    currency = CharField()
    frame = IntegerField(help_text="Of a run of the scenarios its number")
    as_of = DateTimeField(allow_null=True)
    valuation_date = DateField(allow_null=True)
    began = DateTimeField()
    value = FloatField()
    worst = FloatField()
    hard_limit = FloatField()
    temporary = CharField()
    cause = DictField(allow_null=True, help_text="null: the explain of the frame is not there yet")
    ended = DateTimeField(allow_null=True)
    end_frame = IntegerField(allow_null=True)
    end_value = FloatField(allow_null=True)
    reviews = Review(many=True)


class Breaches(Answer):
    count = IntegerField()
    page = IntegerField()
    page_size = IntegerField()
    results = BreachAnswer(many=True)


def _reviews_of(answer: Json) -> Iterator[Json]:
    for breach in answer["results"]:
        for review in breach["reviews"]:
            yield {"breach": breach["id"], "limit": breach["limit"], **review}


STATE_TABLES = {
    "limits": AnswerTable(columns_of(LimitStateAnswer), itemgetter("limits")),
}
BREACH_TABLES = {
    "breaches": AnswerTable(columns_of(BreachAnswer), itemgetter("results")),
    "reviews": AnswerTable((Column("breach"), Column("limit"), *columns_of(Review)), _reviews_of),
}


class ReviewInput(serializers.Serializer):
    classification = ChoiceField(choices=CLASSIFICATIONS[1:])
    resolution = ChoiceField(choices=RESOLUTIONS[1:])
    comment = CharField(max_length=1000, required=False, default="", allow_blank=True)

    def to_internal_value(self, data: Any) -> Any:
        """Refuse names that no field has."""
        if isinstance(data, dict):
            refuse_unknown(data, self.fields, "field")
        return super().to_internal_value(data)


class LimitStatesView(TablesView):
    """The states of limits as they are now."""

    tables = STATE_TABLES

    @extend_schema(
        operation_id="limit_states",
        parameters=[
            parameters.parameter("state", "Only in this state", allowed=STATES),
            *answer_tables.parameters(STATE_TABLES),
        ],
        responses=LimitStates,
    )
    def get(self, request: Request) -> Response:
        """Every limit that the user may see: number, bounds in force, state, and why."""
        parameters.known_only(request, "state", *answer_tables.FILE_PARAMETERS)
        wanted = parameters.text(request, "state", STATES)
        found = source.read(lambda: board.read(source.frames().client))
        if found is None:
            raise NoLimitsYet
        mine = found.of_desks(self.desks(request))
        age_s = max(0.0, time.time() - found.made_ns / 1e9)
        rows = [row for row in mine.limits if wanted in ("", row.state)]
        return self.answer(
            request,
            {
                "stamp": {
                    "age_s": age_s,
                    "stale": age_s > board.STALE_S,
                    "behind": found.behind,
                },
                "gaps": mine.gaps,
                "limits": [msgspec.structs.asdict(row) for row in rows],
            },
        )


def breaches_seen(desks: Collection[str] | None) -> QuerySet[LimitBreach]:
    """Return the breaches that a user of these desks may see."""
    rows = LimitBreach.objects.select_related("limit").prefetch_related("reviews")
    return rows if desks is None else rows.filter(desk__in=[name for name in desks if name])


class LimitBreachesView(TablesView):
    """Breaches, the newest first."""

    tables = BREACH_TABLES

    @extend_schema(
        operation_id="limit_breaches",
        parameters=[
            parameters.parameter("limit", "Only of this limit"),
            parameters.parameter("open", "true: that go on", allowed=("true", "false")),
            parameters.parameter(
                "acknowledged", "false: that nobody has judged", allowed=("true", "false")
            ),
            parameters.PAGE,
            parameters.PAGE_SIZE_PARAMETER,
            *answer_tables.parameters(BREACH_TABLES),
        ],
        responses=Breaches,
    )
    def get(self, request: Request) -> Response:
        """Frame, cause, numbers and reviews of each breach that the user may see."""
        names = ("limit", "open", "acknowledged", "page", "page_size")
        parameters.known_only(request, *names, *answer_tables.FILE_PARAMETERS)
        self.asked(request)
        number, size = parameters.page(request)
        rows = breaches_seen(self.desks(request))
        limit = parameters.text(request, "limit")
        if limit:
            rows = rows.filter(limit__code=limit)
        is_open = parameters.text(request, "open", ("true", "false"))
        if is_open:
            rows = rows.filter(ended__isnull=is_open == "true")
        judged = parameters.text(request, "acknowledged", ("true", "false"))
        if judged:
            reviewed = Exists(LimitReview.objects.filter(breach=OuterRef("pk")))
            rows = rows.filter(reviewed if judged == "true" else ~reviewed)
        count = rows.count()
        file = answer_tables.file_format(request)
        if file is not None and not {"page", "page_size"} & set(request.query_params):
            answer_tables.check_length(file, count, "the table of breaches")
            size = file.most_rows
        found = rows.order_by("-id")[(number - 1) * size : number * size]
        return self.answer(
            request,
            {
                "count": count,
                "page": number,
                "page_size": size,
                "results": [record_of(row) for row in found],
            },
        )


class LimitBreachView(RiskView):
    """One breach."""

    @extend_schema(operation_id="limit_breach", responses=BreachAnswer)
    def get(self, request: Request, number: int) -> Response:
        """The breach with all its reviews."""
        parameters.known_only(request)
        return Response(record_of(_breach(self.desks(request), number)))


class AcknowledgeView(RiskView):
    """Add a review to a breach."""

    @extend_schema(
        operation_id="limit_breach_acknowledge", request=ReviewInput, responses=BreachAnswer
    )
    def post(self, request: Request, number: int) -> Response:
        """Add a review; earlier ones stay. With `four_eyes`, traders of the desk may not review."""
        if not request.user.has_perm(reviews.MAY_ACKNOWLEDGE):
            raise needs((access.RISK_ADMIN,), request)
        breach = _breach(self.desks(request), number)
        given = ReviewInput(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            reviews.acknowledge(breach, cast(Any, request.user), **given.validated_data)
        except BadInput as error:
            raise Conflict(str(error)) from None
        return Response(record_of(_breach(self.desks(request), number)))


def _breach(desks: Collection[str] | None, number: int) -> LimitBreach:
    found = breaches_seen(desks).filter(pk=number).first() if number <= MAX_ID else None
    if found is None:
        raise NotFound(f"id: no breach {number}")
    return found


def record_of(row: LimitBreach) -> Json:
    """Return a breach as it appears in answers."""
    names = (
        *("id", "scope", "desk", "kind", "currency", "frame", "as_of", "valuation_date", "began"),
        *("value", "worst", "hard_limit", "temporary", "cause", "ended", "end_frame", "end_value"),
    )
    said = ("by", "at", "classification", "resolution", "comment")
    return {
        **{name: getattr(row, name) for name in names},
        "limit": row.limit.code,
        "reviews": [{name: getattr(one, name) for name in said} for one in row.reviews.all()],
    }
