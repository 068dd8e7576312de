"""``manage.py seed_curves``: store the closes of the curves that come with the project."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from demo.traded_currencies import currencies_of_trades
from feedbridge.replay.history.daily import stored
from instruments.management.options import iso_date
from pricing.errors import BadInput
from risk.history.layouts.table import Quote
from risk.history.store import Origin, store

DEFAULT_START = dt.date(2020, 1, 1)
PUBLISHERS = {"official": "US Treasury", "synthetic": "Live Risk demo"}


class Command(BaseCommand):
    """``manage.py seed_curves``."""

    help = (
        "Stores closes of USD-GOVT (the US Treasury's par yields, official) and of the curves of "
        "EUR, GBP and all other currencies that have trades (invented, synthetic) as market "
        "history, which historical scenarios are made from. USD-SOFR is a stated proxy of "
        "USD-GOVT and is not stored. Doing it twice changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--from",
            dest="start",
            type=iso_date,
            default=DEFAULT_START,
            metavar="DATE",
            help=f"first day (default {DEFAULT_START})",
        )
        parser.add_argument(
            "--to",
            dest="end",
            type=iso_date,
            metavar="DATE",
            help="last day (default: the end of the history, 2024-09-24)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        start, end = options["start"], options["end"] or stored().last
        said = []
        try:
            for label in ("official", "synthetic"):
                origin = Origin(
                    publisher=PUBLISHERS[label],
                    name="curves of the demo",
                    label=label,
                    retrieved_at=dt.datetime.now(dt.UTC),
                    # Days of stress have larger moves than a misread file may have.
                    forced_reason="history of the demo",
                )
                found = store(_quotes(label, start, end), origin)
                said.append(f"{found.new:,} {label} quotes written, {found.unchanged:,} unchanged")
        except BadInput as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"closes {start} to {end}: {'; '.join(said)}")


def _quotes(label: str, start: dt.date, end: dt.date) -> Iterator[Quote]:
    """The quotes of the curves that have a label."""
    for currency in currencies_of_trades():
        for day in stored().days(currency, start, end):
            for curve, rates in day.curves.items():
                if day.labels[curve] == label:
                    for tenor, rate in rates.items():
                        yield Quote(day.date, curve, tenor, rate)
