"""Write the parts of pages that name every product, from the tables of the code.

python -m docs.make_products
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from textwrap import fill

import django

from pricing.products.registry import PRODUCTS

FOLDER = Path(__file__).resolve().parent
PAGES = ("file-formats.md", "loading.md", "rest.md")
MARKED = re.compile(r"(<!-- products: (\w+) -->\n).*?(<!-- end -->\n)", re.DOTALL)
WIDTH = 140


def lists() -> str:
    """The fields of a book file, with the ``type`` and legs of their trades in answers."""
    head = "| field | `type` of its trades | default | their legs in `leg_npv` |\n"
    rows = (
        f"| `{row.plural}` | `{row.name}` | `[]` | {_codes(row.legs)} |\n"
        for row in PRODUCTS.values()
    )
    source = '| `source` | none | `""` | a text for people that nothing reads |\n'
    return f"{head}|---|---|---|---|\n{''.join(rows)}{source}"


def addresses() -> str:
    """The address in REST of each product's trades."""
    head = "| address | product | on screens |\n|---|---|---|\n"
    return head + "".join(
        f"| `{row.address}/` | `{row.name}` | {row.label} |\n" for row in PRODUCTS.values()
    )


def order() -> str:
    """Tables of the security master in the order in which their files are loaded."""
    from instruments.loading import KINDS  # Django's models: not before its set-up

    return fill(f"{_codes(KINDS)}.", WIDTH, break_on_hyphens=False) + "\n"


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


PARTS: Mapping[str, Callable[[], str]] = {"lists": lists, "addresses": addresses, "order": order}


def with_products(text: str) -> str:
    """The page with each marked part made anew."""
    return MARKED.sub(lambda found: found[1] + PARTS[found[2]]() + found[3], text)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "riskproject.settings")
    django.setup()
    for name in PAGES:
        page = FOLDER / name
        page.write_text(with_products(page.read_text()))
