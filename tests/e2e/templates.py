"""Databases that have all tables and roles, to be copied: PostgreSQL needs a tenth of a second.

``manage.py migrate`` and ``database_roles`` on an empty database take twenty times as long. Rights
on a database are not copied with it: ``bring_about`` gives them to the copy, as the command does.
"""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from ops.access.postgres.grants import bring_about, find_place
from ops.access.postgres.rights import APP, READONLY

SUFFIX = "_template"
_made: dict[str, str] = {}
"""Name of the template by the server of its URL. It ends with the server, which tests started."""


def keep(url: str) -> None:
    """Take a copy of a database as the template of its server; nobody may be connected to it."""
    name = urlsplit(url).path[1:]
    with psycopg.connect(_other_database(url), autocommit=True) as server:
        server.execute(_copy(name + SUFFIX, name))
    _made[urlsplit(url).netloc] = name + SUFFIX


def copy_onto(url: str) -> bool:
    """Make an empty database a copy of its server's template; False where there is none yet."""
    template = _made.get(urlsplit(url).netloc)
    if template is None:
        return False
    name = urlsplit(url).path[1:]
    with psycopg.connect(_other_database(url), autocommit=True) as server:
        server.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
        server.execute(_copy(name, template))
    with psycopg.connect(url, cursor_factory=psycopg.ClientCursor) as database:  # as Django's
        place = find_place(database)
        assert place is not None
        _, _, left = bring_about(database, place, (APP, READONLY))
        assert left == 0
    return True


def _copy(name: str, of: str) -> sql.Composed:
    words = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    return words.format(sql.Identifier(name), sql.Identifier(of))


def _other_database(url: str) -> str:
    """One of the same server, as a database cannot be copied or dropped from inside."""
    return urlunsplit(urlsplit(url)._replace(path="/postgres"))
