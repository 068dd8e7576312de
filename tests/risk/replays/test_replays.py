"""Replays into a market of their own: the same bits whoever prices, and nothing live is touched."""

from __future__ import annotations

import datetime as dt
import io
import os
import signal
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db import connections
from rest_framework.test import APIClient

from instruments.models import Bond, BondPosition, Desk, Fixing, Swap
from pricing.errors import BadInput
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.reference import Reference
from risk.explain.frame_closes import frame_of
from risk.history.layouts.table import Quote
from risk.history.store import Origin, store
from risk.models import FrameClose, Replay
from risk.replays import control, processes
from risk.replays.plan import Plan
from risk.replays.runner import Runner, forget, prepare
from risk.reprice.repricer import reprice
from tests.risk.replays.small import DAYS, OPTIONS, plan_of, quotes_of, run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.usefixtures("history", "book")
def test_the_hash_is_the_same_whatever_the_number_of_processes():
    one = run("one")
    assert (one.state, one.frames, one.failed) == ("done", 36, 0)
    assert len(one.sha256) == 64
    assert run("three", 3).sha256 == one.sha256
    assert run("closes", plan=plan_of(ticks_per_day=1)).sha256 != one.sha256
    assert run("seed", plan=plan_of(seed=6)).sha256 != one.sha256
    swap = Swap.objects.get(trade_id="S0")
    swap.notional += 1
    swap.save()
    assert run("book").sha256 != one.sha256


@pytest.mark.usefixtures("history", "book")
def test_a_process_that_is_killed_midway_changes_no_bit():
    whole, killed = run("whole"), []

    def kill(replay: Replay) -> None:
        for each in made.processes.all:
            if each.process is not None and len(killed) < 3:
                os.kill(each.process.pid, signal.SIGKILL)
                killed.append(each.process.pid)

    row = control.make("killed", start=DAYS[0], end=DAYS[-1], ticks_per_day=3)
    row.save()
    made = Runner(row, prepare(plan_of(), OPTIONS, 1), OPTIONS, processes=2, say=kill)
    assert made.run().state == "done"
    assert len(set(killed)) == 3
    assert made.replay.sha256 == whole.sha256


@pytest.mark.usefixtures("history", "book")
def test_a_frame_that_ends_every_process_ends_the_replay_with_its_name(monkeypatch):
    monkeypatch.setattr(processes.PricingProcess, "_ask", lambda self, header: b"")
    with pytest.raises(processes.ProcessesEnd, match="3 processes have ended at USD 2024-03-04"):
        run(count=1)
    assert "3 processes have ended" in Replay.objects.get(state="failed").message


@pytest.mark.usefixtures("history", "book")
def test_closes_are_those_of_the_stored_curves_and_stand_in_their_own_market():
    live = FrameClose.objects.create(
        market="live",
        currency="USD",
        date=DAYS[1],
        frame=1,
        as_of=dt.datetime(2024, 3, 5, tzinfo=dt.UTC),
        quotes={},
        labels={},
        fx={},
        sums=b"x",
        sha256="0",
    )
    run("mine")
    rows = FrameClose.objects.filter(market="mine")
    assert rows.count() == 12
    row = rows.get(currency="USD", date=DAYS[3])
    frame = frame_of(row)
    assert frame.curves == {"USD-SOFR": quotes_of(DAYS[3])}
    terms = [
        SwapTerms(
            trade_id=f"S{n}",
            book="B1",
            convention="USD-SOFR-OIS",
            pay_receive=("pay", "receive")[n // 3],
            notional=1_000_000.0 + n,
            effective_date=dt.date(2024, 4, 2),
            termination_date=dt.date(2029 + n, 4, 2),
            fixed_rate=0.04,
        )
        for n in (0, 2, 4)
    ]
    expected = sum(Reference(DAYS[3], frame.curves).values(terms))
    assert sum(cell.npv for cell in frame.cells) == pytest.approx(expected, abs=0.05)
    assert reprice(row, OPTIONS).equal
    live.refresh_from_db()
    assert (bytes(live.sums), live.sha256) == (b"x", "0")
    assert forget(Replay.objects.get(name="mine")) == 12
    assert FrameClose.objects.get() == live


@pytest.mark.usefixtures("history", "book")
def test_nothing_is_sent_to_redis_or_a_queue(settings):
    """With no server there but the database, a replay runs all the same."""
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    settings.KAFKA_BOOTSTRAP_SERVERS = "127.0.0.1:1"
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    assert run().state == "done"


@pytest.mark.usefixtures("history", "book")
def test_pause_resume_seek_stop_and_loop():
    row = control.make("r", start=DAYS[0], end=DAYS[-1], loop=True)
    row.save()
    seen: list[tuple[str, dt.date]] = []
    passes: set[str] = set()
    waits = iter(range(100))

    def say(now: Replay) -> None:
        seen.append((now.state, now.date))
        if len(seen) == 1:
            control.ask("r", wanted="paused")
        if len(seen) == 3:
            control.ask("r", seek=DAYS[1])
        if now.sha256:
            passes.add(now.sha256)
        if len(seen) == 12:
            control.ask("r", wanted="stopped")

    def sleep(seconds: float) -> None:
        if next(waits) == 2:
            assert Replay.objects.get(name="r").state == "paused"
            control.ask("r", wanted="running")

    whole = run("whole", plan=plan_of(ticks_per_day=1)).sha256
    made = Runner(
        row,
        prepare(plan_of(ticks_per_day=1), OPTIONS, 1),
        OPTIONS,
        processes=0,
        say=say,
        sleep=sleep,
    )
    assert made.run().state == "stopped"
    dates = [date for _, date in seen]
    assert dates[3] == DAYS[2]  # two steps a batch, from the day that was sought on
    assert len(seen) == 12
    assert passes == {whole}  # of the pass that began on the first day alone


@pytest.mark.usefixtures("history", "book")
def test_a_stopped_replay_goes_on_from_where_it_was():
    whole = run("whole", plan=plan_of(ticks_per_day=1)).sha256
    row = control.make("r", start=DAYS[0], end=DAYS[-1])
    row.save()
    prepared = prepare(plan_of(ticks_per_day=1), OPTIONS, 1)
    stop = {"say": lambda now: control.ask("r", wanted="stopped")}
    assert Runner(row, prepared, OPTIONS, processes=0, **stop).run().place == 2
    control.ask("r", wanted="running")
    again = Runner(Replay.objects.get(name="r"), prepared, OPTIONS, processes=0).run()
    assert (again.state, again.sha256) == ("done", whole)


@pytest.mark.usefixtures("history", "book")
def test_quotes_that_admit_no_curve_are_a_failed_frame_with_its_reason():
    day = dt.date(2024, 3, 12)
    now = dt.datetime.now(dt.UTC)
    wrong = [Quote(day, "USD-SOFR", t, r) for t, r in {"1D": 0.05, "1W": 0.49, "2W": -0.04}.items()]
    forced = {"forced_reason": "a test of what cannot be"}
    store(wrong, Origin(publisher="test", name="x", label="official", retrieved_at=now, **forced))
    row = control.make("r", start=DAYS[-1], end=day, currencies=["USD"])
    row.save()
    plan = Plan.read(("USD",), DAYS[-1], day)
    found = Runner(row, prepare(plan, OPTIONS, 1), OPTIONS, processes=0).run()
    assert (found.state, found.frames, found.failed) == ("done", 1, 1)
    assert found.first_failure.startswith("USD 2024-03-12T17:00:00+00:00: BOOTSTRAP: ")


@pytest.mark.usefixtures("history", "book")
def test_prices_become_spreads_on_the_first_day_and_a_missing_fixing_is_named(book):
    bond = Bond.objects.create(
        code="T",
        name="T",
        convention="US-TREASURY",
        currency="USD",
        issue_date=dt.date(2022, 11, 15),
        maturity_date=dt.date(2032, 11, 15),
        coupon_rate=Decimal("0.04125"),
        discount_curve="USD-SOFR",
    )
    BondPosition.objects.create(
        trade_id="P1", book=book, bond=bond, face_amount=Decimal(10**6), clean_price=Decimal("98")
    )
    Swap.objects.create(
        trade_id="OLD",
        book=book,
        convention="USD-SOFR-OIS",
        pay_receive="pay",
        notional=Decimal(10**6),
        effective_date=dt.date(2024, 2, 20),
        termination_date=dt.date(2029, 2, 20),
        fixed_rate=Decimal("0.04"),
    )
    assert not Fixing.objects.exists()
    run("r", plan=plan_of(ticks_per_day=1))
    frame = frame_of(FrameClose.objects.get(market="r", currency="USD", date=DAYS[0]))
    (failure,) = frame.failures
    assert (failure.trade_id, failure.code) == ("OLD", "MISSING_FIXING")
    (bonds,) = [cell for cell in frame.cells if cell.product == "bond"]
    # The clean price of 98 and 109 days of accrued interest since 15 November.
    assert bonds.npv == pytest.approx(1e6 * (0.98 + 0.04125 * 110 / 366), rel=2e-3)


@pytest.mark.usefixtures("history", "book")
def test_the_command_runs_lists_and_refuses():
    def command(*words: str) -> str:
        out = io.StringIO()
        call_command("replay_market", *words, stdout=out)
        return out.getvalue()

    days = ("--from", DAYS[0].isoformat(), "--to", DAYS[-1].isoformat())
    text = command("mine", *days, "--workers", "0")
    found = Replay.objects.get()
    assert f"frames   {found.sha256}" in text
    assert "12 frames in" in text
    assert "mine: done, USD, EUR 2024-03-04 to 2024-03-11" in command()
    assert "mine: done" in command("mine", "--seek", DAYS[2].isoformat())
    with pytest.raises(CommandError, match="a day from 2024-03-04"):
        command("mine", "--seek", "2020-01-01")
    with pytest.raises(CommandError, match="replays: mine"):
        command("other", "--pause")
    with pytest.raises(CommandError, match="no close of USD, EUR is stored"):
        command("svb", "--event", "svb-2023")
    with pytest.raises(CommandError, match="small letters"):
        command("live", *days)
    with pytest.raises(CommandError, match="0 to 64"):
        command("mine", *days, "--workers", "-1")
    assert "deleted with 12 closes" in command("mine", "--delete")


@pytest.mark.usefixtures("history", "book")
def test_two_processes_do_not_run_one_replay(monkeypatch):
    row = control.make("r", start=DAYS[0], end=DAYS[-1])
    row.save()
    other = connections["default"].copy()
    try:
        with control.alone(row):
            monkeypatch.setattr(control, "connection", other)
            with pytest.raises(BadInput, match="another process is running it"), control.alone(row):
                pass
    finally:
        other.close()


@pytest.mark.usefixtures("history", "book")
def test_rest_shows_replays_and_asks_one_to_pause(admin_user):
    found = run("mine", plan=plan_of(ticks_per_day=1))
    client = APIClient()
    client.force_authenticate(admin_user)
    (listed,) = client.get("/api/v1/replays/").json()["replays"]
    assert (listed["name"], listed["state"], listed["sha256"]) == ("mine", "done", found.sha256)
    assert (listed["steps"], listed["frames"], listed["failed"]) == (6, 12, 0)
    path = "/api/v1/replays/mine/"
    assert client.patch(path, {"action": "pause"}, format="json").json()["wanted"] == "paused"
    assert client.patch(path, {"seek": "2024-03-06"}, format="json").status_code == 200
    asked = Replay.objects.get()
    assert (asked.wanted, asked.seek) == ("paused", DAYS[2])
    for body, said in (
        ({"seek": "2020-01-01"}, "a day from 2024-03-04 to 2024-03-11"),
        ({"action": "rewind"}, "allowed: pause, resume, stop"),
        ({}, "send"),
        ({"speed": 2}, "speed"),
    ):
        answer = client.patch(path, body, format="json")
        assert answer.status_code == 400
        assert said in str(answer.json())
    assert client.get("/api/v1/replays/other/").status_code == 404


@pytest.mark.usefixtures("history", "book")
def test_rest_gives_the_closes_of_a_replay_as_they_were_stored(admin_user):
    run("mine", plan=plan_of(ticks_per_day=1))
    client = APIClient()
    client.force_authenticate(admin_user)
    answer = client.get("/api/v1/closes/?market=mine&group_by=desk,currency").json()
    assert (answer["market"], answer["days"]) == ("mine", 6)
    assert [day["date"] for day in answer["closes"]] == [day.isoformat() for day in DAYS]
    for day in answer["closes"]:
        rows = FrameClose.objects.filter(market="mine", date=day["date"]).order_by("currency")
        assert [frame["sha256"] for frame in day["frames"]] == [row.sha256 for row in rows]
        npv = {row.currency: sum(cell.npv for cell in frame_of(row).cells) for row in rows}
        assert {group["currency"]: group["npv"] for group in day["groups"]} == npv
    (last,) = client.get("/api/v1/closes/?market=mine&days=1&currency=USD").json()["closes"]
    assert (last["date"], [f["currency"] for f in last["frames"]]) == ("2024-03-11", ["USD"])
    window = "/api/v1/closes/?market=mine&from=2024-03-05&to=2024-03-06"
    assert len(client.get(window).json()["closes"]) == 2
    assert client.get("/api/v1/closes/").json() == {"market": "live", "days": 0, "closes": []}


@pytest.mark.usefixtures("history", "book")
def test_a_trader_reads_closes_of_the_own_desks_alone(django_user_model):
    run("mine", plan=plan_of(ticks_per_day=1))
    trader = django_user_model.objects.create_user("t")
    trader.groups.add(Group.objects.get(name="trader"))
    client = APIClient()
    client.force_authenticate(trader)
    days = client.get("/api/v1/closes/?market=mine").json()["closes"]
    assert [day["groups"] for day in days] == [[]] * 6
    Desk.objects.get(code="D").traders.add(trader)
    days = client.get("/api/v1/closes/?market=mine").json()["closes"]
    assert [len(day["groups"]) for day in days] == [2] * 6


@pytest.mark.usefixtures("history", "book")
def test_closes_that_cannot_be_read_or_asked_for_say_why(admin_user):
    run("mine", plan=plan_of(ticks_per_day=1))
    FrameClose.objects.filter(currency="EUR", date=DAYS[0]).update(sums=b"\x91\x01")
    client = APIClient()
    client.force_authenticate(admin_user)
    day = client.get("/api/v1/closes/?market=mine").json()["closes"][0]
    assert [bool(frame["failure"]) for frame in day["frames"]] == [True, False]
    assert [group["currency"] for group in day["groups"]] == ["USD"]
    for query, said in (
        ("days=401", "allowed: 1 to 400"),
        ("from=2024-03-09&to=2024-03-05", "must not be before from"),
        ("from=9 March", "such as 2024-03-05"),
        ("group_by=desk", "never added unconverted"),
        ("group_by=desk&reporting_currency=NOK", "no FX rate"),
        ("book=B1", "book"),
        ("market=yours", "'yours' is not valid; allowed: live, mine"),
    ):
        answer = client.get(f"/api/v1/closes/?market=mine&{query}")
        assert answer.status_code == 400, query
        assert said in str(answer.json()), query
