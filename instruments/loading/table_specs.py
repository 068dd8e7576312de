"""All loadable tables by name, ordered so that referenced tables come first."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from django.db import models

from instruments import validation
from instruments.loading.table_spec import TENOR, TableSpec
from instruments.models import (
    BasisSwap,
    Bond,
    BondFuture,
    BondPosition,
    Book,
    Counterparty,
    Deliverable,
    Desk,
    Fixing,
    FloatingRateNote,
    ForwardRateAgreement,
    FxRate,
    InterestRateFuture,
    Issuer,
    Limit,
    ScenarioShock,
    Swap,
    ZeroCouponSwap,
)
from pricing.markets import conventions

NAME = {"name": "for screens"}
OTHERWISE = "; empty: the convention's value"
SCHEDULE = {
    "calendar": f"of business days{OTHERWISE}",
    "business_day_convention": f"how a date on a holiday is adjusted{OTHERWISE}",
    "end_of_month": f"whether dates at a month's end stay at month ends{OTHERWISE}",
    "discount_curve": f"discount curve{OTHERWISE}",
}
TRADE = {
    "trade_id": f"identifier, unique among all trades; {validation.CODE_HELP}",
    "book": "the book that holds the trade",
}
FEES = ("upfront_fee", "termination_fee")
BOND_FIELDS = (
    "code", "isin", "cusip", "name", "issuer", "convention", "coupon_rate", "issue_date",
    "maturity_date", "currency", "dated_date", "first_coupon_date", "penultimate_coupon_date",
    "coupon_schedule", "face_schedule", "payment_frequency", "day_count", "settlement_days",
    "ex_coupon_days", "calendar", "business_day_convention", "end_of_month", "discount_curve",
    "is_sample",
)  # fmt: skip
SWAP_FIELDS = (
    "trade_id", "convention", "pay_receive", "notional", "effective_date", "tenor",
    "termination_date", "fixed_rate", "book", "status", "counterparty", "trade_date",
    "clearing_house", "spread_bp", "payment_lag", "first_regular_date", "last_regular_date",
    "notional_schedule", "fixed_rate_schedule", "overnight_method", "lookback_days",
    "observation_shift", "lockout_days", "compounding_method", "roll_day", "stub_index",
    "fixed_frequency", "fixed_day_count", "float_frequency", "float_day_count", "floating_index",
    "calendar", "business_day_convention", "end_of_month", "discount_curve", "forecast_curve",
    *FEES,
)  # fmt: skip
BASIS_SWAP_FIELDS = (
    "trade_id", "first_index", "second_index", "pay_receive", "notional", "effective_date", "tenor",
    "termination_date", "first_spread_bp", "second_spread_bp", "book", "status", "counterparty",
    "first_regular_date", "last_regular_date", "first_frequency", "second_frequency", "payment_lag",
    "calendar", "business_day_convention", "end_of_month", "discount_curve",
    "first_forecast_curve", "second_forecast_curve",
    *FEES,
)  # fmt: skip
ZERO_COUPON_SWAP_FIELDS = (
    "trade_id", "convention", "pay_receive", "notional", "effective_date", "tenor",
    "termination_date", "fixed_rate", "book", "status", "counterparty", "fixed_frequency",
    "fixed_day_count", "floating_index", "payment_lag", "calendar", "business_day_convention",
    "end_of_month", "discount_curve", "forecast_curve",
    *FEES,
)  # fmt: skip
SWAP_TERMS = {
    **TRADE,
    "convention": "supplies every field of the legs that is empty",
    "notional": "in the currency of the trade, above zero",
    "effective_date": "where accrual starts",
    "termination_date": "unadjusted end date; or give tenor",
    "counterparty": "the counterparty; optional",
    "payment_lag": f"business days from accrual end to payment{OTHERWISE}",
    **SCHEDULE,
}
NOTE_FIELDS = (
    "trade_id", "name", "isin", "floating_index", "face_amount", "issue_date", "maturity_date",
    "spread_bp", "book", "clean_price", "z_spread_bp", "status", "spread_schedule",
    "first_coupon_date", "penultimate_coupon_date", "payment_frequency", "day_count",
    "fixing_days", "lookback_days", "observation_shift", "lockout_days", "payment_lag",
    "settlement_days", "ex_coupon_days", "calendar", "business_day_convention", "end_of_month",
    "discount_curve",
    "forecast_curve",
    "traded_price", *FEES,
)  # fmt: skip

KINDS: Mapping[str, TableSpec] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            TableSpec(
                name="issuers",
                model=Issuer,
                key=("code",),
                fields=("code", "name", "lei", "country"),
                meanings=NAME,
                example={
                    "code": "UST",
                    "name": "United States Treasury",
                    "lei": "254900HROIFWPRGM1V77",
                    "country": "US",
                },
            ),
            TableSpec(
                name="counterparties",
                model=Counterparty,
                key=("code",),
                fields=("code", "name", "lei"),
                meanings=NAME,
                example={"code": "CLIENT-1", "name": "Client one", "lei": ""},
            ),
            TableSpec(
                name="desks",
                model=Desk,
                key=("code",),
                fields=("code", "name"),
                meanings=NAME,
                example={"code": "USD-RATES", "name": "USD Rates"},
            ),
            TableSpec(
                name="books",
                model=Book,
                key=("code",),
                fields=("code", "name", "desk"),
                meanings={**NAME, "desk": "the desk whose traders may change its trades"},
                example={"code": "USD-SWAPS", "name": "USD swaps", "desk": "USD-RATES"},
            ),
            TableSpec(
                name="bonds",
                model=Bond,
                key=("code",),
                fields=BOND_FIELDS,
                convention_names=tuple(conventions.BONDS),
                meanings={
                    **NAME,
                    "issuer": "the debtor; optional",
                    "maturity_date": "date on which the face amount is repaid",
                    "dated_date": "start of accrual, if it is not the issue date",
                    "currency": f"of all its flows{OTHERWISE}",
                    "payment_frequency": f"of coupons{OTHERWISE}",
                    "day_count": f"of accrued interest{OTHERWISE}",
                    "settlement_days": f"business days from trade to payment{OTHERWISE}",
                    "ex_coupon_days": f"business days without the coupon{OTHERWISE}",
                    **SCHEDULE,
                    "is_sample": "true for an invented bond",
                },
                example={
                    "code": "T-4.125-2032",
                    "isin": "US91282CFV81",
                    "name": "US Treasury 4 1/8% 15 Nov 2032",
                    "convention": "US-TREASURY",
                    "coupon_rate": "0.04125",
                    "issue_date": "2022-11-15",
                    "maturity_date": "2032-11-15",
                },
            ),
            TableSpec(
                name="positions",
                model=BondPosition,
                key=("trade_id",),
                fields=(
                    *("trade_id", "bond", "face_amount", "book"),
                    *("clean_price", "z_spread_bp", "quoted_yield", "yield_type"),
                    *("status", "traded_price", *FEES),
                ),
                meanings={**TRADE, "bond": "code or ISIN of the bond"},
                example={
                    "trade_id": "POS-1",
                    "bond": "T-4.125-2032",
                    "face_amount": "5000000",
                    "book": "USD-TREASURIES",
                    "clean_price": "98.5",
                },
            ),
            TableSpec(
                name="swaps",
                model=Swap,
                key=("trade_id",),
                fields=SWAP_FIELDS,
                convention_names=tuple(conventions.SWAPS),
                instead={"termination_date": TENOR.name},
                meanings={
                    **TRADE,
                    "convention": "supplies every field of the legs that is empty",
                    "pay_receive": "of the fixed leg: a receiver receives fixed",
                    "notional": "in the currency of the convention, above zero",
                    "effective_date": "where accrual starts",
                    "termination_date": "unadjusted end date; or give tenor",
                    "counterparty": "the counterparty; optional",
                    "trade_date": "trade date; optional",
                    "payment_lag": f"business days from accrual end to payment{OTHERWISE}",
                    "fixed_frequency": f"of the fixed leg{OTHERWISE}",
                    "fixed_day_count": f"of the fixed leg{OTHERWISE}",
                    "float_frequency": f"of the floating leg{OTHERWISE}",
                    "float_day_count": f"of the floating leg{OTHERWISE}",
                    "floating_index": f"of the floating leg{OTHERWISE}",
                    "forecast_curve": f"projection curve of the floating leg{OTHERWISE}",
                    **SCHEDULE,
                },
                example={
                    "trade_id": "IRS-1",
                    "convention": "USD-SOFR-OIS",
                    "pay_receive": "receive",
                    "notional": "10000000",
                    "effective_date": "2024-03-20",
                    "tenor": "10Y",
                    "fixed_rate": "0.0385",
                    "book": "USD-SWAPS",
                },
            ),
            TableSpec(
                name="basis_swaps",
                model=BasisSwap,
                key=("trade_id",),
                fields=BASIS_SWAP_FIELDS,
                instead={"termination_date": TENOR.name},
                meanings={
                    **SWAP_TERMS,
                    "first_index": "index of the first leg",
                    "second_index": "index of the second leg, of the same currency",
                    "pay_receive": "of the first leg; the second goes the other way",
                    "first_frequency": "of the first leg; empty: the period of its index, and for "
                    "an overnight index that of the other leg",
                    "second_frequency": "of the second leg; as first_frequency",
                    "first_forecast_curve": f"projection curve of the first leg{OTHERWISE}",
                    "second_forecast_curve": f"projection curve of the second leg{OTHERWISE}",
                },
                example={
                    "trade_id": "BASIS-1",
                    "first_index": "EURIBOR3M",
                    "second_index": "EURIBOR6M",
                    "pay_receive": "receive",
                    "notional": "10000000",
                    "effective_date": "2024-03-20",
                    "tenor": "10Y",
                    "first_spread_bp": "5.5",
                    "book": "EUR-EURIBOR",
                },
            ),
            TableSpec(
                name="zero_coupon_swaps",
                model=ZeroCouponSwap,
                key=("trade_id",),
                fields=ZERO_COUPON_SWAP_FIELDS,
                convention_names=tuple(conventions.SWAPS),
                instead={"termination_date": TENOR.name},
                meanings={
                    **SWAP_TERMS,
                    "pay_receive": "of the fixed leg: a receiver receives fixed",
                    "fixed_day_count": f"of the years that the fixed rate compounds{OTHERWISE}",
                    "floating_index": f"of the floating leg{OTHERWISE}",
                    "forecast_curve": f"projection curve of the floating leg{OTHERWISE}",
                },
                example={
                    "trade_id": "ZC-1",
                    "convention": "EUR-EURIBOR-6M",
                    "pay_receive": "receive",
                    "notional": "10000000",
                    "effective_date": "2024-03-20",
                    "tenor": "10Y",
                    "fixed_rate": "0.0265",
                    "book": "EUR-EURIBOR",
                },
            ),
            TableSpec(
                name="fras",
                model=ForwardRateAgreement,
                key=("trade_id",),
                fields=(
                    *("trade_id", "index", "pay_receive", "notional", "effective_date"),
                    *("fixed_rate", "book", "status", "counterparty"),
                    *("discount_curve", "forecast_curve", *FEES),
                ),
                meanings={
                    **SWAP_TERMS,
                    "index": "the IBOR index whose period and fixing it is on",
                    "pay_receive": "of the fixed rate: the buyer pays it",
                    "effective_date": "first day of the period, on which it is settled",
                    "forecast_curve": f"projection curve{OTHERWISE}",
                },
                example={
                    "trade_id": "FRA-1",
                    "index": "EURIBOR3M",
                    "pay_receive": "pay",
                    "notional": "50000000",
                    "effective_date": "2024-06-19",
                    "fixed_rate": "0.0365",
                    "book": "EUR-EURIBOR",
                },
            ),
            TableSpec(
                name="ir_futures",
                model=InterestRateFuture,
                key=("trade_id",),
                fields=(
                    *("trade_id", "contract", "contracts", "trade_price", "book", "status"),
                    *("convexity_bp", "volatility_bp", "mean_reversion", "forecast_curve", *FEES),
                ),
                meanings={
                    **TRADE,
                    "forecast_curve": "projection curve of the contract's rate; empty: that of "
                    "its index",
                },
                example={
                    "trade_id": "FUT-1",
                    "contract": "SR3H26",
                    "contracts": "-250",
                    "trade_price": "96.345",
                    "book": "USD-SWAPS",
                },
            ),
            TableSpec(
                name="deliverables",
                model=Deliverable,
                key=("code",),
                fields=(
                    *("code", "contract", "bond", "conversion_factor"),
                    *("z_spread_bp", "repo_spread_bp"),
                ),
                meanings={"bond": "code or ISIN of the bond"},
                example={
                    "code": "ZNH26-T-4.125-2032",
                    "contract": "ZNH26",
                    "bond": "T-4.125-2032",
                    "conversion_factor": "0.8977",
                    "z_spread_bp": "12.5",
                },
            ),
            TableSpec(
                name="bond_futures",
                model=BondFuture,
                key=("trade_id",),
                fields=(
                    *("trade_id", "contract", "contracts", "trade_price", "book", "status"),
                    *("market_price", "option_value", *FEES),
                ),
                meanings={
                    **TRADE,
                    "contract": "bond future, letter of the month and two digits of the year; load "
                    "its deliverables before it",
                },
                example={
                    "trade_id": "FUT-2",
                    "contract": "ZNH26",
                    "contracts": "-120",
                    "trade_price": "111.984375",
                    "book": "USD-TREASURIES",
                },
            ),
            TableSpec(
                name="floating_rate_notes",
                model=FloatingRateNote,
                key=("trade_id",),
                fields=NOTE_FIELDS,
                meanings={
                    **TRADE,
                    **NAME,
                    "floating_index": "the rate that coupons pay, IBOR or compounded overnight",
                    "maturity_date": "date on which the face amount is repaid",
                },
                example={
                    "trade_id": "FRN-1",
                    "name": "Bank floating 15 Mar 2029",
                    "floating_index": "SOFR",
                    "face_amount": "5000000",
                    "issue_date": "2024-03-15",
                    "maturity_date": "2029-03-15",
                    "spread_bp": "85",
                    "book": "USD-TREASURIES",
                    "clean_price": "100.42",
                },
            ),
            TableSpec(
                name="fixings",
                model=Fixing,
                key=("index", "date"),
                fields=("index", "date", "rate", "source"),
                meanings={"index": "the floating rate index"},
                example={
                    "index": "SOFR",
                    "date": "2024-01-02",
                    "rate": "0.054",
                    "source": "New York Fed",
                },
            ),
            TableSpec(
                name="fx_rates",
                model=FxRate,
                key=("currency", "date"),
                fields=("currency", "date", "usd", "source"),
                meanings={"currency": "not USD", "date": "the newest rate of a currency is used"},
                example={
                    "currency": "EUR",
                    "date": "2024-01-02",
                    "usd": "1.0956",
                    "source": "ECB",
                },
            ),
            TableSpec(
                name="scenario_shocks",
                model=ScenarioShock,
                key=("code",),
                fields=(
                    *("code", "scenario", "space", "currency", "curve"),
                    *("shape", "tenor", "move_bp"),
                ),
                meanings={
                    "currency": "whose curves move; empty: all currencies",
                    "curve": "the curve that moves; empty: all curves of the currency",
                    "tenor": "of a point or a key rate, such as 10Y; empty for a parallel move",
                    "move_bp": "basis points, at most 1,000 either way",
                },
                example={
                    "code": "OIL-USD-2Y",
                    "scenario": "Oil shock",
                    "space": "par",
                    "currency": "USD",
                    "curve": "",
                    "shape": "points",
                    "tenor": "2Y",
                    "move_bp": "40",
                },
            ),
            TableSpec(
                name="limits",
                model=Limit,
                key=("code",),
                fields=(
                    *("code", "name", "desk", "book", "currency", "trade_type", "measure", "curve"),
                    *("tenor", "level", "scenario", "amounts_in", "direction", "warning"),
                    *("hard_limit", "hysteresis", "max_age_s", "four_eyes", "valid_from"),
                    "valid_until",
                ),
                meanings={**NAME, "trade_type": "only trades of this type; empty: all"},
                example={
                    "code": "RATES-USD-10Y",
                    "name": "USD 10Y par DV01 of the rates desk",
                    "desk": "USD-RATES",
                    "currency": "USD",
                    "measure": "ladder_par",
                    "curve": "USD-SOFR",
                    "tenor": "10Y",
                    "amounts_in": "USD",
                    "warning": "80000",
                    "hard_limit": "100000",
                    "hysteresis": "2000",
                },
            ),
        )
    }
)


def kind_of(model: type[models.Model]) -> TableSpec:
    """The kind whose table this is."""
    return next(kind for kind in KINDS.values() if kind.model is model)
