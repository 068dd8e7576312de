"""Read which rows were written since an earlier read, whoever wrote them.

Triggers note each written row with its transaction (migration 0008). A reader keeps the snapshot of
PostgreSQL that it read with, and asks later for the rows of transactions that this snapshot did not
see. Numbers of transactions have 64 bits here and do not wrap around, and a transaction that began
before an earlier read and was committed after it is seen by the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from django.db import ProgrammingError, connection, transaction
from django.db.migrations import RunSQL
from django.db.models import Model

_SNAPSHOT = "SELECT pg_current_snapshot()::text"
_WRITTEN = """
    SELECT of_table, name FROM instruments_rowchange
    WHERE transaction >= pg_snapshot_xmin(%(since)s::pg_snapshot)
      AND (NOT pg_visible_in_snapshot(transaction, %(since)s::pg_snapshot)
           OR transaction = pg_current_xact_id_if_assigned())
    GROUP BY of_table, name
"""
# Of the deleted notes the newest transaction stays, without a table: a reader whose snapshot does
# not see it has missed something, and reads all.
_DELETE = """
    WITH old AS (
        DELETE FROM instruments_rowchange WHERE began < now() - interval '1 day'
        RETURNING transaction
    ), newest AS (SELECT max(transaction::text::numeric)::text::xid8 AS transaction FROM old)
    INSERT INTO instruments_rowchange (transaction, of_table)
    SELECT transaction, '' FROM newest WHERE transaction IS NOT NULL
"""


TRIGGERS = {
    "INSERT": "REFERENCING NEW TABLE AS written",
    "UPDATE": "REFERENCING OLD TABLE AS replaced NEW TABLE AS written",
    "DELETE": "REFERENCING OLD TABLE AS written",
    "TRUNCATE": "",
}


def note_changes_of(table: str, name: str = "trade_id") -> RunSQL:
    """The operation of a migration that has the rows of a new table noted.

    Args:
        table: A table of trades, or one that their terms are made of.
        name: The column that names a row.
    """
    made = (
        f"CREATE TRIGGER note_{event.lower()} AFTER {event} ON {table} {rows}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION instruments_note_changes('{name}');"
        for event, rows in TRIGGERS.items()
    )
    gone = (f"DROP TRIGGER note_{event.lower()} ON {table};" for event in TRIGGERS)
    return RunSQL("\n".join(made), "\n".join(gone))


@dataclass(frozen=True)
class Written:
    """Names of the rows that were written, by table.

    ``snapshot`` is what the next question is asked with.
    """

    snapshot: str
    names: Mapping[str, frozenset[str]]
    everything: bool = False

    def of(self, model: type[Model]) -> frozenset[str]:
        """The written rows of a table, by the column that migration 0008 names them by."""
        return self.names.get(model._meta.db_table, frozenset())

    def any_of(self, model: type[Model]) -> bool:
        """Return whether any row of a table was written."""
        return self.everything or bool(self.of(model))


@contextmanager
def one_snapshot() -> Iterator[None]:
    """All queries inside see the database of one moment."""
    with transaction.atomic():
        # Inside a caller's transaction (a test's, say) it is too late to ask for a snapshot.
        if not connection.savepoint_ids:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def written_since(snapshot: str | None) -> Written:
    """Return what was written since an earlier snapshot; ``everything`` when nobody knows.

    Call it inside ``one_snapshot``, together with the reads of the rows themselves.
    """
    with connection.cursor() as cursor:
        cursor.execute(_SNAPSHOT)
        now = str(cursor.fetchone()[0])
        if snapshot is None or _ends(now) < _ends(snapshot):  # another database
            return Written(now, {}, everything=True)
        cursor.execute(_WRITTEN, {"since": snapshot})
        rows = cursor.fetchall()
    names: dict[str, set[str]] = {}
    for table, name in rows:
        if name is None:  # truncated, or notes are deleted
            return Written(now, {}, everything=True)
        names.setdefault(table, set()).add(name)
    return Written(now, {table: frozenset(some) for table, some in names.items()})


def _ends(snapshot: str) -> int:
    """The first transaction number that a snapshot does not know."""
    return int(snapshot.split(":")[1])


def delete_old() -> None:
    """Delete the notes of a day ago and older."""
    # Between `migrate` and `database_roles` the application may not delete from a new table.
    with suppress(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_DELETE)
