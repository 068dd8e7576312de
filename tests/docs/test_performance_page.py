"""The pages about speed say what the results of the benchmarks say."""

from __future__ import annotations

import re

import pytest

from docs import make_performance


@pytest.mark.parametrize("page", make_performance.PAGES, ids=lambda page: page.name)
def test_a_page_has_the_numbers_of_the_results(page):
    text = page.read_text()
    assert text == make_performance.with_results(text), "run: python -m docs.make_performance"


def test_every_table_stands_on_a_page():
    text = "".join(page.read_text() for page in make_performance.PAGES)
    assert set(re.findall(r"<!-- results: (\w+) -->", text)) == set(make_performance.TABLES)
