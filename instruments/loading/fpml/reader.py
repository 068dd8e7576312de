"""Read the swaps of an FpML 5 document as rows of the tables of swaps and basis swaps.

What an element says is read or refused, never passed over: an element that is not in `KNOWN` is a
sentence. A value that the convention of the index has already is left out, so that the row is as
short as one written by hand.

Our side of a trade is the party of the ``partyTradeInformation`` with an ``accountReference``; that
account's ``accountId`` is the book.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from instruments.loading import cells
from instruments.loading.errors import BadFile
from instruments.loading.fpml import names
from instruments.loading.fpml.tree import Node, parse
from instruments.models import Counterparty
from pricing.markets import conventions

T = TypeVar("T")
Row = dict[str, object]

NAMESPACE = "http://www.fpml.org/FpML-5/"
SWAPS, BASIS_SWAPS = KINDS = ("swaps", "basis_swaps")
SENTENCES = 50
WHAT = {SWAPS: "a fixed-floating swap", BASIS_SWAPS: "a basis swap"}

INTERVAL = ("periodMultiplier", "period")
ADJUSTMENTS = ("businessDayConvention", "businessCenters", "businessCentersReference")
KNOWN: Mapping[str, tuple[str, ...]] = {
    "trade": ("tradeHeader", "swap", "documentation"),
    "tradeHeader": ("partyTradeIdentifier", "partyTradeInformation", "tradeDate"),
    "swap": ("swapStream", "productType", "primaryAssetClass", "productId"),
    "swapStream": (
        *("payerPartyReference", "payerAccountReference"),
        *("receiverPartyReference", "receiverAccountReference", "calculationPeriodDates"),
        *("paymentDates", "resetDates", "calculationPeriodAmount"),
    ),
    "calculationPeriodDates": (
        *("effectiveDate", "terminationDate", "calculationPeriodDatesAdjustments"),
        *("firstRegularPeriodStartDate", "lastRegularPeriodEndDate", "calculationPeriodFrequency"),
    ),
    "effectiveDate": ("unadjustedDate", "dateAdjustments"),
    "terminationDate": ("unadjustedDate", "dateAdjustments"),
    "dateAdjustments": ADJUSTMENTS,
    "calculationPeriodDatesAdjustments": ADJUSTMENTS,
    "paymentDatesAdjustments": ADJUSTMENTS,
    "resetDatesAdjustments": ADJUSTMENTS,
    "businessCenters": ("businessCenter",),
    "calculationPeriodFrequency": (*INTERVAL, "rollConvention"),
    "paymentDates": (
        *("calculationPeriodDatesReference", "paymentFrequency", "payRelativeTo"),
        *("paymentDaysOffset", "paymentDatesAdjustments"),
    ),
    "paymentFrequency": INTERVAL,
    "paymentDaysOffset": (*INTERVAL, "dayType"),
    "resetDates": (
        *("calculationPeriodDatesReference", "resetRelativeTo", "fixingDates", "resetFrequency"),
        *("resetDatesAdjustments",),
    ),
    "resetFrequency": INTERVAL,
    "fixingDates": (*INTERVAL, "dayType", *ADJUSTMENTS, "dateRelativeTo"),
    "calculationPeriodAmount": ("calculation",),
    "calculation": (
        *("notionalSchedule", "fixedRateSchedule", "floatingRateCalculation"),
        *("dayCountFraction", "compoundingMethod"),
    ),
    "notionalSchedule": ("notionalStepSchedule",),
    "notionalStepSchedule": ("initialValue", "step", "currency"),
    "fixedRateSchedule": ("initialValue", "step"),
    "step": ("stepDate", "stepValue"),
    "floatingRateCalculation": ("floatingRateIndex", "indexTenor", "spreadSchedule"),
    "indexTenor": INTERVAL,
    "spreadSchedule": ("initialValue",),
}
"""Elements that are read, and those that may be in each of them. What is in others, such as the
documentation of a trade, has no effect on its value."""


class Refused(Exception):
    """A trade that is not read; the sentence says why."""


@dataclass(frozen=True)
class Stream:
    """One leg."""

    payer: str
    receiver: str
    start: str
    end: str
    first_regular: str
    last_regular: str
    frequency: str
    compounding_method: str
    roll: str
    payment_lag: int
    convention: str
    calendar: str
    day_count: str
    currency: str
    notional: str
    notional_steps: tuple[tuple[str, str], ...]
    fixed_rate: str
    rate_steps: tuple[tuple[str, str], ...]
    index: str
    spread_bp: Decimal


def is_fpml(content: bytes) -> bool:
    """Return whether a file that begins with markup says that it is FpML."""
    return b"www.fpml.org/" in content[:4_000]


def read(content: bytes, kind: str) -> tuple[list[int], list[Row]]:
    """Line and row of each trade of a document.

    Args:
        content: The document.
        kind: One of `KINDS`.

    Raises:
        BadFile: It is no FpML 5, or a trade is not read: a sentence for each of them.
    """
    namespace, root = parse(content)
    if not namespace.startswith(NAMESPACE):
        raise BadFile(f"FpML 5 is read ({NAMESPACE}...); the namespace of this file is {namespace}")
    if kind not in KINDS:
        raise BadFile(f"FpML is read as {' or '.join(KINDS)}, not as {kind}")
    parties, accounts = _by_id(root, "party"), _by_id(root, "account")
    trades = [node for node in root.children if node.name == "trade"]
    if not trades:
        raise BadFile("The FpML has no trade as a child of its root")
    lines: list[int] = []
    rows: list[Row] = []
    wrong: list[str] = []
    for trade in trades:
        try:
            rows.append(_row(trade, kind, parties, accounts))
            lines.append(trade.line)
        except Refused as error:
            trade_id = trade.value("tradeHeader/partyTradeIdentifier/tradeId")
            wrong.append(f"line {trade.line}: trade {cells.shown(trade_id)}: {error}")
    if wrong:
        more = [f"and {len(wrong) - SENTENCES} more"] if len(wrong) > SENTENCES else []
        raise BadFile(*wrong[:SENTENCES], *more)
    return lines, rows


def _by_id(root: Node, name: str) -> dict[str, Node]:
    return {node.attributes.get("id", ""): node for node in root.children if node.name == name}


def _row(trade: Node, kind: str, parties: Mapping[str, Node], accounts: Mapping[str, Node]) -> Row:
    _check_known(trade)
    swap = trade.first("swap")
    if swap is None:
        product = next((c.name for c in trade.children if c.name != "tradeHeader"), "nothing")
        raise Refused(f"{product} is not read; allowed: swap")
    header = trade.first("tradeHeader") or trade
    ours, row = _header(header, accounts)
    streams = [_stream(node) for node in swap.all("swapStream")]
    if len(streams) != 2:
        raise Refused(f"swap has {len(streams)} swapStream elements; allowed: 2")
    _check_sides(streams, ours, parties, row)
    _same(streams, "start", "effectiveDate")
    _same(streams, "end", "terminationDate")
    for field in ("first_regular", "last_regular", "roll", "convention", "calendar", "currency"):
        _same(streams, field, field.replace("_", " "))
    for field in ("payment_lag", "notional", "notional_steps"):
        _same(streams, field, field.replace("_", " "))
    fixed = [stream for stream in streams if not stream.index]
    found = SWAPS if len(fixed) == 1 else BASIS_SWAPS
    if len(fixed) == 2:
        raise Refused("both streams are fixed; allowed: one, or none")
    if found != kind:
        raise Refused(f"it is {WHAT[found]}, to be loaded as {found} from a file of its own")
    make = _fixed_floating if found == SWAPS else _basis
    made = {**row, **make(streams, ours, header)}
    return {name: value for name, value in made.items() if value not in ("", None)}


def _check_known(node: Node) -> None:
    """Refuse elements that say what is not read."""
    allowed = KNOWN.get(node.name)
    if allowed is None:
        return
    for child in node.children:
        if child.name not in allowed:
            raise Refused(
                f"line {child.line}: {child.name} in {node.name} is not priced; allowed there:"
                f" {', '.join(allowed)}"
            )
        _check_known(child)


# --- Header ----------------------------------------------------------------------------------


def _header(header: Node, accounts: Mapping[str, Node]) -> tuple[str, Row]:
    """The id of our party, and trade_id and book."""
    ours = [
        (_href(node, "partyReference"), _href(node, "accountReference"))
        for node in header.all("partyTradeInformation")
        if node.first("accountReference") is not None
    ]
    if len(ours) != 1:
        raise Refused(
            "one partyTradeInformation with an accountReference is needed: its party is our side,"
            " its account the book"
        )
    party, account = ours[0]
    if account not in accounts:
        raise Refused(f"accountReference {cells.shown(account)} is of no account of the document")
    book = accounts[account].value("accountId")
    named = [
        node.value("tradeId") or node.value("versionedTradeId/tradeId")
        for node in header.all("partyTradeIdentifier")
        if _href(node, "partyReference") == party
    ]
    if len(named) != 1 or not named[0]:
        raise Refused("one partyTradeIdentifier of our party with a tradeId is needed")
    return party, {"trade_id": named[0], "book": book}


def _href(node: Node, name: str) -> str:
    found = node.first(name)
    return found.attributes.get("href", "") if found is not None else ""


def _check_sides(
    streams: Sequence[Stream], ours: str, parties: Mapping[str, Node], row: Row
) -> None:
    """Check that each side pays one stream; the other side is the counterparty."""
    one, two = streams
    if (one.payer, one.receiver) != (two.receiver, two.payer) or one.payer == one.receiver:
        raise Refused("payer and receiver of one stream must be receiver and payer of the other")
    if ours not in (one.payer, one.receiver):
        raise Refused(f"our party {cells.shown(ours)} neither pays nor receives a stream")
    theirs = one.payer if one.receiver == ours else one.receiver
    if theirs not in parties:
        raise Refused(f"party {cells.shown(theirs)} is not in the document")
    row["counterparty"] = _code_of(parties[theirs])


def _code_of(party: Node) -> str:
    """The counterparty's code: the identifier itself, or that of the row with this LEI."""
    found = party.first("partyId")
    if found is None:
        return ""
    if names.LEI not in found.attributes.get("partyIdScheme", ""):
        return found.text
    code = Counterparty.objects.filter(lei=found.text).values_list("code", flat=True).first()
    if code is None:
        raise Refused(f"partyId: no counterparty has the LEI {cells.shown(found.text)}")
    return str(code)


# --- Streams ---------------------------------------------------------------------------------


def _stream(node: Node) -> Stream:
    dates, amount = "calculationPeriodDates", "calculationPeriodAmount/calculation"
    frequency = _frequency(node, f"{dates}/calculationPeriodFrequency")
    paid = _frequency(node, "paymentDates/paymentFrequency")
    relative = _needed(node, "paymentDates/payRelativeTo")
    if relative != "CalculationPeriodEndDate":
        raise Refused(
            f"payRelativeTo: {relative!r} is not priced; allowed: CalculationPeriodEndDate"
        )
    schedule = f"{amount}/notionalSchedule/notionalStepSchedule"
    index = _index(node, f"{amount}/floatingRateCalculation")
    if index:
        _check_resets(node, index, frequency)
    method = _compounding(node.value(f"{amount}/compoundingMethod"), index, (paid, frequency))
    fixed = "" if index else _number(node, f"{amount}/fixedRateSchedule/initialValue")
    return Stream(
        payer=_href(node, "payerPartyReference"),
        receiver=_href(node, "receiverPartyReference"),
        start=_needed(node, f"{dates}/effectiveDate/unadjustedDate"),
        end=_needed(node, f"{dates}/terminationDate/unadjustedDate"),
        first_regular=node.value(f"{dates}/firstRegularPeriodStartDate"),
        last_regular=node.value(f"{dates}/lastRegularPeriodEndDate"),
        frequency=paid,
        compounding_method=method,
        roll=_needed(node, f"{dates}/calculationPeriodFrequency/rollConvention"),
        payment_lag=_payment_lag(node),
        convention=_convention(node),
        calendar=_calendar(node),
        day_count=_one_of(
            names.DAY_COUNTS, "dayCountFraction", _needed(node, f"{amount}/dayCountFraction")
        ),
        currency=_needed(node, f"{schedule}/currency"),
        notional=_number(node, f"{schedule}/initialValue"),
        notional_steps=_steps(node, schedule),
        fixed_rate=fixed,
        rate_steps=_steps(node, f"{amount}/fixedRateSchedule"),
        index=index,
        spread_bp=_spread_bp(node, f"{amount}/floatingRateCalculation/spreadSchedule/initialValue"),
    )


def _compounding(word: str, index: str, periods: tuple[str, str]) -> str:
    """How the periods of a payment compound; empty where each is paid by itself.

    Args:
        word: ``compoundingMethod`` of the document; empty: not given.
        index: Of the leg; empty: it is fixed.
        periods: Between payments, and of the calculation.
    """
    paid, frequency = periods
    method = _one_of(names.COMPOUNDING, "compoundingMethod", word or "None")
    if paid == frequency:
        overnight = index and conventions.INDICES[index].kind == "overnight"
        if method and not overnight:
            raise Refused(f"compoundingMethod: {word} of periods that are paid one by one")
        return method
    if not method or not index:
        raise Refused(
            f"payments every {paid} of periods of {frequency} compound on a floating leg with a "
            f"compoundingMethod; allowed: {', '.join(names.COMPOUNDING)}"
        )
    return method


def _needed(node: Node, path: str) -> str:
    found = node.value(path)
    if not found:
        raise Refused(f"{node.name}/{path} is missing")
    return found


def _one_of(table: Mapping[str, T], what: str, word: str) -> T:
    if word not in table:
        raise Refused(f"{what}: {cells.shown(word)} is not priced; allowed: {', '.join(table)}")
    return table[word]


def _number(node: Node, path: str) -> str:
    word = _needed(node, path)
    try:
        if not Decimal(word).is_finite():
            raise InvalidOperation
    except InvalidOperation:
        raise Refused(f"{path}: {cells.shown(word)} is not a number") from None
    return word


def _steps(node: Node, path: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (_needed(step, "stepDate"), _number(step, "stepValue")) for step in node.all(f"{path}/step")
    )


def _frequency(node: Node, path: str) -> str:
    count, period = _interval(node, path)
    months = count * names.PERIODS.get(period, 0)
    if months not in names.FREQUENCIES:
        allowed = ", ".join(names.FREQUENCIES.values())
        raise Refused(f"{path}: {count}{period} is not priced; allowed: {allowed}")
    return names.FREQUENCIES[months]


def _interval(node: Node, path: str) -> tuple[int, str]:
    count, period = _needed(node, f"{path}/periodMultiplier"), _needed(node, f"{path}/period")
    try:
        return int(count), period
    except ValueError:
        raise Refused(f"{path}: {cells.shown(count)} is not a whole number") from None


def _payment_lag(node: Node) -> int:
    path = "paymentDates/paymentDaysOffset"
    if node.first(path) is None:
        return 0
    count, period = _interval(node, path)
    if period != "D" or (count and node.value(f"{path}/dayType") != "Business"):
        raise Refused(f"{path}: allowed: days (D) of the dayType Business")
    return count


def _adjustments(node: Node) -> Iterator[Node]:
    """Return how dates of a leg are moved to business days; its start is not adjusted."""
    yield from node.all("calculationPeriodDates/terminationDate/dateAdjustments")
    yield from node.all("calculationPeriodDates/calculationPeriodDatesAdjustments")
    yield from node.all("paymentDates/paymentDatesAdjustments")


def _convention(node: Node) -> str:
    found = {_needed(each, "businessDayConvention") for each in _adjustments(node)}
    if len(found) != 1:
        listed = ", ".join(sorted(found)) or "none"
        raise Refused(f"businessDayConvention of periods, end and payments must be one: {listed}")
    return _one_of(names.ROLLS, "businessDayConvention", found.pop())


def _calendar(node: Node) -> str:
    found = {
        frozenset(center.text for center in each.all("businessCenters/businessCenter"))
        for each in _adjustments(node)
    } - {frozenset()}
    listed = "; ".join(" and ".join(sorted(centers)) for centers in found) or "none"
    if len(found) != 1:
        raise Refused(f"businessCenters of periods, end and payments must be one set: {listed}")
    (centers,) = found
    if centers not in names.CALENDARS:
        allowed = "; ".join(" and ".join(sorted(each)) for each in names.CALENDARS)
        raise Refused(f"businessCenters: {listed} is not priced; allowed: {allowed}")
    return names.CALENDARS[centers]


def _index(node: Node, path: str) -> str:
    """The index of a floating leg; empty for a fixed one."""
    if node.first(path) is None:
        return ""
    word = _needed(node, f"{path}/floatingRateIndex")
    if word in names.INDICES:
        return names.INDICES[word]
    stem = _one_of({**names.TERM, **names.INDICES}, "floatingRateIndex", word)
    count, period = _interval(node, f"{path}/indexTenor")
    name = f"{stem}{count}{period}"
    if name not in conventions.INDICES:
        allowed = ", ".join(each for each in conventions.INDICES if each.startswith(stem))
        raise Refused(f"indexTenor: {name} is not priced; allowed: {allowed}")
    return name


def _check_resets(node: Node, index: str, frequency: str) -> None:
    """An index fixes as its convention says: at the start of a period, or day by day."""
    row = conventions.INDICES[index]
    if node.first("resetDates") is None or row.kind == "overnight":
        return
    relative = _needed(node, "resetDates/resetRelativeTo")
    if relative != "CalculationPeriodStartDate":
        raise Refused(
            f"resetRelativeTo: {relative!r} is not priced; allowed: CalculationPeriodStartDate"
        )
    if _frequency(node, "resetDates/resetFrequency") != frequency:
        raise Refused(f"resetFrequency must be the period of the leg, {frequency}")
    if node.first("resetDates/fixingDates") is not None:
        count, period = _interval(node, "resetDates/fixingDates")
        if period != "D" or -count != row.fixing_days:
            raise Refused(
                f"fixingDates: {count}{period} is not priced; {index} fixes {row.fixing_days}"
                " business days before a period"
            )


def _spread_bp(node: Node, path: str) -> Decimal:
    return Decimal(_number(node, path)) * 10_000 if node.first(path) is not None else Decimal(0)


def _same(streams: Sequence[Stream], field: str, what: str) -> None:
    one, two = (getattr(stream, field) for stream in streams)
    if one != two:
        raise Refused(f"{what} of the streams must be equal: {one or 'none'} and {two or 'none'}")


# --- Rows ------------------------------------------------------------------------------------


def _fixed_floating(streams: Sequence[Stream], ours: str, header: Node) -> Row:
    fixed, floating = sorted(streams, key=lambda stream: stream.index)
    name = next((n for n, row in conventions.SWAPS.items() if row.index == floating.index), None)
    if name is None:
        raise Refused(f"no convention is against {floating.index}")
    row: Any = conventions.SWAPS[name]
    own = {
        "fixed_frequency": fixed.frequency,
        "fixed_day_count": fixed.day_count,
        "float_frequency": floating.frequency,
        "float_day_count": floating.day_count,
        "payment_lag": fixed.payment_lag,
        "calendar": fixed.calendar,
        "business_day_convention": fixed.convention,
    }
    if row.currency != fixed.currency:
        raise Refused(f"currency: {fixed.currency} is not that of {floating.index}, {row.currency}")
    return {
        "convention": name,
        "pay_receive": "receive" if fixed.receiver == ours else "pay",
        "notional": fixed.notional,
        "effective_date": fixed.start,
        "termination_date": fixed.end,
        "fixed_rate": fixed.fixed_rate,
        "spread_bp": _text(floating.spread_bp),
        "compounding_method": floating.compounding_method,
        "trade_date": header.value("tradeDate"),
        "first_regular_date": fixed.first_regular,
        "last_regular_date": fixed.last_regular,
        "notional_schedule": _schedule(fixed.notional_steps, "notional"),
        "fixed_rate_schedule": _schedule(fixed.rate_steps, "rate"),
        **_roll(fixed, row.end_of_month),
        **{field: value for field, value in own.items() if value != getattr(row, field)},
    }


def _basis(streams: Sequence[Stream], ours: str, _: Node) -> Row:
    first, second = streams
    for stream in streams:
        if stream.compounding_method:
            raise Refused("a leg of a basis swap that compounds is not priced")
        index = conventions.INDICES[stream.index]
        if (stream.day_count, stream.currency) != (index.day_count, index.currency):
            raise Refused(
                f"{stream.index} accrues {index.day_count} in {index.currency}, not"
                f" {stream.day_count} in {stream.currency}"
            )
    if first.notional_steps:
        raise Refused("a basis swap of changing notional is not priced")
    roll = _roll(first, None)
    if "roll_day" in roll:
        raise Refused(f"rollConvention: {first.roll} is not the day of terminationDate")
    return {
        "first_index": first.index,
        "second_index": second.index,
        "pay_receive": "receive" if first.receiver == ours else "pay",
        "notional": first.notional,
        "effective_date": first.start,
        "termination_date": first.end,
        "first_spread_bp": _text(first.spread_bp),
        "second_spread_bp": _text(second.spread_bp),
        "first_regular_date": first.first_regular,
        "last_regular_date": first.last_regular,
        "first_frequency": first.frequency,
        "second_frequency": second.frequency,
        "payment_lag": first.payment_lag,
        "calendar": first.calendar,
        "business_day_convention": first.convention,
        **roll,
    }


def _roll(stream: Stream, end_of_month: bool | None) -> Row:
    """Columns of the roll convention; none where the end says the same."""
    word = stream.roll
    if word == "EOM":
        return {} if end_of_month else {"end_of_month": "true"}
    found: Row = {} if end_of_month is False else {"end_of_month": "false"}
    if word in ("NONE", stream.end[-2:].lstrip("0")):
        return found
    if word == "IMM" or (word.isdecimal() and 1 <= int(word) <= 31):
        return {**found, "roll_day": word}
    raise Refused(
        f"rollConvention: {cells.shown(word)} is not priced; allowed: EOM, IMM, NONE, 1 to 31"
    )


def _schedule(steps: Sequence[tuple[str, str]], name: str) -> list[Row] | None:
    return [{"date": date, name: float(value)} for date, value in steps] or None


def _text(value: Decimal) -> str:
    return f"{value.normalize():f}" if value else ""
