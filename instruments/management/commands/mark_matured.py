"""Mark active trades that ended before a day as matured, so that they are not priced any more."""

from __future__ import annotations

import datetime as dt
from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from instruments import loading
from instruments.models import Status, trade_models


class Command(BaseCommand):
    """Mark trades as matured after a week, as payments may come after a weekend."""

    help = "Mark trades that have ended as matured, so that they are no longer priced."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--on", help="the day, such as 2026-01-31; default: today")
        parser.add_argument(
            "--after-days",
            type=int,
            default=7,
            help="days to wait after a trade has ended (default 7)",
        )

    def handle(self, *args: object, on: str | None, after_days: int, **options: object) -> None:
        """Mark the trades in one change of the book, which the history names."""
        last = _day(on) - dt.timedelta(days=after_days)
        for model in trade_models():
            kind = loading.kind_of(model)
            active = model._base_manager.filter(model.ended_before(last), status=Status.ACTIVE)
            ids = active.order_by("trade_id").values_list("trade_id", flat=True)
            rows = [{"trade_id": name, "status": Status.MATURED.value} for name in ids]
            result = loading.load(kind, rows, reason="mark_matured", partial=True)
            for sentence in result.sentences():
                self.stderr.write(sentence)
            self.stdout.write(f"{kind.name}: {result.counts['update']} matured before {last}")


def _day(text: str | None) -> dt.date:
    try:
        return dt.date.fromisoformat(text) if text else timezone.now().date()
    except ValueError:
        raise CommandError(f"--on: {text!r} is not a date (use one such as 2026-01-31)") from None
