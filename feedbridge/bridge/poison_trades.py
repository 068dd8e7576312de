"""Find and quarantine trades that crash the worker pricing them.

    run 1, run 2    of a block's detail, or of the sums while they net the block, began and put no
                    result: Celery says that the process died, or the time limit has passed
    isolate         frames leave the block out and name its trades; an isolation run is queued,
                    which prices each trade alone and writes its name to Redis before
                    (risk/workers/isolation.py)
        PASSED      no trade crashes a worker: frames send the block again
        DIED        the trade whose name is in Redis is quarantined: a new book is compiled
                    without it

An isolation run that makes no progress, and whose death nobody reports, was lost with its whole
worker: one more is sent before a trade is quarantined for it. One that dies before the first trade
or after the last is sent again as a thorough one.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
from django.db import Error as DatabaseError

from feedbridge.bridge.dispatch import SentTasks, inputs_of
from risk.store.messages import PriceJob
from risk.store.run_registry import IsolationRun, RunRegistry

log = logging.getLogger(__name__)

MAX_RUNS = 2
"""Number of ordinary runs of a block in a frame; workers refuse a third one."""

POLL_EVERY_S = 0.05
SEND_AGAIN_S = 5.0
"""Seconds after which an isolation run that no worker has begun is queued again, as its task may be
lost."""

SILENT_S = 15.0
"""Seconds after which an isolation run has ended: more than Celery's time limit for it."""

RETRY_S = 1.0
UNNAMED_AGAIN_S = 60.0


class BlockId(NamedTuple):
    """One block of one version of a currency's book."""

    currency: str
    version: str
    block: int

    def __str__(self) -> str:
        return f"{self.currency} block {self.block} of book {self.version}"


@dataclass
class IsolatedBlock:
    """A block that frames leave out until its isolation run has ended.

    ``trade_id`` is the trade that the run was pricing when it was last looked at, ``since_s`` since
    when. ``poison_trade`` is the trade to be quarantined, ``quarantined`` says that it is.
    """

    job: PriceJob
    since_s: float
    trade_id: str | None = None
    silences: int = 0
    poison_trade: str = ""
    quarantined: bool = False


@dataclass
class PoisonTradeDetector:
    """All isolated blocks of a bridge; ``runs_sent`` counts the isolation runs that were queued.

    ``send`` queues an isolation run; ``quarantine`` writes trade, currency, frame and reason to
    the database, and is safe to repeat.
    """

    registry: RunRegistry
    send: Callable[[dict[str, Any]], None]
    quarantine: Callable[[str, str, int, str], Any]
    clock: Callable[[], float] = time.monotonic
    runs_sent: int = 0
    _isolated: dict[BlockId, IsolatedBlock] = field(default_factory=dict)
    _poll_at: float = 0.0
    _write_at: float = 0.0

    def isolated_blocks(self, currency: str, version: str) -> set[int]:
        """Blocks of a book version that frames have to leave out."""
        return {key.block for key in self._isolated if key[:2] == (currency, version)}

    def isolate(self, tasks: SentTasks, block: int) -> None:
        """Queue an isolation run of a block; frames leave the block out until it has ended."""
        header = tasks.header
        key = BlockId(header.currency, header.book_version, block)
        if key in self._isolated:
            return
        log.warning("%s: its runs end with their process; looking for the trade", key)
        job = PriceJob(**inputs_of(header), block=block)
        self._isolated[key] = isolated = IsolatedBlock(job, self.clock())
        self._send(isolated)

    def waits_for_book(self) -> bool:
        """True while a trade is quarantined and frames are still priced with a book that has it."""
        return any(isolated.quarantined for isolated in self._isolated.values())

    def forget_other_books(self, currency: str, version: str) -> None:
        """Forget the blocks of other book versions: the newest frame has another book."""
        for key in list(self._isolated):
            if key.currency == currency and key.version != version:
                del self._isolated[key]

    def poll(self) -> list[BlockId]:
        """Follow the isolation runs; returns the blocks that passed and may be priced again.

        Raises:
            redis.RedisError, kombu.exceptions.OperationalError, OSError: Try again later.
        """
        if not self._isolated or self.clock() < self._poll_at:
            return []
        self._poll_at = self.clock() + POLL_EVERY_S
        passed = [key for key, isolated in self._isolated.items() if self._passed(key, isolated)]
        for key in passed:
            log.warning("%s: no trade ends its process", key)
            self.registry.forget(*key)
            del self._isolated[key]
        self._quarantine_found()
        return passed

    def _passed(self, key: BlockId, isolated: IsolatedBlock) -> bool:
        if isolated.poison_trade:
            return False
        run = self.registry.isolation_run(*key)
        if run is None:
            if self.clock() - isolated.since_s > SEND_AGAIN_S:
                self._send(isolated)
        elif run.verdict == "DIED":
            self._note_death(key, isolated, run)
        elif run.verdict == "":
            self._note_progress(key, isolated, run)
        return run is not None and run.verdict == "PASSED"

    def _note_death(self, key: BlockId, isolated: IsolatedBlock, run: IsolationRun) -> None:
        if run.trade_id:
            isolated.poison_trade = run.trade_id
            return
        # It died outside the kernel: a thorough run follows, and then another one now and then.
        again_s = UNNAMED_AGAIN_S if isolated.job.thorough else 0.0
        if self.clock() - isolated.since_s >= again_s:
            log.error("%s cannot be priced, and no single trade is the cause", key)
            isolated.job = msgspec.structs.replace(isolated.job, thorough=True)
            self._restart(key, isolated)

    def _note_progress(self, key: BlockId, isolated: IsolatedBlock, run: IsolationRun) -> None:
        if run.trade_id != isolated.trade_id:
            isolated.trade_id, isolated.since_s = run.trade_id, self.clock()
        elif self.clock() - isolated.since_s > SILENT_S:
            isolated.silences += 1
            if isolated.silences > 1 and run.trade_id:
                isolated.poison_trade = run.trade_id
            else:
                self._restart(key, isolated)

    def _restart(self, key: BlockId, isolated: IsolatedBlock) -> None:
        self.registry.forget(*key)
        isolated.trade_id = None
        self._send(isolated)

    def _send(self, isolated: IsolatedBlock) -> None:
        isolated.since_s = self.clock()
        self.send(msgspec.to_builtins(isolated.job))
        self.runs_sent += 1

    def _quarantine_found(self) -> None:
        """Write poison trades to the database; pricing goes on while it is down."""
        if self.clock() < self._write_at:
            return
        for isolated in self._isolated.values():
            if not isolated.poison_trade or isolated.quarantined:
                continue
            try:
                self._quarantine(isolated)
            except DatabaseError as error:
                self._write_at = self.clock() + RETRY_S
                log.warning(
                    "trade %s will be quarantined once the database answers: %s",
                    *(isolated.poison_trade, error),
                )
                return

    def _quarantine(self, isolated: IsolatedBlock) -> None:
        job, trade_id = isolated.job, isolated.poison_trade
        reason = (
            f"ended the process that priced it, in frame {job.frame}; correct it, then release"
            f" it in the admin or with `manage.py quarantine --release {trade_id}`"
        )
        self.quarantine(trade_id, job.currency, job.frame, reason)
        isolated.quarantined = True
        log.error("trade %s of %s is quarantined: it %s", trade_id, job.currency, reason)
