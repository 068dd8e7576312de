"""View models of the curves page: quotes with residuals, forwards between meetings, warnings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboard import format
from dashboard.data import Market
from pricing.curves.quotes import CurveOptions, quote_order
from risk.queries.curves import EPOCH, NoNodes, curves_of, meeting_forwards
from risk.store.results import Rollup

MAX_SHOWN = 3


def options_of(environment: Mapping[str, str]) -> CurveOptions:
    """How the pricing processes make curves, by the variables that they read."""
    pairs = (pair.partition("=") for pair in environment.get("CURVE_INTERPOLATION", "").split(","))
    chosen = {curve.strip(): name.strip() for curve, _, name in pairs if name}
    return CurveOptions(environment.get("IBOR_COUPONS", "at_par") == "indexed", chosen)


@dataclass(frozen=True)
class QuoteRow:
    """A quote of a curve. Rates are decimals per year; None where a frame does not say."""

    quote: str
    ends: dt.date | None
    rate: float | None
    zero_rate: float
    residual_bp: float | None
    weight: float | None

    def cells(self) -> tuple[str, ...]:
        """Texts of a table."""
        return (
            self.quote,
            format.NOTHING if self.ends is None else self.ends.isoformat(),
            format.NOTHING if self.rate is None else f"{self.rate:.5%}",
            f"{self.zero_rate:.5%}",
            format.signed(self.residual_bp, 2),
            format.NOTHING if self.weight is None else f"{self.weight:g}",
        )


def curve_names(markets: Sequence[Market]) -> list[str]:
    """The curves of the markets, in the order of their frames."""
    return list(dict.fromkeys(curve for market in markets for curve, _ in market.rollup.keys))


def quote_rows(rollup: Rollup, curve: str) -> list[QuoteRow]:
    """Return the quotes of a curve, ordered by maturity."""
    fitted = {nodes.curve for nodes in rollup.nodes if nodes.unknowns < len(nodes.ends)}
    rows = []
    for place, (name, quote) in enumerate(rollup.keys):
        if name != curve:
            continue
        day = rollup.node_days[place] if rollup.node_days else None
        rows.append(
            QuoteRow(
                quote=quote,
                ends=None if day is None else EPOCH + dt.timedelta(days=day),
                rate=rollup.curves.get(curve, {}).get(quote),
                zero_rate=rollup.zero_rates[place],
                residual_bp=rollup.residuals_bp[place] if rollup.residuals_bp else None,
                weight=rollup.weights[place] if rollup.weights and curve in fitted else None,
            )
        )
    return sorted(rows, key=lambda row: (row.ends or EPOCH, quote_order(row.quote)))


def meeting_rows(rollup: Rollup, curve: str, options: CurveOptions) -> list[tuple[str, ...]]:
    """Announcement, first and last day, forward rate in percent and step in basis points."""
    try:
        forwards = meeting_forwards(curves_of(rollup, options), curve)
    except NoNodes:
        return []
    before: float | None = None
    rows: list[tuple[str, ...]] = []
    for each in forwards:
        rows.append(
            (
                format.NOTHING if each.announced is None else each.announced.isoformat(),
                each.start.isoformat(),
                each.end.isoformat(),
                f"{each.rate:.4%}",
                format.NOTHING if before is None else format.signed((each.rate - before) * 1e4, 1),
            )
        )
        before = each.rate
    return rows


# --- Curves and their past -------------------------------------------------------------------

KINDS = ("Zero", "Par", "Forward", "Discount")
DAYS = 365.0
SPREADS: Mapping[str, Mapping[str, float]] = {
    "2s10s": {"2Y": -1.0, "10Y": 1.0},
    "5s30s": {"5Y": -1.0, "30Y": 1.0},
    "2s5s10s": {"2Y": -1.0, "5Y": 2.0, "10Y": -1.0},
}
"""Weights of quotes by spread: a spread is the long quote less the short one, a fly twice the belly
less its wings."""


def rates(rollup: Rollup, curve: str, kind: str, options: CurveOptions) -> dict[str, float]:
    """A curve by quote, in the order in which the quotes end.

    Args:
        rollup: The frame.
        curve: One of its curves.
        kind: ``Zero``: continuous, decimal; ``Par``: the quotes; ``Forward``: the simple rate on
            365 days from the end of the quote before, or from the valuation date; ``Discount``:
            the discount factor.
        options: How the pricing processes make curves.
    """
    if kind == "Par":
        quoted = rollup.curves.get(curve, {})
        return {name: quoted[name] for name in sorted(quoted, key=quote_order)}
    places = [place for place, (name, _) in enumerate(rollup.keys) if name == curve]
    if kind == "Zero":
        return {rollup.keys[place][1]: rollup.zero_rates[place] for place in places}
    if not rollup.node_days:
        return {}
    try:
        factors = curves_of(rollup, options).at_quotes()
    except NoNodes:
        return {}
    places.sort(key=lambda place: rollup.node_days[place])
    day, factor, found = (rollup.valuation_date - EPOCH).days, 1.0, {}
    for place in places:
        end, at_end = rollup.node_days[place], float(factors[place])
        if kind == "Discount":
            found[rollup.keys[place][1]] = at_end
        elif end > day:
            found[rollup.keys[place][1]] = (factor / at_end - 1.0) * DAYS / (end - day)
        day, factor = end, at_end
    return found


@dataclass(frozen=True)
class Past:
    """Quotes of a curve over time, decimals; ``rows`` by time, in the order of ``quotes``."""

    times: list[dt.datetime]
    quotes: list[str]
    rows: list[list[float]]

    def moves_bp(self) -> list[list[float]]:
        """Moves since the first time, bp, in the shape of ``rows``."""
        if not self.rows:
            return []
        first = self.rows[0]
        return [[1e4 * (q - f) for q, f in zip(row, first, strict=True)] for row in self.rows]

    def spreads_bp(self) -> dict[str, list[float]]:
        """Spreads and flies over time, bp; those whose quotes the curve has."""
        place = {name: at for at, name in enumerate(self.quotes)}
        return {
            name: [1e4 * sum(w * row[place[q]] for q, w in weights.items()) for row in self.rows]
            for name, weights in SPREADS.items()
            if set(weights) <= set(place)
        }


def past(market: Market, curve: str) -> Past:
    """What this process has seen of a curve: frames with all the quotes of the newest one."""
    newest = market.rollup.curves.get(curve, {})
    quotes = sorted((name for name in newest if quote_order(name)), key=quote_order)
    seen = [s for s in market.curve_samples if set(newest) <= set(s.quotes.get(curve, {}))]
    rows = [[sample.quotes[curve][name] for name in quotes] for sample in seen]
    return Past([sample.as_of for sample in seen], quotes, rows)


# --- Warnings --------------------------------------------------------------------------------


def warnings_of(markets: Sequence[Market]) -> list[tuple[str, ...]]:
    """Curve, quote, check and sentence of every warning."""
    return [
        (warning.curve, warning.quote, warning.check, warning.message)
        for market in markets
        for warning in market.rollup.warnings
    ]


def doubts(markets: Sequence[Market]) -> list[str]:
    """The first warnings as sentences, and how many more there are."""
    said = [message for _, _, _, message in warnings_of(markets)]
    more = len(said) - MAX_SHOWN
    return said[:MAX_SHOWN] + ([f"{more:,} more: see the page Curves"] if more > 0 else [])
