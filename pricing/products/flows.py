"""Compile terms of any product into flows, and make QuantLib's own instrument of them.

This is the QuantLib half of the table of products: each row of ``registry`` names the module that
does the work.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NamedTuple, Protocol, cast

import QuantLib as ql

from pricing.errors import Failure, PricingError, Unpriceable
from pricing.products.cash_flows import CompiledTrade
from pricing.products.registry import PRODUCTS
from pricing.products.schedules import Handle
from pricing.products.terms import Terms


class InstrumentValues(NamedTuple):
    """What an instrument is worth on the curves as they are; see ``reference.TradeRisk``."""

    npv: float
    leg_npv: tuple[float, float]
    pv01: float


@dataclass(frozen=True)
class Instrument:
    """A trade as QuantLib prices it.

    Attributes:
        npv: Its value on the curves that its handles are linked to now; trade currency.
        values: What needs no change of curves.
        last_payment: The day of its last payment.
    """

    npv: Callable[[], float]
    values: Callable[[], InstrumentValues]
    last_payment: ql.Date


@dataclass(frozen=True)
class InstrumentMarket:
    """Curves that instruments are linked to.

    Attributes:
        today: The valuation date.
        indexed: True for indexed IBOR coupons, False for coupons at par.
        handle: Gives the handle of a curve by name; raises MissingCurve.
        curves: The curves at their own quotes.
    """

    today: dt.date
    indexed: bool
    handle: Callable[[str], Handle]
    curves: Mapping[str, ql.YieldTermStructure]


class ProductFlows(Protocol):
    """What the module named by ``Product.flows`` has."""

    def compile_terms(self, terms: Any, *, indexed: bool) -> CompiledTrade:
        """Make the flows of a trade.

        Raises:
            BadInput: A field is wrong.
            RuntimeError: QuantLib makes no schedule of the terms.
        """

    def instrument(self, terms: Any, market: InstrumentMarket) -> Instrument:
        """Make QuantLib's own instrument, which does not use the compiled flows."""


def _flows_of(terms: Terms) -> ProductFlows:
    return cast(ProductFlows, import_module(PRODUCTS[terms.product].flows))


def make_instrument(terms: Terms, market: InstrumentMarket) -> Instrument:
    """Make QuantLib's instrument of a trade; raises as ``ProductFlows.instrument``."""
    return _flows_of(terms).instrument(terms, market)


def compile_trade(terms: Terms, *, indexed: bool = False) -> CompiledTrade:
    """Make the flows of one trade.

    Args:
        terms: What the contract says.
        indexed: True for indexed IBOR coupons, False for coupons at par.

    Raises:
        BadInput: A field is wrong; the message says which and what is allowed.
        Unpriceable: QuantLib makes no schedule of the terms.
    """
    try:
        return _flows_of(terms).compile_terms(terms, indexed=indexed)
    except RuntimeError as error:  # QuantLib's only exception type
        raise Unpriceable(str(error)) from None


def compile_book(
    book: Sequence[Terms], *, indexed: bool = False
) -> tuple[list[CompiledTrade], list[Failure]]:
    """Compile a book; a trade that cannot be compiled becomes a failure beside the rest."""
    good: list[CompiledTrade] = []
    failed: list[Failure] = []
    for terms in book:
        try:
            good.append(compile_trade(terms, indexed=indexed))
        except PricingError as error:
            failed.append(Failure(trade_id=terms.trade_id, code=error.code, message=str(error)))
    return good, failed
