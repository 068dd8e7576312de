"""Take pictures of every page, in both themes and at three widths, of a demo on the real servers.

    make screenshots                            200 trades
    make screenshots TRADES=10000               a larger book
    python -m docs.screenshots --web http://127.0.0.1:8000 --dashboard http://127.0.0.1:8501 \
        --password-file .local/admin_password   of a demo that runs already

All pictures go to ``.local/screenshots/pictures``, those that the documentation shows to
``docs/images`` as well. Needs Chromium from the system's packages; nothing is downloaded.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from playwright.sync_api import Error as BrowserError

from devstack.errors import StackError
from devstack.processes.demo import Demo, running_demo

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
BASE = ROOT / ".local" / "screenshots"

FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
SETTLE_MS, PATIENCE_MS = 4000, 60_000
"""For refreshes after the first paint; for one thing to appear."""

TALLEST_PX = 4200
THEMES = ("dark", "light")


@dataclass(frozen=True)
class Size:
    """A width of the window; its height is at least ``height`` and grows with the page."""

    name: str
    width: int
    height: int


SIZES = (Size("wide", 1600, 1000), Size("laptop", 1280, 800), Size("phone", 390, 844))


# --- What is done on a page before its picture is taken ----------------------------------------


def pick_a_trade(page: Page) -> None:
    """Tick the first row of the blotter, so that its panel is filled."""
    box = page.locator("[data-testid=stDataFrame] >> nth=0").bounding_box()
    if box is not None:
        page.mouse.click(box["x"] + 16, box["y"] + 32 + 14)


def open_a_trade(page: Page) -> None:
    """Open the page of the first trade of the blotter."""
    pick_a_trade(page)
    page.get_by_role("link", name="Trade page").click()
    page.wait_for_selector("text=Cash flows to come", timeout=PATIENCE_MS)


def preview_trades(page: Page) -> None:
    """Preview two trades."""
    page.get_by_label("Book of new trades").fill("USD-SWAPS")
    page.get_by_label("Book of new trades").press("Enter")
    page.get_by_role("textbox", name="Quick text").fill("rec 50m USD 10Y 3.85\npay 25m USD 5Y")
    page.get_by_role("textbox", name="Quick text").press("Control+Enter")
    page.wait_for_selector("text=Ladder before and after", timeout=PATIENCE_MS)


@dataclass(frozen=True)
class Shot:
    """A page of the dashboard, and what is done on it first."""

    name: str
    path: str = ""
    act: Callable[[Page], None] | None = None


PAGES = (
    Shot("pnl", "/pnl"),
    Shot("trades", "/trades", pick_a_trade),
    Shot("trade", "/trades", open_a_trade),
    Shot("scenarios", "/scenarios"),
    Shot("curves", "/curves"),
    Shot("what_if", "/what_if", preview_trades),
    Shot("limits", "/limits"),
    Shot("replay", "/replay"),
    Shot("pipeline", "/pipeline"),
    Shot("overview"),  # last: it shows what takes a demo a minute to make
)
IN_DOCS = {
    "overview": "overview.png",
    "pnl": "pnl.png",
    "trades": "trades.png",
    "what_if": "what-if.png",
    "curves": "curves.png",
    "pipeline": "pipeline.png",
}
"""Pictures of the dark theme at the full width that the documentation shows, by page."""


# --- The program -------------------------------------------------------------------------------


def main() -> None:
    """Take all pictures."""
    options = arguments()
    pictures = options.pictures
    pictures.mkdir(parents=True, exist_ok=True)
    with running(options) as demo, sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        for theme in options.themes:
            for size in (size for size in SIZES if size.name in options.sizes):
                shoot_all(browser, demo, options, theme, size)
        if options.docs:
            shoot_admin(browser, demo)
        browser.close()


def arguments() -> argparse.Namespace:
    """Which demo, how large a book, which pages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trades", type=int, default=200, help="of the demo that is started")
    parser.add_argument("--web", help="address of a web server that runs; none: start a demo")
    parser.add_argument("--dashboard", help="address of its dashboard")
    parser.add_argument("--password-file", type=Path, default=Path(".local/admin_password"))
    parser.add_argument("--themes", nargs="*", default=THEMES)
    parser.add_argument("--sizes", nargs="*", default=[size.name for size in SIZES])
    parser.add_argument("--pages", nargs="*", default=[shot.name for shot in PAGES])
    parser.add_argument("--pictures", type=Path, default=BASE / "pictures")
    parser.add_argument("--no-docs", dest="docs", action="store_false", help="leave docs/images")
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


# --- The demo ----------------------------------------------------------------------------------


@contextmanager
def running(options: argparse.Namespace) -> Iterator[Demo]:
    """The demo that the options name, or one that ends with the pictures."""
    if options.web:
        password = options.password_file.read_text().strip()
        yield Demo(options.web, options.dashboard, password, BASE, {})
        return
    try:
        with running_demo(BASE, options.trades) as demo:
            yield demo
    except StackError as error:
        sys.exit(str(error))


# --- Pictures ----------------------------------------------------------------------------------


def shoot_all(
    browser: Browser,
    demo: Demo,
    options: argparse.Namespace,
    theme: str,
    size: Size,
) -> None:
    """Every page in one theme and at one width."""
    context = browser.new_context(
        viewport={"width": size.width, "height": size.height},
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
    )
    sign_in(context, demo)
    for shot in PAGES:
        if shot.name in options.pages:
            page = context.new_page()
            said = listen(page)
            shoot(page, f"{demo.dashboard}{shot.path}", shot.act, size)
            path = options.pictures / f"{shot.name}-{theme}-{size.name}.png"
            page.screenshot(path=path)
            print(f"{path}  {page.url}", *sorted(set(said)), sep="\n    ", flush=True)
            if options.docs and (theme, size) == (THEMES[0], SIZES[0]) and shot.name in IN_DOCS:
                small(path, IMAGES / IN_DOCS[shot.name])
            page.close()
    context.close()


def small(picture: Path, copy: Path) -> None:
    """Write a copy in 256 colours: a third of the size, and the same to the eye."""
    with Image.open(picture) as image:
        flat = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    flat.save(copy, optimize=True)


def listen(page: Page) -> list[str]:
    """Return what the browser says of the page: warnings and errors of its console."""
    said: list[str] = []
    page.on("console", lambda m: said.append(m.text) if m.type in ("warning", "error") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


def shoot(page: Page, url: str, act: Callable[[Page], None] | None, size: Size) -> None:
    """Open a page, do what is to be done there, and make the window as tall as the page."""
    page.goto(url)
    try:
        page.wait_for_selector(".pill, [data-testid=stAlert]", timeout=PATIENCE_MS)
        page.wait_for_timeout(SETTLE_MS)
        if act is not None:
            act(page)
            page.wait_for_timeout(SETTLE_MS)
    except BrowserError as error:
        print(f"{url}: {error}", file=sys.stderr)
    height = page.evaluate("document.querySelector('[data-testid=stMain]')?.scrollHeight ?? 0")
    page.set_viewport_size(
        {"width": size.width, "height": min(TALLEST_PX, max(size.height, int(height)))}
    )
    page.wait_for_timeout(1500)


def sign_in(context: BrowserContext, demo: Demo) -> None:
    """As the demo's administrator; the dashboard asks for the same login."""
    page = context.new_page()
    page.goto(f"{demo.web}/accounts/login/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", demo.password)
    with page.expect_navigation():
        page.click("[type=submit]")
    page.close()


# --- Admin -------------------------------------------------------------------------------------


def shoot_admin(browser: Browser, demo: Demo) -> None:
    """The list of swaps, one of them, and what a file would change; nothing is confirmed."""
    size = SIZES[0]
    context = browser.new_context(
        viewport={"width": size.width, "height": size.height}, color_scheme="dark"
    )
    sign_in(context, demo)
    page = context.new_page()
    swaps = f"{demo.web}/admin/instruments/swap"
    page.goto(f"{swaps}/")
    picture(page, "admin")
    page.click("#result_list tbody tr:first-child th a")
    page.wait_for_selector("h2:has-text('Live values')")
    page.set_viewport_size({"width": size.width, "height": 1650})
    picture(page, "admin-swap")
    page.set_viewport_size({"width": size.width, "height": size.height})
    page.goto(f"{swaps}/import/")
    file: Any = {"name": "swaps.csv", "mimeType": "text/csv", "buffer": a_file(page, demo).encode()}
    page.set_input_files("input[type=file]", files=[file])
    page.click("text=Check the file")
    page.wait_for_selector("text=Load all")
    picture(page, "admin-import")
    page.goto(f"{demo.web}/api/docs/")
    page.wait_for_timeout(SETTLE_MS)
    picture(page, "api")
    context.close()


def picture(page: Page, name: str) -> None:
    """What the page shows now, for the documentation."""
    page.wait_for_timeout(800)
    page.screenshot(path=IMAGES / f"{name}.png")
    print(f"docs/images/{name}.png  {page.url}", flush=True)


def a_file(page: Page, demo: Demo) -> str:
    """Three swaps of the demo, two of them with another rate, and a new one."""
    names = "trade_id convention pay_receive notional effective_date termination_date fixed_rate"
    columns: Sequence[str] = [*names.split(), "book"]
    stored = page.request.get(f"{demo.web}/api/v1/swaps/?page_size=3").json()["results"]
    rows = [{name: row[name] for name in columns} for row in stored]
    rows.append({**rows[0], "trade_id": "IRS-2024-017"})
    for row, rate in zip(rows, (0.0385, 0.0412), strict=False):
        row["fixed_rate"] = rate
    lines = [columns, *([str(row[name]) for name in columns] for row in rows)]
    return "\n".join(",".join(line) for line in lines)


if __name__ == "__main__":
    main()
