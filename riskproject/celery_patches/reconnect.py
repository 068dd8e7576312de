"""Make a Celery worker reconnect soon after its broker comes back."""

from __future__ import annotations

from functools import partial

from celery.worker.consumer import Consumer
from kombu.connection import Connection

FIRST_S, LONGER_BY_S, LONGEST_S = 0.2, 0.2, 1.0


class SoonBack(Consumer):  # type: ignore[misc]
    """Celery's consumer, which retries the broker after 0.2 s, 0.4 s and so on, at most 1 s.

    kombu's own waits are 2 s, 4 s and so on up to 30 s, and no setting changes them: a Redis that
    was down for a minute would be without workers for another half. A retry is one connection
    to a nearby server.
    """

    def ensure_connected(self, conn: Connection) -> Connection:
        """Like Celery's method, with shorter waits."""
        conn.ensure_connection = partial(  # type: ignore[method-assign]
            conn.ensure_connection,
            interval_start=FIRST_S,
            interval_step=LONGER_BY_S,
            interval_max=LONGEST_S,
        )
        connected: Connection = super().ensure_connected(conn)
        return connected
