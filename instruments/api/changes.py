"""The change history of a row over REST, newest change first."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

KINDS = {"+": "created", "~": "changed", "-": "deleted"}
OWN = ("version", "updated", "created", "id")
SHOWN = 200


def changes_of(row: Any) -> list[dict[str, Any]]:
    """The last changes of a row; each names the old and the new value of what it changed."""
    found = list(row.history.select_related("history_user").order_by("-history_id")[: SHOWN + 1])
    lines = [_line(new, old) for new, old in pairwise(found)]
    if found and len(found) <= SHOWN:
        lines.append(_line(found[-1], None))
    return lines


def _line(record: Any, before: Any) -> dict[str, Any]:
    user = record.history_user
    return {
        "version": record.version,
        "at": record.history_date,
        "user": user.get_username() if user else None,
        "kind": KINDS[record.history_type],
        "reason": record.history_change_reason,
        "changes": _changed(record, before),
    }


def _changed(record: Any, before: Any) -> dict[str, list[str | None]]:
    if before is None:
        return {}
    names = [f.attname for f in record.instance._meta.concrete_fields if f.name not in OWN]
    pairs = {name: (getattr(before, name), getattr(record, name)) for name in names}
    return {name: [_text(old), _text(new)] for name, (old, new) in pairs.items() if old != new}


def _text(value: object) -> str | None:
    return None if value is None else str(value)
