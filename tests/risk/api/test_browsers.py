"""Pages in a real browser: the content policy stops nothing that the pages need."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from riskproject.web.browser_security import ADMIN_POLICY, POLICY
from tests.risk.api.conftest import Live, answers, start_web
from tests.waiting import until
from tests.web_process import free_port


@pytest.mark.parametrize(
    ("path", "policy"),
    [("/api/docs/", POLICY), ("/api/v1/swaps/", POLICY), ("/admin/login/", ADMIN_POLICY)],
)
def test_every_page_says_what_it_may_load(client: Any, db: None, path: str, policy: str) -> None:
    headers = client.get(path).headers
    assert headers["Content-Security-Policy"] == policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "http" not in policy  # nothing from elsewhere


def complaints(page: Page) -> list[str]:
    said: list[str] = []
    page.on("console", lambda m: said.append(m.text) if m.type in ("error", "warning") else None)
    page.on("response", lambda r: said.append(f"{r.status} {r.url}") if r.status >= 400 else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("requestfailed", lambda request: said.append(f"{request.url} {request.failure}"))
    return said


def test_swagger_draws_itself_without_a_complaint(live: Live, browser: Browser) -> None:
    page = browser.new_page()
    said = complaints(page)
    page.goto(f"{live.url}/api/docs/")
    page.click("#operations-tag-risk", timeout=60_000)
    page.wait_for_selector("text=/api/v1/risk/portfolio/", timeout=60_000)
    assert said == []
    page.close()


def a_password(live: Live) -> str:
    password = "right-horse-battery"
    said = live.system.manage(
        "shell",
        "-c",
        "from django.contrib.auth.models import User as U;"
        f"u=U.objects.get(username='admin');u.set_password({password!r});u.save();print('ok')",
    )
    assert "ok" in said
    return password


def sign_in(page: Page, address: str, password: str) -> None:
    page.goto(address)
    page.fill("#id_username", "admin")
    page.fill("#id_password", password)
    page.press("#id_password", "Enter")


def test_the_admin_draws_itself_without_a_complaint(live: Live, browser: Browser) -> None:
    page = browser.new_page()
    said = complaints(page)
    sign_in(page, f"{live.url}/admin/login/", a_password(live))
    page.wait_for_url("**/admin/", timeout=60_000)
    for path in ("", "instruments/swap/", "instruments/swap/add/", "auth/user/"):
        page.goto(f"{live.url}/admin/{path}", timeout=60_000)
        page.wait_for_load_state("load")
    assert said == []
    page.close()


class Arrived(BaseHTTPRequestHandler):
    """Stands where the dashboard would be."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.path.encode())

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def test_a_login_leads_on_to_the_dashboard_on_its_other_port(live: Live, browser: Browser) -> None:
    """A browser holds each redirect after a form to the page's policy; no other client does."""
    there = HTTPServer(("127.0.0.1", 0), Arrived)
    threading.Thread(target=there.serve_forever, daemon=True).start()
    dashboard, port = f"http://127.0.0.1:{there.server_port}", free_port()
    start_web(live.system, "onward", port, DASHBOARD_URL=dashboard)
    until(lambda: answers(f"http://127.0.0.1:{port}"))
    page = browser.new_page()
    said = complaints(page)
    sign_in(page, f"http://127.0.0.1:{port}/dashboard/trades/", a_password(live))
    page.wait_for_url(f"{dashboard}/trades", timeout=60_000)
    assert said == []
    page.close()
    there.shutdown()
    there.server_close()
