"""Decide when tasks are sent again and when a product of a frame is published incomplete.

Celery on Redis can lose a task when a worker dies, so a bridge does not wait for ever:

    0 ms        dispatched
    resend_ms   missing parts or blocks are sent again, then after twice that and so on, up to
                give_up_ms
    give_up_ms  sums are published as PARTIAL, with their missing blocks named, and a detail without
                the blocks that are missing

Sums without any part stay open.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from feedbridge.bridge.dispatch import SentTasks

MEAN_GAIN, SPREAD_GAIN, SPREADS = 1 / 8, 1 / 4, 4
"""Weights of a new time in the mean and in the mean deviation, and the number of deviations above
the mean from which a frame is late (RFC 6298)."""

DOUBLINGS = 10
"""Largest number of doublings of a wait; more would overflow."""


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
    """Estimates how long frames take, and from that when a frame is late.

    The estimate follows RFC 6298, as TCP's retransmission timer does: a few slow frames lengthen
    the timeout at once, and about thirty quick ones shorten it again. A percentile of hundreds of
    frames would stay long after a slow phase, and each lost task would wait for that long.

    A frame whose tasks were sent again says nothing about how long frames take. As in Karn's
    algorithm the next one is given twice as long, until one comes without: on a machine that is
    too slow for its ticks, tasks that only wait would else be sent again for each frame, and make
    it slower still.
    """

    patience: Patience = field(default_factory=Patience)
    _mean_s: float | None = None
    _spread_s: float = 0.0
    _doublings: int = 0

    def published(self, frame: SentTasks, now_s: float) -> None:
        """Update the estimate with what was published, unless a task had to be sent again.

        Such a frame took as long as this watchdog waited: its timeouts would lengthen themselves.
        """
        if max(frame.attempts.values(), default=1) > 1:
            self._doublings = min(self._doublings + 1, DOUBLINGS)
            return
        self._doublings = 0
        taken = now_s - frame.opened_s
        if self._mean_s is None:
            self._mean_s, self._spread_s = taken, taken / 2
        else:
            self._spread_s += SPREAD_GAIN * (abs(taken - self._mean_s) - self._spread_s)
            self._mean_s += MEAN_GAIN * (taken - self._mean_s)

    def resend_after_s(self) -> float:
        """The recent mean plus four mean deviations, s; at least twice the mean, and ``resend_s``.

        At most ``give_up_s``: one slow frame at the start says little about the others. Doubled
        for each of the last frames that were sent again, up to half of ``give_up_s``: a task that
        is lost is sent again before its frame is given up.
        """
        first = self._expected_s()
        doubled = min(first * 2.0**self._doublings, self.patience.give_up_s / 2)
        return max(first, doubled)

    def _expected_s(self) -> float:
        if self._mean_s is None:
            return max(self.patience.resend_s, self.patience.unknown_s)
        late = self._mean_s + max(self._mean_s, SPREADS * self._spread_s)
        return max(self.patience.resend_s, min(late, self.patience.give_up_s))

    def overdue(self, frame: SentTasks, now_s: float) -> list[int]:
        """Parts or blocks whose timeout has passed; each attempt doubles it, up to ``give_up_s``.

        Without that limit, workers that return after an hour would get the next task hours later.
        """
        first = self.resend_after_s()
        longest = max(first, self.patience.give_up_s)
        waits = {
            unit: min(first * 2 ** min(attempt - 1, DOUBLINGS), longest)
            for unit, attempt in frame.attempts.items()
        }
        return [unit for unit, sent in frame.sent_s.items() if now_s - sent > waits[unit]]

    def given_up(self, frame: SentTasks, now_s: float) -> bool:
        """True when it should be published with what is priced."""
        return now_s - frame.opened_s > self.patience.give_up_s
