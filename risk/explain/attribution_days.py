"""Explain the current book over stored days, for the P&L attribution test."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from pricing.curves.curve_set import CurveSet
from pricing.curves.fixings import Fixings, public_on
from pricing.curves.quotes import CurveOptions, CurveQuotes, shape_of
from pricing.errors import PricingError
from pricing.explain.explain import explain, open_period
from pricing.explain.flows import PeriodFixings, net_period, roll_period, rows_by_group
from pricing.explain.market import MarketState, Period
from pricing.explain.pla import Attribution, AttributionDay, attribution_of
from pricing.markets import conventions
from pricing.measures.dated.solved_quotes import solve_quote
from pricing.products.cash_flows import FlowBlock, make_block
from pricing.products.flows import compile_book
from pricing.products.registry import as_quoted
from pricing.products.terms import Quoted, Terms

LONGEST_GAP = dt.timedelta(days=7)
"""Longest time between two closes that count as consecutive days."""

BLOCK = 2_000


class Day(NamedTuple):
    """HPL and RTPL by book from one close to the next; trade currency.

    ``failed`` lists trades unpriced at either end; ``skipped`` says why there is no P&L at all.
    """

    date: dt.date
    hpl: Mapping[str, float]
    rtpl: Mapping[str, float]
    failed: frozenset[str] = frozenset()
    skipped: str = ""


def blocks_of(
    trades: Sequence[Terms], first: MarketState, options: CurveOptions
) -> tuple[list[FlowBlock], list[str]]:
    """Compile trades, solving spreads on the first market for positions that have only a price.

    Returns:
        The blocks, and a sentence for each trade that is left out.
    """
    curves = CurveSet(first.date, shape_of(first.quotes), first.fixings, options)
    solved = curves.solve(curves.vector(first.quotes))
    settled: list[Terms] = []
    lost: list[str] = []
    for terms in trades:
        quoted = as_quoted(terms)
        try:
            if quoted is not None and quoted.waits_for_market:
                settled.append(_with_number(quoted, solve_quote(quoted, curves, solved)))
            else:
                settled.append(terms)
        except PricingError as error:
            lost.append(f"{terms.trade_id}: {error}")
    good, failed = compile_book(settled, indexed=options.indexed)
    lost += [f"{failure.trade_id}: {failure.message}" for failure in failed]
    good = sorted(good, key=lambda trade: trade.trade_id)
    return [make_block(good[i : i + BLOCK]) for i in range(0, len(good), BLOCK)], lost


def _with_number(quoted: Quoted, number: float) -> Terms:
    changed: Terms = msgspec.structs.replace(quoted, **{quoted.solves: number})
    return changed


def state_of(date: dt.date, quotes: CurveQuotes, fixings: Fixings) -> MarketState:
    """The market of a close, with the fixings that were public on its date."""
    known = {
        name: public_on(conventions.INDICES[name], rates, date)
        for name, rates in fixings.items()
        if name in conventions.INDICES
    }
    return MarketState(date, quotes, known)


def days(
    blocks: Sequence[FlowBlock], states: Sequence[MarketState], options: CurveOptions
) -> Iterator[Day]:
    """Explain each close from the one before, with the same trades at both."""
    for start, end in itertools.pairwise(states):
        if end.date - start.date > LONGEST_GAP:
            yield Day(end.date, {}, {}, skipped=f"the close before is of {start.date}")
            continue
        try:
            yield _day(blocks, start, end, options)
        except PricingError as error:
            yield Day(end.date, {}, {}, skipped=str(error))


def _day(
    blocks: Sequence[FlowBlock], start: MarketState, end: MarketState, options: CurveOptions
) -> Day:
    period = Period(start, end, options)
    fixings = PeriodFixings(period)
    netted = [net_period(roll_period(block, fixings), period.curves) for block in blocks]
    rows = rows_by_group(netted)
    found = explain(open_period(rows, period), period.move_to(end.quotes))
    sums: dict[str, dict[str, float]] = {"hpl": {}, "rtpl": {}}
    books = [str(name[0]) for name in rows.names]  # type: ignore[index]
    for term, by_book in sums.items():
        for book, value in zip(books, found.terms[term].tolist(), strict=True):
            by_book[book] = by_book.get(book, 0.0) + value
    failed = frozenset(failure.trade_id for failure in found.failures)
    return Day(end.date, sums["hpl"], sums["rtpl"], failed)


@dataclass
class DeskSeries:
    """HPL and RTPL of a desk by date, in one currency."""

    hpl: dict[dt.date, float] = field(default_factory=dict)
    rtpl: dict[dt.date, float] = field(default_factory=dict)

    def add(self, date: dt.date, hpl: float, rtpl: float) -> None:
        """Add the HPL and RTPL of a book."""
        self.hpl[date] = self.hpl.get(date, 0.0) + hpl
        self.rtpl[date] = self.rtpl.get(date, 0.0) + rtpl

    def days(self) -> list[AttributionDay]:
        """The days, oldest first."""
        return [AttributionDay(date, self.hpl[date], self.rtpl[date]) for date in sorted(self.hpl)]

    def test(self) -> Attribution:
        """The test over these dates.

        Raises:
            ValueError: There are fewer than two days, or a day has no number.
        """
        return attribution_of(self.days())
