"""What `deploy/` makes, rendered once for all tests of this folder."""

from __future__ import annotations

from typing import Any

import pytest

from devstack.compose import Service, services_of
from tests.starts import ROOT, rendered, workloads


@pytest.fixture(scope="session")
def base() -> list[dict[str, Any]]:
    """Every object of deploy/base."""
    return rendered("base")


@pytest.fixture(scope="session")
def ours(base: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """All workloads by name, with the migration."""
    return workloads(base) | workloads(rendered("migrate"))


@pytest.fixture(scope="session")
def services() -> dict[str, Service]:
    """The services of docker-compose.yml that run our image, with its own defaults."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    pairs = [line.partition("=") for line in lines if line and line[0] != "#"]
    values = {name: value or "none" for name, _, value in pairs if _is_secret(name)}
    return {one.name: one for one in services_of(ROOT / "docker-compose.yml", values)}


def _is_secret(name: str) -> bool:
    return name.endswith(("PASSWORD", "SECRET_KEY"))
