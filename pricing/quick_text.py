"""Read a line of quick text, such as ``rec 50m USD 10Y 3.85``, as a trade or a change of one.

A line says what a trader would say; what it leaves out comes from the conventions of the market.
The result is a row in the columns of the security master, with a sentence that says what was
understood. Nothing is guessed: where a market has several conventions, the line must name one.

This module is pure: it has no clock and no tables. The valuation date of each currency is an
argument; codes of bonds and books are looked up by the caller. Importing it loads no QuantLib.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from pricing.errors import BadInput
from pricing.markets import calendars, conventions
from pricing.markets.conventions import SwapConvention
from pricing.products.futures.contract import (
    CENTURY,
    MONTH_LETTERS,
    Contract,
    contract_dates,
    read_contract,
)

Action = Literal["new", "amend", "terminate"]

EXAMPLES = (
    "rec 50m USD 10Y 3.85",
    "pay 25m EUR 5Y10Y vs 6M",
    "buy 20m US91282CFV81 @99.16",
    "sell 100 SR3H6 @95.62",
    "amend IRS-1 notional=5000000",
    "terminate IRS-1 fee 12500",
)
MAX_LINE = 500
"""Largest number of characters in a line."""

SIZES = {
    "": 1,
    "k": 10**3,
    "m": 10**6,
    "mm": 10**6,
    "mio": 10**6,
    "b": 10**9,
    "bn": 10**9,
    "yd": 10**9,
}
SIZE = re.compile(r"([0-9][0-9,_]*(?:\.[0-9]+)?)([a-z]*)")
SIZE_ALLOWED = "an amount above zero such as 50m; k is a thousand, m or mm a million, bn a billion"
PERIOD = r"[0-9]{1,3}[DWMY]"
TENORS = re.compile(rf"({PERIOD})({PERIOD})?")
TENOR_ALLOWED = (
    "a length such as 10Y or 18M; 5Y10Y starts in 5 years and lasts 10; or two dates such as "
    "2026-06-17/2031-06-17"
)
RATE = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?)%?")
RATE_ALLOWED = "a rate in percent such as 3.85; left out, or par: the par rate of the market"
PRICE = re.compile(r"[0-9]+(?:\.[0-9]+)?")
QUOTED_YIELD = re.compile(r"@(-?[0-9]+(?:\.[0-9]+)?)%")
THIRTY_SECONDS = re.compile(r"([0-9]+)-([0-2][0-9]|3[01])([0-7+]?)")
"""Pattern of a price in 32nds of a point and eighths of them; + is four eighths. Source: US
Department of the Treasury and CME, 'Calculating U.S. Treasury Pricing': 'price-in-32nds'."""

PRICE_ALLOWED = "@ and a clean price per 100, such as @99.16, or in 32nds such as @99-05+"
CONTRACT = re.compile(rf"([A-Z0-9]+?)([{MONTH_LETTERS}])([0-9]{{1,2}})")
OPTIONS = ("book", "id", "vs", "fee")
"""Words that are followed by a value; they may come anywhere after the size."""


@dataclass(frozen=True, kw_only=True)
class Understood:
    """What a line of quick text asks for.

    Attributes:
        action: ``new``, ``amend`` or ``terminate``.
        product: Name of the product of a new trade; empty for a trade that exists.
        trade_id: The trade that is changed, or the name given to a new one; empty: none given.
        row: Columns of the security master: rates decimals, prices per 100, spreads in bp.
        solve: A column that the market has to give, such as ``fixed_rate``; empty: none.
        sentence: What was understood, for the user.
    """

    action: Action
    product: str = ""
    trade_id: str = ""
    row: Mapping[str, Any] = field(default_factory=dict)
    solve: str = ""
    sentence: str = ""


class _Words:
    """The words of a line that have not been read yet, and the options among them."""

    def __init__(self, words: list[str]) -> None:
        """Take the options out of the words.

        Raises:
            BadInput: An option has no value, or is there twice.
        """
        self.options: dict[str, str] = {}
        self.left: list[str] = []
        rest = iter(words)
        for word in rest:
            name = word.lower()
            if name not in OPTIONS:
                self.left.append(word)
                continue
            value = next(rest, None)
            if value is None or name in self.options:
                what = "is there twice" if value is not None else "needs a value behind it"
                raise BadInput(name, value, f"{name} {what}")
            self.options[name] = value

    def next(self, name: str, allowed: str) -> str:
        """The next word.

        Raises:
            BadInput: There is none.
        """
        if not self.left:
            raise BadInput(name, None, f"it is missing: {allowed}")
        return self.left.pop(0)

    def end(self, *options: str) -> None:
        """Refuse words and options that nothing has read.

        Raises:
            BadInput: With the first of them.
        """
        unread = [name for name in self.options if name not in options]
        if unread:
            allowed = f"options of this line: {', '.join(options)}"
            raise BadInput(unread[0], self.options[unread[0]], allowed)
        if self.left:
            raise BadInput("text", self.left[0], "this word is left over; write one trade a line")


def read_line(text: str, dates: Mapping[str, dt.date]) -> Understood:
    """Read one line.

    Args:
        text: Such as those in EXAMPLES. Capitals do not matter, but in codes of books and trades.
        dates: The valuation date of each currency that has a market.

    Raises:
        BadInput: With the field, the text and what is allowed.
    """
    if len(text) > MAX_LINE:
        raise BadInput("text", text, f"at most {MAX_LINE} characters a line")
    words = text.replace("@ ", "@").split()
    verb = words[0].lower() if words else ""
    if verb not in VERBS:
        raise BadInput(
            "text", text.strip(), f"begin with one of {', '.join(VERBS)}; such as {EXAMPLES[0]!r}"
        )
    read, sign = VERBS[verb]
    return read(_Words(words[1:]), sign, dates)


# --- Swaps -----------------------------------------------------------------------------------


def _swap(words: _Words, sign: int, dates: Mapping[str, dt.date]) -> Understood:
    size = _size(words.next("notional", SIZE_ALLOWED))
    row = _convention(words.next("currency", "a currency such as USD"), words.options.get("vs"))
    tenor = words.next("tenor", TENOR_ALLOWED)
    start, end = _period(tenor, row, dates)
    rate = _rate(words.left.pop(0)) if words.left else None
    words.end("book", "id", "vs")
    side = "receive" if sign > 0 else "pay"
    fixed = "the par rate" if rate is None else f"{_shown(rate * 100)} %"
    given = {} if rate is None else {"fixed_rate": rate}
    return Understood(
        action="new",
        product="swap",
        trade_id=words.options.get("id", ""),
        row={
            "convention": row.name,
            "pay_receive": side,
            "notional": size,
            "effective_date": start,
            "termination_date": end,
            **given,
            **_book(words),
        },
        solve="fixed_rate" if rate is None else "",
        sentence=f"{side.capitalize()} {fixed} fixed against {row.index} on {row.currency} "
        f"{size:,f} from {start} to {end} ({row.name})",
    )


def _convention(word: str, against: str | None) -> SwapConvention:
    """The convention of that name, or of a currency with the index or its tenor."""
    name = word.upper()
    if name in conventions.SWAPS:
        return conventions.SWAPS[name]
    mine = [row for row in conventions.SWAPS.values() if row.currency == name]
    if not mine:
        known = ", ".join(dict.fromkeys(row.currency for row in conventions.SWAPS.values()))
        raise BadInput("currency", word, f"a currency or swap convention; currencies: {known}")
    wanted = (against or "").upper()
    found = [row for row in mine if not wanted or wanted in _index_words(row)]
    if len(found) != 1:
        ways = ", ".join(f"vs {_index_words(row)[0]}" for row in mine)
        raise BadInput("vs", against, f"{name} has swaps of several indices; write one of: {ways}")
    return found[0]


def _index_words(row: SwapConvention) -> tuple[str, ...]:
    """Return what a line may call the index of a swap: its name, or the tenor of a term rate."""
    index = conventions.INDICES[row.index]
    return (row.index, index.tenor if index.kind == "ibor" else "OIS")


def _period(
    word: str, row: SwapConvention, dates: Mapping[str, dt.date]
) -> tuple[dt.date, dt.date]:
    """First and last day: from spot, from a later start, or between two dates.

    A forward start is the spot date and the first length, on a business day of the convention; the
    end is counted from there, and is not adjusted.
    """
    start, slash, end = word.partition("/")
    if slash:
        return _date(start), _date(end)
    found = TENORS.fullmatch(word.upper())
    if found is None:
        raise BadInput("tenor", word, TENOR_ALLOWED)
    first = spot_date(row, _valuation_date(row.currency, dates))
    if found[2]:
        moved = _after(first, found[1])
        first = calendars.adjust(row.calendar, moved, row.business_day_convention)
    return first, _after(first, found[2] or found[1])


def spot_date(row: SwapConvention, today: dt.date) -> dt.date:
    """The first day of a swap traded today: spot lag business days after today.

    Today counts as the next business day when it is none, as in QuantLib's rate helpers.
    """
    first = calendars.day_of(calendars.adjust(row.calendar, today, "FOLLOWING"))
    days = calendars.business_days(row.calendar, first, first + 14 + 2 * row.spot_lag)
    return calendars.date_of(int(days[row.spot_lag]))


def _after(date: dt.date, period: str) -> dt.date:
    found = calendars.later(date, int(period[:-1]), period[-1])
    if found is None or found == date:
        raise BadInput("tenor", period, TENOR_ALLOWED)
    return found


def _date(word: str) -> dt.date:
    try:
        return dt.date.fromisoformat(word)
    except ValueError:
        raise BadInput("tenor", word, "a date such as 2026-06-17") from None


def _rate(word: str) -> Decimal | None:
    if word.lower() == "par":
        return None
    found = RATE.fullmatch(word)
    if found is None:
        raise BadInput("fixed_rate", word, RATE_ALLOWED)
    return Decimal(found[1]) / 100


# --- Bonds and futures -----------------------------------------------------------------------


def _deal(words: _Words, sign: int, dates: Mapping[str, dt.date]) -> Understood:
    size = words.next("size", f"an amount of face, or a number of contracts; {SIZE_ALLOWED}")
    what = words.next("instrument", "code or ISIN of a bond, or a future such as SR3H6")
    found = CONTRACT.fullmatch(what.upper())
    if found and found[1] in conventions.FUTURES:
        return _future(words, sign * _size(size), (found[1], found[2], found[3]), dates)
    return _bond(words, sign * _size(size), what)


def _future(
    words: _Words, contracts: Decimal, code: tuple[str, str, str], dates: Mapping[str, dt.date]
) -> Understood:
    contract = _contract(*code, dates)
    price = _price(words)
    words.end("book", "id")
    traded = "the model price" if price is None else _shown(price)
    currency = read_contract(contract).row.currency
    return Understood(
        action="new",
        product="ir_future",
        trade_id=words.options.get("id", ""),
        row={
            "contract": contract,
            "contracts": contracts,
            **({} if price is None else {"trade_price": price}),
            **_book(words),
        },
        solve="trade_price" if price is None else "",
        sentence=f"{_side(contracts)} {abs(contracts):,f} {contract} ({currency}) at {traded}",
    )


def _contract(name: str, month: str, year: str, dates: Mapping[str, dt.date]) -> str:
    """The code with two digits of the year.

    One digit is the first such year whose contract has not been settled on the valuation date.
    """
    if len(year) == 2:
        return f"{name}{month}{year}"
    row = conventions.FUTURES[name]
    today = _valuation_date(row.currency, dates)
    first = today.year - today.year % 10 + int(year) - 10
    for near in range(first, first + 30, 10):
        made = Contract(row, near, MONTH_LETTERS.index(month) + 1)
        if near >= today.year and contract_dates(made).settlement > today:
            return f"{name}{month}{near - CENTURY:02d}"
    raise BadInput("contract", f"{name}{month}{year}", "give two digits of the year")


def _bond(words: _Words, face: Decimal, code: str) -> Understood:
    spread = [word for word in words.left if word.lower().startswith("z=")]
    given: dict[str, Decimal]
    if spread:
        words.left.remove(spread[0])
        given = {"z_spread_bp": _number("z_spread_bp", spread[0][2:], "bp, such as z=25")}
        at = f"a z-spread of {_shown(given['z_spread_bp'])} bp"
    else:
        given, at = _bond_quote(words)
    words.end("book", "id")
    return Understood(
        action="new",
        product="bond",
        trade_id=words.options.get("id", ""),
        row={"bond": code, "face_amount": face, **given, **_book(words)},
        sentence=f"{_side(face)} {abs(face):,f} face of {code} at {at}",
    )


def _bond_quote(words: _Words) -> tuple[dict[str, Decimal], str]:
    """A clean price, or with a % sign a yield as the market of the bond quotes it."""
    found = QUOTED_YIELD.fullmatch(words.left[0]) if words.left else None
    if found:
        words.left.pop(0)
        return {"quoted_yield": Decimal(found[1]) / 100}, f"a quoted yield of {found[1]} %"
    price = _price(words)
    if price is None:
        allowed = f"it is missing: {PRICE_ALLOWED}, a yield such as @4.25%, or z=25 in bp"
        raise BadInput("clean_price", None, allowed)
    return {"clean_price": price}, f"a clean price of {_shown(price)}"


def _price(words: _Words) -> Decimal | None:
    """The price of the line, which starts with @; None where there is none."""
    if not words.left:
        return None
    word = words.left.pop(0)
    text = word.removeprefix("@")
    parts = THIRTY_SECONDS.fullmatch(text)
    if parts:
        eighths = 4 if parts[3] == "+" else int(parts[3] or 0)
        return Decimal(parts[1]) + (Decimal(parts[2]) + Decimal(eighths) / 8) / 32
    if not word.startswith("@") or not PRICE.fullmatch(text):
        raise BadInput("price", word, PRICE_ALLOWED)
    return Decimal(text)


def _side(amount: Decimal) -> str:
    return "Buy" if amount > 0 else "Sell"


# --- Trades that exist -----------------------------------------------------------------------


def _terminate(words: _Words, _: int, __: Mapping[str, dt.date]) -> Understood:
    name = words.next("trade_id", "the identifier of a trade")
    fee = words.options.get("fee")
    words.end("fee")
    paid = {} if fee is None else {"termination_fee": _number("fee", fee, "an amount")}
    with_fee = f" for a fee of {paid['termination_fee']:,f}" if paid else ""
    return Understood(
        action="terminate", trade_id=name, row=paid, sentence=f"Terminate {name}{with_fee}"
    )


def _amend(words: _Words, _: int, __: Mapping[str, dt.date]) -> Understood:
    name = words.next("trade_id", "the identifier of a trade")
    changes: dict[str, str] = {}
    while words.left:
        word = words.left.pop(0)
        column, equals, value = word.partition("=")
        if not equals or not column or column in changes:
            raise BadInput("text", word, "write changes as column=value, each once")
        changes[column] = value
    if not changes:
        raise BadInput("text", None, "it is missing: at least one change such as notional=5000000")
    words.end()
    shown = ", ".join(f"{column} = {value}" for column, value in changes.items())
    return Understood(action="amend", trade_id=name, row=changes, sentence=f"Amend {name}: {shown}")


# --- Words -----------------------------------------------------------------------------------


def _size(word: str) -> Decimal:
    found = SIZE.fullmatch(word.lower())
    unit = SIZES.get(found[2]) if found else None
    size = Decimal(re.sub("[,_]", "", found[1])) * unit if found and unit else Decimal(0)
    if not size:
        raise BadInput("size", word, SIZE_ALLOWED)
    return size


def _number(name: str, word: str, allowed: str) -> Decimal:
    if not re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", word):
        raise BadInput(name, word, allowed)
    return Decimal(word)


def _book(words: _Words) -> dict[str, str]:
    return {"book": words.options["book"]} if "book" in words.options else {}


def _valuation_date(currency: str, dates: Mapping[str, dt.date]) -> dt.date:
    found = dates.get(currency)
    if found is None:
        known = ", ".join(dates) or "none"
        raise BadInput(
            "currency", currency, f"no market is published; currencies with one: {known}"
        )
    return found


def _shown(number: Decimal) -> str:
    return f"{number.normalize():f}"


Reader = Callable[[_Words, int, Mapping[str, dt.date]], Understood]

VERBS: Mapping[str, tuple[Reader, int]] = {
    "rec": (_swap, 1),
    "receive": (_swap, 1),
    "pay": (_swap, -1),
    "buy": (_deal, 1),
    "sell": (_deal, -1),
    "amend": (_amend, 0),
    "terminate": (_terminate, 0),
}
"""First words of a line, each with the function that reads the rest and the sign of the
position."""
