"""Terms that cannot be meant are refused with field, value and what is allowed."""

from __future__ import annotations

import contextlib
import datetime as dt
from typing import Any

import pytest
import QuantLib as ql
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.errors import BadInput
from pricing.markets import conventions, vocabulary
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.products.fixed_rate_bond import BondTerms
from pricing.products.flows import compile_trade
from pricing.products.terms import decode

SWAP = {
    "trade_id": "S",
    "book": "B",
    "convention": "GBP-SONIA-OIS",
    "pay_receive": "receive",
    "notional": 1e8,
    "effective_date": "2022-07-15",
    "termination_date": "2032-07-15",
    "fixed_rate": 0.02,
}
BOND = {
    "trade_id": "P",
    "book": "B",
    "convention": "US-TREASURY",
    "face_amount": 1e6,
    "issue_date": "2024-05-15",
    "maturity_date": "2034-05-15",
    "coupon_rate": 0.0425,
}
REFUSED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (BOND, {"coupon_rate": 4.25}, "coupon_rate: 4.25 is not valid; decimal expected, -0.2 to 1 "
        "(write 4.25 % as 0.0425)"),
    (BOND, {"coupon_rate": None}, "coupon_rate: None is not valid; decimal expected, -0.2 to 1 "
        "(write 4.25 % as 0.0425)"),
    (SWAP, {"fixed_rate": 3.1}, "fixed_rate: 3.1 is not valid; decimal expected, -0.2 to 1 "
        "(write 3.1 % as 0.031)"),
    (BOND, {"clean_price": 0.99}, "clean_price: 0.99 is not valid; a price per 100 of face, 1 to "
        "1000 (99 % of face is 99); below that give z_spread_bp instead"),
    (BOND, {"z_spread_bp": 20_000}, "z_spread_bp: 20000 is not valid; must be at most 10,000"),
    (BOND, {"maturity_date": "2999-05-15"},
        "maturity_date: '2999-05-15' is not valid; a date from 1901-01-01 to 2198-12-31"),
    (SWAP, {"termination_date": "2999-05-15"},
        "termination_date: '2999-05-15' is not valid; a date from 1901-01-01 to 2198-12-31"),
    (SWAP, {"effective_date": "0001-01-01"},
        "effective_date: '0001-01-01' is not valid; a date from 1901-01-01 to 2198-12-31"),
    (SWAP, {"notional_schedule": [{"date": "2999-01-01", "notional": 5.0}]},
        "notional_schedule[0].date: '2999-01-01' is not valid; a date from 1901-01-01 to "
        "2198-12-31"),
    (SWAP, {"first_regular_date": "2030-07-15", "last_regular_date": "2026-07-15"},
        "last_regular_date: '2026-07-15' is not valid; must not be before first_regular_date "
        "2030-07-15"),
    (BOND, {"first_coupon_date": "2030-05-15", "penultimate_coupon_date": "2026-05-15"},
        "penultimate_coupon_date: '2026-05-15' is not valid; must not be before "
        "first_coupon_date 2030-05-15"),
    (BOND, {"first_coupon_date": "2024-11-15", "dated_date": "2024-12-01"},
        "first_coupon_date: '2024-11-15' is not valid; must be after dated_date 2024-12-01"),
    (BOND, {"penultimate_coupon_date": "2033-11-15", "dated_date": "2034-01-15"},
        "penultimate_coupon_date: '2033-11-15' is not valid; must be after dated_date 2034-01-15"),
    (BOND, {"first_coupon_date": "2024-11-18"},
        "first_coupon_date: '2024-11-18' is not valid; coupons every 6 months back from "
        "maturity_date 2034-05-15 fall on 2024-11-15 and 2025-05-15; give penultimate_coupon_date "
        "where the last period is odd"),
    (BOND, {"first_coupon_date": "2025-01-15", "penultimate_coupon_date": "2034-02-15"},
        "first_coupon_date: '2025-01-15' is not valid; coupons every 6 months back from "
        "penultimate_coupon_date 2034-02-15 fall on 2024-08-15 and 2025-02-15"),
]  # fmt: skip


@pytest.mark.parametrize(("terms", "changes", "sentence"), REFUSED)
def test_terms_are_refused_with_their_sentence(
    terms: dict[str, Any], changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(BadInput) as caught:
        decode({**terms, **changes}, SwapTerms if terms is SWAP else BondTerms)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    "changes",
    [
        {"clean_price": 1.0},
        {"clean_price": 99.0, "first_coupon_date": "2024-11-15"},
        {"first_coupon_date": "2024-08-15", "penultimate_coupon_date": "2034-02-15"},
        {"first_coupon_date": "2025-05-15", "penultimate_coupon_date": "2025-05-15"},
        {"maturity_date": "2034-02-28", "first_coupon_date": "2024-08-31"},
        {"maturity_date": "2034-02-28", "first_coupon_date": "2024-08-28", "end_of_month": False},
        {"maturity_date": "2034-08-31", "first_coupon_date": "2025-02-28", "end_of_month": False},
        {"payment_frequency": "ZERO", "coupon_rate": 0.0, "first_coupon_date": "2025-02-03"},
    ],
)
def test_dates_and_prices_that_bonds_have_are_taken(changes: dict[str, Any]) -> None:
    decode({**BOND, **changes}, BondTerms)


@settings(max_examples=300, deadline=None)
@given(
    maturity=st.dates(dt.date(2030, 1, 1), dt.date(2060, 12, 31)),
    months=st.sampled_from([1, 2, 3, 4, 6, 12]),
    end_of_month=st.booleans(),
    place=st.integers(1, 300),
    moved=st.integers(-40, 40),
)
def test_first_coupons_are_the_dates_of_quantlibs_schedule_and_no_others(
    maturity: dt.date, months: int, end_of_month: bool, place: int, moved: int
) -> None:
    schedule = ql.Schedule(
        ql.Date(3, 1, 2025),
        ql.Date(maturity.day, maturity.month, maturity.year),
        ql.Period(months, ql.Months),
        ql.NullCalendar(),
        ql.Unadjusted,
        ql.Unadjusted,
        ql.DateGeneration.Backward,
        end_of_month,
    )
    known = {dt.date.fromisoformat(date.ISO()) for date in list(schedule)[1:-1]}
    inner = sorted(known)
    first = inner[place % len(inner)] + dt.timedelta(days=moved)
    if not dt.date(2025, 1, 3) < first < maturity:
        return
    terms = {
        **BOND,
        "issue_date": "2025-01-03",
        "maturity_date": maturity.isoformat(),
        "payment_frequency": f"{months}M" if months < 12 else "1Y",
        "end_of_month": end_of_month,
        "first_coupon_date": first.isoformat(),
    }
    if first in known:
        decode(terms, BondTerms)
        return
    with pytest.raises(BadInput, match="first_coupon_date") as caught:
        decode(terms, BondTerms)
    near = min(known, key=lambda day: abs((day - first).days))
    assert near.isoformat() in str(caught.value)


@pytest.mark.parametrize(
    ("start", "end"), [("2022-07-29", "2022-07-30"), ("2022-07-29", "2022-07-31")]
)
def test_a_swap_of_one_business_day_at_a_month_end_names_both_dates(start: str, end: str) -> None:
    swap = decode({**SWAP, "effective_date": start, "termination_date": end}, SwapTerms)
    with pytest.raises(BadInput) as caught:
        compile_trade(swap)
    assert str(caught.value) == (
        f"termination_date: {end!r} is not valid; it falls on 2022-07-29, as effective_date "
        "2022-07-29 does, by calendar UK and the business day convention: end on a later business "
        "day"
    )


def _maybe(draw: Any, values: st.SearchStrategy[Any]) -> Any:
    return draw(st.one_of(st.none(), st.none(), values))


@st.composite
def random_terms(draw: Any) -> tuple[dict[str, Any], type[SwapTerms] | type[BondTerms]]:
    start = draw(st.dates(dt.date(2018, 1, 1), dt.date(2027, 12, 31)))
    days = draw(st.one_of(st.integers(1, 8), st.integers(1, 800), st.integers(1, 12_000)))
    inside = st.integers(0, days).map(lambda n: (start + dt.timedelta(days=n)).isoformat())
    common = {
        "trade_id": "T",
        "book": "B",
        "calendar": _maybe(draw, st.sampled_from(vocabulary.CALENDARS)),
        "business_day_convention": _maybe(draw, st.sampled_from(vocabulary.ROLLS)),
        "end_of_month": _maybe(draw, st.booleans()),
    }
    end = (start + dt.timedelta(days=days)).isoformat()
    frequency, count = (
        st.sampled_from(vocabulary.FREQUENCIES),
        st.sampled_from(vocabulary.DAY_COUNTS),
    )
    if draw(st.booleans()):
        return {
            **common,
            "convention": draw(st.sampled_from(list(conventions.SWAPS))),
            "pay_receive": "pay",
            "notional": 1e6,
            "effective_date": start.isoformat(),
            "termination_date": end,
            "fixed_rate": 0.03,
            "first_regular_date": _maybe(draw, inside),
            "last_regular_date": _maybe(draw, inside),
            "fixed_frequency": _maybe(draw, frequency),
            "float_frequency": _maybe(draw, frequency),
            "fixed_day_count": _maybe(draw, count),
        }, SwapTerms
    return {
        **common,
        "convention": draw(st.sampled_from(list(conventions.BONDS))),
        "currency": None,
        "face_amount": 1e6,
        "issue_date": start.isoformat(),
        "maturity_date": end,
        "coupon_rate": draw(st.sampled_from([0.0, 0.03])),
        "first_coupon_date": _maybe(draw, inside),
        "penultimate_coupon_date": _maybe(draw, inside),
        "dated_date": _maybe(draw, inside),
        "payment_frequency": _maybe(draw, frequency),
        "day_count": draw(count),
    }, BondTerms


@settings(max_examples=1500, deadline=None)
@given(made=random_terms())
def test_terms_are_priced_or_refused_with_a_field_and_never_with_quantlibs_text(
    made: tuple[dict[str, Any], type[SwapTerms] | type[BondTerms]],
) -> None:
    row, kind = made
    if row["convention"] == "CORP-30-360":
        row = {**row, "currency": "USD"}
    with contextlib.suppress(BadInput):
        compile_trade(decode(row, kind))
