"""Map a table's fields to file columns: how each is read, written and documented."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import models

from instruments.loading import cells
from pricing.markets import conventions, vocabulary
from pricing.products.registry import PRODUCT_NAMES

MOST_WHOLE = 32_767

NAMES: Mapping[str, tuple[str, ...]] = {
    "currency": conventions.CURRENCIES,
    "amounts_in": conventions.CURRENCIES,
    "trade_type": PRODUCT_NAMES,
    "index": tuple(conventions.INDICES),
    **dict.fromkeys(
        ("floating_index", "stub_index", "first_index", "second_index"), tuple(conventions.INDICES)
    ),
    **dict.fromkeys(
        ("discount_curve", "forecast_curve", "first_forecast_curve", "second_forecast_curve"),
        tuple(conventions.CURVES),
    ),
    "calendar": vocabulary.CALENDARS,
    "business_day_convention": vocabulary.ROLLS,
    **dict.fromkeys(
        ("payment_frequency", "float_frequency", "first_frequency", "second_frequency"),
        vocabulary.FREQUENCIES,
    ),
    "fixed_frequency": vocabulary.PERIODIC_FREQUENCIES,
    **dict.fromkeys(("day_count", "fixed_day_count", "float_day_count"), vocabulary.DAY_COUNTS),
}
"""Allowed values of fields that hold the name of a market row. Which of them a row may have is
checked by its model."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table's files.

    Attributes:
        name: Name in the header, in JSON, and of the field.
        parse: Converts a cell that is not empty.
        required: Whether a new row needs it.
        empty: Value of the field for an empty cell.
        keeps: Whether an empty cell leaves a stored value unchanged, and a new row at its default.
        is_text: Whether a value that looks like a formula is written with an apostrophe.
        refers: The table whose codes the column holds.
        meaning: Description for users.
        allowed: Description of the allowed values, for users.
    """

    name: str
    parse: cells.Parse
    required: bool
    meaning: str
    allowed: str
    empty: object = None
    keeps: bool = False
    is_text: bool = False
    refers: type[models.Model] | None = None
    virtual: bool = False

    def text(self, row: Any) -> str:
        """The cell of a stored row."""
        value = getattr(row, self.name, None)
        if self.refers is not None:
            return "" if value is None else str(value.code)
        return cells.as_text(value)


def column(field: Any, *, meaning: str = "", names: tuple[str, ...] = ()) -> Column:
    """Return the column of a model's field.

    Args:
        field: Of a model.
        meaning: Replaces the field's help text.
        names: Allowed values, if the field itself has no choices.
    """
    parse, allowed = _reader(field)
    words = names or NAMES.get(field.name, ())
    return Column(
        name=field.name,
        parse=parse,
        required=not (field.blank or field.has_default()),
        empty=None if field.null else "",
        keeps=field.has_default(),
        is_text=isinstance(field, models.CharField | models.TextField | models.ForeignKey),
        refers=field.related_model if field.is_relation else None,
        meaning=meaning or str(field.help_text) or str(field.verbose_name),
        allowed=", ".join(words) if words else allowed,
    )


def _reader(field: Any) -> tuple[cells.Parse, str]:
    """How a cell of the field is read, and what is allowed in it."""
    if field.is_relation:
        return cells.text(64), f"a code of {field.related_model._meta.verbose_name_plural}"
    if field.choices:
        words = tuple(str(value) for value, _ in field.choices)
        return cells.choice(words), ", ".join(words)
    for kind, make in READERS:
        if isinstance(field, kind):
            return make(field)
    raise TypeError(f"no way to read a {type(field).__name__} from a file")


Made = tuple[cells.Parse, str]


def _number(field: Any) -> Made:
    digits, places = field.max_digits, field.decimal_places
    return cells.number(digits, places), f"a number, at most {places} decimal places"


READERS: tuple[tuple[type[Any], Callable[[Any], Made]], ...] = (
    (models.DecimalField, _number),
    (models.DateField, lambda field: (cells.date, "a date such as 2025-02-10")),
    (models.BooleanField, lambda field: (cells.yes_no, "true, false")),
    (
        models.PositiveSmallIntegerField,
        lambda field: (cells.whole(MOST_WHOLE), "a whole number"),
    ),
    (models.JSONField, lambda field: (cells.json_list, "a JSON list")),
    (
        models.CharField,
        lambda field: (
            cells.text(field.max_length),
            f"text, at most {field.max_length} characters",
        ),
    ),
)
