"""A database backend for when DATABASE_URL is not set: every use raises an error that says so."""

from __future__ import annotations

from typing import NoReturn

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.dummy import base as dummy


def complain(*_args: object, **_kwargs: object) -> NoReturn:
    """Raise the sentence that says what to do."""
    raise ImproperlyConfigured(
        "No database is configured: run `make demo`, which starts one, or set "
        "DATABASE_URL=postgresql://user:password@host:5432/name."
    )


class DatabaseOperations(dummy.DatabaseOperations):
    """Refuses to quote names, which is what some queries do first."""

    quote_name = complain


class DatabaseWrapper(dummy.DatabaseWrapper):
    """Django's placeholder backend with our sentence."""

    ops_class = DatabaseOperations
    _cursor = complain
    ensure_connection = complain
    _set_autocommit = complain
