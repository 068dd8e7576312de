"""Grant each PostgreSQL role exactly the privileges of the table of rights, and report changes.

Existing privileges are read from the catalogue and compared, so a second run changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from ops.access.postgres import rights
from ops.access.postgres.rights import EVERYBODY, Rights, rights_of

DEFAULTS = {"r": "TABLES", "S": "SEQUENCES"}
PASSES = 2
"""Number of passes. Revoking SELECT on a table also revokes it on its columns, which the second
pass grants again."""

PLACE = """
    SELECT t.relowner::regrole::text, n.nspname, current_database(), current_user,
           pg_has_role(current_user, t.relowner, 'USAGE')
           AND pg_has_role(current_user, d.datdba, 'USAGE')
    FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace
    JOIN pg_database d ON d.datname = current_database()
    WHERE t.oid = to_regclass('django_migrations')
"""
OBJECTS = """
    SELECT relkind::text, relname,
           ARRAY(SELECT attname::text FROM pg_attribute
                 WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped)
    FROM pg_class c WHERE relnamespace = %(schema)s::regnamespace
    AND relowner = %(owner)s::regrole AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
"""
STANDING = """
    WITH acl (kind, name, columns, entries) AS (
        SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, relname::text, '', relacl
        FROM pg_class WHERE relnamespace = %(schema)s::regnamespace
        AND relowner = %(owner)s::regrole AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
        UNION ALL
        SELECT 'TABLE', c.relname::text, a.attname::text, a.attacl
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE c.relnamespace = %(schema)s::regnamespace AND c.relowner = %(owner)s::regrole
        AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT a.attisdropped
        UNION ALL
        SELECT 'SCHEMA', nspname::text, '', coalesce(nspacl, acldefault('n', nspowner))
        FROM pg_namespace WHERE nspname = %(schema)s
        UNION ALL
        SELECT 'DATABASE', datname::text, '', coalesce(datacl, acldefault('d', datdba))
        FROM pg_database WHERE datname = current_database()
        UNION ALL
        SELECT 'DEFAULT', defaclobjtype::text, '', defaclacl FROM pg_default_acl
        WHERE defaclrole = %(owner)s::regrole AND defaclnamespace = %(schema)s::regnamespace
        AND defaclobjtype IN ('r', 'S')
    )
    SELECT kind, name, columns, coalesce(r.rolname::text, 'PUBLIC'), e.privilege_type
    FROM acl CROSS JOIN LATERAL aclexplode(entries) e LEFT JOIN pg_roles r ON r.oid = e.grantee
    WHERE e.grantee = 0 OR r.rolname = ANY(%(roles)s)
"""


@dataclass(frozen=True)
class Place:
    """The schema and owner of the tables; ``asks`` is the connected role."""

    owner: str
    schema: str
    database: str
    asks: str
    may_grant: bool


@dataclass(frozen=True)
class Privilege:
    """One privilege of one role; ``column`` is empty for the whole."""

    kind: str
    name: str
    column: str
    role: str
    action: str


def find_place(cursor: Any) -> Place | None:
    """The place of Django's tables; None before the first `migrate`."""
    row = cursor.execute(PLACE).fetchone()
    return Place(*row) if row else None


def standing(cursor: Any, place: Place, roles: Collection[str]) -> set[Privilege]:
    """Return what these roles, and everybody, may do at present."""
    names = {"schema": place.schema, "owner": place.owner, "roles": list(roles)}
    return {Privilege(*row) for row in cursor.execute(STANDING, names).fetchall()}


def wanted(cursor: Any, place: Place, roles: Collection[str]) -> set[Privilege]:
    """Return what they are meant to be allowed."""
    found = {Privilege("DATABASE", place.database, "", EVERYBODY, "CONNECT")}
    objects = cursor.execute(OBJECTS, {"schema": place.schema, "owner": place.owner}).fetchall()
    for role in roles:
        found.update(_each("SCHEMA", place.schema, role, rights.SCHEMA))
        found.update(_each("DEFAULT", "r", role, rights.NEW_TABLES))
        found.update(_each("DEFAULT", "S", role, rights.NEW_SEQUENCES))
        for relkind, name, columns in objects:
            if relkind == "S":
                allowed = rights_of(name, rights.SEQUENCES)
                found.update(_each("SEQUENCE", name, role, allowed))
            else:
                found.update(_each("TABLE", name, role, rights_of(name, rights.TABLES), columns))
    return found


def _each(
    kind: str, name: str, role: str, allowed: Rights, columns: Collection[str] = ()
) -> Iterator[Privilege]:
    for text in allowed.of(role):
        action, _, column = text.rstrip(")").partition("(")
        if not column or column in columns:
            yield Privilege(kind, name, column, role, action)


def bring_about(cursor: Any, place: Place, roles: Collection[str]) -> tuple[int, int, int]:
    """Grant missing privileges and revoke excess ones, in the cursor's transaction.

    Returns:
        The numbers of privileges granted, revoked, and still different: those that a role
        other than the owner granted.
    """
    given = taken = 0
    for _ in range(PASSES):
        target, now = wanted(cursor, place, roles), standing(cursor, place, roles)
        # Take first: a table's SELECT goes before that of a few of its columns comes.
        for privilege in sorted(now - target, key=str):
            cursor.execute(_statement("REVOKE", "FROM", privilege, place))
        for privilege in sorted(target - now, key=str):
            cursor.execute(_statement("GRANT", "TO", privilege, place))
        given, taken = given + len(target - now), taken + len(now - target)
    return given, taken, len(wanted(cursor, place, roles) ^ standing(cursor, place, roles))


def _statement(verb: str, to: str, privilege: Privilege, place: Place) -> sql.Composed:
    role = sql.SQL("PUBLIC") if privilege.role == EVERYBODY else sql.Identifier(privilege.role)
    parts = {
        "do": sql.SQL(f"{verb} {privilege.action}"),
        "column": sql.SQL("({})").format(sql.Identifier(privilege.column))
        if privilege.column
        else sql.SQL(""),
        "on": _object(privilege, place),
        "role": sql.SQL(f" {to} ") + role,
    }
    return _for_whom(privilege, place) + sql.SQL("{do}{column} ON {on}{role}").format(**parts)


def _for_whom(privilege: Privilege, place: Place) -> sql.Composable:
    if privilege.kind != "DEFAULT":
        return sql.SQL("")
    start = "ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA {} "
    return sql.SQL(start).format(sql.Identifier(place.owner), sql.Identifier(place.schema))


def _object(privilege: Privilege, place: Place) -> sql.Composable:
    if privilege.kind == "DEFAULT":
        return sql.SQL(DEFAULTS[privilege.name])
    if privilege.kind in ("SCHEMA", "DATABASE"):
        return sql.SQL(f"{privilege.kind} {{}}").format(sql.Identifier(privilege.name))
    return sql.SQL(f"{privilege.kind} {{}}").format(sql.Identifier(place.schema, privilege.name))
