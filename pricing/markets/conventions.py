"""The market conventions of this process, loaded once: rows by name, each with its sources.

The rows come from the TOML files of ``pricing/markets`` and of the directory that ``MARKETS_DIR``
names. Names of calendars, day counts and business day conventions are this project's own; the
QuantLib objects behind them are made in ``products/schedules.py``.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import TypeVar

from pricing.errors import BadInput
from pricing.markets import loader
from pricing.markets.rows import (
    ALWAYS,
    SINCE,
    BasisSwapConvention,
    BondConvention,
    BondFutureConvention,
    CurrencyConvention,
    CurveConvention,
    FutureConvention,
    IndexConvention,
    Meeting,
    MeetingConvention,
    QuotedBond,
    Row,
    SettlementLag,
    Sources,
    SwapConvention,
)

__all__ = [
    "ALWAYS",
    "BASIS_SWAPS",
    "BONDS",
    "BOND_FUTURES",
    "CURRENCIES",
    "CURRENCY_ROWS",
    "CURVES",
    "FUTURES",
    "INDICES",
    "MARKETS",
    "MEETINGS",
    "QUOTED_BONDS",
    "SWAPS",
    "BasisSwapConvention",
    "BondConvention",
    "BondFutureConvention",
    "CurrencyConvention",
    "CurveConvention",
    "FutureConvention",
    "IndexConvention",
    "Meeting",
    "MeetingConvention",
    "QuotedBond",
    "Row",
    "SettlementLag",
    "Sources",
    "SwapConvention",
    "basis_swap",
    "canonical",
    "digest",
    "digest_of",
    "pick",
    "settlement_calendar",
    "settlement_days_on",
]

MARKETS = loader.load_configured()
"""Everything that was loaded, with the files and the places that rows came from."""

CURRENCIES = tuple(MARKETS.currencies)
CURRENCY_ROWS: Mapping[str, CurrencyConvention] = MappingProxyType(MARKETS.currencies)
INDICES: Mapping[str, IndexConvention] = MappingProxyType(MARKETS.indices)
CURVES: Mapping[str, CurveConvention] = MappingProxyType(MARKETS.curves)
SWAPS: Mapping[str, SwapConvention] = MappingProxyType(MARKETS.swaps)
BONDS: Mapping[str, BondConvention] = MappingProxyType(MARKETS.bonds)
FUTURES: Mapping[str, FutureConvention] = MappingProxyType(MARKETS.futures)
MEETINGS: Mapping[str, MeetingConvention] = MappingProxyType(MARKETS.meetings)
BOND_FUTURES: Mapping[str, BondFutureConvention] = MappingProxyType(MARKETS.bond_futures)
BASIS_SWAPS: Mapping[str, BasisSwapConvention] = MappingProxyType(MARKETS.basis_swaps)
QUOTED_BONDS: Mapping[str, QuotedBond] = MappingProxyType(MARKETS.quoted_bonds)

T = TypeVar("T")


def pick(table: Mapping[str, T], field: str, name: str) -> T:
    """The row of that name.

    Raises:
        BadInput: No such row; the message lists the names there are.
    """
    try:
        return table[name]
    except KeyError:
        raise BadInput(field, name, f"allowed: {', '.join(table)}") from None


def basis_swap(one: str, other: str) -> BasisSwapConvention | None:
    """How swaps of two indices are quoted, in whichever order; None where no row says."""
    for row in BASIS_SWAPS.values():
        if {row.first_index, row.second_index} == {one, other}:
            return row
    return None


def settlement_calendar(calendar: str) -> str:
    """The settlement days of a bond that names its payment calendar itself.

    They differ for US government securities: the calendar of SOFR is theirs with every Good
    Friday closed, also those of a payroll report, on which they trade and pay (SIFMA).
    """
    return "US-SOFR" if calendar == "US-GOVT" else calendar


def settlement_days_on(lags: Sequence[SettlementLag], trade_date: dt.date) -> int:
    """Business days to settlement of a trade on that date; rows are in order of date."""
    return [lag.days for lag in lags if lag.valid_from <= trade_date][-1]


def canonical(row: Row) -> str:
    """Return a text that changes when a rule of the row does; sources and wording do not count."""
    later = SINCE.get(type(row).__name__, ())
    names = (
        name
        for name in row.__struct_fields__
        if name not in ("source", "sources", "place")
        and not (name in later and getattr(row, name) is None)
    )
    return ";".join(f"{name}={_rule(getattr(row, name))}" for name in names)


def _rule(value: object) -> object:
    if isinstance(value, tuple) and value and isinstance(value[0], SettlementLag):
        return [(lag.valid_from.isoformat(), lag.days) for lag in value]
    if isinstance(value, tuple) and value and isinstance(value[0], Meeting):
        return [(one.announced.isoformat(), one.effective.isoformat()) for one in value]
    return value


@cache
def digest(currency: str) -> str:
    """A short name of a currency's conventions: it changes when any rule of one of its rows does.

    Raises:
        KeyError: No such currency.
    """
    return digest_of(MARKETS, currency)


def digest_of(markets: loader.Markets, currency: str) -> str:
    """Return the digest of a currency in any markets."""
    lines = [f"{type(row).__name__};{canonical(row)}" for row in markets.rows_of(currency)]
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:12]
