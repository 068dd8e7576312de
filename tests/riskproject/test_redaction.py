"""What a log line never holds, and what it still must."""

from __future__ import annotations

import json
import logging

import pytest
from structlog.contextvars import bound_contextvars

from riskproject.logs import FORMATS, formatter
from riskproject.redaction import Redaction, password_of

SECRETS = ("pa/ss w0rd", "k3y-0123456789")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("redis://:hunter@h:1/0 refused", "redis://:***@h:1/0 refused"),
        ("postgresql://risk:x@h/risk?a=b", "postgresql://risk:***@h/risk?a=b"),
        ("redis://:p@ss:w@h:1/0", "redis://:***@h:1/0"),
        ("two: redis://:a@h/0, redis://:b@h/1", "two: redis://:***@h/0, redis://:***@h/1"),
        ("sent Token 0123456789abcdef", "sent Token ***"),
        ("{'Authorization': 'Bearer abcdefgh.ij'}", "{'Authorization': '***'}"),
        ('{"password": "hunter22", "user": "a"}', '{"password": "***", "user": "a"}'),
        ("REDIS_PASSWORD=hunter22 x", "REDIS_PASSWORD=*** x"),
        ("auth pa/ss w0rd failed", "auth *** failed"),
        ("in a URL: pa%2Fss%20w0rd", "in a URL: ***"),
    ],
)
def test_a_secret_is_masked(text: str, shown: str) -> None:
    assert Redaction(SECRETS)(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "no Kafka broker answers at 127.0.0.1:1 (Connection refused)",
        "http://127.0.0.1:8000/api/docs/",
        "invalid username-password pair or user is disabled.",
        "password authentication failed for user risk",
        "frame USD 4294967297: USD-SOFR 10Y is 2.5, a decimal is expected",
        "Token authentication",
    ],
)
def test_an_ordinary_line_is_left_as_it_is(text: str) -> None:
    assert Redaction((*SECRETS, "", "risk"))(text) == text


def test_the_password_of_a_url_is_the_one_that_its_server_knows() -> None:
    assert password_of("redis://:p%2Fw@h/0") == "p/w"
    assert password_of("redis://h/0") == ""


def record(message: str, *args: object, error: BaseException | None = None) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("feedbridge", logging.WARNING, "f.py", 1, message, args, info)


@pytest.mark.parametrize("log_format", FORMATS)
def test_messages_arguments_and_tracebacks_are_masked_in_both_formats(log_format: str) -> None:
    try:
        raise ValueError("cannot open redis://:hunter22@h/0")
    except ValueError as error:
        made = record("with %s and %s", {"password": "hunter22"}, SECRETS[1], error=error)
    text = formatter(log_format, SECRETS).format(made)
    assert "hunter22" not in text
    assert SECRETS[1] not in text
    assert "ValueError: cannot open redis://:***@h/0" in text


def test_a_json_line_is_one_object_with_its_context() -> None:
    with bound_contextvars(request_id="abc"):
        text = formatter("json", ()).format(record("two\nlines %d", 7))
    assert "\n" not in text
    found = json.loads(text)
    assert list(found)[:4] == ["time", "level", "logger", "message"]
    assert (found["level"], found["logger"], found["message"], found["request_id"]) == (
        *("warning", "feedbridge", "two\nlines 7", "abc"),
    )


def test_a_line_for_people_ends_with_its_context() -> None:
    with bound_contextvars(request_id="abc"):
        text = formatter("line", ()).format(record("waits"))
    assert text.partition(" ")[2] == "WARNING feedbridge waits [request_id=abc]"
