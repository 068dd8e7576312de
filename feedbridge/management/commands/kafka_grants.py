"""``manage.py kafka_grants``: topics made, and to each account the rights it needs and no more."""

from __future__ import annotations

import argparse
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from kafka.errors import AuthorizationError, KafkaError, SecurityDisabledError

from feedbridge.door import AccessRefused, BrokerUnreachable, Options
from feedbridge.rights import GROUP, TOPIC_RIGHTS, Right, all_acls_of, rights_of
from feedbridge.topics import connect_admin, ensure_topics

NO_AUTHORIZER = (
    "this broker asks nobody for rights: set authorizer.class.name="
    "org.apache.kafka.metadata.authorizer.StandardAuthorizer and super.users, and restart it"
)


def account(text: str) -> str:
    """A name as it logs in; ``*`` would be everyone."""
    if not text.strip() or "*" in text:
        raise argparse.ArgumentTypeError(f"{text!r} is not the name of one account")
    return text


class Command(BaseCommand):
    """Run with an account that may do all, a super user of the brokers; again is safe."""

    help = __doc__
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Which account is what."""
        for role in TOPIC_RIGHTS:
            parser.add_argument(
                f"--{role}", type=account, action="append", metavar="USER", default=[]
            )
        parser.add_argument("--group", default=GROUP, help="the bridges' consumer group")
        parser.add_argument("--dry-run", action="store_true", help="say what would be granted")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make topics, grant, and say of each right whether it is new."""
        rights = [
            right
            for role in TOPIC_RIGHTS
            for name in options[role]
            for right in rights_of(role, name, options["group"])
        ]
        if not rights:
            raise CommandError("nobody is named: use --bridge USER, --feed USER, --operator USER")
        servers = settings.KAFKA_BOOTSTRAP_SERVERS
        try:
            access = settings.KAFKA_ACCESS.options_for(servers)
            self._grant(servers, access, rights, dry=options["dry_run"])
        except AuthorizationError:
            who = settings.KAFKA_ACCESS.username or "who does not log in"
            raise CommandError(f"{who} may not grant: use a super user of the brokers") from None
        except SecurityDisabledError:
            raise CommandError(NO_AUTHORIZER) from None
        except (AccessRefused, BrokerUnreachable, ImproperlyConfigured, KafkaError) as error:
            raise CommandError(str(error)) from None

    def _grant(self, servers: str, access: Options, rights: list[Right], *, dry: bool) -> None:
        there = _there(servers, access, rights)
        new = [right for right in rights if right not in there]
        if not dry:
            for name in ensure_topics(servers, options=access):
                self.stdout.write(f"made        topic {name}")
            _create(servers, access, new)
        for right in rights:
            word = "was there" if right in there else "would grant" if dry else "granted"
            self.stdout.write(f"{word:<12}{right}")


def _there(servers: str, access: Options, rights: list[Right]) -> list[Right]:
    admin = connect_admin(servers, access)
    try:
        names = {right.account for right in rights}
        found = {acl for name in names for acl in admin.describe_acls(all_acls_of(name))[0]}
    finally:
        admin.close()
    return [right for right in rights if right.acl() in found]


def _create(servers: str, access: Options, rights: list[Right]) -> None:
    if not rights:
        return
    admin = connect_admin(servers, access)
    try:
        failed = admin.create_acls([right.acl() for right in rights])["failed"]
    finally:
        admin.close()
    if failed:
        raise failed[0]()
