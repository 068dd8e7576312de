"""A replay's current day by the addresses of the live market: sums, curves, trades, P&L, stream."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

import pytest
from django.contrib.auth.models import Group
from rest_framework.test import APIClient

from instruments.models import Book, Desk, Swap
from instruments.trade_repository import terms_of_trades
from pricing.curves.quotes import CurveOptions
from pricing.reference import Reference
from risk.api import previewer
from risk.api.stream import Permission, Wanted, slots, stream
from risk.explain.frame_closes import frame_of
from risk.models import FrameClose, Replay
from risk.reprice import tasks
from risk.reprice.repricer import reprice
from tests.risk.replays.small import DAYS, plan_of, quotes_of, run

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("history", "book", "asked"),
]

TASKS = {
    "risk.reprice.tasks.ask_market": tasks.ask_market,
    "risk.reprice.tasks.reprice_close": tasks.reprice_close,
}


@pytest.fixture
def asked(redis_url, settings, monkeypatch):
    """The preview worker in this process; the queue alone is left out."""
    settings.REDIS_URL = redis_url
    kept = (previewer._waiting_client, tasks._market, tasks._frames)
    for each in kept:
        each.cache_clear()
    send = lambda name, args, **_: TASKS[name](*args)  # noqa: E731
    monkeypatch.setattr(previewer.current_app, "send_task", send)
    yield
    for each in kept:
        each.cache_clear()


@pytest.fixture
def client(admin_user) -> APIClient:
    found = APIClient()
    found.force_authenticate(admin_user)
    return found


def get(client: APIClient, path: str, status: int = 200) -> Any:
    answer = client.get(f"/api/v1/{path}")
    assert answer.status_code == status, answer.content
    return answer.json()


def close(currency: str, day: int) -> FrameClose:
    return FrameClose.objects.get(market="mine", currency=currency, date=DAYS[day])


def at_day(day: int) -> None:
    """The replay as it is when it has come to that day."""
    Replay.objects.filter(name="mine").update(date=DAYS[day])


def test_sums_and_curves_are_those_of_the_day_that_the_replay_is_at(client):
    run("mine", plan=plan_of(ticks_per_day=1))
    for day in (5, 2):
        at_day(day)
        found = get(client, "risk/portfolio/?market=mine")
        assert {f["valuation_date"] for f in found["frames"]} == {DAYS[day].isoformat()}
        for group in found["groups"]:
            cells = frame_of(close(group["currency"], day)).cells
            assert group["npv"] == sum(cell.npv for cell in cells)
        (curve,) = get(client, "curves/?market=mine&currency=USD")["curves"]
        shown = {node["tenor"]: node["quote"] for node in curve["nodes"]}
        assert shown == quotes_of(DAYS[day])
        one = get(client, "curves/USD-SOFR/?market=mine")
        assert one["nodes"] == curve["nodes"]


def test_trades_have_the_numbers_of_the_close_and_add_up_to_its_sums(client):
    run("mine", plan=plan_of(ticks_per_day=1))
    at_day(3)
    found = get(client, "risk/trades/?market=mine&page_size=500")
    assert (found["count"], len(found["results"])) == (6, 6)
    for currency in ("USD", "EUR"):
        mine = [row for row in found["results"] if row["currency"] == currency]
        total = sum(cell.npv for cell in frame_of(close(currency, 3)).cells)
        assert sum(row["npv"] for row in mine) == pytest.approx(total, abs=1e-6)
    repriced = reprice(close("USD", 3), CurveOptions()).frame.trades()
    assert {r["trade_id"]: r["npv"] for r in found["results"] if r["currency"] == "USD"} == {
        name: npv for name, (_, _, npv) in repriced.items()
    }
    first = get(client, "risk/trades/?market=mine&ordering=-npv&page_size=2&currency=EUR")
    best = max((r for r in found["results"] if r["currency"] == "EUR"), key=lambda r: r["npv"])
    assert (first["count"], first["results"][0]) == (3, best)
    assert get(client, "risk/trades/?market=mine&search=s4")["results"][0]["trade_id"] == "S4"


def test_one_trade_has_ladders_and_cash_flows_that_add_up(client):
    run("mine", plan=plan_of(ticks_per_day=1))
    at_day(1)
    found = get(client, "risk/trades/S2/?market=mine")
    assert found["stamp"]["valuation_date"] == DAYS[1].isoformat()
    flows = sum(flow["present_value"] for flow in found["cash_flows"])
    assert flows == pytest.approx(found["npv"], abs=1e-6)
    frame = frame_of(close("USD", 1))
    terms = terms_of_trades(["S2"])["S2"]
    (truth,) = Reference(DAYS[1], frame.curves).values([terms])
    assert found["npv"] == pytest.approx(truth, abs=0.05)
    assert sum(found["ladder_par"]["USD-SOFR"].values()) == pytest.approx(
        found["dv01_par"], rel=1e-5
    )
    get(client, "risk/trades/NONE/?market=mine", 404)


def test_the_explain_of_a_day_adds_up_to_what_the_closes_say(client):
    run("mine", plan=plan_of(ticks_per_day=1))
    at_day(4)
    found = get(client, "explain/?market=mine&group_by=currency")
    assert [frame["currency"] for frame in found["frames"]] == ["USD", "EUR"]
    for group in found["groups"]:
        ends = [
            sum(cell.npv for cell in frame_of(close(group["currency"], day)).cells)
            for day in (3, 4)
        ]
        moved = ends[1] - ends[0]
        assert group["terms"]["total"] - group["terms"]["cash"] == pytest.approx(moved, abs=1e-6)
        assert abs(group["terms"]["residual"]) < 1e-3 * abs(moved) + 1.0
    at_day(0)
    answer = get(client, "explain/?market=mine", 404)
    assert "no close of the 14 days before is stored" in answer["detail"]


def test_a_trader_sees_the_own_desks_alone(client, django_user_model):
    other = Desk.objects.create(code="E", name="E")
    swap = Swap.objects.get(trade_id="S2")
    swap.book = Book.objects.create(code="B2", name="B", desk=other)
    swap.save()  # a row of history, which past books are made of
    run("mine", plan=plan_of(ticks_per_day=1))
    user = django_user_model.objects.create_user("t")
    user.groups.add(Group.objects.get(name="trader"))
    other.traders.add(user)
    trader = APIClient()
    trader.force_authenticate(user)
    assert [r["trade_id"] for r in get(trader, "risk/trades/?market=mine")["results"]] == ["S2"]
    assert get(trader, "risk/trades/S2/?market=mine")["trade_id"] == "S2"
    get(trader, "risk/trades/S0/?market=mine", 404)
    (group,) = get(trader, "risk/portfolio/?market=mine&group_by=desk,currency")["groups"]
    assert group["desk"] == "E"
    rows = get(trader, "explain/?market=mine&group_by=desk,currency")["groups"]
    assert {row["desk"] for row in rows} == {"E"}


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("risk/portfolio/?market=other", 400, "allowed: live, mine"),
        ("risk/trades/S2/?market=mine&now=true", 400, "of the live market alone"),
        ("explain/?market=mine&period=frame", 400, "a replay has closes alone"),
        ("stream/risk/?market=mine&events=risk,explain", 400, "a replay has risk alone"),
    ],
)
def test_what_a_replay_does_not_have_is_refused_with_a_sentence(client, path, status, said):
    run("mine", plan=plan_of(ticks_per_day=1))
    assert said in json.dumps(get(client, path, status))


def test_a_replay_that_has_not_begun_says_so(client):
    Replay.objects.create(name="mine", currencies=["USD"], start=DAYS[0], end=DAYS[-1])
    for path in ("risk/portfolio/", "curves/", "risk/trades/", "explain/"):
        answer = get(client, f"{path}?market=mine", 503)
        assert "The replay mine has no close" in answer["detail"]


def test_the_stream_sends_each_day_as_the_replay_comes_to_it(client, rf, admin_user, settings):
    run("mine", plan=plan_of(ticks_per_day=1))
    at_day(0)
    request = rf.get("/")
    request.user, request.auth = admin_user, None
    wanted = Wanted(("USD",), ("currency",), None, ("risk",), "mine")
    moves = itertools.chain([1, 0])

    async def listen() -> list[dict]:
        from asgiref.sync import sync_to_async

        slot = slots.take(admin_user.pk, 5, 5)
        events: list[dict] = []
        source = stream(slot, settings.REDIS_URL, wanted, {}, Permission(request, None))
        async for event in source:
            text = event.decode()
            if "data: " not in text:
                continue
            events.append(json.loads(text.split("data: ", 1)[1]))
            day = next(moves, None)
            if day is None:
                await source.aclose()
                return events
            await sync_to_async(at_day)(day)
        return events

    events = asyncio.run(asyncio.wait_for(listen(), 60))
    shown = [event["stamp"]["valuation_date"] for event in events]
    assert shown == [DAYS[day].isoformat() for day in (0, 1, 0)]
    for event, day in zip(events, (0, 1, 0), strict=True):
        total = sum(cell.npv for cell in frame_of(close("USD", day)).cells)
        assert event["groups"][0]["npv"] == total
