"""Twenty tabs, and the first paint after a login, on the system as `make demo` starts it."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext

from dashboard.screen import REFRESH_S
from devstack.processes.demo import Demo
from tests.browser.conftest import PATIENCE_MS, figures, fill_login

TABS, SECONDS, LOGINS = 20, 30.0, 5
PAGES = ("", "pnl", "trades", "scenarios", "curves", "what_if", "limits", "replay", "pipeline")
TICKS_PER_S = 100


def cpu_s(numbers: list[int]) -> float:
    """Processor time of processes so far, in seconds."""
    fields = [Path(f"/proc/{n}/stat").read_text().rpartition(")")[2].split() for n in numbers]
    return sum(int(found[11]) + int(found[12]) for found in fields) / TICKS_PER_S


def test_twenty_tabs_move_and_cost_the_dashboard_little(
    session: BrowserContext, demo: Demo
) -> None:
    tabs = [session.new_page() for _ in range(TABS)]
    try:
        for number, tab in enumerate(tabs):
            tab.goto(f"{demo.dashboard}/{PAGES[number % len(PAGES)]}")
        for tab in tabs:
            tab.wait_for_selector("h1", timeout=PATIENCE_MS)
        before = [tab.evaluate("document.body.innerText") for tab in tabs]
        dashboard = demo.processes("streamlit", "run")
        used, began = cpu_s(dashboard), time.monotonic()
        time.sleep(SECONDS)
        used, taken = cpu_s(dashboard) - used, time.monotonic() - began
        moved = [
            page
            for number, (tab, old) in enumerate(zip(tabs, before, strict=True))
            for page in [PAGES[number % len(PAGES)]]
            if tab.evaluate("document.body.innerText") != old
        ]
    finally:
        for tab in tabs:
            tab.close()
    refreshes = TABS * taken / REFRESH_S
    figures.append(
        f"{TABS} tabs: {used / refreshes * 1e3:.1f} ms of the dashboard's processor a refresh,"
        f" {used / taken:.0%} of a core"
    )
    assert {"", "trades", "pipeline"} <= set(moved)


def test_the_first_numbers_after_a_login(browser: Browser, demo: Demo) -> None:
    times = []
    for _ in range(LOGINS):
        context = browser.new_context(viewport={"width": 1600, "height": 1000})
        tab = context.new_page()
        began = time.monotonic()
        fill_login(tab, demo)
        submitted = time.monotonic()
        tab.wait_for_selector(".card", timeout=PATIENCE_MS)
        times.append((time.monotonic() - submitted, time.monotonic() - began))
        context.close()
    first, whole = (statistics.median(column) for column in zip(*times, strict=True))
    figures.append(
        f"login: numbers {first:.2f} s after the form was answered, {whole:.2f} s with the form"
        f" (medians of {LOGINS})"
    )
