"""Format numbers as short text: three significant digits, a unit and a sign."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence

from pricing.products.registry import PRODUCTS

NOTHING = "n/a"
"""Shown for a number that could not be computed, instead of 0 or the previous number."""

UNITS = ((1e12, "tn"), (1e9, "bn"), (1e6, "m"), (1e3, "k"))
HALF_A_CENT = 0.005
"""Of a dollar: what is less is 0 on the screen, without a sign."""
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400


def significant(value: float, digits: int = 3) -> float:
    """Rounded to significant digits."""
    if value == 0 or not math.isfinite(value):
        return value
    return round(value, digits - 1 - math.floor(math.log10(abs(value))))


def short(value: float) -> str:
    """Three significant digits with k, m, bn or tn: 2.97m, 928k, 80.0."""
    size = abs(significant(value))
    divisor, unit = next(((d, u) for d, u in UNITS if size >= d), (1.0, ""))
    scaled = significant(value) / divisor
    whole = len(str(int(abs(scaled))))
    return f"{scaled:.{max(0, 3 - whole)}f}{unit}"


def money(value: float | None, *, signed: bool = False) -> str:
    """US dollars: $2.97m, -$16.1m; with ``signed`` also +$1.00k."""
    if value is None or not math.isfinite(value):
        return NOTHING
    if abs(value) < HALF_A_CENT:
        return "$0"
    sign = "-" if value < 0 else "+" if signed else ""
    return f"{sign}${short(abs(value))}"


def signed(value: float | None, decimals: int = 0) -> str:
    """+1,234 or -0.25; what rounds to 0 has no sign, a missing number is n/a."""
    if value is None or not math.isfinite(value):
        return NOTHING
    shown = round(value, decimals)
    return f"{shown:+,.{decimals}f}" if shown else f"{0:.{decimals}f}"


def share(part: float, whole: float) -> str:
    """A percentage without decimals."""
    return f"{100 * part / whole:.0f}%" if whole else NOTHING


def milliseconds(value: float | None) -> str:
    """28 ms, 1.20 s."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{short(value)} ms" if value < 1000 else f"{short(value / 1000)} s"


def age(seconds: float) -> str:
    """0.5s, 12s, 3m 10s, 2h 5m, 4d; a clock ahead of ours counts as now."""
    seconds = max(0.0, seconds)
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = int(seconds)
    if whole < MINUTE_S:
        return f"{whole}s"
    if whole < HOUR_S:
        return f"{whole // MINUTE_S}m {whole % MINUTE_S}s"
    if whole < DAY_S:
        return f"{whole // HOUR_S}h {whole % HOUR_S // MINUTE_S}m"
    return f"{whole // DAY_S}d"


def market_time(moment: dt.datetime) -> str:
    """2024-03-05 14:00:00."""
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def count(number: int, noun: str, nouns: str = "") -> str:
    """1 trade, 240 trades."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def product(name: str) -> str:
    """The title of a product: Bond, Basis swap, FRA."""
    row = PRODUCTS.get(name)
    return row.label if row else name.replace("_", " ").capitalize()


def sentence_list(names: Sequence[str], word: str = "and") -> str:
    """USD, EUR and GBP."""
    return f" {word} ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)
