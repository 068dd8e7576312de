"""Judge curves before they are published: forwards out of bounds, kinks, moves and residuals.

A warning names the quote behind it. Nothing is refused here: what a warning leads to is for the
caller to decide. This module loads no QuantLib.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import msgspec
import numpy as np

from pricing.arrays import FloatArray
from pricing.curves.interpolation import YEAR, Grid
from pricing.curves.quotes import CurveQuotes, QuoteId
from pricing.errors import BadInput

ONE_BP = 1e-4
MAX_WARNINGS = 50
"""Number of warnings about a market that are kept, in the order of its quotes."""


@dataclass(frozen=True)
class SanityLimits:
    """Limits up to which a market gets no warning.

    Attributes:
        forward_min: Smallest forward rate between two nodes, percent.
        forward_max: Largest one, percent.
        kink_bp: By how much a node's zero rate may be off the level at which the forward rates on
            both sides of it would be equal. Of the US Treasury's par yields from 2019 to 2024,
            and the proxy of SOFR, the 1-month one was 108 off at most, all others 47.
        move_bp: Largest move of a quote since the frame before.
        residual_bp: Largest difference of a quote and its model rate in a fit.
    """

    forward_min: float = -3.0
    forward_max: float = 20.0
    kink_bp: float = 110.0
    move_bp: float = 50.0
    residual_bp: float = 10.0


class CurveWarning(msgspec.Struct, frozen=True, kw_only=True):
    """Something about a curve that a trader should look at before believing it.

    Attributes:
        curve: Name of the curve.
        quote: The quote behind it.
        check: ``forward``, ``kink``, ``move`` or ``residual``.
        value: What was found: percent of a forward, basis points of the others.
        limit: What is let through.
        message: The whole sentence.
    """

    curve: str
    quote: str
    check: str
    value: float
    limit: float
    message: str


def read_limits(text: str) -> SanityLimits:
    """Limits of a text such as ``move_bp=30,kink_bp=100``; what is not named keeps its default.

    Raises:
        BadInput: With the name, its value and what is allowed.
    """
    known = {field.name: float(field.default) for field in fields(SanityLimits)}  # type: ignore[arg-type]
    for pair in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = pair.partition("=")
        if name not in known:
            raise BadInput("limit", name, f"allowed: {', '.join(known)}")
        try:
            known[name] = float(value)
        except ValueError:
            raise BadInput(name, value, "a number, such as 50") from None
        if not np.isfinite(known[name]) or (name.endswith("_bp") and known[name] <= 0.0):
            raise BadInput(name, value, "a number above 0, such as 50")
    if known["forward_min"] >= known["forward_max"]:
        raise BadInput("forward_min", known["forward_min"], "less than forward_max")
    return SanityLimits(**known)


def moved_quotes(before: CurveQuotes, now: CurveQuotes, limits: SanityLimits) -> list[CurveWarning]:
    """Warn of quotes that are too far from the same quotes of the frame before."""
    found = []
    for curve, quotes in now.items():
        last = before.get(curve, {})
        for quote, rate in quotes.items():
            move = (rate - last.get(quote, rate)) / ONE_BP
            if abs(move) > limits.move_bp:
                moved = f"{curve} {quote} has moved by {move:+.1f} bp to {rate:.6g}"
                say = f"{moved} since the last frame"
                found.append(_warning((curve, quote), "move", move, limits.move_bp, say))
    return found[:MAX_WARNINGS]


def check_curves(
    grid: Grid,
    keys: Sequence[QuoteId],
    x: FloatArray,
    residuals: FloatArray,
    limits: SanityLimits,
) -> list[CurveWarning]:
    """Warn of forwards out of bounds, of kinks, and of quotes that a fit leaves far away.

    Args:
        grid: Nodes of the curves.
        keys: Their quotes.
        x: Log discount factors at the nodes.
        residuals: Quote less model rate, decimal; shape (quotes,).
        limits: What is let through.
    """
    found: list[CurveWarning] = []
    forwards, kinks = grid.forwards(x), _kinks(grid, x)
    for node in np.flatnonzero(forwards / 0.01 < limits.forward_min).tolist():
        found.append(_forward(grid, keys, forwards, node, limits.forward_min, "below"))
    for node in np.flatnonzero(forwards / 0.01 > limits.forward_max).tolist():
        found.append(_forward(grid, keys, forwards, node, limits.forward_max, "above"))
    for node in np.flatnonzero(np.abs(kinks) / ONE_BP > limits.kink_bp).tolist():
        key, off = keys[grid.quote_of_node(node)], kinks[node] / ONE_BP
        say = (
            f"{key.curve} {key.tenor} is {off:+.1f} bp off the curve of its neighbours: the forward"
            " rate jumps there"
        )
        found.append(_warning(key, "kink", off, limits.kink_bp, say))
    for place in np.flatnonzero(np.abs(residuals) / ONE_BP > limits.residual_bp).tolist():
        key, left = keys[place], residuals[place] / ONE_BP
        say = f"{key.curve} {key.tenor} is {left:+.1f} bp above what the fitted curve gives it"
        found.append(_warning(key, "residual", left, limits.residual_bp, say))
    return found[:MAX_WARNINGS]


def _forward(
    grid: Grid, keys: Sequence[QuoteId], forwards: FloatArray, node: int, limit: float, word: str
) -> CurveWarning:
    key, percent = keys[grid.quote_of_node(node)], forwards[node] / 0.01
    say = f"{key.curve} {key.tenor} makes a forward rate of {percent:.2f} %, {word} {limit:g} %"
    return _warning(key, "forward", percent, limit, say)


def _kinks(grid: Grid, x: FloatArray) -> FloatArray:
    """How far the zero rate of each node is above the one with equal forwards around it; decimal.

    0 at the last node of a curve, behind which nothing is quoted, and in places without a node.
    """
    found, forwards = np.zeros(len(x)), grid.forwards(x)
    for nodes, offset in zip(grid.curves, grid.offsets, strict=False):
        count = len(nodes.days)
        time = np.concatenate(([0.0], (nodes.days - grid.today) / YEAR))
        width = np.diff(time)
        step = np.diff(forwards[offset : offset + count])
        inner = time[1:-1] * (1.0 / width[:-1] + 1.0 / width[1:])
        found[offset : offset + count - 1] = -step / inner
    return found


def _warning(
    key: tuple[str, str], check: str, value: float, limit: float, message: str
) -> CurveWarning:
    return CurveWarning(
        curve=key[0],
        quote=key[1],
        check=check,
        value=float(value),
        limit=limit,
        message=message,
    )
