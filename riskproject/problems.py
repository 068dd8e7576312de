"""Exceptions of the API in, RFC 9457 problem documents out; the schema says so too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import resolve
from django.views import defaults
from rest_framework.response import Response
from rest_framework.views import exception_handler

MEDIA_TYPE = "application/problem+json"
Json = dict[str, Any]


def problem(status: int, detail: str, errors: object = None) -> Json:
    """The document; ``errors`` holds sentences by field."""
    body: Json = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    return body if errors is None else {**body, "errors": errors}


def handle(error: Exception, context: Json) -> Response | None:
    """DRF's exception handler. What it does not know is a 500 by ``server_error``."""
    response = exception_handler(error, context)
    if response is None:
        return None
    data = response.data
    if isinstance(data, Mapping) and set(data) == {"detail"}:
        response.data = problem(response.status_code, str(data["detail"]))
    else:
        detail = "; ".join(_sentences(data)) or HTTPStatus(response.status_code).phrase
        response.data = problem(response.status_code, detail, data)
    renderer = getattr(context.get("request"), "accepted_renderer", None)
    if renderer is None or renderer.format == "json":
        response.content_type = MEDIA_TYPE
    return response


def _sentences(data: object) -> Iterator[str]:
    """Each sentence once, led by its field unless it already is."""
    fields = data.items() if isinstance(data, Mapping) else [("", data)]
    for field, value in fields:
        for sentence in value if isinstance(value, list) else [value]:
            plain = not field or field == "non_field_errors" or str(sentence).startswith(str(field))
            yield str(sentence) if plain else f"{field}: {sentence}"


def _answer(status: int, detail: str) -> HttpResponse:
    return JsonResponse(problem(status, detail), status=status, content_type=MEDIA_TYPE)


def no_such_address(request: HttpRequest) -> HttpResponse:
    """The last route below /api/: a problem document in every mode."""
    path = request.path_info
    # The last route takes everything, so resolve() always finds something.
    if not path.endswith("/") and resolve(f"{path}/").func is not no_such_address:
        return _answer(404, f"{path} does not exist; {path}/ does")
    return _answer(404, f"{path} does not exist; /api/docs/ lists what does")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Project-wide 404."""
    if request.path_info.startswith("/api/"):
        return no_such_address(request)
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Project-wide 500: it tells nothing, the log tells everything."""
    if request.path_info.startswith("/api/"):
        return _answer(500, "The server failed on this call; its log has the reason")
    return defaults.server_error(request)


SCHEMA: Json = {
    "type": "object",
    "description": "RFC 9457 problem document",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {"type": "object", "description": "Sentences by field"},
    },
}


def document(result: Json, generator: object, request: object, public: bool) -> Json:
    """Hook of drf-spectacular: every operation may answer with a problem."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = SCHEMA
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for operations in result["paths"].values():
        for operation in operations.values():
            if isinstance(operation, dict) and "responses" in operation:
                operation["responses"]["default"] = {"description": "Problem", "content": content}
    return result
