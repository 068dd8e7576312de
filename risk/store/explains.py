"""Store the explain of published frames: why sums moved since the close and since the frame before.

    risk:{USD}:explain         the newest explain of the currency
    risk:{USD}:explain:number  the number of its frame: an older one does not replace it
    risk:{USD}:log:explains    stream: explains, for limits (``result_log.py``)

It is a product of its own, made after sums and detail are published. It names its frame, which may
be an earlier one than that of the newest sums.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
import numpy as np
import redis

from pricing.curves.quotes import CurveQuotes
from pricing.errors import Failure
from risk.store import result_log
from risk.store.frames import FrameNotice, key, script
from risk.store.result_log import (
    EXPLAINED,
    LEFT,
    MAX_CHANGES,
    LoggedChange,
    LoggedExplain,
    LoggedGroup,
    LoggedPeriod,
    Stream,
)
from risk.store.results import Rollup

EXPLAIN_CHANNEL = "risk:explains"
"""Pub/sub: ``{"currency", "frame"}`` when an explain is published."""

PeriodName = Literal["close", "frame"]
PERIODS: tuple[PeriodName, ...] = ("close", "frame")
"""Periods that are explained: since the last frame of the previous valuation date, and since the
frame explained before."""


class ExplainedGroup(msgspec.Struct, frozen=True, kw_only=True):
    """The explain of the trades of one book and product; trade currency, a gain is positive.

    ``terms`` has the terms and memos of ``pricing.explain.terms``; None where there is none.
    ``delta`` follows the ``keys`` of its period.
    """

    book: str
    product: str
    desk: str
    trades: int
    terms: dict[str, float | None]
    delta: list[float]


class UnpricedAt(Failure, frozen=True, kw_only=True):
    """A trade without a number at the start of a period, at its end, or at both."""

    at: Literal["start", "end", "both"]
    book: str = ""
    product: str = ""


class ChangeOfTrade(msgspec.Struct, frozen=True, kw_only=True):
    """What one changed trade adds to its group, by term. ``consideration`` None: none was given."""

    trade_id: str
    book: str
    product: str
    terms: dict[str, float]
    consideration: float | None


class ExplainedPeriod(msgspec.Struct, frozen=True, kw_only=True):
    """The explain of one period. Start fields are of the frame that it starts from.

    ``shift_bp`` is the move of each quote of ``keys``. ``left_out`` are quotes of the start that
    cannot stand beside those of the end. ``start_curves`` are all quotes of the start, so that
    single trades can be explained since then.
    """

    start_frame: int
    start_as_of: dt.datetime
    start_date: dt.date
    start_book_version: str
    start_fx: dict[str, float]
    keys: list[tuple[str, str]]
    shift_bp: list[float]
    groups: list[ExplainedGroup]
    unpriced: list[UnpricedAt] = []
    changes: list[ChangeOfTrade] = []
    left_out: list[tuple[str, str]] = []
    start_curves: CurveQuotes = {}


class Explain(msgspec.Struct, frozen=True, kw_only=True):
    """The explain of one published frame. ``reasons`` says why a period is absent, by its name."""

    currency: str
    frame: int
    as_of: dt.datetime
    valuation_date: dt.date
    book_version: str
    fx: dict[str, float]
    fx_label: str
    labels: dict[str, str]
    frame_published_ns: int
    published_ns: int
    seconds: float
    periods: dict[PeriodName, ExplainedPeriod]
    reasons: dict[PeriodName, str] = {}

    @classmethod
    def of(
        cls,
        end: Rollup,
        periods: dict[PeriodName, ExplainedPeriod],
        reasons: dict[PeriodName, str],
        seconds: float,
    ) -> Explain:
        """The explain of a frame, made now in so many seconds."""
        return cls(
            currency=end.currency,
            frame=end.frame,
            as_of=end.as_of,
            valuation_date=end.valuation_date,
            book_version=end.book_version,
            fx=end.fx,
            fx_label=end.fx_label,
            labels=dict(end.labels),
            frame_published_ns=end.published_ns,
            published_ns=time.time_ns(),
            seconds=seconds,
            periods=periods,
            reasons=reasons,
        )


_encode = msgspec.msgpack.Encoder().encode
decode_explain = msgspec.msgpack.Decoder(Explain).decode


class ExplainStore:
    """The explains of all currencies, behind one Redis client."""

    def __init__(self, client: redis.Redis) -> None:
        """Register the script."""
        self.client: Any = client  # its types say bytes or str; ours are bytes
        self._set_if_newer = script(client, "set_if_newer")

    def put(self, explain: Explain) -> bool:
        """Publish an explain, unless that of a newer frame is there."""
        log = Stream(explain.currency, "explains")
        keys = [key(explain.currency, "explain", "number"), key(explain.currency, "explain")]
        args = [explain.frame, _encode(explain)]
        args += [result_log.encoded(logged(explain)), result_log.LENGTHS["explains"]]
        code, _ = self._set_if_newer(keys=[*keys, log.key, log.number_key], args=args)
        if code != b"SET":
            return False
        notice = msgspec.json.encode(FrameNotice(explain.currency, explain.frame))
        self.client.publish(EXPLAIN_CHANNEL, notice)
        return True

    def of(self, currency: str) -> Explain | None:
        """The newest explain of a currency."""
        return self.of_all([currency]).get(currency)

    def of_all(self, currencies: Sequence[str]) -> dict[str, Explain]:
        """The newest explains by currency; absent where there is none of this release's form."""
        raw = self.client.mget([key(name, "explain") for name in currencies]) if currencies else []
        found = {name: read(each) for name, each in zip(currencies, raw, strict=True)}
        return {name: explain for name, explain in found.items() if explain is not None}


def logged(explain: Explain) -> LoggedExplain:
    """Return what limits need of an explain."""
    return LoggedExplain(
        currency=explain.currency,
        frame=explain.frame,
        as_of=explain.as_of,
        valuation_date=explain.valuation_date,
        published_ns=explain.frame_published_ns,
        fx=explain.fx,
        periods={name: _logged_period(one) for name, one in explain.periods.items()},
        reasons={str(name): why for name, why in explain.reasons.items()},
    )


def _logged_period(period: ExplainedPeriod) -> LoggedPeriod:
    unpriced: dict[tuple[str, str], int] = {}
    for one in period.unpriced:
        unpriced[one.book, one.product] = unpriced.get((one.book, one.product), 0) + 1
    known = [
        LoggedGroup(g.book, g.product, g.desk, g.trades, unpriced.pop((g.book, g.product), 0))
        for g in period.groups
    ]
    desk_of = {group.book: group.desk for group in period.groups}
    lost = [
        LoggedGroup(book, product, desk_of[book], count, count)
        for (book, product), count in unpriced.items()
        if book in desk_of
    ]
    rows = [_explained(group.terms) for group in period.groups]
    rows += [[0.0] * len(EXPLAINED) for _ in lost]
    changes = [
        LoggedChange(
            one.trade_id,
            one.book,
            one.product,
            max(one.terms, key=lambda name: abs(one.terms[name])) if one.terms else "amended",
        )
        for one in period.changes
    ]
    return LoggedPeriod(
        start_frame=period.start_frame,
        start_fx=period.start_fx,
        groups=known + lost,
        numbers=np.array(rows, dtype=float).tobytes(),
        elsewhere=sum(count for (book, _), count in unpriced.items() if book not in desk_of),
        changes=changes[:MAX_CHANGES],
        changed=len(changes),
    )


def _explained(terms: Mapping[str, float | None]) -> list[float]:
    """The columns of a logged period; NaN where a term is missing."""
    known = {name: float("nan") if value is None else value for name, value in terms.items()}
    left = known["value_end"] + known["cash"] - known["consideration"]
    return [left if name == LEFT else known.get(name, 0.0) for name in EXPLAINED]


def read(raw: bytes | None) -> Explain | None:
    """An explain of these bytes; None where there is none of this release's form."""
    try:
        return decode_explain(raw) if raw else None
    except msgspec.ValidationError:
        return None  # another release wrote it; the next frame's replaces it
