"""Compare a past frame with what is known of its date now, and say by trade what has changed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from pricing.curves.fixings import public_on
from pricing.curves.quotes import CurveQuotes
from pricing.markets import conventions
from risk.history.closes import last_close
from risk.reprice.priced_frame import PricedFrame
from risk.store.compiled_book import FixingsByIndex
from risk.store.results import Rollup

STEPS = ("quotes", "fixings", "trades")
"""The kinds of corrections, in the order in which they are applied."""


class QuoteCorrection(NamedTuple):
    """A rate of the frame that its publisher corrected; decimals."""

    curve: str
    quote: str
    before: float
    after: float


@dataclass(frozen=True)
class FixingCorrection:
    """A fixing public on the date that is another one now; None where there is none."""

    index: str
    date: dt.date
    before: float | None
    after: float | None


class TradeCorrection(NamedTuple):
    """What corrections do to one trade; trade currency.

    ``quotes``, ``fixings`` and ``trades`` add up to ``after`` less ``before``. ``change`` is
    new, terminated or amended for a trade of which a row was corrected, else empty. A trade
    without a number at one end is worth None there, and has no effects.
    """

    trade_id: str
    book: str
    product: str
    change: str
    before: float | None
    after: float | None
    effects: Mapping[str, float]
    reason: str = ""


def corrected_quotes(
    frame: Rollup, published: dt.datetime, known_at: dt.datetime
) -> list[QuoteCorrection]:
    """The quotes of a frame that the history of curves knows otherwise at a later time.

    A quote counts as corrected where the history had a rate for its curve, day and tenor when the
    frame was published, and has another one now. Quotes of a feed that is not in the history stay.
    """
    day = frame.valuation_date
    before = last_close(frame.currency, day, known_at=published)
    after = last_close(frame.currency, day, known_at=known_at)
    if before is None or after is None or before.date != day or after.date != day:
        return []
    return [
        QuoteCorrection(curve, tenor, rate, after.curves[curve][tenor])
        for curve, quotes in frame.curves.items()
        for tenor, rate in quotes.items()
        if tenor in before.curves.get(curve, {})
        and tenor in after.curves.get(curve, {})
        and before.curves[curve][tenor] != after.curves[curve][tenor]
    ]


def with_quotes(curves: CurveQuotes, corrections: list[QuoteCorrection]) -> CurveQuotes:
    """The quotes with these corrections."""
    made = {curve: dict(quotes) for curve, quotes in curves.items()}
    for one in corrections:
        made[one.curve][one.quote] = one.after
    return made


def corrected_fixings(
    before: FixingsByIndex, after: FixingsByIndex, day: dt.date
) -> list[FixingCorrection]:
    """The fixings that differ among those public on a day."""
    found: list[FixingCorrection] = []
    for name in sorted({*before, *after}):
        row = conventions.INDICES[name]
        old, new = (public_on(row, each.get(name, {}), day) for each in (before, after))
        found += [
            FixingCorrection(name, date, old.get(date), new.get(date))
            for date in sorted({*old, *new})
            if old.get(date) != new.get(date)
        ]
    return found


def corrected_trades(stages: Mapping[str, PricedFrame]) -> list[TradeCorrection]:
    """The trades whose value or number changes from the first stage to the last.

    Args:
        stages: ``then``, and the frame after each of ``STEPS`` in turn. A step that changes nothing
            has the frame before.
    """
    order = ("then", *STEPS)
    values = {name: stages[name].trades() for name in order}
    then, end = values["then"], values["trades"]
    changes = _changed_rows(stages["fixings"], stages["trades"])
    failures = {
        failure.trade_id: failure.message
        for name in ("then", "trades")
        for failure in stages[name].rollup.failures
    }
    found: list[TradeCorrection] = []
    for name in sorted({*then, *end, *changes}):
        before, after = then.get(name), end.get(name)
        if before is not None and before == after and name not in changes:
            continue
        book, product = (after or before or ("", "", 0.0))[:2]
        change = changes.get(name, "")
        known = name not in failures
        effects: dict[str, float] = {}
        if known:
            path = [values[stage].get(name, ("", "", 0.0))[2] for stage in order]
            effects = {step: path[k + 1] - path[k] for k, step in enumerate(STEPS)}
        found.append(
            TradeCorrection(
                trade_id=name,
                book=book,
                product=product,
                change=change,
                before=before[2] if before else None,
                after=after[2] if after else None,
                effects=effects,
                reason=failures.get(name, ""),
            )
        )
    return found


def _changed_rows(before: PricedFrame, after: PricedFrame) -> dict[str, str]:
    """New, terminated or amended trades, by the names of what they were compiled from."""
    if before.book is after.book:
        return {}
    old, new = before.book.made_from, after.book.made_from
    found = dict.fromkeys(new.keys() - old.keys(), "new")
    found |= dict.fromkeys(old.keys() - new.keys(), "terminated")
    found |= {name: "amended" for name in old.keys() & new.keys() if old[name] != new[name]}
    return found
