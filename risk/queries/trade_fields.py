"""The table of what a list of trades says of each trade beside its measures.

Terms in one line, and two quotes that every product has under another name. REST answers and their
schema, files of trades and the dashboard's blotter follow this table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from pricing.arrays import FloatArray
from pricing.headlines import Headline
from pricing.measures.table import BY_NAME
from pricing.products.registry import PRODUCTS

Kind = Literal["text", "number", "date"]


@dataclass(frozen=True, kw_only=True)
class TradeField:
    """One column.

    Attributes:
        name: In REST answers and files.
        label: On screens.
        kind: What its values are.
        doc: One sentence that defines it, with its unit.
        unit: As units of measures are named; empty where it has none, or the quantity says it.
    """

    name: str
    label: str
    kind: Kind
    doc: str
    unit: str = ""


PER_100, PER_YEAR, BP = "per 100 of face", "decimal per year", "basis points"

TERMS = (
    TradeField(
        name="instrument",
        label="Instrument",
        kind="text",
        doc="Name of the security (else its ISIN or convention), code of the contract, or"
        " convention or index of a swap.",
    ),
    TradeField(
        name="issuer",
        label="Issuer",
        kind="text",
        doc="Code of the bond's issuer; empty where none is known, and of other products.",
    ),
    TradeField(
        name="side",
        label="Side",
        kind="text",
        doc="long or short; of a swap, pay or receive: of its fixed leg, of a basis swap of the"
        " first.",
    ),
    TradeField(
        name="quantity",
        label="Quantity",
        kind="number",
        doc="Without a sign: see quantity_of.",
    ),
    TradeField(
        name="quantity_of",
        label="Of",
        kind="text",
        doc="What the quantity counts: face or notional in the trade's currency, or contracts.",
    ),
    TradeField(
        name="rate",
        label="Coupon / fixed",
        kind="number",
        doc="Coupon or fixed rate; decimal per year. Null where the trade has none.",
        unit=PER_YEAR,
    ),
    TradeField(
        name="spread_bp",
        label="Spread bp",
        kind="number",
        doc="On the floating leg, of a basis swap on the first; basis points. Null without one.",
        unit=BP,
    ),
    TradeField(
        name="maturity",
        label="Maturity",
        kind="date",
        doc="The day on which the trade ends, not moved to a business day.",
    ),
)
"""Fields with the terms of a trade; they change with the book only."""

QUOTES = (
    TradeField(
        name="price",
        label="Price",
        kind="number",
        doc="Model price: clean price of a bond or note, price of a future; per 100. Null of other"
        " products, and where the measure behind it is missing.",
        unit=PER_100,
    ),
    TradeField(
        name="market_rate",
        label="Yield / par",
        kind="number",
        doc="Yield of a bond; of a swap, forward rate agreement or rate future the par rate;"
        " decimal per year. Null of other products, and where the measure is missing.",
        unit=PER_YEAR,
    ),
)
"""Fields with quotes, each made from a measure that depends on the product; they change with
frames."""

FIELDS = (*TERMS, *QUOTES)
FIELD_OF: Mapping[str, TradeField] = MappingProxyType({field.name: field for field in FIELDS})
LABELLED = tuple(field.name for field in TERMS if field.kind == "text")
"""Text fields by which a list can be filtered."""


def _as_it_is(values: FloatArray) -> FloatArray:
    return values


def _price_of_rate(values: FloatArray) -> FloatArray:
    """The price quote of a rate future: 100 less its rate in percent."""
    price: FloatArray = 100.0 * (1.0 - values)
    return price


Make = Callable[[FloatArray], FloatArray]

MAKES: Mapping[tuple[str, str], Make] = MappingProxyType({("price", "par_rate"): _price_of_rate})
"""Functions that make a quote from its measure, where the two are not equal."""


def _made_of(quote: str) -> tuple[tuple[str, frozenset[str], Make], ...]:
    """The measures that a quote is made of, each with the products that have it so."""
    products: dict[str, set[str]] = {}
    for row in PRODUCTS.values():
        if quote in row.quotes:
            products.setdefault(row.quotes[quote], set()).add(row.name)
    return tuple(
        (measure, frozenset(having), MAKES.get((quote, measure), _as_it_is))
        for measure, having in products.items()
    )


MADE_OF: Mapping[str, tuple[tuple[str, frozenset[str], Make], ...]] = MappingProxyType(
    {quote.name: _made_of(quote.name) for quote in QUOTES}
)
"""The measures that each quote is made from, each with the products that use it."""


def quote_of(name: str, products: np.ndarray, measure: Callable[[str], FloatArray]) -> FloatArray:
    """A quote of many trades; NaN where there is none; shape (trades,).

    Args:
        name: One of ``QUOTES``.
        products: The product of each trade; shape (trades,).
        measure: Gives a measure by its name; shape (trades,).
    """
    found = np.full(len(products), np.nan)
    for of, having, make in MADE_OF[name]:
        here = np.isin(products, sorted(having))
        if here.any():
            found[here] = make(measure(of)[here])
    return found


def quotes_of(product: str, measures: Mapping[str, float | None]) -> dict[str, float | None]:
    """The quotes of one trade, of its measures by name; None where there is none."""
    found: dict[str, float | None] = {}
    for name, rows in MADE_OF.items():
        of = next(((of, make) for of, having, make in rows if product in having), None)
        value = measures.get(of[0]) if of is not None else None
        if of is None or value is None:
            found[name] = None
        else:
            found[name] = float(of[1](np.array([value]))[0])
    return found


NO_TERMS: Mapping[str, None] = MappingProxyType({field.name: None for field in TERMS})


def terms_of(headline: Headline | None) -> dict[str, object]:
    """The fields of the terms of one trade; None of what is not known."""
    if headline is None:
        return dict(NO_TERMS)
    return {field.name: getattr(headline, field.name) for field in TERMS}


for _row in PRODUCTS.values():
    for _quote, _measure in _row.quotes.items():
        if _quote not in MADE_OF or not BY_NAME[_measure].supports(_row.name):
            raise TypeError(f"{_row.name}: {_quote} of {_measure} is no quote of this product")
