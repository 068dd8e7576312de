"""Open frames in; blocks to send again, and frames to publish as they are, out.

Celery on Redis can lose a task when a worker dies, so the bridge does not wait for ever:

    0 ms        dispatched
    resend_ms   what is missing is sent again, and again at each doubling, up to 16 times that
    give_up_ms  what is there is published as PARTIAL, with what is missing named

A frame of which nothing is there stays open: it is what there is to price.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from feedbridge.dispatch import OpenFrame

LONGEST_WAIT = 16
"""Times the first wait: workers that come back after an hour must not wait for hours."""


@dataclass(frozen=True)
class Patience:
    """Limits in seconds. ``resend_s`` also grows with what frames have taken of late.

    ``unknown_s`` stands in for it until a frame has come out whole: the first ones fetch their
    book, and blocks sent twice would only keep two processes busy with the same work.
    """

    resend_s: float = 0.2
    give_up_s: float = 3.0
    unknown_s: float = 0.5


@dataclass
class Watchdog:
    """Knows how long frames take, and so when one is late."""

    patience: Patience = field(default_factory=Patience)
    _taken_s: deque[float] = field(default_factory=lambda: deque(maxlen=200))

    def published(self, frame: OpenFrame, now_s: float) -> None:
        """A frame is out: learn from it, unless a block was lost on the way.

        Such a frame took as long as this watchdog waited: its waits would lengthen themselves.
        """
        if max(frame.attempts.values(), default=1) == 1:
            self._taken_s.append(now_s - frame.opened_s)

    def resend_after_s(self) -> float:
        """Three times what 95 of 100 frames have taken, at least the patience given.

        At most the time to give up: one slow frame at the start says little about the rest.
        """
        if not self._taken_s:
            return max(self.patience.resend_s, self.patience.unknown_s)
        p95 = sorted(self._taken_s)[int(0.95 * (len(self._taken_s) - 1))]
        return max(self.patience.resend_s, min(3.0 * p95, self.patience.give_up_s))

    def overdue(self, frame: OpenFrame, now_s: float) -> list[int]:
        """Blocks whose last sending is long ago; each attempt doubles the wait."""
        wait = self.resend_after_s()
        return [
            block
            for block, sent in frame.sent_s.items()
            if now_s - sent > wait * min(2 ** (frame.attempts[block] - 1), LONGEST_WAIT)
        ]

    def given_up(self, frame: OpenFrame, now_s: float) -> bool:
        """True when the frame should go out with what is there."""
        return now_s - frame.opened_s > self.patience.give_up_s
