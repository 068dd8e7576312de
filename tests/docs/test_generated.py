"""What a script under docs/ makes is committed as it makes it now."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest

from docs import make_conventions, make_figures, make_glossary, make_products, make_schemas
from pricing.markets import conventions, loader

DOCS = Path(make_figures.__file__).parent


def test_the_conventions_page_is_what_the_code_says():
    assert make_conventions.PAGE.read_text() == make_conventions.page(), (
        "run: python -m docs.make_conventions"
    )


def test_every_field_of_every_convention_has_a_source_or_is_a_name():
    for _, rows in make_conventions.TABLES:
        for row in rows.values():
            unsourced = {
                name
                for name, value in msgspec.structs.asdict(row).items()
                if name not in row.sources and name != "sources" and value is not None
            }
            assert unsourced <= {
                "name",
                "currency",
                *loader.UNSOURCED,
                "business_day_begins",
                "ex_coupon_counts",
                "yield_accrues",
                "bill_quote",
            }
            # A field of rows has a source in each of them.
            nested = {lag.source for lag in getattr(row, "settlement_lags", ())}
            assert {*row.sources.values(), *nested} <= make_conventions.KEYS.keys()


def test_settlement_lags_are_rows_with_their_first_date_and_source():
    corporate = conventions.BONDS["CORP-30-360"]
    shown = make_conventions.cell(corporate, "settlement_lags")
    assert shown == "3 [SEC_T3]; 2 from 2017-09-05 [SEC_T2]; 1 from 2024-05-28 [SEC_T1]"


def test_a_rule_of_0_or_1_days_is_not_shown_as_no_or_yes():
    sofr = conventions.INDICES["SOFR"]
    assert make_conventions.cell(sofr, "publication_lag") == "1 [NYFED]"
    assert make_conventions.cell(sofr, "end_of_month") == "no [ISDA]"


def test_the_measures_of_the_glossary_are_those_of_the_table():
    text = make_glossary.PAGE.read_text()
    assert text == make_glossary.with_measures(text), "run: python -m docs.make_glossary"


@pytest.mark.parametrize("name", make_products.PAGES)
def test_pages_name_the_products_of_the_table(name):
    text = (DOCS / name).read_text()
    assert make_products.MARKED.search(text)
    assert text == make_products.with_products(text), "run: python -m docs.make_products"


@pytest.mark.parametrize("name", make_schemas.FILES)
def test_the_schemas_are_what_the_readers_are_made_of(name):
    text = (DOCS / name).read_text()
    assert json.loads(text) == make_schemas.FILES[name](), "run: python -m docs.make_schemas"


def test_the_figures_of_the_pricing_page_are_what_the_code_gives():
    text = make_figures.PAGE.read_text()
    assert set(re.findall(r"<!-- figures: (\w+) -->", text)) == set(make_figures.TABLES)
    assert text == make_figures.with_figures(text), "run: python -m docs.make_figures"


@pytest.mark.parametrize(
    "case", make_figures.PUBLISHED, ids=lambda case: f"{case.name}, {case.settlement}"
)
def test_a_published_bond_price_comes_out_to_its_last_digit(case):
    bond = make_figures.priced(case)
    dirty = bond.dirty_from_yield(case.ytm, simple_part_period=case.auction)
    assert dirty == pytest.approx(case.dirty, abs=1e-6)


@pytest.mark.parametrize(
    "case", make_figures.PUBLISHED_YIELDS, ids=lambda case: f"{case.name}, {case.settlement}"
)
def test_a_published_yield_comes_out_to_its_last_digit(case):
    found = make_figures.priced(case).yield_from_clean(case.clean)
    assert found == pytest.approx(case.ytm, abs=case.last_digit)


def test_a_gilt_is_ex_dividend_from_the_day_after_seven_business_days_before_payment():
    gilt = {c.settlement: make_figures.priced(c) for c in make_figures.PUBLISHED}
    assert gilt["1999-05-26"].accrued_per_100 >= 0 > gilt["1999-05-27"].accrued_per_100


@pytest.mark.parametrize(("years", "limit"), [(10, 2.5e-7), (30, 1.5e-6), (50, 4.2e-6)])
def test_derivative_and_central_difference_differ_by_a_third_order_term(years, limit):
    assert 0 < make_figures.differences()[years] < limit
