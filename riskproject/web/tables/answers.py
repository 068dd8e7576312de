"""Give the tables of an answer as files: ``?format=csv``, ``xlsx``, ``ndjson``, ``arrow``, ...

A view names its tables. Their columns are the fields of the serializers that document the answer,
so that a new field is a new column. ``table=`` chooses one of several, ``fields=`` its columns; a
workbook holds all tables of one answer, a sheet each.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, ClassVar, cast

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings

from pricing.errors import shortened
from riskproject.web.slots import Slots
from riskproject.web.tables.column_names import LOCAL, column_name
from riskproject.web.tables.formats import FORMATS, Columns, TableFormat, of_rows

Json = dict[str, Any]
FIELDS, TABLE = "fields", "table"
FILE_PARAMETERS = (FIELDS, TABLE)
BROWSABLE = "api"
"""Format of DRF's pages for browsers, which exist only with DEBUG."""

FILES_PER_USER, FILES_PER_PROCESS = 2, 4
"""Number of files that a web process writes at once, for one user and in all."""

_slots = Slots(
    "files", "wait for one of them to end", "try again in a few seconds", retry_after_s=5
)


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: In ``fields=``, and the key of the row's value; a dot parts the keys of nested values.
        unit: Key of ``column_names.SUFFIXES``; None: as the name says; empty: none.
        is_date: A text is a date.
        is_json: A value is shown as JSON, as files of the master have it.
        is_optional: Left out of the file when no row has it.
    """

    name: str
    unit: str | None = None
    is_date: bool = False
    is_json: bool = False
    is_optional: bool = False

    @property
    def title(self) -> str:
        """The name that ``fields=`` takes."""
        return self.name.replace(".", "_")

    def header(self, money: str) -> str:
        """The name in files."""
        return column_name(self.title, money, self.unit)

    def value(self, row: Mapping[str, Any]) -> Any:
        """The cell of a row; None where it has none."""
        found: Any = row
        for key in self.name.split("."):
            found = found.get(key) if found is not None else None
        if self.is_date and isinstance(found, str):
            return dt.date.fromisoformat(found)
        if self.is_json and found is not None:
            return json.dumps(found, separators=(",", ":"))
        return flat(found)


def flat(value: Any) -> Any:
    """A value of one cell: a list of words, and reasons by name, are text."""
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {flat(inner)}" for name, inner in value.items())
    if isinstance(value, list | tuple):
        if any(isinstance(inner, Mapping | list | tuple) for inner in value):
            return json.dumps(value, separators=(",", ":"), default=str)
        return "; ".join(map(str, value))
    return value


@lru_cache
def columns_of(serializer: Any, prefix: str = "") -> tuple[Column, ...]:
    """The columns of a serializer's fields; lists of rows and ladders are tables of their own."""
    found: list[Column] = []
    for name, field in serializer().fields.items():
        if isinstance(field, serializers.Serializer):
            found += columns_of(type(field), f"{prefix}{name}.")
        elif not isinstance(field, serializers.ListSerializer) and not _is_ladder(field):
            found.append(
                Column(
                    f"{prefix}{name}",
                    is_date=isinstance(field, serializers.DateField),
                    is_json=isinstance(field, serializers.JSONField),
                    is_optional=not field.required and not field.read_only,
                )
            )
    return tuple(found)


def without_units(columns: Iterable[Column]) -> tuple[Column, ...]:
    """Columns whose names mean something else than those of measures."""
    return tuple(replace(column, unit="") for column in columns)


def _is_ladder(field: Any) -> bool:
    return isinstance(field, serializers.DictField) and isinstance(
        field.child, serializers.DictField
    )


@dataclass(frozen=True)
class AnswerTable:
    """One table of an answer.

    Attributes:
        columns: In their order.
        rows: Makes the rows of an answer.
        shown: Columns that a file has unless ``fields=`` names others; None: all.
    """

    columns: Sequence[Column]
    rows: Callable[[Json], Iterable[Mapping[str, Any]]]
    shown: Sequence[str] | None = None

    def chosen(self, fields: Sequence[str] | None) -> list[Column]:
        """The columns that are asked for, in that order.

        Raises:
            ValidationError: There is no such column.
        """
        by_title = {column.title: column for column in self.columns}
        if fields is None:
            return list(self.columns) if self.shown is None else [by_title[n] for n in self.shown]
        unknown = [name for name in fields if name not in by_title]
        if unknown:
            word = shortened(repr(unknown[0]))
            raise ValidationError(
                {FIELDS: [f"fields: {word} is not valid; allowed: {', '.join(by_title)}"]}
            )
        return [by_title[name] for name in fields]

    def filled(self, name: str, answer: Json, fields: Sequence[str] | None, money: str) -> Columns:
        """The table of an answer."""
        columns, rows = self.chosen(fields), list(self.rows(answer))
        if rows and fields is None:
            columns = [c for c in columns if not c.is_optional or any(c.name in r for r in rows)]
        lines = ([column.value(row) for column in columns] for row in rows)
        return of_rows(name, [column.header(money) for column in columns], lines)


class FileRenderer(BaseRenderer):
    """Passes on the bytes of a file, which the view has made."""

    render_style = "binary"
    charset = None
    table_format: TableFormat

    def render(self, data: Any, *_: Any, **__: Any) -> bytes:
        """The bytes; a problem document of a caller that is refused earlier stays JSON."""
        return data if isinstance(data, bytes) else JSONRenderer().render(data)


RENDERERS: tuple[type[FileRenderer], ...] = tuple(
    type(
        f"{name.title()}Renderer",
        (FileRenderer,),
        {
            "media_type": found.media_type,
            "format": name,
            "table_format": found,
            "charset": "utf-8" if found.media_type.startswith("text/") else None,
        },
    )
    for name, found in FORMATS.items()
)
JSON: Sequence[type[BaseRenderer]] = cast(Any, api_settings.DEFAULT_RENDERER_CLASSES)
JSON_AND_FILES: tuple[type[BaseRenderer], ...] = (*JSON, *RENDERERS)


class Negotiation(DefaultContentNegotiation):
    """Refuses a ``format=`` that an address does not have with a sentence."""

    def filter_renderers(self, renderers: Any, format: str) -> Any:
        """The renderers of this format.

        Raises:
            ValidationError: There are none; it names those that the address has.
        """
        found = [renderer for renderer in renderers if renderer.format == format]
        if not found:
            names = (renderer.format for renderer in renderers)
            allowed = ", ".join(name for name in names if name != BROWSABLE)
            word = shortened(repr(format))
            raise ValidationError({"format": [f"format: {word} is not valid; allowed: {allowed}"]})
        return found


def file_format(request: Request) -> TableFormat | None:
    """The format of the file that is asked for; None for JSON."""
    renderer = getattr(request, "accepted_renderer", None)
    return renderer.table_format if isinstance(renderer, FileRenderer) else None


class TableAnswers:
    """A view whose answers are also given as files; a mixin of ``APIView``."""

    tables: ClassVar[Mapping[str, AnswerTable]]
    """Tables by name; the first is given unless ``table=`` names another."""

    renderer_classes: Any = JSON_AND_FILES

    def answer(self, request: Request, data: Json, money: str | None = None) -> Response:
        """The answer in the format that was asked for.

        Args:
            request: Of the caller.
            data: The answer.
            money: Currency of all amounts; None where rows differ.

        Raises:
            ValidationError: ``table`` or ``fields`` is not valid, or the file would be too long.
        """
        found = file_format(request)
        names, fields = self.asked(request)
        if found is None:
            return Response(data)
        with file_slot(request):
            filled = [
                self.tables[name].filled(name, data, fields, money or LOCAL) for name in names
            ]
            return file_response(found, filled)

    def asked(self, request: Request) -> tuple[list[str], list[str] | None]:
        """Names of the tables, and of columns; None: the usual ones.

        Raises:
            ValidationError: They are not valid, or are given for JSON.
        """
        found = file_format(request)
        name, words = request.query_params.get(TABLE), request.query_params.get(FIELDS)
        if found is None and (name or words):
            which = TABLE if name else FIELDS
            sentence = f"{which}: is of files: add format={', '.join(FORMATS)}, or leave it out"
            raise ValidationError({which: [sentence]})
        if name and name not in self.tables:
            word, allowed = shortened(repr(name)), ", ".join(self.tables)
            raise ValidationError({TABLE: [f"table: {word} is not valid; allowed: {allowed}"]})
        if words is not None and not words.strip(","):
            raise ValidationError({FIELDS: ["fields: names no column"]})
        fields = list(dict.fromkeys(filter(None, words.split(",")))) if words else None
        if name:
            return [name], fields
        all_of_them = found is not None and found.holds_several and fields is None
        return list(self.tables)[: None if all_of_them else 1], fields


def file_response(found: TableFormat, tables: Sequence[Columns]) -> Response:
    """The bytes of tables.

    Raises:
        ValidationError: A table is too long for the format.
    """
    for table in tables:
        check_length(found, len(table), table.name)
    response = Response(found.write(tables))
    response["Content-Disposition"] = f'attachment; filename="{tables[0].name}.{found.name}"'
    return response


def check_length(found: TableFormat, rows: int, what: str = "the table") -> None:
    """Refuse a file that is too long.

    Raises:
        ValidationError: It has too many rows.
    """
    if rows > found.most_rows:
        raise ValidationError(
            {
                "format": [
                    f"format: {what} has {rows:,} rows, and {found.name} at most"
                    f" {found.most_rows:,}: filter them, read pages, or take another format"
                ]
            }
        )


@contextlib.contextmanager
def file_slot(request: Request) -> Iterator[None]:
    """Count a file while it is written: it takes memory and a thread.

    Raises:
        TooMany: The caller, or this web process, writes too many.
    """
    slot = _slots.take(request.user.pk, FILES_PER_USER, FILES_PER_PROCESS)
    try:
        yield
    finally:
        _slots.release(slot)


def parameters(tables: Iterable[str]) -> list[OpenApiParameter]:
    """The query parameters of files, for the schema."""
    first, *others = tables
    text = "Columns of a file, comma-separated, by the names that JSON has for them"
    found = [OpenApiParameter(FIELDS, str, OpenApiParameter.QUERY, description=text)]
    if others:
        text = f"Of a file; default: {first}, and of a workbook all of them, a sheet each"
        found.append(
            OpenApiParameter(
                TABLE, str, OpenApiParameter.QUERY, description=text, enum=list(tables)
            )
        )
    return found


def document(result: Json, generator: object, request: object, public: bool) -> Json:
    """Describe the files in the schema: they are text or bytes, not what the JSON is."""
    for operations in result["paths"].values():
        for operation in operations.values():
            for response in operation.get("responses", {}).values():
                for found in FORMATS.values():
                    if found.media_type in response.get("content", {}):
                        text = found.media_type.startswith("text/")
                        schema = {"type": "string"} | ({} if text else {"format": "binary"})
                        response["content"][found.media_type] = {"schema": schema}
    return result
