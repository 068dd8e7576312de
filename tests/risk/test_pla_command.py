"""The P&L attribution test over stored closes, as the command prints it."""

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

from instruments.models import Book, Desk, FxRate, Swap
from pricing.explain.pla import AttributionDay
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.reference import Reference
from risk.explain import attribution_runs
from risk.explain.attribution_days import DeskSeries
from risk.history.models import CurveFile, CurveQuote
from risk.management.stored_days import usd_rates
from risk.models import AttributionRun
from risk.store.fx import Fx, write_fx

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


def test_books_of_a_desk_are_added_by_day_oldest_first():
    found = DeskSeries()
    for date, hpl, rtpl in ((DAYS[1], 4.0, 5.0), (DAYS[0], 1.0, 2.0), (DAYS[1], 10.0, 20.0)):
        found.add(date, hpl, rtpl)
    assert found.days() == [(DAYS[0], 1.0, 2.0), (DAYS[1], 14.0, 25.0)]


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


# --- What is stored, over REST -----------------------------------------------------------------

NAN = float("nan")


@pytest.fixture
def client(admin_user) -> APIClient:
    made = APIClient()
    made.force_authenticate(admin_user)
    return made


def trader(desk: Desk) -> APIClient:
    user = get_user_model().objects.create_user(f"trader-{desk.code}")
    user.groups.add(Group.objects.get(name="trader"))
    desk.traders.add(user)
    made = APIClient()
    made.force_authenticate(user)
    return made


def series(*days: tuple[float, float]) -> list[AttributionDay]:
    return [
        AttributionDay(dt.date(2024, 3, 4) + dt.timedelta(n), *both) for n, both in enumerate(days)
    ]


@pytest.mark.usefixtures("swap", "history")
def test_what_is_stored_is_what_is_printed(client):
    out, err = run()
    rows = list(csv.DictReader(io.StringIO(run("--series")[0])))
    (line,) = [line.split() for line in out.splitlines() if line.startswith("RATES")]
    found = client.get("/api/v1/pla/?series=true").json()
    assert (found["amounts_in"], found["days_of_the_zones"]) == ("USD", 250)
    (desk,) = found["desks"]
    printed = [f"{desk['days']}", f"{desk['spearman']:.5f}", f"{desk['ks']:.4f}", desk["zone"]]
    assert [desk["desk"], *printed] == line
    assert desk["reason"] is None
    assert [(day["date"], f"{day['hpl']:.2f}", f"{day['rtpl']:.2f}") for day in desk["series"]] == [
        (row["date"], row["hpl_usd"], row["rtpl_usd"]) for row in rows
    ]
    assert client.get("/api/v1/pla/").json()["desks"] == [{**desk, "series": []}]
    assert "3 days are fewer than 250" in err


@pytest.mark.usefixtures("swap", "history")
def test_a_part_of_the_book_is_not_stored_and_the_newest_test_replaces_the_last(client):
    run("--currency", "USD")
    answer = client.get("/api/v1/pla/")
    assert answer.status_code == 404
    assert answer.json()["detail"] == "No P&L attribution test is stored: run manage.py pla"
    run()
    run("--days", "2")
    assert len(AttributionRun.objects.get().desks["RATES"]) == 2


@pytest.mark.usefixtures("history")
def test_what_is_left_out_is_told_to_users_who_may_see_all_desks(swap, client):
    gap = dt.date(2024, 3, 20)
    for quote in CurveQuote.objects.filter(date=DAYS[-1]):
        CurveQuote.objects.create(
            **{name: getattr(quote, name) for name in ("curve", "quote_id", "quote_kind", "file")},
            **{"date": gap, "rate": quote.rate},
        )
    _, err = run()
    (note,) = client.get("/api/v1/pla/").json()["notes"]
    assert note == "USD 2024-03-20 is left out: the close before is of 2024-03-07"
    assert note in err
    other = Desk.objects.create(code="OTHER", name="Other")
    days = series((1.0, 1.0), (2.0, 3.0), (-1.0, -2.0))
    attribution_runs.keep({"OTHER": days, "RATES": days[:2]}, ["EUR is out"], ["S1 is out"])
    everything = client.get("/api/v1/pla/").json()
    assert [desk["desk"] for desk in everything["desks"]] == ["OTHER", "RATES"]
    mine = trader(other).get("/api/v1/pla/?series=true").json()
    assert [(desk["desk"], len(desk["series"])) for desk in mine["desks"]] == [("OTHER", 3)]
    assert (everything["notes"], mine["notes"]) == (["EUR is out", "S1 is out"], ["EUR is out"])


@pytest.mark.django_db
def test_a_number_that_is_missing_is_null_with_its_reason(client):
    attribution_runs.keep(
        {
            "CONSTANT": series((1.0, 2.0), (1.0, 3.0)),
            "HOLE": series((1.0, 2.0), (NAN, float("inf"))),
            "SHORT": series((1.0, 2.0)),
        },
        [],
    )
    answer = client.get("/api/v1/pla/?series=true")
    assert b"NaN" not in answer.content
    constant, hole, short = answer.json()["desks"]
    assert (constant["spearman"], constant["ks"], constant["zone"]) == (None, 1.0, "red")
    assert constant["reason"] == attribution_runs.NO_RANK
    for desk, days, reason in (
        (hole, 2, "a day has no number"),
        (short, 1, "the test needs two days or more"),
    ):
        assert [desk[name] for name in ("spearman", "ks", "zone")] == [None] * 3
        assert (desk["days"], desk["reason"]) == (days, reason)
    assert hole["series"][1] == {"date": "2024-03-05", "hpl": None, "rtpl": None}


@pytest.mark.django_db
def test_the_last_250_days_count(client):
    days = series(*((float(n), float(n)) for n in range(300)))
    attribution_runs.keep({"RATES": days[::-1]}, [])
    (desk,) = client.get("/api/v1/pla/?series=true").json()["desks"]
    assert (desk["days"], desk["zone"]) == (250, "green")
    assert [desk["series"][n]["hpl"] for n in (0, -1)] == [50.0, 299.0]


@pytest.mark.django_db
def test_parameters_that_it_does_not_have_are_refused(client):
    attribution_runs.keep({}, [])
    assert client.get("/api/v1/pla/").json()["desks"] == []
    assert client.get("/api/v1/pla/?level=99").status_code == 400
    assert client.get("/api/v1/pla/?series=yes").status_code == 400


@pytest.mark.usefixtures("history")
def test_a_desk_without_one_of_its_currencies_has_no_series(swap):
    """Its P&L in the others alone is not that of the desk."""
    Swap.objects.create(
        trade_id="E1",
        book=swap.book,
        convention="EUR-ESTR-OIS",
        pay_receive="receive",
        notional=Decimal(1_000_000),
        effective_date=dt.date(2024, 4, 2),
        termination_date=dt.date(2031, 4, 2),
        fixed_rate=Decimal("0.03"),
    )
    with pytest.raises(CommandError, match="nothing could be compared"):
        run()
    assert AttributionRun.objects.count() == 0
    out, _ = run("--currency", "USD")
    assert "RATES" in out


# --- Exchange rates --------------------------------------------------------------------------


def test_rates_of_a_feed_come_before_those_of_the_master(
    db, redis_client, redis_url, settings
) -> None:
    settings.REDIS_URL = redis_url
    FxRate.objects.create(date=DAYS[0], currency="EUR", usd=Decimal("1.10"))
    FxRate.objects.create(date=DAYS[0], currency="GBP", usd=Decimal("1.27"))
    write_fx(redis_client, Fx({"EUR": 1.2}, "proxy", {"EUR": "proxy"}))
    said: list[str] = []
    rates = usd_rates(["USD", "EUR", "GBP", "JPY", "CAD"], said.append)
    assert rates == {"USD": 1.0, "EUR": 1.2, "GBP": 1.27}
    assert said == [
        "JPY, CAD are left out: no exchange rate is known, of a feed or loaded "
        "(manage.py load_instruments FILE --kind fx_rates)"
    ]


def test_without_redis_the_rates_are_those_of_the_master(db, settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    FxRate.objects.create(date=DAYS[0], currency="EUR", usd=Decimal("1.10"))
    said: list[str] = []
    assert usd_rates(["EUR"], said.append) == {"USD": 1.0, "EUR": 1.1}
    assert "Redis does not answer" in said[0]
