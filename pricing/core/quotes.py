"""Quotes by curve and tenor in; their order, their shape and a name for them out."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pricing.core import conventions
from pricing.core.conventions import CurveConvention
from pricing.core.errors import BadInput
from pricing.core.messages import CurveQuotes, tenor_days

INTERPOLATIONS = ("log_linear", "natural_log_cubic")

Shape = tuple[tuple[str, tuple[str, ...]], ...]
"""Tenors by curve: what a set of curves depends on besides the date and the rates."""


class Key(NamedTuple):
    """One quote: its curve and tenor."""

    curve: str
    tenor: str


@dataclass(frozen=True)
class CurveOptions:
    """Choices that the owner of a system makes once; hashed into the curve version.

    Attributes:
        indexed: IBOR coupons on the index's own period; else at par.
        interpolation: Curve name to one of INTERPOLATIONS, over its row.
    """

    indexed: bool = False
    interpolation: Mapping[str, str] = field(default_factory=dict)

    def of(self, row: CurveConvention) -> str:
        """Interpolation of a curve.

        Raises:
            BadInput: Not an interpolation there is.
        """
        name = self.interpolation.get(row.name, row.interpolation)
        if name not in INTERPOLATIONS:
            allowed = f"allowed: {', '.join(INTERPOLATIONS)}"
            raise BadInput(f"interpolation of {row.name}", name, allowed)
        return name


def curve_order(curves: Mapping[str, object]) -> tuple[str, ...]:
    """The order of conventions: a curve stands after the one it is discounted on."""
    return tuple(name for name in conventions.CURVES if name in curves)


def tenor_order(tenors: Mapping[str, object]) -> tuple[str, ...]:
    """Tenors from short to long."""
    return tuple(sorted(tenors, key=tenor_days))


def shape_of(curves: CurveQuotes) -> Shape:
    """Which tenors each curve has, in order; a curve without quotes is none."""
    return tuple((name, tenor_order(curves[name])) for name in curve_order(curves) if curves[name])


def curve_version(
    curves: CurveQuotes, today: dt.date, options: CurveOptions = CurveOptions()
) -> str:
    """A name that changes when quotes, date, or any convention behind the curves does."""
    digest = hashlib.sha256(f"{today.isoformat()};indexed={options.indexed}".encode())
    for name, tenors in shape_of(curves):
        digest.update(_rules(name, options).encode())
        digest.update(";".join(f"{t}={curves[name][t]!r}" for t in tenors).encode())
    return digest.hexdigest()[:16]


def _rules(name: str, options: CurveOptions) -> str:
    row = conventions.CURVES[name]
    parts = [conventions.canonical(row), options.of(row)]
    if row.index is not None:
        parts.append(conventions.canonical(conventions.INDICES[row.index]))
    if row.swap_convention is not None:
        parts.append(conventions.canonical(conventions.SWAPS[row.swap_convention]))
    return "|".join(parts)
