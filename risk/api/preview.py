"""What a trade would be worth, before it is one, over REST."""

from __future__ import annotations

import uuid
from functools import cache
from typing import Any

import msgspec
from celery import current_app
from django.conf import settings
from drf_spectacular.utils import extend_schema
from kombu.exceptions import OperationalError
from redis import Redis, RedisError
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from instruments.api.idempotency import repeatable
from instruments.api.refusals import refuse_unknown
from pricing.errors import BadInput
from pricing.products.terms import BondTerms, SwapTerms
from risk.api import schemas, source
from risk.api.views import RiskView
from risk.store.frames import connect
from risk.workers import preview
from riskproject.web.problems import RETRY_AFTER_S, DependencyDown
from riskproject.web.slots import Slots

ANSWER_S = 5.0
"""So long a caller waits: previews of others may come first."""

slots = Slots(
    "previews",
    own_hint="wait for an answer before the next one",
    hint="try again later",
    retry_after_s=1,
)

Json = dict[str, Any]


class PreviewerBusy(APIException):
    """No worker answered in time."""

    status_code = 503
    default_code = "previewer_busy"
    wait = RETRY_AFTER_S
    default_detail = (
        f"No worker of the queue preview has answered within {ANSWER_S:g} s: it has many to"
        " answer, or none runs (celery -A riskproject worker --queues preview)"
    )


class CannotBePriced(APIException):
    """The terms are right, but the market or the fixings do not price them."""

    status_code = 422
    default_code = "unpriceable"


def _schema() -> Json:
    kinds: dict[str, Any] = {"swap": SwapTerms, "bond": BondTerms}
    return {
        "oneOf": [
            {
                "type": "object",
                "required": ["type", "terms"],
                "additionalProperties": False,
                "properties": {
                    "type": {"type": "string", "enum": [name]},
                    "terms": {
                        "type": "object",
                        "description": "Fields of a trade as in docs/file-formats.md; trade_id "
                        "and book may be left out",
                        "required": [
                            field.name
                            for field in msgspec.structs.fields(kind)
                            if field.required and field.name not in preview.NAMES
                        ],
                        "properties": {field: {} for field in kind.__struct_fields__},
                        "additionalProperties": False,
                    },
                },
            }
            for name, kind in kinds.items()
        ]
    }


class PreviewView(RiskView):
    """Risk of a trade that is not saved."""

    @extend_schema(
        operation_id="pricing_preview",
        request={"application/json": _schema()},
        responses=schemas.Preview,
    )
    @repeatable
    def post(self, request: Request) -> Response:
        """All measures of the terms on the frame published now; nothing is stored."""
        kind, terms = _asked(request.data)
        try:
            currency = preview.currency_of(kind, terms)
        except BadInput as error:
            raise ValidationError({error.field.split(".")[0]: [str(error)]}) from None
        slot = slots.take(
            request.user.pk, settings.PREVIEWS_PER_USER, settings.PREVIEWS_PER_PROCESS
        )
        try:
            return _preview(kind, terms, currency)
        finally:
            slots.release(slot)


def _preview(kind: str, terms: Json, currency: str) -> Response:
    (view,) = source.views((currency,))
    question = preview.Question(
        answer_key=preview.answer_key(uuid.uuid4().hex),
        type=kind,
        terms=terms,
        currency=currency,
        valuation_date=view.rollup.valuation_date,
        curves=view.rollup.curves,
        book_version=view.rollup.book_version,
    )
    answer = _ask(question)
    if "failure" in answer:
        failure = answer["failure"]
        raise CannotBePriced(failure["message"], code=failure["code"])
    return Response({"measures": answer["measures"], "stamp": view.stamp()})


def _asked(body: object) -> tuple[str, Json]:
    if not isinstance(body, dict):
        raise ValidationError({"type": ['send {"type": "swap", "terms": {...}}']})
    refuse_unknown(body, ("type", "terms"), "field")
    kind, terms = body.get("type"), body.get("terms")
    if not isinstance(kind, str) or kind not in preview.KINDS:
        raise ValidationError({"type": [f"type: {kind!r} is not valid; allowed: swap, bond"]})
    if not isinstance(terms, dict):
        raise ValidationError({"terms": ["terms: an object of the trade's fields is needed"]})
    refuse_unknown(terms, preview.KINDS[kind].__struct_fields__, "field")
    return kind, terms


def _ask(question: preview.Question) -> Json:
    try:
        current_app.send_task(
            preview.TASK,
            args=[msgspec.to_builtins(question)],
            queue=preview.QUEUE,
            expires=ANSWER_S,  # nobody waits any longer
        )
        answer = preview.wait_for_answer(_waiting_client(), question.answer_key, ANSWER_S)
    except (RedisError, OperationalError, OSError) as error:
        raise DependencyDown("redis", type(error).__name__) from None
    if answer is None:
        raise PreviewerBusy
    return answer


@cache
def _waiting_client() -> Redis:
    return connect(settings.REDIS_URL, timeout_s=ANSWER_S + 2.0)
