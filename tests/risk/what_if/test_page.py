"""The page What-if against a running web server: preview, proposal, booking, and refusals."""

from __future__ import annotations

from typing import Any

import pytest
import streamlit as st
from django.contrib.auth import get_user_model
from django.test import Client
from streamlit.testing.v1 import AppTest

from dashboard.access import auth
from dashboard.access.login import Web
from instruments.models import Swap, WhatIfSet
from tests.dashboard.conftest import APP, html_rows
from tests.dashboard.test_app import clean, texts

TIMEOUT_S = 30


@pytest.fixture
def session(live_server: Any, compile_and_publish: Any) -> str:
    """A login as browsers have it."""
    compile_and_publish()
    browser = Client()
    browser.force_login(get_user_model().objects.create_superuser("head"))
    return str(browser.cookies["sessionid"].value)


@pytest.fixture
def page(session: str, live_server: Any, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("WEB_URL", live_server.url)
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setattr(auth, "cookie", lambda: session)
    monkeypatch.setattr("dashboard.data.FRESH_S", 0.0)
    st.cache_resource.clear()
    app = AppTest.from_file(str(APP), default_timeout=TIMEOUT_S).run()
    yield clean(app.switch_page("views/what_if.py").run())
    st.cache_resource.clear()


def press(app: AppTest, label: str) -> AppTest:
    (button,) = [each for each in app.button if each.label == label]
    return clean(button.click().run())


def ask(app: AppTest, text: str) -> AppTest:
    app.text_area(key="what_if_text").set_value(text)
    app.text_input(key="what_if_book").set_value("B1")
    return press(app, "Preview")


def test_trades_are_previewed_and_booked_as_previewed(page: AppTest) -> None:
    app = ask(page, "rec 50m USD 10Y 3.85\nterminate S3")
    new, gone = html_rows(app, "What")
    assert new["What"].startswith("Receive 3.85 % fixed against SOFR on USD 50,000,000")
    assert gone["What"] == "Terminate S3"
    assert [row["Sum"] for row in html_rows(app, "Before")] == [
        *("NPV, USD", "DV01, USD", "Gamma, USD", "Theta, USD"),
    ]
    assert not WhatIfSet.objects.exists()
    app.checkbox(key="what-if-sure").check().run()
    app = press(app, "Book")
    assert "was booked" in app.success[0].value
    assert Swap.objects.filter(notional=50_000_000).count() == 1
    assert WhatIfSet.objects.get().status == "booked"
    assert not html_rows(app, "What")


def test_a_line_that_is_not_understood_is_said_on_the_page(page: AppTest) -> None:
    app = ask(page, "rec 50m USD ten")
    assert "entry 1: tenor: 'ten' is not valid" in app.error[0].value


def test_a_proposal_is_taken_over_into_the_preview(page: AppTest) -> None:
    page.text_input(key="what_if_book").set_value("B1")
    app = press(page, "Propose")
    trades = html_rows(app, "Side")
    assert trades
    assert "tolerance" in texts(app)
    app = press(app, "Preview the proposal")
    assert len(html_rows(app, "What")) == len(trades)


def test_a_call_with_a_session_is_let_in_and_one_without_its_secret_is_not(
    session: str, live_server: Any
) -> None:
    """Django's own check against forged requests is on: the secret alone opens it."""
    web = Web(live_server.url)
    body = {"text": "rec 50m USD 10Y 3.85", "book": "B1"}
    answer = web.send("POST", session, "/api/v1/what-if/", body, 20.0)
    assert answer is not None
    assert answer[0] == 200
    headers = {"Cookie": f"sessionid={session}", "Content-Type": "application/json"}
    refused = web._call("POST", "/api/v1/what-if/", 20.0, headers, b"{}")
    assert refused is not None
    assert refused[0] == 403
    assert b"CSRF" in refused[1]
