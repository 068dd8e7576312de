"""Moves of a currency's market in many scenarios, as arrays."""

from __future__ import annotations

from typing import NamedTuple

from pricing.arrays import FloatArray


class Moves(NamedTuple):
    """Moves of a currency's market in n scenarios, decimal per year.

    Attributes:
        par: Of calibrating quotes, in the order of ``CurveSet.keys``; shape (n, keys).
        zero: Of continuous zero rates at the nodes of the same quotes; shape (n, keys).
    """

    par: FloatArray
    zero: FloatArray

    @property
    def scenarios(self) -> int:
        """Number of scenarios."""
        return len(self.par)

    def scaled(self, factor: FloatArray) -> Moves:
        """Each scenario's moves times its factor; shape (n,)."""
        return Moves(self.par * factor[:, None], self.zero * factor[:, None])
