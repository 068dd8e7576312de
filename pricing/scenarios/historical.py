"""Build scenarios from stored closes: the moves of all curves between business days.

A move is the difference of the closes of two consecutive days of a currency; a pair more than a
week apart is left out, and so is a pair of closes with different labels (a synthetic one, then an
official one): their difference is not a move of the market. The move of a tenor that is missing on
either day is interpolated between its neighbours and counted. A curve without its own history uses
the moves of a stated proxy. A basis spread moves as the stored spreads against the same index do,
always by differences; without any it does not move, and its curve and index are named among
``without``. All currencies share the same days: a currency on holiday moves by 0 and is counted.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from pricing.arrays import FloatArray
from pricing.curves import quote_ids
from pricing.curves.quotes import QuoteId, tenor_days
from pricing.errors import BadInput
from pricing.scenarios.definition import lengths_in_days

LONGEST_GAP_DAYS = 7
SCENARIOS = 500
KINDS = ("absolute", "relative")


@dataclass(frozen=True)
class Closes:
    """Stored closes of a currency.

    Attributes:
        currency: The currency.
        dates: Business days, ascending; shape (d,).
        keys: Quotes that occur on any of them.
        rates: Decimal per year, NaN where a day has no such quote; shape (d, keys).
        proxies: Curves whose rates stand in for their own, and what they are made of.
        labels: By day, the label of each curve's rates, such as ``official``; empty where all rates
            have the same one.
    """

    currency: str
    dates: tuple[dt.date, ...]
    keys: tuple[QuoteId, ...]
    rates: FloatArray
    proxies: Mapping[str, str] = field(default_factory=dict)
    labels: Sequence[Mapping[str, str]] = ()

    def on(self, wanted: Callable[[dt.date], bool]) -> Closes:
        """The closes of some of the days."""
        rows = [row for row, day in enumerate(self.dates) if wanted(day)]
        return replace(
            self,
            dates=tuple(self.dates[row] for row in rows),
            rates=self.rates[rows],
            labels=[self.labels[row] for row in rows] if self.labels else (),
        )


@dataclass(frozen=True)
class CurrencyMoves:
    """Moves of a currency's quotes on the days of a firm.

    Attributes:
        moves: Decimal per year, in the order of the quotes asked for; shape (days, keys).
        holidays: Days on which the currency has no close, and moves by 0.
        interpolated: Numbers of ``moves`` made of neighbouring tenors.
        proxies: Curves without an own history, and the curve whose moves they take.
        without: Curves whose history has no proxy either; they move by 0.
    """

    moves: FloatArray
    holidays: int
    interpolated: int
    proxies: Mapping[str, str]
    without: tuple[str, ...]


@dataclass(frozen=True)
class HistoricalMoves:
    """Scenarios of consecutive days.

    Attributes:
        days: The second day of each pair, ascending; shape (n,).
        currencies: Moves by currency.
        left_out: Days that are no scenario, and why.
        kind: ``absolute`` or ``relative``.
    """

    days: tuple[dt.date, ...]
    currencies: Mapping[str, CurrencyMoves]
    left_out: Mapping[dt.date, str]
    kind: str


def historical_moves(
    closes: Sequence[Closes],
    wanted: Mapping[str, Sequence[QuoteId]],
    now: Mapping[str, FloatArray] | None = None,
    *,
    count: int = SCENARIOS,
    kind: str = "absolute",
    proxies: Mapping[str, str] | None = None,
    years: Mapping[str, FloatArray] | None = None,
) -> HistoricalMoves:
    """Moves of the quotes of some currencies on the newest days that all of them have.

    Args:
        closes: Stored closes, one of each currency.
        wanted: Quotes by currency, as today's market has them.
        now: Today's rates of those quotes, for relative moves.
        count: How many days at most.
        kind: ``absolute`` moves of quotes, or ``relative`` ones, scaled to today's rates.
        proxies: Curve to the curve of the same currency whose moves it takes, before the rule that
            the first curve of the currency with a history is taken.
        years: Time from today to the end of each of those quotes, for those that are no tenors.

    Raises:
        BadInput: The kind is unknown, relative moves lack today's rates, or a currency has no
            closes.
    """
    if kind not in KINDS:
        raise BadInput("kind", kind, f"allowed: {', '.join(KINDS)}")
    if kind == "relative" and now is None:
        raise BadInput("kind", kind, "today's rates are needed for relative moves")
    by_currency = {one.currency: one for one in closes if len(one.dates) > 1}
    for currency in wanted:
        if currency not in by_currency:
            raise BadInput("currency", currency, "it has fewer than two stored closes")
    stored = [by_currency[currency] for currency in wanted]
    days, left_out = _days(stored, count)
    found = {
        one.currency: _moves(
            one,
            days,
            tuple(wanted[one.currency]),
            now[one.currency] if now is not None and kind == "relative" else None,
            proxies or {},
            years[one.currency]
            if years is not None
            else np.full(len(wanted[one.currency]), np.nan),
        )
        for one in stored
    }
    return HistoricalMoves(days, found, left_out, kind)


def _days(stored: Sequence[Closes], count: int) -> tuple[tuple[dt.date, ...], dict[dt.date, str]]:
    """Return the newest days of the firm, and the days among them that are left out."""
    if not stored:
        return (), {}
    first = max(one.dates[0] for one in stored)
    last = min(one.dates[-1] for one in stored)
    gaps: dict[dt.date, str] = {}
    for one in stored:
        for before, day in zip(one.dates, one.dates[1:], strict=False):
            apart = (day - before).days
            if apart > LONGEST_GAP_DAYS:
                gaps[day] = f"{one.currency}: the close before is of {before}, {apart} days earlier"
                inside = {d for other in stored for d in other.dates if before < d < day}
                gaps |= dict.fromkeys(inside, f"{one.currency} has no close from {before} to {day}")
        gaps |= _other_labels(one)
    every = sorted({day for one in stored for day in one.dates if first < day <= last})
    good = [day for day in every if day not in gaps][-count:]
    since = good[0] if good else first
    return tuple(good), {day: reason for day, reason in sorted(gaps.items()) if since < day <= last}


def _other_labels(one: Closes) -> dict[dt.date, str]:
    """Days on which a curve has another label than on the day before, with a sentence each."""
    found = {}
    for (before, then), (day, now) in pairwise(zip(one.dates, one.labels, strict=bool(one.labels))):
        changed = [c for c in then if then[c] != now.get(c, then[c])] if then != now else []
        if changed:
            curve = changed[0]
            old = f"the quotes of {before} are {then[curve]}"
            found[day] = f"{curve}: {old}, those of {day} are {now[curve]}"
    return found


def _moves(
    one: Closes,
    days: Sequence[dt.date],
    keys: tuple[QuoteId, ...],
    now: FloatArray | None,
    proxies: Mapping[str, str],
    years: FloatArray,
) -> CurrencyMoves:
    place = {day: row for row, day in enumerate(one.dates)}
    rows = np.array([place.get(day, 0) for day in days], dtype=np.int64)
    open_days = rows > 0
    after, before = one.rates[rows], one.rates[np.maximum(rows - 1, 0)]
    if now is None:
        differences = after - before
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            differences = np.where(np.abs(before) > 0.0, after / before - 1.0, np.nan)
    spreads = [i for i, key in enumerate(one.keys) if quote_ids.spread_against(key.tenor)]
    differences[:, spreads] = after[:, spreads] - before[:, spreads]
    differences[~open_days] = 0.0
    moves = np.zeros((len(days), len(keys)))
    interpolated, named, without = 0, dict[str, str](), list[str]()
    stored, kinds = list(map(_kind, one.keys)), list(map(_kind, keys))
    for kind in dict.fromkeys(kinds):
        curve, index = kind
        mine = [i for i, of in enumerate(kinds) if of == kind]
        of_rates = [i for i, of in enumerate(stored) if of[1] is None]
        source = (
            _source(curve, [one.keys[i] for i in of_rates], differences[:, of_rates], proxies)
            if index is None
            else (curve if kind in stored else None)
        )
        if source is None:
            without.append(curve if index is None else f"{curve} against {index}")
            continue
        if source != curve:
            named[curve] = source
        columns = [i for i, of in enumerate(stored) if of == (source, index)]
        lengths = lengths_in_days([keys[i] for i in mine], years[mine])
        known = _lengths_known(
            [one.keys[i].tenor for i in columns],
            {keys[i].tenor: length for i, length in zip(mine, lengths, strict=True)},
        )
        usable = np.isfinite(known)
        rates = differences[:, columns][:, usable]
        made, count = _at_tenors(np.array(lengths), known[usable], rates)
        moves[:, mine] = made
        interpolated += count
    if now is not None:
        moves *= np.where([index is None for _, index in kinds], now, 1.0)
    curves = {key.curve for key in keys}
    stated = {curve: of for curve, of in one.proxies.items() if curve in curves}
    proxied = {**stated, **named}
    return CurrencyMoves(moves, int((~open_days).sum()), interpolated, proxied, tuple(without))


def _kind(key: QuoteId) -> tuple[str, str | None]:
    """The curve of a quote, and the index that it is a spread against where it is a spread."""
    return key.curve, quote_ids.spread_against(key.tenor)


def _source(
    curve: str, known: Sequence[QuoteId], differences: FloatArray, proxies: Mapping[str, str]
) -> str | None:
    """Return the curve whose history is used: its own, its proxy's, or the first available."""
    having = list(
        dict.fromkeys(
            key.curve
            for key, column in zip(known, differences.T, strict=True)
            if np.isfinite(column).any()
        )
    )
    for name in (curve, proxies.get(curve, "")):
        if name in having:
            return name
    return having[0] if having else None


def _lengths_known(known: Sequence[str], wanted: Mapping[str, float]) -> FloatArray:
    """About how many days each stored quote is long; NaN for a dated one that is not wanted."""
    return np.array(
        [
            wanted.get(quote, np.nan)
            if (tenor := quote_ids.tenor_of(quote)) is None
            else tenor_days(tenor)
            for quote in known
        ]
    )


def _at_tenors(at: FloatArray, knots: FloatArray, moves: FloatArray) -> tuple[FloatArray, int]:
    """Interpolate moves linearly at some lengths, and count the interpolated ones.

    Days on which no tenor of the curve is known move by 0, and count.
    """
    if not len(knots):
        return np.zeros((len(moves), len(at))), len(moves) * len(at)
    order = np.argsort(knots)
    knots, moves = knots[order], moves[:, order]
    there = np.isfinite(moves)
    made, exact = np.zeros((len(moves), len(at))), np.isin(at, knots)
    if there.all():
        for row, values in enumerate(moves):
            made[row] = np.interp(at, knots, values)
        return made, int((~exact).sum()) * len(moves)
    count = 0
    for row, values in enumerate(moves):
        mine = there[row]
        if mine.any():
            made[row] = np.interp(at, knots[mine], values[mine])
        count += int((~np.isin(at, knots[mine])).sum())
    return made, count
