"""Read closes: the quotes of a currency on each day, as known today or at an earlier time.

closes("USD", start, end).rates                      # (days, quotes), NaN where none
last_close("USD", day).curves                        # {"USD-GOVT": {"10Y": 0.0425, ...}, ...}
closes("USD", start, end, known_at=friday_evening)   # without later corrections
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from django.db import connection

from pricing.arrays import FloatArray
from pricing.curves.quotes import CurveQuotes, Label, QuoteId, curve_order, tenor_order
from pricing.errors import BadInput
from pricing.markets import conventions
from risk.history.proxies import Proxy, proxy_of

_QUOTES = """
    SELECT q.date, q.curve, q.quote_id, q.rate::float8, f.label
    FROM market_history_curvequote q JOIN market_history_curvefile f ON f.id = q.file_id
    LEFT JOIN market_history_curvefile s ON s.id = q.superseded_by_id
    WHERE q.curve = ANY(%(curves)s) AND q.date BETWEEN %(start)s AND %(end)s AND
"""
_KNOWN_NOW = "q.superseded_by_id IS NULL"
_KNOWN_THEN = "f.loaded_at <= %(known_at)s AND (s.loaded_at IS NULL OR s.loaded_at > %(known_at)s)"
_LAST_DAY = """
    SELECT max(q.date) FROM market_history_curvequote q
    JOIN market_history_curvefile f ON f.id = q.file_id
    LEFT JOIN market_history_curvefile s ON s.id = q.superseded_by_id
    WHERE q.curve = ANY(%(curves)s) AND q.date <= %(end)s AND
"""
_COVERAGE = """
    SELECT q.curve, f.label, f.publisher, min(q.date), max(q.date), count(DISTINCT q.date)
    FROM market_history_curvequote q JOIN market_history_curvefile f ON f.id = q.file_id
    WHERE q.superseded_by_id IS NULL GROUP BY 1, 2, 3 ORDER BY 1, 4
"""
BEGIN = dt.date(1900, 1, 1)


@dataclass(frozen=True, kw_only=True)
class Close:
    """All quotes of a currency on one day: decimals per year by curve and tenor.

    A tenor that was not published on the day is absent. ``labels`` are by curve.
    """

    date: dt.date
    currency: str
    curves: CurveQuotes
    labels: dict[str, Label]


@dataclass(frozen=True, kw_only=True)
class Closes:
    """The closes of a currency over a range of dates as one table.

    Attributes:
        currency: Its code.
        dates: Days with a quote, ascending; shape (days,).
        quotes: Columns, by the order of curves and then from short to long; shape (quotes,).
        rates: Decimals per year; NaN where a quote was not published; shape (days, quotes).
        labels: By day and curve, where its rates come from.
        proxies: Of each curve that has no history of its own on some day, what stands in for it.
    """

    currency: str
    dates: tuple[dt.date, ...]
    quotes: tuple[QuoteId, ...]
    rates: FloatArray
    labels: tuple[dict[str, Label], ...]
    proxies: Mapping[str, Proxy] = field(default_factory=dict)

    def close(self, place: int) -> Close:
        """The close of the day at that place of ``dates``."""
        curves: CurveQuotes = {}
        for (curve, tenor), rate in zip(self.quotes, self.rates[place].tolist(), strict=True):
            if rate == rate:  # not NaN
                curves.setdefault(curve, {})[tenor] = rate
        labels = self.labels[place]
        return Close(
            date=self.dates[place], currency=self.currency, curves=curves, labels=dict(labels)
        )

    def column(self, quote: QuoteId) -> FloatArray:
        """The rates of one quote; shape (days,).

        Raises:
            ValueError: There is no such column.
        """
        return np.asarray(self.rates[:, self.quotes.index(quote)])


class Coverage(NamedTuple):
    """The stored days of a curve and publisher that are current today."""

    curve: str
    label: Label
    publisher: str
    first: dt.date
    last: dt.date
    days: int


def closes(
    currency: str,
    start: dt.date,
    end: dt.date,
    *,
    known_at: dt.datetime | None = None,
    with_proxies: bool = True,
) -> Closes:
    """Return the closes from start to end, both included.

    Args:
        currency: A currency that has conventions.
        start: First day.
        end: Last day.
        known_at: Leave out what was loaded later, and take what was superseded later; None for
            what is known now.
        with_proxies: On days on which a curve has no quote of its own, take its proxy's
            (``proxies.proxy_of``), labelled ``proxy``, or ``synthetic`` where that is.

    Returns:
        A table without rows where nothing is stored.

    Raises:
        BadInput: A currency without conventions.
    """
    rows = _read(_QUOTES, curves_of(currency), start, end, known_at)
    days: dict[dt.date, CurveQuotes] = {}
    labels: dict[dt.date, dict[str, Label]] = {}
    for date, curve, tenor, rate, label in rows:
        days.setdefault(date, {}).setdefault(curve, {})[tenor] = rate
        labels.setdefault(date, {})[curve] = label
    dates = sorted(days)
    used: dict[str, Proxy] = {}
    if with_proxies:
        for date in dates:
            used |= add_proxies(currency, days[date], labels[date])
    quotes = _columns(days.values())
    place = {quote: k for k, quote in enumerate(quotes)}
    rates = np.full((len(dates), len(quotes)), np.nan)
    for k, date in enumerate(dates):
        for curve, by_tenor in days[date].items():
            for tenor, rate in by_tenor.items():
                rates[k, place[QuoteId(curve, tenor)]] = rate
    return Closes(
        currency=currency,
        dates=tuple(dates),
        quotes=quotes,
        rates=rates,
        labels=tuple(labels[date] for date in dates),
        proxies=used,
    )


def last_close(
    currency: str,
    day: dt.date,
    *,
    known_at: dt.datetime | None = None,
    with_proxies: bool = True,
) -> Close | None:
    """The last close on or before a day, None where nothing is stored; see ``closes``.

    Raises:
        BadInput: A currency without conventions.
    """
    ((found,),) = _read(_LAST_DAY, curves_of(currency), BEGIN, day, known_at)
    if found is None:
        return None
    table = closes(currency, found, found, known_at=known_at, with_proxies=with_proxies)
    return table.close(0)


def coverage() -> list[Coverage]:
    """Return what is stored, by curve and publisher."""
    with connection.cursor() as cursor:
        cursor.execute(_COVERAGE)
        return [Coverage(*row) for row in cursor.fetchall()]


def add_proxies(currency: str, curves: CurveQuotes, labels: dict[str, Label]) -> dict[str, Proxy]:
    """Add proxies of the curves without a quote on a day; return those that were added."""
    added: dict[str, Proxy] = {}
    for curve in curves_of(currency):
        proxy = None if curve in curves else proxy_of(curve)
        if proxy is None or proxy.of not in curves:
            continue
        quotes = {t: proxy.rate(t, rate) for t, rate in curves[proxy.of].items() if proxy.has(t)}
        if quotes:
            curves[curve] = quotes
            labels[curve] = "synthetic" if labels[proxy.of] == "synthetic" else "proxy"
            added[curve] = proxy
    return added


def curves_of(currency: str) -> list[str]:
    """Names of a currency's curves.

    Raises:
        BadInput: A currency without conventions.
    """
    conventions.pick(conventions.CURRENCY_ROWS, "currency", currency)
    return [row.name for row in conventions.CURVES.values() if row.currency == currency]


def _columns(days: Any) -> tuple[QuoteId, ...]:
    tenors: dict[str, dict[str, None]] = {}
    for curves in days:
        for curve, quotes in curves.items():
            tenors.setdefault(curve, {}).update(dict.fromkeys(quotes))
    return tuple(
        QuoteId(curve, tenor)
        for curve in curve_order(tenors)
        for tenor in tenor_order(tenors[curve])
    )


def _read(
    query: str, curves: Sequence[str], start: dt.date, end: dt.date, known_at: dt.datetime | None
) -> list[Any]:
    if known_at is not None and known_at.tzinfo is None:
        raise BadInput("known_at", known_at.isoformat(), "a time with its time zone")
    known = _KNOWN_NOW if known_at is None else _KNOWN_THEN
    names: dict[str, Any] = {
        "curves": list(curves),
        "start": start,
        "end": end,
        "known_at": known_at,
    }
    with connection.cursor() as cursor:
        cursor.execute(query + known, names)
        return list(cursor.fetchall())
