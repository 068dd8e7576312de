"""No text from outside can make a regular expression of the product super-linear."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from riskproject.redaction import MAX_CHARACTERS, Redaction

PACKAGES = (
    *("pricing", "riskproject", "instruments", "risk"),
    *("feedbridge", "dashboard", "ops", "demo"),
)
SMALL, MAX_RATIO = 10_000, 40
LEAST_S = 50e-6
TRIES = 4
"""A busy machine can slow one measurement; a super-linear pattern is slow in each."""
SEEDS = ("a", "0", " ", "_", "-", ".", "=", ":", "://", "://a:", "'", "[", "a ", "a=", "0.")
NAMES = ("password", "password=", "password ", "Token ", "api_key")
SCANNING = ("search", "sub", "findall", "finditer", "split")


def patterns() -> Iterator[tuple[str, re.Pattern[Any], bool]]:
    """Each compiled pattern of a module of the product, and whether it is searched for."""
    for package in PACKAGES:
        root = importlib.import_module(package)
        for info in pkgutil.walk_packages(root.__path__, f"{package}."):
            if ".migrations" in info.name or "re.compile" not in source_of(info):
                continue
            module = importlib.import_module(info.name)
            source = inspect.getsource(module)
            for name, value in vars(module).items():
                if isinstance(value, re.Pattern):
                    uses = set(re.findall(rf"\b{name}\.(\w+)\(", source))
                    yield f"{info.name}.{name}", value, bool(uses & set(SCANNING)) or not uses
                elif isinstance(value, tuple):
                    for row in value:
                        for part in row if isinstance(row, tuple) else (row,):
                            if isinstance(part, re.Pattern):
                                yield f"{info.name}.{name} {part.pattern!r}", part, True


def source_of(info: pkgutil.ModuleInfo) -> str:
    spec = info.module_finder.find_spec(info.name, None)  # type: ignore[call-arg, union-attr]
    loader = spec.loader if spec else None
    return (loader.get_source(info.name) or "") if loader else ""  # type: ignore[attr-defined]


def grows_linearly(run: Callable[[str], object], seed: str, end: str = "\x01") -> bool:
    """Return whether ten times the text takes about ten times the time.

    A tenth of the small size goes first: a cubic pattern is found before it can hang the test.
    """
    for small in (SMALL // 10, SMALL):
        texts = [(seed * (size // len(seed)) + end) for size in (small, small * 10)]
        if not any(ratio(run, *texts) <= MAX_RATIO for _ in range(TRIES)):
            return False
    return True


def ratio(run: Callable[[str], object], short: str, long: str) -> float:
    fast, slow = (min(timed(run, text) for _ in range(3)) for text in (short, long))
    return slow / max(fast, LEAST_S)


def timed(run: Callable[[str], object], text: str) -> float:
    began = time.thread_time()
    run(text)
    return time.thread_time() - began


@pytest.mark.parametrize(("name", "pattern", "searched"), list(patterns()), ids=str)
def test_every_pattern_is_linear(name: str, pattern: re.Pattern[Any], searched: bool) -> None:
    run = pattern.search if searched else pattern.match
    as_text = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode()
    for seed in (*SEEDS, *dict.fromkeys(re.findall(r"[A-Za-z0-9]{2,}", as_text))):
        if isinstance(pattern.pattern, bytes):
            assert grows_linearly(lambda text: run(text.encode()), seed), (name, seed)
        else:
            assert grows_linearly(run, seed), (name, seed)


@pytest.mark.parametrize(
    "seed", [*SEEDS, "password", "password=", "password ", "Token ", "api_key"]
)
def test_redaction_is_linear(seed: str) -> None:
    assert grows_linearly(Redaction(("pa/ss w0rd", "k3y-0123456789")), seed), seed


def test_a_long_field_is_cut_and_no_part_of_a_secret_is_left_at_the_cut() -> None:
    secret = "k3y-0123456789"
    half = MAX_CHARACTERS // 2
    for shift in range(len(secret)):
        text = "x" * (half - shift) + secret + "y" * 90_000 + secret + "z" * (half - shift)
        shown = Redaction((secret,)).bounded(text)
        assert len(shown) <= MAX_CHARACTERS
        assert not set(shown) & set("k3")


def test_a_name_within_a_value_is_still_found() -> None:
    shown = Redaction(())("url=x-password=hunter22&a:b-secret=hunter23")
    assert "hunter" not in shown
