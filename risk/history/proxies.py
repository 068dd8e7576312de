"""Proxies of curves without their own history: another curve plus a spread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pricing.markets import conventions
from risk.history.terms import Points, interpolate, years_of

DECIMALS = 8
"""Decimal places of a proxy's rates."""

FLAT: Points = ((0.0, 0.0),)

SOFR_SPREAD_BP: Points = (
    (0.0, 0.0),
    (2.0, -17.0),
    (3.0, -22.0),
    (5.0, -28.0),
    (7.0, -36.0),
    (10.0, -44.0),
    (20.0, -64.0),
    (30.0, -74.0),
)
"""SOFR OIS minus Treasury par yield, seen on 2025-02-10: OIS quotes from Open Source Risk Engine,
Examples/Products/Input/marketdata.csv, par yields from the US Treasury.

Under two years it tapers to 0: on that day 1M and 3M lay within 6 bp of the Treasury curve.
"""

SOFR_TENORS = frozenset(("1M", "3M", "6M", "1Y", "2Y", "3Y", "5Y", "7Y", "10Y", "20Y", "30Y"))


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """A proxy curve: the quotes of ``of`` plus a spread in bp.

    ``tenors`` are those that are taken over; all of at least ``from_years`` where it is empty.
    """

    curve: str
    of: str
    spread_bp: Points = FLAT
    tenors: frozenset[str] = frozenset()
    from_years: float = 0.0

    def has(self, tenor: str) -> bool:
        """Return whether the proxy has a quote of that tenor."""
        if self.tenors:
            return tenor in self.tenors
        return years_of(tenor) >= self.from_years

    def rate(self, tenor: str, rate: float) -> float:
        """The proxy's quote for the other curve's; both decimals per year."""
        return round(rate + interpolate(self.spread_bp, years_of(tenor)) / 1e4, DECIMALS)

    def __str__(self) -> str:
        """The proxy as a sentence for people."""
        if self.spread_bp == FLAT:
            return f"{self.curve} is {self.of} without a spread"
        years = ", ".join(f"{years:g}Y {bp:+g}" for years, bp in self.spread_bp)
        return f"{self.curve} is {self.of} plus a fixed spread in bp ({years})"


STATED: Mapping[str, Proxy] = MappingProxyType(
    {
        "USD-SOFR": Proxy(
            curve="USD-SOFR", of="USD-GOVT", spread_bp=SOFR_SPREAD_BP, tenors=SOFR_TENORS
        ),
    }
)
"""Proxies with a spread; those of other curves have none."""


def proxy_of(curve: str) -> Proxy | None:
    """The proxy of a curve on an index: its stated one, else the currency's government curve.

    No free history of swap rates was found for any currency. A government curve has the moves of
    the level of rates; the difference between the two is not in a proxy.
    """
    row = conventions.CURVES[curve]
    if row.index is None:
        return None
    govt = conventions.CURRENCY_ROWS[row.currency].bond_discount_curve
    index = conventions.INDICES[row.index]
    from_years = years_of(index.tenor) if index.kind == "ibor" else 0.0
    return STATED.get(curve, Proxy(curve=curve, of=govt, from_years=from_years))
