"""The fields of a row in ``registry.PRODUCTS``: what the system must know of a product."""

from __future__ import annotations

from dataclasses import dataclass

from pricing.products.terms import Terms


@dataclass(frozen=True, kw_only=True)
class Product:
    """One kind of trade.

    Attributes:
        name: Its name in files, REST answers and Redis, such as ``bond``.
        plural: The list of a book file that holds its trades, such as ``bonds``.
        terms: The class of its terms, which also gives currency and size.
        legs: Labels of its legs in answers, in the order of the legs of its flows.
        flows: Name of the module with its QuantLib half: ``compile_terms`` and ``instrument``,
            as in ``flows.ProductFlows``. It is imported when the first trade is compiled, so that
            processes that only read terms do not load QuantLib.
        measures: Names of the measures that it has beside those of every product.
        fails_when_matured: True when a trade that has made its last payment fails with MATURED;
            otherwise its value is zero.
    """

    name: str
    plural: str
    terms: type[Terms]
    legs: tuple[str, ...]
    flows: str
    measures: tuple[str, ...] = ()
    fails_when_matured: bool = False
