"""HTTP calls of the API: token, errors, pages."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from live_risk_client.errors import ApiError, Unreachable

PREFIX = "/api/v1/"
PAGE_SIZE = 500
Json = dict[str, Any]


class Connection:
    """Calls with one token to one server."""

    def __init__(self, url: str, token: str, timeout_s: float) -> None:
        """Make the client of HTTP; it connects with the first call."""
        headers = {"Authorization": f"Token {token}"} if token else {}
        self.http = httpx.Client(
            base_url=url.rstrip("/") + PREFIX, headers=headers, timeout=timeout_s
        )

    def get(self, path: str, **parameters: Any) -> Any:
        """The decoded answer; parameters that are None or empty are left out."""
        return self.call("GET", path, params=query(parameters))

    def post(self, path: str, body: Any = None, **parameters: Any) -> Any:
        """The decoded answer of a POST with a JSON body."""
        return self.call("POST", path, params=query(parameters), json=body)

    def call(self, method: str, path: str, **options: Any) -> Any:
        """The decoded answer.

        Raises:
            ApiError: The call was refused.
            Unreachable: There was no answer.
        """
        answer = self._answer(method, path, **options)
        if not answer.content:
            return None
        try:
            return answer.json()
        except ValueError as error:
            raise Unreachable(f"{answer.url} did not answer in JSON: is it the API?") from error

    def content(self, path: str, **parameters: Any) -> bytes:
        """A file; errors as ``call``."""
        return self._answer("GET", path, params=query(parameters)).content

    def _answer(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            answer = self.http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise Unreachable(f"{method} {self.http.base_url}{path}: {error!r}") from error
        check(answer)
        return answer

    def pages(self, path: str, **parameters: Any) -> Iterator[tuple[Json, list[Json]]]:
        """Every page of a list, with its rows."""
        number = 1
        while True:
            page = self.get(path, page=number, page_size=PAGE_SIZE, **parameters)
            yield page, page["results"]
            if number * PAGE_SIZE >= page["count"]:
                return
            number += 1


def query(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Parameters as the API reads them: lists with commas, switches as words."""
    return {
        name.rstrip("_"): _word(value)
        for name, value in parameters.items()
        if value is not None and value not in ("", (), [])
    }


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def check(answer: httpx.Response) -> None:
    """Raise what a problem document says.

    Raises:
        ApiError: The status is an error.
    """
    if answer.status_code < httpx.codes.BAD_REQUEST:
        return
    body: Any = {}
    with contextlib.suppress(ValueError):
        body = answer.json()
    found = body if isinstance(body, dict) else {}
    retry = answer.headers.get("Retry-After", "")
    raise ApiError(
        answer.status_code,
        str(found.get("code", "")),
        str(found.get("detail") or answer.reason_phrase),
        found.get("errors") if isinstance(found.get("errors"), dict) else None,
        float(retry) if retry.isdigit() else None,
    )
