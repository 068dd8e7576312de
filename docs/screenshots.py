"""A running demo in; pictures of its screens in docs/images out.

    make demo                                   in one terminal
    make screenshots                            in another

Needs Chromium from the system's packages; nothing is downloaded.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).resolve().parent / "images"
WIDTH, HEIGHT = 1600, 1000
SETTLE_MS = 9000
"""First paint and a few refreshes: sparklines need some frames."""

FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")


def main() -> None:
    """Take all pictures."""
    options = arguments()
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        for name in ("overview", "trades", "pipeline"):
            path = "" if name == "overview" else f"/{name}"
            shoot(page, f"{options.dashboard}{path}", name)
        sign_in(page, options)
        shoot(page, f"{options.web}/admin/instruments/swap/", "admin", settle_ms=500)
        shoot(page, f"{options.web}/api/docs/", "api", settle_ms=2500)
        browser.close()


def arguments() -> argparse.Namespace:
    """Addresses as `make demo` prints them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--web", default="http://127.0.0.1:8000")
    parser.add_argument("--dashboard", default="http://127.0.0.1:8501")
    parser.add_argument("--password-file", type=Path, default=Path(".local/admin_password"))
    return parser.parse_args()


def chromium() -> str:
    """The system's Chromium."""
    found = (
        os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    )
    if not found:
        sys.exit(
            "Chromium was not found: install it (Debian: apt install chromium) or set CHROMIUM"
        )
    return found


def shoot(page: Page, url: str, name: str, settle_ms: int = SETTLE_MS) -> None:
    """One picture."""
    page.goto(url)
    page.wait_for_timeout(settle_ms)
    page.screenshot(path=IMAGES / f"{name}.png")
    print(f"docs/images/{name}.png  {url}")


def sign_in(page: Page, options: argparse.Namespace) -> None:
    """As the demo's administrator."""
    page.goto(f"{options.web}/admin/login/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", options.password_file.read_text().strip())
    page.click("input[type=submit]")


if __name__ == "__main__":
    main()
