"""``manage.py seed_fixings``: store derived fixings of every index for a range of dates."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from demo.traded_currencies import currencies_of_trades
from feedbridge.replay import fixing_store
from feedbridge.replay.history.daily import stored
from feedbridge.replay.history.fixings import derive_fixings
from instruments.management.options import iso_date
from pricing.errors import BadInput

DEFAULT_START = dt.date(2018, 1, 1)


class Command(BaseCommand):
    """``manage.py seed_fixings``."""

    help = (
        "Writes a fixing of SOFR (proxy), ESTR, EURIBOR6M and SONIA (synthetic), and of the "
        "indices of all other currencies that have trades (synthetic), for every weekday, derived "
        "from the stored curve history. Fixings of another source stay as they are; doing it twice "
        "changes nothing. Later dates than a market date do no harm: pricing uses a fixing from "
        "its publication on."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--from",
            dest="start",
            type=iso_date,
            default=DEFAULT_START,
            metavar="DATE",
            help=f"first fixing date (default {DEFAULT_START})",
        )
        parser.add_argument(
            "--to",
            dest="end",
            type=iso_date,
            metavar="DATE",
            help="last fixing date (default: the end of the history, 2024-09-24)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        start, end = options["start"], options["end"] or stored().last
        try:
            currencies = currencies_of_trades()
            derived = [derive_fixings(currency, start, end) for currency in currencies]
        except BadInput as error:
            raise CommandError(str(error)) from error
        result = fixing_store.store(itertools.chain.from_iterable(derived))
        self.stdout.write(
            f"fixings {start} to {end}: {result.written} written, {result.unchanged} unchanged, "
            f"{result.kept} of another source kept"
        )
