"""IBOR coupons that compound to fewer payments, and amounts of coupons that QuantLib has not.

Sources: ISDA, 2006 Definitions, sections 6.1 and 6.3 (compounding, flat compounding); ISDA, 'Spread
Exclusive Compounding' as in FpML 5, ``compoundingMethodEnum``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import QuantLib as ql

from pricing.markets.conventions import IndexConvention
from pricing.products.cash_flows import CHAINED, LINK, Row
from pricing.products.period_rows import ibor_days, years

Period = tuple[int, int]
"""Day numbers of the start and the end of a period."""


class Compounding(NamedTuple):
    """How the periods of a payment compound.

    Attributes:
        method: ``spread_exclusive``, ``straight`` (the spread compounds as the fixings do) or
            ``flat`` (what has accrued grows by the fixings alone).
        spread: Decimal per year.
    """

    method: str
    spread: float


def ibor_chain_rows(
    index: IndexConvention,
    periods: Sequence[tuple[Period, float]],
    pay: int,
    compounding: Compounding,
    *,
    indexed: bool,
) -> list[Row]:
    """One payment of one unit of notional, with its spread.

    Args:
        index: An IBOR index.
        periods: Periods that compound, and the years that each pays for.
        pay: Day number of the payment.
        compounding: How they do.
        indexed: True for indexed fixings, False for those at par.
    """
    method, spread = compounding
    added = spread if method == "straight" else 0.0
    links: list[Row] = []
    for period, accrued in periods:
        fixing, start, end = ibor_days(index.name, period, indexed)
        own = years(index.day_count, start, end)
        links.append(
            Row(
                *(LINK, 1, 0, 0, pay, start, end, fixing),
                scale=accrued / own,
                accrued=accrued,
                unit=added * accrued,
            )
        )
    if method == "spread_exclusive":
        return _chain(links, pay, 1.0, spread * sum(accrued for _, accrued in periods))
    rows = _chain(links, pay, 1.0, 0.0)
    if method == "flat":
        for number, (_, accrued) in enumerate(periods, start=1):
            paid = spread * accrued
            if number < len(periods):
                rows += _chain(links[number:], pay, paid, paid)
            else:
                rows[0] = rows[0]._replace(amount=paid)
    return rows


def _chain(links: Sequence[Row], pay: int, scale: float, amount: float) -> list[Row]:
    """A chain that pays ``scale`` times the product of the links, less 1, plus an amount."""
    days = (links[0].start, links[-1].end, links[0].fixing)
    head = Row(CHAINED, 1, 0, 0, pay, *days, scale=scale, amount=amount)
    return [
        head,
        *(
            link._replace(
                scale=link.scale * scale, accrued=link.accrued * scale, unit=link.unit * scale
            )
            for link in links
        ),
    ]


# --- By QuantLib's coupons, for the reference ------------------------------------------------


def compounded(rates: Sequence[float], times: Sequence[float], compounding: Compounding) -> float:
    """Return what fixings compound to with their spread, for one unit of notional.

    Args:
        rates: Fixings, decimal per year.
        times: Years that each is for.
        compounding: How they do.
    """
    method, spread = compounding
    added = spread if method == "straight" else 0.0
    pairs = list(zip(rates, times, strict=True))
    paid = math.prod(1.0 + (rate + added) * time for rate, time in pairs) - 1.0
    if method == "spread_exclusive":
        return paid + spread * sum(times)
    if method == "flat":
        grows = 1.0
        for rate, time in reversed(pairs):
            paid += spread * time * grows
            grows *= 1.0 + rate * time
    return paid


def averaged(rates: Sequence[float], times: Sequence[float], compounding: Compounding) -> float:
    """The same of the average of fixings."""
    pairs = zip(rates, times, strict=True)
    return sum((rate + compounding.spread) * time for rate, time in pairs)


Amount = Callable[[Sequence[float], Sequence[float], Compounding], float]


def overnight_amount(coupon: ql.CashFlow, make: Amount, compounding: Compounding) -> float:
    """What an overnight coupon pays by its fixings and the years that QuantLib has them for."""
    own = ql.as_overnight_indexed_coupon(coupon)
    times = list(own.dt())
    accrued = own.nominal() * own.accrualPeriod()
    return float(accrued / sum(times) * make(list(own.indexFixings()), times, compounding))


def ibor_amount(coupons: Sequence[ql.CashFlow], compounding: Compounding) -> float:
    """Return what the coupons of one payment, which have no spread, compound to."""
    own = [ql.as_floating_rate_coupon(coupon) for coupon in coupons]
    times = [coupon.accrualPeriod() for coupon in own]
    rates = [coupon.rate() for coupon in own]
    return float(own[0].nominal() * compounded(rates, times, compounding))
