"""The table of products: one row per product.

Importing this module loads neither QuantLib nor numba.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pricing.products import fixed_floating_swap, fixed_rate_bond
from pricing.products.bonds import floating_rate_note
from pricing.products.futures import bond_future, interest_rate_future
from pricing.products.product import Product
from pricing.products.swaps import basis_swap, forward_rate_agreement, zero_coupon_swap
from pricing.products.terms import Quoted, Security, Terms

PRODUCTS: Mapping[str, Product] = MappingProxyType(
    {
        product.name: product
        for product in (
            fixed_floating_swap.PRODUCT,
            fixed_rate_bond.PRODUCT,
            basis_swap.PRODUCT,
            zero_coupon_swap.PRODUCT,
            forward_rate_agreement.PRODUCT,
            interest_rate_future.PRODUCT,
            bond_future.PRODUCT,
            floating_rate_note.PRODUCT,
        )
    }
)
"""Products by name, in the order of the lists of a book file."""

PRODUCT_NAMES = tuple(sorted(PRODUCTS))
"""Names of the products in the order of screens and choices."""


def as_security(terms: Terms) -> Security | None:
    """The terms where the product has a price and a z-spread, as bonds do; otherwise None."""
    return terms if isinstance(terms, Security) else None


def as_quoted(terms: Terms) -> Quoted | None:
    """The terms where a quote makes a number of the trade; otherwise None."""
    return terms if isinstance(terms, Quoted) else None
