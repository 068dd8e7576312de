"""Parse and check query parameters, and describe them in the schema."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection
from typing import Any

from django.utils.dateparse import parse_date, parse_datetime
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from instruments.api.refusals import check_query
from pricing.markets.conventions import CURRENCIES
from risk.models import LIVE, Replay
from riskproject.web.tables.paging import CURSOR, FIRST

PAGE_SIZE, MAX_PAGE_SIZE = 100, 500
DIGITS = re.compile(r"[0-9]{1,9}")


def parameter(
    name: str, text: str, kind: Any = OpenApiTypes.STR, allowed: Collection[str] = ()
) -> OpenApiParameter:
    """A query parameter of the schema."""
    return OpenApiParameter(
        name, kind, OpenApiParameter.QUERY, description=text, enum=list(allowed) or None
    )


def listed(name: str, text: str, allowed: Collection[str]) -> OpenApiParameter:
    """A comma-separated query parameter of the schema."""
    schema = {"type": "array", "items": {"type": "string", "enum": list(allowed)}}
    return OpenApiParameter(
        name,
        schema,
        OpenApiParameter.QUERY,
        description=f"{text}; comma-separated",
        style="form",
        explode=False,
    )


CURRENCY = listed("currency", "Only these", CURRENCIES)
PAGE = parameter("page", "Page, from 1", {"type": "integer", "minimum": 1, "maximum": 999_999_999})
PAGE_SIZE_PARAMETER = parameter(
    "page_size",
    f"Rows; more than {MAX_PAGE_SIZE} are {MAX_PAGE_SIZE}",
    {"type": "integer", "minimum": 1, "maximum": 999_999_999},
)

CURSOR_PARAMETER = parameter(
    CURSOR,
    f"{FIRST} for the first page, then `next_cursor` of each answer: rows by their identifier, each"
    " page from behind the last row of the page before",
)


def header(name: str) -> OpenApiParameter:
    """The header that makes a write repeatable."""
    text = "The same key with the same request returns the first response for 24 hours"
    schema = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x21-\\x7e]+$"}
    return OpenApiParameter(name, schema, OpenApiParameter.HEADER, description=text)


NOW = parameter(
    "now",
    "true: price this trade now, on the quotes of the newest sums, instead of reading the detail",
    allowed=("true", "false"),
)


def known_only(request: Request, *names: str) -> None:
    """Refuse parameters that would be ignored in silence, and NUL in those that are not."""
    check_query(request.query_params, (*names, "format"))
    for name in names:
        if "\0" in request.query_params.get(name, ""):
            raise ValidationError({name: f"{name}: no NUL characters"})


def text(request: Request, name: str, allowed: Collection[str] = ()) -> str:
    """Return a parameter that is one word; empty when it is not given.

    Raises:
        ValidationError: Not one of the allowed ones.
    """
    word = str(request.query_params.get(name, ""))
    if word and allowed and word not in allowed:
        raise ValidationError({name: f"{word!r} is not valid; allowed: {', '.join(allowed)}"})
    return word


def choices(request: Request, name: str, allowed: Collection[str]) -> list[str]:
    """A comma-separated parameter, each word once: named twice must not be counted twice.

    Raises:
        ValidationError: A word is not one of the allowed ones.
    """
    words = list(dict.fromkeys(filter(None, request.query_params.get(name, "").split(","))))
    for word in words:
        if word not in allowed:
            raise ValidationError({name: f"{word!r} is not valid; allowed: {', '.join(allowed)}"})
    return words


def currencies(request: Request) -> tuple[str, ...]:
    """The currencies asked for, or all."""
    return tuple(choices(request, "currency", CURRENCIES)) or CURRENCIES


def whole(request: Request, name: str, default: int) -> int:
    """A whole number from 1 on.

    Raises:
        ValidationError: It is none.
    """
    word = request.query_params.get(name) or str(default)
    if not DIGITS.fullmatch(word) or not int(word):
        raise ValidationError({name: f"{word!r} is not a number from 1 on"})
    return int(word)


def page(request: Request) -> tuple[int, int]:
    """Number of the page, and its rows."""
    size = min(whole(request, "page_size", PAGE_SIZE), MAX_PAGE_SIZE)
    return whole(request, "page", 1), size


def flag(request: Request, name: str) -> bool:
    """A switch; off when it is not given.

    Raises:
        ValidationError: It is neither ``true`` nor ``false``.
    """
    return text(request, name, ("true", "false")) == "true"


def moment(request: Request, name: str) -> dt.datetime | None:
    """A time with its zone.

    Raises:
        ValidationError: It is no such time.
    """
    word = request.query_params.get(name, "")
    if not word:
        return None
    try:
        found = parse_datetime(word.replace(" ", "+"))  # an unescaped + arrives as a space
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        example = "use a time with its zone, such as 2026-03-05T17:00:00Z"
        raise ValidationError({name: f"{word!r} is not valid; {example}"})
    return found


def day(request: Request, name: str) -> dt.date | None:
    """A date; None when it is not given.

    Raises:
        ValidationError: It is no date.
    """
    word = request.query_params.get(name, "")
    try:
        found = parse_date(word)
    except ValueError:
        found = None
    if word and found is None:
        raise ValidationError({name: f"{word!r} is not a date such as 2024-03-05"})
    return found


MARKETS_SHOWN = 20


def market(request: Request) -> str:
    """The market that closes are of: the live one, or that of a replay.

    Raises:
        ValidationError: There is none of that name.
    """
    word = text(request, "market") or LIVE
    if word != LIVE and not Replay.objects.filter(name=word).exists():
        names = [LIVE, *Replay.objects.values_list("name", flat=True)[:MARKETS_SHOWN]]
        raise ValidationError({"market": f"{word!r} is not valid; allowed: {', '.join(names)}"})
    return word
