"""Limits by address believe X-Forwarded-For from the proxy that is named, and from nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.web_process import Web, running_web

LIMIT = 3


def statuses(web: Web, callers: list[str]) -> list[int]:
    """Of calls without a login, each said to be of another caller."""
    return [web.get("/api/v1/swaps/", X_Forwarded_For=caller).status for caller in callers]


@pytest.mark.parametrize(
    ("trusted", "forwarded", "refused"),
    [
        # This test calls from 127.0.0.1.
        ("127.0.0.1", [f"203.0.113.{n}" for n in range(9)], False),
        ("127.0.0.1", ["203.0.113.7"] * 9, True),
        ("192.0.2.1", [f"203.0.113.{n}" for n in range(9)], True),
        # What a caller puts in front of the proxy's own entry is not believed.
        ("127.0.0.1", [f"198.51.100.{n}, 203.0.113.7" for n in range(9)], True),
    ],
    ids=["proxy", "one caller behind it", "somebody else", "a caller's own entry"],
)
def test_callers_are_told_apart_by_the_named_proxy_alone(
    tmp_path: Path, store_url: str, store: object, trusted: str, forwarded: list[str], refused: bool
) -> None:
    environment = {
        "REDIS_URL": store_url,
        "FORWARDED_ALLOW_IPS": trusted,
        "API_ANONYMOUS_CALLS_PER_MINUTE": str(LIMIT),
    }
    with running_web(tmp_path, **environment) as web:
        found = statuses(web, forwarded)
    # Nine calls pass at most one end of a minute: three of them are beyond the limit all the same.
    assert set(found) <= {401, 429}
    assert (429 in found) == refused
