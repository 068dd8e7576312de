"""The messages between processes: frozen, typed structs that are decoded once on receipt.

Fields are added with a default and never renamed. msgspec refuses NaN, Infinity, numbers in
quotes, unknown fields and wrong types, and names the path to the field.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import msgspec

from pricing.curves.quotes import CurveQuotes, Label
from pricing.limits import FX_MAX, FX_MIN


class MarketTick(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One message of a feed: the moved quotes of one currency. Absent quotes keep their value.

    ``whole`` says that this is all the source publishes of the currency: what it carried before
    and does not carry now leaves the market. The first tick of a business date must be whole.
    ``seq`` rises per source and currency; ``epoch`` rises when a source restarts from 0.
    ``as_of`` is the market's time; its date in the currency's own time zone is the valuation date.
    ``sent_ns`` is the sender's wall clock (ns since 1970), for latency and for releases of sources.
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


class FxTick(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Exchange rates: the value of 1 unit of each currency in US dollars."""

    as_of: Annotated[dt.datetime, msgspec.Meta(tz=True)]
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    seq: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    usd: dict[str, Annotated[float, msgspec.Meta(ge=FX_MIN, le=FX_MAX)]]
    label: Label
    epoch: Annotated[int, msgspec.Meta(ge=0, le=2**53)] = 0
    sent_ns: int = 0


class PriceJob(msgspec.Struct, frozen=True, kw_only=True):
    """One block of one frame, with everything that determines its prices.

    ``thorough`` is for isolation runs (``risk/workers/isolation.py``).
    """

    currency: str
    frame: int
    block: int
    blocks: int
    book_version: str
    valuation_date: dt.date
    curves: CurveQuotes
    attempt: int = 1
    thorough: bool = False


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

    ``source``, ``epoch`` and ``seq`` are of the newest tick; ``sources`` has all that publish.
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
    sent_ns: int = 0
    source: str = ""
    epoch: int = 0
    seq: int = 0
    ticks: int = 1
    fx: dict[str, float] = {}
    fx_label: str = ""
    sources: dict[str, SourceQuotes] = {}
