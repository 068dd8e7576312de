"""A bond future in a published frame over REST: its basket on the frame, and its one payment."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import msgspec
import pytest

from instruments.models import Bond, BondFuture, Book, Deliverable, Desk
from pricing.curves.curve_set import CurveSet
from pricing.curves.quotes import shape_of
from pricing.measures.delivery.basis import basis_of, prepare_future
from pricing.products.fixed_rate_bond import BondTerms
from pricing.products.futures.bond_future import BondFutureTerms
from risk.store.compiled_book_store import CompiledBooks
from tests.pricing.sample_baskets import basket, bond_future
from tests.risk.made import DATE, QUOTES, store
from tests.risk.published import publish
from tests.risk.rest import caller_of

FUTURE: BondFutureTerms = bond_future(
    "USD",
    trade_id="F1",
    book="B2",
    contract="ZNM24",
    contracts=-40.0,
    deliverables=tuple(
        msgspec.structs.replace(each, discount_curve="USD-SOFR", isin=None)
        for each in basket("USD")
    ),
)


@pytest.fixture
def client(redis_client, redis_url, settings, admin_user):
    made = caller_of(redis_url, settings, admin_user)
    books = CompiledBooks(redis_client)
    publish(redis_client, books, store(books, FUTURE), 1)
    return made


def detail(client: Any) -> dict[str, Any]:
    answer = client.get("/api/v1/risk/trades/F1/")
    assert answer.status_code == 200, answer.content
    return answer.json()


def in_the_master() -> None:
    book = Book.objects.create(code="B2", desk=Desk.objects.create(code="D"))
    for number, each in enumerate(FUTURE.deliverables):
        terms: BondTerms = each.bond
        made = Bond.objects.create(
            code=f"T{number}",
            name=f"bond {number}",
            currency="USD",
            convention="US-TREASURY",
            coupon_rate=terms.coupon_rate,
            issue_date=terms.issue_date,
            maturity_date=terms.maturity_date,
        )
        Deliverable.objects.create(code=f"D{number}", contract="ZNM24", bond=made)
    BondFuture.objects.create(
        trade_id="F1", book=book, contract="ZNM24", contracts=-40, trade_price=110
    )


def test_the_basket_is_listed_with_the_cheapest_bond_of_the_frame(client):
    in_the_master()
    found = detail(client)
    curves = CurveSet(DATE, shape_of(QUOTES["USD"]), {})
    solved = curves.solve(curves.vector(QUOTES["USD"]))
    alone = [
        basis_of(
            prepare_future(msgspec.structs.replace(FUTURE, deliverables=(each,)), curves, solved),
            curves,
            solved,
        ).future_price
        for each in FUTURE.deliverables
    ]
    assert [bond["price"] for bond in found["deliverables"]] == pytest.approx(alone, abs=1e-8)
    assert [bond["bond"] for bond in found["deliverables"]] == ["T0", "T1", "T2", "T3", "T4"]
    cheapest = [price == min(alone) for price in alone]
    assert [bond["cheapest"] for bond in found["deliverables"]] == cheapest
    assert found["npv"] == pytest.approx(-40.0 * 1000.0 * (min(alone) - 110.0), rel=1e-6)


def test_a_basket_that_was_edited_since_has_no_codes(client):
    in_the_master()
    Deliverable.objects.get(code="D1").delete()
    found = detail(client)["deliverables"]
    assert [bond["bond"] for bond in found] == [None] * 5
    assert dt.date.fromisoformat(found[0]["last_payment"]).year == 2031


def test_the_price_is_one_payment_and_payments_add_up_to_the_value(client):
    found = detail(client)
    legs = [flow["leg"] for flow in found["cash_flows"]]
    assert legs == ["model_price", "model_price", "traded_price"]  # one of them is the option
    worth = sum(flow["present_value"] for flow in found["cash_flows"])
    assert math.isclose(worth, found["npv"], rel_tol=1e-6)
    assert [flow["projected"] for flow in found["cash_flows"]].count(True) == 1
