"""Rows with named columns, whose names say their units.

A column of money is called by its currency where all rows have the same one (``npv_usd``), and
``npv_local`` beside a column ``amounts_in`` where they differ. Rates are decimals per year
(``_decimal``), spreads basis points (``_bp``), prices ``_per_100`` of face.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

Row = dict[str, Any]

MONEY: Mapping[str, str] = {
    "npv": "",
    "notional": "",
    "theta": "_per_day",
    "dv01_par": "_per_bp",
    "dv01_zero": "_per_bp",
    "pv01": "_per_bp",
    "annuity_bp": "_per_bp",
    "cs01": "_per_bp",
    "yield_dv01": "_per_bp",
    "ladder_par": "_per_bp",
    "krd": "_per_bp",
    "gamma": "_per_bp2",
    "pnl": "",
    "var": "",
    "expected_shortfall": "",
    "component_expected_shortfall": "",
    "amount": "",
    "cost": "",
}
"""Measures that are amounts of money, with the suffix that says what an amount is per. In a
column's name the currency is put between the two."""

OTHER_UNITS: Mapping[str, str] = {
    "par_rate": "_decimal",
    "ytm": "_decimal",
    "discount_yield": "_decimal",
    "money_market_yield": "_decimal",
    "bond_equivalent_yield": "_decimal",
    "implied_repo": "_decimal",
    "quote": "_decimal",
    "zero_rate": "_decimal",
    "modified_duration": "_years",
    "convexity": "_years2",
    "tick_to_published_ms": "",
    "future_price": "_per_100",
    "gross_basis": "_per_100",
    "net_basis": "_per_100",
    "conversion_factor": "_per_1",
    "clean_per_100": "",
    "dirty_per_100": "",
    "accrued_per_100": "",
    "discount_margin_bp": "",
    "z_spread_bp": "",
}
"""All other measures, with the suffix of their column names; empty where the name itself contains
the unit."""


class Table(Sequence[Row]):
    """Rows, each a mapping from column to value; None is a missing value.

    Attributes:
        rows: The rows, all with the same columns.
        about: What was answered beside the rows, such as the frames that they are from.
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]], about: Any = None) -> None:
        """Give all rows all columns, in the order in which they come first."""
        given = list(rows)
        names = list(dict.fromkeys(name for row in given for name in row))
        self.rows: list[Row] = [{name: row.get(name) for name in names} for row in given]
        self.columns: list[str] = names
        self.about = about

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: Any) -> Any:
        return self.rows[place]

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __repr__(self) -> str:
        return f"Table({len(self.rows)} rows: {', '.join(self.columns)})"

    def column(self, name: str) -> list[Any]:
        """The values of a column.

        Raises:
            KeyError: There is no such column; it names those there are.
        """
        if name not in self.columns:
            raise KeyError(f"no column {name!r}; columns: {', '.join(self.columns)}")
        return [row[name] for row in self.rows]

    def to_pandas(self) -> pd.DataFrame:
        """A pandas data frame with these columns."""
        import pandas as pd

        return pd.DataFrame(self.rows, columns=self.columns)

    def to_polars(self) -> pl.DataFrame:
        """A polars data frame with these columns."""
        import polars as pl

        return pl.DataFrame(self.rows, schema=self.columns, infer_schema_length=None)


def with_units(
    rows: Iterable[Mapping[str, Any]], currency: str = "amounts_in", about: Any = None
) -> Table:
    """A table whose columns of measures have their units in their names.

    Args:
        rows: Rows of an answer.
        currency: Column that has the currency of a row's money.
        about: See ``Table``.
    """
    given = [dict(row) for row in rows]
    currencies = {str(row[currency]) for row in given if row.get(currency)}
    money = currencies.pop().lower() if len(currencies) == 1 else "local"
    return Table(({named(name, money): row[name] for name in row} for row in given), about)


def named(name: str, money: str) -> str:
    """The column of a measure; ``money`` is a currency in small letters, or ``local``."""
    if name in MONEY:
        stem = name.removesuffix("_bp")
        return f"{stem}_{money}{MONEY[name]}"
    return name + OTHER_UNITS.get(name, "")


def ladder_rows(
    labels: Mapping[str, Any], ladder: Mapping[str, Mapping[str, float | None]], name: str
) -> Iterator[Row]:
    """A row for each bucket of a ladder."""
    for curve, tenors in ladder.items():
        for tenor, value in tenors.items():
            yield {**labels, "curve": curve, "tenor": tenor, name: value}
