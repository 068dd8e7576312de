"""Write the measures of docs/glossary.md from the table of measures.

python -m docs.make_glossary
"""

from __future__ import annotations

from pathlib import Path

from pricing.measures.table import TABLE, Measure
from pricing.products.registry import PRODUCTS

PAGE = Path(__file__).resolve().parent / "glossary.md"
BEGIN, END = "<!-- measures -->\n", "<!-- end -->\n"

MADE = {
    "frame": "every frame",
    "later": "after frames, at a lower cadence",
    "batch": "`manage.py price`",
}


def with_measures(text: str) -> str:
    """The page with its table of measures made anew."""
    before, rest = text.split(BEGIN)
    after = rest.split(END, 1)[1]
    return f"{before}{BEGIN}{table()}{END}{after}"


def table() -> str:
    """A row for each measure."""
    head = "| measure | definition | unit | sign | products | sums | made |\n"
    return head + "|---|---|---|---|---|---|---|\n" + "".join(_row(row) for row in TABLE)


def _row(row: Measure) -> str:
    name = f"`{row.name}`" + (f", from the next release `{row.new_name}`" if row.new_name else "")
    having = [product for product in PRODUCTS if row.supports(product)]
    products = "all" if row.every_product else ", ".join(having)
    sums = "yes" if row.additive else "no"
    cells = (name, row.doc, row.unit, row.sign, products, sums, MADE[row.made])
    return "| " + " | ".join(cells) + " |\n"


if __name__ == "__main__":
    PAGE.write_text(with_measures(PAGE.read_text()))
