"""Parse JSON request bodies, and refuse those that are too large or not valid JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser


class TooLarge(APIException):
    """The body is longer than this address accepts."""

    status_code = 413
    default_code = "too_large"

    def __init__(self, limit: int) -> None:
        super().__init__(f"The body is longer than {limit:,} bytes: send it in parts")


def read(stream: IO[Any], limit: int) -> bytes:
    """The whole body.

    Raises:
        TooLarge: It is longer than the limit, whatever its header says.
    """
    raw = bytes(stream.read(limit + 1))
    if len(raw) > limit:
        raise TooLarge(limit)
    return raw


class StrictJSONParser(BaseParser):
    """JSON in UTF-8, of finite numbers, each key once in its object; nothing is guessed."""

    media_type = "application/json"
    limit_name = "API_BODY_BYTES"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The content.

        Raises:
            TooLarge: See `read`.
            ParseError: With line and column where there are some.
        """
        return loads(read(stream, getattr(settings, self.limit_name)))


class LongJSONParser(StrictJSONParser):
    """The same for lists of rows."""

    limit_name = "API_BULK_BYTES"


def loads(raw: bytes) -> Any:
    """JSON as RFC 8259 has it: Python's own reader takes more.

    Raises:
        ParseError: With a sentence.
    """
    try:
        return json.loads(
            raw.decode("utf-8-sig"), object_pairs_hook=_once, parse_constant=_refuse_constant
        )
    except UnicodeDecodeError as error:
        raise _bad(f"not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise _bad(f"{error.msg} at line {error.lineno} column {error.colno}") from None
    except RecursionError:
        raise _bad("nested too deeply") from None
    except ValueError as error:  # a whole number of thousands of digits
        raise _bad(str(error).split(";")[0]) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _bad(f"{name!r} appears twice in one object")
        found[name] = value
    return found


def _refuse_constant(name: str) -> None:
    raise _bad(f"{name} is not a JSON number")


def _bad(reason: str) -> ParseError:
    return ParseError(f"The body is not JSON: {reason}", code="invalid_json")
