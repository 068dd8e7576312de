"""Write docs/conventions.md: every market convention with the source of each field.

Run from the root of the repository: ``python -m docs.make_conventions``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from docs.make_contents import with_contents
from pricing.markets import conventions
from pricing.markets.conventions import Row, SettlementLag

PAGE = Path(__file__).with_name("conventions.md")
HEAD = """# Market conventions

Look up here which day count, calendar, lag or other rule a trade gets from its convention, and
the primary source of that rule. `python -m docs.make_conventions` writes this page from the files
in `pricing/markets`; do not edit it.

Each column is one table of a market file. The key in brackets after a value names its source in
the list of [sources](#sources); a value without a key needs no source. Lags and days are business
days of the row's calendar; a bond's settlement lags are business days of its
`settlement_calendar`, each with the first trade date for which it holds. In the tables of central
bank meetings, each announcement date is followed by the date from which the decision takes
effect.

**Add conventions of your own.** Put files into a directory and name it in the environment
variable `MARKETS_DIR`: `pln.toml` adds a currency, `usd.toml` adds rows to USD, and a row whose
name exists already replaces the whole row. `python3 manage.py markets --check FILE` checks a file
before it is in use; `python3 manage.py markets` lists the loaded rows and the files they come
from. All processes of a system must have the same files and read them when they start. Each
published frame carries, as `conventions`, a hash of the rules of its currency; sources and
comments do not change the hash.

A trade may override its convention field by field: see [file-formats.md](file-formats.md). The
names of calendars and day counts are this project's own; `pricing/products/schedules.py` maps
each to its QuantLib object.
"""
TABLES: tuple[tuple[str, Mapping[str, Row]], ...] = (
    ("Currencies", conventions.CURRENCY_ROWS),
    ("Indices", conventions.INDICES),
    ("Curves", conventions.CURVES),
    ("Swaps", conventions.SWAPS),
    ("Bonds", conventions.BONDS),
    ("Interest-rate futures", conventions.FUTURES),
    ("Meetings of central banks", conventions.MEETINGS),
    ("Bond futures", conventions.BOND_FUTURES),
    ("Basis swaps", conventions.BASIS_SWAPS),
)
KEYS = conventions.MARKETS.source_keys


def page() -> str:
    """The whole page."""
    parts = (f"## {title}\n\n{tables(rows)}" for title, rows in TABLES)
    return with_contents("\n".join((HEAD, *parts, f"## Sources\n\n{sources()}")))


def tables(rows: Mapping[str, Row]) -> str:
    """One table a currency; one for all of what belongs to the currencies themselves."""
    by_currency: dict[str, list[Row]] = {}
    for row in rows.values():
        code = getattr(row, "currency", "") or ""
        by_currency.setdefault(code, []).append(row)
    if list(by_currency) == [""]:
        return f"{table(rows.values())}\n"
    return "\n".join(
        f"### {code or 'Any currency'}\n\n{table(mine)}\n" for code, mine in by_currency.items()
    )


def table(rows: Iterable[Row]) -> str:
    """One line a field, one column a row."""
    columns = list(rows)
    fields = columns[0].__struct_fields__
    names = [name for name in fields if name not in ("name", "currency", "sources")]
    # A field that no row of the table has is left out.
    names = [name for name in names if any(getattr(row, name) is not None for row in columns)]
    lines = [
        ["field", *(f"`{row.name}`" for row in columns)],
        ["---"] * (len(columns) + 1),
        *([f"`{name}`", *(cell(row, name) for row in columns)] for name in names),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(row: Row, name: str) -> str:
    """A value with the key of its source."""
    value = getattr(row, name)
    if name == "dates":
        days = (f"{one.announced} from {one.effective}" for one in value)
        return f"{'; '.join(days)} [{KEYS[row.sources[name]]}]"
    if name == "settlement_lags":
        return "; ".join(lag_cell(lag) for lag in value)
    source = row.sources.get(name)
    if value is None or source is None:
        return shown(value)
    return f"{shown(value)} [{KEYS[source]}]"


def lag_cell(lag: SettlementLag) -> str:
    """Business days, the first date of trade they hold for, and the key of their source."""
    since = "" if lag.valid_from == conventions.ALWAYS else f" from {lag.valid_from.isoformat()}"
    return f"{lag.days}{since} [{KEYS[lag.source]}]"


def shown(value: object) -> str:
    """A value as a person writes it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def sources() -> str:
    """Return what each key stands for."""
    names = sorted((name, text) for text, name in KEYS.items())
    return "".join(f"- **{name}**: {text}.\n" for name, text in names)


if __name__ == "__main__":
    PAGE.write_text(page())
