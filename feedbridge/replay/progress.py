"""Show a playback's progress as a bar on a terminal, or as a line from time to time."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress

from risk.store.messages import MarketTick

LINE_EVERY_S = 5.0


class Output(Protocol):
    """Django's wrapper of a stream, or a test's."""

    def write(self, msg: str) -> object:
        """Print a line."""

    def isatty(self) -> bool:
        """Return whether a person watches."""


class Progress:
    """Counts a playback and reports its progress by ``show`` and ``say``."""

    def __init__(
        self,
        say: Callable[[str], object],
        total: int | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._say, self._total, self._clock = say, total, clock
        self._began = self._shown = clock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close nothing."""

    def tick(self, sent: int, tick: MarketTick) -> None:
        """A line at most every five seconds."""
        now = self._clock()
        if now - self._shown < LINE_EVERY_S:
            return
        self._shown = now
        rate = sent / (now - self._began)
        count = f"{sent}" if self._total is None else f"{sent}/{self._total}"
        self._say(
            f"{tick.as_of:%Y-%m-%d %H:%M}  {count} ticks  {rate:.1f}/s{self._eta(sent, rate)}"
        )

    def outage(self, error: str) -> None:
        """Report that the broker is down."""
        reason = f" ({error})" if error else ""
        self._say(f"the broker does not acknowledge{reason}: waiting for it")

    def back(self, waited_s: float) -> None:
        """The broker is back."""
        self._say(f"the broker is back after {waited_s:.1f} s: going on")

    def _eta(self, sent: int, rate: float) -> str:
        if self._total is None or rate <= 0:
            return ""
        return f"  {(self._total - sent) / rate:.0f} s left"


class BarProgress(Progress):
    """Shows one bar on a terminal, with market date, ticks per second and time left."""

    def __init__(self, total: int | None, console: Console | None = None) -> None:
        self._bar = RichProgress(
            TextColumn("{task.fields[day]}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:.1f} ticks/s"),
            TimeRemainingColumn(),
            console=console,
        )
        super().__init__(self._bar.console.print, total)
        self._task = self._bar.add_task("replay", total=total, day="", rate=0.0)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def tick(self, sent: int, tick: MarketTick) -> None:
        """Move the bar."""
        seconds = self._clock() - self._began
        rate = sent / seconds if seconds > 0 else 0.0
        self._bar.update(self._task, completed=sent, day=f"{tick.as_of:%Y-%m-%d %H:%M}", rate=rate)


def progress_for(output: Output, total: int | None) -> Progress:
    """Return a bar for a terminal, or plain lines for a file or a pipe."""
    if output.isatty() and sys.stdout.isatty():
        return BarProgress(total)
    return Progress(output.write, total)
