"""The P&L attribution test over stored closes, as the command prints it."""

from __future__ import annotations

import csv
import datetime as dt
import io
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from instruments.models import Book, Desk, Swap
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.reference import Reference
from risk.history.models import CurveFile, CurveQuote

DAYS = [dt.date(2024, 3, n) for n in (4, 5, 6, 7)]
MOVES_BP = (0, 4, -3, 9)
QUOTES = {"1D": 0.053, "1Y": 0.05, "5Y": 0.042, "10Y": 0.041, "30Y": 0.04}


def run(*words: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("pla", *words, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


@pytest.fixture
def swap(db):
    desk = Desk.objects.create(code="RATES", name="Rates")
    book = Book.objects.create(code="B1", name="B", desk=desk)
    return Swap.objects.create(
        trade_id="S1",
        book=book,
        convention="USD-SOFR-OIS",
        pay_receive="receive",
        notional=Decimal(1_000_000),
        effective_date=dt.date(2024, 4, 2),
        termination_date=dt.date(2031, 4, 2),
        fixed_rate=Decimal("0.04"),
    )


def quotes_of(move_bp: float) -> dict[str, dict[str, float]]:
    return {"USD-SOFR": {tenor: rate + move_bp * 1e-4 for tenor, rate in QUOTES.items()}}


@pytest.fixture
def history(db):
    file = CurveFile.objects.create(
        publisher="test", name="test.csv", label="official", retrieved_at=dt.datetime.now(dt.UTC)
    )
    for day, move in zip(DAYS, MOVES_BP, strict=True):
        for tenor, rate in quotes_of(move)["USD-SOFR"].items():
            CurveQuote.objects.create(
                date=day,
                curve="USD-SOFR",
                quote_id=tenor,
                rate=Decimal(repr(round(rate, 8))),
                quote_kind="ois",
                file=file,
            )


@pytest.mark.usefixtures("swap", "history")
def test_a_desk_has_its_line_and_its_series():
    out, err = run()
    (line,) = [line.split() for line in out.splitlines() if line.startswith("RATES")]
    assert line[1:3] == ["3", "1.00000"]
    assert line[3] in ("0.0000", "0.3333")  # a step of three days, however close they are
    assert "3 days are fewer than 250" in err
    rows = list(csv.DictReader(io.StringIO(run("--series")[0])))
    assert [row["date"] for row in rows] == [day.isoformat() for day in DAYS[1:]]
    assert float(rows[0]["hpl_usd"]) == pytest.approx(hpl_by_hand(), abs=0.01)


def hpl_by_hand() -> float:
    """Of the first step, from the terms of the swap."""
    terms = SwapTerms(
        trade_id="S1",
        book="B1",
        convention="USD-SOFR-OIS",
        pay_receive="receive",
        notional=1e6,
        effective_date=dt.date(2024, 4, 2),
        termination_date=dt.date(2031, 4, 2),
        fixed_rate=0.04,
    )
    before, after = (
        Reference(day, quotes_of(move)).values([terms])[0]
        for day, move in zip(DAYS[:2], MOVES_BP[:2], strict=True)
    )
    return after - before


@pytest.mark.usefixtures("swap")
def test_without_closes_it_says_what_to_load():
    with pytest.raises(CommandError, match="nothing could be compared"):
        run()
    with pytest.raises(CommandError, match="not a number of days"):
        run("--days", "0")
    with pytest.raises(CommandError, match="not a date such as"):
        run("--to", "yesterday")


@pytest.mark.django_db
def test_an_empty_book_is_told():
    with pytest.raises(CommandError, match="no active trades"):
        run()
