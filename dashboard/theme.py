"""Colours and pieces of HTML: status line, tags, cards, small tables. All data is escaped.

Cards and small tables are HTML, not Streamlit's metric and grid: the browser lays them out by
their content, so that no number is ever cut off, and a refresh sends text alone.
"""

from __future__ import annotations

import colorsys
import tomllib
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard.status import Status
from pricing.products.registry import PRODUCTS

HERE = Path(__file__).parent
STYLES, ICON = HERE / "theme.css", HERE / "icon.svg"
DESIGN = tomllib.loads((HERE.parent / "riskproject" / "design" / "tokens.toml").read_text())
"""The design tokens; what they mean is written in the file."""

CURRENCIES_WITH_A_COLOR = ("USD", "EUR", "GBP", "JPY", "CHF", "AUD", "CAD", "SEK")
HOPS = 5


@dataclass(frozen=True)
class Palette:
    """The colours of a theme, ``#rrggbb``. ``light`` says which of the two it is."""

    light: bool
    background: str
    panel: str
    head: str
    line: str
    text: str
    muted: str
    accent: str
    action: str
    warning: str
    up: str
    down: str
    official: str
    proxy: str
    synthetic: str
    mark: str
    cold: str
    hot: str
    series: tuple[str, ...]

    @property
    def hops(self) -> tuple[str, ...]:
        """Colours of what a frame passes through."""
        return self.series[:HOPS]


PALETTES = {
    name: Palette(
        light=name == "light", **{**DESIGN[name], "series": tuple(DESIGN[name]["series"])}
    )
    for name in ("dark", "light")
}


def palette() -> Palette:
    """The colours of the theme that the browser shows; the dark ones where there is no browser."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return PALETTES["dark"]
    return PALETTES["light" if st.context.theme.type == "light" else "dark"]


def css() -> str:
    """The style sheet, with the tokens as variables that follow the theme of the page."""
    names = [name for name in DESIGN["dark"] if name != "series"]
    pairs = (
        f"--{name}: light-dark({DESIGN['light'][name]}, {DESIGN['dark'][name]});" for name in names
    )
    pills = (f"--pill-{name}: {color};" for name, color in DESIGN["pill"].items())
    return f"<style>:root {{ {' '.join((*pairs, *pills))} }}\n{STYLES.read_text()}</style>"


SPARK_WIDTH, SPARK_HEIGHT = 100.0, 28.0
"""Size of a sparkline in its own coordinates; the style sheet stretches it to its card."""

Tone = Literal["", "up", "down"]


@dataclass(frozen=True)
class Card:
    """One number with its label, a note below it, a hint for hovering, and its recent past.

    The sparkline has one colour whatever the numbers do: green and red belong to the note,
    whose sign they show (``tone``), and to the value where it is a P&L (``signed``). A limit's use
    in percent (``use``) is a bar in the place of the sparkline.
    """

    label: str
    value: str
    note: str = ""
    hint: str = ""
    tone: Tone = ""
    points: Sequence[float] = ()
    bars: bool = False
    signed: bool = False
    use: float | None = None


@dataclass(frozen=True)
class Column:
    """A column of a small table: its title, and what it holds.

    Signed money is coloured by its sign, a state by its word; a use is a percentage with a bar; a
    trade is a link to its page; a long text is cut where its column ends only when the window is
    narrow.
    """

    title: str
    kind: Literal["text", "long", "number", "signed", "state", "use", "trade"] = "text"


def currency_color(currency: str) -> str:
    """Return the colour of a currency, the same on every page."""
    if currency in CURRENCIES_WITH_A_COLOR:
        return palette().series[CURRENCIES_WITH_A_COLOR.index(currency)]
    return _color_of_code(currency)


def _color_of_code(code: str) -> str:
    """Return a colour derived from the code, so that all processes agree."""
    hue = zlib.crc32(code.encode()) % 360 / 360
    rgb = colorsys.hls_to_rgb(hue, 0.4 if palette().light else 0.68, 0.6)
    return "#" + "".join(f"{round(255 * part):02x}" for part in rgb)


def pill(status: Status, beat: int) -> str:
    """The state of the feed.

    ``beat`` changes with every refresh, and that restarts the pill's clock: when refreshes
    stop, the style sheet turns it red by itself.
    """
    word = escape(status.word)
    return (
        f'<span class="pill {word.lower()}" title="{escape(status.reason)}" data-beat="{beat}">'
        f'<span class="now">{word}</span><span class="late">NO UPDATE</span></span>'
    )


def product_color(product: str) -> str:
    """Return the colour of a product, the same on every page."""
    row = PRODUCTS.get(product)
    if row is None or row.color is None:
        return _color_of_code(product)
    return palette().series[row.color]


def heading(title: str, note: str = "") -> str:
    """The title of a panel and its unit."""
    return f'<div class="heading"><b>{escape(title)}</b> <span>{escape(note)}</span></div>'


def facts(items: Iterable[tuple[str, str, bool]]) -> str:
    """Short facts in a row: text, hint for hovering, and whether it is a worry."""
    return "".join(
        f'<span class="fact{" late" if worry else ""}" title="{escape(hint)}">{escape(text)}</span>'
        for text, hint, worry in items
    )


def tags(items: Sequence[tuple[str, str, str]]) -> str:
    """Small labels: name, quality, hint; the quality is also the style."""
    return "".join(
        f'<span class="tag {escape(quality)}" title="{escape(hint)}">'
        f"{escape(name)} <b>{escape(quality)}</b></span>"
        for name, quality, hint in items
    )


def warning(text: str) -> str:
    """A sentence that must be seen."""
    return f'<span class="warning">{escape(text)}</span>'


def note(text: str, hint: str) -> str:
    """A quiet remark, with more for hovering."""
    return f'<span class="note" title="{escape(hint)}">{escape(text)}</span>'


def account(user: str, url: str) -> str:
    """Return the user's name with a link to log out."""
    name = escape(user)
    if not url:
        return f'<span class="note">{name}</span>'
    return f'<a class="note" href="{escape(url)}" title="Your login: log out there">{name}</a>'


def refusal(sentence: str, link: str, url: str) -> str:
    """The page of who may not see risk."""
    way = f'<a href="{escape(url)}">{escape(link)}</a>' if link and url else ""
    return f'<div class="refusal"><h1>Live Risk</h1><p>{escape(sentence)}</p>{way}</div>'


def cards(items: Iterable[Card]) -> str:
    """Cards in a row, as many as the width has room for."""
    return f'<div class="cards">{"".join(map(_card, items))}</div>'


def _card(card: Card) -> str:
    arrow = {"up": "▲ ", "down": "▼ "}.get(card.tone, "")
    sign = _sign(card.value) if card.signed else ""
    gauge = "" if card.use is None else _gauge(card.use)
    return (
        f'<div class="card" title="{escape(card.hint)}">'
        f'<span class="label">{escape(card.label)}</span>'
        f'<span class="value{sign}">{escape(card.value)}</span>'
        f'<span class="delta {card.tone}">{arrow}{escape(card.note)}</span>'
        f"{gauge or sparkline(card.points, bars=card.bars)}</div>"
    )


def _sign(text: str) -> str:
    """The style of a signed number; none of 0 or of a number that is missing."""
    return {"+": " up", "-": " down"}.get(text[:1], "")


NEAR_PERCENT, FULL_PERCENT = 80.0, 100.0
"""Use of a limit from which its bar has the colour of a warning, and of a breach."""


def _gauge(percent: float) -> str:
    """How much of a limit is used, as a bar; more than all of it is a full bar."""
    near = " over" if percent >= FULL_PERCENT else " near" if percent >= NEAR_PERCENT else ""
    filled = min(FULL_PERCENT, max(0.0, percent))
    return f'<span class="gauge{near}" style="--use: {filled:.0f}%"></span>'


def sparkline(points: Sequence[float], *, bars: bool = False) -> str:
    """Points as a small picture from left to right; a line needs two of them.

    An image with its data in the address: Streamlit takes SVG elements out of HTML.
    """
    if len(points) < (1 if bars else 2):
        return ""
    low, high = (min(0.0, *points), max(0.0, *points)) if bars else (min(points), max(points))
    span = (high - low) or 1.0
    heights = [(value - low) / span * SPARK_HEIGHT for value in points]
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" preserveAspectRatio="none" '
        f'viewBox="0 0 {SPARK_WIDTH:g} {SPARK_HEIGHT:g}">'
        f"{_bars(heights) if bars else _line(heights)}</svg>"
    )
    return f'<img class="spark" alt="" src="data:image/svg+xml,{quote(svg)}">'


def _line(heights: Sequence[float]) -> str:
    step = SPARK_WIDTH / (len(heights) - 1)
    places = " ".join(f"{i * step:.1f},{SPARK_HEIGHT - h:.1f}" for i, h in enumerate(heights))
    return (
        f'<polyline points="{places}" fill="none" stroke="{palette().accent}" stroke-width="1.5" '
        'vector-effect="non-scaling-stroke"/>'
    )


def _bars(heights: Sequence[float]) -> str:
    step = SPARK_WIDTH / len(heights)
    return "".join(
        f'<rect x="{i * step:.1f}" y="{SPARK_HEIGHT - h:.1f}" width="{0.8 * step:.1f}" '
        f'height="{h:.1f}" fill="{palette().accent}"/>'
        for i, h in enumerate(heights)
    )


def table(columns: Sequence[Column], rows: Iterable[Sequence[str]], *, tall: bool = False) -> str:
    """A small table of texts that are formatted already; signed money is green or red."""
    titles = "".join(f'<th class="{c.kind}">{escape(c.title)}</th>' for c in columns)
    lines = "".join(
        f"<tr>{''.join(_cell(c, text) for c, text in zip(columns, row, strict=True))}</tr>"
        for row in rows
    )
    return (
        f'<div class="small-table{" tall" if tall else ""}"><table>'
        f"<thead><tr>{titles}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def _cell(column: Column, text: str) -> str:
    tone = _sign(text) if column.kind == "signed" else ""
    tone = f" {STATES.get(text, '')}" if column.kind == "state" else tone
    percent = _percent(text) if column.kind == "use" else None
    bar = "" if percent is None else _gauge(percent)
    title = escape(text)
    shown = (
        f'<a href="trade?trade={quote(text, safe="")}">{title}</a>'
        if column.kind == "trade"
        else title
    )
    return f'<td class="{column.kind}{tone}" title="{title}">{bar}{shown}</td>'


STATES = {
    **{"breach": "down", "warning": "warning", "unknown": "warning", "ok": "up"},
    **{"red": "down", "amber": "warning", "green": "up"},
}
"""Styles of states; each is also written out, so that no colour is needed to read it."""


def _percent(text: str) -> float | None:
    """The number of a percentage; None of what is not one."""
    number = text.rstrip("%").replace(",", "")
    return float(number) if number.isdecimal() else None
