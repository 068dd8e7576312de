"""Read the contract of a bond future such as FGBLM25: its dates, and conversion factors.

Importing this module loads no QuantLib.
"""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from pricing.errors import BadInput
from pricing.markets import calendars, conventions
from pricing.markets.calendars import date_of, day_of
from pricing.markets.conventions import BondFutureConvention
from pricing.products.futures.contract import business_day_after, months_after, read_code
from pricing.products.futures.conversion_factors import (
    cme_conversion_factor,
    eurex_conversion_factor,
    ice_conversion_factor,
)

DAY_OF_MONTH = {"tenth": 10, "twentieth": 20}
"""Day of the month that dates are counted from, by ``BondFutureConvention.delivery``."""


class BondContract(NamedTuple):
    """A row of the table of bond futures and one of its months.

    Attributes:
        row: The kind of contract.
        year: Of the contract month.
        month: The contract month, 1 to 12.
    """

    row: BondFutureConvention
    year: int
    month: int

    @property
    def first_of_month(self) -> dt.date:
        """The first day of the contract month."""
        return dt.date(self.year, self.month, 1)


class BondContractDates(NamedTuple):
    """The dates of a contract.

    Attributes:
        last_trading: The last trading day.
        delivery: The last day of delivery. Where the seller may deliver on any day of the month,
            the model delivers on this one.
    """

    last_trading: dt.date
    delivery: dt.date


def read_bond_contract(code: str, field: str = "contract") -> BondContract:
    """The contract of a code: a bond future, the letter of a month, two digits of a year.

    Raises:
        BadInput: With the field, its value and what is allowed.
    """
    return BondContract(*read_code(code, field, conventions.BOND_FUTURES, "FGBLM25"))


def bond_contract_dates(contract: BondContract) -> BondContractDates:
    """The dates of a contract."""
    row, first = contract.row, contract.first_of_month
    if row.delivery == "last_business_day":
        end = day_of(months_after(first, 1))
        counted_from = int(calendars.business_days(row.calendar, day_of(first), end - 1)[-1])
    else:
        day = first.replace(day=DAY_OF_MONTH[row.delivery])
        counted_from = day_of(calendars.adjust(row.calendar, day, "FOLLOWING"))
    last = calendars.business_day_before(row.calendar, counted_from, row.last_trading_lag)
    delivery = business_day_after(row.calendar, counted_from, row.delivery_lag)
    return BondContractDates(date_of(last), delivery)


def conversion_factor(contract: BondContract, *, coupon: float, maturity: dt.date) -> float:
    """The conversion factor of a bond with regular coupons, by the exchange's own formula.

    Args:
        contract: The future and its month.
        coupon: Decimal per year.
        maturity: Of the bond.

    Returns:
        Clean price per 1 of face at the notional yield, rounded as the exchange does.

    Raises:
        BadInput: The exchange states its factors, or the bond matures too early.
    """
    row = contract.row
    if row.conversion == "stated":
        allowed = f"this field is required: {row.exchange} publishes the factors of {row.name}"
        raise BadInput("conversion_factor", None, allowed)
    if row.conversion == "eurex":
        delivery = bond_contract_dates(contract).delivery
        return eurex_conversion_factor(
            row.name, delivery=delivery, coupon=coupon, maturity=maturity
        )
    make = {"cme": cme_conversion_factor, "ice": ice_conversion_factor}[row.conversion]
    month = contract.first_of_month
    return make(row.name, delivery_month=month, coupon=coupon, maturity=maturity)
