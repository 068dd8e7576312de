"""Colours and small pieces of HTML: the status line, tags, headings. All data is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from dashboard.status import Status

HERE = Path(__file__).parent
CSS, ICON = HERE / "theme.css", HERE / "icon.svg"

TEXT, MUTED, LINE, PANEL = "#dce3ee", "#8b97ad", "#26304a", "#142136"
GREEN, RED, AMBER = "#4fd08a", "#ff8f8f", "#f5b041"
CURRENCY_COLORS = {"USD": "#4c9aff", "EUR": "#f5b041", "GBP": "#af7ac5"}
PRODUCT_COLORS = {"bond": "#5dade2", "swap": "#48c9b0"}
HOP_COLORS = ("#5dade2", "#48c9b0", "#f5b041", "#af7ac5", "#ec7063")
OTHER_COLOR = "#9aa5b8"


def currency_color(currency: str) -> str:
    """The same colour for the same currency everywhere."""
    return CURRENCY_COLORS.get(currency, OTHER_COLOR)


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
    """Who is logged in, and the way out."""
    name = escape(user)
    if not url:
        return f'<span class="note">{name}</span>'
    return f'<a class="note" href="{escape(url)}" title="Your login: log out there">{name}</a>'


def refusal(sentence: str, link: str, url: str) -> str:
    """The page of who may not see risk."""
    way = f'<a href="{escape(url)}">{escape(link)}</a>' if link and url else ""
    return f'<div class="refusal"><h1>Rates Risk</h1><p>{escape(sentence)}</p>{way}</div>'
