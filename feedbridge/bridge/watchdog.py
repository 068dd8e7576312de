"""Open frames in; blocks to send again, and frames to publish as they are, out.

Celery on Redis can lose a task when a worker dies, so the bridge does not wait for ever:

    0 ms        dispatched
    resend_ms   what is missing is sent again, then after twice that and so on, up to give_up_ms
    give_up_ms  what is there is published as PARTIAL, with what is missing named

A frame of which nothing is there stays open: it is what there is to price.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from feedbridge.bridge.dispatch import OpenFrame

MEAN_GAIN, SPREAD_GAIN, SPREADS = 1 / 8, 1 / 4, 4
"""RFC 6298: how fast the mean and the mean deviation follow, and how many deviations are late."""

DOUBLINGS = 10
"""More of them would not lengthen a wait, and overflow at last."""


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
    """Knows how long frames take, and so when one is late.

    It learns as TCP does (RFC 6298): a spell of slow frames makes it patient at once, some thirty
    quick ones make it impatient again. A percentile of hundreds would stay patient for longer
    than the spell, and each task lost meanwhile would wait for it.
    """

    patience: Patience = field(default_factory=Patience)
    _mean_s: float | None = None
    _spread_s: float = 0.0

    def published(self, frame: OpenFrame, now_s: float) -> None:
        """A frame is out: learn from it, unless a block was lost on the way.

        Such a frame took as long as this watchdog waited: its waits would lengthen themselves.
        """
        if max(frame.attempts.values(), default=1) > 1:
            return
        taken = now_s - frame.opened_s
        if self._mean_s is None:
            self._mean_s, self._spread_s = taken, taken / 2
        else:
            self._spread_s += SPREAD_GAIN * (abs(taken - self._mean_s) - self._spread_s)
            self._mean_s += MEAN_GAIN * (taken - self._mean_s)

    def resend_after_s(self) -> float:
        """The mean of late and four mean deviations; at least twice it, and the patience given.

        At most the time to give up: one slow frame at the start says little about the rest.
        """
        if self._mean_s is None:
            return max(self.patience.resend_s, self.patience.unknown_s)
        late = self._mean_s + max(self._mean_s, SPREADS * self._spread_s)
        return max(self.patience.resend_s, min(late, self.patience.give_up_s))

    def overdue(self, frame: OpenFrame, now_s: float) -> list[int]:
        """Blocks whose last sending is long ago; each attempt doubles the wait, up to giving up.

        Workers that come back after an hour must not wait for hours.
        """
        first = self.resend_after_s()
        longest = max(first, self.patience.give_up_s)
        waits = {
            block: min(first * 2 ** min(attempt - 1, DOUBLINGS), longest)
            for block, attempt in frame.attempts.items()
        }
        return [block for block, sent in frame.sent_s.items() if now_s - sent > waits[block]]

    def given_up(self, frame: OpenFrame, now_s: float) -> bool:
        """True when the frame should go out with what is there."""
        return now_s - frame.opened_s > self.patience.give_up_s
