"""Compare CRIF rows of another system with those of frames.

Rows are matched by portfolio, currency, tenor and curve; the other system's amounts are added up by
these. Only rows of the same risk type are compared.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from instruments.loading.cells import shown
from instruments.loading.errors import BadFile
from instruments.loading.tables import csv_rows
from pricing.frtb.vertices import VERTICES
from pricing.markets.conventions import CURRENCIES
from risk.sensitivities.rows import RISK_TYPE

KEY = ("PortfolioID", "Qualifier", "Label1", "Label2")
NEEDED = (*KEY, "RiskType", "Amount", "AmountCurrency")
COMPARED = (*KEY, "Ours", "Theirs", "Difference")
MOST_PROBLEMS = 20

TENORS = {
    written: f"{years:g}"
    for years in VERTICES
    for written in (f"{years:g}", f"{years:g}y" if years >= 1 else f"{12 * years:g}m")
}
"""How a file may write a tenor: in years, or as 3m, 6m, 1y and so on."""

Key = tuple[str, ...]
Json = dict[str, Any]


@dataclass
class Sensitivities:
    """The rows of a file, added up by ``KEY``; ``other`` counts rows of other risk types."""

    amounts: dict[Key, float] = field(default_factory=dict)
    other: Counter[str] = field(default_factory=Counter)


def read(content: bytes) -> Sensitivities:
    """The GIRR deltas of a CRIF file: separated by commas, semicolons or tabs.

    Raises:
        BadFile: A sentence for each row that is wrong; nothing is taken then.
    """
    lines = csv_rows(content)
    _, header = next(lines, (0, []))
    places = _places([str(cell).strip() for cell in header])
    found, problems = Sensitivities(), []
    for number, cells in lines:
        if len(cells) != len(header):
            problems.append(f"row {number}: {len(cells)} cells, the header has {len(header)}")
            continue
        row = {name: str(cells[place]).strip() for name, place in places.items()}
        if row["RiskType"] != RISK_TYPE:
            found.other[row["RiskType"]] += 1
            continue
        try:
            key, amount = _checked(row)
        except ValueError as error:
            problems.append(f"row {number}, {error}")
            continue
        found.amounts[key] = found.amounts.get(key, 0.0) + amount
    if problems:
        left = len(problems) - MOST_PROBLEMS
        raise BadFile(*problems[:MOST_PROBLEMS], *([f"{left} more rows are wrong"] * (left > 0)))
    return found


def _places(header: Sequence[str]) -> dict[str, int]:
    given = {name.lower(): place for place, name in enumerate(header)}
    missing = [name for name in NEEDED if name.lower() not in given]
    if missing:
        raise BadFile(f"columns are missing: {', '.join(missing)}; needed: {', '.join(NEEDED)}")
    doubled = [name for name, count in Counter(map(str.lower, header)).items() if count > 1]
    if doubled:
        raise BadFile(f"the header has twice: {', '.join(doubled)}")
    return {name: given[name.lower()] for name in NEEDED}


def _checked(row: Mapping[str, str]) -> tuple[Key, float]:
    tenor = TENORS.get(row["Label1"].lower())
    if tenor is None:
        allowed = ", ".join(f"{years:g}" for years in VERTICES)
        raise ValueError(
            f"Label1: {shown(row['Label1'])} is not a tenor in years; allowed: {allowed}"
        )
    if row["Qualifier"] not in CURRENCIES:
        raise ValueError(
            f"Qualifier: {shown(row['Qualifier'])} is not a currency with a market; allowed: "
            f"{', '.join(CURRENCIES)}"
        )
    if row["AmountCurrency"] != row["Qualifier"]:
        raise ValueError(
            f"AmountCurrency: {shown(row['AmountCurrency'])} is not the currency of the curve, "
            f"{row['Qualifier']}: convert the amount"
        )
    try:
        amount = float(row["Amount"])
    except ValueError:
        amount = math.nan
    if not math.isfinite(amount):
        raise ValueError(f"Amount: {shown(row['Amount'])} is not a number such as -12500.5")
    return (row["PortfolioID"], row["Qualifier"], tenor, row["Label2"]), amount


def compare(ours: Iterable[Mapping[str, Any]], theirs: Sensitivities) -> list[Json]:
    """A row of ``COMPARED`` for each key that either has, the largest difference first.

    Args:
        ours: Rows of ``risk.sensitivities.rows.crif``.
        theirs: The file's. A side without a row is None, and counts as 0 in the difference: what
            is exactly 0 has no row.
    """
    mine = {tuple(str(row[name]) for name in KEY): float(row["Amount"]) for row in ours}
    rows = [
        {
            **dict(zip(KEY, key, strict=True)),
            "Ours": mine.get(key),
            "Theirs": theirs.amounts.get(key),
            "Difference": theirs.amounts.get(key, 0.0) - mine.get(key, 0.0),
        }
        for key in sorted(mine.keys() | theirs.amounts.keys())
    ]
    return sorted(rows, key=lambda row: -abs(row["Difference"]))
