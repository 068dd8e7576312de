"""The table of products: every row is whole, and reading terms does not load QuantLib."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from pricing.products.registry import PRODUCTS

LIGHT = """
import sys
import pricing.products.registry
import pricing.products.cash_flows
print(*sorted({"QuantLib", "numba"} & set(sys.modules)))
"""


def test_terms_and_flow_arrays_load_without_quantlib() -> None:
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("name", PRODUCTS)
def test_each_product_has_terms_legs_and_a_quantlib_half(name: str) -> None:
    product = PRODUCTS[name]
    assert product.terms.product == product.name == name
    assert product.legs
    half = import_module(product.flows)
    assert callable(half.make_template)
    assert callable(half.scaling)
    assert callable(half.instrument)


def test_names_and_lists_of_a_book_file_are_unique() -> None:
    rows = PRODUCTS.values()
    assert len({row.plural for row in rows}) == len({row.terms for row in rows}) == len(rows)
