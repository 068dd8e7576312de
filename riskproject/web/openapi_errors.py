"""Document in the OpenAPI schema which problem responses each operation may return."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from riskproject.web.problems import MEDIA_TYPE

Json = dict[str, Any]

SCHEMA: Json = {
    "type": "object",
    "description": "RFC 9457 problem document",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "A sentence to act on"},
        "code": {"type": "string", "description": "For programs, such as VERSION_CONFLICT"},
        "errors": {
            "description": "Sentences by field",
            "anyOf": [{"type": "object"}, {"type": "array", "items": {}}],
        },
    },
}
MEANINGS = {
    400: "A parameter, header or body is wrong; `errors` says which and what is allowed",
    401: "No login, or an unknown token",
    403: "The user's roles do not allow this",
    404: "No such row, trade, curve or page",
    406: "The answer cannot be given in the media type that `Accept` names",
    409: "Somebody else changed the row (`VERSION_CONFLICT`), other rows need it, or the same "
    "Idempotency-Key is under way",
    413: "The body is too long",
    415: "The body has another media type",
    422: "The Idempotency-Key was used with another request (`IDEMPOTENCY_MISMATCH`), or what was "
    "asked for cannot be priced",
    429: "Too many calls this minute; `Retry-After` says when to come back",
    503: "A server is down or nothing is published yet; `Retry-After` says when to come back",
}
ALWAYS = (401, 403, 406, 429, 503)
OWN_PROBLEMS = "x-problems"


def document(result: Json, generator: object, request: object, public: bool) -> Json:
    """Add the problems to every operation of a schema."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = SCHEMA
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            if isinstance(operation, dict) and "responses" in operation:
                for status in sorted({*ALWAYS, *_more(path, method, operation)}):
                    operation["responses"].setdefault(str(status), _answer(status))
    return result


def _answer(status: int) -> Json:
    answer: Json = {
        "description": MEANINGS[status],
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status in (429, 503):
        seconds = {"description": "Seconds", "schema": {"type": "integer"}}
        answer["headers"] = {"Retry-After": seconds}
    return answer


def _more(path: str, method: str, operation: Json) -> Iterator[int]:
    """The other problems of an operation; it names further ones in ``x-problems``."""
    yield from operation.pop(OWN_PROBLEMS, [])
    parameters = operation.get("parameters", [])
    if parameters or "requestBody" in operation:
        yield 400
    if "{" in path or any(parameter["name"] == "page" for parameter in parameters):
        yield 404
    if "requestBody" in operation:
        yield from (413, 415)
    if method in ("put", "patch", "post", "delete"):
        yield 409
    if method == "post":
        yield 422
