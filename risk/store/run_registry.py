"""Record in Redis which runs of tasks have begun and which crashed their process, at which trade.

A trade can crash the process that prices it. These records are written before the work starts, so
they survive the crash:

    risk:{USD}:starts:S     hash: runs begun of each part of the sums and of each block of the
                            detail of frame S; died:<unit> is set when Celery has reported that the
                            last of them lost its process; at:<part> is the block that it is netting
    risk:{USD}:trial:V:B    hash: the isolation run of block B of book version V: the trade it
                            is pricing, and how it ended
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import redis

from risk.store.frames import OPEN_SECONDS, NextRun, decode_header, key, script
from risk.store.messages import DetailJob, FrameHeader, PriceJob, SumsJob

ISOLATION_RUN_SECONDS = 600

Verdict = Literal["", "PASSED", "DIED"]


class Runs(NamedTuple):
    """Runs of one part or block: how many have begun, and whether the last one died.

    ``died`` is also False between the death of a run and the start that Celery makes good by.
    ``netting`` is the block that the last run of a part is netting, or was when it died; None when
    it was at something else.
    """

    begun: int
    died: bool
    netting: int | None = None


class SumsRun(NamedTuple):
    """A run of a part of the sums that has started, with what it needs of its frame.

    ``header`` is None for a frame that nobody has opened; ``published`` is the number of the frame
    whose sums are published now.
    """

    runs: Runs
    header: FrameHeader | None
    published: int


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

    def start_sums(self, job: SumsJob) -> SumsRun | None:
        """Count a run of a part that starts; None when its frame is over."""
        unit, name = part_unit(job.part), _starts(job.currency, job.frame)
        keys = [key(job.currency, "pointer"), name, key(job.currency, "frame", job.frame)]
        args = [job.frame, unit, OPEN_SECONDS, int(not job.continued), ""]
        begun, at, header, pointer = self._start(keys=keys, args=args)
        if not begun:
            return None
        runs = Runs(int(begun), False, int(at) if at else None)
        return SumsRun(runs, decode_header(header) if header else None, int(pointer))

    def netting(self, job: SumsJob, block: int | None) -> None:
        """The run of a part is about to net this block; None: it is at no block any more."""
        name, field = _starts(job.currency, job.frame), f"at:{part_unit(job.part)}"
        if block is None:
            self.client.hdel(name, field)
        else:
            self.client.hset(name, field, block)

    def start_block(self, job: DetailJob, block: int) -> int:
        """Count a run of a block of the detail: how many there are; 0 when the detail is over."""
        name = _starts(job.currency, job.frame)
        keys = [key(job.currency, "detail"), name, key(job.currency, "frame", job.frame)]
        args = [job.frame, block_unit(block), OPEN_SECONDS, 1, _task(job)]
        return int(self._start(keys=keys, args=args)[0])

    @staticmethod
    def next_run(job: DetailJob, block: int) -> NextRun:
        """A run of a block that begins as the one before it is put (``Frames.put_detail``)."""
        return NextRun(_starts(job.currency, job.frame), block_unit(block), _task(job))

    def refused(self, job: SumsJob | DetailJob) -> None:
        """A run was ended by Redis, not by its process: runs so far do not count.

        Deletes only, which a Redis at its memory limit does not refuse.
        """
        name = _starts(job.currency, job.frame)
        if isinstance(job, SumsJob):
            unit = part_unit(job.part)
            self.client.hdel(name, unit, f"at:{unit}")
        else:
            self.client.hdel(name, *map(block_unit, job.work), f"at:{_task(job)}")

    def run_died(self, job: SumsJob | DetailJob) -> None:
        """Record that a run ended with its process; Celery does not repeat it."""
        name = _starts(job.currency, job.frame)
        if isinstance(job, SumsJob):
            self.client.hset(name, f"died:{part_unit(job.part)}", 1)
            return
        at = self.client.hget(name, f"at:{_task(job)}")
        if at:
            self.client.hset(name, f"died:{at.decode()}", 1)

    def forget_runs(self, currency: str, frame: int, unit: str) -> None:
        """Let a part or block be tried in this frame as if no run of it had begun."""
        self.client.hdel(_starts(currency, frame), unit, f"died:{unit}", f"at:{unit}")

    def runs_of_parts(self, currency: str, frame: int, parts: Sequence[int]) -> dict[int, Runs]:
        """Runs of some parts of the sums of a frame."""
        return self._runs(currency, frame, {part: part_unit(part) for part in parts})

    def runs_of_blocks(self, currency: str, frame: int, blocks: Sequence[int]) -> dict[int, Runs]:
        """Runs of some blocks of the detail of a frame."""
        return self._runs(currency, frame, {block: block_unit(block) for block in blocks})

    def _runs(self, currency: str, frame: int, units: Mapping[int, str]) -> dict[int, Runs]:
        found = self.client.hgetall(_starts(currency, frame))
        made: dict[int, Runs] = {}
        for number, unit in units.items():
            at = found.get(f"at:{unit}".encode())
            begun = int(found.get(unit.encode(), 0))
            made[number] = Runs(begun, f"died:{unit}".encode() in found, int(at) if at else None)
        return made

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


def part_unit(part: int) -> str:
    """The name of a part of the sums among the runs of a frame."""
    return f"part:{part}"


def block_unit(block: int) -> str:
    """The name of a block of the detail among the runs of a frame."""
    return f"block:{block}"


def _task(job: DetailJob) -> str:
    """The name of a task of several blocks."""
    return f"task:{job.work[0]}:{job.attempt}"


def _starts(currency: str, frame: int) -> str:
    return key(currency, "starts", frame)


def _isolation_key(currency: str, version: str, block: int) -> str:
    return key(currency, "trial", version, block)
