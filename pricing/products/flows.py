"""Compile terms of any product into flows, and make QuantLib's own instrument of them.

This is the QuantLib half of the table of products: each row of ``registry`` names the module that
does the work.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from typing import Any, NamedTuple, Protocol, cast

import QuantLib as ql

from pricing.errors import Failure, PricingError, Unpriceable
from pricing.products.cash_flows import CompiledTrade, FlowBlock
from pricing.products.registry import PRODUCTS
from pricing.products.schedules import Handle
from pricing.products.templates import Scaling, Template, Templates, scaled, scaled_block
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

    def make_template(self, terms: Any, *, indexed: bool) -> Template:
        """Make the flows that trades share which differ in ``Product.scaled`` alone.

        Raises:
            BadInput: A field is wrong.
            RuntimeError: QuantLib makes no schedule of the terms.
        """

    def scaling(self, terms: Any) -> Scaling:
        """Say what makes the flows of a trade of those of its template.

        Raises:
            SpreadNotSolved: It has a quote whose spread no market has solved yet.
        """

    def instrument(self, terms: Any, market: InstrumentMarket) -> Instrument:
        """Make QuantLib's own instrument, which does not use the compiled flows."""


@cache
def _module(product: str) -> ProductFlows:
    return cast(ProductFlows, import_module(PRODUCTS[product].flows))


def _flows_of(terms: Terms) -> ProductFlows:
    return _module(terms.product)


def make_instrument(terms: Terms, market: InstrumentMarket) -> Instrument:
    """Make QuantLib's instrument of a trade; raises as ``ProductFlows.instrument``."""
    return _flows_of(terms).instrument(terms, market)


def make_template(terms: Terms, *, indexed: bool = False) -> Template:
    """Make the flows that a trade shares with those of the same schedule.

    Args:
        terms: What the contract of one of them says.
        indexed: True for indexed IBOR coupons, False for coupons at par.

    Raises:
        BadInput: A field is wrong; the message says which and what is allowed.
        Unpriceable: QuantLib makes no schedule of the terms.
    """
    try:
        return _flows_of(terms).make_template(terms, indexed=indexed)
    except RuntimeError as error:  # QuantLib's only exception type
        raise Unpriceable(str(error)) from None


def scaling_of(terms: Terms) -> Scaling:
    """Say what makes a trade of its template; raises as ``ProductFlows.scaling``."""
    return _flows_of(terms).scaling(terms)


@cache
def templates(*, indexed: bool) -> Templates:
    """The templates that this process keeps."""
    return Templates(partial(make_template, indexed=indexed), indexed=indexed)


def compile_trade(terms: Terms, *, indexed: bool = False) -> CompiledTrade:
    """Make the flows of one trade; arguments and errors as ``make_template``.

    Raises:
        SpreadNotSolved: It has a quote whose spread no market has solved yet.
    """
    by = scaling_of(terms)
    return scaled(templates(indexed=indexed).of(terms), by, terms)


def compile_block(
    terms: Sequence[Terms], *, indexed: bool = False
) -> tuple[FlowBlock, list[Failure]]:
    """Compile trades of one currency side by side; one that cannot be becomes a failure."""
    good: list[Terms] = []
    made: list[Template] = []
    by: list[Scaling] = []
    failed: list[Failure] = []
    template_of = templates(indexed=indexed).of
    for one in terms:
        try:
            scaling, template = scaling_of(one), template_of(one)
        except PricingError as error:
            failed.append(Failure(trade_id=one.trade_id, code=error.code, message=str(error)))
            continue
        good.append(one)
        made.append(template)
        by.append(scaling)
    return scaled_block(good, made, by), failed


def compile_book(
    book: Sequence[Terms], *, indexed: bool = False
) -> tuple[list[CompiledTrade], list[Failure]]:
    """Compile trades of any currency; one that cannot be becomes a failure beside the rest."""
    good: list[CompiledTrade] = []
    failed: list[Failure] = []
    for terms in book:
        try:
            good.append(compile_trade(terms, indexed=indexed))
        except PricingError as error:
            failed.append(Failure(trade_id=terms.trade_id, code=error.code, message=str(error)))
    return good, failed
