"""Read the id of a quote: a tenor, or the name of a deposit, future, swap, bond, turn or zero rate.

An id is stable: a feed sends the same one for the same instrument every day. What it means is
decided here without a date and without QuantLib.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from pricing.errors import BadInput
from pricing.markets import conventions
from pricing.markets.conventions import CurveConvention
from pricing.products.bonds.quoted_bond import settlement_of
from pricing.products.futures.contract import (
    CODE,
    MONTH_LETTERS,
    Contract,
    contract_dates,
    read_contract,
)

TENOR = re.compile(r"([1-9][0-9]{0,3})([DWMY])")
DAYS_PER_UNIT = {"D": 1.0, "W": 7.0, "M": 365.25 / 12, "Y": 365.25}
BASE_UNITS = {"D": (1, "D"), "W": (7, "D"), "M": (1, "M"), "Y": (12, "M")}
MAX_TENOR_DAYS = 60.01 * 365.25

FRA = re.compile(r"([1-9][0-9]?)X([1-9][0-9]?)")
DEPOSIT = re.compile(r"DEP-(.+)")
ZERO = re.compile(r"ZERO-(.+)")
BASIS = re.compile(r"BASIS-([A-Z0-9][A-Z0-9-]{0,31})-([1-9][0-9]{0,3}[DWMY])")
BOND = re.compile(r"BOND-([A-Z0-9][A-Z0-9-]{0,26})")
MEETING = re.compile(r"([A-Z]{1,6})-(\d{4}-\d\d-\d\d)")
TURN = re.compile(r"TURN-(\d{4}-\d\d-\d\d)")
DATED_SWAP = re.compile(r"OIS-(\d{4}-\d\d-\d\d)-(\d{4}-\d\d-\d\d)")

PATTERN = "|".join(
    (
        r"(DEP-|ZERO-)?[1-9][0-9]{0,3}[DWMY]",
        FRA.pattern,
        BASIS.pattern,
        BOND.pattern,
        r"OIS-\d{4}-\d\d-\d\d-\d{4}-\d\d-\d\d",
        MEETING.pattern,
        rf"[A-Z0-9]+[{MONTH_LETTERS}]\d\d",
    )
)
"""Pattern of the ids of quotes, for JSON schemas."""

DATED = 1e6
"""Sort key at which ids with dates begin, behind all tenors; the days since 1970 are added."""

EPOCH = dt.date(1970, 1, 1)

MAX_NAMED = 10
"""Number of quoted bonds that an error message lists."""


class Tenor(NamedTuple):
    """A tenor, such as ``10Y``; the curve's own kind of quotes says what instrument it is."""

    tenor: str


class Deposit(NamedTuple):
    """A deposit from spot at a simple rate: ``DEP-3M``."""

    tenor: str


class Fra(NamedTuple):
    """A forward rate agreement on the curve's index: ``3X6``, months from spot."""

    start: int
    end: int


class Future(NamedTuple):
    """A future on the curve's index: ``SR3H25``. It is quoted as 1 less its price / 100."""

    contract: Contract


class DatedSwap(NamedTuple):
    """An overnight swap of given dates: ``OIS-2026-02-05-2026-03-19``."""

    start: dt.date
    end: dt.date


class MeetingSwap(NamedTuple):
    """An overnight swap from one decision of a central bank to the next: ``MPC-2026-02-05``.

    The date is that of the announcement of the first; the swap runs between the days from which
    the decisions count.
    """

    bank: str
    start: dt.date
    end: dt.date


class Turn(NamedTuple):
    """A jump of the overnight rate over a night, of stated size: ``TURN-2025-12-31``."""

    date: dt.date


class ZeroRate(NamedTuple):
    """A continuously compounded zero rate, Act/365F: ``ZERO-10Y``."""

    tenor: str


class Basis(NamedTuple):
    """A swap of the curve's index against another: ``BASIS-EURIBOR6M-10Y``, its spread a decimal.

    The row of the two indices among the basis swaps of the market file says which leg pays it.
    """

    other: str
    tenor: str


class Bond(NamedTuple):
    """A bond of the table of quoted bonds: ``BOND-DE0001102580``, its rate the bond's yield."""

    name: str
    maturity: dt.date


Quoted = Tenor | Deposit | Fra | Future | DatedSwap | MeetingSwap | Turn | ZeroRate | Basis | Bond

ALLOWED: dict[str, tuple[type[Quoted], ...]] = {
    "ois": (Tenor, Deposit, Future, DatedSwap, MeetingSwap, Turn, ZeroRate),
    "ibor": (Tenor, Deposit, Fra, Future, ZeroRate, Basis),
    "par_yield": (Tenor, ZeroRate, Bond),
    "zero": (Tenor, Bond),
}
"""Kinds of quotes that a curve may have, by ``CurveConvention.quotes``."""

EXAMPLES: dict[type[Quoted], str] = {
    Tenor: "a number and D, W, M or Y, such as 6M or 10Y",
    Deposit: "a deposit such as DEP-3M",
    Fra: "an FRA such as 3X6",
    Future: "a future such as SR3H25",
    DatedSwap: "a swap of given dates such as OIS-2026-02-05-2026-03-19",
    MeetingSwap: "a swap from a meeting to the next such as MPC-2026-02-05",
    Turn: "a turn such as TURN-2025-12-31",
    ZeroRate: "a zero rate such as ZERO-10Y",
    Basis: "a basis swap against another index such as BASIS-EURIBOR6M-10Y",
    Bond: "a bond of the table quoted_bonds such as BOND-DE0001102580",
}

KINDS: dict[type[Quoted], str] = {
    Tenor: "TENOR",
    Deposit: "DEP",
    Fra: "FRA",
    DatedSwap: "OIS",
    Turn: "TURN",
    ZeroRate: "ZERO",
    Basis: "BASIS",
    Bond: "BOND",
}
"""Names that stand for all quotes of a kind in ``weights``; futures are named by their contract
instead."""


@lru_cache(maxsize=1024)
def tenor_days(tenor: str) -> float:
    """Approximate length of a tenor in days, for sorting and limits only.

    Raises:
        BadInput: Not a tenor such as 1D, 2W, 18M or 30Y, or longer than 60 years.
    """
    match = TENOR.fullmatch(tenor)
    if match is None:
        raise BadInput("tenor", tenor, "use a number and D, W, M or Y, such as 6M or 10Y")
    days = int(match[1]) * DAYS_PER_UNIT[match[2]]
    if days > MAX_TENOR_DAYS:
        raise BadInput("tenor", tenor, "at most 60Y")
    return days


@lru_cache(maxsize=1024)
def tenor_length(tenor: str) -> tuple[int, str]:
    """Days or months of a tenor, with their unit: two spellings of one tenor have the same.

    Raises:
        BadInput: As ``tenor_days``.
    """
    tenor_days(tenor)
    count, unit = int(tenor[:-1]), tenor[-1]
    factor, base = BASE_UNITS[unit]
    return count * factor, base


@lru_cache(maxsize=4096)
def read(quote: str) -> Quoted:
    """Return what an id means, whatever the curve.

    Raises:
        BadInput: It means nothing; the message has an example of each kind.
    """
    if TENOR.fullmatch(quote):
        tenor_days(quote)
        return Tenor(quote)
    for pattern, kind in ((DEPOSIT, Deposit), (ZERO, ZeroRate)):
        found = pattern.fullmatch(quote)
        if found:
            tenor_days(found[1])
            return kind(found[1])
    found = BASIS.fullmatch(quote)
    if found:
        tenor_days(found[2])
        return Basis(found[1], found[2])
    found = FRA.fullmatch(quote)
    if found:
        return _fra(quote, int(found[1]), int(found[2]))
    found = DATED_SWAP.fullmatch(quote)
    if found:
        return _dated_swap(quote, found[1], found[2])
    found = TURN.fullmatch(quote)
    if found:
        return Turn(_date(quote, found[1], "TURN-2025-12-31"))
    found = BOND.fullmatch(quote)
    if found:
        return _bond(quote, found[1])
    found = MEETING.fullmatch(quote)
    if found:
        return _meeting(quote, found[1], found[2])
    if CODE.fullmatch(quote):
        return Future(read_contract(quote, "tenor"))
    raise BadInput("tenor", quote, f"use {'; '.join(EXAMPLES.values())}")


def _fra(quote: str, start: int, end: int) -> Fra:
    if start >= end:
        raise BadInput("tenor", quote, "an FRA ends after it starts, such as 3X6")
    return Fra(start, end)


def _date(quote: str, text: str, example: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise BadInput("tenor", quote, f"a date such as {example}") from None


def _meeting(quote: str, bank: str, text: str) -> MeetingSwap:
    row = conventions.MEETINGS.get(bank)
    if row is None:
        known = ", ".join(conventions.MEETINGS) or "none"
        raise BadInput("tenor", quote, f"a table of meetings and a date; tables: {known}")
    date = _date(quote, text, "MPC-2026-02-05")
    pairs = zip(row.dates, row.dates[1:], strict=False)
    for meeting, following in pairs:
        if meeting.announced == date:
            return MeetingSwap(bank, meeting.effective, following.effective)
    first, last = row.dates[0].announced, row.dates[-1].announced
    reason = f"{bank} announces nothing on {date}, or its next meeting is not known: its table"
    raise BadInput("tenor", quote, f"{reason} has meetings from {first} to {last}")


def _bond(quote: str, name: str) -> Bond:
    row = conventions.QUOTED_BONDS.get(name)
    if row is None:
        reason = f"no table quoted_bonds.{name} is in the market files; there are: "
        raise BadInput("tenor", quote, reason + _some(list(conventions.QUOTED_BONDS)))
    return Bond(name, row.maturity_date)


def _some(names: Sequence[str]) -> str:
    """The first names of a list that may be long."""
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return (", ".join(names[:MAX_NAMED]) or "none") + more


def _dated_swap(quote: str, start: str, end: str) -> DatedSwap:
    try:
        made = DatedSwap(dt.date.fromisoformat(start), dt.date.fromisoformat(end))
    except ValueError:
        raise BadInput("tenor", quote, "two dates such as OIS-2026-02-05-2026-03-19") from None
    if made.start >= made.end:
        raise BadInput("tenor", quote, "a swap ends after it starts")
    return made


@lru_cache(maxsize=4096)
def is_id(quote: str) -> bool:
    """Return whether an id means something."""
    try:
        read(quote)
    except BadInput:
        return False
    return True


def is_tenor(quote: str) -> bool:
    """Return whether an id is a plain tenor."""
    return TENOR.fullmatch(quote) is not None


def tenor_of(quote: str) -> str | None:
    """The tenor of a plain tenor or of a basis swap; None for all other ids."""
    found = BASIS.fullmatch(quote)
    if found:
        return found[2]
    return quote if is_tenor(quote) else None


def check(row: CurveConvention, quote: str) -> Quoted:
    """Return what an id means as a quote of a curve.

    Raises:
        BadInput: It means nothing, or the curve cannot be made of such quotes.
    """
    made, allowed = read(quote), ALLOWED[row.quotes]
    if type(made) not in allowed:
        known = "; ".join(EXAMPLES[kind] for kind in allowed)
        raise BadInput("tenor", quote, f"{row.name} is made of {known}")
    if isinstance(made, Future) and made.contract.row.index != row.index:
        future = made.contract.row
        own = [f.name for f in conventions.FUTURES.values() if f.index == row.index]
        reason = f"{future.name} is a future on {future.index}; on {row.index}: {', '.join(own)}"
        raise BadInput("tenor", quote, reason)
    if isinstance(made, MeetingSwap) and conventions.MEETINGS[made.bank].index != row.index:
        own = [m.name for m in conventions.MEETINGS.values() if m.index == row.index]
        reason = f"meetings of {conventions.MEETINGS[made.bank].index}; of {row.index}: "
        raise BadInput("tenor", quote, reason + (", ".join(own) or "none"))
    if isinstance(made, Basis) and conventions.basis_swap(str(row.index), made.other) is None:
        pairs = [
            {each.first_index, each.second_index} - {row.index}
            for each in conventions.BASIS_SWAPS.values()
            if row.index in (each.first_index, each.second_index)
        ]
        own = sorted(name for pair in pairs for name in pair)
        reason = f"no basis swap of {row.index} against {made.other} is in the market file; "
        raise BadInput("tenor", quote, f"{reason}there are: {', '.join(own) or 'none'}")
    if isinstance(made, Bond) and conventions.QUOTED_BONDS[made.name].curve != row.name:
        own = [bond.name for bond in conventions.QUOTED_BONDS.values() if bond.curve == row.name]
        reason = f"it is a quote of {conventions.QUOTED_BONDS[made.name].curve}; of {row.name}: "
        raise BadInput("tenor", quote, reason + _some(own))
    if isinstance(made, Fra):
        months = conventions.INDICES[str(row.index)].tenor
        if tenor_length(f"{made.end - made.start}M") != tenor_length(months):
            raise BadInput("tenor", quote, f"an FRA on {row.index} is one of {months}")
    return made


@lru_cache(maxsize=4096)
def identity(quote: str) -> tuple[str, object]:
    """Return what says whether two ids are one instrument: 12M and 1Y are.

    Raises:
        BadInput: As ``read``.
    """
    made = read(quote)
    if isinstance(made, Tenor | Deposit | ZeroRate):
        return type(made).__name__, tenor_length(made.tenor)
    if isinstance(made, Basis):
        return f"Basis {made.other}", tenor_length(made.tenor)
    return type(made).__name__, quote


@lru_cache(maxsize=4096)
def order(quote: str) -> float:
    """A sort key: tenors and what has one from short to long, then what has dates, by its last.

    What means nothing comes last.
    """
    try:
        made = read(quote)
    except BadInput:
        return float("inf")
    if isinstance(made, Tenor | Deposit | ZeroRate | Basis):
        return tenor_days(made.tenor)
    if isinstance(made, Fra):
        return made.end * DAYS_PER_UNIT["M"]
    if isinstance(made, Turn):
        return DATED + (made.date - EPOCH).days
    if isinstance(made, Bond):
        return DATED + (made.maturity - EPOCH).days
    end = contract_dates(made.contract).end if isinstance(made, Future) else made.end
    return DATED + (end - EPOCH).days


def is_over(quote: str, day: dt.date) -> bool:
    """Whether an instrument of given dates has ended by a day, and is no quote of its market.

    Raises:
        BadInput: It is no id.
    """
    made = read(quote)
    if isinstance(made, Future):
        return bool(contract_dates(made.contract).last_trading < day)
    if isinstance(made, DatedSwap | MeetingSwap):
        return made.end <= day
    if isinstance(made, Bond):
        return made.maturity <= settlement_of(made.name, day)
    return isinstance(made, Turn) and made.date < day


@lru_cache(maxsize=4096)
def spread_against(quote: str) -> str | None:
    """The index that a basis quote is a spread against; None for all quotes that are rates."""
    found = BASIS.fullmatch(quote)
    return found[1] if found else None


def names_of(quote: str) -> tuple[str, ...]:
    """Names by which a market file may give a quote's weight, the closest first."""
    made = read(quote)
    if isinstance(made, Future):
        return quote, made.contract.row.name
    if isinstance(made, MeetingSwap):
        return quote, made.bank
    return quote, KINDS[type(made)]
