"""Give a curve of the market files other fields, for one test."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import msgspec
import pytest

from pricing.curves import quote_ids
from pricing.markets import conventions
from pricing.markets.conventions import QuotedBond


def with_curve(patch: pytest.MonkeyPatch, curve: str, **fields: Any) -> None:
    """As a file of ``MARKETS_DIR`` does."""
    row = msgspec.structs.replace(conventions.CURVES[curve], **fields)
    changed = {**conventions.CURVES, curve: row}
    patch.setattr(conventions, "CURVES", MappingProxyType(changed))


def with_basis_swap(patch: pytest.MonkeyPatch, name: str, **fields: Any) -> None:
    """The same of a row of basis swaps."""
    row = msgspec.structs.replace(conventions.BASIS_SWAPS[name], **fields)
    changed = {**conventions.BASIS_SWAPS, name: row}
    patch.setattr(conventions, "BASIS_SWAPS", MappingProxyType(changed))


def with_bonds(patch: pytest.MonkeyPatch, *rows: QuotedBond) -> None:
    """Quoted bonds, as a table ``quoted_bonds`` of a file of ``MARKETS_DIR`` gives them."""
    table = MappingProxyType({row.name: row for row in rows})
    patch.setattr(conventions, "QUOTED_BONDS", table)
    for cached in (quote_ids.read, quote_ids.is_id, quote_ids.identity, quote_ids.order):
        cached.cache_clear()


def quoted_bond(name: str, convention: str, **fields: Any) -> QuotedBond:
    """A row of the table ``quoted_bonds``, on the curve of its market unless another is given."""
    market = conventions.BONDS[convention]
    given = {"currency": market.currency, "curve": market.discount_curve} | fields
    made = {"name": name, "convention": convention, "source": "TEST", "sources": {}} | given
    return msgspec.convert(made, QuotedBond)
