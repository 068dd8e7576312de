"""Run the pricing processes of a replay and restart those that end."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import SimpleQueue
from types import TracebackType
from typing import Self

from risk.replays.messages import Priced, Setup, decode_priced, read, write
from risk.replays.worker import price
from risk.store.messages import FrameHeader

log = logging.getLogger(__name__)

TRIES = 3
"""Number of processes that may end at the same frame before the replay fails."""


class ProcessesEnd(Exception):
    """Several processes have ended at the same frame, so that the frame is the cause."""


class PricingProcess:
    """One process, started when it is needed and again after it has ended."""

    def __init__(self, setup: Setup) -> None:
        """Start nothing yet."""
        self.setup = setup
        self.process: subprocess.Popen[bytes] | None = None

    def price(self, header: FrameHeader) -> Priced:
        """Price a frame in the process.

        Raises:
            ProcessesEnd: The process ended at every attempt.
        """
        for _ in range(TRIES):
            try:
                raw = self._ask(header)
            except OSError:
                raw = b""
            if raw:
                return decode_priced(raw)
            code = self.stop()
            log.warning(
                "a pricing process ended with %s at %s %s: its frame is priced again",
                code,
                header.currency,
                header.as_of,
            )
        raise ProcessesEnd(
            f"{TRIES} processes have ended at {header.currency} {header.as_of:%Y-%m-%d %H:%M}"
        )

    def _ask(self, header: FrameHeader) -> bytes:
        if self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "risk.replays.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            if self.process.stdin is not None:
                write(self.process.stdin, self.setup)
        if self.process.stdin is None or self.process.stdout is None:
            return b""
        write(self.process.stdin, header)
        return read(self.process.stdout)

    def stop(self) -> int | None:
        """End the process; returns how it ended."""
        process, self.process = self.process, None
        if process is None:
            return None
        process.kill()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(OSError):  # what was written and not read
                    stream.close()
        return process.wait()


class Processes:
    """A pool of processes: frames go to any free one, answers are returned in frame order."""

    def __init__(self, setup: Setup, count: int) -> None:
        """Start nothing yet; with a count of 0 this process prices."""
        self.setup = setup
        self.all = [PricingProcess(setup) for _ in range(count)]
        self._books = {name: sent.book() for name, sent in setup.books.items()} if not count else {}
        self._free: SimpleQueue[PricingProcess] = SimpleQueue()
        for each in self.all:
            self._free.put(each)
        self._threads = ThreadPoolExecutor(max(1, count))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End all processes."""
        self._threads.shutdown(cancel_futures=True)
        for each in self.all:
            each.stop()

    def price(self, headers: Sequence[FrameHeader]) -> Iterator[Priced]:
        """Price frames; errors as ``PricingProcess.price``."""
        if not self.all:  # QuantLib's date is of the whole process: no threads
            options = self.setup.options()
            return (price(self._books, header, options) for header in headers)
        return self._threads.map(self._price, headers)

    def _price(self, header: FrameHeader) -> Priced:
        process = self._free.get()
        try:
            return process.price(header)
        finally:
            self._free.put(process)
