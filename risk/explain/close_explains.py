"""Keep the P&L explain of each close since the close before it, and read it back.

It is made when the first frame of the next date is explained: then what both closes were made from
is still held (``maker.py``). ``manage.py closes --explain`` makes those that are missing.
"""

from __future__ import annotations

import datetime as dt
import logging
import zlib
from collections.abc import Callable, Sequence

import msgspec
from django.db import DatabaseError

from risk.explain.frame_closes import LONGEST_GAP, FrameCloses, KeptClose, frame_of
from risk.models import FrameClose, FrameCloseExplain
from risk.store.explains import Explain, decode_explain
from risk.store.results import Rollup

log = logging.getLogger(__name__)

NOT_STORED = (
    "no explain is stored with this close: it was stored by an earlier release, or the explaining"
    " process did not run then; manage.py closes --explain makes it"
)
REPLACED = (
    "the close before it has been replaced since it was explained; manage.py closes --explain"
    " explains it again"
)
OTHER_RELEASE = "another release stored it, in a form that this one cannot read"

_encode = msgspec.msgpack.Encoder().encode


def keep_explain(row: FrameClose, explain: Explain) -> None:
    """Write the explain of a close, in place of an earlier one.

    Raises:
        DatabaseError: The database is down.
    """
    FrameCloseExplain.objects.update_or_create(
        close=row,
        defaults={"frame": explain.frame, "explain": zlib.compress(_encode(explain))},
    )


def is_explained(row: FrameClose) -> bool:
    """Return whether the explain of this frame is stored; errors as ``keep_explain``."""
    return FrameCloseExplain.objects.filter(close=row, frame=row.frame).exists()


def stored_explains(rows: Sequence[FrameClose]) -> list[Explain | str]:
    """The explain of each of some closes, or why there is none; nothing else of them is read.

    Raises:
        DatabaseError: The database is down.
    """
    found = {one.close_id: one for one in FrameCloseExplain.objects.filter(close__in=rows)}
    starts = _frames_before(rows)
    return [_stored(row, found.get(row.pk), starts.get(row.pk)) for row in rows]


def _stored(row: FrameClose, stored: FrameCloseExplain | None, start: int | None) -> Explain | str:
    if stored is None or stored.frame != row.frame:
        return NOT_STORED
    try:
        explain = decode_explain(zlib.decompress(bytes(stored.explain)))
    except msgspec.ValidationError:
        return OTHER_RELEASE
    period = explain.periods.get("close")
    if period is not None and start not in (None, period.start_frame):
        return REPLACED
    return explain


def _frames_before(rows: Sequence[FrameClose]) -> dict[int, int]:
    """The frame of the close before each of some closes, by their keys; of those that have one."""
    if not rows:
        return {}
    dates = [row.date for row in rows]
    stored = FrameClose.objects.filter(
        market__in={row.market for row in rows},
        currency__in={row.currency for row in rows},
        date__gte=min(dates) - LONGEST_GAP,
        date__lt=max(dates),
    )
    by_place: dict[tuple[str, str], list[tuple[dt.date, int]]] = {}
    for market, currency, date, frame in stored.order_by("date").values_list(
        "market", "currency", "date", "frame"
    ):
        by_place.setdefault((market, currency), []).append((date, frame))
    found: dict[int, int] = {}
    for row in rows:
        before = [
            frame
            for date, frame in by_place.get((row.market, row.currency), ())
            if row.date - LONGEST_GAP <= date < row.date
        ]
        if before:
            found[row.pk] = before[-1]
    return found


def explains_of(rows: Sequence[FrameClose]) -> list[Explain]:
    """The explain of each close; one that has none says why.

    Raises:
        DatabaseError: The database is down.
        msgspec.MsgspecError: Another release stored one of the closes.
    """
    return [
        without(row, found) if isinstance(found, str) else found
        for row, found in zip(rows, stored_explains(rows), strict=True)
    ]


def without(row: FrameClose, reason: str) -> Explain:
    """An explain of a close that says why there is none."""
    return Explain.of(frame_of(row), {}, {"close": reason}, 0.0)


Make = Callable[[Rollup | None, Rollup], Explain]
"""Function that explains a close since another, or says why it does not."""


class CloseExplains:
    """Explains closes once they are kept; not for threads."""

    def __init__(self, closes: FrameCloses) -> None:
        """Explain nothing yet."""
        self.closes = closes
        self._made: dict[int, Explain] = {}

    def run(self, currency: str, make: Make) -> None:
        """Explain the closes of a currency that were kept since the last run.

        What cannot be stored is stored by a later run. What ``make`` raises passes through.
        """
        for kept in [one for one in self.closes.fresh if one.close.currency == currency]:
            try:
                if not is_explained(kept.row):
                    keep_explain(kept.row, self._explain(kept, make))
            except DatabaseError as error:
                day = kept.close.valuation_date
                log.warning("the explain of %s %s is not stored yet: %s", currency, day, error)
                return
            self._made.pop(kept.row.pk, None)
            self.closes.fresh.remove(kept)

    def _explain(self, kept: KeptClose, make: Make) -> Explain:
        found = self._made.get(kept.row.pk)
        if found is None or found.frame != kept.close.frame:
            found = self._made[kept.row.pk] = make(self.closes.start_of(kept.close), kept.close)
        return found
