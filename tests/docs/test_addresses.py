"""Every address that the documentation names is one that the web process answers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.urls import Resolver404, resolve

from riskproject.web import problems

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
ADDRESS = re.compile(
    r"(?<![\w.])/(?:(?:api|admin|dashboard|accounts)/[\w/.<>-]*|healthz|readyz|metrics)\b/?"
)
PLACE = re.compile(r"<[^<>]*>")
"""Stands for an identifier, as in /api/v1/swaps/<trade_id>/."""

PREFIXES = {"/api/", "/api/v1/"}
"""What a page calls a group of addresses."""


def addresses(page: Path) -> list[str]:
    return [found.rstrip(".") for found in ADDRESS.findall(page.read_text())]


def answers(address: str) -> bool:
    try:
        found = resolve(PLACE.sub("x", address))
    except Resolver404:
        return False
    return found.func is not problems.no_such_address


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_address_of_a_page_exists(page: Path) -> None:
    assert [a for a in addresses(page) if a not in PREFIXES and not answers(a)] == []


def test_addresses_without_their_last_slash_are_noticed() -> None:
    assert not answers("/api/v1/swaps/bulk")
    assert not answers("/api/v1/positions/bulk/")
    assert answers("/api/v1/swaps/bulk/")


def test_pages_name_addresses() -> None:
    assert {"/api/v1/swaps/bulk/", "/api/docs/"} <= {a for page in PAGES for a in addresses(page)}
