"""Conversion factors of bonds that may be delivered into bond futures, by each exchange's formula.

A conversion factor is about the clean price of 1 of face at which the bond yields the notional
coupon of the future. The exchanges round dates and amounts in their own ways, so each has its own
function. Importing this module loads no QuantLib.
"""

from __future__ import annotations

import calendar
import datetime as dt
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from pricing.errors import BadInput
from pricing.markets import calendars, conventions

MONTHS_OF_HALF_YEAR, MONTHS_OF_QUARTER = 6, 3
CME_YIELD = 0.06


class CmeContract(NamedTuple):
    """How a Treasury future of CME counts the months to the maturity of a bond.

    Attributes:
        name: What the exchange calls it.
        months: They are rounded down to whole months of this number.
    """

    name: str
    months: int


CME_CONTRACTS: Mapping[str, CmeContract] = MappingProxyType(
    {
        "ZT": CmeContract("2-Year T-Note", 1),
        "Z3N": CmeContract("3-Year Note", 1),
        "ZF": CmeContract("5-Year T-Note", 1),
        "ZN": CmeContract("10-Year T-Note", MONTHS_OF_QUARTER),
        "TN": CmeContract("Ultra 10-Year U.S. Treasury Note", MONTHS_OF_QUARTER),
        "ZB": CmeContract("U.S. Treasury Bond", MONTHS_OF_QUARTER),
        "UB": CmeContract("Ultra U.S. Treasury Bond", MONTHS_OF_QUARTER),
    }
)
"""Contracts by product code. Source: CME, 'Calculating U.S. Treasury Futures Conversion Factors',
and Rulebook, chapters 18 to 21, 26, 39 and 40 ("rounded down to the nearest ... quarter / month").
"""

EUREX_YIELDS: Mapping[str, float] = MappingProxyType(
    {
        **dict.fromkeys(("FGBS", "FGBM", "FGBL"), 0.06),  # Schatz, Bobl, Bund
        "FGBX": 0.04,  # Buxl
        **dict.fromkeys(("FBTS", "FBTM", "FBTP", "FOAM", "FOAT", "FBON"), 0.06),
    }
)
"""Notional coupons. Source: Eurex, 'Fixed Income Futures', contract specifications, s. 1.2.1."""

ICE_YIELDS: Mapping[str, float] = MappingProxyType({"G": 0.03, "H": 0.04, "R": 0.04, "U": 0.04})
"""Notional coupons of the short, medium, long and ultra long gilt. Source: ICE Futures Europe,
market specifications of each ("GBP 100,000 nominal value notional Gilt with 4% coupon")."""


def cme_conversion_factor(
    contract: str, *, delivery_month: dt.date, coupon: float, maturity: dt.date
) -> float:
    """Return the conversion factor of a Treasury note or bond, rounded to four decimal places.

    Args:
        contract: A code of ``CME_CONTRACTS``.
        delivery_month: Any day of the delivery month.
        coupon: Decimal per year, paid in halves.
        maturity: Of the bond.

    Returns:
        Price at a yield of 6 % per 1 of face.

    Raises:
        BadInput: There is no such contract, or the bond matures in the delivery month or before.
    """
    row = CME_CONTRACTS.get(contract)
    if row is None:
        raise BadInput("contract", contract, f"allowed: {', '.join(CME_CONTRACTS)}")
    first = delivery_month.replace(day=1)
    whole = 12 * (maturity.year - first.year) + maturity.month - first.month
    if whole < 1:
        reason = f"must be after the delivery month {first:%Y-%m}"
        raise BadInput("maturity", maturity.isoformat(), reason)
    years, months = divmod(whole, 12)
    months -= months % row.months
    # A second half year is one period more, and months count from its middle on.
    late = months > MONTHS_OF_HALF_YEAR
    rest = months - MONTHS_OF_HALF_YEAR if late else months
    half = coupon / 2.0
    periods = 2 * years + late
    discount = (1.0 + CME_YIELD / 2.0) ** -periods
    annuity = (coupon / CME_YIELD) * (1.0 - discount)
    price = (half + discount + annuity) / (1.0 + CME_YIELD / 2.0) ** (rest / MONTHS_OF_HALF_YEAR)
    accrued = half * (MONTHS_OF_HALF_YEAR - rest) / MONTHS_OF_HALF_YEAR
    return _rounded(price - accrued, 4)


def eurex_conversion_factor(
    contract: str,
    *,
    delivery: dt.date,
    coupon: float,
    maturity: dt.date,
    accrual_start: dt.date | None = None,
    first_coupon: dt.date | None = None,
) -> float:
    """Return the conversion factor of a bond with an annual coupon, rounded to six decimal places.

    Coupons fall on the anniversaries of the maturity. Source: Eurex, 'Conversion factors', formula
    of bonds denominated in euro.

    Args:
        contract: A code of ``EUREX_YIELDS``.
        delivery: The delivery day.
        coupon: Decimal per year.
        maturity: Of the bond.
        accrual_start: First day of interest of a bond that has paid no coupon by the delivery day;
            None for others.
        first_coupon: Its first coupon date, where that is more than a year after delivery.

    Returns:
        Price at a yield of the notional coupon per 1 of face.

    Raises:
        BadInput: There is no such contract, the bond has matured, or the first coupon period is
            not one that has begun by the delivery day.
    """
    if contract not in EUREX_YIELDS:
        raise BadInput("contract", contract, f"allowed: {', '.join(EUREX_YIELDS)}")
    if maturity <= delivery:
        raise BadInput("maturity", maturity.isoformat(), f"must be after the delivery {delivery}")
    following = first_coupon or _next_anniversary(maturity, delivery)
    if following != _anniversary(maturity, following.year) or following <= delivery:
        allowed = f"an anniversary of the maturity after the delivery {delivery}"
        raise BadInput("first_coupon", following.isoformat(), allowed)
    year_before = _anniversary(maturity, following.year - 1)
    two_before = _anniversary(maturity, following.year - 2)
    last = accrual_start or year_before
    if not two_before <= last <= delivery:
        allowed = f"from {two_before} to the delivery {delivery}"
        raise BadInput("accrual_start", last.isoformat(), allowed)

    def years_to(day: dt.date) -> float:
        """From a day to the anniversary a year before the coupon; less than 0 after it."""
        days = (year_before - day).days
        year = following - year_before if days < 0 else year_before - two_before
        return days / year.days

    notional, whole = EUREX_YIELDS[contract], maturity.year - following.year
    growth, end = 1.0 + notional, (1.0 + notional) ** -whole
    flows = coupon * years_to(last) + coupon / notional * (growth - end) + end
    price = flows / growth ** (1.0 + years_to(delivery))
    return _rounded(price - coupon * (years_to(last) - years_to(delivery)), 6)


def ice_conversion_factor(
    contract: str, *, delivery_month: dt.date, coupon: float, maturity: dt.date
) -> float:
    """Return the price factor of a gilt with half-yearly coupons, rounded to seven decimal places.

    It is the clean price at a yield of the notional coupon, compounded half-yearly, for settlement
    on the first day of the delivery month, without a coupon that the gilt has gone ex. Source:
    ICE Futures Europe, Exchange Contract No. 144 (gilt contracts); UK DMO, 'Formulae for
    Calculating Gilt Prices from Yields', s. 1.

    Args:
        contract: A code of ``ICE_YIELDS``.
        delivery_month: Any day of the delivery month.
        coupon: Decimal per year.
        maturity: Of the gilt.

    Returns:
        Price per 1 of face.

    Raises:
        BadInput: There is no such contract, or the gilt matures on the first day of the delivery
            month or before.
    """
    if contract not in ICE_YIELDS:
        raise BadInput("contract", contract, f"allowed: {', '.join(ICE_YIELDS)}")
    first = delivery_month.replace(day=1)
    if maturity <= first:
        raise BadInput("maturity", maturity.isoformat(), f"must be after {first}")
    count = 0
    while (before := _months_before(maturity, 6 * count)) > first:
        following, count = before, count + 1
    rest = (following - first).days / (following - before).days
    discount = 1.0 / (1.0 + ICE_YIELDS[contract] / 2.0)
    half = coupon / 2.0
    flows = half * (1.0 - discount**count) / (1.0 - discount) + discount ** (count - 1)
    accrued = half * (1.0 - rest)
    if _is_ex(following, first):
        flows, accrued = flows - half, accrued - half
    return _rounded(flows * discount**rest - accrued, 7)


def _is_ex(coupon_date: dt.date, day: dt.date) -> bool:
    """Return whether a gilt no longer carries its next coupon on a day."""
    row = conventions.BONDS["UK-GILT"]
    last_with = calendars.business_day_before(
        row.calendar, calendars.day_of(coupon_date), row.ex_coupon_days
    )
    return calendars.day_of(day) > last_with


def _anniversary(day: dt.date, year: int) -> dt.date:
    """Return the same day of another year; 28 February where there is no 29th."""
    return _months_before(day, 12 * (day.year - year))


def _next_anniversary(day: dt.date, after: dt.date) -> dt.date:
    this_year = _anniversary(day, after.year)
    return this_year if this_year > after else _anniversary(day, after.year + 1)


def _months_before(day: dt.date, months: int) -> dt.date:
    year, month = divmod(12 * day.year + day.month - 1 - months, 12)
    return dt.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _rounded(factor: float, places: int) -> float:
    """Round half up, as exchanges do."""
    scale = 10.0**places
    return math.floor(factor * scale + 0.5) / scale
