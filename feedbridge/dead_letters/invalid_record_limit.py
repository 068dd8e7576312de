"""Records judged good or bad in; the sentence that says why to stop reading, out.

A feed that sends mostly what nobody can use is broken: to bury all of it would take its good
records along unseen, and fill the dead letters. A handful of bad records is no such feed.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

LEAST_RECORDS = 100
"""Below this many a share says little."""


@dataclass
class InvalidRecordLimit:
    """Counts bad records: in a row, and among the last ``window``."""

    in_a_row: int = 50
    share: float = 0.2
    window: int = 500
    _last: deque[bool] = field(init=False)
    _row: int = 0
    _bad: int = 0

    def __post_init__(self) -> None:
        self._last = deque(maxlen=self.window)

    def note(self, *, bad: bool) -> None:
        """A record has been judged."""
        if len(self._last) == self.window:
            self._bad -= self._last[0]
        self._last.append(bad)
        self._bad += bad
        self._row = self._row + 1 if bad else 0

    def exceeded(self) -> str:
        """Why reading should stop; "" while it should not."""
        if self._row >= self.in_a_row:
            return f"{self._row} bad records in a row"
        seen = len(self._last)
        if seen >= LEAST_RECORDS and self._bad > self.share * seen:
            return f"{self._bad} of the last {seen} records are bad"
        return ""


class NoLimit(InvalidRecordLimit):
    """Somebody has looked at the feed, and wants all of it read."""

    def exceeded(self) -> str:
        """Never."""
        return ""
