"""Errors of the API beyond those of trade terms: unknown fields, unknown codes, stale versions."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers, status
from rest_framework.exceptions import APIException

from pricing.errors import shortened

NAMES_SHOWN = 8
NAME_CHARACTERS = 80
NON_FIELD = "non_field_errors"


class StaleVersion(APIException):
    """The change was made on an older version than the stored one."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "version_conflict"


class Conflict(APIException):
    """The stored row is not the one that the call was about."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


def refuse_unknown(
    given: Iterable[str],
    known: Collection[str],
    kind: str,
    refused: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Refuse names that would else be ignored in silence.

    Args:
        given: Names that were sent.
        known: Names that there are.
        kind: What they are names of, such as "field".
        refused: Sentences for some of the others.

    Raises:
        serializers.ValidationError: A sentence for each of the first few, and how many more.
    """
    unknown = [name for name in given if name not in known]
    if unknown:
        code = f"unknown_{kind.replace(' ', '_')}"
        sentences = {
            _short(name): [
                f"{name}: {refused[name]}"
                if name in refused
                else _unknown(_short(name), known, kind)
            ]
            for name in unknown[:NAMES_SHOWN]
        }
        more = len(unknown) - NAMES_SHOWN
        if more > 0:
            sentences[NON_FIELD] = [f"{more:,} more names are unknown"]
        raise serializers.ValidationError(sentences, code=code)


def check_query(given: Mapping[str, str], known: Collection[str]) -> None:
    """Refuse query parameters that would be ignored: unknown ones, and those without a value.

    Raises:
        serializers.ValidationError: A sentence for each of them.
    """
    refuse_unknown(given, known, "query parameter")
    empty = {  # at most as many as there are known names
        name: [f"{name}: has no value; leave it out"] for name in given if not given[name]
    }
    if empty:
        raise serializers.ValidationError(empty)


def _short(name: str) -> str:
    return name if len(name) <= NAME_CHARACTERS else f"{name[:NAME_CHARACTERS]}..."


def _unknown(name: str, known: Collection[str], kind: str) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(sorted(known))}"
    return f"{name}: no such {kind}; {hint}"


def unknown_code(field: str, value: object, codes: QuerySet[Any]) -> str:
    """Sentence for a code that is not in its table."""
    given = shortened(repr(value))
    shown = list(codes.order_by("code").values_list("code", flat=True)[:NAMES_SHOWN])
    if not shown:
        return f"{field}: {given} does not exist; there are none yet"
    more = codes.count() - len(shown)
    tail = f" and {more} more" if more > 0 else ""
    return f"{field}: {given} does not exist; there are: {', '.join(shown)}{tail}"
