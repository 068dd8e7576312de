"""Past days of a curve over REST: closes of frames, the history, and what is refused."""

from __future__ import annotations

import datetime as dt

import pytest

from risk.explain.frame_closes import keep_close
from risk.history.models import CurveFile, CurveQuote
from risk.models import FrameClose
from risk.store.compiled_book_store import CompiledBooks
from risk.store.frames import Frames
from tests.risk.curve_history import TENORS, store_usd_closes, usd_closes
from tests.risk.made import DATE, QUOTES, store, swap
from tests.risk.published import publish
from tests.risk.rest import caller_of, trader

pytestmark = pytest.mark.django_db
DAYS = "/api/v1/curves/USD-SOFR/days/"


@pytest.fixture
def client(redis_client, redis_url, settings, admin_user):
    return caller_of(redis_url, settings, admin_user)


@pytest.fixture
def stored(redis_client):
    """A close of a priced frame, and closing quotes of the days before it."""
    books = CompiledBooks(redis_client)
    publish(redis_client, books, store(books, swap("S1")), 1, labels={"USD-SOFR": "proxy"})
    rollup = Frames(redis_client).current("USD")
    keep_close(rollup)
    store_usd_closes(DATE + dt.timedelta(days=1))
    return rollup


def test_days_of_both_sources_are_listed_with_their_labels_newest_first(client, stored):
    answer = client.get(DAYS).json()
    assert answer["curve"] == "USD-SOFR"
    first, second, third = answer["days"][:3]
    assert (first["date"], first["of"], first["label"]) == (DATE.isoformat(), "close", "proxy")
    assert dt.datetime.fromisoformat(first["as_of"]) == stored.as_of
    assert (second["date"], second["of"]) == (DATE.isoformat(), "history")
    assert (second["label"], second["source"], second["as_of"]) == ("official", "test", None)
    assert third["date"] < second["date"]
    assert len(client.get(f"{DAYS}?days=2").json()["days"]) == 3  # two of the history, one close


def test_a_close_has_its_curve_and_the_history_its_quotes(client, stored):
    found = client.get(f"{DAYS}{DATE}/").json()["found"]
    close, history = found
    assert (close["of"], close["frame"]) == ("close", stored.frame)
    assert {n["tenor"]: n["quote"] for n in close["nodes"]} == QUOTES["USD"]["USD-SOFR"]
    zeros = dict(zip([tenor for _, tenor in stored.keys], stored.zero_rates, strict=True))
    for node in close["nodes"]:
        assert node["zero_rate"] == zeros[node["tenor"]]
        assert 0.0 < node["discount_factor"] < 1.0
    days, quotes = usd_closes(DATE + dt.timedelta(days=1))
    expected = dict(zip(TENORS, quotes[days.index(DATE)].tolist(), strict=True))
    assert {n["tenor"]: n["quote"] for n in history["nodes"]} == pytest.approx(expected)
    assert [n["tenor"] for n in history["nodes"]] == TENORS
    assert {n["zero_rate"] for n in history["nodes"]} == {None}


def test_quotes_of_two_publishers_on_a_day_have_the_labels_of_both(client, stored):
    other = CurveFile.objects.create(
        publisher="another", name="b.csv", label="synthetic", retrieved_at=dt.datetime.now(dt.UTC)
    )
    CurveQuote.objects.create(
        date=DATE, curve="USD-SOFR", quote_id="40Y", rate="0.04", quote_kind="ois", file=other
    )
    (day,) = [
        each
        for each in client.get(DAYS).json()["days"]
        if (each["date"], each["of"]) == (DATE.isoformat(), "history")
    ]
    (found,) = [
        each for each in client.get(f"{DAYS}{DATE}/").json()["found"] if each["of"] == "history"
    ]
    for each in (day, found):
        assert (each["label"], each["source"]) == ("official, synthetic", "another, test")
    assert [node["tenor"] for node in found["nodes"]][-1] == "40Y"


def test_a_close_of_another_release_is_left_out(client, stored):
    FrameClose.objects.update(sums=b"\xc1")
    assert [each["of"] for each in client.get(f"{DAYS}{DATE}/").json()["found"]] == ["history"]


def test_a_trader_of_one_desk_may_read_curves(client, stored):
    assert trader("RATES").get(DAYS).status_code == 200


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        ("curves/XXX/days/", 404, "curve: 'XXX' does not exist; there are: "),
        ("curves/USD-SOFR/days/?days=0", 400, "days: '0' is not a number from 1 on"),
        ("curves/USD-SOFR/days/?days=5001", 400, "days: 5001 is not valid; allowed: 1 to 5,000"),
        ("curves/USD-SOFR/days/?from=2024-01-01", 400, "from: no such query parameter"),
        ("curves/USD-SOFR/days/yesterday/", 404, "'yesterday' is not a date such as 2024-03-05"),
        ("curves/USD-SOFR/days/2024-02-31/", 404, "'2024-02-31' is not a date"),
        ("curves/USD-SOFR/days/1999-01-04/", 404, "nothing is stored of USD-SOFR on 1999-01-04"),
    ],
)
def test_what_is_not_there_is_refused_with_a_sentence(client, stored, path, status, sentence):
    answer = client.get(f"/api/v1/{path}")
    assert answer.status_code == status
    assert sentence in answer.json()["detail"]
