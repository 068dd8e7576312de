"""``manage.py closes``: what is stored of closes, how large it is, and what is deleted of it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.db.models import Max, QuerySet

from risk.models import LIVE, FrameClose, FrameWithin

KEPT_DAYS, WITHIN_DAYS = 3_650, 30
"""Days of closes and of frames within a day that are kept by default."""

_SIZES = """
    SELECT market, currency, 'closes', count(*), min(date), max(date),
           sum(pg_column_size(c.*) + coalesce(pg_column_size(d.*), 0))::bigint
    FROM risk_frameclose c LEFT JOIN risk_frameclosedetail d ON d.close_id = c.id
    GROUP BY market, currency
    UNION ALL
    SELECT market, currency, 'frames within days', count(*), min(date), max(date),
           sum(pg_column_size(w.*))::bigint
    FROM risk_framewithin w GROUP BY market, currency
    ORDER BY 1, 2, 3
"""


class Command(BaseCommand):
    """``manage.py closes``."""

    help = (
        "Lists the stored closes by market and currency, with their bytes. With --prune, closes "
        "that are older than the newest one of their market and currency by more than --days are "
        "deleted, and frames within days after --within-days; those of a replay as a whole with "
        "manage.py replay_market NAME --delete."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--prune", action="store_true", help="delete old closes")
        parser.add_argument(
            "--days", type=int, default=KEPT_DAYS, help=f"that are kept (default {KEPT_DAYS:,})"
        )
        parser.add_argument(
            "--within-days",
            type=int,
            default=WITHIN_DAYS,
            help=f"of frames within days that are kept (default {WITHIN_DAYS})",
        )
        parser.add_argument("--market", default=LIVE, help="of which closes are deleted")
        parser.add_argument("--dry-run", action="store_true", help="say what would be deleted")

    def handle(self, **options: Any) -> None:
        """List, or delete what is old."""
        if options["prune"]:
            for option, model, what in (
                ("days", FrameClose, "closes"),
                ("within_days", FrameWithin, "frames within days"),
            ):
                rows = model.objects.filter(market=options["market"])
                self._prune(rows, options[option], what, dry_run=options["dry_run"])
            return
        with connection.cursor() as cursor:
            cursor.execute(_SIZES)
            rows = cursor.fetchall()
        if not rows:
            self.stdout.write("no close is stored yet")
        for market, currency, what, count, first, last, size in rows:
            self.stdout.write(
                f"{market} {currency}: {count:,} {what}, {first} to {last}, "
                f"{size // count:,} bytes each, {size / 1e6:,.1f} MB"
            )

    def _prune(self, rows: QuerySet[Any], days: int, what: str, *, dry_run: bool) -> None:
        if days < 1:
            raise CommandError(f"--days: {days} is not valid; 1 or more")
        newest = rows.order_by("currency").values("currency").annotate(last=Max("date"))
        for currency, last in list(newest.values_list("currency", "last")):
            before = last - dt.timedelta(days=days)
            old = rows.filter(currency=currency, date__lt=before)
            count = old.count()
            if not dry_run:
                old.delete()
            said = "would be deleted" if dry_run else "deleted"
            self.stdout.write(f"{currency}: {count:,} {what} before {before} {said}")
