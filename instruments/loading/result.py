"""The result of a load, row by row, with messages for users."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

STATUSES = ("new", "update", "skip", "error")
WHOLE_ROW = "row"
"""Key of errors that concern no single column."""

SENTENCES = 50

Errors = dict[str, list[str]]
Changes = dict[str, tuple[str, str]]


@dataclass(slots=True)
class RowResult:
    """The outcome of one row.

    Attributes:
        row: Its number, as a spreadsheet counts when it came from a file.
        id: What it is called; empty when that could not be read.
        status: new, update, skip (nothing would change) or error.
        errors: Sentences by column.
        warnings: Warnings by column: values that were accepted but may be mistakes.
        changes: Old and new text by column; a new row has empty old ones.
    """

    row: int
    id: str
    status: str = "skip"
    errors: Errors = field(default_factory=dict)
    changes: Changes = field(default_factory=dict)
    warnings: Errors = field(default_factory=dict)

    def refuse(self, column: str, sentence: str) -> None:
        """Add an error."""
        self.errors.setdefault(column, []).append(sentence)
        self.status = "error"

    def sentences(self) -> list[str]:
        """Return each error with its column."""
        return self._placed(self.errors)

    def doubts(self) -> list[str]:
        """Return each warning with its column."""
        return self._placed(self.warnings)

    def _placed(self, by_column: Errors) -> list[str]:
        return [
            f"row {self.row}: {'' if name == WHOLE_ROW else f'column {name}: '}{sentence}"
            for name, sentences in by_column.items()
            for sentence in sentences
        ]


@dataclass(slots=True)
class LoadResult:
    """The outcome of all rows, in order; ``written`` is True when the database was changed."""

    rows: list[RowResult] = field(default_factory=list)
    written: bool = False
    book_version: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """Return the number of rows by status, including statuses without rows."""
        found = Counter(row.status for row in self.rows)
        return {status: found[status] for status in STATUSES}

    @property
    def failed(self) -> bool:
        """Return whether any row has an error."""
        return any(row.status == "error" for row in self.rows)

    def sentences(self, limit: int = SENTENCES) -> list[str]:
        """The first errors, each with row and column, and how many more there are."""
        return _first([s for row in self.rows if row.errors for s in row.sentences()], limit)

    def doubts(self, limit: int = SENTENCES) -> list[str]:
        """The first warnings, each with row and column, and how many more there are."""
        return _first([s for row in self.rows if row.warnings for s in row.doubts()], limit)


def _first(sentences: list[str], limit: int) -> list[str]:
    more = len(sentences) - limit
    return sentences[:limit] + ([f"and {more} more"] if more > 0 else [])
