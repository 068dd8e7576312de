"""Pagination of the REST API's lists: by number, by cursor, or none where a file is asked for."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from pricing.errors import shortened
from riskproject.web.tables.answers import check_length, file_format

NUMBER = re.compile(r"[0-9]{1,9}")
CURSOR, FIRST = "cursor", "*"
"""The parameter, and its value for the first page."""

MARK, NAME_BYTES = b"after:", 300


def cursor_after(name: str) -> str:
    """The cursor of the page that begins behind the row of this name."""
    return base64.urlsafe_b64encode(MARK + name.encode()).decode().rstrip("=")


def name_before(cursor: str) -> str:
    """The name of the row that a page begins behind; empty for the first page.

    Raises:
        ValidationError: It is no cursor of an answer.
    """
    if cursor == FIRST:
        return ""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        if text.startswith(MARK) and len(text) <= NAME_BYTES and b"\0" not in text:
            return text.removeprefix(MARK).decode()
    except (binascii.Error, ValueError):
        pass
    word = shortened(repr(cursor))
    sentence = f"cursor: {word} is not valid; allowed: {FIRST} for the first page, then `next` of"
    raise ValidationError({CURSOR: [f"{sentence} each answer"]})


def check_alone(request: Request) -> None:
    """Refuse what contradicts a cursor.

    Raises:
        ValidationError: Naming the other parameter.
    """
    for other in ("page", "ordering"):
        if other in request.query_params:
            raise ValidationError({other: [f"{other}: not together with cursor"]})
    if file_format(request) is not None:
        raise ValidationError({CURSOR: ["cursor: is of JSON; a file has all rows"]})


class Pages(PageNumberPagination):
    """Pages of 100 rows, or of ``page_size`` up to 500.

    With ``cursor`` rows come by their identifier, each page from behind the last row of the page
    before: rows that are added or deleted meanwhile move no other row from one page to another.
    """

    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 500
    _next: str | None = None
    _by_cursor = False

    def get_page_size(self, request: Request) -> int | None:
        """Return the requested size; refuse what is not a number."""
        text = request.query_params.get("page_size") or "1"
        if not NUMBER.fullmatch(text) or not int(text):
            raise ValidationError({"page_size": [f"{text!r} is not a number from 1 on"]})
        return super().get_page_size(request)

    def paginate_queryset(
        self, queryset: Any, request: Request, view: Any = None
    ) -> list[Any] | None:
        """The rows of a page; None for all of them, in a file."""
        size = self.get_page_size(request)
        parameters = request.query_params
        if CURSOR in parameters:
            return self._rows_behind(queryset, request, view, size or self.page_size)
        found = file_format(request)
        if found is not None and "page" not in parameters and "page_size" not in parameters:
            check_length(found, queryset.count(), str(queryset.model._meta.verbose_name_plural))
            return None
        return super().paginate_queryset(queryset, request, view)

    def _rows_behind(
        self, queryset: QuerySet[Any], request: Request, view: Any, size: int
    ) -> list[Any]:
        check_alone(request)
        key = getattr(view, "lookup_field", "pk")
        name = name_before(request.query_params[CURSOR])
        if name and key == "pk" and not NUMBER.fullmatch(name):
            raise ValidationError({CURSOR: ["cursor: is of another list"]})
        behind = queryset.filter(**{f"{key}__gt": name}) if name else queryset
        rows = list(behind.order_by(key)[: size + 1])
        self._by_cursor = True
        if len(rows) > size:
            after = cursor_after(str(getattr(rows[size - 1], key)))
            self._next = replace_query_param(request.build_absolute_uri(), CURSOR, after)
        return rows[:size]

    def get_paginated_response(self, data: Any) -> Response:
        """The page; by cursor without a count and a page before."""
        if not self._by_cursor:
            return super().get_paginated_response(data)
        return Response({"count": None, "next": self._next, "previous": None, "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The schema of a page."""
        found: dict[str, Any] = super().get_paginated_response_schema(schema)
        found["properties"]["count"] |= {
            "nullable": True,
            "description": "Rows of all pages; null with a cursor",
        }
        return found

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """The parameters of pages."""
        text = (
            f"{FIRST} for the first page, then that of `next`: rows by their identifier, stable"
            " while others change the list"
        )
        return [
            *super().get_schema_operation_parameters(view),
            {
                "name": CURSOR,
                "required": False,
                "in": "query",
                "description": text,
                "schema": {"type": "string"},
            },
        ]
