"""The measures of a trade."""

from __future__ import annotations

MEASURES = ("npv", "dv01_par", "dv01_zero", "gamma", "pv01")
"""Columns and sums that are one number a trade."""
