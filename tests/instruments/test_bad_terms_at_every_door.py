"""A bad term of each product is a sentence with field, value and what is allowed, at each door."""

from __future__ import annotations

import datetime as dt
import html
import io
from collections.abc import Callable, Mapping
from typing import Any

import openpyxl
import pytest
from django.test import Client
from rest_framework.test import APIClient

from instruments.loading import KINDS, load, read_table
from instruments.models import Bond, Book, Trade
from instruments.what_if import check_entries, read_entry
from pricing.errors import BadInput
from pricing.products.registry import PRODUCTS
from tests.instruments import test_bond_futures, test_floating_rate_notes, test_futures
from tests.instruments.test_admin import form_of
from tests.instruments.test_bond_futures import basket, bonds  # noqa: F401 - fixtures
from tests.instruments.test_other_swaps import ROWS as OTHER_SWAPS

SWAP = {
    "trade_id": "S1",
    "book": "B1",
    "convention": "USD-SOFR-OIS",
    "pay_receive": "pay",
    "notional": "10000000",
    "effective_date": "2023-03-15",
    "termination_date": "2033-03-15",
    "fixed_rate": "0.035",
}
POSITION = {"trade_id": "P1", "book": "B1", "bond": "T-4.125-2032", "face_amount": "5000000"}
TRADES = {name: kind for name, kind in KINDS.items() if issubclass(kind.model, Trade)}
ROWS: Mapping[str, Mapping[str, Any]] = {
    **{name: {**kind.example, "book": "B1"} for name, kind in TRADES.items()},
    "swaps": SWAP,
    "positions": POSITION,
    **OTHER_SWAPS,
    "ir_futures": test_futures.ROW,
    "bond_futures": test_bond_futures.ROW,
    "floating_rate_notes": test_floating_rate_notes.ROW,
}
"""A good row of the table of each product: the example of its file, or one of its tests."""

BAD = (
    *((name, "trade_id", "S 1/x", "letters, digits") for name in TRADES),
    ("swaps", "convention", "USD-LIBOR-3M", "allowed: USD-SOFR-OIS"),
    ("swaps", "notional", "-5", "greater than 0"),
    ("swaps", "termination_date", "2023-03-14", "must be after effective_date 2023-03-15"),
    ("swaps", "float_day_count", "ACT/363", "ACT/360"),
    ("swaps", "discount_curve", "EUR-ESTR", "curves of USD: "),
    ("swaps", "compounding_method", "sraight", "straight"),
    ("swaps", "lookback_days", "61", "at most 60"),
    ("swaps", "lockout_days", "61", "at most 60"),
    ("positions", "face_amount", "0", "use a positive (long) or negative (short) amount"),
    ("positions", "clean_price", "0.5", "99 % of face is 99"),
    ("positions", "quoted_yield", "5.25", "write 5.25 % as 0.0525"),
    ("positions", "yield_type", "ytm", "it says what quoted_yield is, and that is not given"),
    ("positions", "bond", "T-9-1999", "T-9-1999"),
    ("basis_swaps", "first_index", "LIBOR", "ESTR, EURIBOR3M"),
    ("basis_swaps", "second_index", "EURIBOR3M", "another index than the first leg"),
    ("basis_swaps", "notional", "0", "greater than 0"),
    ("basis_swaps", "second_frequency", "5M", "3M"),
    ("zero_coupon_swaps", "convention", "EUR-LIBOR", "EUR-EURIBOR-6M"),
    ("zero_coupon_swaps", "termination_date", "2024-03-24", "end on a later business day"),
    ("zero_coupon_swaps", "fixed_frequency", "ZERO", "leave it empty"),
    ("fras", "index", "ESTR", "an overnight index has no period to agree on"),
    ("fras", "effective_date", "2025-06-21", "starts on a business day of TARGET"),
    ("fras", "discount_curve", "USD-SOFR", "curves of EUR: "),
    ("ir_futures", "contract", "SR3H6", "two digits of a year, such as SR3H25"),
    ("ir_futures", "contracts", "0", "a whole number of contracts, not 0"),
    ("ir_futures", "trade_price", "3.655", "a price quote, 100 less the rate in percent"),
    ("ir_futures", "volatility_bp", "-90", "greater than 0"),
    ("ir_futures", "mean_reversion", "0.03", "it belongs to volatility_bp"),
    ("bond_futures", "contract", "SR3H26", "futures: ZT, Z3N"),
    ("bond_futures", "contract", "ZNM26", "the bonds that may be delivered into ZNM26"),
    ("bond_futures", "contracts", "0", "a whole number of contracts, not 0"),
    ("bond_futures", "option_value", "-101", "points of price, -100 to 100"),
    ("bond_futures", "market_price", "0.5", "a price per 100 of face"),
    ("floating_rate_notes", "floating_index", "LIBOR", "allowed: "),
    ("floating_rate_notes", "lookback_days", "5", "coupons on EURIBOR3M fix once"),
    ("floating_rate_notes", "lockout_days", "5", "coupons on EURIBOR3M fix once"),
    ("floating_rate_notes", "maturity_date", "2020-01-01", "must be after issue_date 2024-03-15"),
)
"""Table, field, value and what the sentence says is allowed."""

ADDRESSES = {"positions": "bond-positions"}
"""REST addresses that are not the name of their table."""

LINES = (
    ("rec 0m USD 10Y 3.85", "size", "0m", "an amount above zero"),
    ("rec 50m XYZ 10Y 3.85", "currency", "XYZ", "a currency or swap convention"),
    ("rec 50m USD 10Y 385", "fixed_rate", "3.85", "decimal"),
    ("buy 20m T-9-1999 @99.16", "bond", "T-9-1999", "T-9-1999"),
    ("buy 20m T-4.125-2032 @0.5", "clean_price", "0.5", "99 % of face is 99"),
    ("buy 20m T-4.125-2032 @425%", "quoted_yield", "4.25", "decimal"),
    ("sell 100 ED3H6 @96", "bond", "ED3H6", "ED3H6"),
    ("sell 100 SR3H6 @3.655", "trade_price", "3.655", "a price quote, 100 less the rate"),
)
"""Quick text, with the field, the value and what is allowed; it knows swaps, bonds and futures."""


def stored(table: str) -> int:
    model = KINDS[table].model
    assert issubclass(model, Trade)
    return model._base_manager.count()


@pytest.fixture(autouse=True)
def _master(basket: None) -> None:  # noqa: F811 - the fixture
    """A book, two bonds, and the basket of a future."""


def test_every_product_has_bad_terms_here() -> None:
    assert {KINDS[table].model.product for table in ROWS} == set(PRODUCTS)  # type: ignore[attr-defined]
    assert {table for table, *_ in BAD} == set(ROWS)


def csv_file(row: Mapping[str, Any]) -> bytes:
    return f"{','.join(row)}\n{','.join(map(str, row.values()))}\n".encode()


def workbook(row: Mapping[str, Any]) -> bytes:
    book = openpyxl.Workbook()
    book.active.append(list(row))
    book.active.append([str(value) for value in row.values()])
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


@pytest.mark.parametrize("made", [csv_file, workbook])
@pytest.mark.parametrize(("table", "field", "value", "allowed"), BAD)
def test_of_a_file(
    made: Callable[[Mapping[str, Any]], bytes], table: str, field: str, value: str, allowed: str
) -> None:
    kind = KINDS[table]
    content = made({**ROWS[table], field: value})
    (sentence,) = load(kind, read_table(content, kind)).sentences()
    for part in ("row 2", field, value, allowed):
        assert part in sentence
    assert stored(table) == 0
    assert load(kind, read_table(made(ROWS[table]), kind)).sentences() == []


@pytest.mark.parametrize(("table", "field", "value", "allowed"), BAD)
def test_over_rest(api: APIClient, table: str, field: str, value: str, allowed: str) -> None:
    address = f"/api/v1/{ADDRESSES.get(table, table)}/"
    answer = api.post(address, {**ROWS[table], field: value}, format="json")
    assert answer.status_code == 400
    sentences = answer.json()["errors"]
    assert list(sentences) == [field]
    assert allowed in sentences[field][0]
    assert stored(table) == 0
    made = api.post(address, ROWS[table], format="json")
    assert made.status_code == 201, made.content


IN_FORMS = [case for case in BAD if case[:2] != ("positions", "bond")]
"""The form has a list of bonds."""


@pytest.mark.parametrize(("table", "field", "value", "allowed"), IN_FORMS)
def test_in_the_admin(
    admin_client: Client, table: str, field: str, value: str, allowed: str
) -> None:
    address = f"/admin/instruments/{KINDS[table].model._meta.model_name}/add/"
    row = {**ROWS[table], "book": Book.objects.get().pk}
    if "bond" in row:
        row["bond"] = Bond.objects.get(code=row["bond"]).pk
    page = admin_client.post(address, {**form_of(admin_client, address), **row, field: value})
    assert page.status_code == 200
    assert allowed in html.unescape(page.content.decode())
    assert stored(table) == 0


@pytest.mark.parametrize(("line", "field", "value", "allowed"), LINES)
def test_in_quick_text(line: str, field: str, value: str, allowed: str) -> None:
    dates = {"USD": dt.date(2024, 3, 5)}
    try:
        entry = read_entry({"text": f"{line} book B1"}, dates)
    except BadInput as error:
        said = str(error)
    else:
        (checked,) = check_entries([entry], books=None, books_seen=None)
        (problem,) = checked.problems
        said = problem.sentence
    for part in (field, value, allowed):
        assert part in said
