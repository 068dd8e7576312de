"""Take the screenshots in docs/images of a running demo.

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
WIDTH, HEIGHT, TALL = 1600, 1000, 1650
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
        sign_in(page, options)
        for name in ("overview", "trades", "pipeline"):
            path = "" if name == "overview" else f"/{name}"
            shoot(page, f"{options.dashboard}{path}", name)
        shoot_admin(page, options.web)
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
    picture(page, name)


def picture(page: Page, name: str) -> None:
    """What the page shows now."""
    page.wait_for_timeout(300)
    page.screenshot(path=IMAGES / f"{name}.png")
    print(f"docs/images/{name}.png  {page.url}")


def shoot_admin(page: Page, web: str) -> None:
    """The list of swaps, one of them, and what a file would change; nothing is confirmed."""
    swaps = f"{web}/admin/instruments/swap"
    shoot(page, f"{swaps}/", "admin", settle_ms=800)
    page.click("#result_list tbody tr:first-child th a")
    page.wait_for_selector("h2:has-text('Live values')")
    page.set_viewport_size({"width": WIDTH, "height": TALL})
    picture(page, "admin-swap")
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    page.goto(f"{swaps}/import/")
    file = {"name": "swaps.csv", "mimeType": "text/csv", "buffer": a_file(page, web).encode()}
    page.set_input_files("input[type=file]", files=[file])  # type: ignore[list-item]
    page.click("text=Check the file")
    page.wait_for_selector("text=Load all")
    picture(page, "admin-import")


def a_file(page: Page, web: str) -> str:
    """Three swaps of the demo, two of them with another rate, and a new one."""
    names = "trade_id convention pay_receive notional effective_date termination_date fixed_rate"
    columns = [*names.split(), "book"]
    stored = page.request.get(f"{web}/api/v1/swaps/?page_size=3").json()["results"]
    rows = [{name: row[name] for name in columns} for row in stored]
    rows.append({**rows[0], "trade_id": "IRS-2024-017"})
    for row, rate in zip(rows, (0.0385, 0.0412), strict=False):
        row["fixed_rate"] = rate
    lines = [columns, *([str(row[name]) for name in columns] for row in rows)]
    return "\n".join(",".join(line) for line in lines)


def sign_in(page: Page, options: argparse.Namespace) -> None:
    """As the demo's administrator; the dashboard asks for the same login."""
    page.goto(f"{options.web}/accounts/login/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", options.password_file.read_text().strip())
    with page.expect_navigation():
        page.click("[type=submit]")


if __name__ == "__main__":
    main()
