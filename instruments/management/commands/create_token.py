"""A user name in; its API token out."""

from __future__ import annotations

from argparse import ArgumentParser

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from rest_framework.authtoken.models import Token


class Command(BaseCommand):
    """Prints the token that is there, or a new one."""

    help = "Print the API token of a user: `Authorization: Token <key>`."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Options."""
        parser.add_argument("user")
        parser.add_argument("--renew", action="store_true", help="replace the token that is there")

    def handle(self, *args: object, user: str, renew: bool, **options: object) -> None:
        """Find the user, make the token, print only it: a script reads this."""
        users = get_user_model().objects
        found = users.filter(username=user).first()
        if found is None:
            names = ", ".join(users.order_by("username").values_list("username", flat=True)[:8])
            raise CommandError(f"No user {user}; there are: {names or 'none (run create_admin)'}")
        if renew:
            Token.objects.filter(user=found).delete()
        self.stdout.write(Token.objects.get_or_create(user=found)[0].key)
