"""Keep the current market of each currency, and judge ticks by their source's own order."""

from __future__ import annotations

import datetime as dt
import enum
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import msgspec

from feedbridge.bridge.decode import SourceRefused
from feedbridge.handover.resets import Resets, reset_ns
from pricing.curves.quotes import CurveQuotes, Label
from pricing.markets.business_dates import business_date
from risk.store.messages import FrameHeader, MarketTick, SourceQuotes

MAX_SOURCES = 8
"""Sources that may publish parts of one currency at a time."""

MAX_MOVE = 0.03
"""By how much a quote may differ from the one before, as a decimal rate. The US Treasury's par
yields have moved by 0.0106 at most from one day to the next since 1990 (1 month, 2023-05-04), the
ECB's AAA zero rates by 0.0094 (3 months, 2008-10-07): this is about three times that. Most wrong
units, percent for decimals or the other way round, are further away."""

ROUNDING = 1e-12
"""Tolerance for the difference of two decimal rates."""

NEAR_DAYS = 7
"""Quotes are compared when their business dates are at most this many calendar days apart, which
spans weekends and holidays. The market of another year, in a replay, is not comparable."""


class Verdict(enum.Enum):
    """How a tick relates to what its source sent before."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    STALE = "stale"
    CONFLICT = "conflict"
    NOT_WHOLE = "not_whole"


@dataclass(frozen=True)
class Part:
    """The quotes that one source publishes of a currency on one business date; immutable.

    ``since_ns`` is when its last tick was sent, or received if the sender's clock is later or not
    known: a reset after that releases these quotes to other sources.
    """

    source: str
    epoch: int
    seq: int
    as_of: dt.datetime
    date: dt.date
    curves: CurveQuotes
    labels: Mapping[str, Label]
    since_ns: int = 0


@dataclass(frozen=True)
class Market:
    """All quotes of one currency on one business date; immutable.

    ``parts`` are by source. A part with another date is behind: its quotes are not in ``curves``,
    and no frame is opened until its source has published the market's date or has been released.
    """

    currency: str
    date: dt.date
    newest: str
    parts: Mapping[str, Part]
    curves: CurveQuotes
    labels: dict[str, Label]

    @classmethod
    def of(cls, currency: str, date: dt.date, newest: str, parts: Mapping[str, Part]) -> Market:
        """Combine the parts of one market."""
        curves: CurveQuotes = {}
        labels: dict[str, Label] = {}
        for part in parts.values():
            if part.date == date:
                for name, quotes in part.curves.items():
                    curves[name] = {**curves.get(name, {}), **quotes}
                labels |= part.labels
        return cls(currency, date, newest, parts, curves, labels)

    @property
    def last(self) -> Part:
        """The part that was published last of those that have the market's date."""
        return self.parts[self.newest]

    @property
    def behind(self) -> list[str]:
        """Sources that have not published the market's date yet."""
        return [part.source for part in self.parts.values() if part.date != self.date]

    def sources(self) -> dict[str, SourceQuotes]:
        """The quotes of each source, for the frame's header."""
        return {
            part.source: SourceQuotes(
                epoch=part.epoch,
                seq=part.seq,
                as_of=part.as_of,
                since_ns=part.since_ns,
                curves={name: list(quotes) for name, quotes in part.curves.items()},
            )
            for part in self.parts.values()
        }


def market_of(header: FrameHeader) -> Market:
    """Rebuild the market that a published frame was priced on."""
    sources = header.sources or {
        header.source: SourceQuotes(
            epoch=header.epoch,
            seq=header.seq,
            as_of=header.as_of,
            since_ns=min(header.received_ns, header.sent_ns or header.received_ns),
            curves={name: list(quotes) for name, quotes in header.curves.items()},
        )
    }
    date = header.valuation_date
    parts = {name: _restored(name, found, header) for name, found in sources.items()}
    return Market.of(header.currency, date, header.source, parts)


def _restored(name: str, found: SourceQuotes, header: FrameHeader) -> Part:
    curves = {
        curve: {tenor: header.curves[curve][tenor] for tenor in tenors}
        for curve, tenors in found.curves.items()
    }
    labels = {curve: header.labels[curve] for curve in curves if curve in header.labels}
    date = header.valuation_date
    return Part(name, found.epoch, found.seq, found.as_of, date, curves, labels, found.since_ns)


@dataclass(frozen=True)
class _Mark:
    """The last tick of a source in a currency."""

    epoch: int
    seq: int
    digest: bytes | None  # None: known by number alone, from a published frame
    since_ns: int


@dataclass
class Board:
    """The market of each currency, and the last tick of each source.

    Order is the source's own (epoch, seq), never the clock's. A source owns the quotes that it
    publishes. ``resets`` are those that operators have asked for: a number from before one counts
    as never sent, and the quotes from before it may be taken over by another source. ``max_move``
    is how far a quote may be from the one before, as a decimal rate; None for any distance.
    """

    markets: dict[str, Market] = field(default_factory=dict)
    resets: Resets = field(default_factory=dict)
    max_move: float | None = MAX_MOVE
    _marks: dict[tuple[str, str], _Mark] = field(default_factory=dict)

    def judge(self, tick: MarketTick) -> Verdict:
        """Compare a tick with the last one of its source; changes nothing."""
        mark = self._mark(tick.source, tick.currency)
        if mark is not None and (tick.epoch, tick.seq) < (mark.epoch, mark.seq):
            return Verdict.STALE
        if mark is not None and (tick.epoch, tick.seq) == (mark.epoch, mark.seq):
            same = mark.digest in (None, _digest(tick))
            return Verdict.DUPLICATE if same else Verdict.CONFLICT
        return Verdict.NOT_WHOLE if self._lacks_quotes(tick) else Verdict.ACCEPTED

    def last_of(self, tick: MarketTick) -> tuple[int, int] | None:
        """Epoch and seq of the last tick of this source in this currency."""
        mark = self._mark(tick.source, tick.currency)
        return None if mark is None else (mark.epoch, mark.seq)

    def starts_anew(self, tick: MarketTick) -> bool:
        """Whether its source has restarted: the quotes of its earlier epoch are then dropped."""
        last = self.last_of(tick)
        return last is not None and tick.epoch > last[0]

    def with_tick(self, tick: MarketTick, since_ns: int = 0) -> Market:
        """The market as it would be with this accepted tick.

        Raises:
            SourceRefused: Another source publishes these quotes (OWNED), or the others publish
                another business date (OTHER_DATE), or there are too many (TOO_MANY), or a quote
                is too far from the one before (QUOTE_JUMP).
        """
        market = self.markets.get(tick.currency)
        if market is not None:
            self._check_owner(market, tick)
            self._check_moves(market, tick)
        return self.apply(market, tick, since_ns, self.starts_anew(tick))

    def take(self, tick: MarketTick, market: Market | None = None, since_ns: int = 0) -> None:
        """Store the market of an accepted tick, and remember the tick.

        Args:
            tick: An accepted tick.
            market: What ``with_tick`` has made of it, if that is known.
            since_ns: When it was sent or received, ns since 1970.
        """
        self.markets[tick.currency] = market or self.with_tick(tick, since_ns)
        mark = _Mark(tick.epoch, tick.seq, _digest(tick), since_ns)
        self._marks[tick.source, tick.currency] = mark

    def apply(
        self, before: Market | None, tick: MarketTick, since_ns: int = 0, anew: bool = False
    ) -> Market:
        """Apply a tick to a market.

        A whole tick, the first of a business date and the first of a source's new epoch replace all
        that the source published; any other moves some of its quotes. What other sources publish
        stands, unless they were released and this tick carries their curve or another date.
        """
        parts = dict(before.parts) if before else {}
        old = parts.pop(tick.source, None)
        date = business_date(tick.currency, tick.as_of)
        moves = old is not None and old.date == date
        part = Part(
            source=tick.source,
            epoch=tick.epoch,
            seq=tick.seq,
            as_of=tick.as_of,
            date=date,
            curves=_copy(tick.curves),
            labels=tick.labels,
            since_ns=since_ns,
        )
        if old is not None and moves and not (tick.whole or anew):
            part = replace(
                part, curves=_merged(old.curves, part.curves), labels={**old.labels, **tick.labels}
            )
        behind = before is not None and moves and date != before.date
        market_date = before.date if before is not None and behind else date
        kept = {}
        for name, other in parts.items():
            left = self._left_of(other, tick, market_date)
            if left.curves:
                kept[name] = left
        newest = before.newest if before is not None and behind else tick.source
        if newest not in kept:  # its own tick, or nobody else is left on the market's date
            market_date, newest = date, tick.source
        return Market.of(tick.currency, market_date, newest, {**kept, tick.source: part})

    def ready(self, currency: str) -> Market | None:
        """The market to be priced; None while one of its sources is behind."""
        market = self.markets.get(currency)
        if market is None or not market.behind:
            return market
        kept = {
            name: part
            for name, part in market.parts.items()
            if part.date == market.date or not self._released(part, currency)
        }
        market = Market.of(currency, market.date, market.newest, kept)
        self.markets[currency] = market
        return None if market.behind else market

    def waiting_for(self) -> str:
        """Which source delays a currency's new business date; "" when none does."""
        for name, market in self.markets.items():
            if self.ready(name) is None:
                who = ", ".join(market.behind)
                return f"the whole market of {name} of {market.date} from {who}"
        return ""

    def restore(self, market: Market) -> None:
        """Start from the last published market; its ticks are known by number only."""
        self.markets[market.currency] = market
        for part in market.parts.values():
            place = part.source, market.currency
            before = self._mark(*place)
            newer = before is None or (part.epoch, part.seq) > (before.epoch, before.seq)
            if newer and not self._released(part, market.currency):
                self._marks[place] = _Mark(part.epoch, part.seq, None, part.since_ns)

    def replace(self, currency: str, market: Market | None) -> None:
        """Store the market without a rejected tick, or none; the tick itself stays known."""
        self.markets.pop(currency, None)
        if market is not None:
            self.markets[currency] = market

    def forget(self, currency: str) -> None:
        """Forget a currency that another bridge reads now."""
        self.markets.pop(currency, None)
        self._marks = {k: v for k, v in self._marks.items() if k[1] != currency}

    # --- Sources -------------------------------------------------------------------------------

    def _mark(self, source: str, currency: str) -> _Mark | None:
        """The last tick of a source, unless the source was reset after it."""
        mark = self._marks.get((source, currency))
        if mark is None or mark.since_ns < reset_ns(self.resets, source, currency):
            return None
        return mark

    def _released(self, part: Part, currency: str) -> bool:
        """Return whether an operator has reset the source since its last tick."""
        return part.since_ns < reset_ns(self.resets, part.source, currency)

    def _lacks_quotes(self, tick: MarketTick) -> bool:
        """Whether a business date's first tick lacks quotes that its source published before."""
        market = self.markets.get(tick.currency)
        old = market.parts.get(tick.source) if market else None
        if old is None or tick.whole or self.starts_anew(tick):
            return False
        if old.date == business_date(tick.currency, tick.as_of):
            return False
        return any(
            old.curves[name].keys() - tick.curves.get(name, {}).keys() for name in old.curves
        )

    def _check_owner(self, market: Market, tick: MarketTick) -> None:
        others = [
            part
            for part in market.parts.values()
            if part.source != tick.source and not self._released(part, market.currency)
        ]
        for part in others:
            for curve, quotes in tick.curves.items():
                shared = [tenor for tenor in quotes if tenor in part.curves.get(curve, {})]
                if shared:
                    raise SourceRefused("OWNED", _owned(tick, curve, shared[0], part))
        if not others or tick.source in market.parts:
            return
        date = business_date(tick.currency, tick.as_of)
        if date != market.date:
            why = f"{date} is not {market.date}, the business date of {market.currency}"
            raise SourceRefused(
                "OTHER_DATE",
                f"as_of: {why} that {others[0].source} publishes; a second source joins on the "
                f"same date, or after manage.py reset_source {others[0].source}",
            )
        if len(others) >= MAX_SOURCES:
            why = f"{tick.source} would be one more than {MAX_SOURCES} sources of {tick.currency}"
            raise SourceRefused("TOO_MANY", f"source: {why}; release one: manage.py reset_source")

    def _check_moves(self, market: Market, tick: MarketTick) -> None:
        """Check quotes against the last ones of the same source; new quotes are not checked."""
        part = market.parts.get(tick.source)
        if self.max_move is None or part is None or self._released(part, tick.currency):
            return
        date = business_date(tick.currency, tick.as_of)
        if abs((date - part.date).days) > NEAR_DAYS:
            return
        most = self.max_move + ROUNDING
        for curve, quotes in tick.curves.items():
            before = part.curves.get(curve, {})
            for tenor, rate in quotes.items():
                if abs(rate - before.get(tenor, rate)) > most:
                    was = before[tenor]
                    raise SourceRefused("QUOTE_JUMP", _jump(tick, curve, tenor, was, self.max_move))

    def _left_of(self, other: Part, tick: MarketTick, date: dt.date) -> Part:
        """The quotes that another source keeps: all of them, unless it was released."""
        if not self._released(other, tick.currency):
            return other
        if other.date != date:
            return replace(other, curves={})
        left = {name: quotes for name, quotes in other.curves.items() if name not in tick.curves}
        return replace(other, curves=left)


def _owned(tick: MarketTick, curve: str, tenor: str, owner: Part) -> str:
    return (
        f"{curve} {tenor}: published by the source {owner.source}, not to be sent by {tick.source};"
        f" to change the source, stop {owner.source} and run manage.py reset_source"
        f" {owner.source} --currency {tick.currency}"
    )


def _jump(tick: MarketTick, curve: str, tenor: str, before: float, most: float) -> str:
    return (
        f"{curve} {tenor}: {tick.curves[curve][tenor]!r} is too far from {before!r}, the quote "
        f"before; at most {most:g} away, or run manage.py reset_source {tick.source}"
        f" --currency {tick.currency}"
    )


def _copy(curves: CurveQuotes) -> CurveQuotes:
    return {name: dict(quotes) for name, quotes in curves.items() if quotes}


def _merged(old: CurveQuotes, moved: CurveQuotes) -> CurveQuotes:
    return old | {name: {**old.get(name, {}), **quotes} for name, quotes in moved.items()}


def _digest(tick: MarketTick) -> bytes:
    content = (tick.as_of, tick.curves, tick.whole)
    return hashlib.sha256(msgspec.msgpack.encode(content)).digest()
