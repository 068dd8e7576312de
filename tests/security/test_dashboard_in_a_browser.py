"""The dashboard in a real browser: a tick stays with its trade, and no number is cut off."""

from __future__ import annotations

import importlib.util
import re
import time
from collections.abc import Callable
from typing import Any, Literal

import pytest
import redis
from django.test import Client
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect

from dashboard.views import PAGES
from risk.scenarios.store import ScenarioStore
from tests import not_run
from tests.dashboard import made
from tests.dashboard.test_shocks import raw, run
from tests.security.screen import running_dashboard

GRID = "[data-testid=stDataFrame] >> nth=0"
HEADER_PX, ROW_PX, BOX_PX = 32, 28, 16
NPV_X, NPV_COLUMN, STEP_PX, MOST_CLICKS = 420, 5, 25, 40
TITLES = ("Trade", "Ccy", "Desk", "Book", "Product", "NPV", "P%26L+today")
COLUMNS = "&".join(f"columns={title}" for title in TITLES)
REFRESHES = 10
PATIENCE_MS = 30_000
"""Of a browser on a busy machine, for what a refresh brings."""
CUT_OFF = "cells => cells.filter(c => c.scrollWidth > c.clientWidth).map(c => c.innerText)"


@pytest.fixture
def page(
    live_server: Any,
    users: dict[str, Any],
    redis_client: redis.Redis,
    redis_url: str,
    browser: Browser,
    tmp_path: Any,
) -> Any:
    """A tab of a user who sees all desks, logged in; frames of three currencies are there."""
    made.publish_all(redis_client)
    client = Client()
    client.force_login(users["risk_admin"])
    session = client.cookies["sessionid"].value
    with running_dashboard(tmp_path, REDIS_URL=redis_url, WEB_URL=live_server.url) as port:
        context = browser.new_context(base_url=f"http://127.0.0.1:{port}")
        cookie = {"name": "sessionid", "value": session, "url": f"http://127.0.0.1:{port}"}
        context.add_cookies([cookie])
        tab = context.new_page()
        tab.set_default_timeout(PATIENCE_MS)
        yield tab
        context.close()


@pytest.fixture
def axe() -> Callable[[Page], list[dict[str, Any]]]:
    """Runs axe-core on a page: its findings that are serious or critical."""
    if importlib.util.find_spec("axe_playwright_python") is None:
        not_run.stop(not_run.AXE)
    from axe_playwright_python.sync_playwright import Axe

    def serious(page: Page) -> list[dict[str, Any]]:
        found = Axe().run(page).response["violations"]
        return [
            {
                "rule": finding["id"],
                "where": [node["html"][:160] for node in finding["nodes"][:3]],
                "why": [node["failureSummary"][:240] for node in finding["nodes"][:1]],
            }
            for finding in found
            if finding["impact"] in ("serious", "critical")
        ]

    return serious


def rows(page: Page) -> list[list[str]]:
    """The table as a screen reader has it: "true" where it is ticked, then its cells."""
    found: list[list[str]] = page.locator(f"{GRID} >> table tbody tr").evaluate_all(
        "rows => rows.map(r => [r.getAttribute('aria-selected'),"
        " ...[...r.querySelectorAll('td')].map(c => c.innerText)])"
    )
    return found


def row(page: Page, place: int) -> Locator:
    return page.locator(f"{GRID} >> table tbody tr >> nth={place}")


def click(page: Page, x: float, y: float) -> None:
    box = page.locator(GRID).bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + x, box["y"] + y)


def _headings(page: Page, before: list[str] | None = None) -> list[str]:
    """All headings of the table, which is drawn anew while numbers move and has none meanwhile.

    After a click, those it has changed; the same ones when it has missed all headings.
    """
    texts = page.locator(f"{GRID} >> table thead th")
    expect(texts.nth(NPV_COLUMN)).to_contain_text("NPV", timeout=PATIENCE_MS)
    found: list[str] = []
    for _ in range(50):  # a busy machine draws seconds later
        found = texts.all_inner_texts()
        if len(found) > NPV_COLUMN and found != before:
            return found
        time.sleep(0.1)
    assert before is not None, f"no headings for five seconds: {found}"
    return before


def sort_by_npv(page: Page) -> None:
    """Click headings until rows are sorted by NPV, the largest first.

    The grid is a canvas: where a column is shows only in which heading a click has marked.
    """
    x = NPV_X
    for _ in range(MOST_CLICKS):
        before = _headings(page)
        click(page, x, HEADER_PX / 2)
        texts = _headings(page, before)
        if texts[NPV_COLUMN] == "NPV ▲":  # the next click turns it round
            click(page, x, HEADER_PX / 2)
            heading = page.locator(f"{GRID} >> table thead th").nth(NPV_COLUMN)
            expect(heading).to_have_text("NPV ▼", timeout=PATIENCE_MS)
            return
        if texts[NPV_COLUMN] == "NPV ▼":
            return
        place = next((place for place, text in enumerate(texts) if text[-1:] in "▲▼"), NPV_COLUMN)
        x += STEP_PX * ((place < NPV_COLUMN) - (place > NPV_COLUMN))
    pytest.fail(f"no click sorted by NPV: {_headings(page)}")


def console_of(page: Page) -> list[str]:
    """The warnings and errors in the browser's console from now on, with their addresses."""
    said: list[str] = []

    def keep(message: ConsoleMessage) -> None:
        if message.type in ("warning", "error"):
            said.append(f"{message.text} {message.location['url']}")

    page.on("console", keep)
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


def test_a_ticked_row_is_the_trade_in_the_panel_while_numbers_move(
    page: Page, redis_client: redis.Redis
) -> None:
    page.set_viewport_size({"width": 1600, "height": 1000})
    page.goto(f"/trades?{COLUMNS}")
    page.wait_for_function("document.querySelectorAll('[data-testid=stDataFrame] tbody tr').length")
    sort_by_npv(page)
    expect(row(page, 0)).to_contain_text("GBP-bond", timeout=PATIENCE_MS)
    expect(row(page, 2)).to_contain_text("USD-bond")
    click(page, BOX_PX, HEADER_PX + 2.5 * ROW_PX)
    panel = page.locator(".st-key-panel-trade .heading b").first
    expect(panel).to_have_text("USD-bond", timeout=PATIENCE_MS)
    for number in range(2, 2 + REFRESHES):
        gain = 10_000.0 * number * (-1) ** number  # by NPV now, it would be first, last, first ...
        made.publish(redis_client, "USD", number, gain=gain)
        npv = row(page, 2).locator("td").nth(5)
        expect(npv).to_have_text(f"{1000 + gain:.0f}", timeout=PATIENCE_MS)
        ticked = [cells for cells in rows(page) if cells[0] == "true"]
        assert [cells[1] for cells in ticked] == ["USD-bond"], ticked
        assert panel.inner_text() == "USD-bond"


@pytest.mark.parametrize("width", [1280, 1600, 1920])
def test_no_number_is_cut_off_and_the_browser_warns_of_nothing(
    page: Page, redis_client: redis.Redis, width: int
) -> None:
    said = console_of(page)
    page.set_viewport_size({"width": width, "height": 1000})
    page.goto("/")
    page.wait_for_selector("text=Biggest movers")
    made.publish_all(redis_client, 2, gain=-206_821_123.0)  # wider than what was drawn first
    page.wait_for_selector("text=-1,447,747,861")
    cells = page.locator(".small-table td.number, .small-table td.signed, .card .value")
    assert cells.count() > 20
    assert cells.evaluate_all(CUT_OFF) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert said == []


def test_filters_go_into_the_url_and_survive_a_reload_and_other_pages(page: Page) -> None:
    page.set_viewport_size({"width": 1600, "height": 1000})
    page.goto("/")
    npv = page.locator(".card .value").first
    expect(npv).to_have_text("$21.9k", timeout=PATIENCE_MS)  # 900 + 2 x 2,500 + 4 x 4,000
    page.get_by_role("button", name="GBP").click()
    expect(npv).to_have_text("$5.90k", timeout=PATIENCE_MS)
    page.wait_for_url("**/?currency=USD&currency=EUR")
    page.reload()
    expect(npv).to_have_text("$5.90k", timeout=PATIENCE_MS)
    page.get_by_role("link", name="Limits").click()
    page.wait_for_url("**/limits?currency=USD&currency=EUR")
    page.reload()
    expect(page.get_by_role("button", name="GBP")).to_have_attribute("aria-pressed", "false")


def test_what_is_being_written_into_an_own_shock_outlives_refreshes(
    page: Page, redis_client: redis.Redis
) -> None:
    ScenarioStore(redis_client).publish(run())
    page.set_viewport_size({"width": 1500, "height": 1900})
    page.goto("/scenarios?shock=Own+shock&shock-curve=USD-GOVT")
    chart = page.get_by_role("img", name="USD-GOVT now and under Own shock")
    expect(chart).to_have_accessible_name(re.compile(r"\(-6\.2 bp\)"))  # 3 of 8 years, -25 to 25
    grid = page.locator(".st-key-shock-points canvas").first
    grid.scroll_into_view_if_needed()
    box = grid.bounding_box()
    assert box is not None
    page.mouse.dblclick(box["x"] + 120, box["y"] + 50)  # the tenor of the first row
    written = page.locator(".gdg-input")
    expect(written).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("3", delay=100)
    for _ in range(3):
        made.beat(redis_client)
        page.wait_for_timeout(2_000)
    page.keyboard.type("Y", delay=100)
    expect(written).to_have_value("3Y")
    page.keyboard.press("Enter")
    expect(chart).to_have_accessible_name(re.compile(r"\(-10\.7 bp\)"))  # 2 of 7 years
    ScenarioStore(redis_client).publish(run(quotes=raw([0.03, 0.06, 0.035])))
    expect(chart).to_have_accessible_name(re.compile(r"5Y 3\.500%"))
    assert "shock=Own+shock" in page.url


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_finds_nothing_serious_on_any_page_and_the_console_is_empty(
    page: Page,
    redis_client: redis.Redis,
    theme: Literal["dark", "light"],
    axe: Callable[[Page], list[dict[str, Any]]],
) -> None:
    said = console_of(page)
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": 1600, "height": 1000})
    found = {}
    for name in ["", *(row.name for row in PAGES[1:] if not row.hidden)]:
        made.beat(redis_client)
        page.goto(f"/{name}")
        page.wait_for_selector("h1")
        page.wait_for_timeout(1500)  # until what has no numbers yet has said so
        found[name] = axe(page)
    assert {name: findings for name, findings in found.items() if findings} == {}
    assert said == []
