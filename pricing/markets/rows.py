"""The types of market rows: indices, curves, swaps, bonds, futures, and a currency's own settings.

A file of a market gives every field but ``name`` and ``currency``, which are the name of its table
and the name of its file. A field that is not listed here is refused when the file is loaded.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Annotated, Literal, get_args

import msgspec

Days = Annotated[int, msgspec.Meta(ge=0, le=60)]
Weight = Annotated[float, msgspec.Meta(ge=0.0, le=1e6)]
Sources = dict[str, str]
"""The primary source of each field: publisher, document, section."""

ALWAYS = dt.date.min
"""``valid_from`` of a market's first settlement lag: no earlier rule is known."""


class IndexConvention(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A floating rate index.

    ``publication_lag`` counts business days from the fixing date to the day on which the fixing is
    public: a replay may not use it before. ``business_day_convention`` and ``end_of_month`` are of
    the index's own period, for an overnight index of its deposit.
    """

    name: str
    currency: str
    kind: Literal["overnight", "ibor"]
    tenor: str
    fixing_days: Days
    calendar: str
    day_count: str
    business_day_convention: str
    end_of_month: bool
    publication_lag: Days
    forecast_curve: str
    sources: Sources


Interpolation = Literal["log_linear", "natural_log_cubic", "monotone_convex"]
"""How log discount factors are interpolated between nodes (``curves/interpolation.py``)."""

NOT_FITTED: tuple[Interpolation, ...] = ("monotone_convex",)
"""Interpolations that cannot be used where a curve of the currency is fitted: a fit needs second
derivatives of log discount factors by the nodes, which these do not have everywhere, and all curves
of a currency are solved together."""


class CurveConvention(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A curve and how its quotes are read.

    ``quotes``: ``ois`` (overnight deposit for 1D, else OIS), ``ibor`` (below one year simple
    rates on the curve itself, else swap against the index, discounted on ``discount_curve``),
    ``par_yield`` (par bonds; below one year simple money-market yields) or ``zero``
    (continuously compounded zero rates, Act/365F). ``READ_BY_QUOTES`` says which of the other
    fields belong to which.

    The fields after ``interpolation`` are optional; without them each quote has a node on the day
    on which it ends, and is met exactly.

    Attributes:
        nodes: Tenors, from the valuation date, at which the curve has its nodes instead.
        fit: ``least_squares`` allows more quotes than nodes: the weighted sum of squares of the
            differences of quoted and model rates is least.
        weights: Weights of the squares by id of a quote, or by the name of a future, by ``DEP``,
            ``FRA``, ``OIS``, ``ZERO`` or ``BOND`` for all of a kind; 1 for what is not named. 0
            leaves a quote out of the fit; its residual is made all the same.
        future_volatility_bp: Normal volatility of the short rate in basis points a square root of a
            year, constant (Ho-Lee), from which the convexity of futures is made; 0 without it.
        meetings: Name of a table of meetings: between the days from which its decisions count, the
            overnight forward rate is constant.
        meetings_until: Tenor from the valuation date up to which it is; without it, up to the end
            of the last quote between meetings.
        turns: Dates over which the overnight rate jumps by a size that the quotes decide; a turn of
            a stated size is a quote.
    """

    name: str
    currency: str
    quotes: Literal["ois", "ibor", "par_yield", "zero"]
    index: str | None = None
    discount_curve: str | None = None
    swap_convention: str | None = None
    settlement_days: Days | None = None
    calendar: str | None = None
    frequency: str | None = None
    interpolation: Interpolation
    nodes: tuple[str, ...] | None = None
    fit: Literal["exact", "least_squares"] | None = None
    weights: dict[str, Weight] | None = None
    future_volatility_bp: Annotated[float, msgspec.Meta(ge=0.0, le=1_000.0)] | None = None
    meetings: str | None = None
    meetings_until: str | None = None
    turns: tuple[dt.date, ...] | None = None
    sources: Sources


def why_not_beside_fits(interpolation: str, curves: Iterable[CurveConvention]) -> str | None:
    """Why curves of a currency admit no such interpolation of one of them; None where they do."""
    if interpolation not in NOT_FITTED:
        return None
    fitted = next((row.name for row in curves if row.fit == "least_squares"), None)
    if fitted is None:
        return None
    allowed = [name for name in get_args(Interpolation) if name not in NOT_FITTED]
    return f'allowed: {", ".join(allowed)}: {fitted} has fit = "least_squares"'


SINCE: dict[str, tuple[str, ...]] = {
    "CurveConvention": (
        "nodes",
        "fit",
        "weights",
        "future_volatility_bp",
        "meetings",
        "meetings_until",
        "turns",
    ),
}
"""Fields that were added later. A row that does not use them keeps the hash that it had before."""

READ_BY_QUOTES: dict[str, tuple[str, ...]] = {
    "ois": ("index", "swap_convention"),
    "ibor": ("index", "discount_curve", "swap_convention"),
    "par_yield": ("settlement_days", "calendar", "frequency"),
    "zero": (),
}
"""Optional fields of a curve that its kind of quotes needs; it may have no other."""


class SwapConvention(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A standard fixed-floating swap of one currency."""

    name: str
    currency: str
    index: str
    spot_lag: Days
    fixed_frequency: str
    fixed_day_count: str
    float_frequency: str
    float_day_count: str
    payment_lag: Days
    calendar: str
    business_day_convention: str
    end_of_month: bool
    discount_curve: str
    sources: Sources


class BasisSwapConvention(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the market quotes swaps of one floating index against another of the same currency.

    The quote is the spread at which the first index plus the spread is worth the second index.
    Both floating legs are those of the standard swaps against their indices.

    Attributes:
        first_index: The index that the spread is added to.
        second_index: The index on the other side.
        spread_on: What pays the spread: ``first_leg``, with the coupons of the first index;
            ``second_leg``, as often as the second index pays; ``fixed_leg``, the fixed leg of the
            standard swap against the first index, so that the quote is the fixed rate of the second
            standard swap less that of the first.
    """

    name: str
    currency: str
    first_index: str
    second_index: str
    spread_on: Literal["first_leg", "second_leg", "fixed_leg"]
    sources: Sources


class SettlementLag(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Business days from trade to settlement, for trades on ``valid_from`` and after it."""

    days: Days
    source: str
    valid_from: dt.date = ALWAYS


class BondConvention(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A bond market.

    Attributes:
        currency: None for a convention of bonds in any currency.
        payment_frequency: Period between coupons.
        calendar: Business days of payments.
        settlement_calendar: Days on which trades settle.
        accrued_day_count: Of accrued interest, where the market counts it otherwise than coupons.
        settlement_lags: Business days from trade to settlement, by date of trade.
        ex_coupon_days: Days as the market counts them (gilts: 7 business days, the last of which
            still carries the coupon).
        ex_coupon_counts: Whether those are business days or calendar days before the payment.
        yield_frequency: Compounding period of the yield, also for strips. A bond that pays at
            another frequency than its market has a yield of its own frequency.
        last_period_yield: Interest once a buyer receives one payment day alone: simple by the day
            count of the bond, ``simple_act_365f`` by days over 365 to the day of payment, or
            compounded.
        yield_payment_dates: Dates that the yield discounts from: the nominal coupon dates, or the
            business days on which they are paid.
        yield_accrues: What a yield adds to a clean price: the accrued interest that is paid, or
            that which accrues as coupons count (``as_coupons``), except in the last period.
        bill_yield: Yield of a zero-coupon security issued for a year or less: ``coupon_equivalent``
            (US Treasury bills), a day count for simple interest, or None: as other securities.
        bill_quote: What a quoted yield of such a security is, where nothing else is said: its
            yield, or the discount rate.
        discount_curve: None: the ``bond_discount_curve`` of the bond's currency.
    """

    name: str
    currency: str | None
    payment_frequency: str
    day_count: str
    accrued_day_count: str | None = None
    settlement_lags: tuple[SettlementLag, ...]
    calendar: str
    settlement_calendar: str
    business_day_convention: str
    end_of_month: bool
    ex_coupon_days: Days
    ex_coupon_counts: Literal["business_days", "calendar_days"] = "business_days"
    yield_frequency: str
    last_period_yield: Literal["simple", "simple_act_365f", "compounded"]
    yield_payment_dates: Literal["nominal", "business_days"]
    yield_accrues: Literal["as_paid", "as_coupons"] = "as_paid"
    bill_yield: str | None = None
    bill_quote: Literal["ytm", "discount_yield"] = "ytm"
    discount_curve: str | None = None
    sources: Sources


class QuotedBond(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A bond with level coupons whose yield or clean price is a quote of a curve: ``BOND-<name>``.

    Attributes:
        curve: The curve that is made of it: of par yields or zero rates.
        convention: Its market, a row of the table ``bonds``: coupon frequency, day count,
            settlement, and what its yield is.
        issue_date: Day from which interest accrues.
        maturity_date: Nominal day of redemption; coupons are counted back from it.
        coupon_rate: Decimal per year.
        first_coupon_date: End of an odd first period that is longer than a regular one.
        source: Where these terms come from, a key of ``[sources]``.
    """

    name: str
    currency: str
    curve: str
    convention: str
    issue_date: dt.date
    maturity_date: dt.date
    coupon_rate: Annotated[float, msgspec.Meta(ge=0.0, le=0.5)]
    first_coupon_date: dt.date | None = None
    source: str
    sources: Sources


class FutureConvention(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An exchange's interest-rate future, quoted as 100 less a rate in percent.

    A contract month begins the reference period: the third Wednesday of the month is its first day,
    or the first of the month where the period is a calendar month.

    Attributes:
        exchange: Where it is traded.
        final_rate: What it settles to: overnight fixings of the reference period, compounded over
            it or averaged by calendar day, or the fixing of a term rate.
        reference_period: ``imm_quarter`` runs from the third Wednesday of the contract month to
            that of the third month after it, ``calendar_month`` over the contract month,
            ``index_period`` is that of the fixing whose value date is the third Wednesday.
        contract_size: Money per 1.00 of price, the exchange's unit of trading.
        tick: Smallest price change of the nearest contract month.
        last_trading_lag: Business days of the index from the last trading day to the end of the
            reference period; to the third Wednesday where the final rate is a term rate.
        settlement_lag: Business days from the last trading day to final settlement.
    """

    name: str
    currency: str
    exchange: str
    index: str
    final_rate: Literal["compounded", "averaged", "term"]
    reference_period: Literal["imm_quarter", "calendar_month", "index_period"]
    contract_size: float
    tick: float
    last_trading_lag: Days
    settlement_lag: Days
    sources: Sources

    @property
    def tick_value(self) -> float:
        """Money per contract for one tick."""
        return self.contract_size * self.tick


class Meeting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A decision on rates: the day of its announcement, and the first day on which it applies."""

    announced: dt.date
    effective: dt.date


class MeetingConvention(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The scheduled meetings of a central bank, in order.

    Attributes:
        bank: Who decides.
        index: The overnight index that follows the decisions.
        dates: A row for each meeting.
    """

    name: str
    currency: str
    bank: str
    index: str
    dates: tuple[Meeting, ...]
    sources: Sources


class BondFutureConvention(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An exchange's bond future, quoted as a clean price per 100 of face.

    Attributes:
        exchange: Where it is traded.
        conversion: Whose formula makes the conversion factors of its deliverable bonds
            (``products/futures/conversion_factors.py``); ``stated`` where each is stated.
        contract_size: Face amount of one contract.
        tick: Smallest price change, per 100 of face.
        calendar: Business days of trading and delivery.
        delivery: The day that dates are counted from: the last business day of the contract month,
            or its tenth or twentieth day, moved to the next business day.
        last_trading_lag: Business days from the last trading day to that day.
        delivery_lag: Business days from that day to the last day of delivery.
    """

    name: str
    currency: str
    exchange: str
    conversion: Literal["cme", "eurex", "ice", "stated"]
    contract_size: float
    tick: float
    calendar: str
    delivery: Literal["last_business_day", "tenth", "twentieth"]
    last_trading_lag: Days
    delivery_lag: Days
    sources: Sources

    @property
    def point_value(self) -> float:
        """Money per contract for 1.00 of price."""
        return self.contract_size / 100.0

    @property
    def tick_value(self) -> float:
        """Money per contract for one tick."""
        return self.point_value * self.tick


class CurrencyConvention(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a currency that belong to no single instrument.

    Attributes:
        bond_calendar: Business days of payments of a bond without a convention.
        bond_discount_curve: Discount curve of a bond whose convention names none.
        time_zone: Name in the IANA time zone database; the business date is the local date there.
        place: The place of that time zone, for people.
        business_day_begins: Local time at which a business date begins: midnight, or an hour of
            the evening before, from which on trades are booked on the next date.
    """

    name: str
    bond_calendar: str
    bond_discount_curve: str
    time_zone: str
    place: str
    business_day_begins: dt.time = dt.time(0)
    sources: Sources


Row = (
    IndexConvention
    | CurveConvention
    | SwapConvention
    | BasisSwapConvention
    | BondConvention
    | QuotedBond
    | FutureConvention
    | MeetingConvention
    | BondFutureConvention
    | CurrencyConvention
)
