"""What the API refuses beside Terms: unknown names, unknown codes, stale versions."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

from rest_framework import serializers, status
from rest_framework.exceptions import APIException

NAMES_SHOWN = 8


class Conflict(APIException):
    """The stored row is not the one that the call was about."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


def refuse_unknown(given: Iterable[str], known: Collection[str], kind: str) -> None:
    """Refuse names that would else be ignored in silence.

    Raises:
        serializers.ValidationError: A sentence for each of them.
    """
    unknown = [name for name in given if name not in known]
    if unknown:
        raise serializers.ValidationError({name: [_unknown(name, known, kind)] for name in unknown})


def _unknown(name: str, known: Collection[str], kind: str) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(sorted(known))}"
    return f"{name}: no such {kind}; {hint}"


def unknown_code(field: str, value: object, codes: list[str]) -> str:
    """Sentence for a code that is not in its table."""
    if not codes:
        return f"{field}: {value!r} does not exist; there are none yet"
    shown, more = codes[:NAMES_SHOWN], len(codes) - NAMES_SHOWN
    tail = f" and {more} more" if more > 0 else ""
    return f"{field}: {value!r} does not exist; there are: {', '.join(shown)}{tail}"
