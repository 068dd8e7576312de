"""A demo on real servers and a browser in front of it: only `make e2e` starts them.

E2E=1               run these tests
E2E_TRADES=10000    with a larger book than the demo's 200
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response

from devstack.processes.demo import Demo, running_demo
from tests import not_run
from tests.servers import BASE

CHOSEN = bool(os.environ.get("E2E"))
PATIENCE_MS = 60_000
"""Of a browser on a busy machine."""

figures: list[str] = []
"""What the tests have measured, a line each; printed at the end."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the tests of this folder out of `make test`, and say so."""
    own = [item for item in items if Path(__file__).parent in item.path.parents]
    if own and not CHOSEN:
        config.hook.pytest_deselected(items=own)
        not_run.leave_out(config, not_run.DEMO_IN_A_BROWSER, len(own))
        items[:] = [item for item in items if item not in own]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The figures."""
    if figures:
        terminalreporter.section("figures")
        for line in figures:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def demo() -> Iterator[Demo]:
    """The system as `make demo` starts it, without replays and breaches of a run before."""
    trades, base = int(os.environ.get("E2E_TRADES", "200")), BASE.with_name(f"{BASE.name}-demo")
    shutil.rmtree(base, ignore_errors=True)
    with running_demo(base, trades) as found:
        yield found


@pytest.fixture(scope="module")
def session(demo: Demo, browser: Browser) -> Iterator[BrowserContext]:
    """A browser that has logged in as the administrator."""
    context = browser.new_context(viewport={"width": 1600, "height": 1000})
    context.set_default_timeout(PATIENCE_MS)
    log_in(context, demo)
    yield context
    context.close()


@pytest.fixture
def page(session: BrowserContext) -> Iterator[Page]:
    """A new tab."""
    tab = session.new_page()
    yield tab
    tab.close()


def log_in(context: BrowserContext, demo: Demo) -> None:
    """As a user does: by the form, which leads on to the dashboard."""
    tab = context.new_page()
    fill_login(tab, demo)
    tab.wait_for_url(f"{demo.dashboard}/**")
    tab.close()


def fill_login(tab: Page, demo: Demo) -> Response | None:
    """Send the login form of the dashboard's own address."""
    tab.goto(f"{demo.web}/accounts/login/?next=/dashboard/")
    tab.fill("#id_username", "admin")
    tab.fill("#id_password", demo.password)
    with tab.expect_navigation() as going:
        tab.click("[type=submit]")
    return going.value
