"""Convert exceptions of the API to RFC 9457 problem documents, and describe them in the schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import DataError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import resolve
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import APIException
from rest_framework.response import Response
from rest_framework.views import exception_handler

from riskproject.web.message_page import message_page

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
SENTENCE_CHARACTERS = 1_200
SENTENCES_OF_A_REFUSAL = 50
NON_FIELD = "non_field_errors"
Json = dict[str, Any]


class DependencyDown(APIException):
    """A server that the answer needs is down."""

    status_code = 503
    default_code = "dependency_down"
    wait = RETRY_AFTER_S

    def __init__(self, server: str, what: object = "") -> None:
        tail = f": {what}" if str(what) else ""
        super().__init__(f"{server} does not answer{tail}", code=f"{self.default_code} {server}")


def problem(status: int, detail: str, errors: object = None, code: str = "") -> Json:
    """The document; ``errors`` holds sentences by field, ``code`` is for programs."""
    body: Json = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": (code or HTTPStatus(status).name).upper(),
    }
    return body if errors is None else {**body, "errors": errors}


def handle(error: Exception, context: Json) -> Response | None:
    """DRF's exception handler. What it does not know is a 500 by ``server_error``."""
    error = _translated(error)
    response = exception_handler(error, context)
    if response is None:
        return None
    data, code = bounded(response.data), _code(error)
    if isinstance(data, Mapping) and set(data) == {"detail"}:
        response.data = problem(response.status_code, str(data["detail"]), code=code)
    else:
        detail = "; ".join(_sentences(data)) or HTTPStatus(response.status_code).phrase
        response.data = problem(response.status_code, detail, data, code)
    renderer = getattr(context.get("request"), "accepted_renderer", None)
    if renderer is None or renderer.format != "api":  # files too: see tables/answers.py
        response.content_type = MEDIA_TYPE
    return response


def shortened(text: str, limit: int = 80) -> str:
    """The text, or its two ends when it is longer than ``limit`` characters.

    A refusal quotes the value at its start and says what is allowed at its end.
    """
    if len(text) <= limit:
        return text
    end = limit // 2
    return f"{text[:end]} ... ({len(text) - 2 * end:,} characters left out) ... {text[-end:]}"


def bounded(errors: Any) -> Any:
    """The errors of a refusal with long texts shortened; the first ones, and the rest counted."""
    return _Bounded().copy(errors)


class _Bounded:
    """Copies errors until `SENTENCES_OF_A_REFUSAL` of them are taken."""

    def __init__(self) -> None:
        self.left = SENTENCES_OF_A_REFUSAL

    def copy(self, errors: Any) -> Any:
        if isinstance(errors, Mapping):
            return self._mapping(errors)
        if isinstance(errors, list | tuple):
            return self._list(errors)
        self.left -= 1
        return shortened(errors, SENTENCE_CHARACTERS) if isinstance(errors, str) else errors

    def _mapping(self, errors: Mapping[Any, Any]) -> Json:
        kept: Json = {}
        for number, (name, error) in enumerate(errors.items()):
            if self.left <= 0:
                return kept | {NON_FIELD: [f"{len(errors) - number:,} more fields are wrong"]}
            kept[shortened(str(name))] = self.copy(error)
        return kept

    def _list(self, errors: Sequence[Any]) -> list[Any]:
        kept: list[Any] = []
        for number, error in enumerate(errors):
            if self.left <= 0:
                return [*kept, f"{len(errors) - number:,} more values are wrong"]
            kept.append(self.copy(error))
        return kept


def _translated(error: Exception) -> Exception:
    """Faults that are not DRF's own, but that a caller can do something about."""
    if isinstance(error, OperationalError | InterfaceError):
        return DependencyDown("database")  # its own text may name hosts and users
    if isinstance(error, DataError):
        return _OutOfRange("A value is outside the range of its field")
    if isinstance(error, RequestDataTooBig):
        return _TooBig("The body is longer than this address accepts")
    return error


class _OutOfRange(APIException):
    status_code = 400
    default_code = "invalid"


class _TooBig(APIException):
    status_code = 413
    default_code = "too_large"


def _code(error: Exception) -> str:
    """One word for programs, when all faults have the same; else the status's name."""
    if not isinstance(error, APIException):
        return ""
    codes = set(_flat(error.get_codes()))
    return codes.pop() if len(codes) == 1 else "invalid"


def _flat(codes: Any) -> Iterator[str]:
    if isinstance(codes, Mapping):
        codes = list(codes.values())
    if isinstance(codes, list):
        for code in codes:
            yield from _flat(code)
    else:
        yield str(codes)


def _sentences(data: object) -> Iterator[str]:
    """Each sentence once, led by its field unless it already is."""
    fields = data.items() if isinstance(data, Mapping) else [("", data)]
    for field, value in fields:
        for sentence in value if isinstance(value, list) else [value]:
            plain = not field or field == NON_FIELD or str(sentence).startswith(str(field))
            yield str(sentence) if plain else f"{field}: {sentence}"


def _answer(status: int, detail: str) -> HttpResponse:
    return JsonResponse(problem(status, detail), status=status, content_type=MEDIA_TYPE)


@csrf_exempt  # it changes nothing; a form without a token shall hear 404 too
def no_such_address(request: HttpRequest) -> HttpResponse:
    """The last route below /api/: a problem document in every mode."""
    path = request.path_info
    # The last route takes everything, so resolve() always finds something.
    if not path.endswith("/") and resolve(f"{path}/").func is not no_such_address:
        return _answer(404, f"{path} does not exist; {path}/ does")
    return _answer(404, f"{path} does not exist; /api/docs/ lists what does")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400 for any address: an unknown host, or a malformed header."""
    if request.path_info.startswith("/api/"):
        return _answer(400, "The request cannot be read: check its address, host and headers")
    return message_page(400, "The request cannot be read: check its address.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path_info.startswith("/api/"):
        return no_such_address(request)
    return message_page(404, f"There is no page {shortened(request.path_info)} here.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403 for any address outside DRF, which has its own."""
    if request.path_info.startswith("/api/"):
        return _answer(403, "You may not do this")
    return message_page(403, "You may not see this page. An administrator can give you the right.")


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500 for any address, without details, which are in the log."""
    if request.path_info.startswith("/api/"):
        return _answer(500, "The server failed; its log has the reason")
    return message_page(500, "The server failed; its log has the reason.")
