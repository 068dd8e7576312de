"""Load files and rows into the security master, and export them, for admin, commands and REST."""

from instruments.loading.errors import BadFile, Conflict
from instruments.loading.loader import load
from instruments.loading.result import SENTENCES, LoadResult, RowResult
from instruments.loading.table_spec import TableSpec
from instruments.loading.table_specs import KINDS, kind_of
from instruments.loading.tables import MOST_BYTES, MOST_ROWS, Table, read_table
from instruments.loading.writing import CONTENT_TYPES, FORMATS, export, template

__all__ = (
    "CONTENT_TYPES",
    "FORMATS",
    "KINDS",
    "MOST_BYTES",
    "MOST_ROWS",
    "SENTENCES",
    "BadFile",
    "Conflict",
    "TableSpec",
    "LoadResult",
    "RowResult",
    "Table",
    "export",
    "kind_of",
    "load",
    "read_table",
    "template",
)
