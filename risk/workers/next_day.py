"""Prepare what a book needs on the next weekday, in a process of its own at a lower priority.

Bringing the blocks of a book to a date and netting them takes seconds, and the first frame of a day
would wait for it. The files of ``HostCache`` can be made on the day before. A pricing process only
notes what is missing, and starts ``python -m risk.workers.next_day`` for it, which makes the files
one after another and ends. A host has one such process at a time, the frames of the present day go
before it, and it runs for a fifth of the time at most.
"""

from __future__ import annotations

import errno
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Hashable
from contextlib import suppress
from pathlib import Path

import msgspec
from django.conf import settings
from redis import RedisError

from pricing.curves.quotes import CurveOptions, shape_of
from risk.store.compiled_book_store import CompiledBooks
from risk.store.frames import connect
from risk.store.messages import DetailJob, SumsJob
from risk.workers.book_netter import BookNetter
from risk.workers.host_cache import HostCache
from risk.workers.session import EXPECTED, Session, next_weekday

log = logging.getLogger(__name__)

NICE = 15
"""Niceness of a process, among the processes of its host."""

START_EVERY_S = 10.0
"""Least seconds between two attempts to start one: it takes a second to load its libraries."""

SHARE = 0.2
"""Largest share of the time for which one runs: edits all day need their blocks prepared anew."""

CLAIM = "next-day"

BUSY = 75
"""Exit status of a process that could not do its work now (EX_TEMPFAIL): another process of the
host is at it, or Redis does not answer."""

REDIS_S = 10.0
PRIORITY_TRIES, PRIORITY_PAUSE_S = 20, 0.1
"""Linux lets a user change the niceness of sessions ten times a second in all (EAGAIN)."""


class Work(msgspec.Struct, kw_only=True):
    """What a process is to prepare: jobs on the date that they are prepared for."""

    options: CurveOptions
    directory: str
    most_bytes: int
    sums: list[SumsJob] = []
    detail: list[DetailJob] = []


class NextDay:
    """What of the next weekday a pricing process has missed, and the process that makes it."""

    def __init__(self, session: Session, clock: Callable[[], float] = time.monotonic) -> None:
        """Miss nothing yet; without files nothing is prepared."""
        self._session, self._clock = session, clock
        self._asked: dict[Hashable, Hashable] = {}
        self._missing: dict[Hashable, tuple[Hashable, SumsJob | DetailJob]] = {}
        self._making: dict[Hashable, Hashable] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = self._start_at = 0.0

    def ask_for_sums(self, job: SumsJob | None) -> None:
        """Have the files of a part made; ``job`` has the date that they are for."""
        self._note_end()
        if job is not None:
            key = (job.book_version, job.valuation_date, shape_of(job.curves), tuple(job.excluded))
            self._note((job.currency, "part", job.part), key, job)
        self._start_if_due()

    def ask_for_detail(self, job: DetailJob) -> None:
        """Have the files of some blocks made for the weekday after a job's date."""
        self._note_end()
        date = next_weekday(job.valuation_date)
        later = msgspec.structs.replace(job, valuation_date=date)
        for block in later.work:
            one = msgspec.structs.replace(later, work=[block])
            self._note((job.currency, block), self._session.day(later.of_block(block)), one)
        self._start_if_due()

    def _note(self, place: Hashable, key: Hashable, job: SumsJob | DetailJob) -> None:
        if key not in (self._asked.get(place), self._making.get(place)):
            self._missing[place] = (key, job)

    def _note_end(self) -> None:
        status = None if self._process is None else self._process.poll()
        if status is None:
            return
        if status != BUSY:  # what cannot be made is left to the frames of its day
            self._asked |= self._making
        if status not in (0, BUSY):
            log.warning("the process that prepares the next day ended with %s", status)
        self._process, self._making = None, {}
        ran_s = self._clock() - self._started_at
        self._start_at = max(self._start_at, self._started_at + ran_s / SHARE)

    def _start_if_due(self) -> None:
        if (
            self._process is None
            and self._missing
            and self._session.files is not None
            and self._clock() >= self._start_at
        ):
            self._started_at = self._clock()
            self._start_at = self._started_at + START_EVERY_S
            with self._session.files.alone(CLAIM) as alone:
                free = alone
            if free:
                self._process = start(self._take(self._session.files))

    def _take(self, files: HostCache) -> Work:
        """Take what is missing as the work of a process."""
        work = Work(
            options=self._session.options,
            directory=str(files.directory),
            most_bytes=files.most_bytes,
        )
        blocks: dict[Hashable, list[DetailJob]] = {}
        for _, job in self._missing.values():
            if isinstance(job, SumsJob):
                work.sums.append(job)
            else:
                book = (job.currency, job.book_version, job.valuation_date, shape_of(job.curves))
                blocks.setdefault(book, []).append(job)
        work.detail = [
            msgspec.structs.replace(jobs[0], work=sorted({n for job in jobs for n in job.work}))
            for jobs in blocks.values()
        ]
        self._making = {place: key for place, (key, _) in self._missing.items()}
        self._missing = {}
        return work


def start(work: Work) -> subprocess.Popen[bytes]:
    """Start the process that does some work."""
    with tempfile.TemporaryFile() as request:
        request.write(msgspec.msgpack.encode(work))
        request.seek(0)
        return subprocess.Popen(  # noqa: S603 - this interpreter, and a module of ours
            [sys.executable, "-m", __name__], stdin=request
        )


def make_files(work: Work, books: CompiledBooks) -> None:
    """Make all files that are not there; those that cannot be made are left out.

    Raises:
        RedisError: Redis, which has the books, does not answer.
    """
    session = Session(books, work.options, HostCache(Path(work.directory), work.most_bytes))
    netter = BookNetter(session)
    for job in work.sums:
        try:
            netter.make_files(job)
        except EXPECTED as error:
            log.info("%s is not netted for %s: %s", job.currency, job.valuation_date, error)
    for detail in work.detail:
        for block in detail.work:
            try:
                session.make_file(detail.of_block(block))
            except EXPECTED as error:
                log.info("%s block %s is not prepared: %s", detail.currency, block, error)


def lower_priority() -> None:
    """Leave the processors to all others, also to those of other sessions (sched(7), autogroup)."""
    os.setpriority(os.PRIO_PROCESS, 0, max(NICE, os.getpriority(os.PRIO_PROCESS, 0)))
    with suppress(OSError):
        os.setsid()
    for _ in range(PRIORITY_TRIES):
        try:
            Path("/proc/self/autogroup").write_text(str(NICE))
        except OSError as error:
            if error.errno == errno.EAGAIN:
                time.sleep(PRIORITY_PAUSE_S)
                continue
        return


def main() -> int:
    """Make the files that standard input asks for; returns the exit status."""
    lower_priority()
    work = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Work)
    files = HostCache(Path(work.directory), work.most_bytes)
    with files.alone(CLAIM) as alone:
        if not alone:
            return BUSY
        try:
            make_files(work, CompiledBooks(connect(settings.REDIS_URL, timeout_s=REDIS_S)))
        except RedisError as error:
            print(f"the next day is not prepared now: {error}", file=sys.stderr)
            return BUSY
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
