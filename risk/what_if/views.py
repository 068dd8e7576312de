"""What-if over REST: preview entries, read quick text, preview and book stored sets."""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, cast

import msgspec
from django.db import transaction
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.parsers import BaseParser, JSONParser
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from instruments import access, loading, what_if
from instruments.api.bulk import CsvParser, XlsxParser
from instruments.api.idempotency import HEADER, repeatable
from instruments.api.permissions import ReadsMaster, check_desk, needs
from instruments.api.refusals import Conflict, refuse_unknown
from instruments.models import SetStatus, WhatIfSet
from instruments.what_if import CheckedEntry, Entry, Problem
from pricing.errors import BadInput, Failure
from pricing.markets.conventions import CURRENCIES
from pricing.quick_text import read_line
from risk.api import parameters, previewer, source
from risk.api.preview import CannotBePriced
from risk.api.views import RiskView
from risk.limits import definitions
from risk.queries import portfolio
from risk.queries.trade_detail import stamp
from risk.scenarios import views as scenarios
from risk.scenarios.messages import ScenarioFrame
from risk.store import previews
from risk.store.frames import BOOK_GONE
from risk.store.results import Rollup
from risk.what_if import schemas
from risk.what_if.answers import Side, before_and_after
from risk.what_if.limit_changes import limit_changes
from risk.what_if.messages import (
    PRICE_TASK,
    NewTrade,
    OldTrade,
    PricedMarket,
    TradeNumbers,
    VarScenarios,
    WhatIfAnswer,
    WhatIfMarket,
    WhatIfQuestion,
)
from risk.what_if.value_at_risk import EntrySide, scenarios_of, value_at_risk

Json = dict[str, Any]
MAX_LINES = what_if.MAX_ENTRIES
GROUPING = [
    parameters.listed("group_by", "Default: currency", portfolio.GROUPINGS),
    parameters.parameter(
        "reporting_currency", "Convert sums with the frames' own FX", allowed=CURRENCIES
    ),
    parameters.parameter(
        "var", "true: incremental value at risk, by full revaluation", allowed=("true", "false")
    ),
    parameters.parameter(
        "limits", "true: limits that the entries would change", allowed=("true", "false")
    ),
]
GROUPING_NAMES = ("group_by", "reporting_currency", "var", "limits")


class NoSuchMarket(APIException):
    """An entry is in a currency of which no frame is published."""

    status_code = 422
    default_code = "no_market"


class ChangesSets(BasePermission):
    """Traders and risk administrators book."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Refuse users who may not change sets.

        Raises:
            PermissionDenied: Naming the roles that may.
        """
        if request.user.has_perm("instruments.change_whatifset"):
            return True
        raise needs((access.TRADER, access.RISK_ADMIN), request)


def dates_of(rollups: Sequence[Rollup]) -> dict[str, dt.date]:
    """The valuation date of each currency with a frame."""
    return {rollup.currency: rollup.valuation_date for rollup in rollups}


class TextView(RiskView):
    """What lines of quick text mean."""

    @extend_schema(
        operation_id="what_if_text", request=schemas.TextQuestion, responses=schemas.TextAnswer
    )
    def post(self, request: Request) -> Response:
        """Each line as it was understood, or field, text and what is allowed; prices nothing."""
        body = _object(request.data, ("text", "book"))
        text = _text(body, "text")
        dates = dates_of(source.rollups())
        lines: list[Json] = []
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                lines.append({"line": number, "text": line, **_understood(line, dates)})
        if len(lines) > MAX_LINES:
            raise ValidationError({"text": [f"text: at most {MAX_LINES} lines"]})
        return Response({"valuation_dates": dates, "lines": lines})


def _understood(line: str, dates: Mapping[str, dt.date]) -> Json:
    try:
        found = read_line(line, dates)
        entry = what_if.read_entry({"text": line}, dates)
    except BadInput as error:
        return {"sentence": "", "entry": None, "problem": _problem(Problem.of(error))}
    return {"sentence": found.sentence, "entry": entry.stored(), "problem": None}


def _problem(problem: Problem) -> Json:
    return {
        "field": problem.field,
        "text": None if problem.text is None else str(problem.text),
        "allowed": problem.allowed,
        "sentence": problem.sentence,
    }


class WhatIfView(RiskView):
    """The book with trades that are not saved."""

    parser_classes: ClassVar[tuple[type[BaseParser], ...]] = (  # type: ignore[misc]
        JSONParser,
        CsvParser,
        XlsxParser,
    )

    @extend_schema(
        operation_id="what_if",
        parameters=[
            *GROUPING,
            parameters.parameter(
                "kind",
                "Table of the rows of a file (text/csv, or a workbook)",
                allowed=tuple(what_if.TRADE_KINDS),
            ),
        ],
        request={
            "application/json": schemas.Question,
            CsvParser.media_type: {"type": "string"},
            XlsxParser.media_type: {"type": "string", "format": "binary"},
        },
        responses=schemas.WhatIfPreview,
    )
    def post(self, request: Request) -> Response:
        """Measures of each entry; sums and ladders before and after; stores nothing."""
        parameters.known_only(request, *GROUPING_NAMES, "kind")
        with previewer.slot_of(request.user.pk):
            rollups = source.rollups()
            entries = _entries(request, dates_of(rollups))
            answer = preview(request, self.desks(request), rollups, entries)
        return Response(answer)


class SetPreviewView(RiskView):
    """The book with the entries of a stored set."""

    @extend_schema(
        operation_id="what_if_set_preview",
        parameters=GROUPING,
        request=None,
        responses=schemas.WhatIfPreview,
    )
    def post(self, request: Request, code: str) -> Response:
        """As what-if/; what was solved is stored with the set, so that booking writes it."""
        parameters.known_only(request, *GROUPING_NAMES)
        found = _set(request, code)
        rollups = source.rollups()
        entries = [what_if.read_entry(entry, {}) for entry in found.entries]
        with previewer.slot_of(request.user.pk):
            answer = preview(request, self.desks(request), rollups, entries)
        user = cast(Any, request.user)
        may_store = user.has_perm("instruments.change_whatifset") and access.may_write(user, found)
        if may_store and found.status == SetStatus.DRAFT:
            found.solved = {e["trade_id"]: e["solved"] for e in answer["entries"] if e["solved"]}
            found.versions = {e["trade_id"]: e["version"] for e in answer["entries"]}
            found.frames = {each["currency"]: each["frame"] for each in answer["frames"]}
            found.save()
        return Response(answer)


class SetBookView(RiskView):
    """Book a stored set."""

    permission_classes = (IsAuthenticated, ReadsMaster, ChangesSets)

    @extend_schema(
        operation_id="what_if_set_book",
        parameters=[parameters.header(HEADER)],
        request=None,
        responses=schemas.Booked,
    )
    @repeatable
    def post(self, request: Request, code: str) -> Response:
        """Write all its entries, as previewed, in one transaction and one book version."""
        parameters.known_only(request)
        user = cast(Any, request.user)
        with transaction.atomic():
            found = _set(request, code, lock=True)
            check_desk(request, found)
            if found.status == SetStatus.BOOKED:
                raise Conflict(f"{code} has already been booked")
            entries = checked_entries(
                [what_if.read_entry(entry, {}) for entry in found.entries], user
            )
            waiting = what_if.unsolved([each.entry for each in entries], found.solved)
            changing = [each.entry.trade_id for each in entries if each.version]
            waiting += [name for name in changing if name not in found.versions]
            if waiting:
                names = ", ".join(dict.fromkeys(waiting))
                raise Conflict(
                    f"Preview the set first: prices or versions of {names} are not known yet"
                )
            try:
                count = what_if.book_entries(
                    [each.entry for each in entries],
                    found.solved,
                    found.versions,
                    user=user,
                    reason=f"what-if {code}",
                    books=access.books_written(user),
                    books_seen=access.books_seen(user),
                )
            except what_if.BookingRefused as error:
                raise ValidationError({"entries": error.sentences}) from None
            found.status, found.booked = SetStatus.BOOKED, timezone.now()
            found.save()
        trades = [each.entry.trade_id for each in entries]
        return Response({"code": code, "rows": count, "trade_ids": trades})


def _set(request: Request, code: str, *, lock: bool = False) -> WhatIfSet:
    rows = access.visible(cast(Any, request.user), WhatIfSet.objects.all())
    return get_object_or_404(rows.select_for_update(of=("self",)) if lock else rows, code=code)


# --- What is asked ---------------------------------------------------------------------------


def _object(body: object, names: Sequence[str]) -> Json:
    if not isinstance(body, dict):
        raise ValidationError({names[0]: [f"send an object with: {', '.join(names)}"]})
    refuse_unknown(body, names, "field")
    return body


def _text(body: Json, name: str) -> str:
    value = body.get(name, "")
    if not isinstance(value, str) or "\0" in value:
        raise ValidationError({name: [f"{name}: a text without NUL characters is needed"]})
    return value


def _entries(request: Request, dates: Mapping[str, dt.date]) -> list[Entry]:
    """The entries of a request, in their order: those of ``text`` come after the others."""
    content: Any = request.data
    if isinstance(content, bytes):
        return _entries_of_file(request, content)
    body = _object(content, ("entries", "text", "book"))
    given = body.get("entries", [])
    if not isinstance(given, list):
        raise ValidationError({"entries": ["entries: a list is needed"]})
    lines = [{"text": line} for line in _text(body, "text").splitlines() if line.strip()]
    everything = [*given, *lines]
    if not everything:
        raise ValidationError({"entries": ["entries: at least one entry or line of text"]})
    if len(everything) > what_if.MAX_ENTRIES:
        raise ValidationError({"entries": [f"entries: at most {what_if.MAX_ENTRIES}"]})
    book = _text(body, "book")
    found: list[Entry] = []
    sentences: list[str] = []
    for number, entry in enumerate(everything, 1):
        try:
            found.append(what_if.read_entry(entry, dates, book))
        except BadInput as error:
            sentences.append(f"entry {number}: {error}")
    if sentences:
        raise ValidationError({"entries": sentences})
    return found


def _entries_of_file(request: Request, content: bytes) -> list[Entry]:
    name = parameters.text(request, "kind", tuple(what_if.TRADE_KINDS))
    if not name:
        raise ValidationError({"kind": [f"kind: allowed: {', '.join(what_if.TRADE_KINDS)}"]})
    try:
        table = loading.read_table(content, loading.KINDS[name])
    except loading.BadFile as error:
        raise ValidationError({"entries": list(error.args)}) from None
    if len(table.rows) > what_if.MAX_ENTRIES:
        raise ValidationError({"entries": [f"entries: at most {what_if.MAX_ENTRIES} rows"]})
    model = what_if.TRADE_KINDS[name]
    names = [str(row.get("trade_id", "")) for row in table.rows]
    stored = set(
        access.visible(
            cast(Any, request.user), model._default_manager.filter(trade_id__in=names)
        ).values_list("trade_id", flat=True)
    )
    return [
        Entry("amend" if trade_id in stored else "new", name, dict(row))
        for trade_id, row in zip(names, table.rows, strict=True)
    ]


def checked_entries(entries: Sequence[Entry], user: Any, what: str = "entry") -> list[CheckedEntry]:
    """Entries whose rows are right; ``what`` is what sentences call them.

    Raises:
        ValidationError: A sentence for each that is not, with its number.
    """
    found = what_if.check_entries(entries, books=None, books_seen=access.books_seen(user))
    sentences = [
        f"{what} {number}: {problem.sentence}"
        for number, each in enumerate(found, 1)
        for problem in each.problems
    ]
    if sentences:
        raise ValidationError({"entries": sentences})
    return found


# --- The answer ------------------------------------------------------------------------------


def preview(
    request: Request,
    desks: Collection[str] | None,
    rollups: Sequence[Rollup],
    entries: Sequence[Entry],
) -> Json:
    """Price entries on the published frames; the caller holds a slot of the previewer.

    Checking entries costs this process more than a refusal, so it too is work of the slot.

    Raises:
        ValidationError: An entry is wrong.
        NoSuchMarket: An entry is in a currency without a frame.
        CannotBePriced: A market does not admit prices.
    """
    groups = parameters.choices(request, "group_by", portfolio.GROUPINGS) or ["currency"]
    reporting = parameters.text(request, "reporting_currency", CURRENCIES) or None
    run = scenarios.current() if parameters.flag(request, "var") else None
    checked = checked_entries(entries, request.user)
    places = _places(rollups, [each.entry.trade_id for each in checked if each.version])
    question = _question(rollups, checked, places)
    if run is not None:
        question = msgspec.structs.replace(question, scenarios=_scenarios(run, question))
    priced = ask(question)
    new = {one.trade_id: one for market in priced for one in market.new}
    old = {one.trade_id: one for market in priced for one in market.old}
    by_currency = {rollup.currency: rollup for rollup in rollups}
    sides: dict[str, list[EntrySide]] = {}
    records = []
    for number, each in enumerate(checked, 1):
        name = each.entry.trade_id
        record = _record(number, each, new.get(name))
        if each.terms is not None:
            currency = str(each.terms.currency)
            side = _new_side(each, new[name])
            sides.setdefault(currency, []).append(EntrySide(number, side))
            record["new"] = {"currency": currency, **side.record(by_currency[currency].keys)}
        if each.version:
            record["old"] = None
            if name in places:
                currency, side = places[name].currency, _old_side(places[name], old.get(name))
                sides.setdefault(currency, []).append(EntrySide(number, side))
                record["old"] = {"currency": currency, **side.record(by_currency[currency].keys)}
            else:
                record["notes"] = [*record["notes"], f"{name} is in no published frame: {NOT_IN}"]
        records.append(record)
    touched = [rollup for rollup in rollups if rollup.currency in sides]
    try:
        plain = {name: [one.side for one in mine] for name, mine in sides.items()}
        rows = before_and_after(touched, plain, groups, reporting, desks)
        reasons = {market.currency: market.no_scenarios for market in priced}
        at_risk = run and value_at_risk(run, sides, reasons, reporting or "USD", desks)
    except ValueError as error:
        raise ValidationError({"reporting_currency": str(error)}) from None
    return {
        "frames": [stamp(rollup) for rollup in touched],
        "fx": {r.currency: portfolio.conversion(r, reporting) for r in touched if reporting},
        "entries": records,
        "groups": rows,
        "value_at_risk": at_risk,
        "limits": limit_changes(definitions.load(), rollups, sides, run, desks, time.time_ns())
        if parameters.flag(request, "limits")
        else None,
    }


def _scenarios(run: ScenarioFrame, question: WhatIfQuestion) -> VarScenarios:
    """The scenarios of a run, from the quotes that it started from while these are held."""
    curves = {}
    for market in question.markets:
        one = run.currencies.get(market.currency)
        if one is None:
            continue
        frame = source.read(partial(source.frames().rollup, one.currency, one.frame))
        if frame is not None and frame.valuation_date == market.valuation_date:
            curves[market.currency] = frame.curves
    return scenarios_of(run, curves)


NOT_IN = "the sums before do not contain it, so only the changed trade is added"


class Place(msgspec.Struct, frozen=True):
    """Where a trade is in a published frame; ``block`` is -1 for one that did not compile."""

    currency: str
    block: int
    row: int
    desk: str
    book: str
    product: str
    notional: float
    failure: Failure | None


def _places(rollups: Sequence[Rollup], names: Sequence[str]) -> dict[str, Place]:
    found: dict[str, Place] = {}
    if not names:
        return found
    for rollup in rollups:
        manifest = source.read(
            lambda rollup=rollup: source.books().manifest(rollup.currency, rollup.book_version)  # type: ignore[misc]
        )
        if manifest is None:
            raise CannotBePriced(
                f"book {rollup.book_version} has been replaced: try again", BOOK_GONE
            )
        failures = {failure.trade_id: failure for failure in rollup.failures}
        lost = {failure.trade_id: failure for failure in manifest.failures}
        for name in names:
            place = manifest.place_of(name)
            if place is not None:
                block, row = place
                book = manifest.books[block][row]
                product, notional = manifest.products[block][row], manifest.notional[block][row]
            elif name in lost:
                (block, row), book = (-1, -1), lost[name].book
                product, notional = lost[name].product, lost[name].notional
            else:
                continue
            found[name] = Place(
                rollup.currency,
                block,
                row,
                manifest.desk_of_book.get(book, ""),
                book,
                product,
                notional,
                failures.get(name) or lost.get(name),
            )
    return found


def _question(
    rollups: Sequence[Rollup], checked: Sequence[CheckedEntry], places: Mapping[str, Place]
) -> WhatIfQuestion:
    new: dict[str, list[NewTrade]] = {}
    old: dict[str, list[OldTrade]] = {}
    for number, each in enumerate(checked, 1):
        if each.terms is not None:
            currency = str(each.terms.currency)
            if currency not in dates_of(rollups):
                known = ", ".join(dates_of(rollups))
                raise NoSuchMarket(
                    f"entry {number}: no market of {currency} is published; published: {known}"
                )
            new.setdefault(currency, []).append(
                NewTrade(
                    product=each.terms.product,
                    terms=msgspec.to_builtins(each.terms),
                    solve=each.entry.solve,
                )
            )
    for name, place in places.items():
        if place.failure is None:
            old.setdefault(place.currency, []).append(
                OldTrade(trade_id=name, block=place.block, row=place.row)
            )
    markets = [
        WhatIfMarket(
            currency=rollup.currency,
            valuation_date=rollup.valuation_date,
            curves=rollup.curves,
            book_version=rollup.book_version,
            new=new.get(rollup.currency, []),
            old=old.get(rollup.currency, []),
        )
        for rollup in rollups
        if rollup.currency in new or rollup.currency in old
    ]
    return WhatIfQuestion(answer_key=previews.answer_key(uuid.uuid4().hex), markets=markets)


def ask(question: WhatIfQuestion) -> list[PricedMarket]:
    """The worker's answer.

    Raises:
        CannotBePriced: A market does not admit prices.
    """
    if not question.markets:
        return []
    answer = previewer.ask(PRICE_TASK, question)
    if "failure" in answer:
        raise CannotBePriced(answer["failure"]["message"], code=answer["failure"]["code"])
    markets = msgspec.convert(answer, WhatIfAnswer).markets
    for market in markets:
        if market.failure is not None:
            sentence = f"{market.currency}: {market.failure.message}"
            raise CannotBePriced(sentence, code=market.failure.code)
    return markets


def _record(number: int, each: CheckedEntry, numbers: TradeNumbers | None) -> Json:
    entry = each.entry
    return {
        "entry": number,
        "action": entry.action,
        "kind": entry.kind,
        "trade_id": entry.trade_id,
        "sentence": entry.sentence,
        "row": dict(entry.row),
        "solve": entry.solve,
        "solved": dict(numbers.solved) if numbers else {},
        "version": each.version,
        "changes": {name: list(change) for name, change in each.changes.items()},
        "warnings": list(each.warnings),
        "notes": [],
        "new": None,
        "old": None,
    }


def _new_side(each: CheckedEntry, numbers: TradeNumbers) -> Side:
    terms = cast(Any, each.terms)
    notional = numbers.notional or terms.size
    return Side(1, each.desk, terms.book, terms.product, notional, numbers)


def _old_side(place: Place, numbers: TradeNumbers | None) -> Side:
    if numbers is None:
        numbers = TradeNumbers(trade_id="", failure=place.failure)
    return Side(-1, place.desk, place.book, place.product, place.notional, numbers)
