"""Decide when a feed has sent so many invalid records that reading should stop.

A feed whose records are mostly invalid is broken. Reading on would fill the dead-letter topic, and
nobody would notice. A few invalid records do not stop the reading.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

MIN_RECORDS = 100
"""The ratio is checked only after this many records."""


@dataclass
class InvalidRecordLimit:
    """Counts bad records: consecutive ones, and their ratio among the last ``window``."""

    max_consecutive: int = 50
    max_ratio: float = 0.2
    window: int = 500
    _last: deque[bool] = field(init=False)
    _consecutive: int = 0
    _bad: int = 0

    def __post_init__(self) -> None:
        self._last = deque(maxlen=self.window)

    def note(self, *, bad: bool) -> None:
        """Count one record."""
        if len(self._last) == self.window:
            self._bad -= self._last[0]
        self._last.append(bad)
        self._bad += bad
        self._consecutive = self._consecutive + 1 if bad else 0

    def exceeded(self) -> str:
        """Why reading should stop; "" while it should not."""
        if self._consecutive >= self.max_consecutive:
            return f"{self._consecutive} bad records in a row"
        seen = len(self._last)
        if seen >= MIN_RECORDS and self._bad > self.max_ratio * seen:
            return f"{self._bad} of the last {seen} records are bad"
        return ""


class NoLimit(InvalidRecordLimit):
    """No limit, for an operator who has checked the feed and wants all of it read."""

    def exceeded(self) -> str:
        """Never."""
        return ""
