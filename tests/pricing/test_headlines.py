"""What lists say of a trade: of each product by hand, and the columns of a block."""

from __future__ import annotations

import datetime as dt

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo import sample, sample_products
from pricing.headlines import QUANTITIES, SIDES, UNKNOWN, Headline, Headlines
from pricing.products.cash_flows import only, rows_of
from pricing.products.flows import compile_block
from pricing.products.futures.interest_rate_future import InterestRateFutureTerms
from pricing.products.swaps.basis_swap import BasisSwapTerms
from pricing.products.swaps.forward_rate_agreement import FraTerms
from risk.store.compiled_book import HeadlineBytes
from risk.store.compiled_book_store import decode_block, encode_block
from tests.risk.made import bond, swap


def test_a_bond_is_named_by_its_name_its_isin_or_its_convention_and_has_its_issuer():
    short = msgspec.structs.replace(
        bond(face_amount=-5e6, coupon_rate=0.04125, maturity_date=dt.date(2032, 11, 15)),
        name="Treasury 4 1/8 2032",
        isin="US91282CFV81",
        issuer="UST",
    )
    assert short.headline == Headline(
        instrument="Treasury 4 1/8 2032",
        issuer="UST",
        side="short",
        quantity=5e6,
        quantity_of="face",
        rate=0.04125,
        maturity=dt.date(2032, 11, 15),
    )
    unnamed = msgspec.structs.replace(short, name=None)
    assert unnamed.headline.instrument == "US91282CFV81"
    bare = msgspec.structs.replace(unnamed, isin=None, issuer=None)
    assert (bare.headline.instrument, bare.headline.issuer) == (bare.convention, "")


def test_swaps_are_named_by_convention_or_indices_and_sides_are_of_the_first_leg():
    pays = swap(pay_receive="pay", notional=2e6, fixed_rate=0.041, spread_bp=2.5).headline
    assert pays[:2] == ("USD-SOFR-OIS", "")
    assert pays[2:7] == ("pay", 2e6, "notional", 0.041, 2.5)
    basis = BasisSwapTerms(
        trade_id="B", book="B", first_index="EURIBOR3M", second_index="EURIBOR6M",
        pay_receive="receive", notional=1e6, effective_date=dt.date(2024, 3, 7),
        termination_date=dt.date(2029, 3, 7), first_spread_bp=4.0,
    ).headline  # fmt: skip
    assert basis.instrument == "EURIBOR3M / EURIBOR6M"
    assert (basis.side, basis.rate, basis.spread_bp) == ("receive", None, 4.0)


def test_an_agreement_ends_when_it_is_settled_and_a_future_when_its_contract_is():
    fra = FraTerms(
        trade_id="F", book="B", index="EURIBOR3M", pay_receive="pay", notional=1e6,
        effective_date=dt.date(2024, 6, 19), fixed_rate=0.0365,
    ).headline  # fmt: skip
    assert (fra.instrument, fra.rate, fra.maturity) == ("EURIBOR3M", 0.0365, dt.date(2024, 6, 19))
    future = InterestRateFutureTerms(
        trade_id="X", book="B", contract="SR3H26", contracts=-250.0, trade_price=96.345
    ).headline
    # CME Rulebook 46002: the reference quarter of March ends on the third Wednesday of June.
    assert future == Headline(
        instrument="SR3H26",
        side="short",
        quantity=250.0,
        quantity_of="contracts",
        maturity=dt.date(2026, 6, 17),
    )


@pytest.mark.parametrize(
    "terms",
    [*sample.trades(20), *sample_products.trades()],
    ids=lambda terms: f"{terms.product}-{terms.trade_id}",
)
def test_every_product_has_a_headline(terms):
    found = terms.headline
    assert found.instrument
    assert found.side in SIDES[1:]
    assert found.quantity_of in QUANTITIES[1:]
    assert found.quantity is not None
    assert found.quantity > 0
    assert found.maturity is not None
    if found.quantity_of != "contracts":
        assert found.quantity == terms.size


TEXT = st.sampled_from(["", "UST", "USD-SOFR-OIS", "Ünïcode 5%", "a / b"])
NUMBER = st.none() | st.floats(-1e9, 1e9)
ROWS = st.lists(
    st.builds(
        Headline,
        instrument=TEXT,
        issuer=TEXT,
        side=st.sampled_from(SIDES),
        quantity=NUMBER,
        quantity_of=st.sampled_from(QUANTITIES),
        rate=NUMBER,
        spread_bp=NUMBER,
        maturity=st.none() | st.dates(dt.date(1950, 1, 1), dt.date(2190, 1, 1)),
    ),
    max_size=8,
)


@given(ROWS, ROWS, st.randoms(use_true_random=False))
def test_columns_of_any_headlines_give_them_back_however_they_are_joined(first, second, random):
    rows = [*first, *second]
    order = list(range(len(rows)))
    random.shuffle(order)
    joined = Headlines.joined(
        [Headlines.of(first), Headlines.of(second)], np.array(order, dtype=np.int64)
    )
    assert list(joined) == [rows[place] for place in order]
    assert joined == Headlines.of([rows[place] for place in order])
    assert HeadlineBytes.of(joined).decoded() == joined
    assert joined.text("side").tolist() == [rows[place].side for place in order]


def test_a_block_keeps_headlines_through_edits_and_bytes():
    terms = [swap("B"), bond("A", issuer="UST"), swap("C", pay_receive="pay")]
    block, _ = compile_block(terms)
    assert [block.headlines[row] for row in range(3)] == [each.headline for each in terms]
    some, _ = rows_of([block], [np.array([2, 1])])
    assert [some.headlines[row] for row in range(2)] == [terms[1].headline, terms[2].headline]
    assert only(some, 1).headlines[0] == terms[2].headline
    assert decode_block(encode_block(block)).headlines == block.headlines
    assert list(Headlines.of([UNKNOWN])) == [UNKNOWN]
