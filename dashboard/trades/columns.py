"""The columns that the blotter can show: titles, formats, and which are shown at first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from pricing.measures.table import TABLE
from risk.queries.trade_fields import FIELDS, PER_YEAR

Kind = Literal["text", "number", "date"]


@dataclass(frozen=True)
class ShownColumn:
    """One column of the blotter.

    Attributes:
        name: Of the column in ``Trades.table``.
        title: On the screen.
        kind: What its values are.
        number_format: Of a number, as a format of C's ``printf`` with "," for thousands.
        scale: What a number is multiplied by on the screen: 100 makes percent of decimals.
        file_name: In files, where numbers are not scaled.
        width: On the screen, pixels; None: as wide as its contents.
    """

    name: str
    title: str
    kind: Kind
    number_format: str = ""
    scale: float = 1.0
    file_name: str = ""
    width: int | None = None

    @property
    def in_files(self) -> str:
        """The name in files."""
        return self.file_name or self.name


def _text(name: str, title: str, width: int | None = None) -> ShownColumn:
    return ShownColumn(name, title, "text", width=width)


FORMATS = {"quantity": "%,.0f", "spread_bp": "%.2f", "price": "%.4f"}
FILE_NAMES = {"price": "price_per_100"}
WIDTHS = {
    "instrument": 205,
    "issuer": 80,
    "side": 60,
    "quantity": 95,
    "quantity_of": 75,
    "rate": 110,
}


def _fields() -> list[ShownColumn]:
    """The columns of the table of trade fields; rates in percent."""
    found = []
    for field in FIELDS:
        is_rate = field.unit == PER_YEAR
        found.append(
            ShownColumn(
                field.name,
                f"{field.label} %" if is_rate else field.label,
                field.kind,
                "%.4f" if is_rate else FORMATS.get(field.name, ""),
                100.0 if is_rate else 1.0,
                f"{field.name}_decimal" if is_rate else FILE_NAMES.get(field.name, ""),
                WIDTHS.get(field.name, 90),
            )
        )
    return found


COLUMNS = (
    _text("trade", "Trade", 115),
    _text("currency", "Ccy", 50),
    _text("desk", "Desk", 95),
    _text("book", "Book", 120),
    _text("product", "Product", 95),
    *_fields(),
    *(
        ShownColumn(row.name, row.label, "number", row.number_format, width=90)
        for row in TABLE
        if row.in_blotter
    ),
    ShownColumn("pnl", "P&L today", "number", "%,.0f", width=85),
    _text("why", "Moved by", 165),
    _text("status", "Status", 80),
    _text("message", "Message"),
)
BY_NAME: Mapping[str, ShownColumn] = MappingProxyType({c.name: c for c in COLUMNS})
BY_TITLE: Mapping[str, ShownColumn] = MappingProxyType({c.title: c for c in COLUMNS})
TEXTS = tuple(column.name for column in COLUMNS if column.kind == "text")
USUAL = (
    *("trade", "currency", "instrument", "side", "quantity", "maturity", "npv", "pnl", "why"),
    *("dv01_par", "price", "market_rate", "rate", "issuer", "book", "status"),
)
"""Columns that are shown unless the user chooses others, in this order: those that change with
ticks are on the left."""


def chosen(titles: list[str]) -> list[ShownColumn]:
    """The columns of these titles, in the order of the table; the usual ones where none is."""
    found = [column for column in COLUMNS if column.title in titles]
    return found or [BY_NAME[name] for name in USUAL]
