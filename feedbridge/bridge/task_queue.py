"""Send pricing tasks to Celery's queues over one connection that stays open."""

from __future__ import annotations

from typing import Any

from celery import Celery

PRICE_SUMS = "risk.workers.tasks.price_sums"
PRICE_DETAIL = "risk.workers.tasks.price_detail"
PRICE_BLOCK_IN_ISOLATION = "risk.workers.tasks.price_block_carefully"
"""Name of a task. Tasks are sent by name, so that a bridge loads neither numba nor QuantLib."""

DETAIL_QUEUE = "detail"
"""Queue of the details; its workers run at a lower priority than those of the sums."""


class PricingQueue:
    """Sends sums and blocks to price. Not thread-safe.

    A connection per task would cost more than the task's own publication.
    """

    def __init__(self, app: Celery) -> None:
        """Connect at the first task."""
        self._app = app
        self._producer: Any = None

    def send_sums(self, payload: dict[str, Any], give_way: bool = False) -> None:
        """Queue one part of the sums of a frame; one that gives way waits with the detail.

        Raises:
            kombu.exceptions.OperationalError, redis.RedisError, OSError: The broker is down.
        """
        self._send(PRICE_SUMS, payload, **({"queue": DETAIL_QUEUE} if give_way else {}))

    def send_detail(self, payload: dict[str, Any]) -> None:
        """Queue some blocks of the detail of a frame; errors as ``send_sums``."""
        self._send(PRICE_DETAIL, payload)

    def send_isolation_run(self, payload: dict[str, Any]) -> None:
        """Queue an isolation run of one block; errors as ``send_sums``."""
        self._send(PRICE_BLOCK_IN_ISOLATION, payload)

    def _send(self, task: str, payload: dict[str, Any], **options: str) -> None:
        if self._producer is None:
            self._producer = self._app.amqp.Producer(self._app.connection_for_write())
        try:
            self._app.send_task(
                task,
                args=[payload],
                producer=self._producer,
                retry=False,
                ignore_result=True,
                **options,
            )
        except Exception:
            self.close()  # a half-open connection must not be used again
            raise

    def close(self) -> None:
        """Drop the connection; the next task makes another."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.connection.release()
