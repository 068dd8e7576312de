"""Write checked rows in a few statements, each row with its history record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simple_history.utils import bulk_create_with_history, get_history_manager_for_model

from instruments.loading.check import Checked
from instruments.loading.table_spec import TableSpec

ROWS_AT_ONCE = 1_000
REASON_CHARACTERS = 100


def write(kind: TableSpec, rows: Sequence[Checked], *, user: Any, reason: str) -> None:
    """Insert new rows and update changed ones, inside the caller's transaction.

    Versions rise as if each row had been saved by itself.
    """
    new = [checked.row for checked in rows if checked.result.status == "new"]
    changed = [checked.row for checked in rows if checked.result.status == "update"]
    said = {"default_user": user, "default_change_reason": reason[:REASON_CHARACTERS]}
    if new:
        bulk_create_with_history(new, kind.model, batch_size=ROWS_AT_ONCE, **said)
    if changed:
        _update(kind, changed)
        history = get_history_manager_for_model(kind.model)
        history.bulk_history_create(changed, batch_size=ROWS_AT_ONCE, update=True, **said)


def _update(kind: TableSpec, rows: list[Any]) -> None:
    """One upsert for many rows: far quicker than a CASE for each of them and their columns."""
    created = [row.created for row in rows]
    for row in rows:
        row.version += 1
    fields = [column.name for column in kind.stored if column.name not in kind.key]
    manager: Any = kind.model._base_manager
    manager.bulk_create(
        rows,
        batch_size=ROWS_AT_ONCE,
        update_conflicts=True,
        unique_fields=["pk"],
        update_fields=[*fields, "version", "updated"],
    )
    for row, when in zip(rows, created, strict=True):
        row.created = when  # an insert would have set a new value
