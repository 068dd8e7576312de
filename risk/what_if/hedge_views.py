"""Hedges over REST: trades of a list that flatten the ladder of the book."""

from __future__ import annotations

import datetime as dt
import math
import re
import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

import msgspec
import numpy as np
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from instruments import what_if
from instruments.api.refusals import refuse_unknown
from instruments.what_if import CheckedEntry, Entry
from pricing.errors import BadInput
from pricing.markets import conventions
from pricing.markets.conventions import CURRENCIES
from pricing.products.registry import PRODUCT_NAMES
from risk.api import previewer, source
from risk.api.preview import CannotBePriced
from risk.api.views import RiskView
from risk.queries.trade_detail import by_curve, stamp
from risk.store import previews
from risk.store.results import Rollup
from risk.what_if import schemas
from risk.what_if.messages import (
    HEDGE_TASK,
    HedgeAnswer,
    HedgeInstrument,
    HedgeQuestion,
    NewTrade,
    WhatIfMarket,
)
from risk.what_if.views import checked_entries, dates_of
from riskproject.web.problems import shortened

Json = dict[str, Any]
OBJECTIVES = ("notional", "cost", "trades")
LADDERS = ("ladder_par", "krd")
FIELDS = (
    *("currency", "desk", "of_book", "type", "ladder", "buckets", "total", "tolerance"),
    *("instruments", "objective", "time_limit_s", "book"),
)
INSTRUMENT_FIELDS = ("instrument", "cost_bp", "lot", "limit")
MAX_INSTRUMENTS = 60
SHOWN = 20
"""Number of desks or books that a refusal names."""
TENOR = re.compile(r"[0-9]+[WMY]")
"""Pattern of the quotes that are swaps from spot."""

MAX_TIME_S = 3.0
"""Longest time of the optimisation in seconds, which is less than a caller waits."""

UNIT = Decimal(1_000_000)
"""Notional or face amount of the trades by which instruments are priced."""

DEFAULT_TOLERANCE = 0.01
"""Default tolerance, as a share of the sum of the absolute buckets."""


class HedgeView(RiskView):
    """Trades that flatten the ladder of the book, or of a part of it."""

    @extend_schema(
        operation_id="hedge", request=schemas.HedgeQuestion, responses=schemas.HedgeAnswer
    )
    def post(self, request: Request) -> Response:
        """The least notional, the least cost or the fewest trades; stores nothing."""
        with previewer.slot_of(request.user.pk):
            return Response(self._hedge(request))

    def _hedge(self, request: Request) -> Json:
        body = _Body(request.data)
        (rollup,) = source.rollups((body.choice("currency", CURRENCIES),))
        exposure = _exposure(rollup, body, self.desks(request))
        buckets = _buckets(rollup, body)
        asked = _instruments(rollup, body)
        entries = [_entry(each, dates_of([rollup]), body.text("book")) for each in asked]
        checked = checked_entries(entries, request.user, "instrument")
        instruments = [
            _priced_as(number, each, one, rollup)
            for number, (each, one) in enumerate(zip(asked, checked, strict=True), 1)
        ]
        gross = float(np.abs(exposure[buckets]).sum())
        tolerance = body.number("tolerance", DEFAULT_TOLERANCE * gross, 0.0, math.inf)
        question = HedgeQuestion(
            answer_key=previews.answer_key(uuid.uuid4().hex),
            market=WhatIfMarket(
                currency=rollup.currency,
                valuation_date=rollup.valuation_date,
                curves=rollup.curves,
                book_version=rollup.book_version,
            ),
            instruments=instruments,
            ladder=body.choice("ladder", LADDERS, "ladder_par"),
            exposure=exposure.tolist(),
            buckets=buckets,
            total=body.flag("total"),
            tolerance=tolerance,
            objective=body.choice("objective", OBJECTIVES, "notional"),
            time_limit_s=body.number("time_limit_s", 1.0, 0.01, MAX_TIME_S),
        )
        found = previewer.ask(HEDGE_TASK, question)
        if "failure" in found:
            raise CannotBePriced(found["failure"]["message"], code=found["failure"]["code"])
        answer = msgspec.convert(found, HedgeAnswer)
        return _shown(rollup, question, answer, entries)


class _Body:
    """The object of a request; each reader refuses what it cannot use with field and value."""

    def __init__(self, body: object) -> None:
        if not isinstance(body, dict):
            raise ValidationError({"currency": ['send {"currency": "USD", "book": ...}']})
        refuse_unknown(body, FIELDS, "field")
        self.given: Mapping[str, Any] = body

    def choice(self, name: str, allowed: Sequence[str], default: str = "") -> str:
        value = self.given.get(name, default)
        if value not in allowed:
            raise ValidationError({name: [f"{name}: allowed: {', '.join(allowed)}"]})
        return str(value)

    def text(self, name: str) -> str:
        value = self.given.get(name, "")
        if not isinstance(value, str) or "\0" in value:
            raise ValidationError({name: [f"{name}: a text without NUL characters is needed"]})
        return value

    def flag(self, name: str) -> bool:
        value = self.given.get(name, False)
        if not isinstance(value, bool):
            raise ValidationError({name: [f"{name}: true or false"]})
        return value

    def number(self, name: str, default: float, low: float, high: float) -> float:
        return number(name, self.given.get(name, default), low, high)

    def list_of(self, name: str) -> list[Any]:
        value = self.given.get(name, [])
        if not isinstance(value, list):
            raise ValidationError({name: [f"{name}: a list is needed"]})
        return value


def number(name: str, value: object, low: float, high: float) -> float:
    """A finite number within limits.

    Raises:
        ValidationError: It is none.
    """
    good = isinstance(value, int | float) and not isinstance(value, bool)
    if not good or not math.isfinite(cast(float, value)) or not low <= cast(float, value) <= high:
        most = "" if math.isinf(high) else f" to {high:g}"
        raise ValidationError({name: [f"{name}: {value!r} is not valid; from {low:g}{most} on"]})
    return float(cast(float, value))


def _exposure(
    rollup: Rollup, body: _Body, desks: frozenset[str] | None
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The ladder of the cells that are asked for and that the user may see."""
    ladder = body.choice("ladder", LADDERS, "ladder_par")
    product = body.text("type")
    if product:
        body.choice("type", PRODUCT_NAMES)
    wanted = {"desk": body.text("desk"), "book": body.text("of_book"), "product": product}
    cells = [cell for cell in rollup.cells if desks is None or cell.desk in desks]
    for field, name in (("desk", "desk"), ("of_book", "book")):
        known = sorted({getattr(cell, name) for cell in cells} - {""})
        if wanted[name] and wanted[name] not in known:
            said = f"{field}: {shortened(wanted[name])} has no trades in {rollup.currency}"
            there = ", ".join(known[:SHOWN]) or "none"
            raise ValidationError({field: [f"{said}; {name}s with trades: {there}"]})
    total = np.zeros(len(rollup.keys))
    for cell in cells:
        if all(not word or getattr(cell, name) == word for name, word in wanted.items()):
            total += np.array(getattr(cell, ladder))
    return total


def _buckets(rollup: Rollup, body: _Body) -> list[int]:
    """Places of the buckets to flatten; all where none is named."""
    names = [f"{curve}:{tenor}" for curve, tenor in rollup.keys]
    asked = list(dict.fromkeys(map(str, body.list_of("buckets")))) or names
    unknown = [name for name in asked if name not in names]
    if unknown:
        sentence = f"buckets: {unknown[0]!r} is not valid; allowed: {', '.join(names)}"
        raise ValidationError({"buckets": [sentence]})
    return [names.index(name) for name in asked]


def _instruments(rollup: Rollup, body: _Body) -> list[Json]:
    """Return what may be traded; the par swaps of the curves' quotes where nothing is named."""
    given = body.list_of("instruments") or par_swaps(rollup.keys)
    if len(given) > MAX_INSTRUMENTS:
        raise ValidationError({"instruments": [f"instruments: at most {MAX_INSTRUMENTS}"]})
    return [each if isinstance(each, dict) else {"instrument": each} for each in given]


def par_swaps(keys: Sequence[tuple[str, str]]) -> list[str]:
    """Quick text of the par swaps that curves are calibrated to."""
    found = []
    for curve, tenor in keys:
        row = conventions.CURVES[curve]
        ibor = row.quotes == "ibor" and tenor[-1] != "Y"  # below a year: a simple rate
        if row.swap_convention is not None and TENOR.fullmatch(tenor) and not ibor:
            found.append(f"{row.swap_convention} {tenor}")
    return found


def _entry(asked: Json, dates: Mapping[str, dt.date], book: str) -> Entry:
    refuse_unknown(asked, INSTRUMENT_FIELDS, "field")
    text = asked.get("instrument")
    words = text.split() if isinstance(text, str) else []
    if not words:
        sentence = "instruments: a text such as 'USD 10Y', 'SR3H6' or 'US91282CFV81 @99.16'"
        raise ValidationError({"instruments": [sentence]})
    swap = words[0].upper() in (*CURRENCIES, *conventions.SWAPS)
    future = any(words[0].upper().startswith(name) for name in conventions.FUTURES)
    size = "1" if future and not swap and len(words[0]) <= len("FEU3H26") else f"{UNIT:f}"
    line = f"{'rec' if swap else 'buy'} {size} {' '.join(words)}"
    try:
        return what_if.read_entry({"text": line}, dates, book)
    except BadInput as error:
        raise ValidationError({"instruments": [f"{' '.join(words)}: {error}"]}) from None


SIZE = {"swaps": "notional", "positions": "face_amount", "ir_futures": "contracts"}


def _priced_as(place: int, asked: Json, checked: CheckedEntry, rollup: Rollup) -> HedgeInstrument:
    terms = cast(Any, checked.terms)
    if terms.currency != rollup.currency:
        sentence = f"instrument {place} is in {terms.currency}; the hedge is of {rollup.currency}"
        raise ValidationError({"instruments": [sentence]})
    contracts = checked.entry.kind == "ir_futures"
    limit = asked.get("limit")
    return HedgeInstrument(
        name=str(asked["instrument"]),
        trade=NewTrade(
            product=terms.product, terms=msgspec.to_builtins(terms), solve=checked.entry.solve
        ),
        size=float(checked.entry.row[SIZE[checked.entry.kind]]),
        cost_bp=number("cost_bp", asked.get("cost_bp", 0.0), 0.0, 1e4),
        lot=number("lot", asked.get("lot", 1.0 if contracts else 0.0), 0.0, 1e15),
        limit=None if limit is None else number("limit", limit, 0.0, 1e15),
    )


def _shown(
    rollup: Rollup, question: HedgeQuestion, answer: HedgeAnswer, entries: Sequence[Entry]
) -> Json:
    keys = rollup.keys
    names = [each.name for each in question.instruments]
    return {
        "frame": stamp(rollup),
        "status": answer.status,
        "gap": answer.gap,
        "took_ms": answer.took_ms,
        "objective": question.objective,
        "tolerance": question.tolerance,
        "notional": answer.notional,
        "cost": answer.cost,
        "before": by_curve(keys, question.exposure),
        "after": by_curve(keys, answer.left),
        "trades": [
            {
                "instrument": names[trade.instrument],
                "size": trade.size,
                "notional": trade.notional,
                "cost": trade.cost,
                "ladder": by_curve(keys, trade.ladder),
                "entry": _sized(entries[trade.instrument], trade.size, trade.solved).stored(),
            }
            for trade in answer.trades
        ],
        "by_bucket": [
            {
                "bucket": ":".join(keys[each.bucket]),
                "exposure": question.exposure[each.bucket],
                "instrument": None if each.instrument is None else names[each.instrument],
                "size": each.size,
                "left": each.left,
            }
            for each in answer.each
        ],
        "unpriced": {
            names[int(place)]: failure.message for place, failure in answer.unpriced.items()
        },
    }


def _sized(entry: Entry, size: float, solved: Mapping[str, float]) -> Entry:
    """The entry of a trade of that size, for what-if/: cents, or whole contracts."""
    column = SIZE[entry.kind]
    row = dict(entry.row) | {"trade_id": f"H-{uuid.uuid4().hex[:10]}"}
    row |= {name: f"{Decimal(repr(value)):f}" for name, value in solved.items()}
    amount = Decimal(repr(size))
    if entry.kind == "swaps":
        row["pay_receive"], amount = ("receive" if size > 0 else "pay"), abs(amount)
    row[column] = f"{round(amount, 0 if column == 'contracts' else 2):f}"
    return Entry(entry.action, entry.kind, row, "", entry.sentence)
