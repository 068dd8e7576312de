"""What a list of trades says of each trade beside its numbers, for one trade and for a block.

A block keeps it as columns, as it keeps its flows: processes that only price copy bytes.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from pricing.arrays import IntArray, RecordArray
from pricing.markets.calendars import date_of, day_of

SIDES = ("", "long", "short", "pay", "receive")
"""Sides of a position and of a fixed leg; of a basis swap, of the first leg."""

QUANTITIES = ("", "face", "notional", "contracts")
"""What a quantity counts: money of face or of notional, or contracts."""

NO_DAY = np.iinfo(np.int32).min


class Headline(NamedTuple):
    """The terms of a trade in one line.

    Attributes:
        instrument: Name of the security, code of the contract, or convention or index of a swap.
        issuer: Code of the issuer of a bond; empty where none is known, and of other products.
        side: One of ``SIDES``.
        quantity: Without a sign; None: unknown.
        quantity_of: One of ``QUANTITIES``.
        rate: Coupon or fixed rate, decimal per year; None where the trade has none.
        spread_bp: On the floating leg, or on the first of two; None where the trade has none.
        maturity: The day on which the trade ends; None: unknown.
    """

    instrument: str = ""
    issuer: str = ""
    side: str = ""
    quantity: float | None = None
    quantity_of: str = ""
    rate: float | None = None
    spread_bp: float | None = None
    maturity: dt.date | None = None


UNKNOWN = Headline()
"""The headline of a trade whose terms cannot be read."""


def side_of(amount: float) -> str:
    """The side of a position by its signed amount."""
    return "short" if amount < 0 else "long"


RECORD = np.dtype(
    [
        ("instrument", "u4"),  # place in ``names``
        ("issuer", "u4"),
        ("side", "u1"),  # place in SIDES
        ("quantity_of", "u1"),  # place in QUANTITIES
        ("maturity", "i4"),  # day number; NO_DAY: unknown
        ("quantity", "f8"),
        ("rate", "f8"),
        ("spread_bp", "f8"),
    ]
)
TEXTS, NUMBERS = ("instrument", "issuer"), ("quantity", "rate", "spread_bp")


@dataclass(frozen=True, eq=False)
class Headlines:
    """The headlines of many trades.

    ``names`` are the texts that the records use, sorted; ``records`` are of type RECORD.
    """

    names: tuple[str, ...]
    records: RecordArray

    @classmethod
    def of(cls, rows: Sequence[Headline]) -> Headlines:
        """The columns of headlines."""
        names = tuple(sorted({text for row in rows for text in (row.instrument, row.issuer)}))
        place = {name: number for number, name in enumerate(names)}
        records = [
            (
                place[row.instrument],
                place[row.issuer],
                SIDES.index(row.side),
                QUANTITIES.index(row.quantity_of),
                NO_DAY if row.maturity is None else day_of(row.maturity),
                *(math.nan if number is None else number for number in _numbers(row)),
            )
            for row in rows
        ]
        return cls(names, np.array(records, dtype=RECORD))

    @classmethod
    def joined(cls, parts: Sequence[Headlines], order: IntArray | None = None) -> Headlines:
        """Return the headlines of several blocks in a given order of all their rows."""
        if not parts:
            return cls.of([])
        texts = {name: np.concatenate([each.text(name) for each in parts]) for name in TEXTS}
        records = np.concatenate([each.records for each in parts])
        if order is not None:
            records = records[order]
            texts = {name: column[order] for name, column in texts.items()}
        names, places = np.unique(np.concatenate(list(texts.values())), return_inverse=True)
        for name, place in zip(texts, places.reshape(len(texts), -1), strict=True):
            records[name] = place
        return cls(tuple(names.tolist()), records)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Headlines):
            return NotImplemented
        same = self.names == other.names
        return same and self.records.tobytes() == other.records.tobytes()

    def __hash__(self) -> int:
        return hash((self.names, self.records.tobytes()))

    def __len__(self) -> int:
        return len(self.records)

    def text(self, name: str) -> Any:
        """A column of text, ``instrument`` or ``side`` say; shape (trades,)."""
        words = {"side": SIDES, "quantity_of": QUANTITIES}.get(name, self.names)
        names = np.array(words, dtype=object)
        return names[self.records[name]] if len(names) else names

    def rows(self, some: IntArray | slice) -> Headlines:
        """Return the headlines of some trades."""
        return Headlines.joined([Headlines(self.names, self.records[some])])

    def __getitem__(self, row: int) -> Headline:
        """The headline of one trade."""
        found = self.records[row]
        day = int(found["maturity"])
        return Headline(
            instrument=self.names[found["instrument"]],
            issuer=self.names[found["issuer"]],
            side=SIDES[found["side"]],
            quantity_of=QUANTITIES[found["quantity_of"]],
            **{name: _known(float(found[name])) for name in NUMBERS},
            maturity=None if day == NO_DAY else date_of(day),
        )


def _numbers(row: Headline) -> tuple[float | None, ...]:
    return row.quantity, row.rate, row.spread_bp


def _known(number: float) -> float | None:
    return None if math.isnan(number) else number
