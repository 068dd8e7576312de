"""The sample book is the same every time, plausible, and honest about what is invented."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from itertools import islice

import msgspec
import pytest
from stdnum import isin

from demo.sample import BOOKS, DESKS, SAMPLE_SIZE, trades
from demo.sample_bonds import bonds
from pricing.products import schedules
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.products.fixed_rate_bond import BondTerms
from pricing.products.terms import decode

GENERATED = list(trades(3_000))
SWAPS = [trade for trade in GENERATED if isinstance(trade, SwapTerms)]
BONDS = [trade for trade in GENERATED if isinstance(trade, BondTerms)]


def test_the_same_seed_gives_the_same_trades() -> None:
    assert list(trades(3_000)) == GENERATED


def test_a_larger_count_only_adds_trades() -> None:
    assert list(trades(500)) == GENERATED[:500]


def test_another_seed_changes_all_but_the_sample_book() -> None:
    other = list(trades(3_000, seed=1))
    assert other[:SAMPLE_SIZE] == GENERATED[:SAMPLE_SIZE]
    assert other[SAMPLE_SIZE:] != GENERATED[SAMPLE_SIZE:]


def test_every_trade_passes_the_door() -> None:
    for trade in GENERATED:
        given = {k: v for k, v in msgspec.to_builtins(trade).items() if v is not None}
        assert decode(given, type(trade)) == trade


def test_identifiers_are_unique_and_books_exist() -> None:
    assert len({trade.trade_id for trade in GENERATED}) == len(GENERATED)
    assert {trade.book for trade in GENERATED} <= set(BOOKS)
    assert {desk for desk, _ in BOOKS.values()} == set(DESKS)


def test_the_mix_is_as_told() -> None:
    currencies = Counter(trade.currency for trade in GENERATED)
    assert len(SWAPS) / len(GENERATED) == pytest.approx(0.6, abs=0.03)
    for currency, share in {"USD": 0.4, "EUR": 0.4, "GBP": 0.2}.items():
        assert currencies[currency] / len(GENERATED) == pytest.approx(share, abs=0.03)


def test_nothing_matures_before_2026() -> None:
    assert min(swap.termination_date for swap in SWAPS) >= dt.date(2026, 1, 1)
    assert min(bond.maturity_date for bond in BONDS) >= dt.date(2026, 1, 1)


def test_the_sample_book_has_every_kind_of_trade() -> None:
    first = list(islice(trades(), SAMPLE_SIZE))
    swaps = [trade for trade in first if isinstance(trade, SwapTerms)]
    assert len(first) == SAMPLE_SIZE
    assert {swap.convention for swap in swaps} == {
        "USD-SOFR-OIS",
        "EUR-ESTR-OIS",
        "EUR-EURIBOR-6M",
        "GBP-SONIA-OIS",
    }
    for convention in {swap.convention for swap in swaps}:
        kinds = [swap for swap in swaps if swap.convention == convention]
        assert {swap.pay_receive for swap in kinds} == {"pay", "receive"}
        assert any(swap.effective_date < dt.date(2023, 1, 1) for swap in kinds)
        assert any(swap.effective_date > dt.date(2024, 9, 24) for swap in kinds)
        assert any(swap.notional_schedule for swap in kinds)
        assert any(swap.first_regular_date or swap.last_regular_date for swap in kinds)
    positions = [trade for trade in first if isinstance(trade, BondTerms)]
    assert {position.face_amount > 0 for position in positions} == {True, False}
    assert {trade.book for trade in first} == set(BOOKS)


def test_swaps_start_and_bonds_are_issued_on_business_days() -> None:
    swap_days = {"USD": "US-SOFR", "EUR": "TARGET", "GBP": "UK"}
    bond_days = {**swap_days, "USD": "US-GOVT"}
    for swap in SWAPS:
        calendar = schedules.calendar(swap_days[swap.currency])
        assert calendar.isBusinessDay(schedules.to_ql(swap.effective_date)), swap
    for bond in bonds():
        calendar = schedules.calendar(bond_days[bond.currency])
        assert calendar.isBusinessDay(schedules.to_ql(bond.static["issue_date"])), bond


def test_an_invented_bond_says_so_and_has_no_isin() -> None:
    for bond in bonds():
        number = bond.static.get("isin")
        assert bond.is_sample == (number is None) == ("(invented)" in bond.static["name"])
        assert number is None or isin.is_valid(number)


def test_bonds_are_told_apart_by_code_and_by_name() -> None:
    universe = bonds()
    assert len({bond.code for bond in universe}) == len(universe)
    assert len({bond.static["name"] for bond in universe}) == len(universe)
    assert universe == bonds()


def test_amortising_notionals_fall() -> None:
    for swap in SWAPS:
        if swap.notional_schedule:
            left = [s if isinstance(s, float) else s.notional for s in swap.notional_schedule]
            assert left == sorted(left, reverse=True)
            assert max(left) <= swap.notional
