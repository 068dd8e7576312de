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
