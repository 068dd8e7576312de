"""Refuse request text that no field can hold, and keep refusals short however long the text is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from django.db import DataError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase

from riskproject.web import problems

log = logging.getLogger(__name__)

QUERY_VALUE_CHARACTERS = 2_000
"""Characters of one query parameter; the admin passes a list's filters in one parameter."""

DATA_REFUSED = "A value is outside the range of its field: look at dates, numbers and patterns"


class InputLimits:
    """Middleware: refuse NUL characters, overlong query parameters and values no column holds."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer 400 with a sentence, or pass the request on."""
        if "\0" in request.path_info:
            raise Http404("no address holds a NUL character")
        errors = _errors(request)
        return _refusal(request, errors) if errors else self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer 400 to a value that PostgreSQL refuses, wherever in a page it was used."""
        if not isinstance(error, DataError):
            return None
        log.warning("the database refused a value in this request: %s", error)
        return _refusal(request, {"value": DATA_REFUSED})


def _errors(request: HttpRequest) -> Mapping[str, str]:
    for name, values in request.GET.lists():
        shown = problems.shortened(name)
        if "\0" in name or any("\0" in value for value in values):
            return {shown: f"{shown}: no NUL characters"}
        longest = max(map(len, (name, *values)))
        if longest > QUERY_VALUE_CHARACTERS:
            return {
                shown: f"{shown}: has {longest:,} characters; "
                f"allowed: at most {QUERY_VALUE_CHARACTERS:,}"
            }
    return {}


def _refusal(request: HttpRequest, errors: Mapping[str, str]) -> HttpResponse:
    detail = "; ".join(errors.values())
    if not request.path_info.startswith("/api/"):
        return HttpResponse(f"{detail}.", status=400, content_type="text/plain; charset=utf-8")
    sentences: dict[str, Any] = {name: [sentence] for name, sentence in errors.items()}
    return JsonResponse(
        problems.problem(400, detail, sentences, "invalid"),
        status=400,
        content_type=problems.MEDIA_TYPE,
    )
