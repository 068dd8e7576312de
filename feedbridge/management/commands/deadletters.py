"""``manage.py deadletters``: list the records that the bridge refused, and send them again."""

from __future__ import annotations

import argparse
import datetime as dt
import io
import itertools
import json
import shutil
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser
from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError
from rich.console import Console
from rich.table import Table

from feedbridge.dead_letters.reader import StoredDeadLetter, read_dead_letters, send_again
from feedbridge.kafka.acl import TOPIC_RIGHTS
from feedbridge.kafka.connection import AccessRefused, BrokerUnreachable, Options, start_client
from feedbridge.kafka.topics import YIELD_CURVE_TICKS_DLQ, demand_rights

COLUMNS = ("letter", "time", "reason", "detail", "key", "came from", "first bytes")
SHOWN_BYTES = 60


def since(text: str) -> dt.datetime:
    """A time with or without its zone (then UTC); what else is given is refused with a sentence."""
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        message = f"{text!r} is not a time such as 2024-01-31 or 2024-01-31T12:00"
        raise argparse.ArgumentTypeError(message) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


class Command(BaseCommand):
    """List dead letters, or send them back to their original topics."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Define the options."""
        parser.add_argument("--code", help="list only this reason, such as JSON or RANGE")
        parser.add_argument("--since", type=since, help="list only letters from this time on")
        parser.add_argument(
            "--limit", type=int, default=50, help=("number of letters to list, newest first")
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object per line")
        parser.add_argument(
            "--reinject",
            nargs="*",
            metavar="LETTER",
            help="send these again, named as the list does (partition:offset), such as 0:17",
        )
        parser.add_argument(
            "--all", action="store_true", help=("with --reinject: send all listed letters")
        )
        parser.add_argument("--dry-run", action="store_true", help="show what --reinject would do")

    def handle(self, *args: Any, **options: Any) -> None:
        servers = settings.KAFKA_BOOTSTRAP_SERVERS
        if not servers:
            raise CommandError("KAFKA_BOOTSTRAP_SERVERS is not set: set it, or run `make demo`")
        wanted = _wanted(options)
        try:
            access = settings.KAFKA_ACCESS.options_for(servers)
            demand_rights(servers, _rights(options), options=access)
            letters = _letters(servers, access, options)
            if wanted is None:
                self._list(letters[-options["limit"] :], as_json=options["json"])
            else:
                self._reinject(servers, access, _chosen(letters, wanted), dry=options["dry_run"])
        except (AccessRefused, BrokerUnreachable, ImproperlyConfigured, KafkaError) as error:
            raise CommandError(str(error)) from None

    def _list(self, letters: list[StoredDeadLetter], *, as_json: bool) -> None:
        if as_json:
            for letter in letters:
                self.stdout.write(json.dumps(letter.record()))
            return
        if not letters:
            self.stdout.write("no dead letters")
            return
        table = Table(*COLUMNS, title=f"{len(letters)} dead letters, oldest first")
        for letter in letters:
            table.add_row(*_cells(letter))
        text = io.StringIO()
        Console(file=text, markup=False, width=shutil.get_terminal_size((140, 24)).columns).print(
            table
        )
        self.stdout.write(text.getvalue())

    def _reinject(
        self, servers: str, access: Options, letters: list[StoredDeadLetter], *, dry: bool
    ) -> None:
        """Send all or none: one that cannot be sent stops the call before the first is sent."""
        refusals = [refusal for letter in letters if (refusal := letter.refusal())]
        if refusals:
            raise CommandError("nothing was sent. " + "; ".join(refusals))
        if dry:
            for letter in letters:
                self.stdout.write(f"{letter.name} would go to {letter.original.topic}")
            return
        producer = KafkaProducer(
            bootstrap_servers=servers.split(","),
            acks="all",
            allow_auto_create_topics=False,
            **access,
        )
        try:
            sent = send_again(producer, letters)
        finally:
            producer.close(timeout=5)
        self.stdout.write(
            f"sent {sent} again; the bridge checks them again, and they stay in the list"
        )


def _wanted(options: dict[str, Any]) -> set[str] | None:
    """Names to send again; empty for all; None to list only."""
    names = options["reinject"]
    if names is None:
        if options["all"] or options["dry_run"]:
            raise CommandError("--all and --dry-run go with --reinject")
        return None
    if bool(names) == options["all"]:
        raise CommandError("--reinject takes letters such as 0:17, or --all, and not both")
    return set(names)


def _rights(options: dict[str, Any]) -> dict[str, str]:
    """Listing needs only the right to read dead letters."""
    needed = TOPIC_RIGHTS["operator"]
    if options["reinject"] is not None and not options["dry_run"]:
        return needed
    return {YIELD_CURVE_TICKS_DLQ: needed[YIELD_CURVE_TICKS_DLQ]}


def _letters(servers: str, access: Options, options: dict[str, Any]) -> list[StoredDeadLetter]:
    consumer = start_client(
        KafkaConsumer, bootstrap_servers=servers.split(","), enable_auto_commit=False, **access
    )
    try:
        found = [letter for letter in read_dead_letters(consumer) if _fits(letter, options)]
    finally:
        consumer.close()
    return sorted(found, key=lambda letter: letter.at)


def _fits(letter: StoredDeadLetter, options: dict[str, Any]) -> bool:
    code, first = options["code"], options["since"]
    return (code is None or letter.code == code) and (first is None or letter.at >= first)


def _chosen(letters: list[StoredDeadLetter], wanted: set[str]) -> list[StoredDeadLetter]:
    if not wanted:
        return letters
    unknown = wanted - {letter.name for letter in letters}
    if unknown:
        raise CommandError(f"no such letter: {', '.join(sorted(unknown))}; nothing was sent")
    return [letter for letter in letters if letter.name in wanted]


def _cells(letter: StoredDeadLetter) -> tuple[str, ...]:
    shown = letter.record()
    place = ":".join(map(str, letter.original))
    first = (shown["first_bytes"] or "")[:SHOWN_BYTES]
    key = shown["key"] if shown["key"] is not None else "none"
    return (
        *(letter.name, f"{letter.at:%Y-%m-%d %H:%M:%S}", letter.code, letter.detail),
        *(key, place, "".join(itertools.takewhile(str.isprintable, first))),
    )
