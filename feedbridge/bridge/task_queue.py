"""Payloads in; Celery tasks on the pricing queue out, over one connection that stays warm."""

from __future__ import annotations

from typing import Any

from celery import Celery

PRICE_BLOCK = "risk.workers.tasks.price_block"
PRICE_BLOCK_CAREFULLY = "risk.workers.tasks.price_block_carefully"
"""By their names: a bridge that starts again does not wait for numba and QuantLib."""


class PricingQueue:
    """Sends blocks to price. Not for threads.

    A connection per task would cost more than the task's own publication.
    """

    def __init__(self, app: Celery) -> None:
        """Connect at the first task."""
        self._app = app
        self._producer: Any = None

    def send(self, payload: dict[str, Any]) -> None:
        """Queue one block.

        Raises:
            kombu.exceptions.OperationalError, redis.RedisError, OSError: The broker is away.
        """
        self._send(PRICE_BLOCK, payload)

    def send_carefully(self, payload: dict[str, Any]) -> None:
        """Queue one block whose trades are to be priced one by one; errors as ``send``."""
        self._send(PRICE_BLOCK_CAREFULLY, payload)

    def _send(self, task: str, payload: dict[str, Any]) -> None:
        if self._producer is None:
            self._producer = self._app.amqp.Producer(self._app.connection_for_write())
        try:
            self._app.send_task(
                task, args=[payload], producer=self._producer, retry=False, ignore_result=True
            )
        except Exception:
            self.close()  # a half-open connection must not be used again
            raise

    def close(self) -> None:
        """Drop the connection; the next task makes another."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.connection.release()
