"""P&L of past days and of the trades of a group, from what REST gives (docs/rest.md). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from dashboard import format, theme
from dashboard.pnl import GROUPS, USD
from dashboard.risk import NO_DESK, Choice
from risk.explain.conversion import add_terms
from risk.store.explains import PeriodName

Json = Mapping[str, Any]
Terms = dict[str, float | None]

DAYS, TRADES = 30, 20
"""Number of past days to choose from, and of trades that are listed of a group."""

STACKED = {
    "Carry and roll-down": ("carry", "roll_down"),
    "Fixings": ("fixings",),
    "Delta": ("delta",),
    "Gamma": ("gamma",),
    "Spread": ("spread",),
    "Trades": ("new", "terminated", "amended", "transfer"),
    "FX": ("fx",),
    "Residual": ("residual",),
}
"""Bars of a day, which add up to its total, and the terms in each."""

COLUMNS = (
    theme.Column("Trade", "trade"),
    theme.Column("Ccy"),
    theme.Column("Book"),
    theme.Column("Type"),
    *(theme.Column(title, "signed") for title in STACKED),
    theme.Column("Total", "signed"),
)


def stacked(terms: Mapping[str, float | None]) -> list[float | None]:
    """The bars of ``STACKED``; None where one of its terms could not be computed."""
    found: list[float | None] = []
    for names in STACKED.values():
        amounts = [terms.get(name, 0.0) for name in names]
        known = [amount for amount in amounts if amount is not None]
        found.append(sum(known) if len(known) == len(amounts) else None)
    return found


# --- Days before -----------------------------------------------------------------------------


def days_path(choice: Choice) -> str:
    """The address of the days before, by what the filters need."""
    groups = "currency" if choice.whole else "currency,desk,type"
    return "explain/days/?" + urlencode(
        {
            "days": DAYS,
            "currency": ",".join(choice.currencies),
            "group_by": groups,
            "reporting_currency": USD,
        }
    )


def day_path(day: str, choice: Choice) -> str:
    """The address of one past day."""
    return "explain/?" + urlencode(
        {
            "as_of": day,
            "currency": ",".join(choice.currencies),
            "group_by": "currency,desk,book,type",
            "reporting_currency": USD,
        }
    )


def days_of(answer: Json) -> list[str]:
    """The days with a close, the newest first."""
    return [str(day["date"]) for day in reversed(answer["results"])]


def totals_by_day(answer: Json, choice: Choice) -> dict[str, Terms]:
    """The terms of each day that has any, oldest first, of what the filters select."""
    found: dict[str, Terms] = {}
    for day in answer["results"]:
        for row in day["groups"]:
            if choice.whole or choice.takes(row["desk"], row["type"]):
                add_terms(found.setdefault(str(day["date"]), {}), row["terms"])
    return found


def missing_of_days(answer: Json) -> str:
    """What is in none of the days, in a sentence; "" where nothing is missing.

    The first day of all has no close before it: that is not said.
    """
    days = answer["results"]
    whole = answer["days"] == len(days)
    lost = [
        f"{day['date']} {currency}: {reason}"
        for day in days[1 if whole and days and not days[0]["groups"] else 0 :]
        for currency, reason in day["reasons"].items()
    ]
    if not lost:
        return ""
    return f"{format.count(len(lost), 'close')} without an explain, such as {lost[-1]}"


# --- Trades of a group -----------------------------------------------------------------------


def names_of(rows: Sequence[tuple[str, Any]]) -> list[str]:
    """The groups whose trades can be asked for, by name: a list that is open must not change."""
    return sorted(name for name, _ in rows if name != NO_DESK)


def trades_path(
    choice: Choice, currencies: Sequence[str], group: str, name: str, period: PeriodName
) -> str:
    """The address of the trades of a group, within the filters.

    Args:
        choice: The filters.
        currencies: In which the group has trades.
        group: One of ``dashboard.pnl.GROUPS``.
        name: The group.
        period: The period.
    """
    asked = {
        "currency": ",".join(currencies),
        "type": "" if choice.all_products else ",".join(choice.products),
        "desk": choice.desk or "",
        **{GROUPS[group]: name},
        "period": period,
        "reporting_currency": USD,
        "limit": TRADES,
    }
    return "explain/trades/?" + urlencode({key: word for key, word in asked.items() if word})


def trade_rows(answer: Json) -> list[tuple[str, ...]]:
    """Rows of ``COLUMNS``, the largest total first, and the sums of all trades last."""
    rows = [
        (
            *(row["trade_id"], row["currency"], row["book"], format.product(row["type"])),
            *_amounts(row["terms"]),
        )
        for row in answer["results"]
    ]
    if answer["terms"]:
        title = format.count(answer["trades"], "trade")
        rows.append(("", "", "", f"All {title}", *_amounts(answer["terms"])))
    return rows


def _amounts(terms: Mapping[str, float | None]) -> tuple[str, ...]:
    return tuple(map(format.signed, (*stacked(terms), terms.get("total"))))


def trades_note(answer: Json) -> str:
    """Of which frames the trades are, and how many are listed."""
    shown = f"{len(answer['results']):,} of {answer['trades']:,}, largest first; USD"
    dates = sorted({f["start"]["valuation_date"] for f in answer["frames"] if not f["reason"]})
    frames = [
        f"{f['currency']} {int(f['frame']) % 2**32:,}" for f in answer["frames"] if not f["reason"]
    ]
    since = f"; since {' and '.join(dates)}" if dates else ""
    return f"{shown}{since}; frame {', '.join(frames)}" if frames else shown


def trades_reasons(answer: Json) -> list[str]:
    """Why currencies or trades are not in it."""
    said = [f"{f['currency']}: {f['reason']}." for f in answer["frames"] if f["reason"]]
    lost = answer["unpriced"]
    if lost:
        first = f"{lost[0]['trade_id']}: {lost[0]['message']}"
        said.append(f"{format.count(len(lost), 'trade')} not explained, such as {first}.")
    return said
