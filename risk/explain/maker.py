"""Explain the P&L of published frames in one process.

Runs on the compiler's queue after a frame's sums and detail are published, so no frame waits for
it. Frames published while one is explained are skipped.
"""

from __future__ import annotations

import datetime as dt
import math
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import msgspec
import numpy as np

from instruments.trade_repository import Change
from pricing.curves.curve_set import ONE_BP, CurveSet
from pricing.curves.fixings import Fixings, public_on
from pricing.curves.quotes import CurveOptions, Shape, shape_of
from pricing.errors import Failure, PricingError
from pricing.explain.changes import (
    ChangedTrade,
    PreparedChanges,
    ValuedChanges,
    changed_trades,
    value_changes,
    with_changes,
)
from pricing.explain.explain import Explained, Opened, explain, open_period
from pricing.explain.flows import (
    NettedPeriod,
    PeriodFixings,
    net_period,
    roll_period,
    rows_by_group,
)
from pricing.explain.market import MarketState, Period
from pricing.markets import conventions
from pricing.products.cash_flows import FlowBlock
from risk.explain.close_explains import CloseExplains
from risk.explain.frame_closes import FrameCloses
from risk.store.compiled_book import BlockTrades, BookHead, block_of
from risk.store.compiled_book_store import CompiledBooks
from risk.store.explains import (
    ChangeOfTrade,
    Explain,
    ExplainedGroup,
    ExplainedPeriod,
    ExplainStore,
    PeriodName,
    UnpricedAt,
)
from risk.store.follow_up import ShareOfTime
from risk.store.frames import Frames
from risk.store.results import Rollup

NET_S = 0.2
"""Seconds for which one run nets blocks of a new period; compilations wait in the same queue."""

MOST_CHANGES = 20_000
"""Largest number of trades that are new, ended or amended since the start of a period: each is
explained by itself, and a bulk load would hold up edits for minutes."""

SHARE = 0.3
"""Largest share of the process's time that explains of all currencies may take."""

CURVES_KEPT = 12
"""Sets of curves that are kept for each currency: three dates and fixings for each of two periods,
and as many of the periods before."""

Considerations = Callable[
    [Mapping[str, Change], dt.datetime, dt.datetime | None], Mapping[str, float | None]
]
"""Function that reads the amounts paid for trades changed after a time, up to another or to now,
see ``trade_repository.considerations``.
"""


class NotNow(Exception):
    """Reason why a period is not explained, as a sentence for users."""


class MoreToNet(Exception):
    """The time of a run is used up while blocks remain; the next run continues."""


class _Held(NamedTuple):
    """A period except for the quotes of its end, with everything that it depends on."""

    key: Hashable
    opened: Opened
    changes: PreparedChanges
    paid: Mapping[str, float | None]
    paid_until: dt.datetime | None
    unpriced: tuple[UnpricedAt, ...]

    def paid_until_is(self, moment: dt.datetime | None) -> bool:
        """Return whether the amounts paid are those up to a time; where none was, they are."""
        return not self.paid or self.paid_until == moment


class ExplainMaker:
    """Explain frames in one process; not thread-safe, because QuantLib's date is global."""

    def __init__(
        self,
        frames: Frames,
        books: CompiledBooks,
        options: CurveOptions,
        considerations: Considerations = lambda changes, since, until: {},
        closes: FrameCloses | None = None,
    ) -> None:
        """Hold nothing yet.

        Args:
            frames: Where published frames and closes are.
            books: Where compiled books are.
            options: How their curves are made.
            considerations: Returns amounts paid for trades.
            closes: Keeps closes durably; None to keep them in Redis alone.
        """
        self.frames, self.books, self.options = frames, books, options
        self.considerations, self.closes = considerations, closes
        self.close_explains = CloseExplains(closes) if closes else None
        self.store = ExplainStore(frames.client)
        self._before: dict[str, Rollup] = {}
        self._held: dict[tuple[str, PeriodName], _Held] = {}
        self._netted: dict[tuple[str, PeriodName], dict[Hashable, NettedPeriod]] = {}
        self._curves: dict[str, dict[Hashable, CurveSet]] = {}
        self._fixings: dict[str, dict[str, Fixings]] = {}
        self.time = ShareOfTime(SHARE)

    def run(self, currency: str) -> str:
        """Explain the published frame: MADE, OLD or NOTHING, or another run is needed.

        EARLY: the last run was too recent; MORE: blocks remain.
        """
        started = time.monotonic()
        if self.time.refuses(currency):
            return "EARLY"
        end = self.frames.current(currency)
        if end is None:
            return "NOTHING"
        made = self.store.of(currency)
        if made is not None and made.frame >= end.frame:
            return "OLD"
        try:
            return self._make(end, started)
        finally:
            self.time.note(started)

    def _make(self, end: Rollup, started: float) -> str:
        currency, until = end.currency, started + NET_S
        close = self.closes.before(end) if self.closes else newest_close(self.frames, end)
        if self.close_explains is not None:
            # Before the periods of this frame: the last one since the close is still held.
            try:
                self.close_explains.run(currency, partial(self._explain_close, until))
            except MoreToNet:
                return "MORE"
        starts: dict[PeriodName, Rollup | None] = {
            "close": close,
            "frame": self._before.get(currency),
        }
        periods: dict[PeriodName, ExplainedPeriod] = {}
        reasons: dict[PeriodName, str] = {}
        for name, start in starts.items():
            try:
                periods[name] = self._period(name, start, end, until)
            except MoreToNet:
                return "MORE"
            except (NotNow, PricingError) as error:
                reasons[name] = str(error)
        self._before[currency] = end
        explained = Explain.of(end, periods, reasons, time.monotonic() - started)
        return "MADE" if self.store.put(explained) else "OLD"

    def _explain_close(self, until: float, start: Rollup | None, close: Rollup) -> Explain:
        """The explain of a close since the one before; MoreToNet: blocks remain to be netted."""
        started = time.monotonic()
        try:
            periods: dict[PeriodName, ExplainedPeriod] = {
                "close": self._period("close", start, close, until, closed=True)
            }
        except (NotNow, PricingError) as error:
            return Explain.of(close, {}, {"close": str(error)}, time.monotonic() - started)
        return Explain.of(close, periods, {}, time.monotonic() - started)

    def since_close(self, start: Rollup, end: Rollup) -> ExplainedPeriod:
        """Explain one close since another; both books must be held. Nothing is published.

        Raises:
            NotNow: Books or fixings of the frame are no longer held, or too many trades changed.
            PricingError: The quotes of the start admit no curves on the date of the end.
        """
        return self._period("close", start, end, math.inf, closed=True)

    # --- One period --------------------------------------------------------------------------

    def _period(
        self,
        name: PeriodName,
        start: Rollup | None,
        end: Rollup,
        until: float,
        *,
        closed: bool = False,
    ) -> ExplainedPeriod:
        """Explain a frame since another; of a close, what was paid after it does not count.

        Raises:
            NotNow: There is no start, its data are no longer held, or too many trades changed.
            MoreToNet: Blocks remain to be netted.
            PricingError: The quotes of the start admit no curves on the date of the end.
        """
        start = comparable(name, start, end)
        paid_until = _wall_time(end.published_ns) if closed else None
        held = self._hold(name, start, end, until, paid_until)
        move = held.opened.period.move_to(end.curves)
        found = explain(held.opened, move)
        lost = {one.trade_id: one.message for one in held.unpriced}
        changes = value_changes(held.changes, move, held.paid, lost)
        desks = self._desks(start, end)
        return _record(start, with_changes(found, changes.trades), changes, held.unpriced, desks)

    def _hold(
        self,
        name: PeriodName,
        start: Rollup,
        end: Rollup,
        until: float,
        paid_until: dt.datetime | None,
    ) -> _Held:
        """Return the period without the quotes of its end, rebuilt when anything else changes."""
        place = (end.currency, name)
        require_few(abs(end.trades - start.trades))
        before, after = self.head(start), self.head(end)
        newest = self.books.newest(end.currency)
        unpriced = tuple(self.in_books(unpriced_between(start, end), before, after))
        key = (
            (start.frame, start.valuation_date, start.book_version),
            (end.valuation_date, shape_of(end.curves), end.book_version),
            (newest.number if newest else 0, unpriced),
        )
        held = self._held.get(place)
        if held is not None and held.key == key and held.paid_until_is(paid_until):
            return held
        period = self.period_between(start, end)
        rows = rows_by_group(self._blocks(place, start, (before, after), period, unpriced, until))
        opened = open_period(rows, period)
        seen = {one.trade_id for one in unpriced}
        more = self.in_books(
            [
                UnpricedAt(trade_id=f.trade_id, code=f.code, message=f.message, at="end")
                for f in rows.failures
                if f.trade_id not in seen
            ],
            before,
            after,
        )
        changes = self._changes(before, after, period)
        kinds = {name: _kind(name, changes) for name in changes.changes.names if name not in seen}
        since = _wall_time(start.published_ns)
        paid = self.considerations(kinds, since, paid_until) if kinds else {}
        made = _Held(key, opened, changes, paid, paid_until, (*unpriced, *more))
        self._held[place] = made
        return made

    def _blocks(
        self,
        place: tuple[str, PeriodName],
        start: Rollup,
        heads: tuple[BookHead, BookHead],
        period: Period,
        unpriced: Sequence[UnpricedAt],
        until: float,
    ) -> list[NettedPeriod]:
        """The netted blocks of the book of the start; those of the period before are kept."""
        before, after = heads
        names = tuple(sorted(one.trade_id for one in unpriced))
        # Forecasts of fixings follow from the quotes of the start, once a day passes.
        forecasts = 0 if period.same_date else start.frame
        basis = (
            *(start.valuation_date, period.end_date, before.fixings_name, after.fixings_name),
            *(period.curves, forecasts, names),
        )
        kept = self._netted.get(place, {})
        made: dict[Hashable, NettedPeriod] = {}
        fixings: PeriodFixings | None = None
        found: list[NettedPeriod] = []
        for name in before.block_names:
            key = (name, basis)
            netted = kept.get(key)
            if netted is None:
                if time.monotonic() > until and fixings is not None:  # one was netted in this run
                    self._netted[place] = kept | made
                    raise MoreToNet
                fixings = fixings or PeriodFixings(period)
                rolled = roll_period(self.block(place[0], name), fixings)
                netted = net_period(rolled, period.curves, unpriced)
            made[key] = netted
            found.append(netted)
        self._netted[place] = made
        return found

    def _changes(self, before: BookHead, after: BookHead, period: Period) -> PreparedChanges:
        """The trades that differ between the books of both ends."""
        currency = after.currency
        old = [self.block(currency, n) for n in before.block_names if n not in after.block_names]
        new = [self.block(currency, n) for n in after.block_names if n not in before.block_names]
        changed = changed_trades(old, new, period.today)
        require_few(len(changed.names))
        return PreparedChanges(changed, period)

    # --- What is stored ----------------------------------------------------------------------

    def head(self, frame: Rollup) -> BookHead:
        """The head of a frame's book.

        Raises:
            NotNow: It is no longer held.
        """
        head = self.books.head(frame.currency, frame.book_version)
        if head is not None:
            return head
        newest = self.books.newest(frame.currency)
        same = newest and newest.version.rpartition("-")[2] == frame.book_version.rpartition("-")[2]
        head = self.books.head(frame.currency, newest.version) if newest and same else None
        if head is None:
            raise NotNow(f"the book {frame.book_version} of frame {frame.frame} is no longer held")
        return head

    def block(self, currency: str, name: str) -> FlowBlock:
        """A compiled block; errors as ``head``."""
        found = self.books.block_named(currency, name)
        if found is None:
            raise NotNow(f"a block of the {currency} book of the start is no longer held")
        return found

    def known(self, frame: Rollup, head: BookHead) -> Fixings:
        """The fixings of a frame's book that are public on its date; errors as ``head``."""
        kept = self._fixings.setdefault(frame.currency, {})
        stored = kept.get(head.fixings_name) or self.books.fixings(
            frame.currency, head.fixings_name
        )
        if stored is None:
            raise NotNow(f"the fixings of frame {frame.frame} are no longer held")
        kept[head.fixings_name] = stored
        while len(kept) > 3:
            del kept[next(iter(kept))]
        return {
            name: public_on(conventions.INDICES[name], rates, frame.valuation_date)
            for name, rates in stored.items()
        }

    def period_between(self, start: Rollup, end: Rollup) -> Period:
        """The period between two frames of a currency; errors as ``head``."""
        return Period(
            MarketState(start.valuation_date, start.curves, self.known(start, self.head(start))),
            MarketState(end.valuation_date, end.curves, self.known(end, self.head(end))),
            self.options,
            make=self.make_curves(end.currency),
        )

    def make_curves(self, currency: str) -> Callable[..., CurveSet]:
        """Makes sets of curves, each once for a date, its fixings and the tenors."""

        def make(date: dt.date, shape: Shape, fixings: Fixings, options: CurveOptions) -> CurveSet:
            of_today = tuple(
                sorted((name, rates[date]) for name, rates in fixings.items() if date in rates)
            )
            kept = self._curves.setdefault(currency, {})
            key = (date, shape, of_today)
            made = kept.pop(key, None) or CurveSet(date, shape, fixings, options)
            kept[key] = made
            while len(kept) > CURVES_KEPT:
                del kept[next(iter(kept))]
            return made

        return make

    def in_books(
        self, unpriced: Sequence[UnpricedAt], before: BookHead, after: BookHead
    ) -> list[UnpricedAt]:
        """Return the trades with book and product, as the lists of compiled trades have them."""
        found: list[UnpricedAt] = []
        lists: dict[str, BlockTrades | None] = {}
        for one in unpriced:
            for head in () if one.book else (after, before):
                name = head.block_names[block_of(one.trade_id, head.blocks)]
                if name not in lists:
                    lists[name] = self.books.trades_of_block(head.currency, name)
                listed = lists[name]
                if listed is not None and one.trade_id in listed.trade_ids:
                    row = listed.trade_ids.index(one.trade_id)
                    place = {"book": listed.books[row], "product": listed.products[row]}
                    one = msgspec.structs.replace(one, **place)
                    break
            found.append(one)
        return found

    def _desks(self, start: Rollup, end: Rollup) -> dict[str, str]:
        return {**self.head(start).desk_of_book, **self.head(end).desk_of_book}


def require_few(changes: int) -> None:
    """Refuse a period in which more trades have changed than can be explained.

    Raises:
        NotNow: At least so many have.
    """
    if changes > MOST_CHANGES:
        raise NotNow(
            f"{changes:,} trades are new, ended or amended since its start: "
            f"at most {MOST_CHANGES:,} are explained"
        )


def _kind(name: str, changes: PreparedChanges) -> Change:
    """Classify a changed trade as new, amended or terminated."""
    if name not in changes.changes.before:
        return "new"
    return "amended" if name in changes.changes.after else "terminated"


def _wall_time(ns: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(ns / 1e9, tz=dt.UTC)


def newest_close(frames: Frames, end: Rollup) -> Rollup | None:
    """The close before a frame, of those in Redis."""
    earlier = [c for date, c in frames.closes(end.currency).items() if date < end.valuation_date]
    return earlier[-1] if earlier else None


def comparable(name: PeriodName, start: Rollup | None, end: Rollup) -> Rollup:
    """The frame that a period starts from.

    Raises:
        NotNow: There is none, or it does not start the period.
    """
    if start is None:
        reasons = {
            "close": "there is no close of an earlier date yet: the next date makes the first",
            "frame": "it is the first frame explained since the process started",
        }
        raise NotNow(reasons[name])
    if name == "frame" and start.valuation_date != end.valuation_date:
        raise NotNow(f"it is the first frame of {end.valuation_date}: see the P&L since the close")
    return start


def unpriced_between(start: Rollup, end: Rollup) -> list[UnpricedAt]:
    """The trades without a number at one end or at both."""
    at_start = {failure.trade_id: failure for failure in start.failures}
    at_end = {failure.trade_id: failure for failure in end.failures}
    found: list[UnpricedAt] = []
    for name in sorted({*at_start, *at_end}):
        failure: Failure = at_end.get(name) or at_start[name]
        found.append(
            UnpricedAt(
                trade_id=name,
                code=failure.code,
                message=failure.message,
                at="both"
                if name in at_start and name in at_end
                else "end"
                if name in at_end
                else "start",
                book=getattr(failure, "book", ""),
                product=getattr(failure, "product", ""),
            )
        )
    return found


def _record(
    start: Rollup,
    found: Explained,
    changes: ValuedChanges,
    unpriced: Sequence[UnpricedAt],
    desks: Mapping[str, str],
) -> ExplainedPeriod:
    columns = {name: values.tolist() for name, values in found.terms.items()}
    rows = zip(found.names, found.trades.tolist(), found.delta.tolist(), strict=True)
    more = [
        UnpricedAt(trade_id=f.trade_id, code=f.code, message=f.message, at="end")
        for f in changes.failures
    ]
    return ExplainedPeriod(
        start_frame=start.frame,
        start_as_of=start.as_of,
        start_date=start.valuation_date,
        start_book_version=start.book_version,
        start_fx=start.fx,
        start_curves=start.curves,
        keys=[(key.curve, key.tenor) for key in found.keys],
        shift_bp=(np.asarray(found.shift) / ONE_BP).tolist(),
        groups=[
            ExplainedGroup(
                book=name[0],  # type: ignore[index]
                product=name[1],  # type: ignore[index]
                desk=desks.get(name[0], ""),  # type: ignore[index]
                trades=trades,
                terms={term: _number(values[row]) for term, values in columns.items()},
                delta=delta,
            )
            for row, (name, trades, delta) in enumerate(rows)
        ],
        unpriced=[*unpriced, *more],
        changes=[_change(change) for change in changes.trades],
        left_out=[(key.curve, key.tenor) for key in found.left_out],
    )


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _change(change: ChangedTrade) -> ChangeOfTrade:
    return ChangeOfTrade(
        trade_id=change.trade_id,
        book=change.group[0],
        product=change.group[1],
        terms=dict(change.terms),
        consideration=change.consideration if change.consideration_known else None,
    )
