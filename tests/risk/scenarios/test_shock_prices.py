"""A shock that is not stored, over REST: as if it were stored, QuantLib's numbers, desks, refusals.

All is real but the queue: the task of the scenarios worker runs where it is sent.
"""

from __future__ import annotations

import csv
import io
from typing import Any

import msgspec
import numpy as np
import pytest
from celery import Celery
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from rest_framework.test import APIClient

from instruments.models import Desk, ScenarioShock
from pricing.curves.quotes import QuoteId
from pricing.reference import Reference
from pricing.scenarios.definition import from_rows, moves_of
from pricing.scenarios.standard import plain, supervisory
from risk.api import previewer, source
from risk.scenarios import tasks, views
from risk.scenarios.inputs import stress_scenarios
from risk.scenarios.messages import ScenarioFrame
from risk.workers import tasks as worker_tasks
from tests.risk.made import DATE, QUOTES, bond, swap
from tests.risk.scenarios.live import maker, publish_books, run

CACHES = (
    *(worker_tasks._frames, worker_tasks._session, tasks._maker, tasks._store),
    *(previewer._waiting_client, source.frames, source.books, views._store),
)
TRADES = [swap("S1"), swap("S2", notional=3e6), bond("P1")]
TILT = [
    {"space": "par", "currency": "USD", "shape": "points", "tenor": "2Y", "move_bp": -40},
    {"space": "par", "currency": "USD", "shape": "points", "tenor": "10Y", "move_bp": "25.5"},
    {"space": "par", "currency": "EUR", "curve": "EUR-ESTR", "shape": "parallel", "move_bp": 30},
]
SENT: list[tuple[str, dict[str, Any]]] = []


@pytest.fixture(autouse=True)
def queue_left_out(
    monkeypatch: pytest.MonkeyPatch, redis_url: str, settings: Any, redis_client: Any
) -> Any:
    settings.REDIS_URL = redis_url
    for made in CACHES:
        made.cache_clear()
    SENT.clear()

    def send(_: Any, name: str, args: list[Any], **options: Any) -> None:
        SENT.append((name, options))
        tasks.price_shock(*args)

    monkeypatch.setattr(Celery, "send_task", send)
    yield
    for made in CACHES:
        made.cache_clear()


@pytest.fixture
def client(admin_user: Any) -> APIClient:
    made = APIClient()
    made.force_authenticate(admin_user)
    return made


def price(client: APIClient, rows: Any, query: str = "", status: int = 200, **more: Any) -> Any:
    body = {"scenario": "tilt", "rows": rows, **more}
    answer = client.post(f"/api/v1/scenarios/price/{query}", body, format="json")
    assert answer.status_code == status, answer.content
    return answer.json()


def parallel(move_bp: float, **more: Any) -> list[dict[str, Any]]:
    return [{"space": "par", "shape": "parallel", "move_bp": move_bp, **more}]


# --- What a run publishes --------------------------------------------------------------------


def test_the_moves_that_are_published_are_those_of_the_definition(redis_client: Any) -> None:
    publish_books(redis_client)
    frame = run(redis_client)
    scenarios = [*plain(), *supervisory()]
    for currency, found in frame.currencies.items():
        keys = [QuoteId(*key) for key in found.keys]
        assert {(k.curve, k.tenor) for k in keys} == {
            (curve, tenor) for curve, rates in QUOTES[currency].items() for tenor in rates
        }
        wanted = moves_of(scenarios, currency, keys, np.frombuffer(found.years))
        for place, scenario in enumerate(scenarios):
            mine = wanted.par if scenario.space == "par" else wanted.zero
            np.testing.assert_allclose(found.moves_bp(place), mine[place] * 1e4, atol=1e-12)
        quotes = np.frombuffer(found.quotes)
        assert quotes.tolist() == [QUOTES[currency][k.curve][k.tenor] for k in keys]
        assert np.abs(np.frombuffer(found.zero_rates) - quotes).max() < 0.01


def test_a_scenario_that_is_not_defined_for_a_currency_moves_nothing_known(
    redis_client: Any,
) -> None:
    publish_books(redis_client)
    made = maker(redis_client)
    (scenario,) = from_rows([(1, {**TILT[0], "scenario": "a", "curve": "", "move_bp": "1"})], "s")
    only = type(scenario)(**{**vars(scenario), "only": frozenset({"USD"})})
    made.load_scenarios = lambda: [only]
    frame = made.run()
    assert frame is not None
    assert np.isnan(frame.currencies["EUR"].moves_bp(0)).all()
    assert np.isfinite(frame.currencies["USD"].moves_bp(0)).all()


def test_a_run_of_a_release_before_is_read_without_moves() -> None:
    fields = {"number": 1, "started_ns": 1, "finished_ns": 2, "worker": "w", "every_s": 5.0}
    one = {
        **{"currency": "USD", "frame": 1, "as_of": "2024-03-05T09:00:00Z", "published_ns": 1},
        **{"valuation_date": "2024-03-05", "book_version": "1", "usd": 1.0, "groups": []},
    }
    lists: dict[str, Any] = {"scenarios": [], "days": [], "tail_days": [], "left_out": {}}
    found = msgspec.convert(
        {**fields, **lists, "kind": "absolute", "currencies": {"USD": one}}, ScenarioFrame
    )
    assert (found.currencies["USD"].keys, found.currencies["USD"].moves) == ([], b"")


# --- Priced on request -----------------------------------------------------------------------


@pytest.mark.django_db
def test_a_shock_has_the_p_and_l_that_it_would_have_if_it_were_stored(
    client: APIClient, redis_client: Any
) -> None:
    publish_books(redis_client)
    found = price(client, TILT)
    assert SENT[0][0] == "risk.scenarios.tasks.price_shock"
    assert SENT[0][1]["queue"] == "scenarios"
    assert not ScenarioShock.objects.exists()
    for number, row in enumerate(TILT):
        ScenarioShock.objects.create(code=f"T-{number}", scenario="tilt", **row)
    made = maker(redis_client)
    made.load_scenarios = stress_scenarios
    frame = made.run()
    assert frame is not None
    assert views._store().publish(frame)
    stored = client.get("/api/v1/scenarios/").json()
    (mine,) = found["scenarios"]
    (theirs,) = [row for row in stored["scenarios"] if row["scenario"] == "tilt"]
    assert mine["pnl"] == pytest.approx(theirs["pnl"], rel=1e-9)
    assert mine["approximation"] == pytest.approx(theirs["approximation"], rel=1e-9)
    assert [group["desk"] for group in mine["groups"]] == ["GOVIES", "RATES"]
    for own, other in zip(mine["groups"], theirs["groups"], strict=True):
        assert own["pnl"] == pytest.approx(other["pnl"], rel=1e-9)
    assert abs(mine["pnl"]) > 1_000.0
    place = [s.name for s in frame.scenarios].index("tilt")
    moves = {(row["curve"], row["tenor"]): row["move_bp"] for row in found["moves"]}
    assert moves == {
        key: move
        for one in frame.currencies.values()
        for key, move in zip(one.keys, one.moves_bp(place).tolist(), strict=True)
    }
    assert moves["USD-SOFR", "1Y"] == pytest.approx(-40.0)
    inputs = {row["currency"]: row for row in found["stamp"]["inputs"]}
    assert inputs["USD"]["frame"] == 1
    assert 0.0 <= inputs["USD"]["age_s"] < 60.0


def test_a_parallel_move_costs_what_it_costs_in_quantlib(
    client: APIClient, redis_client: Any
) -> None:
    publish_books(redis_client)
    (row,) = price(client, parallel(100.0), "?currency=USD")["scenarios"]
    moved = {
        curve: {tenor: rate + 0.01 for tenor, rate in rates.items()}
        for curve, rates in QUOTES["USD"].items()
    }
    now, then = (
        sum(found.npv for found in Reference(DATE, quotes).price(TRADES, ladders=False))
        for quotes in (QUOTES["USD"], moved)
    )
    assert row["pnl"] == pytest.approx(then - now, abs=1e-8 * 5e6)


@pytest.mark.django_db
def test_a_trader_sees_what_it_costs_the_own_desks_alone(redis_client: Any) -> None:
    publish_books(redis_client)
    trader = get_user_model().objects.create_user("tina")
    trader.groups.add(Group.objects.get(name="trader"))
    Desk.objects.create(code="GOVIES", name="Govies").traders.add(trader)
    client = APIClient()
    client.force_authenticate(trader)
    (row,) = price(client, TILT)["scenarios"]
    assert [group["desk"] for group in row["groups"]] == ["GOVIES"]
    assert row["pnl"] == row["groups"][0]["pnl"]
    assert price(client, TILT, "?desk=RATES")["scenarios"] == []


def test_the_moves_are_a_table_of_their_own(client: APIClient, redis_client: Any) -> None:
    publish_books(redis_client)
    answer = client.post(
        "/api/v1/scenarios/price/?format=csv&table=moves&currency=EUR",
        {"scenario": "up", "rows": parallel(5.0)},
        format="json",
    )
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert {row["move_bp"] for row in rows} == {"5.0"}
    assert {row["currency"] for row in rows} == {"EUR"}


def test_what_is_named_and_not_there_is_said(client: APIClient, redis_client: Any) -> None:
    publish_books(redis_client)
    rows = [*parallel(5.0, currency="GBP"), *parallel(5.0, curve="EUR-EURIBOR6M")]
    found = price(client, rows)
    assert {"currency": "GBP", "reason": "no frame of it is published"} in found["excluded"]
    assert found["scenarios"][0]["not_quoted"] == ["EUR-EURIBOR6M"]


def test_before_the_first_frame_nothing_can_be_priced(client: APIClient) -> None:
    assert "no frame has been published" in price(client, TILT, status=422)["detail"]


def test_without_a_worker_the_sentence_names_its_queue(
    client: APIClient, redis_client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Celery, "send_task", lambda *_, **__: None)
    monkeypatch.setattr(previewer, "wait_for_answer", lambda *_: None)
    said = price(client, TILT, status=503)
    assert "--queues scenarios" in said["detail"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "1 to 200 rows"),
        (parallel(1.0) * 201, "1 to 200 rows"),
        ("up", "1 to 200 rows"),
        (["up"], "row 1: an object is needed"),
        ([{**TILT[0], "bp": 1}], "row 1: there is no field 'bp'; allowed: space, currency"),
        ([TILT[0], {**TILT[1], "tenor": "10"}], "row 2, tenor: '10' is not valid; use a number"),
        ([TILT[0], {**TILT[1], "move_bp": 5000}], "row 2, move_bp: '5000' is not valid; basis po"),
        ([{**TILT[0], "move_bp": True}], "row 1, move_bp: True is not valid; a number is needed"),
        ([{**TILT[0], "move_bp": None}], "row 1, move_bp: '' is not valid"),
        ([{**TILT[0], "currency": 5}], "row 1, currency: 5 is not valid; a text is needed"),
        ([{**TILT[0], "currency": "XXX"}], "row 1, currency: 'XXX' is not valid; empty for all"),
        ([{**TILT[0], "curve": "EUR-ESTR"}], "row 1, curve: 'EUR-ESTR' is not valid"),
        ([TILT[0], {**TILT[1], "space": "zero"}], "row 2, space: 'zero' is not valid; par"),
    ],
)
def test_a_bad_row_is_refused_with_its_number_field_and_value(
    client: APIClient, rows: Any, said: str
) -> None:
    assert said in str(price(client, rows, status=400)["errors"]["rows"])
    assert not SENT


def test_a_name_and_parameters_are_checked(client: APIClient) -> None:
    long = price(client, TILT, status=400, scenario="x" * 65)["errors"]["scenario"]
    assert "1 to 64 characters" in str(long)
    assert "group_by" in str(price(client, TILT, "?group_by=trader", status=400)["errors"])
    assert "depth" in str(price(client, TILT, "?depth=1", status=400)["errors"])
    assert "shift" in str(price(client, TILT, status=400, shift=1)["errors"])
