"""What people do on the screens, in a real browser, on the system as `make demo` starts it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
from playwright.sync_api import Locator, Page, expect

from dashboard.screen import REFRESH_S
from devstack.processes.demo import Demo
from tests.browser.conftest import PATIENCE_MS, figures

ASKED_S = 30.0
"""REST on a busy machine."""


def opened(page: Page, demo: Demo, path: str) -> Page:
    """A page of the dashboard, once it shows a frame."""
    page.goto(f"{demo.dashboard}/{path}")
    page.wait_for_selector(".pill", timeout=PATIENCE_MS)
    return page


def panel(page: Page, name: str) -> Locator:
    return page.locator(f".st-key-panel-{name}")


def rest(page: Page, demo: Demo, path: str) -> Any:
    """The answer of REST to the same login."""
    answer = page.request.get(f"{demo.web}/api/v1/{path}", timeout=ASKED_S * 1e3)
    assert answer.ok, answer.text()
    return answer.json()


def test_filters_are_in_the_url_and_survive_a_reload_and_other_pages(
    page: Page, demo: Demo
) -> None:
    opened(page, demo, "trades")
    desk = page.get_by_role("combobox", name="Desk")
    desk.fill("USD")
    page.get_by_role("option").first.click()
    expect(page).to_have_url(re.compile("desk=USD"), timeout=PATIENCE_MS)
    chosen = desk.input_value()
    page.reload()
    expect(desk).to_have_value(chosen, timeout=PATIENCE_MS)
    page.get_by_role("link", name="Overview").click()
    page.wait_for_url("**/?*desk=USD*")
    expect(desk).to_have_value(chosen, timeout=PATIENCE_MS)


def test_a_trade_is_found_opened_and_has_the_numbers_of_rest(page: Page, demo: Demo) -> None:
    trade = rest(page, demo, "risk/trades/?page_size=1")["results"][0]["trade_id"]
    opened(page, demo, f"trade?trade={trade}")
    expect(page.get_by_text("Cash flows to come")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text(trade).first).to_be_visible()


def test_a_what_if_is_previewed_booked_and_priced_in_the_book(page: Page, demo: Demo) -> None:
    opened(page, demo, "what_if")
    page.get_by_label("Book of new trades").fill("USD-SWAPS")
    page.get_by_label("Book of new trades").press("Enter")
    page.get_by_role("textbox", name="Quick text").fill("rec 50m USD 10Y\npay 20m USD 5Y 4.1")
    page.get_by_role("button", name="Preview", exact=True).click()
    expect(page.get_by_text("Ladder before and after")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_text("Write these trades").click()
    page.get_by_role("button", name="Book", exact=True).click()
    said = page.get_by_text("was booked:")
    expect(said).to_be_visible(timeout=PATIENCE_MS)
    booked = re.findall(r"W-\w+", said.inner_text().partition("was booked:")[2])
    assert len(booked) == 2
    opened(page, demo, f"trade?trade={booked[0]}")
    expect(page.get_by_text("Cash flows to come")).to_be_visible(timeout=PATIENCE_MS)


def test_a_pnl_is_drilled_down_from_a_desk_to_a_trade(page: Page, demo: Demo) -> None:
    wait_until(lambda: rest(page, demo, "explain/?group_by=currency")["groups"], "an explain")
    opened(page, demo, "pnl")
    group = page.get_by_role("combobox", name="Trades of a group")
    group.scroll_into_view_if_needed()
    group.fill("USD-RATES")
    page.get_by_role("option", name="USD-RATES").click()
    listed = panel(page, "group-trades")
    expect(listed).to_contain_text("largest first; USD", timeout=PATIENCE_MS)
    expect(listed).to_contain_text(re.compile(r"All \d+ trades"))
    expect(group).to_have_value("USD-RATES")
    first = listed.get_by_role("link").first
    trade = first.inner_text()
    first.click()
    expect(page.get_by_text("Cash flows to come")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text(trade).first).to_be_visible()


def test_a_day_before_has_the_total_that_rest_has(page: Page, demo: Demo) -> None:
    """It is stored when the next date begins: the demo's feed goes through a day in a minute."""

    def days() -> Any:
        found = rest(page, demo, "explain/days/?group_by=currency&reporting_currency=USD")
        return [day for day in found["results"] if len(day["groups"]) > 1]

    day = wait_until(days, "a day that is explained", 3 * PATIENCE_MS)[-1]["date"]
    opened(page, demo, "pnl")
    choice = page.get_by_role("combobox", name="Day")
    choice.fill(day)
    page.get_by_role("option", name=day).click()
    expect(page.get_by_role("radiogroup", name="Period")).to_be_hidden(timeout=PATIENCE_MS)
    rows = rest(page, demo, f"explain/?as_of={day}&group_by=desk&reporting_currency=USD")["groups"]
    shown = page.locator(".st-key-panel-groups tbody tr")
    expect(shown).to_have_count(len(rows), timeout=PATIENCE_MS)
    for row in rows:
        total = round(row["terms"]["total"])
        expect(shown.filter(has_text=row["desk"])).to_contain_text(f"{abs(total):,}")
    expect(panel(page, "pnl-days")).to_contain_text("each close since the close before")


def test_an_own_shock_is_drawn_and_priced_by_desk(page: Page, demo: Demo) -> None:
    opened(page, demo, "scenarios")
    expect(panel(page, "stress")).to_contain_text("Parallel", timeout=PATIENCE_MS)
    expect(panel(page, "backtest")).to_be_visible()
    shock = panel(page, "shock")
    scenario = page.get_by_role("combobox", name="Scenario", exact=True)
    scenario.scroll_into_view_if_needed()
    scenario.click()
    scenario.press_sequentially("Own", delay=50)
    page.get_by_role("option", name="Own shock").click()
    page.get_by_role("button", name="Price", exact=True).click()
    expect(shock).to_contain_text("P&L of Own shock", timeout=PATIENCE_MS)
    expect(shock).to_contain_text("Full revaluation of")
    expect(shock.get_by_role("row").filter(has_text="USD-RATES")).to_be_visible()


def wait_until(found: Callable[[], Any], what: str, patience_ms: float = PATIENCE_MS) -> Any:
    """What a question answers once it answers something."""
    end = time.monotonic() + patience_ms / 1e3
    while not (answer := found()):
        assert time.monotonic() < end, f"waited for {what}"
        time.sleep(1.0)
    return answer


BREACHED = """code,name,desk,measure,curve,tenor,amounts_in,warning,hard_limit,hysteresis
SCREEN,Any DV01 at all,USD-RATES,dv01_par,,,USD,0.5,1,0
"""


def test_a_breach_is_shown_and_acknowledged(page: Page, demo: Demo, tmp_path: Path) -> None:
    """From the limits page to the form of the admin and back."""
    file = tmp_path / "limits.csv"
    file.write_text(BREACHED)
    demo.manage("load_instruments", str(file))
    breaches = "limit-breaches/?limit=SCREEN"
    found = wait_until(lambda: rest(page, demo, breaches)["results"], "a breach")
    opened(page, demo, "limits")
    expect(panel(page, "limits")).to_contain_text("SCREEN", timeout=PATIENCE_MS)
    before = int(card(page, "To acknowledge"))
    page.goto(f"{demo.web}/admin/risk/limitreview/add/?breach={found[0]['id']}")
    page.get_by_label("Classification").select_option(index=1)
    page.get_by_label("Resolution").select_option(index=1)
    page.get_by_label("Comment").fill("Seen by the desk; hedged this afternoon.")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was added successfully")).to_be_visible(timeout=PATIENCE_MS)
    opened(page, demo, "limits")
    page.wait_for_function(
        "before => [...document.querySelectorAll('.card')].some(c =>"
        " c.innerText.includes('To acknowledge') && parseInt(c.innerText.match(/\\d+/)) < before)",
        arg=before,
        timeout=PATIENCE_MS,
    )


def card(page: Page, name: str) -> str:
    """The number on a card."""
    shown = page.locator(".card").filter(has_text=name).first.inner_text()
    found = re.search(r"\d+", shown)
    assert found is not None, shown
    return found[0]


def test_a_replay_is_started_paused_sought_resumed_and_stopped(page: Page, demo: Demo) -> None:
    name = f"screen-{time.time_ns() % 10**6}"
    days = ("--from", "2024-01-02", "--to", "2024-03-28", "--currency", "USD")
    started = demo.start("replay_market", name, *days, "--interval-ms", "1000")
    try:
        page.goto(f"{demo.dashboard}/replay")
        expect(panel(page, "replays")).to_contain_text(name, timeout=PATIENCE_MS)
        state = panel(page, "replays").get_by_role("row").filter(has_text=name)
        for button, word in (("Pause", "paused"), ("Resume", "running")):
            page.get_by_role("button", name=button, exact=True).click()
            expect(state).to_contain_text(word, timeout=PATIENCE_MS)
        page.locator("[role=spinbutton][data-type=month]").click()
        page.keyboard.type("0315")  # the field goes on to the day by itself
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Go", exact=True).click()
        expect(state).to_contain_text("2024-03-1", timeout=PATIENCE_MS)
        page.get_by_role("button", name="Stop", exact=True).click()
        expect(state).to_contain_text("stopped", timeout=PATIENCE_MS)
    finally:
        started.terminate()
        started.wait(30)


def test_an_open_page_outlives_redis(page: Page, demo: Demo) -> None:
    opened(page, demo, "")
    killed = time.monotonic()
    assert demo.kill("valkey-server") or demo.kill("redis-server")
    time.sleep(REFRESH_S)  # what it shows now, it has drawn since
    expect(page.get_by_text("does not answer")).to_have_count(0, timeout=PATIENCE_MS)
    moves(page)
    figures.append(f"Redis killed: an open page moves after {time.monotonic() - killed:.1f} s")


def test_an_open_page_outlives_the_web_server(page: Page, demo: Demo) -> None:
    """The demo starts it again; the page shows numbers meanwhile, and REST answers afterwards."""
    opened(page, demo, "")
    killed = time.monotonic()
    assert demo.kill("riskproject.web_server")
    moves(page)
    while not answers(demo):
        assert time.monotonic() - killed < PATIENCE_MS / 1e3, "web does not come back"
        time.sleep(0.2)
    figures.append(f"web killed: REST answers after {time.monotonic() - killed:.1f} s")
    opened(page, demo, "what_if")


def answers(demo: Demo) -> bool:
    try:
        return requests.get(f"{demo.web}/healthz", timeout=2).ok
    except requests.RequestException:
        return False


def moves(page: Page) -> None:
    """Wait until the page shows something else than now."""
    page.wait_for_function(
        "before => document.body.innerText !== before",
        arg=page.evaluate("document.body.innerText"),
        timeout=PATIENCE_MS,
    )
