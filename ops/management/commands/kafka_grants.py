"""``manage.py kafka_grants``: create the topics and grant each account the rights it needs."""

from __future__ import annotations

import argparse
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from kafka.admin import ACL, ACLPermissionType
from kafka.errors import AuthorizationError, KafkaError, NoError, SecurityDisabledError

from feedbridge.kafka.acl import GROUP, TOPIC_RIGHTS, Right, all_acls_of, exactly, rights_of, said
from feedbridge.kafka.connection import AccessRefused, BrokerUnreachable, Options
from feedbridge.kafka.topics import connect_admin, ensure_topics

NO_AUTHORIZER = (
    "this broker does not check access rights: set authorizer.class.name="
    "org.apache.kafka.metadata.authorizer.StandardAuthorizer and super.users, and restart it"
)


def account(text: str) -> str:
    """A name as it logs in; ``*`` would be everyone."""
    if not text.strip() or "*" in text:
        raise argparse.ArgumentTypeError(f"{text!r} is not the name of a single account")
    return text


class Command(BaseCommand):
    """Grant rights with a super user of the brokers; running it again changes nothing."""

    help = __doc__
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        for role in TOPIC_RIGHTS:
            parser.add_argument(
                f"--{role}",
                type=account,
                action="append",
                metavar="USER",
                default=[],
                help=f"an account with the rights of a {role}; repeatable",
            )
        parser.add_argument("--group", default=GROUP, help="the bridges' consumer group")
        parser.add_argument(
            "--dry-run", action="store_true", help=("show what would be granted; change nothing")
        )
        parser.add_argument(
            "--revoke",
            action="store_true",
            help="revoke rights that the accounts have beyond the roles named here",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Make topics, grant, and say of each right whether it is new, and what is beyond them."""
        rights = [
            right
            for role in TOPIC_RIGHTS
            for name in options[role]
            for right in rights_of(role, name, options["group"])
        ]
        if not rights:
            raise CommandError(
                "no account is named: use --bridge USER, --feed USER, --operator USER"
            )
        servers = settings.KAFKA_BOOTSTRAP_SERVERS
        try:
            access = settings.KAFKA_ACCESS.options_for(servers)
            self._grant(servers, access, rights, dry=options["dry_run"])
            really = options["revoke"] and not options["dry_run"]
            self._revoke(servers, access, rights, really=really)
        except AuthorizationError:
            who = settings.KAFKA_ACCESS.username or "a client that does not log in"
            raise CommandError(f"{who} may not grant: use a super user of the brokers") from None
        except SecurityDisabledError:
            raise CommandError(NO_AUTHORIZER) from None
        except (AccessRefused, BrokerUnreachable, ImproperlyConfigured, KafkaError) as error:
            raise CommandError(str(error)) from None

    def _grant(self, servers: str, access: Options, rights: list[Right], *, dry: bool) -> None:
        found = _found(servers, access, rights)
        there = [right for right in rights if right.acl() in found]
        if not dry:
            for name in ensure_topics(servers, options=access):
                self.stdout.write(f"made        topic {name}")
            _create(servers, access, [right for right in rights if right not in there])
        for right in rights:
            word = "was there" if right in there else "would grant" if dry else "granted"
            self.stdout.write(f"{word:<12}{right}")

    def _revoke(self, servers: str, access: Options, rights: list[Right], *, really: bool) -> None:
        """Return rights beyond the accounts' roles, from an older release or granted by hand.

        DENY rules are kept, because removing one would grant a right.
        """
        needed = {right.acl() for right in rights}
        beyond = _found(servers, access, rights) - needed
        more = sorted((a for a in beyond if a.permission_type is ACLPermissionType.ALLOW), key=said)
        if really:
            _delete(servers, access, more)
        for acl in more:
            self.stdout.write(f"{'revoked' if really else 'has more':<12}{said(acl)}")
        if more and not really:
            self.stdout.write("--revoke removes the rights beyond the roles named here")


def _found(servers: str, access: Options, rights: list[Right]) -> set[ACL]:
    """Return all rights granted by name to the accounts of these rights."""
    admin = connect_admin(servers, access)
    try:
        names = {right.account for right in rights}
        return {acl for name in names for acl in admin.describe_acls(all_acls_of(name))[0]}
    finally:
        admin.close()


def _delete(servers: str, access: Options, acls: list[ACL]) -> None:
    if not acls:
        return
    admin = connect_admin(servers, access)
    try:
        answers = admin.delete_acls([exactly(acl) for acl in acls])
    finally:
        admin.close()
    failed = [error for _, _, error in answers if error is not NoError]
    if failed:
        raise failed[0]()


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
