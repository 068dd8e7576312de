"""Prepare what a book needs on the next weekday, in a process of its own at a lower priority.

Bringing the blocks of a book to a date and netting them takes seconds, and the first frame of a day
would wait for it. The files of ``HostCache`` can be made on the day before. A pricing process only
notes what is missing, and starts ``python -m risk.workers.next_day`` for it, which makes the files
one after another and ends. A host has one such process at a time, which rests between two runs, and
the frames of the present day go before it.
"""

from __future__ import annotations

import errno
import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Hashable
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
"""Least seconds between two attempts of a pricing process to start one."""

RESTS, LONGEST_REST_S = 4.0, 120.0
"""After each run a host has none for so many times as long, up to the longest rest: edits all day
need blocks prepared anew."""

LOOK_EVERY_S = 60.0
"""Seconds after which a file of the next day is looked for again. Looking keeps it."""

CLAIM = "next-day"

BUSY, NO_ROOM = 75, 73
"""Exit statuses of a process that could not do its work now, because another one of the host is at
it or Redis does not answer (EX_TEMPFAIL), and of one that cannot write files (EX_CANTCREAT)."""

NO_ROOM_PAUSE_S = 600.0
REDIS_S = 10.0
PRIORITY_TRIES, PRIORITY_PAUSE_S = 20, 0.1
"""Linux lets a user change the niceness of sessions ten times a second in all (EAGAIN)."""

LOW = f'{{ echo {NICE} > /proc/self/autogroup; }} 2>/dev/null; exec nice -n {NICE} "$@"'
"""Shell command that lowers the priority of its session (sched(7), autogroup) and of the process,
before that loads libraries for a second."""


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
        self._looked: dict[Hashable, tuple[Hashable, float]] = {}
        self._asked: dict[Hashable, Hashable] = {}
        self._missing: dict[Hashable, tuple[Hashable, SumsJob | DetailJob]] = {}
        self._making: dict[Hashable, Hashable] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._start_at = 0.0

    def ask_for_sums(self, job: SumsJob, later: SumsJob | None) -> None:
        """Have the files of a part made.

        Args:
            job: The part that was priced.
            later: The same on the date that files are needed for; None: nothing is missing.
        """
        self._note_end()
        place = (job.currency, "part", job.part)
        if later is None:
            self._missing.pop(place, None)
        else:
            instruments, excluded = shape_of(later.curves), tuple(later.excluded)
            key = (later.book_version, later.valuation_date, instruments, excluded)
            self._note(place, key, later)
        self._start_if_due()

    def ask_for_detail(self, job: DetailJob) -> None:
        """Have the files of some blocks made for the weekday after a job's date."""
        self._note_end()
        date = next_weekday(job.valuation_date)
        later = msgspec.structs.replace(job, valuation_date=date)
        for block in later.work:
            place, one = (job.currency, block), later.of_block(block)
            key = self._session.day(one)
            if self._was_seen(place, key):
                continue
            if self._session.has_file(one):
                self._looked[place] = (key, self._clock() + LOOK_EVERY_S)
                self._missing.pop(place, None)
                self._asked.pop(place, None)  # when it is swept, it is made again
            else:
                self._note(place, key, msgspec.structs.replace(later, work=[block]))
        self._start_if_due()

    def _was_seen(self, place: Hashable, key: Hashable) -> bool:
        seen, until = self._looked.get(place, (None, 0.0))
        return seen == key and self._clock() < until

    def _note(self, place: Hashable, key: Hashable, job: SumsJob | DetailJob) -> None:
        if key not in (self._asked.get(place), self._making.get(place)):
            self._missing[place] = (key, job)

    def _note_end(self) -> None:
        status = None if self._process is None else self._process.poll()
        if status is None:
            return
        if status not in (BUSY, NO_ROOM):  # what cannot be made is left to the frames of its day
            self._asked |= self._making
        if status not in (0, BUSY, NO_ROOM):
            log.warning("the process that prepares the next day ended with %s", status)
        if status == NO_ROOM:
            self._start_at = self._clock() + NO_ROOM_PAUSE_S
        self._process, self._making = None, {}

    def _start_if_due(self) -> None:
        files = self._session.files
        due = self._clock() >= self._start_at
        if self._process is not None or not self._missing or files is None or not due:
            return
        self._start_at = self._clock() + START_EVERY_S
        self._forget_made()
        with files.alone(CLAIM) as alone:
            free = alone
        if free and self._missing:
            self._process = start(self._take(files))

    def _forget_made(self) -> None:
        """Miss no block that another process has prepared since it was noted."""
        for place, (_, job) in [*self._missing.items()]:
            if isinstance(job, DetailJob) and self._session.has_file(job.of_block(job.work[0])):
                del self._missing[place]

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
    """Start the process that does some work, in a session of its own."""
    with tempfile.TemporaryFile() as request:
        request.write(msgspec.msgpack.encode(work))
        request.seek(0)
        return subprocess.Popen(  # noqa: S603 - this interpreter, and a module of ours
            ["/bin/sh", "-c", LOW, "sh", sys.executable, "-m", __name__],
            stdin=request,
            start_new_session=True,
        )


def make_files(work: Work, books: CompiledBooks) -> bool:
    """Make all files that are not there; those that cannot be made are left out.

    Returns:
        False when one cannot be written; the rest is then not made.

    Raises:
        RedisError: Redis, which has the books, does not answer.
    """
    session = Session(books, work.options, HostCache(Path(work.directory), work.most_bytes))
    netter = BookNetter(session)
    for job in work.sums:
        try:
            if not netter.make_files(job):
                return False
        except EXPECTED as error:
            log.info("%s is not netted for %s: %s", job.currency, job.valuation_date, error)
    for detail in work.detail:
        for block in detail.work:
            try:
                if not session.make_file(detail.of_block(block)):
                    return False
            except EXPECTED as error:
                log.info("%s block %s is not prepared: %s", detail.currency, block, error)
    return True


def lower_session_priority() -> None:
    """Give all other sessions of the host the processors first, where ``LOW`` was refused."""
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
    lower_session_priority()
    work = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Work)
    files, began_s = HostCache(Path(work.directory), work.most_bytes), time.monotonic()
    with files.alone(CLAIM) as alone:
        if not alone:
            return BUSY
        try:
            books = CompiledBooks(connect(settings.REDIS_URL, timeout_s=REDIS_S))
            return 0 if make_files(work, books) else NO_ROOM
        except RedisError as error:
            print(f"the next day is not prepared now: {error}", file=sys.stderr)
            return BUSY
        finally:
            files.rest(CLAIM, min(RESTS * (time.monotonic() - began_s), LONGEST_REST_S))


if __name__ == "__main__":
    raise SystemExit(main())
