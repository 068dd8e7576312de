"""Keep the closes of frames durably: the last frame of each currency and valuation date.

Publication puts a close into Redis in the same step as the first frame of the next date
(``lua/publish.lua``). From there it is copied to PostgreSQL, and read back where Redis has lost it.
"""

from __future__ import annotations

import datetime as dt
import logging
import zlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
from django.db import DatabaseError
from django.db.models import Max, Min

from risk.explain.frames_within import FramesWithin
from risk.models import LIVE, FrameClose, FrameCloseDetail, KeptFrame
from risk.store.compiled_book import BookHead, Books
from risk.store.digests import digest_of, digest_of_detail
from risk.store.frames import Frames
from risk.store.results import PartColumns, Rollup

log = logging.getLogger(__name__)

HELD = 3
"""Number of closes of a currency that are kept in Redis, with their compiled books."""

LONGEST_GAP = dt.timedelta(days=14)
"""Oldest age at which a close in the database counts as that of the previous business date."""

_decode = msgspec.msgpack.Decoder(Rollup).decode
_decode_head = msgspec.msgpack.Decoder(BookHead).decode
_decode_detail = msgspec.msgpack.Decoder(list[PartColumns]).decode
_encode = msgspec.msgpack.Encoder().encode


def frame_of(row: KeptFrame) -> Rollup:
    """The frame of a stored close.

    Raises:
        msgspec.MsgspecError: Another release wrote it, with other fields.
    """
    return _decode(bytes(row.sums))


def head_of(row: KeptFrame) -> BookHead | None:
    """The head of its book; None where it was not held any more. Errors as ``frame_of``."""
    return _decode_head(bytes(row.head)) if row.head else None


class NoClose(Exception):
    """Why there are no closes of a date: a sentence for the caller."""


def closes_on(day: dt.date, currencies: Sequence[str], market: str = LIVE) -> dict[str, FrameClose]:
    """The closes of a date by currency; one without a close on it keeps its last one before.

    A currency that was on holiday has an earlier ``date``. One whose last close is older than
    ``LONGEST_GAP`` has none.

    Args:
        day: The date.
        currencies: Which.
        market: live, or the name of a replay.

    Raises:
        NoClose: None of the currencies has a close on that date.
    """
    rows = FrameClose.objects.filter(market=market, currency__in=currencies)
    last = rows.filter(date__lte=day).order_by("currency", "-date").distinct("currency")
    found = {row.currency: row for row in last if day - row.date <= LONGEST_GAP}
    if not any(row.date == day for row in found.values()):
        span = rows.aggregate(first=Min("date"), last=Max("date"))
        stored = f"closes are stored from {span['first']} to {span['last']}"
        raise NoClose(
            f"no close of {day} is stored in the market {market!r}: "
            f"{stored if span['first'] else 'none is'} (manage.py closes lists them); a close is "
            "stored when the first frame of the next date is explained"
        )
    return {name: found[name] for name in currencies if name in found}


PriceDetail = Callable[[Rollup], Sequence[PartColumns]]
"""Function that makes the numbers by trade of a frame whose compiled book is kept."""


def close_before(market: str, currency: str, date: dt.date) -> FrameClose | None:
    """The newest stored close before a date, ``LONGEST_GAP`` before it at most."""
    found = FrameClose.objects.filter(
        market=market, currency=currency, date__lt=date, date__gte=date - LONGEST_GAP
    )
    return found.order_by("-date").first()


def detail_of(row: FrameClose) -> list[PartColumns] | None:
    """The stored numbers by trade of a close; None where none are stored.

    Raises:
        msgspec.MsgspecError: Another release wrote them, with other fields.
    """
    found = FrameCloseDetail.objects.filter(close=row).first()
    return None if found is None else _decode_detail(zlib.decompress(bytes(found.columns)))


class KeptClose(NamedTuple):
    """A close and its row in the database."""

    row: FrameClose
    close: Rollup


class FrameCloses:
    """Closes of frames in Redis and PostgreSQL.

    ``fresh`` are those that this process has written; who explains one takes it out.
    """

    def __init__(
        self,
        frames: Frames,
        market: str = LIVE,
        price_detail: PriceDetail | None = None,
        most_trades: int = 0,
        within: FramesWithin | None = None,
    ) -> None:
        """Read nothing yet.

        Args:
            frames: Where publication puts closes.
            market: The market that they belong to.
            price_detail: Makes the numbers by trade that are kept with a close.
            most_trades: Of a close whose numbers by trade are kept.
            within: Keeps frames within a day; None: none is kept.
        """
        self.frames, self.market, self.within = frames, market, within
        self.price_detail, self.most_trades = price_detail, most_trades
        self.fresh: list[KeptClose] = []
        self._kept: set[tuple[str, dt.date, int]] = set()
        self._asked: set[tuple[str, dt.date]] = set()

    def before(self, frame: Rollup) -> Rollup | None:
        """The close before a frame; what is not in the database yet is written to it."""
        currency = frame.currency
        if self.within is not None:
            self.within.offer(frame)
        held = self.frames.closes(currency)
        earlier = {date: close for date, close in held.items() if date < frame.valuation_date}
        self._keep(list(held.values()))
        if not earlier:
            return self._from_database(frame)
        dates = sorted(held)
        self.frames.forget_closes(currency, dates[:-HELD])
        return earlier[max(earlier)]

    def _keep(self, closes: list[Rollup]) -> None:
        """Write closes that are not in the database yet; one that is down is asked again."""
        for close in closes:
            name = (close.currency, close.valuation_date, close.frame)
            if name in self._kept:
                continue
            try:
                head = self._head(close)
                row = keep_close(close, self.market, head)
                if head is not None and self.price_detail and close.trades <= self.most_trades:
                    keep_detail(row, close, self.price_detail(close))
            except DatabaseError as error:
                log.warning("the close of %s %s is not kept yet: %s", *name[:2], error)
                return
            self._kept.add(name)
            self.fresh.append(KeptClose(row, close))

    def start_of(self, close: Rollup) -> Rollup | None:
        """The close before a close, of those in Redis, else of those in the database.

        Raises:
            DatabaseError: The database is down.
        """
        held = self.frames.closes(close.currency)
        earlier = [date for date in held if date < close.valuation_date]
        if earlier:
            return held[max(earlier)]
        row = close_before(self.market, close.currency, close.valuation_date)
        try:
            return None if row is None else frame_of(row)
        except msgspec.MsgspecError:  # another release wrote it
            return None

    def _head(self, frame: Rollup) -> BookHead | None:
        return held_head(self.frames, frame)

    def _from_database(self, frame: Rollup) -> Rollup | None:
        """The close that Redis has lost; asked for once a date."""
        place = (frame.currency, frame.valuation_date)
        if place in self._asked:
            return None
        try:
            row = close_before(self.market, frame.currency, frame.valuation_date)
        except DatabaseError as error:
            log.warning("the close before %s %s cannot be read: %s", *place, error)
            return None
        self._asked.add(place)
        if row is None:
            return None
        try:
            close = _decode(bytes(row.sums))
        except msgspec.MsgspecError:  # another release wrote it
            return None
        if close.frame >= frame.frame:  # of an earlier pass over these dates
            return None
        self.frames.put_close(close)
        return close


def held_head(frames: Frames, frame: Rollup) -> BookHead | None:
    """The head of the book of a frame; None where Redis does not hold it any more."""
    return Books(frames.client).head(frame.currency, frame.book_version)


def keep_close(close: Rollup, market: str = LIVE, head: BookHead | None = None) -> FrameClose:
    """Write a close to the database, in place of an earlier one of the same market and date.

    Args:
        close: The last frame of a date.
        market: The market that it belongs to.
        head: That of its book; None where it is not held any more.

    Raises:
        DatabaseError: The database is down.
    """
    row, _ = FrameClose.objects.update_or_create(
        market=market,
        currency=close.currency,
        date=close.valuation_date,
        defaults={"frame": close.frame, **values_of(close, head)},
    )
    return row


def values_of(frame: Rollup, head: BookHead | None) -> dict[str, Any]:
    """The columns of a kept frame, without those that name it."""
    return {
        "as_of": frame.as_of,
        "book_version": frame.book_version,
        "curve_version": frame.curve_version,
        "source": frame.source,
        "quotes": frame.curves,
        "labels": dict(frame.labels),
        "fx": frame.fx,
        "head": _encode(head) if head is not None else b"",
        "sums": _encode(frame),
        "sha256": digest_of(frame),
    }


def keep_detail(row: FrameClose, close: Rollup, columns: Sequence[PartColumns]) -> None:
    """Write the numbers by trade of a close, in place of earlier ones.

    Raises:
        DatabaseError: The database is down.
    """
    FrameCloseDetail.objects.update_or_create(
        close=row,
        defaults={
            "trades": close.trades,
            "columns": zlib.compress(_encode(list(columns))),
            "sha256": digest_of_detail(columns),
        },
    )
