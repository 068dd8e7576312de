"""A real dashboard that asks a real web: who sees risk on it, and whose."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
from django.contrib.sessions.models import Session
from django.test import Client
from websockets.exceptions import InvalidStatus

from dashboard.access.desks import OwnDesks
from dashboard.access.login import Refusal, Viewer, Web
from dashboard.data import Reader
from dashboard.risk import Choice, ladder, total, trade_counts
from dashboard.views import PAGES
from tests.dashboard import made
from tests.security.screen import Tab, answer, running_dashboard, tab

HOSTILE = "<img src=x onerror=alert(1)>"
LOGIN = "Log in to see risk"
LAST_PANEL = "Biggest movers"
OUT_S = 10.0


@pytest.fixture
def web(live_server: Any, users: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Django's live server; the books of what is published belong to its desks."""
    monkeypatch.setitem(made.DESKS, "B", "RATES")
    monkeypatch.setitem(made.DESKS, "S", "CREDIT")
    return live_server


@pytest.fixture
def published(web: Any, redis_client: Any) -> None:
    made.publish_all(redis_client)


@pytest.fixture
def screen(web: Any, published: None, redis_url: str, tmp_path: Path) -> Iterator[int]:
    with running_dashboard(tmp_path, REDIS_URL=redis_url, WEB_URL=web.url) as port:
        yield port


def session_of(user: Any) -> str:
    client = Client()
    client.force_login(user)
    return client.cookies["sessionid"].value


def shown(port: int, cookie: str, until: str = LAST_PANEL, name: str = "") -> Tab:
    with tab(port, cookie, name) as page:
        page.listen(until, 30)
    return page


def test_each_page_tells_the_browser_where_its_server_is(screen: int) -> None:
    """Otherwise the browser looks below the page first, and reports what it does not find."""
    for name in (row.name for row in PAGES):
        status, text = answer(screen, f"/{name}")
        assert (status, text.count("BACKEND_BASE_URL")) == (200, 1), name


# --- Who gets in -----------------------------------------------------------------------------


def test_only_a_session_of_a_user_with_a_role_gets_more_than_a_sentence(
    screen: int, users: dict[str, Any]
) -> None:
    page = shown(screen, "", LOGIN, "trades")  # of a process that nobody has asked before
    assert page.heard("/accounts/login/?next=/dashboard/trades/")
    gone = session_of(users["viewer"])
    Session.objects.filter(pk=gone).delete()
    for cookie in ("", "z" * 32, gone, f"{gone}\x20x"):
        page = shown(screen, cookie, LOGIN)
        assert page.heard("/accounts/login/?next=/dashboard/")
        assert not page.heard("USD")
    page = shown(screen, session_of(users["nobody"]), "no role that may read risk")
    assert not page.heard("USD")
    for name in ("viewer", "both", "risk_admin", "superuser"):
        page = shown(screen, session_of(users[name]))
        assert page.heard("$21.9k")
        assert page.heard("CREDIT")


def test_nothing_of_another_desk_goes_over_the_wire_to_a_trader(
    screen: int, users: dict[str, Any]
) -> None:
    page = shown(screen, session_of(users["trader"]))
    assert page.heard("$21.0k")  # 1,000 + 2 x 2,000 + 4 x 4,000
    assert page.heard("USD-bond")
    for name in ("CREDIT", "-swap", "$21.9k", "$900"):
        assert not page.heard(name), name


# --- Who is put out --------------------------------------------------------------------------


def test_an_open_page_closes_soon_after_logout_deactivation_and_a_new_password(
    screen: int, users: dict[str, Any]
) -> None:
    """Three open pages at once, for each takes seconds; the fourth one stays."""
    names = ("viewer", "both", "trader", "superuser")
    cookies = {name: session_of(users[name]) for name in names}
    with ExitStack() as stack:
        pages = {name: stack.enter_context(tab(screen, cookies[name])) for name in names}
        for page in pages.values():
            page.listen(LAST_PANEL, 30)
        Session.objects.filter(pk=cookies["viewer"]).delete()
        users["both"].is_active = False
        users["both"].save()
        users["trader"].set_password("another-battery-horse")
        users["trader"].save()
        for name in names[:3]:
            pages[name].listen(LOGIN, OUT_S)
            pages[name].sent.clear()
        pages["superuser"].listen("NPV", OUT_S)
        for name in names[:3]:
            pages[name].listen(None, 2.5)
            assert not pages[name].heard("USD"), name


def test_a_desk_taken_away_is_off_the_page_soon(
    screen: int, users: dict[str, Any], desks: dict[str, Any]
) -> None:
    with tab(screen, session_of(users["trader"])) as page:
        page.listen(LAST_PANEL, 30)
        desks["RATES"].traders.remove(users["trader"])
        page.listen("no desk yet", OUT_S)
        page.sent.clear()
        page.listen("None of your desks has a trade", OUT_S)
        assert not page.heard("USD-bond")


# --- Web away --------------------------------------------------------------------------------


def test_without_web_nobody_gets_in(
    web: Any, published: None, users: dict[str, Any], redis_url: str, tmp_path: Path
) -> None:
    with running_dashboard(tmp_path, REDIS_URL=redis_url, WEB_URL="http://127.0.0.1:1") as port:
        page = shown(port, session_of(users["viewer"]), "The web process does not answer")
        assert not page.heard("USD")


# --- What web says ---------------------------------------------------------------------------


def test_web_says_of_each_user_what_rest_holds_the_user_to(
    web: Any, users: dict[str, Any], settings: Any
) -> None:
    asked = {name: Web(web.url).ask(session_of(user)) for name, user in users.items() if user}
    assert asked["nobody"] is Refusal.NO_ROLE
    assert asked["trader"] == Viewer(user="trader", roles=("trader",), desks=frozenset({"RATES"}))
    assert all(isinstance(asked[name], Viewer) for name in ("viewer", "both", "risk_admin"))
    settings.API_RATES = {**settings.API_RATES, "anonymous": 1}
    wrong = [Web(web.url).ask("z" * 32) for _ in range(3)]
    assert wrong == [Refusal.NO_LOGIN] * 3  # the last ones by the brake
    assert isinstance(Web(web.url).ask(session_of(users["viewer"])), Viewer)


@pytest.mark.parametrize("name", ["viewer", "trader"])
def test_the_screen_adds_up_what_rest_adds_up(
    web: Any, published: None, users: dict[str, Any], redis_url: str, name: str
) -> None:
    cookie = session_of(users[name])
    viewer = Web(web.url).ask(cookie)
    assert isinstance(viewer, Viewer)
    reader = Reader(redis_url)
    source = reader if viewer.desks is None else OwnDesks(reader, viewer.desks)
    markets, choice = list(source.snapshot().markets.values()), Choice(tuple(made.KEYS))
    said = requests.get(
        f"{web.url}/api/v1/risk/portfolio/?group_by=desk,currency&reporting_currency=USD",
        cookies={"sessionid": cookie},
        timeout=20,
    )
    groups = said.json()["groups"]
    assert {g["desk"] for g in groups} == ({"RATES", "CREDIT"} if name == "viewer" else {"RATES"})
    for measure in ("npv", "dv01_par", "dv01_zero", "gamma", "pv01"):
        assert total(markets, choice, measure) == pytest.approx(sum(g[measure] for g in groups))
    assert trade_counts(markets, choice)[0] == sum(g["trades"] for g in groups)
    krd = sum(v for g in groups for curve in g["krd"].values() for v in curve.values())
    assert sum(ladder(markets, choice, "krd").net) == pytest.approx(krd)
    trades = requests.get(
        f"{web.url}/api/v1/risk/trades/", cookies={"sessionid": cookie}, timeout=20
    ).json()["results"]
    tables = [source.trades(market) for market in markets]
    rows = sorted(trade for found in tables if found for trade in found.table["trade"])
    assert rows == sorted(trade["trade_id"] for trade in trades)


# --- The server itself -----------------------------------------------------------------------


def test_the_server_keeps_to_its_settings(screen: int, users: dict[str, Any]) -> None:
    cookie = session_of(users["viewer"])
    for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
        with pytest.raises(InvalidStatus), tab(screen, cookie, **headers):
            pass
    for path in ("/_stcore/agent/interact", "/_stcore/agent/mcp"):
        assert answer(screen, path)[0] in (403, 404, 405), path
    assert "st.navigation" not in answer(screen, "/app/static/app.py")[1]


def test_a_desk_that_is_html_reaches_the_browser_as_text(
    web: Any,
    redis_client: Any,
    users: dict[str, Any],
    desks: dict[str, Any],
    redis_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    type(desks["RATES"]).objects.filter(code="RATES").update(code=HOSTILE)  # past the model's rule
    monkeypatch.setitem(made.DESKS, "B", HOSTILE)
    made.publish_all(redis_client)
    with running_dashboard(tmp_path, REDIS_URL=redis_url, WEB_URL=web.url) as port:
        page = shown(port, session_of(users["trader"]))
    assert page.heard("desk &lt;img src=x")
    assert page.heard(HOSTILE)  # in a table and a chart, which draw it
    bodies = [message for message in page.sent if b"<div" in message or b"<span" in message]
    assert bodies
    assert not [message for message in bodies if HOSTILE.encode() in message]
