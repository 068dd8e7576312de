"""The messages between processes: frozen, typed structs that are decoded once on receipt.

Fields are added with a default and never renamed. msgspec refuses NaN, Infinity, numbers in
quotes, unknown fields and wrong types, and names the path to the field.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import msgspec

from pricing.curves.quotes import CurveQuotes, Label
from pricing.curves.sanity import CurveWarning
from pricing.limits import FX_MAX, FX_MIN


class MarketTick(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One message of a feed: the moved quotes of one currency. Absent quotes keep their value.

    ``whole`` says that this is all the source publishes of the currency: what it carried before
    and does not carry now leaves the market. The first tick of a business date must be whole.
    ``seq`` rises per source and currency; ``epoch`` rises when a source restarts from 0.
    ``as_of`` is the market's time; its date in the currency's own time zone is the valuation date.
    ``sent_ns`` is the sender's wall clock (ns since 1970), for latency and for releases of sources.
    ``curves`` are rates. ``prices`` are clean prices of bonds per 100 of face, and prices of
    futures, by curve and quote; whoever decodes a tick turns them into rates of ``curves``.
    """

    currency: str
    as_of: Annotated[dt.datetime, msgspec.Meta(tz=True)]
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    seq: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    curves: CurveQuotes
    labels: dict[str, Label] = {}
    epoch: Annotated[int, msgspec.Meta(ge=0, le=2**53)] = 0
    sent_ns: int = 0
    whole: bool = False
    prices: CurveQuotes = {}


class FxTick(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Exchange rates: the value of 1 unit of each currency in US dollars."""

    as_of: Annotated[dt.datetime, msgspec.Meta(tz=True)]
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    seq: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    usd: dict[str, Annotated[float, msgspec.Meta(ge=FX_MIN, le=FX_MAX)]]
    label: Label
    epoch: Annotated[int, msgspec.Meta(ge=0, le=2**53)] = 0
    sent_ns: int = 0


class FrameInputs(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that determines the prices of a frame. ``blocks`` are those of its book."""

    currency: str
    frame: int
    blocks: int
    book_version: str
    valuation_date: dt.date
    curves: CurveQuotes


class SumsJob(FrameInputs, frozen=True, kw_only=True):
    """One part of the sums of a frame: a range of its blocks, see ``blocks_of_part``.

    ``excluded`` are blocks that the frame leaves out. ``continued`` is set when the job was handed
    on by a run that had other currencies wait for too long. ``moved`` warns of quotes that have
    moved far since the last frame; with ``strict`` a market with a warning is refused.
    """

    part: int
    parts: int
    excluded: list[int] = []
    attempt: int = 1
    continued: bool = False
    moved: list[CurveWarning] = []
    strict: bool = False

    def blocks_of_part(self) -> range:
        """The blocks that the part covers."""
        return blocks_of_part(self.part, self.parts, self.blocks)

    def included(self) -> list[int]:
        """The blocks that this part adds up."""
        return [block for block in self.blocks_of_part() if block not in self.excluded]


class DetailJob(FrameInputs, frozen=True, kw_only=True):
    """Some blocks of the detail of a frame; ``needed`` blocks make it complete."""

    work: list[int]
    needed: int
    attempt: int = 1

    def of_block(self, block: int) -> PriceJob:
        """The job of one of the blocks."""
        fields = {name: getattr(self, name) for name in FrameInputs.__struct_fields__}
        return PriceJob(**fields, block=block)


class PriceJob(FrameInputs, frozen=True, kw_only=True):
    """One block of one frame. ``thorough`` is for isolation runs (``workers/isolation.py``)."""

    block: int
    thorough: bool = False


TRADES_PER_PART = 500_000
"""Number of trades whose sums are made by one task."""


def parts_for(trades: int) -> int:
    """Return the number of parts of the sums of a book, by its number of trades alone.

    Sums are added part by part, so another number of parts gives other last bits.
    """
    return max(1, -(-trades // TRADES_PER_PART))


def blocks_of_part(part: int, parts: int, blocks: int) -> range:
    """The blocks that a part of the sums covers."""
    return range(blocks * part // parts, blocks * (part + 1) // parts)


class SourceQuotes(msgspec.Struct, frozen=True, kw_only=True):
    """What one source publishes of a currency: tenors by curve, and its last tick.

    ``since_ns`` is when that was sent or received, ns since 1970.
    """

    epoch: int
    seq: int
    as_of: dt.datetime
    since_ns: int
    curves: dict[str, list[str]]


class FrameHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What a frame was made from: one quote vector, one date, one book version.

    ``blocks`` are those of the book, ``parts`` those of the sums. ``source``, ``epoch`` and ``seq``
    are of the newest tick; ``sources`` has all that publish.
    """

    frame: int
    currency: str
    as_of: dt.datetime
    valuation_date: dt.date
    curves: CurveQuotes
    labels: dict[str, Label]
    book_version: str
    blocks: int
    opened_ns: int
    received_ns: int
    parts: int = 1
    sent_ns: int = 0
    source: str = ""
    epoch: int = 0
    seq: int = 0
    ticks: int = 1
    fx: dict[str, float] = {}
    fx_label: str = ""
    sources: dict[str, SourceQuotes] = {}
