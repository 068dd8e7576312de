"""Colours and pieces of HTML: status line, tags, cards, small tables. All data is escaped.

Cards and small tables are HTML, not Streamlit's metric and grid: the browser lays them out by
their content, so that no number is ever cut off, and a refresh sends text alone.
"""

from __future__ import annotations

import colorsys
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from dashboard.status import Status

HERE = Path(__file__).parent
CSS, ICON = HERE / "theme.css", HERE / "icon.svg"

TEXT, MUTED, LINE, PANEL = "#dce3ee", "#8b97ad", "#26304a", "#142136"
GREEN, RED, AMBER = "#4fd08a", "#ff8f8f", "#f5b041"
CURRENCY_COLORS = {"USD": "#4c9aff", "EUR": "#f5b041", "GBP": "#af7ac5"}
PRODUCT_COLORS = {
    "bond": "#5dade2",
    "swap": "#48c9b0",
    "floating_rate_note": "#f9e79f",
    "basis_swap": "#f5b041",
    "zero_coupon_swap": "#af7ac5",
    "fra": "#ec7063",
    "ir_future": "#a9cce3",
}
HOP_COLORS = ("#5dade2", "#48c9b0", "#f5b041", "#af7ac5", "#ec7063")


SPARK = "#4c9aff"
SPARK_WIDTH, SPARK_HEIGHT = 100.0, 28.0
"""Size of a sparkline in its own coordinates; the style sheet stretches it to its card."""

Tone = Literal["", "up", "down"]


@dataclass(frozen=True)
class Card:
    """One number with its label, a note below it, a hint for hovering, and its recent past.

    The sparkline has one colour whatever the numbers do: green and red belong to the note,
    whose sign they show (``tone``).
    """

    label: str
    value: str
    note: str = ""
    hint: str = ""
    tone: Tone = ""
    points: Sequence[float] = ()
    bars: bool = False


@dataclass(frozen=True)
class Column:
    """A column of a small table: its title, and whether it holds numbers or signed money."""

    title: str
    kind: Literal["text", "number", "signed"] = "text"


def currency_color(currency: str) -> str:
    """The same colour for the same currency everywhere."""
    return CURRENCY_COLORS.get(currency) or _color_of_code(currency)


def _color_of_code(code: str) -> str:
    """Return a light colour derived from the code, so that all processes agree."""
    hue = zlib.crc32(code.encode()) % 360 / 360
    rgb = colorsys.hls_to_rgb(hue, 0.68, 0.6)
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
    """The same colour for the same product everywhere."""
    return PRODUCT_COLORS.get(product) or _color_of_code(product)


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
    return (
        f'<div class="card" title="{escape(card.hint)}">'
        f'<span class="label">{escape(card.label)}</span>'
        f'<span class="value">{escape(card.value)}</span>'
        f'<span class="delta {card.tone}">{arrow}{escape(card.note)}</span>'
        f"{sparkline(card.points, bars=card.bars)}</div>"
    )


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
        f'<polyline points="{places}" fill="none" stroke="{SPARK}" stroke-width="1.5" '
        'vector-effect="non-scaling-stroke"/>'
    )


def _bars(heights: Sequence[float]) -> str:
    step = SPARK_WIDTH / len(heights)
    return "".join(
        f'<rect x="{i * step:.1f}" y="{SPARK_HEIGHT - h:.1f}" width="{0.8 * step:.1f}" '
        f'height="{h:.1f}" fill="{SPARK}"/>'
        for i, h in enumerate(heights)
    )


def table(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> str:
    """A small table of texts that are formatted already; signed money is green or red."""
    titles = "".join(f'<th class="{c.kind}">{escape(c.title)}</th>' for c in columns)
    lines = "".join(
        f"<tr>{''.join(_cell(c, text) for c, text in zip(columns, row, strict=True))}</tr>"
        for row in rows
    )
    return (
        '<div class="small-table"><table>'
        f"<thead><tr>{titles}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def _cell(column: Column, text: str) -> str:
    tone = {"+": " up", "-": " down"}.get(text[:1], "") if column.kind == "signed" else ""
    return f'<td class="{column.kind}{tone}" title="{escape(text)}">{escape(text)}</td>'
