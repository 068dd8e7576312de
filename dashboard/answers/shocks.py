"""Draw a scenario on a curve, and ask the web process what one that is not stored would cost.

Pure but for the calls. What is drawn of a stored scenario is what its run has priced; a shock of
the user's own is read by the code that prices it (``pricing/scenarios/definition.py``).
"""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import numpy as np

from dashboard import detail, format, theme
from dashboard.access.login import Web
from dashboard.answers import rest
from dashboard.answers.rest import Json
from dashboard.risk import Choice
from pricing.arrays import FloatArray
from pricing.curves.quote_ids import spread_against
from pricing.curves.quotes import QuoteId
from pricing.errors import BadInput
from pricing.scenarios.definition import Scenario, checked_name, from_rows
from risk.scenarios.messages import CurrencyScenarios, ScenarioFrame

Rows = list[dict[str, str]]

USUAL_NAME = "Own shock"
EMPTY = "Enter one tenor and its move at least."
RATES = {"par": "quotes", "zero": "zero rates, continuous"}
CODE_CHARACTERS = 48
"""Characters of a scenario's name that the codes of its rows begin with."""

PNL_COLUMNS = (
    theme.Column("Desk"),
    theme.Column("P&L", "signed"),
    theme.Column("Approximation: delta", "signed"),
    theme.Column("Approximation: delta-gamma", "signed"),
)


# --- What is drawn ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Picture:
    """A curve by tenor as it is and as a scenario moves it; rates are decimals.

    ``note`` is a sentence on the scenario that must stand beside it.
    """

    tenors: list[str]
    now: list[float]
    moved: list[float]
    moves_bp: list[float]
    note: str = ""


def curves_of(found: CurrencyScenarios) -> list[str]:
    """The curves that a run started from, in the order of its frame."""
    return list(dict.fromkeys(curve for curve, _ in found.keys))


def label(title: str, set_name: str) -> str:
    """Return what a scenario is called in a list, where two sets may have the same title."""
    return f"{title} ({set_name})"


def stored_picture(
    frame: ScenarioFrame, place: int, found: CurrencyScenarios, curve: str
) -> Picture | str:
    """A stress scenario of a run as it was priced, or why it does not move the currency."""
    if not found.moves:
        return "These results are of an earlier release; the next run shows the curves."
    head, reason = frame.scenarios[place], found.stress_reasons.get(place, "")
    moves_bp = found.moves_bp(place)
    if not np.isfinite(moves_bp).all():
        return f"{reason}." if reason else "The run does not say what the scenario moves."
    lost = f"No P&L: {reason}." if reason else ""
    note = " ".join(filter(None, (lost, _not_quoted(found.unmatched.get(head.name, ())))))
    return picture(found, curve, head.space, moves_bp, note)


def own_picture(scenario: Scenario, found: CurrencyScenarios, curve: str) -> Picture | str:
    """A shock that is not stored, on the quotes of the newest run."""
    if not found.keys:
        return "These results are of an earlier release; the next run shows the curves."
    keys = [QuoteId(*key) for key in found.keys]
    moves_bp = scenario.moves_bp(found.currency, keys, np.frombuffer(found.years))
    note = _not_quoted(scenario.unmatched(found.currency, keys))
    return picture(found, curve, scenario.space, moves_bp, note)


def picture(
    found: CurrencyScenarios, curve: str, space: str, moves_bp: FloatArray, note: str = ""
) -> Picture:
    """One curve of a run by the end of its quotes.

    Basis spreads of a curve that has outright quotes too are left out: they are no rates.

    Args:
        found: The quotes and zero rates of a currency.
        curve: Which of its curves.
        space: ``par``: quotes are moved; ``zero``: zero rates are.
        moves_bp: In basis points; shape (keys,).
        note: A sentence on the scenario.
    """
    places = [place for place, key in enumerate(found.keys) if key[0] == curve]
    if space == "par":
        outright = [place for place in places if spread_against(found.keys[place][1]) is None]
        places = outright or places
    years = np.frombuffer(found.years)
    places.sort(key=lambda place: float(years[place]))
    rates = np.frombuffer(found.quotes if space == "par" else found.zero_rates)
    now = rates[places]
    moves = moves_bp[places]
    return Picture(
        [found.keys[place][1] for place in places],
        now.tolist(),
        (now + 1e-4 * moves).tolist(),
        moves.tolist(),
        note,
    )


def _not_quoted(names: Iterable[str]) -> str:
    said = ", ".join(names)
    return f"The market does not quote {said}." if said else ""


def gist(name: str, curve: str, found: Picture) -> str:
    """What a picture shows, for those who do not see it: both ends and the largest move."""
    if not found.tenors:
        return f"{curve} has no quotes"
    largest = max(range(len(found.tenors)), key=lambda place: abs(found.moves_bp[place]))
    shown = dict.fromkeys((0, largest, len(found.tenors) - 1))
    parts = [
        f"{found.tenors[place]} {found.now[place]:.3%} to {found.moved[place]:.3%} "
        f"({format.signed(found.moves_bp[place], 1)} bp)"
        for place in shown
    ]
    return f"{curve} now and under {name}: {', '.join(parts)}"


# --- An own shock ----------------------------------------------------------------------------


def points(table: Iterable[Mapping[str, Any]]) -> list[tuple[int, str, str]]:
    """Row, tenor and move of the rows of an editor that are not empty, as texts.

    Args:
        table: Rows with ``Tenor`` and ``Move bp``; what is missing is None or NaN.
    """
    read = (
        (number, _text(row.get("Tenor")).upper(), _text(row.get("Move bp")))
        for number, row in enumerate(table, start=1)
    )
    return [row for row in read if any(row[1:])]


def _text(value: Any) -> str:
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    return "" if missing else str(value).strip()


@dataclass(frozen=True)
class Own:
    """A shock as an editor has it: linear between its points, flat outside.

    Attributes:
        points: Row, tenor and move in basis points.
        space: ``par`` or ``zero``.
        currency: Whose curves move; empty for all.
        curve: The curve that moves; empty for all of the currency.
        name: Of the scenario; empty for the usual one.
    """

    points: Sequence[tuple[int, str, str]]
    space: str = "par"
    currency: str = ""
    curve: str = ""
    name: str = ""

    def rows(self) -> Rows:
        """Rows with the columns of a table of scenarios."""
        return [
            {
                "scenario": self.name.strip() or USUAL_NAME,
                "space": self.space,
                "currency": self.currency,
                "curve": self.curve,
                "shape": "points",
                "tenor": tenor,
                "move_bp": move,
            }
            for _, tenor, move in self.points
        ]

    def scenario(self) -> Scenario | str:
        """The scenario, or a sentence with the row, what stands there and what is allowed."""
        if not self.points:
            return EMPTY
        numbers = [number for number, _, _ in self.points]
        try:
            (found,) = from_rows(zip(numbers, self.rows(), strict=True), "own")
        except BadInput as error:
            return f"{error}."
        return found


def price(web: Web, session: str, own: Own, choice: Choice) -> dict[str, Any] | str:
    """The P&L of a shock by desk, or the sentence of a refusal; nothing is stored."""
    rows = own.rows()
    given = [{name: row[name] for name in row if name != "scenario"} for row in rows]
    body = {"scenario": rows[0]["scenario"], "rows": given}
    return rest.ask(web, session, f"scenarios/price/?{urlencode(scope(choice))}", body)


def scope(choice: Choice) -> dict[str, str]:
    """The filters that REST has: one currency, one product, one desk. ``scope_note`` names them."""
    asked = {"group_by": "desk"}
    if choice.desk is not None:
        asked["desk"] = choice.desk
    if len(choice.currencies) == 1:
        asked["currency"] = choice.currencies[0]
    if len(choice.products) == 1:
        asked["type"] = choice.products[0]
    return asked


def scope_note(choice: Choice) -> str:
    """Of which trades a P&L is."""
    asked = scope(choice)
    product = format.product(asked["type"]) if "type" in asked else "all products"
    desk = asked.get("desk", "your desks")
    return ", ".join((asked.get("currency", "all currencies"), product, desk))


def pnl_rows(answer: Json) -> list[tuple[str, ...]]:
    """The total and each desk; US dollars."""
    return [
        _pnl_row(name, row)
        for scenario in answer["scenarios"]
        for name, row in (
            ("Total", scenario),
            *((group["desk"] or "No desk", group) for group in scenario["groups"]),
        )
    ]


def _pnl_row(name: str, row: Json) -> tuple[str, ...]:
    near = row["approximation"]
    amounts = (row["pnl"], near["delta"], near["delta_gamma"])
    return (name, *(format.money(amount, signed=True) for amount in amounts))


def frames_note(answer: Json, since_s: float) -> str:
    """The frames that a P&L is of, with their ages.

    Args:
        answer: What REST gave.
        since_s: Seconds since then.
    """
    return ", ".join(
        f"{row['currency']} frame {row['frame'] % detail.COUNTER:,} "
        f"of {format.age(row['age_s'] + since_s)} ago"
        for row in answer["stamp"]["inputs"]
    )


def reasons(answer: Json) -> list[str]:
    """Sentences on what is missing in a P&L."""
    said = [f"{row['currency']} is in no sum: {row['reason']}." for row in answer["excluded"]]
    said += [f"{name}: {why}." for name, why in answer["stamp"]["unavailable"].items()]
    for scenario in answer["scenarios"]:
        said += [f"No P&L in {name}: {why}." for name, why in scenario["reasons"].items()]
        said += filter(None, [_not_quoted(scenario["not_quoted"])])
    return list(dict.fromkeys(said))


# --- Saving ----------------------------------------------------------------------------------


def save(web: Web, session: str, own: Own, taken: Iterable[str]) -> str:
    """Store a shock as a scenario; returns why it was not stored, or an empty string.

    Args:
        web: The web process, which decides whether the user may.
        session: The user's session key.
        own: The shock, with a name.
        taken: Names of scenarios that there are; rows would be added to one of the same name.
    """
    name = own.name.strip()
    try:
        checked_name(name)
    except BadInput as error:
        return f"{error}."
    query = urlencode({"scenario": name, "page_size": 1})
    stored = rest.ask(web, session, f"scenario-shocks/?{query}", method="GET")
    if isinstance(stored, str):
        return stored
    if name in taken or stored["results"]:
        return f"There is a scenario {name!r} already: choose another name."
    # Codes that nobody else has: a row whose code is known would be changed, not added.
    start = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:CODE_CHARACTERS] or "SHOCK"
    stem = f"{start}-{secrets.token_hex(3)}"
    rows = [{"code": f"{stem}-{n}", **row} for n, row in enumerate(own.rows(), start=1)]
    answer = rest.ask(web, session, "scenario-shocks/bulk/", rows)
    return answer if isinstance(answer, str) else ""
