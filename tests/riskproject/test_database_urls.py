"""The same database for another account."""

from __future__ import annotations

import pytest

from ops.access.postgres.urls import url_as


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://risk:old@h:5433/risk", "postgresql://app:n%40%2Fw@h:5433/risk"),
        ("postgresql://h/risk?sslmode=require", "postgresql://app:n%40%2Fw@h/risk?sslmode=require"),
        ("postgresql:///risk?host=/run/pg", "postgresql://app:n%40%2Fw@/risk?host=/run/pg"),
        ("postgresql://a:b@[::1]:1/risk", "postgresql://app:n%40%2Fw@[::1]:1/risk"),
    ],
)
def test_host_port_name_and_options_stay_and_the_account_is_quoted(url: str, expected: str) -> None:
    assert url_as(url, "app", "n@/w") == expected
