"""Every rule of the models refuses with its sentence, and the database refuses it too."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError, transaction

from instruments.models import Bond, BondPosition, Book, Desk, Fixing, StaleRow, Swap
from tests.instruments.conftest import make_bond, make_swap


def refusal(row: Any) -> dict[str, str]:
    """Sentences by field; the table is as it was."""
    before = type(row).objects.count()
    with pytest.raises(ValidationError) as caught:
        row.full_clean()
    assert type(row).objects.count() == before
    return {field: " ".join(sentences) for field, sentences in caught.value.message_dict.items()}


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"maturity_date": dt.date(2022, 11, 15)}, "maturity_date", "must be after issue_date"),
        (
            {"coupon_rate": Decimal("4.125")},
            "coupon_rate",
            "4.125 is not valid; decimal expected, -0.2 to 1 (write 4.125 % as 0.04125)",
        ),
        ({"isin": "US91282CFV82"}, "isin", "valid check digit"),
        ({"isin": "us91282cfv81"}, "isin", "write it as US91282CFV81"),
        ({"convention": "US-TREASURIES"}, "convention", "allowed: US-TREASURY, DE-BUND"),
        ({"currency": "GBP"}, "currency", "US-TREASURY bonds are in USD"),
        ({"convention": "", "currency": "XXX"}, "currency", "allowed: USD, EUR, GBP"),
        ({"convention": "", "currency": "USD"}, "payment_frequency", "a convention that fills it"),
        ({"first_coupon_date": dt.date(2040, 1, 1)}, "first_coupon_date", "must be between"),
        ({"penultimate_coupon_date": dt.date(2020, 1, 1)}, "penultimate_coupon_date", "between"),
        (
            {"first_coupon_date": dt.date(2023, 5, 16)},
            "first_coupon_date",
            "fall on 2023-05-15 and 2023-11-15",
        ),
        (
            {
                "first_coupon_date": dt.date(2030, 5, 15),
                "penultimate_coupon_date": dt.date(2025, 5, 15),
            },
            "penultimate_coupon_date",
            "must not be before first_coupon_date 2030-05-15",
        ),
        ({"maturity_date": dt.date(2999, 11, 15)}, "maturity_date", "to 2198-12-31"),
        ({"settlement_days": 99}, "settlement_days", "must be at most 60"),
        ({"code": "T 4"}, "code", "letters, digits"),
    ],
)
def test_a_bond_that_cannot_be_is_refused_with_its_sentence(
    db: None, changes: dict[str, Any], field: str, sentence: str
) -> None:
    said = refusal(make_bond(**changes))
    assert sentence in said[field]
    assert said[field].startswith(f"{field}: ")


def test_a_bond_takes_its_currency_from_its_convention(db: None) -> None:
    bond = make_bond()
    bond.full_clean()
    assert bond.currency == "USD"


def test_two_bonds_without_isin_are_no_duplicates(db: None) -> None:
    for code in ("A", "B"):
        bond = make_bond(code=code, isin="")
        bond.full_clean()
        bond.save()
    assert Bond.objects.filter(isin=None).count() == 2


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"termination_date": dt.date(2023, 3, 15)}, "termination_date", "after effective_date"),
        ({"notional": Decimal("-1")}, "notional", "must be greater than 0"),
        ({"fixed_rate": Decimal("3.5")}, "fixed_rate", "3.5 is not valid"),
        ({"pay_receive": "give"}, "pay_receive", "not valid"),
        ({"convention": "USD-LIBOR-3M"}, "convention", "allowed: USD-SOFR-OIS"),
        ({"first_regular_date": dt.date(2050, 1, 1)}, "first_regular_date", "must be between"),
        (
            {"notional_schedule": [{"date": "soon", "notional": 1}]},
            "notional_schedule",
            "use a date such as",
        ),
        ({"notional_schedule": {"date": "2025-03-17"}}, "notional_schedule", "expected `array"),
        (
            {"effective_date": dt.date(2024, 6, 28), "termination_date": dt.date(2024, 6, 30)},
            "termination_date",
            "it falls on 2024-06-28, as effective_date 2024-06-28 does",
        ),
        ({"fixed_frequency": "ZERO"}, "fixed_frequency", "use product zero_coupon_swap"),
        ({"trade_id": "S 1"}, "trade_id", "letters, digits"),
        ({"trade_id": "../x"}, "trade_id", "letters, digits"),
    ],
)
def test_a_swap_that_cannot_be_is_refused_with_its_sentence(
    book: Book, changes: dict[str, Any], field: str, sentence: str
) -> None:
    assert sentence in refusal(make_swap(book, **changes))[field]


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"face_amount": Decimal(0)}, "face_amount", "use a positive (long) or negative (short)"),
        ({"clean_price": Decimal(0)}, "clean_price", "a price per 100 of face, 1 to 1000"),
        ({"clean_price": Decimal("0.99")}, "clean_price", "(99 % of face is 99)"),
        ({"clean_price": Decimal(1001)}, "clean_price", "a price per 100 of face, 1 to 1000"),
        ({"z_spread_bp": Decimal(10_001)}, "z_spread_bp", "must be at most 10,000"),
    ],
)
def test_a_position_that_cannot_be_is_refused_with_its_sentence(
    position: BondPosition, changes: dict[str, Any], field: str, sentence: str
) -> None:
    for name, value in changes.items():
        setattr(position, name, value)
    assert sentence in refusal(position)[field]


def test_a_trade_that_no_longer_passes_can_be_cancelled_and_not_made_active(
    book: Book, position: BondPosition
) -> None:
    """Written by an older release, whose limits were wider."""
    swap = make_swap(book, fixed_frequency="ZERO")
    swap.save()
    position.clean_price = Decimal("0.5")
    position.save()
    for trade, field in ((swap, "fixed_frequency"), (position, "clean_price")):
        assert field in refusal(trade)
        trade.status = "cancelled"
        trade.full_clean()
        trade.save()
        trade.status = "active"
        assert field in refusal(trade)


def test_a_cancelled_trade_that_is_new_is_checked(book: Book) -> None:
    assert "fixed_rate" in refusal(make_swap(book, status="cancelled", fixed_rate=Decimal("3.5")))


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"index": "LIBOR"}, "index", "allowed: SOFR, ESTR"),
        ({"rate": Decimal("5.31")}, "rate", "write 5.31 % as 0.0531"),
        ({"date": dt.date(2024, 1, 6)}, "date", "Saturday: no index fixes on a weekend"),
        ({"date": dt.date(2999, 1, 2)}, "date", "to 2198-12-31"),
    ],
)
def test_a_fixing_that_cannot_be_is_refused_with_its_sentence(
    db: None, changes: dict[str, Any], field: str, sentence: str
) -> None:
    good = {"index": "SOFR", "date": dt.date(2024, 1, 2), "rate": Decimal("0.054"), "source": "NY"}
    assert sentence in refusal(Fixing(**{**good, **changes}))[field]


def test_a_position_and_a_swap_never_share_an_identifier(swap: Swap, bond: Bond) -> None:
    position = BondPosition(trade_id="S1", book=swap.book, bond=bond, face_amount=Decimal(1))
    assert "another trade has this identifier" in refusal(position)["trade_id"]


@pytest.mark.parametrize(
    ("model", "changes"),
    [
        (Bond, {"maturity_date": dt.date(2022, 11, 15)}),
        (Bond, {"coupon_rate": Decimal("4.125")}),
        (Bond, {"currency": ""}),
        (Bond, {"code": ""}),
        (Bond, {"first_coupon_date": dt.date(2040, 1, 1)}),
        (Swap, {"notional": 0}),
        (Swap, {"termination_date": dt.date(2023, 3, 15)}),
        (Swap, {"fixed_rate": 3}),
        (Swap, {"pay_receive": "give"}),
        (Swap, {"status": "gone"}),
        (BondPosition, {"face_amount": 0}),
        (BondPosition, {"clean_price": 0}),
        (BondPosition, {"status": "gone"}),
        (Book, {"code": ""}),
        (Desk, {"code": ""}),
    ],
)
def test_the_database_refuses_what_goes_past_the_models(
    swap: Swap, position: BondPosition, model: Any, changes: dict[str, Any]
) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        model.objects.update(**changes)


def test_a_second_fixing_of_a_day_is_refused(db: None) -> None:
    good = {"index": "SOFR", "date": dt.date(2024, 1, 2), "rate": Decimal("0.054"), "source": "NY"}
    Fixing.objects.create(**good)
    assert "already exists" in refusal(Fixing(**good))[NON_FIELD_ERRORS]
    with pytest.raises(IntegrityError), transaction.atomic():
        Fixing.objects.create(**good)


def test_a_row_counts_its_versions(swap: Swap) -> None:
    assert swap.version == 1
    swap.save()
    swap.save(update_fields=["status"])
    swap.refresh_from_db()
    assert swap.version == 3


def test_a_row_that_somebody_else_saved_is_not_overwritten(swap: Swap) -> None:
    mine, theirs = Swap.objects.get(), Swap.objects.get()
    theirs.notional = Decimal(1)
    theirs.save()
    mine.notional = Decimal(2)
    with pytest.raises(StaleRow, match="S1 is at version 2, your change was made on version 1"):
        mine.save()
    assert Swap.objects.get().notional == Decimal(1)
    assert mine.version == 1
