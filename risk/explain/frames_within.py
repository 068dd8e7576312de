"""Keep frames within their day at a cadence, in a table with a partition for each day.

A day is the UTC date on which frames are kept, so that what is stored is bounded whatever dates a
feed sends. The first frame of a day opens its partition and drops those that are older than is
kept. Both are functions of the database that run with the rights of the tables' owner: processes
may not create or drop tables (``risk/migrations/0009_frames_within_by_day.py``).
"""

from __future__ import annotations

import datetime as dt
import logging
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from django.db import DatabaseError, connection

from risk.models import LIVE, FrameWithin
from risk.store.results import Rollup

log = logging.getLogger(__name__)

Values = Callable[[Rollup], Mapping[str, Any]]
"""Function that makes the columns of a stored frame, except those that identify it."""


def open_day(day: dt.date) -> None:
    """Make the partition of a day, if there is none. DatabaseError: the database is down."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT risk_framewithin_open(%s)", [day])


def drop_before(day: dt.date) -> list[str]:
    """Drop the partitions of earlier days; returns their names. Errors as ``open_day``."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT risk_framewithin_drop(%s)", [day])
        return [name for (name,) in cursor.fetchall()]


def partitions() -> list[str]:
    """Names of the partitions, from old to new. Errors as ``open_day``."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits"
            " WHERE inhparent = 'risk_framewithin'::regclass ORDER BY 1"
        )
        return [name for (name,) in cursor.fetchall()]


class FramesWithin:
    """Keeps a frame of each currency every so many seconds; not for threads."""

    def __init__(
        self,
        values: Values,
        *,
        every_s: float,
        days: int,
        market: str = LIVE,
        today: Callable[[], dt.date] = lambda: dt.datetime.now(dt.UTC).date(),
    ) -> None:
        """Keep nothing yet.

        Args:
            values: Makes the columns of a row.
            every_s: Seconds between two frames of a currency; 0: none is kept.
            days: Days after which they are dropped.
            market: The market that they belong to.
            today: The UTC date.
        """
        self.values, self.every_s, self.days = values, every_s, days
        self.market, self.today = market, today
        self._last: dict[str, float] = {}
        self._opened: dt.date | None = None

    def offer(self, frame: Rollup) -> None:
        """Keep a frame, when it is time; what cannot be kept is left out and logged."""
        now = time.monotonic()
        if not self.every_s or now < self._last.get(frame.currency, -math.inf) + self.every_s:
            return
        self._last[frame.currency] = now
        try:
            day = self._open()
            FrameWithin.objects.get_or_create(
                market=self.market,
                currency=frame.currency,
                frame=frame.frame,
                defaults={"day": day, "date": frame.valuation_date, **self.values(frame)},
            )
        except DatabaseError as error:
            log.warning("%s frame %s is not kept: %s", frame.currency, frame.frame, error)

    def _open(self) -> dt.date:
        day = self.today()
        if day != self._opened:
            open_day(day)
            dropped = drop_before(day - dt.timedelta(days=self.days))
            if dropped:
                log.info("frames within days are dropped: %s", ", ".join(dropped))
            self._opened = day
        return day
