"""Load the market files of this package, and those of ``MARKETS_DIR``, and check them.

A file is named after its currency (``usd.toml``) and has the tables ``[currency]``, ``[sources]``
and, by name, ``[indices.X]``, ``[curves.X]``, ``[swaps.X]``, ``[bonds.X]``, ``[futures.X]``,
``[meetings.X]``, ``[bond_futures.X]``, ``[basis_swaps.X]`` and ``[quoted_bonds.X]``.
``any.toml`` has bond conventions of no single currency. A row names its sources by their keys in
``[sources]``.

A file in the directory that ``MARKETS_DIR`` names adds to the file of the same name here: a row of
the same name takes the place of the whole row, and all other rows stay.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo

import msgspec

from pricing.markets import calendars, vocabulary
from pricing.markets.rows import (
    ALWAYS,
    READ_BY_QUOTES,
    BasisSwapConvention,
    BondConvention,
    BondFutureConvention,
    CurrencyConvention,
    CurveConvention,
    FutureConvention,
    IndexConvention,
    MeetingConvention,
    QuotedBond,
    Row,
    SwapConvention,
    why_not_beside_fits,
)

PACKAGED = Path(__file__).parent
VARIABLE = "MARKETS_DIR"
ANY = "any"
"""Name of the file whose bond conventions hold for bonds of every currency."""

SHOWN_FIRST = ("USD", "EUR", "GBP")
"""Currencies that lists begin with; the others follow by alphabet."""

TABLES: Mapping[str, type[Row]] = {
    "indices": IndexConvention,
    "curves": CurveConvention,
    "swaps": SwapConvention,
    "bonds": BondConvention,
    "futures": FutureConvention,
    "meetings": MeetingConvention,
    "bond_futures": BondFutureConvention,
    "basis_swaps": BasisSwapConvention,
    "quoted_bonds": QuotedBond,
}
CURRENCY_CODE = re.compile(r"[a-z]{3}")
ROW_NAME = re.compile(r"[A-Z0-9][A-Z0-9-]{0,31}")
MEETING_NAME = re.compile(r"[A-Z]{1,6}")
MEETING_EXAMPLE = "{ announced = 2026-02-05, effective = 2026-02-11 }"
CONTRACT_CODE = re.compile(r"[A-Z0-9]{1,6}")
NODE_TENOR = re.compile(r"([1-9]\d{0,3})([DWMY])")
NODE_UNITS = {"D": 1.0, "W": 7.0, "M": 365.25 / 12, "Y": 365.25}
INDEX_TENOR = re.compile(r"[1-9]\d?[DWMY]")
COUPON_EQUIVALENT = "coupon_equivalent"
QUOTED_BOND_NAME = re.compile(r"[A-Z0-9][A-Z0-9-]{0,26}")
"""Pattern of a quoted bond's name. Its quote has the id ``BOND-<name>``, of at most 32
characters."""

QUOTED_DAY_COUNTS = ("ACT/ACT ICMA", "30/360", "30E/360")
LAST_YEAR = 2198
"""Last year in which a bond may mature: calendars and QuantLib's dates end one year later."""


Table = dict[str, Any]
AnyRow = TypeVar("AnyRow", bound=Row)


class BadMarketFile(Exception):
    """A market file that cannot be used: file, table, field, value and what is allowed."""

    def __init__(self, place: Place, field: str, value: object, allowed: str) -> None:
        """Compose the sentence."""
        said = value.isoformat() if isinstance(value, dt.date) else repr(value)
        shown = f"{field} = {said}" if field else said
        table = f"[{place.table}] " if place.table else ""
        super().__init__(f"{place.file}: {table}{shown}: {allowed}")


@dataclass(frozen=True)
class Place:
    """The origin of a row: the name of its file, and the table in it."""

    file: str
    table: str = ""


@dataclass(frozen=True, kw_only=True)
class Markets:
    """All rows by name, each with the place it came from.

    ``source_keys`` are the keys of all sources, by text; two files may give a key different texts.
    ``files`` are those that were read, by currency.
    """

    currencies: Mapping[str, CurrencyConvention]
    indices: Mapping[str, IndexConvention]
    curves: Mapping[str, CurveConvention]
    swaps: Mapping[str, SwapConvention]
    bonds: Mapping[str, BondConvention]
    futures: Mapping[str, FutureConvention]
    meetings: Mapping[str, MeetingConvention]
    bond_futures: Mapping[str, BondFutureConvention]
    basis_swaps: Mapping[str, BasisSwapConvention]
    quoted_bonds: Mapping[str, QuotedBond]
    source_keys: Mapping[str, str]
    files: Mapping[str, tuple[Path, ...]]
    places: Mapping[tuple[str, str], Place]

    def rows_of(self, currency: str) -> Iterator[Row]:
        """All rows that a currency's trades and curves may use."""
        yield self.currencies[currency]
        tables = (self.indices, self.curves, self.swaps, self.bonds, self.futures)
        for table in (*tables, self.bond_futures, self.basis_swaps):
            yield from (row for row in table.values() if row.currency in (currency, None))
        # A table of meetings that no curve uses changes no number, and quoted bonds no flow of a
        # trade: the versions of the curves that they are quotes of name them.
        used = {curve.meetings for curve in self.curves.values()}
        for row in self.meetings.values():
            if row.currency == currency and row.name in used:
                yield row


def load(directory: str | None = None) -> Markets:
    """The packaged markets, with the files of a directory over them.

    Args:
        directory: Path of a site's own files; None or empty: none.

    Raises:
        BadMarketFile: With file, table, field, value and what is allowed.
    """
    files = packaged()
    if directory:
        own = Path(directory)
        if not own.is_dir():
            raise BadMarketFile(Place(VARIABLE), "", directory, "the path of a directory")
        files += sorted(own.glob("*.toml"), key=_order)
    return read(files)


def packaged() -> list[Path]:
    """The files of this package, in the order in which currencies are shown."""
    return sorted(PACKAGED.glob("*.toml"), key=_order)


def load_configured() -> Markets:
    """The packaged markets with those of ``MARKETS_DIR``; errors as in ``load``."""
    return load(os.environ.get(VARIABLE, "").strip())


def read(files: Iterable[Path]) -> Markets:
    """The rows of these files; a later file's row takes the place of one of the same name.

    Raises:
        BadMarketFile: With file, table, field, value and what is allowed.
    """
    found = _Reader()
    for file in files:
        found.take(file)
    return found.markets()


def _order(file: Path) -> tuple[int, str]:
    code = file.stem.upper()
    if file.stem == ANY:
        return len(SHOWN_FIRST) + 1, code
    return (SHOWN_FIRST.index(code) if code in SHOWN_FIRST else len(SHOWN_FIRST)), code


class _Reader:
    """Reads files one after another; a row replaces an earlier one of the same name."""

    def __init__(self) -> None:
        self.currencies: dict[str, CurrencyConvention] = {}
        self.rows: dict[str, dict[str, Any]] = {table: {} for table in TABLES}
        self.sources: dict[str, dict[str, str]] = {}  # by file stem
        self.source_keys: dict[str, str] = {}
        self.files: dict[str, tuple[Path, ...]] = {}
        self.places: dict[tuple[str, str], Place] = {}

    def take(self, file: Path) -> None:
        place = Place(shown(file))
        if file.stem != ANY and not CURRENCY_CODE.fullmatch(file.stem):
            allowed = "the code of a currency in lower case, such as usd.toml, or any.toml"
            raise BadMarketFile(place, "name", file.name, allowed)
        document = _parsed(file, place)
        code = None if file.stem == ANY else file.stem.upper()
        allowed_tables = ("sources", "bonds") if code is None else ("currency", "sources", *TABLES)
        for name, value in document.items():
            if name not in allowed_tables:
                raise BadMarketFile(place, "table", name, f"allowed: {', '.join(allowed_tables)}")
            if not isinstance(value, dict):
                raise BadMarketFile(place, name, value, f"a table, such as [{name}.NAME]")
        self.files[file.stem.upper()] = (*self.files.get(file.stem.upper(), ()), file)
        self._take_sources(file.stem, document.get("sources", {}), place)
        keys = self.sources[file.stem]
        if code is not None and "currency" in document:
            at = Place(place.file, "currency")
            self.places["currency", code] = at
            self.currencies[code] = _row(
                CurrencyConvention, document["currency"], {"name": code}, keys, at
            )
        for table, kind in TABLES.items():
            for name, values in document.get(table, {}).items():
                self._take_row(table, kind, name, values, code, keys, place)

    def _take_sources(self, stem: str, table: Table, place: Place) -> None:
        at = Place(place.file, "sources")
        for key, text in table.items():
            if not isinstance(text, str) or not text.strip():
                raise BadMarketFile(at, key, text, "a text: publisher, document, section")
            self.source_keys.setdefault(text, key)
        self.sources[stem] = self.sources.get(stem, {}) | table

    def _take_row(
        self,
        table: str,
        kind: type[Row],
        name: str,
        values: object,
        code: str | None,
        keys: Mapping[str, str],
        place: Place,
    ) -> None:
        at = Place(place.file, f"{table}.{name}")
        if not ROW_NAME.fullmatch(name):
            allowed = "a name of at most 32 capital letters, digits and hyphens"
            raise BadMarketFile(at, "name", name, allowed)
        if not isinstance(values, dict):
            raise BadMarketFile(Place(place.file, table), name, values, "a table of fields")
        row = _row(kind, values, {"name": name, "currency": code}, keys, at)
        before = self.rows[table].get(name)
        if before is not None and before.currency != code:
            other = self.places[table, name].file
            allowed = f"it is defined in {other}; each name may be defined once"
            raise BadMarketFile(at, "name", name, allowed)
        self.rows[table][name] = row
        self.places[table, name] = at

    def markets(self) -> Markets:
        found = Markets(
            currencies=self.currencies,
            indices=self.rows["indices"],
            curves=self.rows["curves"],
            swaps=self.rows["swaps"],
            bonds=self.rows["bonds"],
            futures=self.rows["futures"],
            meetings=self.rows["meetings"],
            bond_futures=self.rows["bond_futures"],
            basis_swaps=self.rows["basis_swaps"],
            quoted_bonds=self.rows["quoted_bonds"],
            source_keys=self.source_keys,
            files=self.files,
            places=self.places,
        )
        _check_all(found)
        return found


def shown(file: Path) -> str:
    """The file as people know it: packaged ones by name, others by path."""
    return file.name if file.parent == PACKAGED else str(file)


def _parsed(file: Path, place: Place) -> Table:
    try:
        found = msgspec.toml.decode(file.read_bytes())
    except OSError as error:
        raise BadMarketFile(place, "", file.name, f"it cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadMarketFile(place, "", file.name, f"it is not TOML: {error}") from None
    return dict(found)


# --- One row ---------------------------------------------------------------------------------


def _row(
    kind: type[AnyRow],
    values: Table,
    given: Mapping[str, object],
    keys: Mapping[str, str],
    place: Place,
) -> AnyRow:
    """A row of its table, with the texts of its sources."""
    fields = {name: value for name, value in values.items() if name != "sources"}
    known = [name for name in kind.__struct_fields__ if name not in (*given, "sources")]
    for name, value in fields.items():
        if name not in known:
            raise BadMarketFile(place, name, value, f"no such field; fields: {', '.join(known)}")
    if "settlement_lags" in fields:
        fields["settlement_lags"] = _lags(fields["settlement_lags"], keys, place)
    try:
        row = msgspec.convert({**fields, **given, "sources": {}}, kind)
    except msgspec.ValidationError as error:
        raise _explained(kind, fields, str(error), place) from None
    sources = values.get("sources", {})
    if isinstance(row, QuotedBond):  # all its terms are of one document
        sources = dict.fromkeys(fields, row.source)
    _check_sources(fields, sources, keys, place)
    texts = {name: keys[key] for name, key in sources.items()}
    return msgspec.structs.replace(row, sources=texts)


def _check_sources(fields: Table, sources: object, keys: Mapping[str, str], place: Place) -> None:
    at = Place(place.file, f"{place.table}.sources")
    if not isinstance(sources, dict):
        raise BadMarketFile(place, "sources", sources, "a table: the key of a source by field")
    for name, key in sources.items():
        if name not in fields or name == "settlement_lags":
            raise BadMarketFile(at, name, key, "the row has no such field to give a source for")
        if key not in keys:
            known = ", ".join(keys) or "none"
            raise BadMarketFile(at, name, key, f"a key of the table [sources]: {known}")
    for name, value in fields.items():
        if name not in sources and name not in UNSOURCED:
            reason = f"it has no source: give {name} in [{at.table}] a key of the table [sources]"
            raise BadMarketFile(place, name, value, reason)


UNSOURCED = ("kind", "place", "settlement_lags")
"""Fields without a source of their own; each row of ``settlement_lags`` names its source."""


def _lags(value: object, keys: Mapping[str, str], place: Place) -> list[Table]:
    """Settlement lags with the texts of their sources."""
    if not isinstance(value, list) or not value or not all(isinstance(v, dict) for v in value):
        allowed = 'a list of rows such as { days = 1, source = "KEY" }, the first always valid'
        raise BadMarketFile(place, "settlement_lags", value, allowed)
    for number, lag in enumerate(value):
        if lag.get("source") not in keys:
            allowed = f"a key of the table [sources]: {', '.join(keys) or 'none'}"
            field = f"settlement_lags[{number}].source"
            raise BadMarketFile(place, field, lag.get("source"), allowed)
    return [lag | {"source": keys[lag["source"]]} for lag in value]


def _explained(kind: type[AnyRow], fields: Table, message: str, place: Place) -> BadMarketFile:
    """Msgspec says 'Expected `int`, got `str` - at `$.spot_lag`': name field, value, allowed."""
    reason, _, path = message.partition(" - at `$")
    field = path.rstrip("`").lstrip(".")
    if "required field" in reason or "unknown field" in reason:
        name = reason.split("`")[1]
        whole = f"{field}.{name}" if field else name
        allowed = "this field is required" if "required" in reason else "no such field"
        return BadMarketFile(place, whole, None, allowed)
    top = field.partition("[")[0]
    value = fields.get(top)
    return BadMarketFile(place, field, value, _allowed(kind, top) or reason)


WORDS = {bool: "true or false", str: "a text", int: "a whole number, 0 or more", float: "a number"}


def _allowed(kind: type[AnyRow], field: str) -> str:
    """Return what a field may be, from its type; "" where that says little."""
    hint = get_type_hints(kind).get(field)
    if get_origin(hint) is Literal:
        return f"allowed: {', '.join(map(str, get_args(hint)))}"
    plain = hint if isinstance(hint, type) else None
    if plain is None and get_args(hint):
        plain = next((part for part in get_args(hint) if part in WORDS), None)
    if field in DAYS:
        return "a whole number of business days, 0 to 60"
    return WORDS.get(plain, "") if plain else ""


DAYS = (
    *("fixing_days", "publication_lag", "settlement_days", "spot_lag", "payment_lag"),
    *("ex_coupon_days", "last_trading_lag", "settlement_lag", "delivery_lag"),
)

# --- All rows --------------------------------------------------------------------------------


class _Check:
    """Checks fields of one row; each refusal names the row's place."""

    def __init__(self, row: Row, place: Place) -> None:
        self.row, self.place = row, place

    def fail(self, field: str, allowed: str) -> BadMarketFile:
        return BadMarketFile(self.place, field, getattr(self.row, field), allowed)

    def one_of(self, field: str, allowed: Iterable[str]) -> None:
        known = list(allowed)
        if getattr(self.row, field) not in known:
            raise self.fail(field, f"allowed: {', '.join(known) or 'none in this file'}")

    def same(self, field: str, value: object, of: str) -> None:
        if getattr(self.row, field) != value:
            raise self.fail(field, f"it must be {value!r}, that of {of}")


def _check_all(markets: Markets) -> None:
    for table, check in _CHECKS.items():
        rows: Mapping[str, Any] = getattr(markets, table)
        place_of = "currency" if table == "currencies" else table
        for name, row in rows.items():
            currency = getattr(row, "currency", name)
            at = markets.places[place_of, name]
            if currency is not None and currency not in markets.currencies:
                allowed = "the file has no table [currency]: every currency needs one"
                raise BadMarketFile(at, "currency", currency, allowed)
            check(_Check(row, at), row, markets)


def _names_in(rows: Mapping[str, Any], currency: str | None) -> list[str]:
    return [name for name, row in rows.items() if row.currency == currency]


def _check_currency(check: _Check, row: CurrencyConvention, markets: Markets) -> None:
    check.one_of("bond_calendar", vocabulary.CALENDARS)
    check.one_of("bond_discount_curve", _names_in(markets.curves, row.name))
    try:
        ZoneInfo(row.time_zone)
    except (KeyError, OSError, ValueError):  # unknown, a directory, no relative path
        allowed = "a name of the IANA time zone database, such as Europe/London"
        raise check.fail("time_zone", allowed) from None


def _check_index(check: _Check, row: IndexConvention, markets: Markets) -> None:
    check.one_of("calendar", vocabulary.CALENDARS)
    check.one_of("day_count", vocabulary.YEAR_DAYS)
    check.one_of("business_day_convention", vocabulary.ROLLS)
    check.one_of("forecast_curve", _names_in(markets.curves, row.currency))
    if not INDEX_TENOR.fullmatch(row.tenor):
        raise check.fail("tenor", "a number and D, W, M or Y, such as 1D or 3M")
    if (row.kind == "overnight") != (row.tenor == "1D"):
        raise check.fail("tenor", "1D for an overnight index, 1W or longer for an ibor index")
    if row.kind == "overnight" and row.publication_lag > 1:
        allowed = (
            "0 or 1: a coupon of an overnight index that has begun needs the fixing of the business"
            " day before"
        )
        raise check.fail("publication_lag", allowed)


def _check_curve(check: _Check, row: CurveConvention, markets: Markets) -> None:
    needed = READ_BY_QUOTES[row.quotes]
    for field in {f for fields in READ_BY_QUOTES.values() for f in fields}:
        given = getattr(row, field) is not None
        if given and field not in needed:
            raise check.fail(field, f"nothing reads it with quotes = {row.quotes!r}: leave it out")
        if field in needed and not given:
            raise check.fail(field, f"this field is required with quotes = {row.quotes!r}")
    if row.calendar is not None:
        check.one_of("calendar", vocabulary.CALENDARS)
    if row.frequency is not None:
        check.one_of("frequency", vocabulary.PERIODIC_FREQUENCIES)
    if row.discount_curve is not None:
        own = _names_in(markets.curves, row.currency)
        check.one_of("discount_curve", own[: own.index(row.name)])  # those that stand before it
    own_rows = [each for each in markets.curves.values() if each.currency == row.currency]
    refused = why_not_beside_fits(row.interpolation, own_rows)
    if refused is not None:
        raise check.fail("interpolation", refused)
    _check_fit(check, row)
    _check_short_end(check, row, markets)
    if row.index is not None:
        check.one_of("index", _names_in(markets.indices, row.currency))
        _check_calibration(check, row, markets)


def _check_fit(check: _Check, row: CurveConvention) -> None:
    """How a curve meets its quotes."""
    if row.future_volatility_bp is not None and row.index is None:
        raise check.fail("future_volatility_bp", "a curve without an index has no futures")
    if row.weights is not None and row.fit != "least_squares":
        raise check.fail("weights", 'fit = "least_squares": exact quotes have no weights')
    lengths = [_tenor_length(check, tenor) for tenor in row.nodes or ()]
    if row.nodes is not None and (not lengths or lengths != sorted(set(lengths))):
        raise check.fail("nodes", "tenors from short to long, each once")


def _check_short_end(check: _Check, row: CurveConvention, markets: Markets) -> None:
    """Meetings and turns, which an overnight rate has."""
    for field in ("meetings", "meetings_until", "turns"):
        if row.quotes != "ois" and getattr(row, field) is not None:
            raise check.fail(field, "nothing reads it: the curve is of no overnight rate")
    if row.meetings is not None:
        check.one_of(
            "meetings", [name for name, m in markets.meetings.items() if m.index == row.index]
        )
    if row.meetings_until is not None:
        if row.meetings is None:
            raise check.fail("meetings_until", "nothing reads it without meetings")
        if NODE_TENOR.fullmatch(row.meetings_until) is None:
            raise check.fail("meetings_until", "a tenor such as 18M or 2Y")
    if row.turns is not None and list(row.turns) != sorted(set(row.turns)):
        raise check.fail("turns", "dates in order, each once")


def _tenor_length(check: _Check, tenor: str) -> float:
    found = NODE_TENOR.fullmatch(tenor)
    if found is None:
        raise check.fail("nodes", "tenors such as 6M or 10Y")
    return int(found[1]) * NODE_UNITS[found[2]]


def _check_calibration(check: _Check, row: CurveConvention, markets: Markets) -> None:
    """The instruments of a curve are made of its index and its swap convention."""
    check.one_of("swap_convention", _names_in(markets.swaps, row.currency))
    index, swap = markets.indices[str(row.index)], markets.swaps[str(row.swap_convention)]
    kind = {"ois": "overnight", "ibor": "ibor"}[row.quotes]
    at = _Check(index, markets.places["indices", index.name])
    at.same("kind", kind, f"indices of {row.quotes} curves such as {row.name}")
    at.same("forecast_curve", row.name, f"the curve that is made of {index.name}")
    at = _Check(swap, markets.places["swaps", swap.name])
    at.same("index", index.name, f"curve {row.name}, which is made of these swaps")
    at.same("float_day_count", index.day_count, f"index {index.name}")
    if row.quotes == "ibor":
        at.same("float_frequency", index.tenor, f"index {index.name}")
        at.same("business_day_convention", index.business_day_convention, f"index {index.name}")
        at.same("payment_lag", 0, "swaps that an ibor curve is made of")
        at.same("discount_curve", row.discount_curve, f"curve {row.name}")
    else:
        at.same("discount_curve", row.name, f"curve {row.name}, which is made of these swaps")


def _check_swap(check: _Check, row: SwapConvention, markets: Markets) -> None:
    check.one_of("index", _names_in(markets.indices, row.currency))
    check.one_of("fixed_frequency", vocabulary.PERIODIC_FREQUENCIES)
    check.one_of("float_frequency", vocabulary.FREQUENCIES)
    check.one_of("fixed_day_count", vocabulary.DAY_COUNTS)
    check.one_of("float_day_count", vocabulary.DAY_COUNTS)
    check.one_of("calendar", vocabulary.CALENDARS)
    check.one_of("business_day_convention", vocabulary.ROLLS)
    check.one_of("discount_curve", _names_in(markets.curves, row.currency))


def _check_basis_swap(check: _Check, row: BasisSwapConvention, markets: Markets) -> None:
    """Both legs are made of standard swaps, and discounted on one curve."""
    standard: dict[str, SwapConvention] = {}
    for swap in markets.swaps.values():
        standard.setdefault(swap.index, swap)
    for field in ("first_index", "second_index"):
        check.one_of(field, _names_in(markets.indices, row.currency))
        if getattr(row, field) not in standard:
            raise check.fail(field, "an index that a row of the table swaps is against")
    pair = {row.first_index, row.second_index}
    if len(pair) == 1:
        raise check.fail("second_index", "another index than the first")
    for other in markets.basis_swaps.values():
        if other is row:
            break
        if {other.first_index, other.second_index} == pair:
            raise check.fail("name", f"{other.name} has the same two indices: give one of them")
    first, second = standard[row.first_index], standard[row.second_index]
    if first.discount_curve != second.discount_curve:
        allowed = f"an index whose swaps are discounted on {first.discount_curve}, as the first"
        raise check.fail("second_index", allowed)


def _check_bond(check: _Check, row: BondConvention, markets: Markets) -> None:
    check.one_of("payment_frequency", vocabulary.FREQUENCIES)
    check.one_of("yield_frequency", vocabulary.PERIODIC_FREQUENCIES)
    check.one_of("day_count", vocabulary.DAY_COUNTS)
    check.one_of("calendar", vocabulary.CALENDARS)
    check.one_of("settlement_calendar", vocabulary.CALENDARS)
    check.one_of("business_day_convention", vocabulary.ROLLS)
    if row.accrued_day_count is not None:
        check.one_of("accrued_day_count", vocabulary.DAY_COUNTS)
    if row.bill_yield is not None:
        check.one_of("bill_yield", (COUPON_EQUIVALENT, *vocabulary.DAY_COUNTS))
    if row.discount_curve is not None:
        check.one_of("discount_curve", _names_in(markets.curves, row.currency))
    dates = [lag.valid_from for lag in row.settlement_lags]
    if dates[0] != ALWAYS or dates != sorted(set(dates)):
        shown = [date.isoformat() for date in dates[1:]]
        allowed = "rows in order of valid_from; the first has none, for it holds from the beginning"
        raise BadMarketFile(check.place, "settlement_lags.valid_from", shown, allowed)


def _check_quoted_bond(check: _Check, row: QuotedBond, markets: Markets) -> None:
    """A bond with level coupons of a market whose days a feed can count without QuantLib."""
    if not QUOTED_BOND_NAME.fullmatch(row.name):
        raise check.fail("name", "at most 27 capital letters, digits and hyphens, such as an ISIN")
    curves = [c.name for c in markets.curves.values() if c.currency == row.currency]
    check.one_of("curve", [name for name in curves if markets.curves[name].index is None])
    check.one_of(
        "convention", (b.name for b in markets.bonds.values() if b.currency in (row.currency, None))
    )
    market = markets.bonds[row.convention]
    if market.payment_frequency not in vocabulary.MONTHS:
        raise check.fail("convention", "a market whose bonds pay coupons")
    if market.day_count not in QUOTED_DAY_COUNTS:
        allowed = f"a market that counts coupons by {', '.join(QUOTED_DAY_COUNTS)}"
        raise check.fail("convention", f"{allowed}: {market.name} counts by {market.day_count}")
    if market.accrued_day_count not in (None, *vocabulary.YEAR_DAYS):
        allowed = f"a market that counts accrued interest by {', '.join(vocabulary.YEAR_DAYS)}"
        raise check.fail("convention", allowed)
    if not row.issue_date < row.maturity_date:
        raise check.fail("maturity_date", f"a date after issue_date = {row.issue_date}")
    if row.maturity_date.year > LAST_YEAR:
        raise check.fail("maturity_date", f"a date up to the year {LAST_YEAR}")
    if row.first_coupon_date is not None:
        months = vocabulary.MONTHS[market.payment_frequency]
        _check_first_coupon(check, row, row.first_coupon_date, months)


def _check_first_coupon(check: _Check, row: QuotedBond, first: dt.date, months: int) -> None:
    """It must be one of the dates counted back from maturity."""
    last = row.maturity_date
    apart = 12 * (last.year - first.year) + last.month - first.month
    counted = calendars.later(last, -apart, "M")
    ends = all((date + dt.timedelta(days=1)).day == 1 for date in (first, last))
    regular = apart % months == 0 and (first == counted or ends)
    if not (row.issue_date < first < last and regular):
        allowed = f"a date after issue_date, a number of {months} months before maturity_date"
        raise check.fail("first_coupon_date", allowed)


def _check_future(check: _Check, row: FutureConvention, markets: Markets) -> None:
    check.one_of("index", _names_in(markets.indices, row.currency))
    _check_contract(check, row)
    kind = markets.indices[row.index].kind
    if (row.final_rate == "term") != (kind == "ibor"):
        allowed = (
            f"term for an ibor index, compounded or averaged for an overnight one: {row.index}"
        )
        raise check.fail("final_rate", f"{allowed} is an {kind} index")
    if (row.reference_period == "index_period") != (kind == "ibor"):
        allowed = (
            "index_period for an ibor index, imm_quarter or calendar_month for an overnight one"
        )
        raise check.fail("reference_period", allowed)
    if (
        row.reference_period == "index_period"
        and markets.indices[row.index].tenor not in vocabulary.MONTHS
    ):
        raise check.fail("index", f"one with a period of {', '.join(vocabulary.MONTHS)}")


def _check_contract(check: _Check, row: FutureConvention | BondFutureConvention) -> None:
    """What futures of both kinds have."""
    if not CONTRACT_CODE.fullmatch(row.name):
        raise check.fail("name", "at most 6 capital letters and digits: a month follows them")
    for field in ("contract_size", "tick"):
        if not getattr(row, field) > 0.0:
            raise check.fail(field, "a number above zero")


def _check_meetings(check: _Check, row: MeetingConvention, markets: Markets) -> None:
    check.one_of("index", _names_in(markets.indices, row.currency))
    if markets.indices[row.index].kind != "overnight":
        raise check.fail("index", "an overnight index")
    if not MEETING_NAME.fullmatch(row.name):
        raise check.fail("name", "at most 6 capital letters: a date follows them in a quote's id")
    for name in ("announced", "effective"):
        days = [getattr(meeting, name) for meeting in row.dates]
        if days != sorted(set(days)) or not days:
            allowed = f"rows in order of {name}, each date once, such as {MEETING_EXAMPLE}"
            raise BadMarketFile(check.place, f"dates.{name}", [str(day) for day in days], allowed)
    late = next((one for one in row.dates if one.effective < one.announced), None)
    if late is not None:
        allowed = "a day on or after the announcement"
        raise BadMarketFile(check.place, "dates.effective", str(late.effective), allowed)


def _check_bond_future(check: _Check, row: BondFutureConvention, _: Markets) -> None:
    check.one_of("calendar", vocabulary.CALENDARS)
    _check_contract(check, row)


_CHECKS: Mapping[str, Any] = {
    "currencies": _check_currency,
    "indices": _check_index,
    "curves": _check_curve,
    "swaps": _check_swap,
    "bonds": _check_bond,
    "futures": _check_future,
    "meetings": _check_meetings,
    "bond_futures": _check_bond_future,
    "basis_swaps": _check_basis_swap,
    "quoted_bonds": _check_quoted_bond,
}
