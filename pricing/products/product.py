"""The fields of a row in ``registry.PRODUCTS``: what the system must know of a product."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pricing.products.terms import Terms


@dataclass(frozen=True, kw_only=True)
class Product:
    """One kind of trade.

    Attributes:
        name: Its name in files, REST answers and Redis, such as ``bond``.
        plural: The list of a book file that holds its trades, such as ``bonds``.
        terms: The class of its terms, which also gives currency and size.
        legs: Labels of its legs in answers, in the order of the legs of its flows.
        flows: Name of the module with its QuantLib half, as in ``flows.ProductFlows``. It is
            imported when the first trade is compiled, so that processes that only read terms do
            not load QuantLib.
        scaled: Fields of the terms, beside identifier and book, that only scale flows: trades that
            agree in all others share a template.
        shape: What the template depends on of the fields in ``scaled``, such as the dates of a
            schedule of notionals.
        measures: Names of the measures that it has beside those of every product.
        quotes: The measure behind each quote of a list of trades that it has: ``price`` per 100,
            ``market_rate`` as a decimal per year.
        label: Its name on screens; without one, its name in words.
        color: Place of its colour in ``series`` of the design tokens; None derives a colour from
            its name.
        address: The list of its trades in REST, below /api/v1/; without one, ``plural``.
        model: Name of its table's class in lower case, which the addresses of the admin have;
            without one, its name in one word.
        fails_when_matured: True when a trade that has made its last payment fails with MATURED;
            otherwise its value is zero.
    """

    name: str
    plural: str
    terms: type[Terms]
    legs: tuple[str, ...]
    flows: str
    scaled: tuple[str, ...] = ()
    shape: Callable[[Any], Hashable] | None = None
    measures: tuple[str, ...] = ()
    quotes: Mapping[str, str] = field(default_factory=dict)
    label: str = ""
    color: int | None = None
    address: str = ""
    model: str = ""
    fails_when_matured: bool = False

    def __post_init__(self) -> None:
        """Derive the names that are not given."""
        derived = {
            "label": self.name.replace("_", " ").capitalize(),
            "address": self.plural,
            "model": self.name.replace("_", ""),
        }
        for name, value in derived.items():
            object.__setattr__(self, name, getattr(self, name) or value)
