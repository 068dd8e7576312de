"""Reprice a stored close: as it was, to the last bit, and with what is known now."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from instruments.book_history import Known
from instruments.trade_repository import TWICE
from pricing.curves.quotes import CurveOptions
from pricing.markets import conventions
from pricing.products.terms import Terms
from risk.explain.frame_closes import frame_of, head_of
from risk.models import LIVE, FrameClose, FrameCloseDetail, FrameWithin, KeptFrame
from risk.reprice.corrections import (
    STEPS,
    FixingCorrection,
    QuoteCorrection,
    TradeCorrection,
    corrected_fixings,
    corrected_quotes,
    corrected_trades,
    with_quotes,
)
from risk.reprice.past_book import PastBook, compile_past
from risk.reprice.priced_frame import PricedFrame, header_of
from risk.store.compiled_book import BookHead
from risk.store.digests import digest_of
from risk.store.messages import parts_for
from risk.store.results import Rollup, UnpricedTrade


class NothingStored(Exception):
    """Why nothing can be repriced: a sentence for the caller."""


@dataclass(frozen=True)
class Corrected:
    """A close with what is known at a later time."""

    known_at: dt.datetime
    frame: PricedFrame
    quotes: list[QuoteCorrection]
    fixings: list[FixingCorrection]
    trades: list[TradeCorrection]


@dataclass(frozen=True)
class Repriced:
    """A close that was priced again.

    Attributes:
        stored: What was published.
        sha256: The stored hash.
        frame: The same frame, priced from the history of rows and the stored quotes.
        corrected: The frame with what is known at a later time; None if nobody asked.
        detail_sha256: The stored hash of the numbers by trade; None where none are stored.
    """

    stored: Rollup
    sha256: str
    frame: PricedFrame
    corrected: Corrected | None = None
    detail_sha256: str | None = None

    @property
    def digest(self) -> str:
        """The hash of what was priced again."""
        return digest_of(self.frame.rollup)

    @property
    def equal(self) -> bool:
        """Return whether every published number came out with the same bits."""
        if self.detail_sha256 not in (None, self.frame.detail_digest()):
            return False
        return self.digest == self.sha256

    def differences(self) -> list[str]:
        """The fields of the frame that differ."""
        again = self.frame.rollup
        if self.equal:
            return []
        if self.digest == self.sha256:
            return ["numbers by trade"]
        names = [n for n in Rollup.__struct_fields__ if not n.endswith("_ns")]
        return [name for name in names if getattr(again, name) != getattr(self.stored, name)]


def close_of(currency: str, as_of: dt.date | dt.datetime, market: str = LIVE) -> KeptFrame:
    """The newest stored close of a currency on or before a date.

    For a market's time it is the newest stored frame of then, of a close or within a day.

    Raises:
        NothingStored: There is none.
    """
    rows = FrameClose.objects.filter(market=market, currency=currency)
    found: list[KeptFrame | None]
    if isinstance(as_of, dt.datetime):
        within = FrameWithin.objects.filter(market=market, currency=currency)
        of_then = {"as_of__lte": as_of}
        found = [each.filter(**of_then).order_by("-as_of").first() for each in (rows, within)]
    else:
        found = [rows.filter(date__lte=as_of).order_by("-date").first()]
    there = [row for row in found if row is not None]
    if there:
        return max(there, key=lambda row: (row.as_of, row.frame))
    first = rows.order_by("date").values_list("date", flat=True).first()
    kept = f"the first is of {first}" if first else "none is stored"
    raise NothingStored(
        f"{currency}: no close of the market {market!r} on or before {as_of}: {kept}; a close is "
        "stored when the first frame of the next date is explained"
    )


def reprice(
    row: KeptFrame,
    options: CurveOptions,
    *,
    known_at: dt.datetime | None = None,
    correct: Collection[str] = STEPS,
    processes: int = 1,
) -> Repriced:
    """Price a stored frame again.

    Args:
        row: The close, or a frame within a day.
        options: How curves and flows are made.
        known_at: Also price it with what was known at that later time; None: only as it was.
        correct: Which of ``STEPS`` are corrected.
        processes: Processes that compile.

    Raises:
        NothingStored: Another release stored the close, with other fields.
        BadInput: ``known_at`` has no time zone.
        PricingError: The corrected quotes admit no curve.
    """
    try:
        stored, head = frame_of(row), head_of(row)
    except msgspec.MsgspecError as error:
        raise NothingStored(
            f"{row.currency} {row.date}: another release stored this close ({error})"
        ) from None
    published = dt.datetime.fromtimestamp(stored.published_ns / 1e9, tz=dt.UTC)
    number = head.number if head else int(stored.book_version.partition("-")[0])
    known = Known.of_version(number, published)
    book = _book(known, stored, options, processes, head)
    frame = PricedFrame(book, header_of(stored, book), options, stored.missing)
    detail = _stored_detail(row)
    found = Repriced(stored, row.sha256, frame, detail_sha256=detail)
    if known_at is None:
        return found
    corrected = _correct(found, published, known_at, correct, options, processes)
    return Repriced(stored, row.sha256, frame, corrected, detail)


def _stored_detail(row: KeptFrame) -> str | None:
    """The hash of the numbers by trade that are stored of a close."""
    if not isinstance(row, FrameClose):
        return None
    stored = FrameCloseDetail.objects.filter(close=row).values_list("sha256", flat=True)
    return stored.first()


def _book(
    known: Known,
    frame: Rollup,
    options: CurveOptions,
    processes: int,
    head: BookHead | None = None,
) -> PastBook:
    """The book of a currency at a version; with the trades without numbers of ``head``."""
    currency, date = frame.currency, frame.valuation_date
    # One that has matured since had its last payment before it: that is found out.
    trades, rejected = _trades(known, currency, matured=head is None)
    indices = [row.name for row in conventions.INDICES.values() if row.currency == currency]
    stored = known.fixings(indices)
    book = compile_past(
        currency,
        known.number,
        trades,
        desk_of_book=known.desks(),
        fixings={name: stored[name] for name in indices if name in stored},
        options=options,
        processes=processes,
        paid_by=head.valid_from if head else date,
        lost=head.failures if head else None,
        kept_out=None if head else known.quarantined(),
    )
    if head is None and rejected and currency == conventions.CURRENCIES[0]:
        book.made.failures.extend(rejected)
    return book


def _trades(
    known: Known, currency: str, *, matured: bool
) -> tuple[dict[str, Terms], list[UnpricedTrade]]:
    """The trades of a currency, and those of any whose rows make no terms."""
    trades: dict[str, Terms] = {}
    rejected: dict[str, str] = {}
    seen: set[str] = set()
    for name, found in known.trades(matured=matured):
        if isinstance(found, str):
            rejected[name] = found
        elif name in seen:
            rejected[name] = TWICE
        else:
            seen.add(name)
            if found.currency == currency:
                trades[name] = found
    lost = [
        UnpricedTrade(trade_id=name, code="BAD_INPUT", message=message)
        for name, message in sorted(rejected.items())
    ]
    return trades, lost


def _correct(
    then: Repriced,
    published: dt.datetime,
    known_at: dt.datetime,
    correct: Collection[str],
    options: CurveOptions,
    processes: int,
) -> Corrected:
    """Correct quotes, then fixings, then trades."""
    stored, frame = then.stored, then.frame
    known = Known.at_time(known_at)
    stages = {"then": frame}
    quotes = corrected_quotes(stored, published, known_at) if "quotes" in correct else []
    if quotes:
        curves = with_quotes(stored.curves, quotes)
        header = msgspec.structs.replace(frame.header, curves=curves)
        frame = PricedFrame(frame.book, header, options, frame.missing)
    stages["quotes"] = frame
    later = _book(known, stored, options, processes)
    before, after = frame.book.known_fixings, later.known_fixings
    day = stored.valuation_date
    fixings = corrected_fixings(before, after, day) if "fixings" in correct else []
    if fixings:
        book = frame.book.with_fixings(after, known.number)
        header = msgspec.structs.replace(frame.header, book_version=book.made.version)
        frame = PricedFrame(book, header, options, frame.missing)
    stages["fixings"] = frame
    if "trades" in correct and _differs(frame.book, later):
        book = later if fixings else later.with_fixings(before, known.number)
        market = msgspec.structs.replace(stored, curves=frame.header.curves)
        frame = PricedFrame(book, header_of(market, book, parts_for(book.made.trades)), options)
    stages["trades"] = frame
    return Corrected(known_at, frame, quotes, fixings, corrected_trades(stages))


def _differs(book: PastBook, later: PastBook) -> bool:
    """Return whether any trade of two books differs, or one has a number in only one of them."""
    mine, other = book.made, later.made
    return (mine.block_names, mine.failures) != (other.block_names, other.failures)


def as_json(found: Repriced, desks: Collection[str] | None = None) -> dict[str, Any]:
    """The answer as REST and the command give it; with the trades of these desks alone."""
    stored, again = found.stored, found.frame.rollup
    answer: dict[str, Any] = {
        "currency": stored.currency,
        "valuation_date": stored.valuation_date.isoformat(),
        "as_of": stored.as_of.isoformat(),
        "frame": stored.frame,
        "book_version": stored.book_version,
        "book_version_repriced": found.frame.book.made.version,
        "conventions": stored.conventions,
        "conventions_repriced": again.conventions,
        "sha256": found.sha256,
        "sha256_repriced": found.digest,
        "equal": found.equal,
        "differences": found.differences(),
        "detail_sha256": found.detail_sha256,
        "detail_sha256_repriced": found.frame.detail_digest(),
        "trades": again.trades,
        "priced": again.priced,
        "npv": _npv(again, desks),
        "corrected": None,
    }
    if found.corrected is not None:
        before = found.frame.book.made.desk_of_book
        answer["corrected"] = _corrected_json(found.corrected, answer["npv"], desks, before)
    return answer


def _npv(frame: Rollup, desks: Collection[str] | None) -> float:
    return float(sum(cell.npv for cell in frame.cells if desks is None or cell.desk in desks))


def _corrected_json(
    found: Corrected, npv_then: float, desks: Collection[str] | None, before: Mapping[str, str]
) -> dict[str, Any]:
    frame = found.frame
    desk_of = {**before, **frame.book.made.desk_of_book}
    npv = _npv(frame.rollup, desks)
    return {
        "known_at": found.known_at.isoformat(),
        "book_version": frame.book.made.version,
        "sha256": digest_of(frame.rollup),
        "npv": npv,
        "difference": npv - npv_then,
        "quotes": [one._asdict() for one in found.quotes],
        "fixings": [{**vars(one), "date": one.date.isoformat()} for one in found.fixings],
        "trades": [
            {
                "trade_id": one.trade_id,
                "desk": desk_of.get(one.book, ""),
                "book": one.book,
                "type": one.product,
                "change": one.change,
                "npv": one.before,
                "npv_corrected": one.after,
                "effects": dict(one.effects),
                "reason": one.reason,
            }
            for one in found.trades
            if desks is None or desk_of.get(one.book, "") in desks
        ],
    }
