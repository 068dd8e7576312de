"""Make the flows of many trades from few schedules.

Trades that agree in all but amounts, rates and names share a template: flows for one unit of
notional, which QuantLib makes once. A trade is then a few multiplications. Which fields only scale
is said by ``Product.scaled``.
"""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from functools import cache
from typing import NamedTuple

import msgspec
import numpy as np

from pricing.arrays import FloatArray, RecordArray
from pricing.headlines import Headlines
from pricing.markets import conventions
from pricing.products.cash_flows import FLOW, CompiledTrade, FlowBlock, number_names
from pricing.products.product import Product
from pricing.products.registry import PRODUCTS
from pricing.products.terms import Terms

TEMPLATES_KEPT = 50_000
"""Templates that one process keeps, at about 2 KB each; the least recently used are dropped."""


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """The flows that trades share, each for one unit of the notional that it is on.

    Attributes:
        flows: Bytes of records of type FLOW. ``scale``, ``accrued`` and ``unit`` are money per
            unit of notional; ``amount`` is so, and per unit of the rate of its leg.
        notional_of: Bytes of the number of the notional that each flow is on, ``uint16``.
        discount: Name of the discount curve.
        forecasts: Names of the curves that its flows grow on; their ``curve`` is a place in them.
        indices: Names of the indices that its flows depend on; their ``index`` is a place in them.
    """

    flows: bytes
    notional_of: bytes
    discount: str
    forecasts: tuple[str, ...] = ()
    indices: tuple[str, ...] = ()

    def __len__(self) -> int:
        """The number of flows."""
        return len(self.flows) // FLOW.itemsize


def as_bytes(numbers: Sequence[int]) -> bytes:
    """Return numbers of notionals as ``Template.notional_of`` has them."""
    return np.array(numbers, dtype=np.uint16).tobytes()


class Scaling(NamedTuple):
    """The notionals, signs and rates that make a trade of a template.

    Attributes:
        notionals: Money by the numbers in ``Template.notional_of``.
        signs: Of the two legs: +1 where it is received.
        rates: Of the two legs: what their ``amount`` is multiplied by, such as a fixed rate and a
            spread, decimals per year.
        z_spread: Continuous spread over the discount curve, decimal per year.
    """

    notionals: Sequence[float]
    signs: tuple[float, float] = (1.0, 1.0)
    rates: tuple[float, float] = (1.0, 1.0)
    z_spread: float = 0.0


class Templates:
    """Keeps the templates that were used last, and makes those that are missing."""

    def __init__(
        self, make: Callable[[Terms], Template], *, indexed: bool, size: int = TEMPLATES_KEPT
    ) -> None:
        self.indexed, self._make, self._size = indexed, make, size
        self._kept: OrderedDict[Hashable, Template] = OrderedDict()

    def of(self, terms: Terms) -> Template:
        """The template of a trade; raises as ``flows.compile_trade``."""
        key = template_key(terms, indexed=self.indexed)
        found = self._kept.get(key)
        if found is None:
            found = self._make(terms)
            self.keep(key, found)
        else:
            self._kept.move_to_end(key)
        return found

    def keep(self, key: Hashable, template: Template) -> None:
        """Keep a template that was made elsewhere."""
        self._kept[key] = template
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)

    def resize(self, size: int = TEMPLATES_KEPT) -> None:
        """Set how many templates are kept; never fewer than TEMPLATES_KEPT."""
        self._size = max(size, TEMPLATES_KEPT)
        while len(self._kept) > self._size:
            self._kept.popitem(last=False)

    def has(self, key: Hashable) -> bool:
        """Return whether it is kept."""
        return key in self._kept

    @property
    def count(self) -> int:
        """The number of templates that are kept."""
        return len(self._kept)


def template_key(terms: Terms, *, indexed: bool) -> Hashable:
    """All that the template of a trade depends on."""
    fields, shape = _key_of(terms.product)
    rules = conventions.digest(str(terms.currency))
    return terms.product, indexed, rules, fields(terms), shape(terms) if shape else None


@cache
def _key_of(
    product: str,
) -> tuple[Callable[[Terms], Hashable], Callable[[Terms], Hashable] | None]:
    row: Product = PRODUCTS[product]
    scaled = ("trade_id", "book", *row.scaled)
    names = [name for name in row.terms.__struct_fields__ if name not in scaled]
    return operator.attrgetter(*names), row.shape


def scaled(template: Template, by: Scaling, terms: Terms) -> CompiledTrade:
    """The compiled trade of a template."""
    flows = _scaled_flows([template], [by])
    return CompiledTrade(
        trade_id=terms.trade_id,
        product=terms.product,
        book=terms.book,
        flows=flows,
        discount=template.discount,
        forecasts=template.forecasts,
        notional=terms.size,
        indices=template.indices,
        z_spread=by.z_spread,
        headline=terms.headline,
    )


def scaled_block(
    terms: Sequence[Terms], templates: Sequence[Template], by: Sequence[Scaling]
) -> FlowBlock:
    """The compiled trades side by side, as ``cash_flows.make_block`` lays them."""
    curves = tuple(sorted({name for t in templates for name in (t.discount, *t.forecasts)}))
    indices = tuple(sorted({name for t in templates for name in t.indices}))
    place = {name: number for number, name in enumerate(curves)}
    ptr = np.zeros(len(terms) + 1, dtype=np.int64)
    np.cumsum([len(t) for t in templates], out=ptr[1:])
    flows = _scaled_flows(templates, by)
    number_names(flows, "index", ptr, [t.indices for t in templates], indices)
    number_names(flows, "curve", ptr, [t.forecasts for t in templates], curves)
    return FlowBlock(
        trade_ids=tuple([t.trade_id for t in terms]),
        products=tuple([t.product for t in terms]),
        books=tuple([t.book for t in terms]),
        curves=curves,
        indices=indices,
        ptr=ptr,
        flows=flows,
        discount=np.array([place[t.discount] for t in templates], dtype=np.int32),
        notional=np.array([t.size for t in terms], dtype=np.float64),
        z_spread=np.array([each.z_spread for each in by], dtype=np.float64),
        headlines=Headlines.of([t.headline for t in terms]),
    )


def _scaled_flows(templates: Sequence[Template], by: Sequence[Scaling]) -> RecordArray:
    """The flows of trades, one after another; shape (flows,)."""
    flows = np.frombuffer(bytearray().join([t.flows for t in templates]), dtype=FLOW)
    notional_of = np.frombuffer(b"".join([t.notional_of for t in templates]), dtype=np.uint16)
    counts = [len(t) for t in templates]
    first = np.cumsum([0, *[len(each.notionals) for each in by]])[:-1]
    trade = np.repeat(np.arange(len(by)), counts)
    leg = 2 * trade + flows["leg"]
    notionals: FloatArray = np.array([n for each in by for n in each.notionals])
    signs: FloatArray = np.array([each.signs for each in by]).reshape(-1)
    rates: FloatArray = np.array([each.rates for each in by]).reshape(-1)
    money = notionals[first[trade] + notional_of] * signs[leg]
    for column in ("scale", "accrued", "unit"):
        flows[column] *= money
    flows["amount"] *= money * rates[leg]
    return flows
