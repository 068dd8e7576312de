"""Ways in: a password that is guessed, a token in the wrong place, a form from elsewhere."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import clear_url_caches
from knox.models import AuthToken

from instruments.models import Desk
from riskproject import urls
from tests.security.conftest import by_token

LOGIN = "/admin/login/"
EVERYONES = "/accounts/login/"


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


def test_a_right_login_without_staff_status_is_told_why(staff: Any) -> None:
    staff.is_staff = False
    staff.save()
    body = {"username": "risk_admin", "password": "right-horse-battery"}
    assert "staff status" in Client().post(LOGIN, body).content.decode()
    assert "staff status" not in Client().post(LOGIN, body | {"password": "wrong"}).content.decode()


def test_who_is_logged_in_without_staff_status_is_told_why(staff: Any) -> None:
    staff.is_staff = False
    staff.save()
    client = Client()
    client.force_login(staff, "django.contrib.auth.backends.ModelBackend")
    page = client.get("/admin/", follow=True).content.decode()
    assert "staff status" in page
    assert "To the dashboard" in page
    assert "staff status" not in Client().get("/admin/", follow=True).content.decode()


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
        client.post(page, {"username": f"user{n}", "password": "x"}).status_code
        for n, page in enumerate((LOGIN, EVERYONES, LOGIN, EVERYONES))
    ]
    assert found == [200, 200, 429, 429]


def test_a_locked_name_is_locked_on_both_pages(staff: Any) -> None:
    client = Client()
    for _ in range(5):
        attempt(client, "wrong")
    body = {"username": "risk_admin", "password": "right-horse-battery"}
    assert client.post(EVERYONES, body).status_code == 429


# --- What a person reads in a browser ---------------------------------------------------------


def is_page(answer: Any, status: int, text: str) -> bool:
    """It is a page in the look of the login, which says so, and has a way on."""
    page = answer.content.decode()
    return (
        answer.status_code == status
        and answer.headers["Content-Type"].startswith("text/html")
        and text in page
        and "| Live Risk</title>" in page
        and "<a href=" in page
        and "--background" in page
    )


def test_a_login_that_is_refused_is_told_when_to_try_again(staff: Any, settings: Any) -> None:
    client = Client()
    body = {"username": "risk_admin", "password": "wrong"}
    found = [client.post(EVERYONES, body) for _ in range(5)][-1]
    assert is_page(found, 429, "Too many wrong passwords for this user name")
    assert "try again in 15 minutes" in found.content.decode()
    assert found.headers["Retry-After"] == "900"
    settings.API_RATES = {**settings.API_RATES, "login": 1}
    found = [client.post(EVERYONES, body | {"username": f"u{n}"}) for n in range(2)][-1]
    assert is_page(found, 429, "Too many logins from this address: try again in")
    assert 0 < int(found.headers["Retry-After"]) <= 61


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/nowhere/<script>/", 404, "There is no page /nowhere/&lt;script&gt;/ here."),
        ("/admin/nowhere/", 404, "There is no page /admin/nowhere/ here."),
    ],
)
def test_an_address_without_a_page_says_so(
    staff: Any, settings: Any, path: str, status: int, text: str
) -> None:
    settings.DEBUG = False
    client = Client()
    client.force_login(staff, "django.contrib.auth.backends.ModelBackend")
    assert is_page(client.get(path), status, text)


def test_a_page_that_fails_or_is_not_one_s_own_says_so(
    staff: Any, settings: Any, monkeypatch: Any
) -> None:
    settings.DEBUG = False
    client = Client(raise_request_exception=False)
    client.force_login(staff, "django.contrib.auth.backends.ModelBackend")
    monkeypatch.setattr("riskproject.web.accounts.dashboard_url", lambda request: 1 / 0)
    assert is_page(client.get("/dashboard/"), 500, "its log has the reason")

    def forbid(request: Any) -> str:
        raise PermissionDenied

    monkeypatch.setattr("riskproject.web.accounts.dashboard_url", forbid)
    assert is_page(client.get("/dashboard/"), 403, "You may not see this page")


def test_a_form_from_elsewhere_is_refused_with_a_page() -> None:
    answer = Client(enforce_csrf_checks=True).post(EVERYONES, {"username": "x", "password": "x"})
    assert is_page(answer, 403, "its page has expired")


# --- On to the dashboard ---------------------------------------------------------------------


def test_who_is_no_staff_logs_in_for_the_dashboard_and_lands_on_its_page(
    users: dict[str, Any],
) -> None:
    users["viewer"].set_password("right-horse-battery")
    users["viewer"].save()
    client = Client()
    asked = client.get("/dashboard/trades/")
    assert asked["Location"] == "/accounts/login/?next=/dashboard/trades/"
    body = {"username": "viewer", "password": "right-horse-battery", "next": "/dashboard/trades/"}
    assert client.post(asked["Location"], body)["Location"] == "/dashboard/trades/"
    there = client.get("/dashboard/trades/", headers={"Host": "127.0.0.1:8000"})
    assert there["Location"] == "http://127.0.0.1:8501/trades"


@pytest.mark.parametrize("elsewhere", ["http://evil.example/", "//evil.example/", "javascript:x"])
def test_a_login_leads_nowhere_else(users: dict[str, Any], elsewhere: str) -> None:
    users["viewer"].set_password("right-horse-battery")
    users["viewer"].save()
    body = {"username": "viewer", "password": "right-horse-battery", "next": elsewhere}
    assert Client().post(EVERYONES, body)["Location"] == "/dashboard/"


@pytest.mark.parametrize(
    ("configured", "called", "expected"),
    [
        ("http://127.0.0.1:8501", "localhost:8000", "http://localhost:8501/"),
        ("http://127.0.0.1:8501/", "[::1]:8000", "http://[::1]:8501/"),
        ("https://risk.example.com/screen", "localhost", "https://risk.example.com/screen/"),
    ],
)
def test_on_this_machine_the_dashboard_keeps_the_name_of_the_login(
    users: dict[str, Any], settings: Any, configured: str, called: str, expected: str
) -> None:
    settings.DASHBOARD_URL = configured
    client = Client()
    client.force_login(users["viewer"])
    assert client.get("/dashboard/", headers={"Host": called})["Location"] == expected


def test_the_form_may_end_at_the_dashboard_and_nowhere_else(db: None) -> None:
    policy = Client().get(EVERYONES, headers={"Host": "127.0.0.1"})["Content-Security-Policy"]
    assert "form-action 'self' http://127.0.0.1:8501;" in policy
    assert "script-src 'self'" in policy


def test_the_login_page_lets_out_who_is_in(users: dict[str, Any]) -> None:
    client = Client()
    client.force_login(users["viewer"])
    assert "Log out" in client.get(EVERYONES).content.decode()
    assert client.get("/accounts/logout/").status_code == 405
    assert client.post("/accounts/logout/")["Location"] == EVERYONES
    assert client.get("/api/v1/session/").status_code == 401


# --- Who it is -------------------------------------------------------------------------------


def test_a_session_says_who_it_is_and_which_desks_it_reads(users: dict[str, Any]) -> None:
    expected: dict[str, tuple[list[str], list[str] | None]] = {
        "viewer": (["viewer"], None),
        "trader": (["trader"], ["RATES"]),
        "both": (["trader", "viewer"], None),
        "superuser": (["risk_admin", "trader", "viewer"], None),  # may do what each of them may
    }
    for name, (roles, desks) in expected.items():
        client = Client()
        client.force_login(users[name])
        answer = client.get("/api/v1/session/")
        who = users[name].get_username()
        assert answer.json() == {"user": who, "roles": roles, "desks": desks}
        assert answer["Cache-Control"] == "no-store"


def test_who_has_used_up_a_minutes_calls_is_still_known(
    users: dict[str, Any], settings: Any
) -> None:
    settings.API_RATES = {**settings.API_RATES, "user": 1}
    client = by_token(users["viewer"])
    found = [client.get("/api/v1/swaps/").status_code for _ in range(2)]
    assert found == [200, 429]
    assert client.get("/api/v1/session/").status_code == 200


def test_in_production_the_dashboard_asks_without_tls_and_all_else_is_sent_to_it(
    users: dict[str, Any], settings: Any
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert Client().get("/api/v1/session/").status_code == 401
    for path in ("/api/v1/swaps/", "/accounts/login/", "/dashboard/"):
        assert Client().get(path)["Location"].startswith("https://")


# --- Without the admin -----------------------------------------------------------------------


def test_without_the_admin_its_pages_are_404_and_logins_work(
    users: dict[str, Any], settings: Any, without_admin: None
) -> None:
    users["viewer"].set_password("right-horse-battery")
    users["viewer"].save()
    for path in ("/admin/", "/admin/login/", "/admin/instruments/swap/"):
        assert Client().get(path).status_code == 404
    body = {"username": "viewer", "password": "right-horse-battery"}
    assert Client().post(EVERYONES, body)["Location"] == "/dashboard/"


@pytest.fixture
def without_admin(settings: Any) -> Iterator[None]:
    """The addresses as a process makes them that starts with ADMIN_ENABLED=False."""
    settings.ADMIN_ENABLED = False
    importlib.reload(urls)
    clear_url_caches()
    yield
    settings.ADMIN_ENABLED = True
    importlib.reload(urls)
    clear_url_caches()


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
    key = AuthToken.objects.create(user=users["viewer"])[1]
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
    AuthToken.objects.all().delete()
    assert client.get("/api/v1/swaps/").status_code == 401


def test_no_address_gives_a_token_for_a_password(client: Any, db: None) -> None:
    for path in ("api/token/", "api/v1/token/", "api/auth/", "api-token-auth/"):
        assert client.post(f"/{path}", {"username": "a", "password": "b"}).status_code == 404


@pytest.mark.parametrize(
    "key", ["x" * 1_000, "\xff" * 20, "a b", "", "\xe9", "Token", "x" * 255], ids=range(7)
)
def test_what_is_no_token_is_refused_like_a_wrong_one(users: dict[str, Any], key: str) -> None:
    headers = {"Authorization": f"Token {key}"}
    answer = Client(raise_request_exception=False).get("/api/v1/swaps/", headers=headers)
    assert answer.status_code == 401


def test_the_admin_shows_a_token_once_and_lists_only_its_beginning(users: dict[str, Any]) -> None:
    client = Client()
    client.force_login(users["superuser"], "django.contrib.auth.backends.ModelBackend")
    pages = "/admin/knox/authtoken/"
    answer = client.post(f"{pages}add/", {"user": users["viewer"].pk}, follow=True)
    found = re.search(r"shown only this once: ([0-9a-f]{64})", answer.content.decode())
    assert found is not None
    api = {"Authorization": f"Token {found[1]}"}
    assert Client().get("/api/v1/swaps/", headers=api).status_code == 200
    stored = AuthToken.objects.get()
    assert found[1] not in str(vars(stored))
    for address in (pages, f"{pages}{stored.pk}/change/"):
        page = client.get(address).content.decode()
        assert found[1][:6] in page
        assert found[1][:15] not in page
