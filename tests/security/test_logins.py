"""Ways in: a password that is guessed, a token in the wrong place, a form from elsewhere."""

from __future__ import annotations

from typing import Any

import pytest
from axes.models import AccessAttempt
from django.test import Client
from rest_framework.authtoken.models import Token

from instruments.models import Desk
from tests.security.conftest import by_token

LOGIN = "/admin/login/"


@pytest.fixture
def staff(users: dict[str, Any]) -> Any:
    user = users["risk_admin"]
    user.set_password("right-horse-battery")
    user.is_staff = True
    user.save()
    return user


def attempt(client: Client, password: str, **headers: str) -> int:
    body = {"username": "risk_admin", "password": password}
    return client.post(LOGIN, body, **headers).status_code


def test_five_wrong_passwords_lock_the_name_from_that_address(staff: Any) -> None:
    client = Client()
    found = [attempt(client, "wrong") for _ in range(5)]
    assert found[:4] == [200] * 4  # the form again
    assert found[4] == 429
    assert attempt(client, "right-horse-battery") == 429
    assert attempt(client, "right-horse-battery", REMOTE_ADDR="10.9.9.9") == 302
    assert AccessAttempt.objects.exists()  # in the database: for all processes


def test_a_right_password_forgives_the_wrong_ones(staff: Any) -> None:
    client = Client()
    for _ in range(3):
        attempt(client, "wrong")
    assert attempt(client, "right-horse-battery") == 302
    assert [attempt(Client(), "wrong") for _ in range(4)] == [200] * 4


def test_one_address_has_few_tries_a_minute_whatever_the_names(staff: Any, settings: Any) -> None:
    settings.API_RATES = {**settings.API_RATES, "login": 2}
    client = Client()
    found = [
        client.post(LOGIN, {"username": f"user{n}", "password": "x"}).status_code for n in range(3)
    ]
    assert found == [200, 200, 429]


def test_who_is_no_staff_does_not_get_in(users: dict[str, Any]) -> None:
    users["viewer"].set_password("right-horse-battery")
    users["viewer"].save()
    body = {"username": "viewer", "password": "right-horse-battery"}
    answer = Client().post(LOGIN, body)
    assert answer.status_code == 200  # the form again


def test_a_session_needs_the_form_token_on_rest_too(users: dict[str, Any]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(users["risk_admin"])
    answer = client.post("/api/v1/desks/", {"code": "D", "name": "D"}, "application/json")
    assert answer.status_code == 403
    assert "CSRF" in answer.json()["detail"]
    assert not Desk.objects.filter(code="D").exists()


def test_a_token_counts_in_the_header_alone(users: dict[str, Any]) -> None:
    key = Token.objects.create(user=users["viewer"]).key
    client = Client()
    assert client.get(f"/api/v1/swaps/?token={key}").status_code == 401
    assert client.get(f"/api/v1/swaps/?auth_token={key}").status_code == 401
    client.cookies["token"] = key
    assert client.get("/api/v1/swaps/").status_code == 401
    assert (
        client.get("/api/v1/swaps/", headers={"Authorization": f"Token {key}"}).status_code == 200
    )


def test_an_inactive_user_and_a_renewed_token_are_out(users: dict[str, Any]) -> None:
    client = by_token(users["viewer"])
    assert client.get("/api/v1/swaps/").status_code == 200
    users["viewer"].is_active = False
    users["viewer"].save()
    assert client.get("/api/v1/swaps/").status_code == 401
    users["viewer"].is_active = True
    users["viewer"].save()
    Token.objects.all().delete()
    assert client.get("/api/v1/swaps/").status_code == 401


def test_no_address_gives_a_token_for_a_password(client: Any, db: None) -> None:
    for path in ("api/token/", "api/v1/token/", "api/auth/", "api-token-auth/"):
        assert client.post(f"/{path}", {"username": "a", "password": "b"}).status_code == 404
