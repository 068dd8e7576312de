"""A day in; active trades that ended before it are matured, and no longer priced."""

from __future__ import annotations

import datetime as dt
from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from instruments import loading
from instruments.models import BondPosition, Status, Swap

ENDS = {"swaps": (Swap, "termination_date"), "positions": (BondPosition, "bond__maturity_date")}


class Command(BaseCommand):
    """For a nightly job. What ends on a weekend may be paid after it: a week is waited."""

    help = "Mark trades matured that ended a while ago: they cost time and are worth nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Options."""
        parser.add_argument("--on", help="the day, such as 2026-01-31; default: today")
        parser.add_argument("--after-days", type=int, default=7, help="days to wait; default 7")

    def handle(self, *args: object, on: str | None, after_days: int, **options: object) -> None:
        """One change of the book, named in the history."""
        last = _day(on) - dt.timedelta(days=after_days)
        for kind, (model, end) in ENDS.items():
            active = model._base_manager.filter(status=Status.ACTIVE, **{f"{end}__lt": last})
            ids = active.order_by("trade_id").values_list("trade_id", flat=True)
            rows = [{"trade_id": name, "status": Status.MATURED.value} for name in ids]
            result = loading.load(loading.KINDS[kind], rows, reason="mark_matured", partial=True)
            for sentence in result.sentences():
                self.stderr.write(sentence)
            self.stdout.write(f"{kind}: {result.counts['update']} matured before {last}")


def _day(text: str | None) -> dt.date:
    try:
        return dt.date.fromisoformat(text) if text else timezone.now().date()
    except ValueError:
        raise CommandError(f"--on: {text!r} is not a date (use one such as 2026-01-31)") from None
