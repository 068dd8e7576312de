"""Turn prices of bonds and futures into rates, so that every quote behind this door is a rate.

A feed may send the clean price of a bond, or the price of a future, under ``prices``. This module
loads no QuantLib: the process that reads ticks turns prices into rates before anything else sees
them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from pricing.curves import quote_ids
from pricing.curves.quotes import QUOTE_MAX, QUOTE_MIN, CurveQuotes
from pricing.errors import BadInput
from pricing.markets import conventions
from pricing.products.bonds.quoted_bond import yields_from_prices


def with_prices(
    currency: str, curves: CurveQuotes, prices: CurveQuotes, today: dt.date
) -> CurveQuotes:
    """Quotes of a market with those that came as prices.

    Args:
        currency: The market's.
        curves: Rates, decimals per year.
        prices: Clean prices of bonds per 100 of face, and prices of futures, by curve and quote.
        today: The valuation date; a bond's price is for settlement of a trade of that day.

    Raises:
        BadInput: A price of what has none, of an unknown curve or bond, of a bond that has matured,
            out of range, or beside a rate of the same quote.
    """
    found = dict(curves)
    for curve, some in prices.items():
        row = conventions.CURVES.get(curve)
        if row is None or row.currency != currency:
            known = [c.name for c in conventions.CURVES.values() if c.currency == currency]
            raise BadInput("curve", curve, f"curves of {currency}: {', '.join(known)}")
        rates, beside = _rates(row, some, today), curves.get(curve, {})
        for quote in rates:
            if quote in beside:
                reason = f"{curve} has a rate of it too: give its price or its rate"
                raise BadInput("tenor", quote, reason)
        found[curve] = {**beside, **rates}
    return found


def _rates(
    row: conventions.CurveConvention, prices: Mapping[str, float], today: dt.date
) -> dict[str, float]:
    """The rates of the prices of a curve, in the order of the prices."""
    bonds, rates = dict[str, str](), dict[str, float]()
    for quote, price in prices.items():
        try:
            made = quote_ids.check(row, quote)
        except BadInput as error:
            raise BadInput("tenor", quote, f"{error.allowed} (prices of {row.name})") from None
        if isinstance(made, quote_ids.Future):
            rates[quote] = _rate_of_future(row.name, quote, price)
        elif isinstance(made, quote_ids.Bond):
            bonds[made.name] = quote
            rates[quote] = 0.0
        else:
            reason = "a bond or a future; send rates and spreads under curves"
            raise BadInput("tenor", quote, f"{reason} (prices of {row.name})")
    try:
        yields = yields_from_prices({name: prices[quote] for name, quote in bonds.items()}, today)
    except BadInput as error:
        raise BadInput(f"{row.name} BOND-{error.field}", error.value, error.allowed) from None
    for name, rate in yields.items():
        if not QUOTE_MIN <= rate <= QUOTE_MAX:
            allowed = f"a clean price whose yield is from {QUOTE_MIN:g} to {QUOTE_MAX:g}"
            shown = f"{allowed}; on {today} its yield is {rate:.4g}"
            raise BadInput(f"{row.name} {bonds[name]}", prices[bonds[name]], shown)
        rates[bonds[name]] = rate
    return rates


def _rate_of_future(curve: str, quote: str, price: float) -> float:
    """Return one less a hundredth of the price."""
    rate = (100.0 - price) / 100.0
    if not QUOTE_MIN <= rate <= QUOTE_MAX:
        low, high = 100.0 - 100.0 * QUOTE_MAX, 100.0 - 100.0 * QUOTE_MIN
        raise BadInput(f"{curve} {quote}", price, f"a price of a future from {low:g} to {high:g}")
    return rate
