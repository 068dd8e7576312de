"""Trades compiled by several processes are those that one would make, failures and all."""

from __future__ import annotations

import re
import sys
from importlib import resources

import numpy as np
import pytest

from pricing.errors import Failure
from pricing.products.cash_flows import CompiledTrade
from pricing.products.registry import PRODUCTS
from risk.workers import parallel_compile
from risk.workers.parallel_compile import SOURCES, CompilingFailed, compile_all, name_of
from tests.risk.made import bond, swap


@pytest.fixture
def few_are_worth_it(monkeypatch):
    monkeypatch.setattr(parallel_compile, "WORTH_A_PROCESS", 2)


def book():
    waits = bond("WAITS", clean_price=98.5, z_spread_bp=None)
    return [swap("S1"), bond("P1"), waits, swap("S2", notional=2e6), bond("P2", face_amount=-5e5)]


def test_two_processes_make_what_one_makes(few_are_worth_it):
    alone = {terms.trade_id: parallel_compile.compile_one(terms, indexed=False) for terms in book()}
    together = compile_all(book(), indexed=False, processes=2)
    assert together.keys() == alone.keys()
    for name, trade in alone.items():
        other = together[name]
        if isinstance(trade, Failure):
            assert other == trade
            continue
        assert isinstance(other, CompiledTrade)
        assert np.array_equal(other.flows, trade.flows)
        for field in ("trade_id", "product", "book", "discount", "forecast", "notional"):
            assert getattr(other, field) == getattr(trade, field), field
        assert (other.z_spread, other.made_from) == (trade.z_spread, trade.made_from)


def test_a_process_that_ends_without_an_answer_is_told_of(few_are_worth_it, monkeypatch):
    monkeypatch.setattr(sys, "executable", "false")
    with pytest.raises((CompilingFailed, BrokenPipeError)):
        compile_all(book(), indexed=False, processes=2)


def test_terms_and_coupon_style_and_code_are_in_the_name(monkeypatch):
    first = name_of(swap(), indexed=False)
    assert name_of(swap(), indexed=False) == first
    others = [name_of(swap(notional=2e6), indexed=False), name_of(swap(), indexed=True)]
    monkeypatch.setattr(parallel_compile, "release", lambda: b"other")
    others.append(name_of(swap(), indexed=False))
    assert len({first, *others}) == 4


def test_the_name_of_the_code_covers_all_that_makes_flows_by_quantlib() -> None:
    """A kept trade is compiled again when a file changes that decides on its flows."""
    library = resources.files("pricing")
    roots = {"pricing.products.flows", *(product.flows for product in PRODUCTS.values())}
    found, left = set(), {root.removeprefix("pricing.").replace(".", "/") for root in roots}
    while left:
        name = left.pop()
        text = (library / f"{name}.py").read_text()
        found.add(name)
        modules = re.findall(r"from pricing\.([\w.]+) import", text)
        for package, names in re.findall(r"from (pricing[\w.]*) import (.+)", text):
            modules += [f"{package}.{each}".removeprefix("pricing.") for each in names.split(", ")]
        paths = {module.replace(".", "/") for module in modules}
        left |= {path for path in paths if (library / f"{path}.py").is_file()} - found
    by_quantlib = {n for n in found if "import QuantLib" in (library / f"{n}.py").read_text()}
    assert by_quantlib >= {"products/accrual", "products/flows", "products/schedules"}
    assert by_quantlib <= set(SOURCES)
