"""Templates made by several processes are those that one would make."""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import suppress
from importlib import resources

import pytest

from pricing.errors import PricingError
from pricing.products import flows
from pricing.products.registry import PRODUCTS
from risk.compiler import parallel_compile
from risk.compiler.parallel_compile import SOURCES, CompilingFailed, name_of, prepare_templates
from tests.risk.made import bond, swap


@pytest.fixture
def few_are_worth_it(monkeypatch):
    monkeypatch.setattr(parallel_compile, "WORTH_A_PROCESS", 2)
    flows.templates.cache_clear()


def book():
    late = swap("LATE", notional_schedule=[1.0])
    return [swap("S1"), bond("P1"), late, swap("S2", payment_lag=4), swap("S3", notional=2e6)]


def kept():
    return dict(flows.templates(indexed=False)._kept)


def test_several_processes_make_the_templates_that_one_makes(few_are_worth_it):
    for terms in book():
        with suppress(PricingError):
            flows.compile_trade(terms)
    alone = kept()
    flows.templates.cache_clear()
    prepare_templates(book(), indexed=False, processes=2)
    assert kept() == alone
    assert len(alone) == 3


def test_what_is_kept_is_not_made_again(few_are_worth_it, monkeypatch):
    prepare_templates(book(), indexed=False, processes=2)
    monkeypatch.setattr(parallel_compile, "_made_by", None)
    prepare_templates(book()[:1], indexed=False, processes=2)


def test_a_process_that_ends_without_an_answer_is_told_of(few_are_worth_it, monkeypatch):
    monkeypatch.setattr(sys, "executable", "false")
    with pytest.raises(CompilingFailed):
        prepare_templates(book(), indexed=False, processes=2)


def test_a_process_that_ends_before_it_has_read_its_work_is_told_of_and_none_is_left(
    few_are_worth_it, monkeypatch
):
    monkeypatch.setattr(parallel_compile, "WORTH_A_PROCESS", 1)
    started = []

    def start():
        alive = ["true"] if started else ["sleep", "600"]
        started.append(subprocess.Popen(alive, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        if alive == ["true"]:
            started[-1].wait()
        return started[-1]

    monkeypatch.setattr(parallel_compile, "_start", start)
    with pytest.raises(CompilingFailed, match="has not read its work"):
        prepare_templates(book(), indexed=False, processes=3)
    assert [process.poll() is not None for process in started] == [True, True]


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
