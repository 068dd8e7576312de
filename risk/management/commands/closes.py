"""``manage.py closes``: what is stored of closes, how large it is, and what is deleted of it."""

from __future__ import annotations

import datetime as dt
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.db.models import Max, QuerySet
from rich.console import Console
from rich.progress import track

from pricing.curves.quotes import CurveOptions
from pricing.errors import PricingError
from risk.explain.close_explains import keep_explain, stored_explains, without
from risk.explain.frames_within import drop_before, partitions
from risk.models import LIVE, FrameClose
from risk.reprice.close_explain import explain_close
from risk.reprice.repricer import NothingStored, reprice
from risk.store.frames import Frames, connect

KEPT_DAYS = 3_650
"""Days of closes that are kept by default."""

_SIZES = """
    SELECT market, currency, 'closes', count(*), min(date), max(date),
           sum(pg_column_size(c.*) + coalesce(pg_column_size(d.*), 0)
               + coalesce(pg_column_size(e.*), 0))::bigint
    FROM risk_frameclose c LEFT JOIN risk_frameclosedetail d ON d.close_id = c.id
    LEFT JOIN risk_framecloseexplain e ON e.close_id = c.id
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
        "deleted, and frames within days that were kept more than --within-days ago, which the "
        "first frame of a day does by itself; closes of a replay are deleted as a whole with "
        "manage.py replay_market NAME --delete. With --explain, the P&L of each close since "
        "the one before is made from the history of rows and stored, where it is missing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--prune", action="store_true", help="delete old closes")
        parser.add_argument(
            "--explain", action="store_true", help="make the P&L explains that are missing"
        )
        parser.add_argument(
            "--days",
            type=int,
            default=KEPT_DAYS,
            help=f"days of closes to keep (default {KEPT_DAYS:,})",
        )
        parser.add_argument(
            "--within-days",
            type=int,
            default=settings.KEEP_FRAMES_DAYS,
            help="days of frames within days to keep (default: KEEP_FRAMES_DAYS)",
        )
        parser.add_argument(
            "--market",
            default=LIVE,
            help="market whose closes are deleted or explained (default: live)",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="with --prune: show what would be deleted"
        )

    def handle(self, **options: Any) -> None:
        """List, or delete what is old."""
        if options["prune"]:
            days, dry_run = _days(options, "days"), options["dry_run"]
            rows = FrameClose.objects.filter(market=options["market"])
            self._prune(rows, days, "closes", dry_run=dry_run)
            self._drop(_days(options, "within_days"), dry_run=dry_run)
            return
        if options["explain"]:
            self._explain(options["market"])
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

    def _explain(self, market: str) -> None:
        """Make and store the explains that are missing, from the history of rows."""
        options = CurveOptions(settings.IBOR_COUPONS == "indexed", settings.CURVE_INTERPOLATION)
        frames = Frames(connect(settings.REDIS_URL))
        stored = FrameClose.objects.filter(market=market).order_by("currency", "date")
        names = list(stored.values_list("pk", flat=True))
        made, lacked = 0, 0
        for name in track(
            names,
            "closes explained",
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        ):
            row = FrameClose.objects.get(pk=name)
            (known,) = stored_explains([row])
            if not isinstance(known, str) and "close" in known.periods:
                continue
            lacked += 1
            try:
                end = reprice(row, options, processes=settings.PRICING_PROCESSES)
                found = explain_close(row, end, options, frames, settings.PRICING_PROCESSES)
                keep_explain(row, without(row, found) if isinstance(found, str) else found)
            except (NothingStored, PricingError) as error:
                found = str(error)
            if isinstance(found, str):
                self.stderr.write(f"{row.currency} {row.date} is not explained: {found}")
            else:
                made += 1
        self.stdout.write(f"{made:,} of {lacked:,} closes without an explain are explained now")

    def _prune(self, rows: QuerySet[Any], days: int, what: str, *, dry_run: bool) -> None:
        newest = rows.order_by("currency").values("currency").annotate(last=Max("date"))
        for currency, last in list(newest.values_list("currency", "last")):
            before = last - dt.timedelta(days=days)
            old = rows.filter(currency=currency, date__lt=before)
            count = old.count()
            if not dry_run:
                old.delete()
            said = "would be deleted" if dry_run else "deleted"
            self.stdout.write(f"{currency}: {count:,} {what} before {before} {said}")

    def _drop(self, days: int, *, dry_run: bool) -> None:
        """Drop the partitions of frames within days that are older."""
        before = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=days)
        first_kept = f"risk_framewithin_{before:%Y%m%d}"
        old = [name for name in partitions() if name < first_kept]
        if not dry_run:
            old = drop_before(before)
        said = "would be dropped" if dry_run else "dropped"
        self.stdout.write(f"frames within days: {len(old):,} days before {before} {said}")


def _days(options: dict[str, Any], name: str) -> int:
    found = int(options[name])
    if found < 1:
        raise CommandError(f"--{name.replace('_', '-')}: {found} is not valid; 1 or more")
    return found
