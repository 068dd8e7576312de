"""Scenarios of users: rows by file, REST and admin, and what becomes of them in a run."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command

from instruments.models import ScenarioShock
from risk.scenarios.inputs import stress_scenarios

HEAD = "code,scenario,space,currency,curve,shape,tenor,move_bp\n"
pytestmark = pytest.mark.django_db


def shock(**changes) -> ScenarioShock:
    usual = {
        "code": "OIL-1",
        "scenario": "Oil shock",
        "space": "par",
        "currency": "USD",
        "shape": "points",
        "tenor": "2Y",
        "move_bp": 40,
    }
    return ScenarioShock(**{**usual, **changes})


def load(tmp_path, text: str) -> str:
    file = tmp_path / "scenario_shocks.csv"
    file.write_text(HEAD + text)
    said = StringIO()
    call_command("load_instruments", str(file), stdout=said, stderr=said)
    return said.getvalue()


def test_a_file_makes_a_scenario_of_the_next_run(tmp_path):
    load(tmp_path, "A-1,Oil shock,par,USD,,points,2Y,40\nA-2,Oil shock,par,USD,,points,10Y,15\n")
    made = next(one for one in stress_scenarios() if one.name == "Oil shock")
    assert made.set_name == "user"
    assert made.space == "par"
    assert len(made.shocks) == 1  # two points of one line
    assert ScenarioShock.objects.get(code="A-1").history.count() == 1


def test_a_row_may_move_the_spread_of_a_basis_quote(tmp_path):
    load(tmp_path, "B-1,Basis,par,EUR,EUR-EURIBOR3M,key_rate,BASIS-EURIBOR6M-10Y,5\n")
    made = next(one for one in stress_scenarios() if one.name == "Basis")
    assert [shock.tenor for shock in made.shocks] == ["BASIS-EURIBOR6M-10Y"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"tenor": "ten"}, "tenor"),
        ({"tenor": ""}, "tenor"),
        ({"shape": "parallel"}, "tenor"),
        ({"currency": "XXX"}, "currency"),
        ({"curve": "EUR-ESTR"}, "curve"),
        ({"move_bp": 5000}, "move_bp"),
        ({"code": "a b"}, "code"),
    ],
)
def test_a_bad_row_is_refused_at_its_field(changes, field):
    with pytest.raises(ValidationError) as caught:
        shock(**changes).full_clean()
    assert list(caught.value.message_dict) == [field]


def test_a_scenario_is_in_one_space():
    shock().save()
    with pytest.raises(ValidationError, match="other rows of 'Oil shock' are in it"):
        shock(code="OIL-2", space="zero", tenor="10Y").full_clean()


def test_rest_adds_lists_and_refuses(admin_client):
    row = {"code": "R-1", "scenario": "S", "space": "par", "shape": "parallel", "move_bp": 25}
    path = "/api/v1/scenario-shocks/"
    assert admin_client.post(path, row, content_type="application/json").status_code == 201
    assert admin_client.get(path).json()["results"][0]["scenario"] == "S"
    bad = admin_client.post(path, {**row, "code": "R-2", "space": "yield"}, "application/json")
    assert bad.status_code == 400
    assert "space" in bad.json()["errors"]
