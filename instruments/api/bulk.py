"""Create or update many rows in one call, from JSON, CSV, XLSX or FpML, with a result per row."""

from __future__ import annotations

from typing import IO, Any, ClassVar, cast

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from instruments import access, loading
from instruments.api.idempotency import HEADER, repeatable
from instruments.api.refusals import Conflict, check_query
from riskproject.web import json_parser, problems
from riskproject.web.throttles import PerAddress, PerUser, Uploads

YES_NO = {"true": True, "1": True, "false": False, "0": False, "": False}


class FileParser(BaseParser):
    """The bytes of a file; the importer reads them."""

    def parse(self, stream: IO[Any], media_type: Any = None, parser_context: Any = None) -> Any:
        """Return all bytes of the file, unless it is too long."""
        return json_parser.read(stream, settings.API_BULK_BYTES)


class CsvParser(FileParser):
    """Text with a header line."""

    media_type = "text/csv"


class XlsxParser(FileParser):
    """A workbook; `sheet` names the one that is meant when several hold cells."""

    media_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class XmlParser(FileParser):
    """An FpML 5 document."""

    media_type = "application/xml"


class RowAnswer(serializers.Serializer[Any]):
    row = serializers.IntegerField(help_text="From 1; in a file as a spreadsheet counts")
    id = serializers.CharField()
    status = serializers.CharField(help_text="new, update, skip or error")
    row_errors = serializers.DictField(help_text="Sentences by column")
    row_warnings = serializers.DictField(
        help_text="Warnings by column: values that were accepted but may be mistakes"
    )
    changes = serializers.DictField(help_text="Old and new text by column")


class BulkAnswer(serializers.Serializer[Any]):
    written = serializers.BooleanField()
    dry_run = serializers.BooleanField()
    counts = serializers.DictField(child=serializers.IntegerField())
    book_version = serializers.IntegerField()
    rows = RowAnswer(many=True, help_text="All rows without errors, and the first rows with errors")
    errors_left_out = serializers.IntegerField(help_text="Rows with errors that are not in rows")


def _switch(name: str, text: str) -> OpenApiParameter:
    return OpenApiParameter(
        name, {"type": "string", "enum": ["true", "false"]}, "query", description=text
    )


class BulkMixin:
    """Adds ``bulk/`` to a table; the importer is the one of admin and commands."""

    bulk_kind: ClassVar[str]

    @extend_schema(
        parameters=[
            _switch("dry_run", "Check and compare; write nothing"),
            _switch("partial", "Write the valid rows although others are invalid"),
            OpenApiParameter(
                "sheet", str, description=("Required for a workbook with several sheets")
            ),
            OpenApiParameter(HEADER, str, OpenApiParameter.HEADER),
        ],
        request={
            "application/json": {"type": "array", "items": {"type": "object"}},
            CsvParser.media_type: {"type": "string"},
            XlsxParser.media_type: {"type": "string", "format": "binary"},
            XmlParser.media_type: {"type": "string"},
        },
        responses=BulkAnswer,
        filters=False,
    )
    @action(
        detail=False,
        methods=["post"],
        parser_classes=(json_parser.LongJSONParser, CsvParser, XlsxParser, XmlParser),
        throttle_classes=(PerAddress, PerUser, Uploads),
        pagination_class=None,
        filter_backends=(),
    )
    @repeatable
    def bulk(self, request: Request, **kwargs: Any) -> Response:
        """Add and change many rows: all of them, or, unless `partial`, none.

        A row whose id exists changes what it names; columns that are not there stay.
        """
        check_query(request.query_params, ("dry_run", "partial", "sheet", "format"))
        dry_run, partial = _flag(request, "dry_run"), _flag(request, "partial")
        kind = loading.KINDS[self.bulk_kind]
        user = cast(Any, request.user)
        try:
            result = loading.load(
                kind,
                _rows(request, kind),
                user=user,
                reason=f"POST {request.path}",
                dry_run=dry_run,
                partial=partial,
                books=access.books_written(user),
                books_seen=access.books_seen(user),
            )
        except loading.Conflict as error:
            raise Conflict(str(error)) from None
        except loading.BadFile as error:
            raise ValidationError({"rows": [str(error)]}) from None
        if result.failed and not dry_run and not partial:
            return _refused(result)
        return Response(_answer(result, dry_run))


def _flag(request: Request, name: str) -> bool:
    word = request.query_params.get(name, "").lower()
    if word not in YES_NO:
        raise ValidationError({name: [f"{name}: {word!r} is not valid; allowed: true, false"]})
    return YES_NO[word]


def _rows(request: Request, kind: loading.TableSpec) -> loading.Table:
    content, sheet = request.data, request.query_params.get("sheet")
    if isinstance(content, bytes):
        try:
            return loading.read_table(content, kind, sheet=sheet)
        except loading.BadFile as error:
            raise ParseError(str(error), code="bad_file") from None
    if sheet is not None:
        raise ValidationError({"sheet": [f"sheet: {sheet!r}: only a workbook has sheets"]})
    if not content and "json" not in str(request.content_type):
        raise ParseError("The file is empty", code="bad_file")
    if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
        raise ValidationError({"rows": ["send a JSON array of objects, one a row"]})
    return loading.Table.of(content)


def _answer(result: loading.LoadResult, dry_run: bool) -> dict[str, Any]:
    named = _named(result)
    left_out = sum(row.status == "error" for row in result.rows) - len(named)
    numbers = {row.row for row in named}
    return {
        "written": result.written,
        "dry_run": dry_run,
        "counts": result.counts,
        "book_version": result.book_version,
        "rows": [_row(r) for r in result.rows if r.status != "error" or r.row in numbers],
        "errors_left_out": left_out,
    }


def _named(result: loading.LoadResult) -> list[loading.RowResult]:
    """Return the first rows with errors, up to the number of reported messages."""
    named: list[loading.RowResult] = []
    sentences = 0
    for row in result.rows:
        if sentences >= loading.SENTENCES:
            break
        if row.errors:
            named.append(row)
            sentences += len(row.sentences())
    return named


def _row(row: loading.RowResult) -> dict[str, Any]:
    return {
        "row": row.row,
        "id": row.id,
        "status": row.status,
        "row_errors": row.errors,
        "row_warnings": row.warnings,
        "changes": {name: list(change) for name, change in row.changes.items()},
    }


def _refused(result: loading.LoadResult) -> Response:
    """A problem document: the first sentences, and the rows they are about."""
    bad = [row for row in result.rows if row.errors]
    sentences = result.sentences()
    detail = f"{len(bad)} of {len(result.rows)} rows are wrong, nothing is written: {sentences[0]}"
    body = problems.problem(400, detail, sentences, "BAD_ROWS")
    named = _named(result)
    body["rows"] = [_row(row) for row in named]
    body["errors_left_out"] = len(bad) - len(named)
    return Response(body, status=400, content_type=problems.MEDIA_TYPE)
