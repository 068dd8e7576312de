"""``manage.py quarantine``: list quarantined trades, and release them."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from instruments import trade_repository
from instruments.models import Quarantine


class Command(BaseCommand):
    """List trades that ended the process that priced them, or price one again."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Without an argument the command lists; with a trade it releases the trade."""
        parser.add_argument(
            "--release", metavar="TRADE_ID", help="release this trade, so that it is priced again"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        trade_id = options["release"]
        if trade_id is None:
            self._list()
            return
        if not trade_repository.release(trade_id):
            raise CommandError(f"{trade_id} is not in quarantine; see `manage.py quarantine`")
        self.stdout.write(f"{trade_id} is released and will be in the next book")

    def _list(self) -> None:
        rows = Quarantine.objects.all()
        for row in rows:
            self.stdout.write(
                f"{row.trade_id}  {row.currency}  since {row.since:%Y-%m-%d %H:%M:%S}  {row.reason}"
            )
        if not rows:
            self.stdout.write("no trade is in quarantine")
