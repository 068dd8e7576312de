"""``manage.py reset_source``: make the bridges accept a source's next tick as its first."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from redis import RedisError

from feedbridge.handover.resets import ALL_CURRENCIES, write_reset
from pricing.markets.conventions import CURRENCIES
from risk.store.frames import connect


class Command(BaseCommand):
    """Forget the last epoch and seq of a source, in all bridges, now and after a restart."""

    help = (
        "Forget the last epoch and seq of a source, and release its quotes: for one whose ticks "
        "are refused as EPOCH_JUMP, SEQ_JUMP, QUOTE_JUMP or FX_JUMP, or counted as stale, and for "
        "one that another replaces. Its next tick is taken as the first of a new source."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """The source as its ticks name it."""
        parser.add_argument("source", help="`source` of its ticks")
        parser.add_argument("--currency", choices=CURRENCIES, help="default: all currencies")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the reset where bridges look four times a second."""
        source, currency = options["source"], options["currency"]
        if not source or len(source) > 64:
            raise CommandError("source: 1 to 64 characters, as in its ticks")
        try:
            write_reset(connect(settings.REDIS_URL), source, currency or ALL_CURRENCIES)
        except RedisError as error:
            raise CommandError(f"Redis does not answer: {error}") from None
        where = currency or "all currencies"
        self.stdout.write(
            f"{source} is reset in {where}: bridges take its next tick as its first, and "
            "its quotes from another source"
        )
