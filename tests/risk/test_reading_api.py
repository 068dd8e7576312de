"""The risk side of the REST API on real frames: what it answers, and what it refuses."""

from __future__ import annotations

import datetime as dt
import math

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from rest_framework.test import APIClient

from instruments.models import Desk
from risk.api import source
from risk.queries import trade_detail, trade_list
from tests.risk.made import DATE, QUOTES, store, swap
from tests.risk.published import publish
from tests.risk.rest import caller_of, publish_two_currencies

GBP = {"GBP-SONIA": {"1Y": 0.05, "10Y": 0.04}}


@pytest.fixture
def client(redis_client, redis_url, settings, admin_user):
    return caller_of(redis_url, settings, admin_user)


@pytest.fixture
def published(client, redis_client):
    """USD with a swap, a bond and two failures; EUR with two swaps. GBP has no frame."""
    books, usd = publish_two_currencies(redis_client)
    return redis_client, books, usd


def get(client, path, status=200):
    answer = client.get(f"/api/v1/{path}")
    assert answer.status_code == status, answer.content
    return answer.json()


def test_before_the_first_frame_the_answer_says_what_to_start(client):
    for path in ("risk/portfolio/", "risk/trades/", "risk/trades/S1/", "curves/"):
        assert "manage.py runbridge" in get(client, path, 503)["detail"]


def test_a_redis_that_is_away_is_named(client, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    source.frames.cache_clear()
    answer = client.get("/api/v1/risk/trades/")
    assert (answer.json()["code"], answer["Retry-After"]) == ("DEPENDENCY_DOWN REDIS", "5")
    assert "redis does not answer" in get(client, "risk/trades/", 503)["detail"]
    source.frames.cache_clear()


def test_nobody_reads_risk_without_a_login(client, published):
    assert APIClient().get("/api/v1/risk/trades/").status_code == 401


def test_every_trade_is_listed_and_one_without_a_number_says_why(client, published):
    answer = get(client, "risk/trades/")
    rows = {row["trade_id"]: row for row in answer["results"]}
    assert set(rows) == {"S1", "P1", "OLD", "X1", "E1", "E2"}
    assert rows["S1"]["status"] == "priced"
    assert rows["S1"]["desk"] == "RATES"
    assert rows["OLD"]["npv"] is None
    assert rows["OLD"]["failure"]["code"] == "MISSING_FIXING"
    assert rows["X1"]["failure"] == {"code": "BAD_INPUT", "message": "no such calendar"}
    (usd,) = (stamp for stamp in answer["frames"] if stamp["currency"] == "USD")
    assert (usd["status"], usd["priced"], usd["total"]) == ("COMPLETE", 2, 4)


def test_a_missing_block_is_said_of_each_of_its_trades(client, published):
    redis_client, books, usd = published
    publish(redis_client, books, usd, 2, excluded=[1])
    answer = get(client, "risk/trades/?currency=USD")
    assert answer["frames"][0]["status"] == "PARTIAL"
    failed = [row for row in answer["results"] if row["failure"]]
    late = {row["trade_id"] for row in failed if row["failure"]["code"] == "MISSING_BLOCK"}
    assert late == set(usd.trade_ids[1]) != set()
    name = usd.trade_ids[1][0]
    detail = get(client, f"risk/trades/{name}/")
    assert (detail["npv"], detail["ladder_par"]) == (None, {})


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("ordering=trade_id", ["E1", "E2", "OLD", "P1", "S1", "X1"]),
        ("ordering=-trade_id", ["X1", "S1", "P1", "OLD", "E2", "E1"]),
        ("ordering=trade_id&currency=EUR", ["E1", "E2"]),
        ("currency=EUR,EUR", ["E1", "E2"]),
        ("search=e&currency=EUR", ["E1", "E2"]),
        ("search=s1", ["S1"]),
        ("search=estr-ois", ["E1", "E2"]),
        ("instrument=USD-SOFR-OIS", ["OLD", "S1"]),
        ("side=long", ["P1"]),
        ("issuer=UST", []),
        ("currency=EUR&ordering=-quantity", ["E2", "E1"]),
        ("currency=USD&ordering=-maturity&page_size=1", ["P1"]),
        ("ordering=instrument&status=priced", ["E1", "E2", "P1", "S1"]),
        ("status=failed", ["OLD", "X1"]),
        ("type=bond", ["P1"]),
        ("book=B2", ["P1"]),
        ("desk=GOVIES", ["P1"]),
        ("desk=NONE", []),
        ("page_size=2&page=2", ["OLD", "P1"]),
        ("page_size=2&page=9", []),
    ],
)
def test_rows_are_filtered_ordered_and_paged(client, published, query, names):
    answer = get(client, f"risk/trades/?{query}")
    assert [row["trade_id"] for row in answer["results"]] == names


def test_trades_without_a_number_come_last_either_way(client, published):
    for sign in ("", "-"):
        rows = get(client, f"risk/trades/?ordering={sign}npv")["results"]
        values = [row["npv"] for row in rows]
        assert values[-2:] == [None, None]
        assert values[:-2] == sorted(values[:-2], reverse=bool(sign))


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        (
            "risk/trades/?ordering=password",
            "'password' is not valid; allowed: trade_id, instrument",
        ),
        ("risk/trades/?desc=1", "desc: no such query parameter; did you mean desk?"),
        ("risk/trades/?status=late", "'late' is not valid; allowed: priced, failed"),
        ("risk/trades/?search=%00", "search: no NUL characters"),
        ("risk/history/?from=2024-01-01", "use a time with its zone"),
        ("risk/history/?from=2024-99-01T00:00:00Z", "use a time with its zone"),
        ("risk/history/?interval=0", "'0' is not a number from 1 on"),
        ("stream/risk/?currency=XXX", "currency: 'XXX' is not valid"),
        ("risk/trades/?currency=XXX", "currency: 'XXX' is not valid; allowed: USD, EUR, GBP"),
        ("risk/trades/?currency=NOK", "currency: no risk in NOK; published: "),
        ("risk/portfolio/?currency=NOK,JPY", "currency: no risk in NOK, JPY; published: "),
        ("risk/trades/?page=0", "page: '0' is not a number from 1 on"),
        ("risk/trades/?page=-1", "page: '-1' is not a number from 1 on"),
        ("risk/trades/?page=%C2%B2", "is not a number from 1 on"),
        ("risk/trades/?page_size=" + "9" * 1500, "is not a number from 1 on"),
        ("risk/portfolio/?group_by=trader", "group_by: 'trader' is not valid; allowed: currency"),
        ("risk/portfolio/?group_by=desk", "never added unconverted"),
        ("risk/portfolio/?reporting_currency=XYZ", "'XYZ' is not valid; allowed: USD"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_a_sentence(client, published, query, sentence):
    assert sentence in get(client, query, 400)["detail"]


def test_a_page_is_at_most_500_rows(client, published):
    assert get(client, "risk/trades/?page_size=1000000")["page_size"] == 500


def test_sums_are_those_of_the_priced_trades(client, published):
    rows = get(client, "risk/trades/?currency=USD")["results"]
    (group,) = get(client, "risk/portfolio/?currency=USD")["groups"]
    assert group["npv"] == pytest.approx(sum(r["npv"] for r in rows if r["npv"] is not None))
    assert (group["trades"], group["failed"]) == (3, 1)
    ladder = sum(sum(tenors.values()) for tenors in group["ladder_par"].values())
    assert ladder == pytest.approx(group["dv01_par"], rel=1e-9)


def test_a_currency_named_twice_is_counted_once(client, published):
    once = get(client, "risk/portfolio/?currency=EUR")["groups"]
    assert get(client, "risk/portfolio/?currency=EUR,EUR")["groups"] == once


def test_currencies_are_added_when_they_are_converted(client, published):
    own = {g["currency"]: g["npv"] for g in get(client, "risk/portfolio/")["groups"]}
    groups = get(client, "risk/portfolio/?group_by=type&reporting_currency=USD")["groups"]
    total = sum(group["npv"] for group in groups)
    assert total == pytest.approx(own["USD"] + 1.1 * own["EUR"])
    assert {group["reporting_currency"] for group in groups} == {"USD"}


def test_a_sum_names_the_valuation_dates_that_went_in(client, published):
    redis_client, books, usd = published
    (group,) = get(client, "risk/portfolio/?group_by=type&currency=USD,EUR&reporting_currency=USD")[
        "groups"
    ][-1:]
    assert group["valuation_dates"] == [DATE.isoformat()]
    later = DATE + dt.timedelta(days=1)
    publish(redis_client, books, usd, 2, valuation_date=later)
    groups = get(client, "risk/portfolio/?group_by=type&reporting_currency=USD")["groups"]
    dates = {group["type"]: group["valuation_dates"] for group in groups}
    assert dates["swap"] == [DATE.isoformat(), later.isoformat()]
    assert dates["bond"] == [later.isoformat()]


def test_a_trade_has_both_ladders_and_they_add_up(client, published):
    detail = get(client, "risk/trades/P1/")
    for ladder, total in (("ladder_par", "dv01_par"), ("krd", "dv01_zero")):
        parts = sum(sum(tenors.values()) for tenors in detail[ladder].values())
        assert math.isclose(parts, detail[total], rel_tol=1e-5)
    assert detail["stamp"]["frame"] == detail["frame"] == 1


def test_a_failed_trade_has_no_ladders(client, published):
    for name in ("OLD", "X1"):
        detail = get(client, f"risk/trades/{name}/")
        assert (detail["npv"], detail["krd"], detail["status"]) == (None, {}, "failed")


def test_a_trade_that_is_not_there_is_404(client, published):
    assert "no trade 'NOPE'" in get(client, "risk/trades/NOPE/", 404)["detail"]


def test_a_trade_has_its_cash_flows_and_their_values_add_up_to_its_npv(client, published):
    for name in ("S1", "P1"):
        detail = get(client, f"risk/trades/{name}/")
        worth = sum(flow["present_value"] for flow in detail["cash_flows"])
        assert math.isclose(worth, detail["npv"], rel_tol=1e-9, abs_tol=1e-4)
        dates = [flow["pay_date"] for flow in detail["cash_flows"]]
        assert dates == sorted(dates)
        assert min(dates) > detail["stamp"]["valuation_date"]
        assert detail["curves"] == {"discount": "USD-SOFR", "forecast": "USD-SOFR"}
    swap_flows = get(client, "risk/trades/S1/")["cash_flows"]
    assert {(flow["leg"], flow["projected"]) for flow in swap_flows} == {
        ("fixed", False),
        ("floating", True),
    }


def test_cash_flows_are_left_out_when_the_curves_were_made_otherwise(client, published, settings):
    settings.CURVE_INTERPOLATION = {"USD-SOFR": "natural_log_cubic"}
    detail = get(client, "risk/trades/S1/")
    assert (detail["cash_flows"], detail["curves"]) == (None, None)
    assert detail["npv"] is not None


def test_curves_have_quotes_zero_rates_and_discount_factors(client, published):
    (usd,) = get(client, "curves/?currency=USD")["curves"]
    assert {node["tenor"]: node["quote"] for node in usd["nodes"]} == QUOTES["USD"]["USD-SOFR"]
    last = usd["nodes"][-1]
    years = (dt.date.fromisoformat(last["date"]) - DATE).days / 365
    assert math.isclose(last["discount_factor"], math.exp(-last["zero_rate"] * years))


def test_a_curve_that_has_not_moved_is_not_sent_again(client, published):
    redis_client, books, usd = published
    first = client.get("/api/v1/curves/USD-SOFR/")
    assert first.json()["curve"] == "USD-SOFR"
    publish(redis_client, books, usd, 2)  # another frame, the same quotes
    again = client.get("/api/v1/curves/USD-SOFR/", headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = client.get("/api/v1/curves/USD-SOFR/", headers={"If-None-Match": 'W/"other"'})
    assert other.status_code == 200


def test_a_curve_that_is_not_there_is_named(client, published):
    assert "there are: USD-GOVT, USD-SOFR" in get(client, "curves/USD-LIBOR/", 404)["detail"]
    assert "the feed sends no USD-GOVT" in get(client, "curves/USD-GOVT/", 404)["detail"]


def test_history_has_a_line_a_frame(client, published):
    redis_client, books, usd = published
    publish(redis_client, books, usd, 2)
    rows = get(client, "risk/history/?currency=USD")["results"]
    assert [row["frame"] for row in rows] == [1, 2]
    assert rows[0]["curve_version"] == rows[1]["curve_version"] != ""
    assert (rows[1]["priced"], rows[1]["total"], rows[1]["status"]) == (2, 4, "COMPLETE")
    cut = rows[1]["published"].replace("+00:00", "Z")
    later = get(client, f"risk/history/?currency=USD&from={cut}")["results"]
    assert [row["frame"] for row in later] == [2]
    earlier = get(client, f"risk/history/?currency=USD&to={cut}")["results"]
    assert [row["frame"] for row in earlier] == [1]
    thin = get(client, "risk/history/?currency=USD&interval=86400")["results"]
    assert [row["frame"] for row in thin] == [2]


def test_an_answer_of_trades_of_two_currencies_is_sorted_by_the_number_asked_for(client, published):
    rows = get(client, "risk/trades/?ordering=-npv&status=priced")["results"]
    values = [row["npv"] for row in rows]
    assert values == sorted(values, reverse=True)
    assert {row["currency"] for row in rows} == {"USD", "EUR"}


def test_a_frame_that_expires_while_it_is_read_is_read_again(client, published, monkeypatch):
    """The pointer has moved on: the new frame is answered, whole."""
    redis_client, books, usd = published
    real, moved = trade_detail.columns_of, []

    def slow(frames, view, blocks):
        if not moved and view.rollup.currency == "USD":
            moved.append(1)
            publish(redis_client, books, usd, 2)
            redis_client.delete("risk:{USD}:detail:1")
        return real(frames, view, blocks)

    monkeypatch.setattr(trade_list, "columns_of", slow)
    answer = get(client, "risk/trades/?currency=USD")
    assert moved
    assert answer["frames"][0]["frame"] == 2
    assert {row["frame"] for row in answer["results"]} == {2}


def test_a_trader_reads_the_risk_of_own_desks_only(client, published):
    trader = get_user_model().objects.create_user("t")
    trader.groups.add(Group.objects.get(name="trader"))
    Desk.objects.create(code="GOVIES", name="Govies").traders.add(trader)
    client.force_authenticate(trader)
    rows = get(client, "risk/trades/")["results"]
    assert {row["desk"] for row in rows} == {"GOVIES"}
    assert "P1" in {row["trade_id"] for row in rows}
    groups = get(client, "risk/portfolio/?group_by=currency,desk")["groups"]
    assert {group["desk"] for group in groups} == {"GOVIES"}
    get(client, "risk/trades/P1/")
    get(client, "risk/trades/S1/", 404)
    assert get(client, "risk/history/", 403)["code"] == "ROLE_REQUIRED VIEWER"
    client.force_authenticate(get_user_model().objects.create_user("nobody"))
    assert get(client, "risk/trades/", 403)["code"] == "ROLE_REQUIRED VIEWER"


def test_trades_are_of_the_published_detail_and_name_both_frames(client, published):
    redis_client, books, usd = published
    publish(redis_client, books, usd, 2, detail=False)
    publish(redis_client, books, usd, 3, detail=False)
    sums = get(client, "risk/portfolio/?currency=USD")
    assert sums["frames"][0]["frame"] == 3
    trades = get(client, "risk/trades/?currency=USD")
    stamp = trades["frames"][0]
    assert (stamp["frame"], stamp["detail_frame"], stamp["sums_frame"]) == (1, 1, 3)
    assert {row["frame"] for row in trades["results"]} == {1}
    one = get(client, "risk/trades/S1/")
    assert (one["frame"], one["stamp"]["frame"], one["stamp"]["sums_frame"]) == (1, 1, 3)
    assert one["cash_flows"]


def test_a_stuck_detail_keeps_its_trades_and_its_book(client, published):
    """However many frames and books come, with what they retire."""
    redis_client, books, _ = published
    later = store(books, swap("S1"), swap("NEW"), number=2)
    for number in range(2, 5):
        publish(redis_client, books, later, number, detail=False)
    names = {row["trade_id"] for row in get(client, "risk/trades/?currency=USD")["results"]}
    assert names == {"S1", "P1", "OLD", "X1"}
    assert redis_client.ttl("risk:{USD}:rollup:1") == -1
    assert redis_client.ttl("risk:{USD}:detail:1") == -1
    refused = get(client, "risk/trades/NEW/", 503)
    assert refused["code"] == "NO_DETAIL"
    assert "no numbers of trade NEW" in refused["detail"]


def test_before_the_first_detail_sums_are_answered_and_trades_say_what_to_start(client, published):
    redis_client, books, _ = published
    gbp = store(books, swap("G1", convention="GBP-SONIA-OIS"), currency="GBP")
    publish(redis_client, books, gbp, 1, detail=False, curves=GBP)
    assert get(client, "risk/portfolio/?currency=GBP")["groups"][0]["trades"] == 1
    refused = get(client, "risk/trades/?currency=GBP", 503)
    assert refused["code"] == "NO_DETAIL"
    assert "--queues detail" in refused["detail"]
    assert get(client, "risk/trades/G1/", 503)["code"] == "NO_DETAIL"
    get(client, "risk/trades/NOPE/", 404)
    answer = get(client, "risk/trades/")
    assert answer["without_detail"] == ["GBP"]
    assert {row["currency"] for row in answer["results"]} == {"USD", "EUR"}


def test_a_block_that_the_detail_lacks_is_said_of_its_trades_and_stays_in_the_sums(
    client, published
):
    redis_client, books, usd = published
    block = usd.place_of("P1")[0]
    publish(redis_client, books, usd, 2, late=[block])
    answer = get(client, "risk/trades/?currency=USD")
    stamp = answer["frames"][0]
    late = {
        row["trade_id"]
        for row in answer["results"]
        if row["failure"] and row["failure"]["code"] == "MISSING_BLOCK"
    }
    named = set(usd.trade_ids[block]) - {"OLD"}  # which has a reason of its own
    assert late == named
    assert (stamp["status"], stamp["priced"]) == ("PARTIAL", 2 - len(named))
    sums = get(client, "risk/portfolio/?currency=USD")
    assert (sums["frames"][0]["status"], sums["groups"][0]["failed"]) == ("COMPLETE", 1)
