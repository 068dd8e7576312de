"""The specification of a loadable table: model, columns, identifying column and an example."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

from django.db import models

from instruments import validation
from instruments.loading import cells
from instruments.loading.columns import Column, column
from instruments.models import Row, Trade
from pricing.errors import BadInput
from pricing.products.registry import PRODUCTS

VERSION = Column(
    name="version",
    parse=cells.whole(2**31 - 1),
    required=False,
    virtual=True,
    meaning="of the row that was exported: a change is refused if the row was saved since",
    allowed="a whole number",
)
TENOR = Column(
    name="tenor",
    parse=cells.text(8),
    required=False,
    virtual=True,
    meaning="may replace termination_date: the swap's length from effective_date",
    allowed="a number and D, W, M or Y, such as 18M or 10Y",
)


@dataclass(frozen=True, kw_only=True)
class TableSpec:
    """The specification of one loadable table.

    Attributes:
        name: Name in commands, URLs and file names.
        model: Its table.
        key: Columns that identify a row.
        fields: Columns that are fields, in the order of files.
        example: One row of a file; its columns are those of the template.
        meanings: Descriptions that replace a field's help text.
        convention_names: Allowed values of the column ``convention``.
        instead: Required columns that another column may replace.
    """

    name: str
    model: type[Row]
    key: tuple[str, ...]
    fields: tuple[str, ...]
    example: Mapping[str, str]
    meanings: Mapping[str, str]
    convention_names: tuple[str, ...] = ()
    instead: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        """All columns by name, in the order of files."""
        made = [self._column(name) for name in self.fields]
        return MappingProxyType({c.name: c for c in (*made, VERSION)})

    def _column(self, name: str) -> Column:
        if name == TENOR.name and self._ends_by_tenor:
            return TENOR
        names = self.convention_names if name == "convention" else ()
        of_model: Any = self.model._meta.get_field(name)
        return column(of_model, meaning=self.meanings.get(name, ""), names=names)

    @property
    def _ends_by_tenor(self) -> bool:
        """Return whether a tenor stands for a date, and is no field of the table itself."""
        return all(field.name != TENOR.name for field in self.model._meta.fields)

    @property
    def stored(self) -> list[Column]:
        """The columns that are fields of the table."""
        return [c for c in self.columns.values() if not c.virtual]

    def described(self) -> list[tuple[Column, str]]:
        """Columns, each with what to say of whether it is required."""
        return [(column, self._requirement(column)) for column in self.columns.values()]

    def _requirement(self, column: Column) -> str:
        if not column.required:
            return ""
        other = self.instead.get(column.name)
        return f"yes, or {other}" if other else "yes"

    @property
    def refused(self) -> Mapping[str, str]:
        """Columns that its trades do not have, each with a sentence that says why."""
        if not issubclass(self.model, Trade):
            return {}
        return PRODUCTS[self.model.product].terms.refused

    def rows(self) -> models.QuerySet[Any]:
        """All rows, with what their columns show."""
        joined = [c.name for c in self.stored if c.refers is not None]
        rows: models.QuerySet[Any] = self.model._base_manager.order_by(*self.key)
        return rows.select_related(*joined) if joined else rows

    def complete(self, values: dict[str, Any], effective_date: Any) -> dict[str, str]:
        """Turn columns that are no fields into ones that are; errors by column."""
        tenor = values.pop(TENOR.name, None) if self._ends_by_tenor else None
        if not tenor or effective_date is None:
            return {}
        try:
            end = validation.end_after(effective_date, tenor)
        except BadInput as error:
            return {TENOR.name: without_name(error)}
        stated = values.get("termination_date")
        if stated is not None and stated != end:
            return {TENOR.name: f"{tenor!r} ends on {end}, but termination_date is {stated}"}
        values["termination_date"] = end
        return {}


def without_name(error: BadInput) -> str:
    """The pricing library's sentence, for a place that names the column itself."""
    return str(error).removeprefix(f"{error.field}: ")
