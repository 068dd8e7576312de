"""Fields of the list of trades: terms, price and yield in JSON and in files, in any order."""

from __future__ import annotations

import csv
import io

import msgspec
import numpy as np
import pytest

from pricing.errors import Failure
from pricing.headlines import Headline
from pricing.products.fixed_rate_bond import BondTerms
from pricing.products.registry import PRODUCTS
from risk.queries.trade_fields import FIELDS, MADE_OF, quote_of, quotes_of
from risk.store.compiled_book_store import CompiledBooks
from risk.store.digests import digest_of
from risk.store.results import UnpricedTrade
from tests.dashboard import made as frames_made
from tests.risk.made import bond, store, swap
from tests.risk.published import publish
from tests.risk.rest import caller_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(redis_client, redis_url, settings, admin_user):
    return caller_of(redis_url, settings, admin_user)


def named(trade_id: str, name: str, face_amount: float) -> BondTerms:
    """A position in a bond of an issuer."""
    made = bond(trade_id, face_amount=face_amount)
    return msgspec.structs.replace(made, name=name, issuer="UST")


@pytest.fixture
def published(redis_client):
    """A swap that is paid, two bonds of one issuer, and a bond that did not compile."""
    broken = named("X1", "Broken", 3e6)
    lost = UnpricedTrade(
        trade_id="X1", code="BAD_INPUT", message="no such calendar", book="B2", product="bond",
        headline=broken.headline,
    )  # fmt: skip
    unread = Failure(trade_id="X2", code="BAD_INPUT", message="its row makes no terms")
    books = CompiledBooks(redis_client)
    made = store(
        books,
        swap("S1", pay_receive="pay", fixed_rate=0.04),
        named("P1", "Long", 1e6),
        named("P2", "Short", -2e6),
        failures=(lost, unread),
    )
    publish(redis_client, books, made, 1)


def get(client, path):
    answer = client.get(f"/api/v1/{path}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_a_row_has_the_terms_of_its_trade_in_one_line(client, published):
    rows = {row["trade_id"]: row for row in get(client, "risk/trades/")["results"]}
    words = ("instrument", "issuer", "side", "quantity", "quantity_of")
    assert [rows["P2"][name] for name in words] == ["Short", "UST", "short", 2e6, "face"]
    assert rows["P2"]["maturity"] == bond("P2").maturity_date.isoformat()
    assert rows["S1"]["rate"] == 0.04
    assert (rows["S1"]["side"], rows["S1"]["quantity_of"]) == ("pay", "notional")
    assert (rows["X1"]["instrument"], rows["X1"]["price"]) == ("Broken", None)  # it did not compile
    assert {rows["X2"][field.name] for field in FIELDS} == {None, ""}  # nothing is known of it
    one = get(client, "risk/trades/P2/")
    assert {field.name: one[field.name] for field in FIELDS} == {
        field.name: rows["P2"][field.name] for field in FIELDS
    }


def test_the_par_rate_of_a_swap_is_its_market_rate_and_it_has_no_price(client, published):
    (row,) = get(client, "risk/trades/?search=s1")["results"]
    assert row["market_rate"] == row["par_rate"] is not None
    assert row["price"] is None


def test_rows_are_found_by_issuer_and_sorted_by_terms(client, published):
    def names(query: str) -> list[str]:
        return [row["trade_id"] for row in get(client, f"risk/trades/?{query}")["results"]]

    assert names("issuer=UST&ordering=-quantity") == ["X1", "P2", "P1"]
    assert names("search=ust&ordering=-instrument") == ["P2", "P1", "X1"]
    assert names("side=pay") == ["S1"]
    assert names("ordering=rate")[-1] == "X2"  # no number stands last
    assert names("ordering=-rate")[-1] == "X2"
    assert names("ordering=-issuer")[:3] == ["P1", "P2", "X1"]  # without one, behind them


def test_files_have_the_fields_with_their_units(client, published):
    answer = client.get("/api/v1/risk/trades/?format=csv&ordering=trade_id")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    found = get(client, "risk/trades/?ordering=trade_id")["results"]
    header = {
        "instrument", "issuer", "side", "quantity", "quantity_of", "rate_decimal", "spread_bp",
        "maturity", "price_per_100", "market_rate_decimal",
    }  # fmt: skip
    assert header <= set(rows[0])
    for row, trade in zip(rows, found, strict=True):
        assert row["maturity"] == (trade["maturity"] or "")
        rate = row["market_rate_decimal"]
        assert (float(rate) if rate else None) == trade["market_rate"]
        assert row["instrument"] == (trade["instrument"] or "")


def test_quotes_of_many_trades_are_those_of_each():
    numbers = {"clean_per_100": 99.5, "ytm": 0.041, "par_rate": 0.0375, "future_price": 111.25}
    products = np.array(sorted(PRODUCTS))
    for name in MADE_OF:
        many = quote_of(name, products, lambda of: np.full(len(products), numbers[of]))
        each = [quotes_of(product, numbers)[name] for product in products.tolist()]
        assert [None if np.isnan(x) else x for x in many.tolist()] == each
    of_future = quotes_of("ir_future", numbers)
    assert of_future["price"] == pytest.approx(96.25)  # 100 less 3.75 percent
    assert quotes_of("basis_swap", numbers) == {"price": None, "market_rate": None}


def test_what_lists_say_of_a_failed_trade_is_no_part_of_the_hash_of_a_frame():
    bare = UnpricedTrade(trade_id="X1", code="BAD_INPUT", message="why", book="B", product="bond")
    said = msgspec.structs.replace(bare, headline=Headline(instrument="Broken"))
    first, second = (frames_made.make("USD", not_compiled=[each]).rollup for each in (bare, said))
    second = msgspec.structs.replace(second, book_version=first.book_version)
    assert second.failures != first.failures
    assert digest_of(second) == digest_of(first)
    other = msgspec.structs.replace(second, failures=[])
    assert digest_of(other) != digest_of(first)
