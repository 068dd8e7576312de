"""Blocks whose runs die in; the trade that ends its process found and kept out, out.

    run 1, run 2    begun, and no part came: Celery says that the process died, or time says so
    accused         no frame sends the block; frames go out without it, its trades named
    careful run     each trade is priced alone, its name in Redis before (risk/workers/isolation.py)
        passed      it was no trade's fault: frames send the block again
        died        the trade whose name stands there is quarantined: a new book, without it

A careful run that says nothing more, and of whose end nobody has heard, went with its whole
worker: one more is sent before a trade is held for it. One that dies before or after all
trades is sent again thoroughly.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import msgspec
from django.db import Error as DatabaseError

from feedbridge.bridge.dispatch import OpenFrame, job_of
from risk.store.messages import PriceJob
from risk.store.run_registry import RunRegistry, Runs, Trial

log = logging.getLogger(__name__)

MOST_RUNS = 2
"""Ordinary runs of a block in a frame; workers refuse a third."""

LOOK_EVERY_S = 0.05
SEND_AGAIN_S = 5.0
"""A careful run that nobody has begun: the workers are away, or the task was lost."""

SILENT_S = 15.0
"""Longer than Celery lets a careful run take: it can no longer be at work."""

RETRY_S = 1.0
UNNAMED_AGAIN_S = 60.0


@dataclass
class Suspect:
    """One block of one book version that is not priced with the others.

    ``at`` is the trade that its careful run was at when it was last looked at, ``since_s``
    since when. ``guilty`` is the trade that is to be kept out, and ``held`` says that it is.
    """

    job: PriceJob
    since_s: float
    at: str | None = None
    sent: int = 0
    silences: int = 0
    guilty: str = ""
    held: bool = False


Key = tuple[str, str, int]  # currency, book version, block


@dataclass
class PoisonTradeDetector:
    """All accused blocks of a bridge; ``split`` counts careful runs that were sent.

    ``send`` queues a careful run; ``quarantine`` writes trade, currency, frame and reason to
    the database, safe to repeat.
    """

    trials: RunRegistry
    send: Callable[[dict[str, Any]], None]
    quarantine: Callable[[str, str, int, str], Any]
    clock: Callable[[], float] = time.monotonic
    split: int = 0
    _found: dict[Key, Suspect] = field(default_factory=dict)
    _look_at: float = 0.0
    _write_at: float = 0.0

    def blocks(self, currency: str, version: str) -> set[int]:
        """Blocks of a book version that frames have to do without."""
        return {block for name, v, block in self._found if (name, v) == (currency, version)}

    def runs(self, frame: OpenFrame, blocks: Collection[int]) -> dict[int, Runs]:
        """How often runs of an open frame's blocks have begun."""
        header = frame.header
        return self.trials.runs(header.currency, header.frame, sorted(blocks))

    def accuse(self, frame: OpenFrame, block: int) -> None:
        """Price a block carefully; until that has ended frames go without it."""
        header = frame.header
        key = (header.currency, header.book_version, block)
        if key in self._found:
            return
        log.warning(
            "%s block %d of book %s: its runs end with their process; looking for the trade",
            *_n(key),
        )
        self._found[key] = suspect = Suspect(job_of(header, block, 1), self.clock())
        self._send(suspect)

    def wait_for_book(self) -> bool:
        """True while a trade is kept out, and the book that is priced still has it."""
        return any(suspect.held for suspect in self._found.values())

    def retain(self, currency: str, version: str) -> None:
        """Forget the blocks of other book versions: the newest frame has another book."""
        for key in [k for k in self._found if k[0] == currency and k[1] != version]:
            del self._found[key]

    def look(self) -> list[Key]:
        """Follow careful runs; returns the blocks that nothing is held against any more.

        Raises:
            redis.RedisError, kombu.exceptions.OperationalError, OSError: Try again later.
        """
        if not self._found or self.clock() < self._look_at:
            return []
        self._look_at = self.clock() + LOOK_EVERY_S
        cleared = [key for key, suspect in self._found.items() if self._passed(key, suspect)]
        for key in cleared:
            log.warning("%s block %d of book %s: no trade ends its process", key[0], key[2], key[1])
            self.trials.forget(*key)
            del self._found[key]
        self._write_guilty()
        return cleared

    def _passed(self, key: Key, suspect: Suspect) -> bool:
        if suspect.guilty:
            return False
        trial = self.trials.trial(*key)
        if trial is None:
            self._send_if_older(suspect, SEND_AGAIN_S)
        elif trial.verdict == "DIED":
            self._died(key, suspect, trial)
        elif trial.verdict == "":
            self._running(key, suspect, trial)
        return trial is not None and trial.verdict == "PASSED"

    def _died(self, key: Key, suspect: Suspect, trial: Trial) -> None:
        if trial.trade_id:
            suspect.guilty = trial.trade_id
            return
        # Not in the kernel: once more, thoroughly; and now and then, for nothing else is left.
        again_s = UNNAMED_AGAIN_S if suspect.job.thorough else 0.0
        if self.clock() - suspect.since_s >= again_s:
            log.error("%s block %d of book %s cannot be priced, by no one trade's fault", *_n(key))
            suspect.job = msgspec.structs.replace(suspect.job, thorough=True)
            self._again(key, suspect)

    def _running(self, key: Key, suspect: Suspect, trial: Trial) -> None:
        if trial.trade_id != suspect.at:
            suspect.at, suspect.since_s = trial.trade_id, self.clock()
        elif self.clock() - suspect.since_s > SILENT_S:
            suspect.silences += 1
            if suspect.silences > 1 and trial.trade_id:
                suspect.guilty = trial.trade_id
            else:
                self._again(key, suspect)

    def _again(self, key: Key, suspect: Suspect) -> None:
        self.trials.forget(*key)
        suspect.at = None
        self._send(suspect)

    def _send_if_older(self, suspect: Suspect, than_s: float) -> None:
        if self.clock() - suspect.since_s > than_s:
            self._send(suspect)

    def _send(self, suspect: Suspect) -> None:
        suspect.since_s = self.clock()
        self.send(msgspec.to_builtins(suspect.job))
        self.split += 1

    def _write_guilty(self) -> None:
        """Into the database; pricing goes on while it is away."""
        if self.clock() < self._write_at:
            return
        for suspect in self._found.values():
            if not suspect.guilty or suspect.held:
                continue
            try:
                self._hold(suspect)
            except DatabaseError as error:
                self._write_at = self.clock() + RETRY_S
                log.warning(
                    "%s is to be quarantined, once the database answers: %s", suspect.guilty, error
                )
                return

    def _hold(self, suspect: Suspect) -> None:
        job = suspect.job
        reason = (
            f"ended the process that priced it, in frame {job.frame}; correct it, then release"
            f" it in the admin or with `manage.py quarantine --release {suspect.guilty}`"
        )
        self.quarantine(suspect.guilty, job.currency, job.frame, reason)
        suspect.held = True
        log.error("trade %s of %s is quarantined: it %s", suspect.guilty, job.currency, reason)


def _n(key: Key) -> tuple[str, int, str]:
    return key[0], key[2], key[1]
