"""Names of columns that say their units, for tables that leave the system.

A column of money is called by its currency where the table has one (``npv_usd``), and ``npv_local``
beside a column with the currency where rows differ. Rates are decimals per year (``_decimal``),
spreads basis points (``_bp``), prices ``_per_100`` of face. Names do not depend on the rows.
"""

from __future__ import annotations

from collections.abc import Mapping

from pricing.measures.table import TABLE

LOCAL = "local"
"""Placeholder of the currency that another column of the row names."""

SUFFIXES: Mapping[str, str] = {
    "trade currency": "{money}",
    "trade currency per bp": "{money}_per_bp",
    "trade currency per bp of coupon": "{money}_per_bp",
    "trade currency per bp of yield": "{money}_per_bp",
    "trade currency per bp of z-spread": "{money}_per_bp",
    "trade currency per bp squared": "{money}_per_bp2",
    "trade currency per calendar day": "{money}_per_day",
    "decimal per year": "decimal",
    "basis points": "bp",
    "per 100 of face": "per_100",
    "per 100 of face of the bond": "per_100",
    "price per 1 of face": "per_1",
    "years": "years",
    "years squared": "years2",
}
"""Suffixes of the column names of measures, by their unit."""

OTHERS: Mapping[str, str] = {
    **dict.fromkeys(("notional", "amount", "pnl", "var", "expected_shortfall"), "trade currency"),
    **dict.fromkeys(("component_expected_shortfall", "present_value"), "trade currency"),
    **dict.fromkeys(("npv_corrected", "consideration"), "trade currency"),
    **dict.fromkeys(("delta_approximation", "delta_gamma_approximation"), "trade currency"),
    **dict.fromkeys(("quote", "zero_rate", "forward_rate"), "decimal per year"),
    **dict.fromkeys(("before", "after"), "decimal per year"),
}
"""Units of numbers that are no measures, by the name of their column."""

UNITS: Mapping[str, str] = {
    **OTHERS,
    **{row.name: row.unit for row in TABLE},
    **{row.new_name: row.unit for row in TABLE if row.new_name},
}


def column_name(name: str, money: str = LOCAL, unit: str | None = None) -> str:
    """The name of a column with its unit; other names stay as they are.

    Args:
        name: A measure, or another field of an answer.
        money: Code of the currency of all rows, or `LOCAL`.
        unit: Key of `SUFFIXES`, where the name does not say it; empty: none.
    """
    unit = UNITS.get(name) if unit is None else unit
    if not unit:
        return name
    suffix = SUFFIXES[unit].format(money=money.lower())
    if name.endswith(f"_{suffix}"):
        return name
    return f"{name.removesuffix('_bp')}_{suffix}"
