"""Turn the results of a day into tables by desk: what CSV, XLSX and HTML are written from.

A user's tables are made of the desks that the user may see: totals are of these, and limits and
breaches of other desks, or of the firm, are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

import msgspec

from pricing.explain.terms import TERMS
from risk.queries.explain import explained
from risk.queries.portfolio import portfolio
from risk.reports.results import DayResults
from risk.scenarios.answers import Scope, value_at_risk
from risk.store.results import Rollup

Cell = str | float | int | None
TOTAL = "Total"
NO_DESK = "(no desk)"


class Column(NamedTuple):
    """A column: its name in files, its title on a page, and how a number of it is written."""

    name: str
    title: str
    form: str = "text"


class Table(NamedTuple):
    """A table of the report.

    Attributes:
        name: In addresses and as the sheet's name.
        title: On a page.
        columns: Its columns.
        rows: Cells in their order; None where there is no number.
        notes: Sentences on what is not in it, or why it is empty.
        unit: Of its amounts.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: list[tuple[Cell, ...]]
    notes: list[str]
    unit: str = ""


class Asked(NamedTuple):
    """Whose report it is: the desks that may be seen (None: all), and the currency of amounts."""

    desks: Collection[str] | None = None
    reporting: str = "USD"

    def sees(self, desk: str) -> bool:
        """Whether a row of a desk is in it; of no desk means of the firm, which needs all."""
        return self.desks is None or (bool(desk) and desk in self.desks)


def tables_of(results: DayResults, asked: Asked) -> list[Table]:
    """All tables of the report, in the order of a page.

    Raises:
        ValueError: A close has no exchange rate to the reporting currency.
    """
    return [make(results, asked) for make in MAKERS.values()]


# --- Risk and P&L ----------------------------------------------------------------------------

SUMS = (
    Column("npv", "NPV", "money"),
    Column("dv01_par", "DV01 (quotes)", "money"),
    Column("dv01_zero", "DV01 (zero rates)", "money"),
    Column("gamma", "Gamma per bp²", "money"),
    Column("theta", "Theta", "money"),
)


def _risk(results: DayResults, asked: Asked) -> Table:
    rows = portfolio(results.rollups, ["desk"], asked.reporting, asked.desks)
    whole = portfolio(results.rollups, [], asked.reporting, asked.desks)
    names = [column.name for column in SUMS]
    return Table(
        "risk",
        "Risk at the close",
        (Column("desk", "Desk"), *COUNTS, *SUMS),
        [
            (name, row["trades"], row["failed"], *(row.get(each) for each in names))
            for name, row in _with_total(rows, whole)
        ],
        _unpriced_notes(results.rollups, asked),
        asked.reporting,
    )


COUNTS = (Column("trades", "Trades", "count"), Column("failed", "Not priced", "count"))


def _unpriced_notes(rollups: Sequence[Rollup], asked: Asked) -> list[str]:
    lost = sum(c.failed for r in rollups for c in r.cells if asked.sees(c.desk))
    if not lost:
        return []
    return [f"{lost:,} trades are unpriced and in no sum."]


def _ladder(results: DayResults, asked: Asked) -> Table:
    rows = portfolio(results.rollups, ["desk"], asked.reporting, asked.desks)
    return Table(
        "ladder",
        "DV01 to each quote",
        (
            *(Column("desk", "Desk"), Column("curve", "Curve"), Column("tenor", "Tenor")),
            Column("dv01_par", "DV01", "money"),
        ),
        [
            (row["desk"] or NO_DESK, curve, tenor, amount)
            for row in rows
            for curve, amounts in row["ladder_par"].items()
            for tenor, amount in amounts.items()
        ],
        [],
        asked.reporting,
    )


EXPLAINED = (
    Column("total", "Total P&L", "money"),
    *(Column(term.name, term.title, "money") for term in TERMS),
    Column("fx", "FX", "money"),
)


def _pnl(results: DayResults, asked: Asked) -> Table:
    there = results.explains
    rows = explained(there, "close", ["desk"], asked.reporting, asked.desks)
    whole = explained(there, "close", [], asked.reporting, asked.desks)
    notes = [f"{name} is not in it: {why}." for name, why in sorted(results.unexplained.items())]
    desk_of = {cell.book: cell.desk for rollup in results.rollups for cell in rollup.cells}
    lost = sum(
        asked.sees(desk_of.get(one.book, ""))
        for explain in there
        for one in explain.periods["close"].unpriced
    )
    if lost:
        notes.append(f"{lost:,} trades are unpriced at one end or both, and in no term.")
    return Table(
        "pnl",
        "P&L explain since the previous close",
        (Column("desk", "Desk"), Column("trades", "Trades", "count"), *EXPLAINED),
        [
            (name, row["trades"], *(row["terms"][column.name] for column in EXPLAINED))
            for name, row in _with_total(rows, whole)
        ],
        notes,
        asked.reporting,
    )


def _with_total(
    rows: Sequence[dict[str, Any]], whole: Sequence[dict[str, Any]]
) -> list[tuple[str, dict[str, Any]]]:
    """Rows by desk, and the total of all where there are any."""
    return [*((row["desk"] or NO_DESK, row) for row in rows), *((TOTAL, row) for row in whole)]


# --- Value at risk ---------------------------------------------------------------------------

VAR_LEVELS = ("99", "97.5")


def _var_answer(results: DayResults, asked: Asked) -> dict[str, Any] | None:
    if results.scenarios is None:
        return None
    rates = {name: rate for rollup in results.rollups for name, rate in rollup.fx.items()}
    scope = Scope(desks=asked.desks, reporting=asked.reporting, usd=rates)
    return value_at_risk(results.scenarios, scope, "desk", VAR_LEVELS)


def _var(results: DayResults, asked: Asked) -> Table:
    found = _var_answer(results, asked)
    columns = [Column("desk", "Desk"), *COUNTS]
    for level in VAR_LEVELS:
        columns.append(Column(f"var_{level}", f"VaR {level} %", "money"))
        columns.append(Column(f"es_{level}", f"ES {level} %", "money"))
        columns.append(Column(f"component_es_{level}", f"Component ES {level} %", "money"))
    rows: list[tuple[Cell, ...]] = []
    notes: list[str] = []
    if found is None or found["total"] is None:
        notes.append(
            "There is no value at risk, because no closes of curves before the day are stored "
            "(manage.py load_curves loads some, seed_curves those of the demo)."
        )
    else:
        total = found["total"]
        for group in found["groups"]:
            cells: list[Cell] = [group["desk"] or NO_DESK, group["trades"], group["failed"]]
            for one in group["levels"]:
                cells += [one["var"], one["expected_shortfall"]]
                cells.append(one["component_expected_shortfall"])
            rows.append(tuple(cells))
        cells = [TOTAL, total["trades"], total["failed"]]
        for one in total["levels"]:
            cells += [one["var"], one["expected_shortfall"], one["expected_shortfall"]]
        rows.append(tuple(cells))
        history = found["history"]
        notes.append(
            f"Full revaluation at {total['scenarios']} historical days, {history['first_day']} to "
            f"{history['last_day']}, {history['moves']} moves. A loss is positive."
        )
    if found is not None:
        notes += [f"{one['currency']} is not in it: {one['reason']}." for one in found["excluded"]]
    title = "Value at risk and expected shortfall"
    return Table("var", title, tuple(columns), rows, notes, asked.reporting)


def _tail(results: DayResults, asked: Asked) -> Table:
    found = _var_answer(results, asked)
    rows: list[tuple[Cell, ...]] = []
    if found is not None and found["total"] is not None:
        level = next(one for one in found["total"]["levels"] if one["level"] == VAR_LEVELS[1])
        rows = [
            (number, str(day["date"]), day["pnl"])
            for number, day in enumerate(level["tail"], start=1)
        ]
    return Table(
        "tail_days",
        f"Tail days at {VAR_LEVELS[1]} %",
        (Column("rank", "", "count"), Column("date", "Moves of"), Column("pnl", "P&L", "money")),
        rows,
        [],
        asked.reporting,
    )


# --- Limits ----------------------------------------------------------------------------------

LIMIT_COLUMNS = (
    *(Column("code", "Limit"), Column("name", "Name"), Column("scope", "Scope")),
    *(Column("measure", "Measure"), Column("detail", ""), Column("amounts_in", "In")),
    Column("value", "Value", "money"),
    Column("warning", "Warning", "money"),
    Column("hard_limit", "Limit", "money"),
    Column("utilisation", "Used", "percent"),
    *(Column("state", "State", "state"), Column("temporary", "Temporary"), Column("reason", "Why")),
)
STATES_FIRST = ("breach", "warning", "unknown", "ok", "inactive")


def _limits(results: DayResults, asked: Asked) -> Table:
    seen = [row for row in results.limits if asked.sees(row.desk)]
    seen.sort(key=lambda row: (STATES_FIRST.index(row.state), row.code))
    return Table(
        "limits",
        "Limits at the close",
        LIMIT_COLUMNS,
        [tuple(getattr(row, column.name) for column in LIMIT_COLUMNS) for row in seen],
        _market_note(results) or ([] if seen else ["No limit is defined for these desks."]),
    )


BREACH_COLUMNS = (
    *(Column("id", "No.", "count"), Column("limit", "Limit"), Column("scope", "Scope")),
    *(Column("began", "Began"), Column("ended", "Ended")),
    Column("value", "Value", "money"),
    Column("worst", "Worst", "money"),
    Column("hard_limit", "Limit", "money"),
    *(Column("cause", "Cause"), Column("classification", "Classified as")),
    *(Column("resolution", "Resolution"), Column("comment", "Comment")),
    Column("acknowledged_by", "By"),
)


def _breaches(results: DayResults, asked: Asked) -> Table:
    seen = [row for row in results.breaches if asked.sees(row.desk)]
    return Table(
        "breaches",
        "Breaches of the day",
        BREACH_COLUMNS,
        [tuple(_plain(getattr(row, c.name)) for c in BREACH_COLUMNS) for row in seen],
        _market_note(results)
        or ([] if seen else ["No breach began on the day or was open at the close."]),
    )


def _market_note(results: DayResults) -> list[str]:
    return [] if results.market == "live" else ["Limits exist only in the live market."]


def _plain(value: Any) -> Cell:
    """Times to the second, in UTC."""
    return f"{value:%Y-%m-%d %H:%M:%S}" if hasattr(value, "strftime") else value


# --- Where it is from ------------------------------------------------------------------------

FRAME_COLUMNS = (
    *(Column("currency", "Currency"), Column("valuation_date", "Close of")),
    *(Column("frame", "Frame"), Column("as_of", "Market's time (UTC)")),
    *(*COUNTS, Column("fx_usd", "US dollars per unit", "rate")),
    *(Column("source", "Source"), Column("labels", "Curves"), Column("reproduced", "Priced again")),
)


def _frames(results: DayResults, asked: Asked) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for rollup in results.rollups:
        cells = [cell for cell in rollup.cells if asked.sees(cell.desk)]
        labels: dict[str, list[str]] = {}
        for curve, label in sorted(rollup.labels.items()):
            labels.setdefault(label, []).append(curve)
        same = results.reproduced.get(rollup.currency)
        rows.append(
            (
                *(rollup.currency, str(rollup.valuation_date), str(rollup.frame)),
                _plain(rollup.as_of),
                *(sum(c.trades for c in cells), sum(c.failed for c in cells)),
                1.0 if rollup.currency == "USD" else rollup.fx.get(rollup.currency),
                rollup.source,
                "; ".join(f"{label}: {', '.join(names)}" for label, names in labels.items()),
                "equal in every bit" if same else "differs: see manage.py reprice",
            )
        )
    return Table("frames", "Closes used", FRAME_COLUMNS, rows, [])


MAKERS: dict[str, Callable[[DayResults, Asked], Table]] = {
    "risk": _risk,
    "pnl": _pnl,
    "var": _var,
    "limits": _limits,
    "breaches": _breaches,
    "tail_days": _tail,
    "ladder": _ladder,
    "frames": _frames,
}
"""The tables by name."""


def as_json(table: Table) -> dict[str, Any]:
    """The table as REST gives it: a row is an object."""
    names = [column.name for column in table.columns]
    return {
        "name": table.name,
        "title": table.title,
        "amounts_in": table.unit or None,
        "rows": [msgspec.to_builtins(dict(zip(names, row, strict=True))) for row in table.rows],
        "notes": table.notes,
    }
