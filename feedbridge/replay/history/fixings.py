"""Derive one fixing per index and weekday from the history's own curves.

No fixing history with a free licence was found, so fixings are derived from the curves and carry
the curve's label.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple

from feedbridge.replay.history.daily import CurveHistory, DailyCurves, stored
from feedbridge.replay.history.synthetic import weekdays
from pricing.curves.quotes import Label
from pricing.errors import BadInput
from pricing.markets.conventions import INDICES, IndexConvention
from risk.history.terms import years_of


class DerivedFixing(NamedTuple):
    """A fixing: ``rate`` is a decimal per year on the fixing ``date``."""

    index: str  # type: ignore[assignment]  # hides tuple.index, which nobody needs here
    date: dt.date
    rate: float
    label: Label


def derive_fixings(
    currency: str, start: dt.date, end: dt.date, history: CurveHistory | None = None
) -> Iterator[DerivedFixing]:
    """Fixings of every index of a currency that has a curve in the history.

    An overnight index takes the shortest quote of its curve of that date, a term index the
    quote of its own tenor. Dates are all weekdays, which covers every calendar: a fixing on a
    holiday is never asked for. A weekday without a curve carries the last one.

    Args:
        currency: Any currency that has conventions, such as USD (SOFR).
        start: First fixing date.
        end: Last fixing date, included.
        history: The stored one by default.

    Raises:
        BadInput: Unknown currency, from after to, or dates outside the history.
    """
    source = history or stored()
    source.check_currency(currency)
    if start > end:
        raise BadInput("from", start.isoformat(), f"must not be after to ({end})")
    if end > source.last:
        raise BadInput("to", end.isoformat(), source.covers())
    source.on_or_before(start)
    return _derive(source, currency, start, end)


def _derive(
    source: CurveHistory, currency: str, start: dt.date, end: dt.date
) -> Iterator[DerivedFixing]:
    for date in weekdays(start, end):
        curves = source.day(currency, source.on_or_before(date))
        for index in INDICES.values():
            if index.forecast_curve in curves.curves:
                yield fixing_on(index, date, curves)


def fixing_on(index: IndexConvention, date: dt.date, day: DailyCurves) -> DerivedFixing:
    """The fixing of one index from a day's curves."""
    quotes = day.curves[index.forecast_curve]
    tenor = index.tenor if index.kind == "ibor" else min(quotes, key=years_of)
    return DerivedFixing(index.name, date, quotes[tenor], day.labels[index.forecast_curve])
