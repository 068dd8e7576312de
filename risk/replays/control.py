"""Create replays, and ask a running one to pause, resume, seek or stop."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db import connection

from instruments import trade_repository as master
from pricing.errors import BadInput
from pricing.markets.conventions import CURRENCIES
from risk.history.events import event
from risk.models import Replay
from risk.replays.plan import MOST_TICKS, check_name

State = Replay.State
LOCK = 0x7265706C
"""First key of the advisory locks that let only one process run a replay."""

MOST_SECONDS = 3_600.0


def make(
    name: str,
    *,
    event_name: str = "",
    start: dt.date | None = None,
    end: dt.date | None = None,
    currencies: Sequence[str] = (),
    ticks_per_day: int = 1,
    seed: int = 0,
    interval_s: float = 0.0,
    loop: bool = False,
) -> Replay:
    """An unsaved replay.

    Args:
        name: Of its market.
        event_name: A named window; else both days are needed.
        start: First day.
        end: Last day.
        currencies: None: those that have active trades.
        ticks_per_day: 1 for closes only.
        seed: Of the path between two closes.
        interval_s: Seconds between two steps.
        loop: Start again after the last day.

    Raises:
        BadInput: Names the field, its value and what is allowed.
    """
    check_name(name)
    if event_name:
        if start or end:
            raise BadInput(
                "event", event_name, "is a named event with its own days: give no others"
            )
        window = event(event_name)
        start, end = window.start, window.end
    if start is None or end is None:
        raise BadInput("from", start, "a named event, or the first and the last day")
    if start > end:
        raise BadInput("from", start.isoformat(), f"must not be after the last day, {end}")
    if not 1 <= ticks_per_day <= MOST_TICKS:
        raise BadInput("ticks_per_day", ticks_per_day, f"1 to {MOST_TICKS}")
    if not 0.0 <= interval_s <= MOST_SECONDS:
        raise BadInput("interval_s", interval_s, f"0 to {MOST_SECONDS:,.0f} seconds")
    for currency in currencies:
        if currency not in CURRENCIES:
            raise BadInput("currency", currency, f"allowed: {', '.join(CURRENCIES)}")
    held = {str(trade.terms.currency) for trade in master.load_trades().trades}
    chosen = [name for name in CURRENCIES if name in (currencies or held)]
    if not chosen:
        raise BadInput("currency", "", "the book has no active trades: load some first")
    return Replay(
        name=name,
        event=event_name,
        currencies=chosen,
        start=start,
        end=end,
        ticks_per_day=ticks_per_day,
        seed=seed,
        interval_s=interval_s,
        loop=loop,
    )


def ask(name: str, *, wanted: str | None = None, seek: dt.date | None = None) -> Replay:
    """Send a command to a replay; its runner executes it before the next step.

    Raises:
        BadInput: There is no such replay, or the day is outside it.
    """
    replay = Replay.objects.filter(name=name).first()
    if replay is None:
        known = ", ".join(Replay.objects.values_list("name", flat=True)) or "none yet"
        raise BadInput("name", name, f"replays: {known}")
    if seek is not None and not replay.start <= seek <= replay.end:
        raise BadInput("seek", seek.isoformat(), f"a day from {replay.start} to {replay.end}")
    changed = {"wanted": wanted, "seek": seek}
    given = {field: value for field, value in changed.items() if value is not None}
    Replay.objects.filter(pk=replay.pk).update(**given)
    replay.refresh_from_db()
    return replay


@contextmanager
def alone(replay: Replay) -> Iterator[None]:
    """Hold the lock that lets one process run a replay; it ends with the connection.

    Raises:
        BadInput: Another process is running it.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [LOCK, replay.pk])
        if not cursor.fetchone()[0]:
            raise BadInput(
                "name", replay.name, "another process is running it: use --pause or --stop, or wait"
            )
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [LOCK, replay.pk])
