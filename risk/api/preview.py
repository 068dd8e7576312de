"""Price a trade that is not saved, over REST."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from instruments.api.idempotency import repeatable
from instruments.api.refusals import refuse_unknown
from pricing.errors import BadInput, shortened
from pricing.products.registry import PRODUCTS
from risk.api import previewer, schemas, source
from risk.api.views import RiskView
from risk.queries.trade_detail import stamp
from risk.store import previews

Json = dict[str, Any]


class CannotBePriced(APIException):
    """The terms are right, but the market or the fixings do not price them."""

    status_code = 422
    default_code = "unpriceable"


def _schema() -> Json:
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
                            for field in msgspec.structs.fields(product.terms)
                            if field.required and field.name not in previews.NAMES
                        ],
                        "properties": {field: {} for field in product.terms.__struct_fields__},
                        "additionalProperties": False,
                    },
                },
            }
            for name, product in PRODUCTS.items()
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
            currency = str(previews.terms_of(kind, terms).currency)
        except BadInput as error:
            raise ValidationError({error.field.split(".")[0]: [str(error)]}) from None
        with previewer.slot_of(request.user.pk):
            return _priced(kind, terms, currency)


def _priced(kind: str, terms: Json, currency: str) -> Response:
    (rollup,) = source.rollups((currency,))
    question = previews.PreviewQuestion(
        answer_key=previews.answer_key(uuid.uuid4().hex),
        type=kind,
        terms=terms,
        currency=currency,
        valuation_date=rollup.valuation_date,
        curves=rollup.curves,
        book_version=rollup.book_version,
    )
    answer = previewer.ask(previews.PREVIEW_TASK, question)
    if "failure" in answer:
        failure = answer["failure"]
        raise CannotBePriced(failure["message"], code=failure["code"])
    return Response({"measures": answer["measures"], "stamp": stamp(rollup)})


def _asked(body: object) -> tuple[str, Json]:
    if not isinstance(body, dict):
        raise ValidationError({"type": ['send {"type": "swap", "terms": {...}}']})
    refuse_unknown(body, ("type", "terms"), "field")
    kind, terms = body.get("type"), body.get("terms")
    if not isinstance(kind, str) or kind not in PRODUCTS:
        allowed = ", ".join(PRODUCTS)
        raise ValidationError(
            {"type": [f"type: {shortened(repr(kind))} is not valid; allowed: {allowed}"]}
        )
    if not isinstance(terms, dict):
        raise ValidationError({"terms": ["terms: an object of the trade's fields is needed"]})
    refused = PRODUCTS[kind].terms.refused
    refuse_unknown(terms, PRODUCTS[kind].terms.__struct_fields__, "field", refused)
    return kind, terms
