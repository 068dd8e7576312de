"""Give a curve of the market files other fields, for one test."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import msgspec
import pytest

from pricing.markets import conventions


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
