"""``manage.py create_token``: create an API token for a user, and optionally the user itself."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from knox.models import AuthToken

from instruments import access
from instruments.models import Desk

MAX_TOKENS = 20
"""Maximum number of tokens per user."""


class Command(BaseCommand):
    """Print a new token once: only its hash is stored."""

    help = "Print a new API token of a user: `Authorization: Token <key>`. It is shown only once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="name of the user")
        parser.add_argument(
            "--renew", action="store_true", help="delete the user's existing tokens"
        )
        parser.add_argument(
            "--role",
            action="append",
            default=[],
            choices=access.ROLES,
            help=(
                "give the user this role; creates the user, without a password, if it does "
                "not exist"
            ),
        )
        parser.add_argument(
            "--desk", action="append", default=[], help="make the user a trader of this desk"
        )

    @transaction.atomic
    def handle(
        self,
        *args: object,
        user: str,
        renew: bool,
        role: list[str],
        desk: list[str],
        **options: object,
    ) -> None:
        """Find or make the user, make the token, print only it: a script reads this."""
        desks = [_desk(code) for code in desk]
        found = _user(user, make=bool(role))
        found.groups.add(*Group.objects.filter(name__in=role))
        for one in desks:
            one.traders.add(found)
        if renew:
            AuthToken.objects.filter(user=found).delete()
        if AuthToken.objects.filter(user=found).count() >= MAX_TOKENS:
            raise CommandError(
                f"{user} has {MAX_TOKENS} tokens, which is the limit: --renew replaces them all"
            )
        self.stdout.write(AuthToken.objects.create(user=found)[1])


def _user(name: str, *, make: bool) -> Any:
    users = get_user_model().objects
    found = users.filter(username=name).first()
    if found is None and make:
        return users.create_user(name)
    if found is None:
        names = ", ".join(users.order_by("username").values_list("username", flat=True)[:8])
        raise CommandError(
            f"No user {name}; there are: {names or 'none (run create_admin)'}."
            f" With --role {' or '.join(access.ROLES)} it is made"
        )
    return found


def _desk(code: str) -> Desk:
    found = Desk.objects.filter(code=code).first()
    if found is None:
        codes = ", ".join(Desk.objects.order_by("code").values_list("code", flat=True)[:8])
        raise CommandError(f"No desk {code}; there are: {codes or 'none yet'}")
    return found
