"""Pages of the named origins may read the API with a token; all others, and all else, may not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web_process import Web, running_web

ADDIN, OTHER = "https://addin.xlwings.org", "https://evil.example"
ALLOWED = "access-control-allow-origin"


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory, store_url: str) -> Iterator[Web]:
    base: Path = tmp_path_factory.mktemp("web")
    with running_web(base, REDIS_URL=store_url, CORS_ALLOWED_ORIGINS=ADDIN) as found:
        yield found


def preflight(web: Web, origin: str, method: str = "GET") -> dict[str, str]:
    """Return what a browser asks before a page's request with a token."""
    return web.call(
        "OPTIONS",
        "/api/v1/stream/",
        Origin=origin,
        Access_Control_Request_Method=method,
        Access_Control_Request_Headers="authorization,last-event-id",
    ).headers


def test_a_named_origin_may_read_with_a_token_and_go_on_where_it_was(web: Web) -> None:
    answer = preflight(web, ADDIN)
    assert answer[ALLOWED] == ADDIN
    assert {"authorization", "last-event-id"} <= set(
        answer["access-control-allow-headers"].split(", ")
    )
    assert web.get("/api/v1/swaps/", Origin=ADDIN).headers[ALLOWED] == ADDIN


def test_a_named_origin_may_change_nothing_and_gets_no_cookie(web: Web) -> None:
    answer = preflight(web, ADDIN, "POST")
    assert answer["access-control-allow-methods"] == "GET, HEAD, OPTIONS"
    assert "access-control-allow-credentials" not in answer


@pytest.mark.parametrize("origin", [OTHER, "null", "https://addin.xlwings.org.evil.example"])
def test_other_origins_may_not(web: Web, origin: str) -> None:
    assert ALLOWED not in preflight(web, origin)
    assert ALLOWED not in web.get("/api/v1/swaps/", Origin=origin).headers


def test_pages_for_people_stay_with_their_own_origin(web: Web) -> None:
    assert ALLOWED not in web.get("/admin/login/", Origin=ADDIN).headers
