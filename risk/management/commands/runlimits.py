"""``manage.py runlimits``: evaluate limits on every published result until it is told to stop."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseError
from django.db import connection
from redis import RedisError

from pricing.errors import BadInput
from pricing.markets.conventions import CURRENCIES
from risk.limits import board, webhook
from risk.limits.board_maker import make_board
from risk.limits.evaluator import Evaluator, Moved
from risk.models import LimitEvent
from risk.store.compiled_book import Books
from risk.store.frames import connect
from risk.store.heartbeats import speaking
from risk.store.result_log import ResultLog

log = logging.getLogger("risk.limits")

BLOCK_MS, RETRY_S, BOARD_EVERY_S, SEND_EVERY_S = 500, 1.0, 0.5, 1.0
BATCH = 100
HEALTH_FILE = "LIMITS_HEARTBEAT_FILE"


class Command(BaseCommand):
    """Read the log of published results in order; write states, events and breaches."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--batch", type=int, default=BATCH, help="results that are evaluated in one transaction"
        )

        parser.add_argument(
            "--once", action="store_true", help="evaluate what is published now, and end"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or SIGINT; what is written is whole at every moment."""
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        if settings.DATABASES["default"]["ENGINE"] == "riskproject.nodatabase":
            connection.ensure_connection()  # raises an error if no server is configured
        client = connect(settings.REDIS_URL)
        books = Books(client)

        def expected() -> list[str]:
            newest = {name: books.newest(name) for name in CURRENCIES}
            return [name for name, ref in newest.items() if ref is not None and ref.trades]

        target = _target()
        evaluator = Evaluator(ResultLog(client), expected, webhook=target is not None)
        if target is not None:
            threading.Thread(target=_send, args=(target, stop), daemon=True).start()
        self.stdout.write(f"limits: process {os.getpid()} evaluates every published result")
        with speaking(client, "limits"):
            loop = _Loop(client, evaluator, options["batch"])
            while not stop.is_set():
                try:
                    done = loop.round()
                    if options["once"] and not done:
                        return
                except Moved:
                    log.warning("another evaluator has written: reading everything anew")
                except (RedisError, DatabaseError) as error:
                    log.warning("waiting: %s", " ".join(str(error).split()))
                    connection.close()
                    stop.wait(RETRY_S)


def _target() -> webhook.Target | None:
    """The webhook of the settings; None where none is set."""
    url = settings.LIMIT_WEBHOOK_URL
    if not url:
        return None
    try:
        return webhook.target_of(url, settings.LIMIT_WEBHOOK_SECRET, settings.LIMIT_WEBHOOK_HOSTS)
    except BadInput as error:
        raise CommandError(str(error)) from None


def _send(target: webhook.Target, stop: threading.Event) -> None:
    """Send what is due; no state waits for the receiver."""
    while not stop.wait(SEND_EVERY_S):
        try:
            webhook.send_due(target)
        except DatabaseError as error:
            log.warning("webhook: %s", " ".join(str(error).split()))
            connection.close()


class _Loop:
    """Evaluates new results, and publishes the board at intervals."""

    def __init__(self, client: Any, evaluator: Evaluator, batch: int) -> None:
        self.client, self.evaluator, self.batch = client, evaluator, batch
        self._shown, self._event = 0.0, 0
        health = os.environ.get(HEALTH_FILE, "")
        self._health = Path(health) if health else None

    def round(self) -> int:
        """Make a step and show what it has led to; returns how many results it was of."""
        done = self.evaluator.step(BLOCK_MS, self.batch)
        if self._health is not None:
            self._health.touch()
        if time.monotonic() - self._shown < BOARD_EVERY_S:
            return done
        self._shown = time.monotonic()
        behind = self.evaluator.results.waiting() if done >= self.batch else 0
        board.write(self.client, make_board(self.evaluator, behind))
        last = LimitEvent.objects.order_by("-id").values_list("id", flat=True).first() or 0
        if last != self._event:
            self._event = last
            board.tell(self.client, last)
        return done
