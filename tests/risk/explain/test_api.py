"""The explain over REST: what it answers by desk, period and currency, and what it refuses."""

from __future__ import annotations

import csv
import datetime as dt
import io
from typing import Any

import pytest
from rest_framework.test import APIClient

from pricing.curves.quotes import CurveOptions
from pricing.errors import Failure
from risk.api import previewer
from risk.explain.frame_closes import FrameCloses
from risk.explain.maker import ExplainMaker
from risk.queries.explain import TERM_NAMES
from risk.store.compiled_book_store import CompiledBooks
from risk.store.follow_up import ShareOfTime
from risk.store.frames import Frames
from risk.store.previews import EXPLAIN_GROUP_TASK, EXPLAIN_TASK
from risk.workers import tasks
from tests.risk.made import DATE, QUOTES, bond, store, swap
from tests.risk.published import publish
from tests.risk.rest import caller_of, trader

NEXT = DATE + dt.timedelta(days=1)


def moved(currency: str, bp: float) -> dict[str, dict[str, float]]:
    return {
        curve: {tenor: rate + bp * 1e-4 for tenor, rate in quotes.items()}
        for curve, quotes in QUOTES[currency].items()
    }


@pytest.fixture
def client(redis_client, redis_url, settings, admin_user):
    return caller_of(redis_url, settings, admin_user)


@pytest.fixture
def explained(client, redis_client):
    """USD with a book on each of two desks, a trade without a number and a new one; EUR."""
    books = CompiledBooks(redis_client)
    lost = Failure(trade_id="X1", code="BAD_INPUT", message="=no such calendar")
    usd = store(books, swap("S1"), bond("P1"), failures=(lost,))
    later = store(books, swap("S1"), bond("P1"), swap("S9", book="B2"), number=2)
    eur = store(books, swap("E1", convention="EUR-ESTR-OIS"), currency="EUR")
    rates = {"USD": 1.0, "EUR": 1.1}, {"USD": 1.0, "EUR": 1.2}
    for made, date, bp, fx in (
        (usd, DATE, 0.0, rates[0]),
        (eur, DATE, 0.0, rates[0]),
        (later, NEXT, 2.0, rates[1]),
        (eur, NEXT, -3.0, rates[1]),
    ):
        quotes = moved(made.currency, bp)
        number = 1 if date == DATE else 2
        publish(
            *(redis_client, books, made, number),
            detail=False,
            valuation_date=date,
            curves=quotes,
            fx=fx,
        )
    maker = ExplainMaker(Frames(redis_client), books, CurveOptions())
    maker.time = ShareOfTime(1e9)  # runs may follow each other at once
    assert [maker.run(name) for name in ("USD", "EUR")] == ["MADE", "MADE"]
    return redis_client


def get(client, path="", status=200) -> Any:
    answer = client.get(f"/api/v1/explain/{path}")
    assert answer.status_code == status, answer.content
    return answer.json()


def test_terms_add_up_in_every_group_and_groups_add_up(client, explained):
    by_book = get(client, "?group_by=currency,desk,book,type")
    by_currency = {row["currency"]: row["terms"] for row in get(client)["groups"]}
    for row in by_book["groups"]:
        added = sum(row["terms"][name] for name in TERM_NAMES)
        assert added == pytest.approx(row["terms"]["total"], abs=1e-6)
        of_quotes = sum(sum(amounts.values()) for amounts in row["delta"].values())
        assert of_quotes == pytest.approx(row["terms"]["delta"], abs=1e-6)
    for name in ("total", "carry", "delta", "new"):
        of_usd = sum(r["terms"][name] for r in by_book["groups"] if r["currency"] == "USD")
        assert of_usd == pytest.approx(by_currency["USD"][name], abs=1e-6)
    (usd, eur) = by_book["frames"]
    assert (usd["frame"], usd["start"]["frame"], usd["start"]["valuation_date"]) == (
        *(2, 1),
        DATE.isoformat(),
    )
    assert usd["moves_bp"]["USD-SOFR"]["10Y"] == pytest.approx(2.0)
    assert eur["reason"] is None


def test_an_unpriced_trade_is_named_and_a_new_one_says_that_nothing_was_paid(client, explained):
    answer = get(client)
    (lost,) = answer["unpriced"]
    assert (lost["trade_id"], lost["at"], lost["code"]) == ("X1", "start", "BAD_INPUT")
    (new,) = answer["changes"]
    assert (new["trade_id"], list(new["terms"]), new["consideration"]) == ("S9", ["new"], None)


def test_a_reporting_currency_shows_what_its_rates_add(client, explained):
    """At the start a euro is 1.1 dollars, at the end 1.2."""
    (own,) = get(client, "?currency=EUR")["groups"]
    (found,) = get(client, "?currency=EUR&reporting_currency=USD")["groups"]
    terms, euros = found["terms"], own["terms"]
    assert terms["delta"] == pytest.approx(1.1 * euros["delta"])
    left = euros["value_end"] + euros["cash"] - euros["consideration"]
    assert terms["fx"] == pytest.approx(0.1 * left)
    whole = 1.2 * euros["value_end"] - 1.1 * euros["value_start"]
    assert terms["total"] == pytest.approx(whole)
    assert euros["fx"] == 0.0


def test_two_currencies_are_never_added_unconverted(client, explained):
    answer = get(client, "?group_by=desk", 400)
    assert "reporting_currency" in str(answer)
    rows = get(client, "?group_by=desk&reporting_currency=USD")["groups"]
    assert {row["desk"] for row in rows} == {"RATES", "GOVIES"}


def test_a_trader_sees_the_desks_of_their_own(client, explained):
    answer = get(trader("GOVIES"), "?group_by=desk,currency")
    assert {row["desk"] for row in answer["groups"]} == {"GOVIES"}
    assert [change["trade_id"] for change in answer["changes"]] == ["S9"]
    assert answer["unpriced"] == []  # nobody knows its book
    assert get(trader("RATES"))["changes"] == []
    assert get(trader("OTHER"))["groups"] == []


def test_nobody_reads_an_explain_without_a_login(explained):
    assert APIClient().get("/api/v1/explain/").status_code == 401


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("period=week", "close, frame"),
        ("group_by=trader", "currency, desk, book, type"),
        ("format=csv&table=all", "terms, delta, changes, unpriced"),
        ("since=close", "since"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(client, explained, query, says):
    assert says in str(get(client, f"?{query}", 400))


def test_a_period_that_is_not_explained_says_why(client, explained):
    answer = get(client, "?period=frame")
    assert answer["groups"] == []
    assert "first frame" in answer["frames"][0]["reason"]


def test_before_the_first_explain_the_answer_says_what_to_start(client, redis_client):
    assert "runbridge" in get(client, "", 503)["detail"]
    books = CompiledBooks(redis_client)
    publish(redis_client, books, store(books, swap("S1")), 1, detail=False)
    assert "--queues compile" in get(client, "", 503)["detail"]


def table(client, query: str) -> list[dict[str, str]]:
    answer = client.get(f"/api/v1/explain/?format=csv&{query}")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


def test_each_table_comes_as_csv(client, explained):
    (usd, _) = table(client, "group_by=currency")
    assert float(usd["total_local"]) == pytest.approx(get(client)["groups"][0]["terms"]["total"])
    quotes = table(client, "table=delta&currency=USD")
    assert {row["tenor"] for row in quotes} == set(QUOTES["USD"]["USD-SOFR"])
    assert [row["trade_id"] for row in table(client, "table=changes")] == ["S9"]
    (lost,) = table(client, "table=unpriced")
    assert lost["message"] == "'=no such calendar"  # no formula of a spreadsheet


def test_a_refusal_is_a_problem_document_for_who_asked_for_csv_too(client, explained):
    answer = client.get("/api/v1/explain/?period=week", headers={"Accept": "text/csv"})
    assert answer.status_code == 400
    assert b"close, frame" in answer.content


@pytest.fixture
def previewer_in_process(explained, monkeypatch):
    """Its queue alone is left out: the task runs where it is sent."""
    for made in (tasks._frames, tasks._trade_explainer, previewer._waiting_client):
        made.cache_clear()
    made = {EXPLAIN_TASK: tasks.explain_trade, EXPLAIN_GROUP_TASK: tasks.explain_trades}
    monkeypatch.setattr(
        previewer.current_app, "send_task", lambda name, args, **_: made[name](*args)
    )
    yield
    for made in (tasks._frames, tasks._trade_explainer, previewer._waiting_client):
        made.cache_clear()


@pytest.mark.usefixtures("previewer_in_process")
def test_one_trade_is_explained_when_asked_for(client):
    """The only bond of its book: its terms are those of the group."""
    answer = get(client, "trades/P1/")
    assert (answer["book"], answer["desk"], answer["failure"]) == ("B2", "GOVIES", None)
    rows = get(client, "?currency=USD&group_by=currency,book,type")["groups"]
    (bonds,) = [row for row in rows if row["type"] == "bond"]
    for name, value in answer["terms"].items():
        assert value == pytest.approx(bonds["terms"][name], abs=1e-6), name
    assert answer["delta"]["USD-SOFR"] == pytest.approx(bonds["delta"]["USD-SOFR"], abs=1e-6)


@pytest.mark.usefixtures("previewer_in_process")
def test_a_trade_of_another_desk_or_none_is_not_found(client):
    of_govies = trader("GOVIES")
    assert get(of_govies, "trades/P1/")["trade_id"] == "P1"
    assert "no trade 'S1'" in get(of_govies, "trades/S1/", 404)["detail"]
    assert "no trade 'S1x'" in get(client, "trades/S1x/", 404)["detail"]


@pytest.mark.usefixtures("previewer_in_process")
def test_the_trades_of_a_group_add_up_to_it(client):
    groups = get(client, "?group_by=desk&reporting_currency=USD")["groups"]
    for group in groups:
        found = get(client, f"trades/?desk={group['desk']}&reporting_currency=USD")
        assert [row["desk"] for row in found["results"]] == [group["desk"]] * found["trades"]
        for name in (*TERM_NAMES, "total"):
            added = sum(row["terms"][name] for row in found["results"])
            assert added == pytest.approx(group["terms"][name], abs=1e-6), name
            assert found["terms"][name] == pytest.approx(added, abs=1e-6)
    (first, second) = get(client, "trades/?currency=USD&limit=2")["results"]
    assert abs(first["terms"]["total"]) >= abs(second["terms"]["total"])
    rows = client.get("/api/v1/explain/trades/?currency=USD&format=csv")
    found = list(csv.DictReader(io.StringIO(rows.content.decode())))
    assert {row["trade_id"] for row in found} == {"S1", "P1", "S9"}


@pytest.mark.usefixtures("previewer_in_process")
def test_the_trades_of_other_desks_are_not_shown(client):
    of_govies = trader("GOVIES")
    found = get(of_govies, "trades/?currency=USD")
    assert {row["trade_id"] for row in found["results"]} == {"P1", "S9"}
    assert get(of_govies, "trades/?currency=USD&desk=RATES")["trades"] == 0


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "amounts of two currencies are never added unconverted"),
        ("currency=USD&limit=501", "501 is not valid; allowed: 1 to 500"),
        ("currency=USD&type=loan", "bond"),
        ("currency=USD&trader=me", "trader"),
    ],
)
def test_a_group_that_is_none_is_refused(client, explained, query, says):
    assert says in str(get(client, f"trades/?{query}", 400))


# --- Days before -----------------------------------------------------------------------------


@pytest.fixture
def days(client, explained, redis_client):
    """The close of the first date is explained from nothing, that of the second since it."""
    books, frames = CompiledBooks(redis_client), Frames(redis_client)
    maker = ExplainMaker(frames, books, CurveOptions(), closes=FrameCloses(frames))
    for name in ("USD", "EUR"):
        latest = frames.current(name)
        publish(
            *(redis_client, books, books.manifest(name, latest.book_version), 3),
            detail=False,
            valuation_date=NEXT + dt.timedelta(days=1),
            curves=latest.curves,
            fx=latest.fx,
        )
        maker.time = ShareOfTime(1e9)
        assert maker.run(name) == "MADE"


def test_a_past_day_is_as_it_was_explained_at_its_close(client, explained, days):
    found = get(client, f"?as_of={NEXT}&group_by=currency,desk,book,type")
    assert [frame["reason"] for frame in found["frames"]] == [None, None]
    assert {frame["start"]["valuation_date"] for frame in found["frames"]} == {DATE.isoformat()}
    for row in found["groups"]:
        added = sum(row["terms"][name] for name in TERM_NAMES)
        assert added == pytest.approx(row["terms"]["total"], abs=1e-6)
    by_desk = get(client, f"?as_of={NEXT}&group_by=desk&reporting_currency=USD")["groups"]
    assert {row["desk"] for row in by_desk} == {"RATES", "GOVIES"}
    mine = get(trader("GOVIES"), f"?as_of={NEXT}&group_by=currency,desk")
    assert {row["desk"] for row in mine["groups"]} == {"GOVIES"}
    assert "no close of an earlier date" in get(client, f"?as_of={DATE}")["frames"][0]["reason"]


def test_the_days_before_are_listed_with_their_terms(client, explained, days):
    found = get(client, "days/?group_by=desk&reporting_currency=USD")
    assert (found["market"], found["days"]) == ("live", 2)
    first, second = found["results"]
    assert (first["date"], second["date"]) == (DATE.isoformat(), NEXT.isoformat())
    assert first["groups"] == []
    assert "no close of an earlier date" in first["reasons"]["USD"]
    whole = get(client, f"?as_of={NEXT}&group_by=desk&reporting_currency=USD")["groups"]
    assert [row["terms"] for row in second["groups"]] == [row["terms"] for row in whole]
    only = get(client, "days/?days=1&currency=EUR")["results"]
    assert [row["currency"] for row in only[0]["groups"]] == ["EUR"]
    (usd, _) = get(client, f"?as_of={NEXT}&group_by=desk&reporting_currency=GBP")["frames"]
    assert "no FX rate for" in usd["reason"]
    gbp = get(client, "days/?reporting_currency=GBP&days=1")["results"][0]
    assert "no FX rate for GBP" in gbp["reasons"]["USD"]


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ("?as_of=2020-01-01", 404, "no close of 2020-01-01 is stored"),
        ("?as_of=yesterday", 400, "is not a date such as"),
        (f"?as_of={NEXT}&period=frame", 400, "leave it out"),
        ("days/?days=121", 400, "allowed: 1 to 120"),
        ("days/?group_by=desk", 400, "never added unconverted"),
    ],
)
def test_a_day_that_is_none_is_refused(client, explained, days, query, status, says):
    assert says in str(get(client, query, status))
