"""The backtest over stored closes, beside plain QuantLib on the same quotes."""

from __future__ import annotations

import csv
import datetime as dt
import io
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from instruments.models import Book, Desk, Swap
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.reference import Reference
from risk.history.models import CurveFile, CurveQuote
from risk.models import BacktestRun

DAYS = [dt.date(2024, 3, n) for n in (4, 5, 6, 7, 8, 11, 12)]
LEVELS_BP = (0, 4, 1, 10, 8, 30, 31)
"""Where the curve stands on each day; 11 March is a jump of 22 bp after moves of 9 at most."""

QUOTES = {"1D": 0.053, "1Y": 0.05, "5Y": 0.042, "10Y": 0.041, "30Y": 0.04}
TERMS = {
    "convention": "USD-SOFR-OIS",
    "pay_receive": "receive",
    "effective_date": dt.date(2024, 4, 2),
    "termination_date": dt.date(2031, 4, 2),
}


def run(*words: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("backtest", *words, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def quotes_at(level_bp: float) -> dict[str, dict[str, float]]:
    return {"USD-SOFR": {tenor: rate + level_bp * 1e-4 for tenor, rate in QUOTES.items()}}


@pytest.fixture
def stored(db) -> None:
    for code in ("RATES", "OTHER"):
        desk = Desk.objects.create(code=code, name=code)
        book = Book.objects.create(code=f"{code}-B", name="B", desk=desk)
        Swap.objects.create(
            trade_id=f"S-{code}",
            book=book,
            notional=Decimal(1_000_000 if code == "RATES" else 500_000),
            fixed_rate=Decimal("0.04"),
            **TERMS,
        )
    file = CurveFile.objects.create(
        publisher="test", name="test.csv", label="official", retrieved_at=dt.datetime.now(dt.UTC)
    )
    for day, level in zip(DAYS, LEVELS_BP, strict=True):
        for tenor, rate in quotes_at(level)["USD-SOFR"].items():
            CurveQuote.objects.create(
                date=day,
                curve="USD-SOFR",
                quote_id=tenor,
                rate=Decimal(repr(round(rate, 8))),
                quote_kind="ois",
                file=file,
            )


def value(day: int, level_bp: float) -> float:
    """The swap of 1m on a day, by plain QuantLib."""
    terms = SwapTerms(trade_id="S1", book="B1", notional=1e6, fixed_rate=0.04, **TERMS)
    return float(Reference(DAYS[day], quotes_at(level_bp)).values([terms])[0])


def test_days_are_those_of_plain_quantlib(stored):
    rows = list(csv.DictReader(io.StringIO(run("--series")[0])))
    mine = [row for row in rows if row["desk"] == "RATES"]
    # The first evening with a move behind it is the second close.
    assert [row["date"] for row in mine] == [day.isoformat() for day in DAYS[2:]]
    for place, row in enumerate(mine, start=2):
        evening = place - 1
        assert row["evening"] == DAYS[evening].isoformat()
        base = value(evening, LEVELS_BP[evening])
        moves = [LEVELS_BP[n] - LEVELS_BP[n - 1] for n in range(1, evening + 1)]
        pnl = [value(evening, LEVELS_BP[evening] + move) - base for move in moves]
        assert float(row["var_usd"]) == pytest.approx(-min(pnl), abs=0.02)  # of few days, the worst
        earned = value(place, LEVELS_BP[place]) - base
        assert float(row["hpl_usd"]) == pytest.approx(earned, abs=0.02)
    assert [row["date"] for row in mine if row["exception"]] == ["2024-03-07", "2024-03-11"]


def test_each_desk_and_the_firm_have_a_light_and_exceptions_are_listed(stored):
    out, err = run()
    lines = [line.split() for line in out.splitlines()]
    assert [line[:4] for line in lines[1:4]] == [
        *(["OTHER", "5", "2", "green"], ["RATES", "5", "2", "green"]),
        ["(firm)", "5", "2", "green"],
    ]
    assert "RATES 2024-03-11: P&L -" in out
    assert "value at risk of 2024-03-08" in out
    assert "5 days are fewer than the 250" in err
    assert "no value at risk of 2024-03-04" in err


def test_days_and_levels_are_checked(stored):
    with pytest.raises(CommandError, match="level"):
        run("--level", "20")
    with pytest.raises(CommandError, match="not a number of days"):
        run("--days", "0")


def test_a_desk_with_a_currency_that_cannot_be_compared_has_no_light(stored, client):
    """Nor has the firm: a part of a book is not tested for the whole."""
    Swap.objects.create(
        trade_id="S-EUR",
        book=Book.objects.get(code="RATES-B"),
        notional=Decimal(1_000_000),
        fixed_rate=Decimal("0.02"),
        **{**TERMS, "convention": "EUR-ESTR-OIS"},
    )
    out, err = run()
    assert [line.split()[0] for line in out.splitlines()[1:2]] == ["OTHER"]
    assert "RATES " not in out
    assert "(firm)" not in out
    assert "RATES is left out: it has trades in EUR too" in err
    assert "(firm) is left out: it has trades in EUR too" in err
    found = client.get("/api/v1/backtest/").json()
    assert [desk["desk"] for desk in found["desks"]] == ["OTHER"]
    assert found["firm"] is None
    assert "RATES is left out: it has trades in EUR too" in found["notes"]
    assert "(firm)" in run("--currency", "USD")[0]


@pytest.mark.django_db
def test_an_empty_book_is_told():
    with pytest.raises(CommandError, match="no active trades"):
        run()


def trader(desk: str) -> APIClient:
    user = get_user_model().objects.create_user(f"trader-{desk}")
    user.groups.add(Group.objects.get(name="trader"))
    Desk.objects.get(code=desk).traders.add(user)
    client = APIClient()
    client.force_authenticate(user)
    return client


@pytest.fixture
def client(admin_user) -> APIClient:
    made = APIClient()
    made.force_authenticate(admin_user)
    return made


def test_the_result_is_stored_and_answered_by_desk(stored, client):
    rows = list(csv.DictReader(io.StringIO(run("--series")[0])))
    found = client.get("/api/v1/backtest/?series=true").json()
    assert (found["level"], found["days_of_the_zones"], found["amounts_in"]) == ("99", 250, "USD")
    assert [desk["desk"] for desk in found["desks"]] == ["OTHER", "RATES"]
    rates = found["desks"][1]
    mine = [row for row in rows if row["desk"] == "RATES"]
    assert [day["date"] for day in rates["series"]] == [row["date"] for row in mine]
    for day, row in zip(rates["series"], mine, strict=True):
        assert day["pnl"] == pytest.approx(float(row["hpl_usd"]), abs=0.005)
        assert day["var"] == pytest.approx(float(row["var_usd"]), abs=0.005)
        assert day["exception"] == bool(row["exception"])
    assert [day["date"] for day in rates["exceptions"]] == ["2024-03-07", "2024-03-11"]
    assert (rates["days"], rates["zone"]) == (5, "green")
    both = zip(rates["series"], found["desks"][0]["series"], strict=True)
    firm = [day["pnl"] for day in found["firm"]["series"]]
    assert firm == pytest.approx([one["pnl"] + other["pnl"] for one, other in both])
    assert any("no value at risk of 2024-03-04" in note for note in found["notes"])
    short = client.get("/api/v1/backtest/").json()
    assert short["desks"][1] == {**rates, "series": []}


def test_a_trader_sees_the_own_desk_and_neither_firm_nor_notes(stored, client):
    run()
    everything = client.get("/api/v1/backtest/").json()
    mine = trader("RATES").get("/api/v1/backtest/").json()
    assert mine["desks"] == [everything["desks"][1]]
    assert (mine["firm"], mine["notes"]) == (None, [])


def test_without_a_backtest_the_command_is_named_and_a_part_of_the_book_is_not_kept(stored, client):
    run("--currency", "USD")
    answer = client.get("/api/v1/backtest/")
    assert answer.status_code == 404
    assert answer.json()["detail"] == ("No backtest at 99 % is stored: run manage.py backtest")
    run("--level", "97.5")
    run("--level", "97.5")
    assert BacktestRun.objects.get().level == "97.5"
    assert "stored: 97.5" in client.get("/api/v1/backtest/").json()["detail"]
    assert client.get("/api/v1/backtest/?level=20").status_code == 400
