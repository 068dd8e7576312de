"""Answers over REST: arithmetic by hand on the published P&Ls, desk rules, and refusals."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from rest_framework.test import APIClient

from instruments.models import Desk
from risk.api import source
from risk.scenarios import answers, views
from risk.scenarios.store import ScenarioStore
from tests.risk.scenarios.live import publish_books, run


@pytest.fixture
def client(redis_client, redis_url, settings, admin_user):
    settings.REDIS_URL = redis_url
    source.frames.cache_clear()
    views._store.cache_clear()
    made = APIClient()
    made.force_authenticate(admin_user)
    return made


@pytest.fixture
def frame(client, redis_client):
    publish_books(redis_client)
    made = run(redis_client)
    ScenarioStore(redis_client).publish(made)
    return made


def get(client, path, status=200):
    answer = client.get(f"/api/v1/{path}")
    assert answer.status_code == status, answer.content
    return answer.json()


def in_usd(frame):
    """P&L of each group by day, converted; desk of each."""
    rows, desks = [], []
    for found in frame.currencies.values():
        rows += list(found.matrix(found.historical) * found.usd)
        desks += [group.desk for group in found.groups]
    return np.array(rows), desks


def test_before_the_first_run_the_answer_says_what_to_start(client):
    for path in ("var/", "scenarios/"):
        assert "--queues scenarios" in get(client, path, 503)["detail"]


def test_value_at_risk_is_counted_by_hand(client, frame):
    rows, desks = in_usd(frame)
    total = rows.sum(axis=0)
    worst = np.argsort(total)
    found = get(client, "var/?level=95,97.5")
    by_level = {row["level"]: row for row in found["total"]["levels"]}
    assert by_level["95"]["var"] == pytest.approx(-total[worst[2]])  # ceil(60 x 0.05) = 3
    assert by_level["95"]["expected_shortfall"] == pytest.approx(-total[worst[:3]].mean())
    assert by_level["97.5"]["var"] == pytest.approx(-total[worst[1]])  # ceil(1.5) = 2
    assert [day["date"] for day in by_level["95"]["tail"]] == [
        frame.days[place].isoformat() for place in worst[:3]
    ]
    rates = np.array([rows[[d == desk for d in desks]].sum(axis=0) for desk in ("GOVIES", "RATES")])
    for number, group in enumerate(found["groups"]):
        level = group["levels"][0]
        assert level["var"] == pytest.approx(-np.sort(rates[number])[2])
        component = -rates[number][worst[:3]].mean()
        assert level["component_expected_shortfall"] == pytest.approx(component)
    parts = sum(g["levels"][0]["component_expected_shortfall"] for g in found["groups"])
    assert parts == pytest.approx(by_level["95"]["expected_shortfall"])
    assert len(found["days"]) == 60


def test_an_answer_names_its_frames_history_and_age(client, frame):
    found = get(client, "var/")
    assert {row["currency"]: row["frame"] for row in found["stamp"]["inputs"]} == {
        "USD": 1,
        "EUR": 1,
    }
    assert found["stamp"]["number"] == frame.number
    assert found["history"]["first_day"] == frame.days[0].isoformat()
    assert found["history"]["moves"] == "absolute"


def test_amounts_are_in_the_reporting_currency(client, frame):
    usd, eur = get(client, "var/")["total"], get(client, "var/?reporting_currency=EUR")["total"]
    assert eur["levels"][0]["var"] == pytest.approx(usd["levels"][0]["var"] / 1.1)


def test_stress_totals_are_the_sums_of_their_groups(client, frame):
    found = get(client, "scenarios/?group_by=book")
    assert len(found["scenarios"]) == len(frame.scenarios)
    for row in found["scenarios"]:
        assert row["pnl"] == pytest.approx(sum(group["pnl"] for group in row["groups"]))
        assert row["approximation"]["delta"] is not None
    supervisory = [row for row in found["scenarios"] if row["set"] == "EU 2024/856"]
    assert len(supervisory) == 6
    assert all("2024/856" in row["source"] for row in supervisory)


def test_a_scenario_without_a_pnl_in_a_currency_has_no_total_and_says_why(client, frame):
    usd = frame.currencies["USD"]
    table = usd.matrix(usd.stress).copy()
    table[:, 0] = np.nan
    changed = msgspec.structs.replace(
        usd, stress=table.tobytes(), stress_reasons={0: "no curve at these quotes"}
    )
    made = msgspec.structs.replace(frame, currencies={**frame.currencies, "USD": changed})
    row = answers.stress(made, answers.Scope(), "currency")["scenarios"][0]
    assert row["pnl"] is None
    assert row["reasons"] == {"USD": "no curve at these quotes"}
    assert {g["currency"]: g["pnl"] is None for g in row["groups"]} == {"USD": True, "EUR": False}


@pytest.mark.django_db
def test_a_trader_gets_totals_components_and_tails_of_own_desks_alone(client, frame):
    trader = get_user_model().objects.create_user("tina")
    trader.groups.add(Group.objects.get(name="trader"))
    Desk.objects.create(code="GOVIES", name="Govies").traders.add(trader)
    client.force_authenticate(trader)
    rows, desks = in_usd(frame)
    own = rows[[desk == "GOVIES" for desk in desks]].sum(axis=0)
    found = get(client, "var/")
    assert found["total"]["levels"][0]["var"] == pytest.approx(-own.min())
    assert [group["desk"] for group in found["groups"]] == ["GOVIES"]
    assert get(client, "var/?desk=RATES")["total"] is None
    stress = get(client, "scenarios/")
    assert [group["desk"] for group in stress["scenarios"][0]["groups"]] == ["GOVIES"]
    narrowed = answers.narrowed(frame, {"GOVIES"})
    whole = answers.value_at_risk(frame, answers.Scope(desks={"GOVIES"}), now_s=0.0)
    assert answers.value_at_risk(narrowed, answers.Scope(), now_s=0.0)["total"] == whole["total"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("level=101", "percent from 50 to below 100"),
        ("level=ninety", "percent from 50 to below 100"),
        ("group_by=trader", "allowed: desk, book, currency, type"),
        ("currency=XXX", "allowed: "),
        ("depth=3", "depth"),
        ("reporting_currency=GBP", "no exchange rate of GBP"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_what_is_allowed(client, frame, query, said):
    assert said in str(get(client, f"var/?{query}", 400))
