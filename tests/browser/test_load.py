"""Twenty tabs, and the first numbers after a login, on the system as `make demo` starts it."""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from devstack.processes.demo import Demo
from tests.browser.conftest import PATIENCE_MS, figures, fill_login
from tests.security.screen import Tab, tab

TABS, WARM_S, SECONDS, LOGINS = 20, 20.0, 30.0, 5
PAGES = ("", "pnl", "trades", "scenarios", "curves", "limits", "pipeline")
"""Those that refresh by themselves without a question to REST."""
TICKS_PER_S = 100


def cpu_s(numbers: list[int]) -> float:
    """Processor time of processes so far, in seconds."""
    fields = [Path(f"/proc/{n}/stat").read_text().rpartition(")")[2].split() for n in numbers]
    return sum(int(found[11]) + int(found[12]) for found in fields) / TICKS_PER_S


def refreshes(page: Tab) -> int:
    """Runs of the page that have ended so far."""
    kinds = (ForwardMsg.FromString(message).WhichOneof("type") for message in page.sent)
    return sum(kind == "script_finished" for kind in kinds)


def test_twenty_tabs_refresh_and_cost_the_dashboard_little(
    session: BrowserContext, demo: Demo
) -> None:
    """Of one user; what a browser would send comes from here, so that drawing costs nothing."""
    (cookie,) = {each["value"] for each in session.cookies() if each["name"] == "sessionid"}
    port = urlsplit(demo.dashboard).port
    assert port is not None
    dashboard = demo.processes("streamlit", "run")
    with ExitStack() as stack, ThreadPoolExecutor(TABS) as hands:
        names = [PAGES[number % len(PAGES)] for number in range(TABS)]
        tabs = [stack.enter_context(tab(port, cookie, name)) for name in names]
        list(hands.map(lambda page: page.listen(None, WARM_S), tabs))
        before = [refreshes(page) for page in tabs]
        used, began = cpu_s(dashboard), time.monotonic()
        list(hands.map(lambda page: page.listen(None, SECONDS), tabs))
        used, taken = cpu_s(dashboard) - used, time.monotonic() - began
    made = [refreshes(page) - old for page, old in zip(tabs, before, strict=True)]
    figures.append(
        f"{TABS} tabs: {sum(made)} refreshes in {taken:.0f} s, {used / sum(made) * 1e3:.1f} ms of"
        f" the dashboard's processor each, {used / taken:.0%} of a core"
    )
    assert min(made) > 0, dict(zip(names, made, strict=True))


def test_the_first_numbers_after_a_login(browser: Browser, demo: Demo) -> None:
    times = []
    for _ in range(LOGINS):
        context = browser.new_context(viewport={"width": 1600, "height": 1000})
        page = context.new_page()
        began = time.monotonic()
        fill_login(page, demo)
        submitted = time.monotonic()
        page.wait_for_selector(".card", timeout=PATIENCE_MS)
        times.append((time.monotonic() - submitted, time.monotonic() - began))
        context.close()
    first, whole = (statistics.median(column) for column in zip(*times, strict=True))
    figures.append(
        f"login: numbers {first:.2f} s after the form was answered, {whole:.2f} s with the form"
        f" (medians of {LOGINS})"
    )
