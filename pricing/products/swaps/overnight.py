"""Rows of FLOW of overnight coupons: compounded or averaged, as their fixings are observed.

A coupon whose fixings count for their own days telescopes over the period that it observes. With a
lookback that does not shift the days, a lockout, or a spread that compounds, each fixing counts for
other days than its own, or has something added: such a coupon is a chain of links
(``cash_flows.CHAINED``), in which days that do telescope are one link. An average is a sum of the
growth of its fixings, so it is one row for each.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import QuantLib as ql

from pricing.errors import BadInput
from pricing.markets import conventions, vocabulary
from pricing.markets.conventions import IndexConvention
from pricing.products.cash_flows import CHAINED, LINK, OVERNIGHT, Row
from pricing.products.period_rows import years
from pricing.products.schedules import calendar, day_number, ql_of_day

Period = tuple[int, int]
"""Day numbers of the start and the end of a period."""


class Observing(NamedTuple):
    """How the fixings of a coupon are observed.

    Sources: ISDA, 2021 Interest Rate Derivatives Definitions, section 7 (lookback, observation
    period shift, lockout); ARRC, 'A User's Guide to SOFR' (2021).

    Attributes:
        lookback: Business days of the index by which fixings are earlier than the days they are
            for.
        shift: Whether the days that they count for are earlier, too.
        lockout: Last fixings of a period that repeat the one before them.
    """

    lookback: int = 0
    shift: bool = False
    lockout: int = 0

    @property
    def telescopes(self) -> bool:
        """Return whether each fixing counts for its own days."""
        return not self.lockout and (self.shift or not self.lookback)


class Observation(NamedTuple):
    """One fixing of a coupon.

    Attributes:
        start: Day number of the fixing.
        end: Day number of the next one.
        first: The first day that it counts for.
        days: Calendar days that it counts for.
    """

    start: int
    end: int
    first: int
    days: int


def observed_period(index: IndexConvention, period: Period, observing: Observing) -> Period:
    """The period whose days a coupon counts: its own, or that which it observes."""
    if not observing.shift or not observing.lookback:
        return period
    start, end = (_days_before(index, day, observing.lookback) for day in period)
    return start, end


def _days_before(index: IndexConvention, day: int, lookback: int) -> int:
    cal = calendar(index.calendar)
    return day_number(cal.advance(ql_of_day(day), -lookback, ql.Days, ql.Preceding))


def observations(
    index: IndexConvention, period: Period, observing: Observing
) -> tuple[Observation, ...]:
    """The fixings of a coupon in order of the days that they are for.

    Raises:
        BadInput: The lockout is as long as the period.
    """
    return _observations(index.name, period, observing)


@lru_cache(10_000)
def _observations(name: str, period: Period, observing: Observing) -> tuple[Observation, ...]:
    index = conventions.INDICES[name]
    days = _fixing_days(name, observed_period(index, period, observing))
    found = [Observation(a, b, a, b - a) for a, b in itertools.pairwise(days)]
    if observing.lookback and not observing.shift:
        cal = calendar(index.calendar)
        starts = [_days_before(index, each.start, observing.lookback) for each in found]
        ends = [day_number(cal.advance(ql_of_day(day), 1, ql.Days)) for day in starts]
        found = [
            each._replace(start=start, end=end)
            for start, end, each in zip(starts, ends, found, strict=True)
        ]
    if observing.lockout >= len(found):
        first, last = (ql_of_day(day).ISO() for day in period)
        allowed = f"less than the {len(found)} fixings of the period from {first} to {last}"
        raise BadInput("lockout_days", observing.lockout, allowed)
    free = len(found) - observing.lockout
    last_one = found[free - 1]
    fixing = {"start": last_one.start, "end": last_one.end}
    return (*found[:free], *(each._replace(**fixing) for each in found[free:]))


def counted_between(
    observed: Sequence[Observation], first: int, last: int
) -> tuple[Observation, ...]:
    """The part of a coupon's fixings that counts for the days from one to another."""
    found = [
        each._replace(first=max(each.first, first), days=end - max(each.first, first))
        for each in observed
        if (end := min(each.first + each.days, last)) > max(each.first, first)
    ]
    return tuple(found)


def compounded_rows(
    index: IndexConvention,
    period: Period,
    accrued: float,
    pay: int,
    observing: Observing,
    spread: float = 0.0,
) -> list[Row]:
    """A coupon that compounds its fixings, with a spread of one beside it.

    Args:
        index: An overnight index.
        period: Its own period.
        accrued: The years that it pays for.
        pay: Day number of its payment.
        observing: How it observes.
        spread: Added to each fixing before it compounds, decimal per year.

    Raises:
        BadInput: As ``observations``.
    """
    start, end = counted = observed_period(index, period, observing)
    scale = accrued / years(index.day_count, *counted)
    if observing.telescopes and not spread:
        return [Row(OVERNIGHT, 1, 0, 0, pay, start, end, start, scale=scale, amount=accrued)]
    return chain_rows(index, observations(index, period, observing), scale, accrued, pay, spread)


def chain_rows(
    index: IndexConvention,
    observed: Sequence[Observation],
    scale: float,
    amount: float,
    pay: int,
    spread: float = 0.0,
) -> list[Row]:
    """A chain that pays ``scale`` times what fixings compound to, less 1, plus an amount."""
    links = _links(index, observed, spread)
    days = (links[0].start, links[-1].end, links[0].fixing)
    head = Row(CHAINED, 1, 0, 0, pay, *days, scale=scale, amount=amount)
    return [head, *(_of_chain(link, pay, scale) for link in links)]


def _of_chain(link: Row, pay: int, scale: float) -> Row:
    """A link for a chain with another ``scale`` than 1."""
    return link._replace(
        pay=pay, scale=link.scale * scale, accrued=link.accrued * scale, unit=link.unit * scale
    )


def _links(index: IndexConvention, observed: Sequence[Observation], spread: float) -> list[Row]:
    """The links of a chain with a ``scale`` of 1; fixings that telescope are one link."""
    year, cal = vocabulary.YEAR_DAYS[index.day_count], calendar(index.calendar)
    found: list[Row] = []
    for each in observed:
        own = each.end - each.start
        if each.days == own and not spread:
            before = found[-1] if found else None
            if before is not None and not before.accrued and before.end == each.start:
                found[-1] = before._replace(end=each.end)
                continue
            days = (each.start, each.end, each.start)
            found.append(Row(LINK, 1, 0, 0, 0, *days, scale=1.0))
            continue
        time = each.days / year
        fixing = day_number(cal.adjust(ql_of_day(each.start), ql.Preceding))
        found.append(
            Row(
                *(LINK, 1, 0, 0, 0, each.start, each.end, fixing),
                scale=each.days / own,
                accrued=time,
                unit=spread * time,
            )
        )
    return found


def flat_spread_rows(
    index: IndexConvention, period: Period, accrued: float, pay: int, observing: Observing
) -> list[Row]:
    """A spread of one that is paid on each day and grows to the end without the spread itself.

    ISDA, 2006 Definitions, section 6.3 (flat compounding), with days as compounding periods. The
    growth from a day to the end telescopes, or is a chain where fixings of a lockout are left in
    it. Arguments as ``compounded_rows``.
    """
    scale = accrued / years(index.day_count, *observed_period(index, period, observing))
    observed, year = observations(index, period, observing), vocabulary.YEAR_DAYS[index.day_count]
    rows: list[Row] = []
    for number, each in enumerate(observed, start=1):
        paid, rest = scale * each.days / year, observed[number:]
        if observing.telescopes or not rest:
            # The last one has nothing to grow: its growth runs from the end to itself.
            first, end = each.end, observed[-1].end
            rows.append(Row(OVERNIGHT, 1, 0, 0, pay, first, end, first, scale=paid, amount=paid))
        else:
            rows += chain_rows(index, rest, paid, paid, pay)
    return rows


def averaged_rows(
    index: IndexConvention,
    period: Period,
    accrued: float,
    pay: int,
    observing: Observing = Observing(),
) -> list[Row]:
    """A coupon of the average of its fixings, each weighed by the days that it is for.

    The spread of one is with the first row. Arguments as ``compounded_rows``.
    """
    scale = accrued / years(index.day_count, *observed_period(index, period, observing))
    rows = [
        Row(
            *(OVERNIGHT, 1, 0, 0, pay, each.start, each.end, each.start),
            scale=scale * each.days / (each.end - each.start),
        )
        for each in observations(index, period, observing)
    ]
    return [rows[0]._replace(amount=accrued), *rows[1:]]


@lru_cache(10_000)
def _fixing_days(name: str, period: Period) -> tuple[int, ...]:
    """The days of a period on which the index fixes, from its first day to its last."""
    fixing_days = calendar(conventions.INDICES[name].calendar)
    first, last = period
    inside = (day for day in range(first + 1, last) if fixing_days.isBusinessDay(ql_of_day(day)))
    return (first, *inside, last)
