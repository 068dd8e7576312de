"""Create or update a PostgreSQL role that can log in and has no other attribute."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

PLAIN = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
KIND = """
    SELECT rolcanlogin AND NOT (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication
                                OR rolbypassrls),
           ARRAY(SELECT roleid::regrole::text FROM pg_auth_members WHERE member = r.oid)
    FROM pg_roles r WHERE rolname = %s
"""


class RoleRefused(Exception):
    """The role would have rights that are not in the table of rights."""


def ensure_login(connection: psycopg.Connection[Any], role: str, password: str) -> str:
    """Create the role, or correct its attributes.

    Args:
        connection: Of a role that may create roles, in autocommit mode.
        role: Its name.
        password: Sent as a SCRAM verifier only, so that neither the server nor its log
            ever contains it.

    Returns:
        A description of the change; empty when nothing had to change.

    Raises:
        RoleRefused: It is a member of another role and inherits its rights.
    """
    found = connection.execute(KIND, [role]).fetchone()
    if found is None:
        connection.execute(sql.SQL(f"CREATE ROLE {{}} {PLAIN}").format(sql.Identifier(role)))
        _set_password(connection, role, password)
        return "made"
    plain, groups = found
    if groups:
        names = ", ".join(groups)
        raise RoleRefused(f"{role} is a member of {names} and has its rights: REVOKE that first.")
    done = []
    if not plain:
        connection.execute(sql.SQL(f"ALTER ROLE {{}} {PLAIN}").format(sql.Identifier(role)))
        done.append("special powers taken")
    if not _logs_in(connection, role, password):
        _set_password(connection, role, password)
        done.append("password set")
    return ", ".join(done)


def _set_password(connection: psycopg.Connection[Any], role: str, password: str) -> None:
    verifier = connection.pgconn.encrypt_password(
        password.encode(), role.encode(), b"scram-sha-256"
    ).decode()
    statement = sql.SQL("ALTER ROLE {} PASSWORD {}")
    connection.execute(statement.format(sql.Identifier(role), sql.Literal(verifier)))


def _logs_in(connection: psycopg.Connection[Any], role: str, password: str) -> bool:
    """Return whether the server takes this password; one that asks for none proves nothing."""
    where = connection.info.get_parameters() | {"user": role, "password": password}
    try:
        with psycopg.connect(make_conninfo("", **where)) as other:
            return bool(other.pgconn.used_password)
    except psycopg.OperationalError:
        return False
