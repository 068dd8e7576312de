"""The privileges of each PostgreSQL role on each table and sequence.

There are three roles. The owner creates the tables and runs `migrate`; no running process uses
it. `risk_app` is for all running processes: it writes rows, but cannot create, change or drop a
table, nor rewrite history. `risk_readonly` is for people and tools that only read; it cannot see
columns that hold credentials.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

APP, READONLY, EVERYBODY = "risk_app", "risk_readonly", "PUBLIC"


@dataclass(frozen=True)
class Rights:
    """Privileges by role; ``UPDATE(name)`` applies to that column only, if it exists."""

    app: tuple[str, ...] = ()
    readonly: tuple[str, ...] = ()

    def of(self, role: str) -> tuple[str, ...]:
        """Return the rights of one role; other roles have none."""
        return {APP: self.app, READONLY: self.readonly}.get(role, ())


READ = ("SELECT",)
WRITE = ("SELECT", "INSERT", "UPDATE", "DELETE")
#: A deleted user leaves the lines without a name: Django empties that column, and the trigger
#: on it lets nothing else through.
ADD = ("SELECT", "INSERT", "UPDATE(history_user_id)")

#: The first pattern that fits counts.
TABLES: tuple[tuple[str, Rights], ...] = (
    # Written by `migrate` only.
    ("django_migrations", Rights(app=READ, readonly=READ)),
    ("django_content_type", Rights(app=READ)),
    ("auth_permission", Rights(app=READ)),
    # What is only ever added to.
    ("instruments_historical*", Rights(app=ADD, readonly=READ)),
    ("instruments_bookchange", Rights(app=("SELECT", "INSERT"), readonly=READ)),
    # Of market history, a row may be marked as superseded and not be changed otherwise.
    (
        "market_history_curvequote",
        Rights(app=("SELECT", "INSERT", "UPDATE(superseded_by_id)"), readonly=READ),
    ),
    (
        "market_history_*",
        Rights(app=("SELECT", "INSERT", "UPDATE(loaded_by_id)"), readonly=READ),
    ),
    # A review of a breach loses its user with the user's account, and its trigger lets nothing else
    # through.
    (
        "risk_limitreview",
        Rights(app=("SELECT", "INSERT", "UPDATE(user_id)"), readonly=READ),
    ),
    # Partitions are read and written through their table.
    ("risk_framewithin_*", Rights()),
    # Kept answers to POST: what a caller got back is the caller's.
    ("instruments_reply", Rights(app=WRITE)),
    # Which rows were written when: for the compiler alone.
    ("instruments_rowchange", Rights(app=WRITE)),
    # Names for the numbers in histories, without password hashes and addresses.
    ("auth_user", Rights(app=WRITE, readonly=("SELECT(id)", "SELECT(username)"))),
    ("instruments_*", Rights(app=WRITE, readonly=READ)),
    ("risk_*", Rights(app=WRITE, readonly=READ)),
    # Tokens, sessions, tries of passwords, and whatever is not named above.
    ("*", Rights(app=WRITE)),
)
SEQUENCES: tuple[tuple[str, Rights], ...] = (
    ("django_migrations_*", Rights()),
    ("feedbridge_epoch", Rights(app=("USAGE", "SELECT"))),  # the bridge reads its current value
    ("*", Rights(app=("USAGE",))),
)
SCHEMA = Rights(app=("USAGE",), readonly=("USAGE",))

#: Of tables that a later migration makes, until `database_roles` has run again: the least that any
#: table has. A new history cannot be rewritten, and a new secret cannot be read.
NEW_TABLES = Rights(app=("SELECT", "INSERT"))
NEW_SEQUENCES = Rights(app=("USAGE",))


def rights_of(name: str, rules: Sequence[tuple[str, Rights]]) -> Rights:
    """Return what the first rule says that fits."""
    return next(rights for pattern, rights in rules if fnmatchcase(name, pattern))
