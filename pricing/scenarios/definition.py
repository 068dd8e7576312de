"""Define scenarios as rows: which quotes or zero rates move, by how much, with a source.

A scenario is in one space. In ``par`` its rows move calibrating quotes, and all curves are rebuilt;
in ``zero`` they move continuous zero rates. Parallel moves and moves at tenors are moves of rates,
which leave basis spreads where they are; a key rate may name a basis quote. Rows without a
currency or curve hold for all of them. The rows of a scenario add up.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from pricing.arrays import FloatArray
from pricing.curves import quote_ids
from pricing.curves.quote_ids import spread_against
from pricing.curves.quotes import QuoteId, tenor_days, tenor_length
from pricing.errors import BadInput
from pricing.markets import conventions
from pricing.scenarios.moves import Moves

ONE_BP = 1e-4
SPACES = ("par", "zero")
SHAPES = ("parallel", "points", "key_rate")
COLUMNS = ("scenario", "space", "currency", "curve", "shape", "tenor", "move_bp")

MAX_MOVE_BP = 1_000.0
"""Largest accepted move in basis points; catches a move of 10 % sent in basis points."""

MAX_NAME, MAX_SCENARIOS = 64, 500
YEAR_DAYS = 365.25


class Shock(Protocol):
    """A function of the tenor for some curves of some currencies."""

    @property
    def currency(self) -> str:
        """The currency whose curves move; empty for all."""

    @property
    def curve(self) -> str:
        """The curve that moves; empty for all of the currency."""

    def at(self, keys: Sequence[QuoteId], years: FloatArray) -> FloatArray:
        """Moves of quotes in basis points; shape (keys,).

        Args:
            keys: Quotes of curves that the shock moves.
            years: Time from the valuation date to the end of each quote.
        """


@dataclass(frozen=True)
class Points:
    """Moves at tenors, linear in the tenor between them and flat outside.

    One tenor alone is a parallel move. Two are a steepener, a flattener or, with signs that differ,
    a twist.
    """

    tenors: tuple[str, ...]
    moves_bp: tuple[float, ...]
    currency: str = ""
    curve: str = ""

    def at(self, keys: Sequence[QuoteId], years: FloatArray) -> FloatArray:
        """Moves by the tenors of the quotes; where a quote has none, by the time of its end."""
        order = sorted(range(len(self.tenors)), key=lambda i: tenor_days(self.tenors[i]))
        knots = [tenor_days(self.tenors[i]) for i in order]
        moves = [self.moves_bp[i] for i in order]
        return np.interp(lengths_in_days(keys, years), knots, moves)


@dataclass(frozen=True)
class KeyRate:
    """The move of one tenor, every other quote or zero rate held."""

    tenor: str
    move_bp: float
    currency: str = ""
    curve: str = ""

    def at(self, keys: Sequence[QuoteId], years: FloatArray) -> FloatArray:
        """The move where a quote has the tenor, however it is spelled."""
        wanted = quote_ids.identity(self.tenor)
        return np.array([self.move_bp * (quote_ids.identity(key.tenor) == wanted) for key in keys])


def lengths_in_days(keys: Sequence[QuoteId], years: FloatArray) -> list[float]:
    """Return the approximate length of each quote in days, from its tenor or its end date."""
    return [
        float(time) * YEAR_DAYS
        if (tenor := quote_ids.tenor_of(key.tenor)) is None
        else tenor_days(tenor)
        for key, time in zip(keys, years, strict=True)
    ]


def parallel(move_bp: float, currency: str = "", curve: str = "") -> Points:
    """Return a shock that moves all tenors by the same number."""
    return Points(("1Y",), (move_bp,), currency, curve)


@dataclass(frozen=True)
class Scenario:
    """A named move of the market.

    Attributes:
        name: Unique in its set.
        space: ``par`` or ``zero``.
        shocks: What moves; moves of one quote add up.
        title: What a screen shows.
        set_name: The set that it belongs to, with its version.
        source: Where the numbers are from.
        only: Currencies that it is defined for; the others' P&L is missing. Empty for all: a
            currency that no shock names then moves by 0.
    """

    name: str
    space: str
    shocks: tuple[Shock, ...]
    title: str = ""
    set_name: str = "standard"
    source: str = ""
    only: frozenset[str] = field(default_factory=frozenset)

    def refusal(self, currency: str) -> str:
        """Return why the scenario is not defined for a currency, or an empty string."""
        if not self.only or currency in self.only:
            return ""
        return f"{self.set_name} has no shock of {currency}"

    def moves_bp(self, currency: str, keys: Sequence[QuoteId], years: FloatArray) -> FloatArray:
        """Moves of a currency's quotes or zero rates in basis points; shape (keys,)."""
        total = np.zeros(len(keys))
        for shock in self.shocks:
            if shock.currency not in ("", currency):
                continue
            by_name = self.space == "zero" or isinstance(shock, KeyRate)
            mine = [
                i
                for i, key in enumerate(keys)
                if shock.curve in ("", key.curve) and (by_name or not spread_against(key.tenor))
            ]
            total[mine] += shock.at([keys[i] for i in mine], years[mine])
        return total

    def unmatched(self, currency: str, keys: Sequence[QuoteId]) -> list[str]:
        """Curves and tenors that are named and that the market does not quote."""
        years = np.ones(len(keys))
        found = []
        for shock in self.shocks:
            if shock.currency not in ("", currency):
                continue
            mine = [key for key in keys if shock.curve in ("", key.curve)]
            if isinstance(shock, KeyRate):
                if shock.move_bp and not shock.at(mine, years[: len(mine)]).any():
                    found.append(f"{shock.curve or currency} {shock.tenor}")
            elif shock.curve and not mine:
                found.append(shock.curve)
        return list(dict.fromkeys(found))


def moves_of(
    scenarios: Sequence[Scenario], currency: str, keys: Sequence[QuoteId], years: FloatArray
) -> Moves:
    """The moves of some scenarios; rows of 0 where a scenario is not defined for the currency.

    Args:
        scenarios: The scenarios.
        currency: The currency of the curves.
        keys: Their quotes.
        years: Time from the valuation date to the end of each quote, Act/365F.
    """
    moves = Moves(np.zeros((len(scenarios), len(keys))), np.zeros((len(scenarios), len(keys))))
    for place, scenario in enumerate(scenarios):
        if not scenario.refusal(currency):
            into = moves.par if scenario.space == "par" else moves.zero
            into[place] = scenario.moves_bp(currency, keys, years) * ONE_BP
    return moves


# --- Tables ----------------------------------------------------------------------------------


def read_table(text: str, set_name: str = "user") -> list[Scenario]:
    """Scenarios of a table in CSV with the columns of ``COLUMNS``.

    Raises:
        BadInput: With the row, the column, what stands there and what is allowed.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")))
    names = [name.strip() for name in reader.fieldnames or ()]
    if sorted(names) != sorted(COLUMNS):
        raise BadInput("columns", ", ".join(names), f"exactly: {', '.join(COLUMNS)}")
    return from_rows(enumerate(map(_stripped, reader), start=2), set_name)


def _stripped(row: Mapping[str | None, Any]) -> dict[str, str]:
    """Strip the cells of a row and fill a short row with empty cells."""
    cells = {name.strip(): (cell or "").strip() for name, cell in row.items() if name}
    return {name: cells.get(name, "") for name in COLUMNS}


def from_rows(rows: Iterable[tuple[int, Mapping[str, str]]], set_name: str) -> list[Scenario]:
    """Scenarios of numbered rows with the columns of ``COLUMNS``.

    Raises:
        BadInput: As ``read_table``.
    """
    spaces: dict[str, str] = {}
    points: dict[tuple[str, str, str], dict[str, float]] = {}
    shocks: dict[str, list[Shock]] = {}
    for number, row in rows:
        try:
            _add_row(row, spaces, points, shocks)
        except BadInput as error:
            field = f"row {number}, {error.field}"
            raise BadInput(field, error.value, error.allowed) from None
    for (name, currency, curve), moves in points.items():
        shocks[name].append(Points(tuple(moves), tuple(moves.values()), currency, curve))
    return [
        Scenario(name, space, tuple(shocks[name]), name, set_name, "table of the user")
        for name, space in spaces.items()
    ]


def check_row(row: Mapping[str, str]) -> None:
    """Refuse a row that is invalid by itself.

    Raises:
        BadInput: With the column, what stands there and what is allowed.
    """
    _add_row(row, {}, {}, {})


def _add_row(
    row: Mapping[str, str],
    spaces: dict[str, str],
    points: dict[tuple[str, str, str], dict[str, float]],
    shocks: dict[str, list[Shock]],
) -> None:
    name, space = checked_name(row["scenario"]), _one_of(row, "space", SPACES)
    if spaces.setdefault(name, space) != space:
        allowed = f"{spaces[name]}: a scenario is in one space, and {name!r} began in it"
        raise BadInput("space", space, allowed)
    if len(spaces) > MAX_SCENARIOS:
        raise BadInput("scenario", name, f"at most {MAX_SCENARIOS} scenarios")
    currency, curve = _market(row)
    shape, move = _one_of(row, "shape", SHAPES), _move(row)
    mine = shocks.setdefault(name, [])
    if shape == "parallel":
        if row["tenor"]:
            raise BadInput("tenor", row["tenor"], "empty for a parallel move")
        mine.append(parallel(move, currency, curve))
        return
    basis = quote_ids.tenor_of(row["tenor"]) if shape == "key_rate" else None
    tenor_days(basis or row["tenor"])  # refuses what is no tenor
    if shape == "key_rate":
        mine.append(KeyRate(row["tenor"], move, currency, curve))
        return
    of_curve = points.setdefault((name, currency, curve), {})
    if any(tenor_length(row["tenor"]) == tenor_length(other) for other in of_curve):
        raise BadInput("tenor", row["tenor"], "each tenor of a curve once")
    of_curve[row["tenor"]] = move


def checked_name(name: str) -> str:
    """Return the name of a scenario.

    Raises:
        BadInput: It is empty, too long, or has characters that are not shown.
    """
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise BadInput("scenario", name, f"a name of 1 to {MAX_NAME} characters")
    return name


def _one_of(row: Mapping[str, str], column: str, allowed: Sequence[str]) -> str:
    word = row[column]
    if word not in allowed:
        raise BadInput(column, word, f"allowed: {', '.join(allowed)}")
    return word


def _market(row: Mapping[str, str]) -> tuple[str, str]:
    currency, curve = row["currency"], row["curve"]
    if currency and currency not in conventions.CURRENCIES:
        allowed = f"empty for all, or one of {', '.join(conventions.CURRENCIES)}"
        raise BadInput("currency", currency, allowed)
    if curve:
        known = conventions.CURVES.get(curve)
        if known is None or currency not in ("", known.currency):
            names = [c.name for c in conventions.CURVES.values() if currency in ("", c.currency)]
            allowed = f"empty for all curves of the currency, or one of {', '.join(names)}"
            raise BadInput("curve", curve, allowed)
        currency = known.currency
    return currency, curve


def _move(row: Mapping[str, str]) -> float:
    word = row["move_bp"]
    try:
        move = float(word)
    except ValueError:
        move = math.nan
    if not abs(move) <= MAX_MOVE_BP:
        allowed = f"basis points from -{MAX_MOVE_BP:g} to {MAX_MOVE_BP:g}, such as -25"
        raise BadInput("move_bp", word, allowed)
    return move
