"""Read a contract such as SR3H25, and say on which dates it refers, trades last and settles.

Importing this module loads no QuantLib.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import NamedTuple, TypeVar

from pricing.errors import BadInput
from pricing.markets import calendars, conventions, vocabulary
from pricing.markets.calendars import date_of, day_of
from pricing.markets.conventions import FutureConvention

MONTH_LETTERS = "FGHJKMNQUVXZ"
"""Letters of January to December. Source: CME, 'Month codes'; ICE and Eurex use the
same letters."""

CENTURY = 2000
CODE = re.compile(rf"([A-Z0-9]+)([{MONTH_LETTERS}])(\d\d)")
QUARTER = 3
WEDNESDAY = 2

AnyRow = TypeVar("AnyRow")


class Contract(NamedTuple):
    """A row of the table of futures and one of its months.

    Attributes:
        row: The kind of contract.
        year: Of the contract month.
        month: The contract month, 1 to 12.
    """

    row: FutureConvention
    year: int
    month: int


class ContractDates(NamedTuple):
    """The dates of a contract.

    Attributes:
        start: First day of the reference period.
        end: The day after its last.
        last_trading: The last trading day; a term rate is fixed on it.
        settlement: The day of final settlement, on which the contract is over.
    """

    start: dt.date
    end: dt.date
    last_trading: dt.date
    settlement: dt.date


def read_contract(code: str, field: str = "contract") -> Contract:
    """The contract of a code: the name of a future, the letter of a month, two digits of a year.

    Raises:
        BadInput: With the field, its value and what is allowed.
    """
    return Contract(*read_code(code, field, conventions.FUTURES, "SR3H25"))


def read_code(
    code: str, field: str, rows: Mapping[str, AnyRow], example: str
) -> tuple[AnyRow, int, int]:
    """The row, the year and the month of a code, see ``read_contract``."""
    found = CODE.fullmatch(code)
    row = rows.get(found[1]) if found else None
    if found is None or row is None:
        allowed = (
            f"a future, the letter of a month and two digits of a year, such as {example}; months: "
            f"{MONTH_LETTERS} for January to December; futures: {', '.join(rows)}"
        )
        raise BadInput(field, code, allowed)
    return row, CENTURY + int(found[3]), MONTH_LETTERS.index(found[2]) + 1


def contract_dates(contract: Contract) -> ContractDates:
    """The dates of a contract, on the business days of its index.

    The reference period begins and ends on its nominal dates, whether they are business days or
    not: the fixing of the business day before then counts, as for every day without a fixing
    (CME Rulebook 46002.A and 46102.A).
    """
    row = contract.row
    first = dt.date(contract.year, contract.month, 1)
    if row.reference_period == "calendar_month":
        start, end = first, months_after(first, 1)
    else:
        start, end = third_wednesday(first), third_wednesday(months_after(first, QUARTER))
    calendar = conventions.INDICES[row.index].calendar
    before = start if row.final_rate == "term" else end
    last = calendars.business_day_before(calendar, day_of(before), row.last_trading_lag)
    settled = business_day_after(calendar, last, row.settlement_lag)
    return ContractDates(start, end, date_of(last), settled)


def deposit_of(row: FutureConvention) -> float:
    """The deposit whose interest over the reference period a contract is about; money."""
    tenor = conventions.INDICES[row.index].tenor
    of_period = {"imm_quarter": QUARTER, "calendar_month": 1}
    months = of_period.get(row.reference_period) or vocabulary.MONTHS[tenor]
    return row.contract_size * 100.0 * 12.0 / months


def third_wednesday(month: dt.date) -> dt.date:
    """The third Wednesday of the month of a date: the IMM date."""
    first = month.replace(day=1)
    return first + dt.timedelta(days=(WEDNESDAY - first.weekday()) % 7 + 14)


def months_after(first: dt.date, count: int) -> dt.date:
    """The first day of the month so many after that of a date."""
    years, month = divmod(first.month - 1 + count, 12)
    return dt.date(first.year + years, month + 1, 1)


def business_day_after(calendar: str, day: int, lag: int) -> dt.date:
    """The business day so many after a business day, both of a calendar."""
    days = calendars.business_days(calendar, day, day + 14 + 2 * lag)
    return date_of(int(days[lag]))
