"""Record in Redis which block runs have begun and which crashed their process, at which trade.

A trade can crash the process that prices it. These records are written before the work starts, so
they survive the crash:

    risk:{USD}:starts:S     hash: runs begun of each block of frame S; died:<block> is set when
                            Celery has reported that the last of them lost its process
    risk:{USD}:trial:V:B    hash: the isolation run of block B of book version V: the trade it
                            is pricing, and how it ended
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import redis

from risk.store.frames import OPEN_SECONDS, key, script
from risk.store.messages import PriceJob

ISOLATION_RUN_SECONDS = 600

Verdict = Literal["", "PASSED", "DIED"]


class Runs(NamedTuple):
    """Runs of one block of one frame: how many have begun, and whether the last one died.

    ``died`` is also False between the death of a run and the start that Celery makes good by.
    """

    begun: int
    died: bool


class IsolationRun(NamedTuple):
    """An isolation run: the trade it is at ("" before the first and after the last), its end."""

    trade_id: str
    verdict: Verdict


class RunRegistry:
    """Marks of runs behind one Redis client."""

    def __init__(self, client: redis.Redis) -> None:
        """Register the script; nothing is sent yet."""
        self.client: Any = client  # its types say bytes or str; ours are bytes
        self._start = script(client, "start")

    def start(self, job: PriceJob) -> int:
        """Count a run that starts: how many there are now; 0 when the frame is over."""
        keys = [key(job.currency, "pointer"), _starts(job.currency, job.frame)]
        return int(self._start(keys=keys, args=[job.frame, job.block, OPEN_SECONDS]))

    def refused(self, job: PriceJob) -> None:
        """A run was ended by Redis, not by its process: runs of the block so far do not count.

        Deletes only, which a Redis at its memory limit does not refuse.
        """
        self.client.hdel(_starts(job.currency, job.frame), str(job.block))

    def run_died(self, job: PriceJob) -> None:
        """A run has ended with its process, and will not be run again by itself."""
        self.client.hset(_starts(job.currency, job.frame), f"died:{job.block}", 1)

    def runs(self, currency: str, frame: int, blocks: Sequence[int]) -> dict[int, Runs]:
        """Runs of some blocks of a frame."""
        found = self.client.hgetall(_starts(currency, frame))
        return {
            block: Runs(int(found.get(b"%d" % block, 0)), b"died:%d" % block in found)
            for block in blocks
        }

    def begin(self, job: PriceJob) -> bool:
        """Begin the isolation run of a block; False when one is under way or has ended."""
        name = _isolation_key(job.currency, job.book_version, job.block)
        begun = bool(self.client.hsetnx(name, "trade", ""))
        self.client.expire(name, ISOLATION_RUN_SECONDS)
        return begun

    def at(self, job: PriceJob, trade_id: str) -> None:
        """The isolation run is about to price this trade."""
        self.client.hset(
            _isolation_key(job.currency, job.book_version, job.block), "trade", trade_id
        )

    def end(self, job: PriceJob, verdict: Verdict) -> None:
        """The isolation run has ended."""
        self.client.hset(
            _isolation_key(job.currency, job.book_version, job.block), "verdict", verdict
        )

    def isolation_run(self, currency: str, version: str, block: int) -> IsolationRun | None:
        """How the isolation run of a block stands; None before it has begun."""
        found: Mapping[bytes, bytes] = self.client.hgetall(_isolation_key(currency, version, block))
        if not found:
            return None
        verdict: Any = found.get(b"verdict", b"").decode()
        return IsolationRun(found.get(b"trade", b"").decode(), verdict)

    def forget(self, currency: str, version: str, block: int) -> None:
        """Let another isolation run begin."""
        self.client.delete(_isolation_key(currency, version, block))


def _starts(currency: str, frame: int) -> str:
    return key(currency, "starts", frame)


def _isolation_key(currency: str, version: str, block: int) -> str:
    return key(currency, "trial", version, block)
