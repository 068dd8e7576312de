"""The panel of a shock against a running web server: priced, saved, and refused to a viewer.

All is real but the queue: the task of the scenarios worker runs where it is sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any

import pytest
import streamlit as st
from celery import Celery
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client
from streamlit.testing.v1 import AppTest

from dashboard.access import auth
from dashboard.scenarios import shock_panel
from instruments.models import ScenarioShock
from risk.scenarios import tasks
from risk.scenarios.inputs import stress_scenarios
from risk.scenarios.store import ScenarioStore
from tests.dashboard.conftest import APP, html_rows
from tests.dashboard.test_app import clean, texts
from tests.risk.scenarios.live import maker, publish_books, run
from tests.risk.scenarios.test_shock_prices import CACHES

TIMEOUT_S = 30
Open = Callable[..., AppTest]


@pytest.fixture
def open_page(
    live_server: Any,
    redis_url: str,
    redis_client: Any,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Open]:
    """Opens the page with the own shock chosen, for a superuser or a user of some roles."""
    settings.REDIS_URL = redis_url
    for made in CACHES:
        made.cache_clear()
    publish_books(redis_client)
    ScenarioStore(redis_client).publish(run(redis_client))
    monkeypatch.setattr(Celery, "send_task", lambda _, __, args, **___: tasks.price_shock(*args))
    monkeypatch.setenv("WEB_URL", live_server.url)
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setattr("dashboard.data.FRESH_S", 0.0)
    st.cache_resource.clear()

    def page(*roles: str) -> AppTest:
        users = get_user_model().objects
        user = users.create_user("vera") if roles else users.create_superuser("head")
        user.groups.set(Group.objects.filter(name__in=roles))
        browser = Client()
        browser.force_login(user)
        monkeypatch.setattr(auth, "cookie", lambda: str(browser.cookies["sessionid"].value))
        app = AppTest.from_file(str(APP), default_timeout=TIMEOUT_S).run()
        app = clean(app.switch_page("views/scenarios.py").run())
        return clean(app.selectbox(key="shock").set_value(shock_panel.OWN).run())

    yield page
    st.cache_resource.clear()
    for made in CACHES:
        made.cache_clear()


def press(app: AppTest, key: str) -> AppTest:
    return clean(app.button(key=key).click().run())


def named(app: AppTest, name: str) -> AppTest:
    return clean(app.text_input(key="shock-name").set_value(name).run())


def shock_rows(app: AppTest) -> dict[str, str]:
    """The table of the priced shock, the only one with these two columns."""
    html = [str(element.proto.body) for element in app.get("html")]
    (table,) = [text for text in html if ">Desk<" in text and ">P&amp;L<" in text]
    cells = re.findall(r"<td [^>]*>(.*?)</td>", table)
    return {unescape(cells[n]): cells[n + 1] for n in range(0, len(cells), 4)}


def test_an_own_shock_is_priced_by_desk_and_saved_for_the_next_run(
    open_page: Open, redis_client: Any
) -> None:
    app = press(open_page(), "shock-price")
    assert not ScenarioShock.objects.exists()
    assert "USD frame 1 of" in texts(app)
    assert "all currencies, all products, your desks" in texts(app)
    priced = shock_rows(app)
    assert set(priced) == {"Total", "GOVIES", "RATES"}
    assert all(amount.startswith(("+$", "-$")) for amount in priced.values())
    app = press(named(app, "Oil shock"), "shock-save")
    assert "the next run includes it" in app.success[0].value
    assert "has been changed" not in texts(app)
    rows = ScenarioShock.objects.order_by("code")
    assert [(row.scenario, row.tenor, float(row.move_bp)) for row in rows] == [
        ("Oil shock", "2Y", -25.0),
        ("Oil shock", "10Y", 25.0),
    ]
    made = maker(redis_client)
    made.load_scenarios = stress_scenarios
    frame = made.run()
    assert frame is not None
    assert ScenarioStore(redis_client).publish(frame)
    app = clean(app.run())
    assert "Oil shock (user)" in app.selectbox(key="shock").options
    (stored,) = [row for row in html_rows(app, "Set") if row["Scenario"] == "Oil shock"]
    assert stored["Total"] == priced["Total"]
    app = press(app, "shock-save")
    assert "choose another name" in app.error[0].value


def test_a_viewer_may_price_and_reads_why_saving_is_refused(open_page: Open) -> None:
    app = press(open_page("viewer"), "shock-price")
    assert shock_rows(app)["Total"].startswith(("+$", "-$"))
    app = press(named(app, "Oil shock"), "shock-save")
    assert "risk_admin" in app.error[0].value
    assert not ScenarioShock.objects.exists()
