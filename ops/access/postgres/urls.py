"""Build the URL of the same database for another account."""

from __future__ import annotations

from urllib.parse import quote, urlsplit, urlunsplit


def url_as(url: str, user: str, password: str) -> str:
    """Replace user and password of a URL; keep host, port, database and options."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    account = f"{quote(user, safe='')}:{quote(password, safe='')}"
    return urlunsplit(parts._replace(netloc=f"{account}@{host}"))
