"""``manage.py list_events``: named windows of history, and what is stored of them."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from risk.history.closes import closes
from risk.history.events import EVENTS, Event


class Command(BaseCommand):
    """``manage.py list_events``."""

    help = (
        "Lists the windows of market history that manage.py replay --event can replay, with their "
        "sources, and the days of their market that the curve history in the database has."
    )

    def handle(self, **options: Any) -> None:
        """Print three lines an event."""
        stored = {name: _stored(event) for name, event in EVENTS.items()}
        for name, event in EVENTS.items():
            self.stdout.write(f"{name:<22} {event.start} to {event.end}  {event.title}")
            self.stdout.write(f"{'':<22} {event.currency} history: {stored[name]}")
            self.stdout.write(f"{'':<22} source: {event.source}")


def _stored(event: Event) -> str:
    """How many days of the window are stored, by label."""
    found = closes(event.currency, event.start, event.end, with_proxies=False)
    if not found.dates:
        return "not stored; load it with manage.py load_curves"
    counts: dict[str, int] = {}
    for labels in found.labels:
        for curve, label in labels.items():
            counts[f"{curve} {label}"] = counts.get(f"{curve} {label}", 0) + 1
    return ", ".join(f"{name} {days} days" for name, days in sorted(counts.items()))
