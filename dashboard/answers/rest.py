"""Ask an address of REST with the user's own rights; a refusal is its sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from dashboard.access.login import Web

PREFIX = "/api/v1/"
TIMEOUT_S = 12.0
"""Seconds until a request is given up; an answer that is computed takes six, and may wait for one
of the same user before it for five."""

AWAY = "The web process does not answer: nothing was read and nothing was written."

ROWS = "rows"
"""Key of the rows in an answer that is a list of rows."""

Json = Mapping[str, Any]


def ask(
    web: Web, session: str, path: str, body: object = None, method: str = "POST"
) -> dict[str, Any] | str:
    """The answer of an address below /api/v1/, or the sentence of its refusal.

    Args:
        web: The web process.
        session: The user's session key.
        path: Below /api/v1/, with its query.
        body: Of a POST or PATCH, as JSON.
        method: GET, POST or PATCH.
    """
    if method == "GET":
        found = web.get(session, PREFIX + path, TIMEOUT_S)
    else:
        found = web.send(method, session, PREFIX + path, body, TIMEOUT_S)
    if found is None:
        return AWAY
    status, content = found
    try:
        answer = msgspec.json.decode(content)
    except msgspec.DecodeError:
        return f"The web process answered {status}, and its answer cannot be read."
    if status < 300 and isinstance(answer, list):
        return {ROWS: answer}
    if status < 300 and isinstance(answer, dict):
        return answer
    return refusal_of(answer, status)


def refusal_of(answer: Any, status: int) -> str:
    """The sentences of a problem document."""
    if not isinstance(answer, dict):
        return f"The web process answered {status}."
    errors = answer.get("errors") or {}
    sentences = [
        str(sentence)
        for found in errors.values()
        for sentence in (found if isinstance(found, list) else [found])
    ]
    return " ".join(sentences) or str(answer.get("detail", f"The web process answered {status}."))
