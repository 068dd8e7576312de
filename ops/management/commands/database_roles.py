"""``manage.py database_roles``: create least-privilege PostgreSQL roles and grant their rights.

The tables' owner runs it after each `migrate`. Running it again changes nothing.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction
from psycopg import Error

from ops.access.postgres.grants import Place, bring_about, find_place
from ops.access.postgres.logins import RoleRefused, ensure_login


class Command(BaseCommand):
    """Create the login roles, grant and revoke rights, and print what changed."""

    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it; a database that does not allow it is one sentence."""
        place = self._place()
        passwords: dict[str, str] = settings.DATABASE_ROLE_PASSWORDS
        roles = [role for role, password in passwords.items() if password]
        try:
            for role in passwords:
                self._login(role, passwords[role])
            with transaction.atomic():
                self._rights(place, roles)
        except (Error, RoleRefused) as error:
            raise CommandError(" ".join(str(error).split())) from None

    def _place(self) -> Place:
        connection.ensure_connection()
        place = find_place(connection.connection)
        if place is None:
            raise CommandError("There are no tables yet: run `manage.py migrate` first.")
        if place.owner in settings.DATABASE_ROLE_PASSWORDS:
            raise CommandError(f"The tables belong to {place.owner}: another role must own them.")
        if not place.may_grant:
            raise CommandError(
                f"DATABASE_URL logs in as {place.asks}, and only {place.owner}, who owns "
                "database and tables, may give rights: run this with the owner's URL."
            )
        return place

    def _login(self, role: str, password: str) -> None:
        if not password:
            variable = settings.DATABASE_ROLE_VARIABLES[role]
            self.stdout.write(f"{role}: left out, {variable} is not set")
            return
        done = ensure_login(connection.connection, role, password)
        self.stdout.write(f"{role}: {done or 'unchanged'}")

    def _rights(self, place: Place, roles: list[str]) -> None:
        given, taken, left = bring_about(connection.connection, place, roles)
        if left:
            raise CommandError(
                f"{left} rights differ from the table of rights: a role other than "
                f"{place.owner} has "
                "granted them; `\\dp` in psql shows which. Nothing was changed."
            )
        changed = f"{given} given, {taken} taken" if given or taken else "unchanged"
        self.stdout.write(f"rights: {changed}")
