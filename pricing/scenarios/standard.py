"""The scenarios that the engine brings: plain moves of quotes, and the supervisory rate shocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pricing.arrays import FloatArray
from pricing.curves.quotes import QuoteId
from pricing.scenarios.definition import Points, Scenario, parallel

PARALLEL_BP = (-200.0, -100.0, -50.0, -25.0, 25.0, 50.0, 100.0, 200.0)

SHAPES_BP = {
    "steepener": ("Steepener 25/25", {"2Y": -25.0, "10Y": 25.0}),
    "flattener": ("Flattener 25/25", {"2Y": 25.0, "10Y": -25.0}),
    "twist": ("Twist around 5Y", {"1Y": -25.0, "5Y": 0.0, "30Y": 25.0}),
    "key_rate_2y": ("Key rate 2Y +25", {"1Y": 0.0, "2Y": 25.0, "5Y": 0.0}),
    "key_rate_5y": ("Key rate 5Y +25", {"2Y": 0.0, "5Y": 25.0, "10Y": 0.0}),
    "key_rate_10y": ("Key rate 10Y +25", {"5Y": 0.0, "10Y": 25.0, "30Y": 0.0}),
    "key_rate_30y": ("Key rate 30Y +25", {"10Y": 0.0, "30Y": 25.0}),
}
"""Moves by tenor, linear between them and flat outside; a key rate is a tent as wide as this."""

IRRBB_VERSION = "EU 2024/856"
IRRBB_SOURCE = (
    "Commission Delegated Regulation (EU) 2024/856 of 1 December 2023 (OJ L, 2024/856, 24.4.2024), "
    "supervisory shock scenarios; sizes of its Annex, Part A"
)
IRRBB_SIZES = {
    "AUD": (300.0, 450.0, 200.0),
    "CAD": (200.0, 300.0, 150.0),
    "CHF": (100.0, 150.0, 100.0),
    "DKK": (200.0, 250.0, 150.0),
    "EUR": (200.0, 250.0, 100.0),
    "GBP": (250.0, 300.0, 150.0),
    "JPY": (100.0, 100.0, 100.0),
    "SEK": (200.0, 300.0, 150.0),
    "USD": (200.0, 300.0, 150.0),
}
"""Basis points of the parallel, the short and the long shock. Part A has no row for NOK and NZD,
whose sizes an institution calibrates itself by Part B."""

DECAY_YEARS = 4.0
IRRBB_WEIGHTS = {
    "irrbb_parallel_up": ("Parallel up", 1.0, 0.0, 0.0),
    "irrbb_parallel_down": ("Parallel down", -1.0, 0.0, 0.0),
    "irrbb_steepener": ("Steepener", 0.0, -0.65, 0.9),
    "irrbb_flattener": ("Flattener", 0.0, 0.8, -0.6),
    "irrbb_short_up": ("Short rates up", 0.0, 1.0, 0.0),
    "irrbb_short_down": ("Short rates down", 0.0, -1.0, 0.0),
}
"""Weights of the parallel, the short and the long shock in each of the six."""


@dataclass(frozen=True)
class SupervisoryShock:
    """One of the six supervisory shocks of a currency.

    At t years it is ``parallel`` + ``short`` exp(-t/4) + ``long`` (1 - exp(-t/4)), basis points of
    the continuous zero rate. The sizes are weighted already. The floor that the regulation puts
    under shocked rates in an institution's own report is not applied.
    """

    currency: str
    parallel_bp: float
    short_bp: float
    long_bp: float
    curve: str = ""

    def at(self, keys: Sequence[QuoteId], years: FloatArray) -> FloatArray:
        """Moves at the nodes of the quotes."""
        decay = np.exp(-years / DECAY_YEARS)
        return np.asarray(self.parallel_bp + self.short_bp * decay + self.long_bp * (1.0 - decay))


def plain() -> list[Scenario]:
    """Parallel moves, a steepener, a flattener, a twist and four key rates, of par quotes."""
    made = [
        Scenario(f"parallel_{bp:+g}", "par", (parallel(bp),), f"Parallel {bp:+g} bp")
        for bp in PARALLEL_BP
    ]
    made += [
        Scenario(name, "par", (Points(tuple(moves), tuple(moves.values())),), title)
        for name, (title, moves) in SHAPES_BP.items()
    ]
    return made


def supervisory() -> list[Scenario]:
    """The six supervisory shock scenarios for interest rate risk, on zero rates by currency."""
    return [
        Scenario(
            name,
            "zero",
            tuple(
                SupervisoryShock(
                    currency, parallel_w * size[0], short_w * size[1], long_w * size[2]
                )
                for currency, size in IRRBB_SIZES.items()
            ),
            title,
            IRRBB_VERSION,
            IRRBB_SOURCE,
            frozenset(IRRBB_SIZES),
        )
        for name, (title, parallel_w, short_w, long_w) in IRRBB_WEIGHTS.items()
    ]
