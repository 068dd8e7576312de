"""One line of text becomes a trade in the columns of the security master, or a sentence."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
import QuantLib as ql

from pricing import quick_text
from pricing.errors import BadInput
from pricing.markets import conventions
from pricing.quick_text import EXAMPLES, read_line, spot_date

TODAY = dt.date(2024, 3, 5)  # a Tuesday
DATES = dict.fromkeys(("USD", "EUR", "GBP", "AUD"), TODAY)


@pytest.mark.parametrize(
    ("line", "product", "row", "solve"),
    [
        (
            "rec 50m USD 10Y 3.85",
            "swap",
            {
                "convention": "USD-SOFR-OIS",
                "pay_receive": "receive",
                "notional": 50_000_000,
                "effective_date": dt.date(2024, 3, 7),
                "termination_date": dt.date(2034, 3, 7),
                "fixed_rate": Decimal("0.0385"),
            },
            "",
        ),
        (
            "PAY 25mm eur 5y10y vs 6m book EUR-X id T-1",
            "swap",
            {
                "convention": "EUR-EURIBOR-6M",
                "pay_receive": "pay",
                "notional": 25_000_000,
                "effective_date": dt.date(2029, 3, 7),
                "termination_date": dt.date(2039, 3, 7),
                "book": "EUR-X",
            },
            "fixed_rate",
        ),
        (
            "pay 1.5bn GBP-SONIA-OIS 18M -0.1%",
            "swap",
            {
                "convention": "GBP-SONIA-OIS",
                "pay_receive": "pay",
                "notional": 1_500_000_000,
                "effective_date": TODAY,
                "termination_date": dt.date(2025, 9, 5),
                "fixed_rate": Decimal("-0.001"),
            },
            "",
        ),
        (
            "rec 10,000,000 USD 2026-06-17/2031-06-17 par",
            "swap",
            {
                "convention": "USD-SOFR-OIS",
                "pay_receive": "receive",
                "notional": 10_000_000,
                "effective_date": dt.date(2026, 6, 17),
                "termination_date": dt.date(2031, 6, 17),
            },
            "fixed_rate",
        ),
        (
            "buy 20m US91282CFV81  @99.16",
            "bond",
            {
                "bond": "US91282CFV81",
                "face_amount": 20_000_000,
                "clean_price": Decimal("99.16"),
            },
            "",
        ),
        (
            "sell 5m T-4.125-2032 @ 99-05+ book B",
            "bond",
            {
                "bond": "T-4.125-2032",
                "face_amount": -5_000_000,
                "clean_price": Decimal("99.171875"),  # 99 + 5.5 / 32
                "book": "B",
            },
            "",
        ),
        (
            "buy 5m T-4.125-2032 z=-12.5",
            "bond",
            {"bond": "T-4.125-2032", "face_amount": 5_000_000, "z_spread_bp": Decimal("-12.5")},
            "",
        ),
        ("sell 100 SR3H6", "ir_future", {"contract": "SR3H26", "contracts": -100}, "trade_price"),
        (
            "buy 7 ER3Z24 @96.5",
            "ir_future",
            {"contract": "ER3Z24", "contracts": 7, "trade_price": Decimal("96.5")},
            "",
        ),
    ],
)
def test_a_line_becomes_a_row(line: str, product: str, row: dict[str, Any], solve: str) -> None:
    found = read_line(line, DATES)
    assert (found.action, found.product, found.row, found.solve) == ("new", product, row, solve)
    assert found.sentence


def test_the_sentence_says_what_was_understood() -> None:
    assert read_line("rec 50m USD 10Y 3.85", DATES).sentence == (
        "Receive 3.85 % fixed against SOFR on USD 50,000,000 from 2024-03-07 to 2034-03-07 "
        "(USD-SOFR-OIS)"
    )
    assert read_line("sell 100 SR3H6", DATES).sentence == (
        "Sell 100 SR3H26 (USD) at the model price"
    )


def test_trades_that_exist_are_amended_and_terminated() -> None:
    amended = read_line("amend IRS-1 notional=5000000 fixed_rate=0.04", DATES)
    assert (amended.action, amended.trade_id) == ("amend", "IRS-1")
    assert amended.row == {"notional": "5000000", "fixed_rate": "0.04"}
    ended = read_line("terminate IRS-1 fee -12500", DATES)
    assert (ended.action, ended.trade_id) == ("terminate", "IRS-1")
    assert ended.row == {"termination_fee": -12_500}


@pytest.mark.parametrize("line", EXAMPLES)
def test_every_example_is_understood(line: str) -> None:
    assert read_line(line, DATES).sentence


@pytest.mark.parametrize(
    ("line", "field", "words"),
    [
        ("", "text", "begin with one of rec, receive, pay, buy, sell, amend, terminate"),
        ("swap 50m USD 10Y", "text", "begin with one of"),
        ("rec", "notional", "it is missing"),
        ("rec 0m USD 10Y 3.85", "size", "an amount above zero"),
        ("rec 50x USD 10Y 3.85", "size", "bn a billion"),
        ("rec -50m USD 10Y 3.85", "size", "an amount above zero"),
        ("rec 50m XYZ 10Y 3.85", "currency", "a currency or swap convention; currencies: USD"),
        ("rec 50m JPY 10Y 1", "currency", "no market is published; currencies with one: USD"),
        ("rec 50m EUR 10Y 3", "vs", "write one of: vs ESTR, vs EURIBOR3M, vs EURIBOR6M"),
        ("rec 50m EUR 10Y 3 vs 1M", "vs", "'1M' is not valid"),
        ("rec 50m EUR 10Y 3 vs", "vs", "needs a value behind it"),
        ("rec 50m USD ten 3", "tenor", "5Y10Y starts in 5 years"),
        ("rec 50m USD 0Y 3", "tenor", "a length such as 10Y"),
        ("rec 50m USD 2026-13-01/2027-01-01", "tenor", "a date such as"),
        ("rec 50m USD 10Y three", "fixed_rate", "a rate in percent such as 3.85"),
        ("rec 50m USD 10Y 3.85 now", "text", "'now' is not valid; this word is left over"),
        ("rec 50m USD 10Y 3.85 fee 3", "fee", "options of this line: book, id, vs"),
        ("buy 20m US91282CFV81", "clean_price", "@99.16, or in 32nds"),
        ("buy 20m US91282CFV81 99.16", "price", "@ and a clean price"),
        ("buy 20m US91282CFV81 @99-32", "price", "in 32nds"),
        ("buy 20m US91282CFV81 z=x", "z_spread_bp", "bp, such as z=25"),
        ("sell 100 SR3H6 95.6", "price", "@ and a clean price"),
        ("amend IRS-1", "text", "at least one change"),
        ("amend IRS-1 notional", "text", "column=value"),
        ("terminate IRS-1 fee much", "fee", "an amount"),
        ("terminate", "trade_id", "the identifier of a trade"),
        ("rec " + "5" * 600, "text", "at most 500 characters"),
    ],
)
def test_what_is_not_understood_is_said_with_field_text_and_what_is_allowed(
    line: str, field: str, words: str
) -> None:
    with pytest.raises(BadInput) as refused:
        read_line(line, DATES)
    assert refused.value.field == field
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("today", "code", "contract"),
    [
        (dt.date(2024, 3, 5), "SR3H4", "SR3H24"),
        (dt.date(2024, 6, 19), "SR3H4", "SR3H24"),  # settles on 2024-06-20
        (dt.date(2024, 6, 20), "SR3H4", "SR3H34"),
        (dt.date(2029, 12, 31), "SR3H0", "SR3H30"),
        (dt.date(2024, 3, 5), "SR3H3", "SR3H33"),
    ],
)
def test_one_digit_is_the_next_such_year_that_has_not_settled(
    today: dt.date, code: str, contract: str
) -> None:
    assert read_line(f"buy 1 {code}", {"USD": today}).row["contract"] == contract


CALENDARS = {
    "USD-SOFR-OIS": ql.UnitedStates(ql.UnitedStates.SOFR),
    "EUR-EURIBOR-6M": ql.TARGET(),
    "GBP-SONIA-OIS": ql.UnitedKingdom(),
    "AUD-AONIA-OIS": ql.Australia(),
}


@pytest.mark.parametrize("name", CALENDARS)
def test_spot_dates_are_those_of_quantlib(name: str) -> None:
    row, calendar = conventions.SWAPS[name], CALENDARS[name]
    for number in range(0, 400, 3):
        today = TODAY + dt.timedelta(days=number)
        adjusted = calendar.adjust(ql.Date(today.day, today.month, today.year))
        expected = calendar.advance(adjusted, row.spot_lag, ql.Days)
        assert spot_date(row, today).isoformat() == expected.ISO(), today


def test_a_forward_start_is_moved_to_a_business_day_and_the_end_counts_from_there() -> None:
    """The spot date 2024-03-07 and 2Y is a Saturday, 2026-03-07."""
    row = read_line("pay 1m USD 2Y1Y", DATES).row
    assert row["effective_date"] == dt.date(2026, 3, 9)
    assert row["termination_date"] == dt.date(2027, 3, 9)


def test_reading_a_line_loads_neither_quantlib_nor_numba() -> None:
    import subprocess
    import sys

    code = (
        "import sys, pricing.quick_text as q\nassert not {'QuantLib', 'numba'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert quick_text.VERBS
