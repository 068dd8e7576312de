"""``manage.py create_admin``: create an administrator and print the generated password once."""

from __future__ import annotations

import os
import secrets
from argparse import ArgumentParser
from pathlib import Path

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

PASSWORD_BYTES = 18


class Command(BaseCommand):
    """Create the first administrator; does nothing when an active one exists."""

    help = "Create the first administrator; its password is printed once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--username", default="admin", help="default: admin")
        parser.add_argument("--email", default="admin@example.com")
        parser.add_argument(
            "--password-file", type=Path, help="also write the password to this file (mode 0600)"
        )

    def handle(
        self,
        *args: object,
        username: str,
        email: str,
        password_file: Path | None,
        **options: object,
    ) -> None:
        users = get_user_model().objects
        there = users.filter(is_superuser=True, is_active=True).first()
        if there is not None:
            self.stdout.write(
                f"Administrator {there.get_username()} exists; "
                f"`manage.py changepassword {there.get_username()}` sets a new password."
            )
            return
        if users.filter(username=username).exists():
            raise CommandError(
                f"User {username} exists and is not an administrator: use --username"
            )
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        if password_file is not None:
            _write_private(password_file, password)  # first: the user must know the password
        users.create_superuser(username, email, password)
        self.stdout.write(f"user: {username}\npassword: {password}")


def _write_private(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # an older file may be open to others
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error}") from None
    with os.fdopen(handle, "w") as file:
        file.write(f"{text}\n")
