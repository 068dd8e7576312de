"""Write the contents list of every long page: one link to each of its sections.

python -m docs.make_contents
"""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parent
PAGES = (DOCS.parent / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md")))
BEGIN, END = "<!-- contents -->\n", "<!-- end of contents -->\n"
LONG_WORDS = 1_200
"""A page with more words than this has a contents list."""

_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)


def with_contents(text: str) -> str:
    """Return the page with its contents list made anew; a short page stays as it is."""
    bare = re.sub(rf"{BEGIN}.*?{END}\n?", "", text, flags=re.DOTALL)
    sections = _SECTION.findall(_FENCE.sub("", bare))
    if len(bare.split()) <= LONG_WORDS or not sections:
        return bare
    links = " ·\n".join(f"[{title}](#{slug(title)})" for title in sections)
    before, after = re.split(r"^(?=## )", bare, maxsplit=1, flags=re.MULTILINE)
    return f"{before}{BEGIN}**On this page:**\n{links}\n{END}\n{after}"


def slug(title: str) -> str:
    """Return the anchor that GitHub gives to a heading."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(with_contents(page.read_text()))
