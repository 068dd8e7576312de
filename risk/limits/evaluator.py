"""Evaluate all limits on each published result, in the order of publication.

One step reads entries of the log, evaluates all limits after each, and writes position, states,
events and breaches in one transaction. A process that is killed during a step has written nothing:
the next one starts from the stored position and gets the same results. A second evaluator is
harmless: the position is locked, and an evaluator that finds it moved reloads everything.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from django.db import transaction

from pricing.arrays import FloatArray
from pricing.exposure.definition import MEASURES, Bounds
from pricing.exposure.numbers import Numbers
from pricing.exposure.states import (
    STATES,
    UNKNOWN,
    BoolArray,
    Judged,
    Levels,
    judge,
    levels_of,
    nothing_before,
    size,
    sizes,
)
from risk.limits import definitions, tables
from risk.limits.definitions import Defined
from risk.models import (
    LIVE,
    LimitBreach,
    LimitDelivery,
    LimitEvent,
    LimitGap,
    LimitInput,
    LimitPosition,
    LimitState,
)
from risk.store.result_log import (
    Entry,
    Logged,
    LoggedExplain,
    LoggedScenarios,
    LoggedSums,
    ResultLog,
    Stream,
    decoded,
    parsed_id,
)

log = logging.getLogger(__name__)

CLOCK = "clock"
"""Source of changes of state that no result has caused: time has passed, or a limit was changed."""

LOOK_S = 1.0
"""Seconds between two checks of the clock and of changes of limits."""

REASON_LENGTH = 400


class Moved(Exception):
    """Another evaluator has written since the position was read."""


@dataclass
class Effects:
    """The changes made by the entries of one step, to be written to the database."""

    events: list[LimitEvent] = field(default_factory=list)
    opened: list[LimitBreach] = field(default_factory=list)
    touched: dict[int, LimitBreach] = field(default_factory=dict)
    states: set[int] = field(default_factory=set)
    gaps: list[LimitGap] = field(default_factory=list)
    inputs: dict[Stream, bytes] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.events or self.touched or self.states or self.gaps or self.inputs)


class Evaluator:
    """Evaluate limits in one process; not thread-safe."""

    def __init__(
        self,
        results: ResultLog,
        expected: Callable[[], Collection[str]],
        *,
        market: str = LIVE,
        now_ns: Callable[[], int] = time.time_ns,
        webhook: bool = False,
    ) -> None:
        """Read nothing yet.

        Args:
            results: The log of published results.
            expected: Currencies that have trades.
            market: The market of the results: live, or the name of a replay.
            now_ns: The wall clock.
            webhook: Whether events are to be sent.
        """
        self.results, self.expected, self.market = results, expected, market
        self.now_ns, self.webhook = now_ns, webhook
        self.clock_ns = 0
        self._loaded = False
        self._looked = 0.0

    # --- Steps -------------------------------------------------------------------------------

    def step(self, block_ms: int | None = 500, count: int = 100) -> int:
        """Evaluate the next entries; returns how many there were.

        Raises:
            RedisError: The log cannot be read.
            DatabaseError: Nothing was written.
            Moved: Another evaluator was faster; the next step goes on from there.
        """
        try:
            self._look()
            entries = self.results.read(self.entries, count, block_ms)
            if entries:
                self._evaluate(entries)
                self.results.forget({one.stream.name: one.entry_id for one in entries})
            return len(entries)
        except BaseException:
            self._loaded = False  # memory may be ahead of what is written
            raise

    def _look(self) -> None:
        """Load the stored state, and evaluate again if limits or the time have changed."""
        if self._loaded and time.monotonic() - self._looked < LOOK_S:
            return
        self._looked = time.monotonic()
        if not self._loaded:
            self._load()
        elif definitions.version() != self._version:
            self._define()
        self.numbers.expect(self.expected())
        if self.results.read(self.entries, 1):
            return  # their own clock counts
        effects = Effects()
        self._check_for_loss(effects)
        self.clock_ns = max(self.clock_ns, self.now_ns())
        self._judge(effects, None)
        self._note_reasons(effects)
        if effects:
            self._write(effects)

    def _evaluate(self, entries: Sequence[Entry]) -> None:
        effects = Effects()
        for entry in entries:
            name = entry.stream.name
            self._check_number(entry, effects)
            self.entries[name], self.counts[name] = entry.entry_id, entry.number
            try:
                logged = entry.decoded()
            except msgspec.MsgspecError as error:
                effects.gaps.append(self._gap(entry, f"it cannot be read: {error}"[:200]))
                continue
            effects.inputs[entry.stream] = entry.payload
            self.inputs[entry.stream] = logged
            self.clock_ns = max(self.clock_ns, logged.published_ns)
            self._put(logged)
            self._judge(effects, logged)
            if isinstance(logged, LoggedExplain):
                self._find_causes(effects, logged)
        self._write(effects)

    # --- Position and gaps -------------------------------------------------------------------

    def _check_number(self, entry: Entry, effects: Effects) -> None:
        last = self.counts.get(entry.stream.name)
        if last is None or entry.number == last + 1:
            return
        why = (
            f"{entry.number - last - 1} results were removed before they were evaluated"
            if entry.number > last
            else "Redis has lost its data"
        )
        effects.gaps.append(self._gap(entry, why))

    def _gap(self, entry: Entry, reason: str) -> LimitGap:
        name = entry.stream.name
        log.warning("%s: %s", name, reason)
        return LimitGap(
            market=self.market,
            stream=name,
            after_number=self.counts.get(name, 0),
            next_number=entry.number,
            reason=reason,
        )

    def _check_for_loss(self, effects: Effects) -> None:
        """Detect streams that are gone or have restarted below the stored position."""
        newest = self.results.newest()
        for name, entry_id in list(self.entries.items()):
            if name in newest and parsed_id(newest[name]) >= parsed_id(entry_id):
                continue
            reason = "Redis has lost its data: results may have been published that were never read"
            log.warning("%s: %s", name, reason)
            effects.gaps.append(
                LimitGap(
                    market=self.market,
                    stream=name,
                    after_number=self.counts.get(name, 0),
                    next_number=0,
                    reason=reason,
                )
            )
            del self.entries[name]
            self.counts.pop(name, None)

    # --- What is stored ----------------------------------------------------------------------

    def _load(self) -> None:
        row, _ = LimitPosition.objects.get_or_create(market=self.market)
        self.entries, self.counts = dict(row.entries), dict(row.numbers)
        self._stored = dict(row.entries), row.clock_ns
        self.clock_ns = row.clock_ns
        self.inputs: dict[Stream, Logged] = {}
        for found in LimitInput.objects.filter(market=self.market):
            place, _, kind = found.stream.partition(":")
            stream = Stream(place, kind)  # type: ignore[arg-type]  # as it was written
            try:
                self.inputs[stream] = decoded(stream.kind, bytes(found.payload))
            except msgspec.MsgspecError:  # another release wrote it: the next result replaces it
                continue
        self._define()
        self._loaded = True

    def _define(self) -> None:
        """Load the limits and their states, and apply the last results to them."""
        self._version = definitions.version()
        self.limits: Sequence[Defined] = definitions.load()
        self.numbers = Numbers([one.terms for one in self.limits])
        for stream in sorted(self.inputs):
            self._put(self.inputs[stream])
        count = len(self.limits)
        self.judged, self.bounds = nothing_before(count), [""] * count
        self.since: list[dt.datetime | None] = [None] * count
        self.reasons = [""] * count
        place_of = {one.pk: place for place, one in enumerate(self.limits)}
        for row in LimitState.objects.filter(limit_id__in=place_of):
            place = place_of[row.limit_id]
            self.judged.state[place] = STATES.index(row.state)
            self.judged.in_breach[place] = row.in_breach
            self.judged.in_warning[place] = row.in_warning
            self.bounds[place], self.since[place] = row.bounds, row.since
            self.reasons[place] = row.reason
        open_ones = LimitBreach.objects.filter(ended=None, limit_id__in=place_of)
        self.breaches = {place_of[row.limit_id]: row for row in open_ones}
        self.pending = list(LimitBreach.objects.filter(cause__isnull=True))
        self._levels: tuple[int, int, Levels] | None = None
        self._now: list[tuple[Bounds, str]] = []
        self._in_force: BoolArray = np.zeros(count, dtype=bool)

    def _put(self, logged: Logged) -> None:
        if isinstance(logged, LoggedSums):
            self.numbers.put("sums", logged.currency, tables.of_sums(logged))
        elif isinstance(logged, LoggedExplain):
            self.numbers.put("explain", logged.currency, tables.of_explain(logged))
        else:
            self.numbers.put_scenarios(
                tables.of_scenarios(logged),
                logged.scenarios,
                logged.unavailable,
                logged.published_ns,
            )

    # --- Judging -----------------------------------------------------------------------------

    def _bounds_now(self) -> Levels:
        """Return the bounds in force, recomputed when the clock passes the next change of one."""
        kept = self._levels
        if kept is not None and kept[0] <= self.clock_ns < kept[1]:
            return kept[2]
        terms = [one.terms for one in self.limits]
        moments = [moment for one in terms for moment in one.changes_at()]
        begin = max([t for t in moments if t <= self.clock_ns], default=0)
        end = min([t for t in moments if t > self.clock_ns], default=2**63 - 1)
        self._now = [one.bounds_at(self.clock_ns) for one in terms]
        self._in_force = np.array([one.in_force(self.clock_ns) for one in terms], dtype=bool)
        self._names = [_name(one.terms.direction, *now) for one, now in self._pairs()]
        levels = levels_of(
            [one.direction for one in terms],
            [bounds for bounds, _ in self._now],
            [one.hysteresis for one in terms],
        )
        self._levels = begin, end, levels
        return levels

    def bounds_now(self) -> list[tuple[Bounds, str]]:
        """The bounds in force by limit, and the code of a temporary limit that they are of."""
        self._bounds_now()
        return self._now

    def _pairs(self) -> list[tuple[Defined, tuple[Bounds, str]]]:
        return list(zip(self.limits, self._now, strict=True))

    def _judge(self, effects: Effects, logged: Logged | None) -> None:
        """Evaluate all limits on the current results and record the changes."""
        if not self.limits:
            return
        levels, before = self._bounds_now(), self.judged
        values = self.numbers.values()
        known = self.numbers.known(self.clock_ns)
        renamed = self._names != self.bounds
        changed = (
            np.array([a != b and b != "" for a, b in zip(self._names, self.bounds, strict=True)])
            if renamed
            else np.zeros(len(self.limits), dtype=bool)
        )
        self.judged = judge(values, known, self._in_force, levels, before, changed)
        moved = (
            (self.judged.state != before.state)
            | (self.judged.in_breach != before.in_breach)
            | (self.judged.in_warning != before.in_warning)
        )
        fresh = np.array([moment is None for moment in self.since])
        # A limit that has not begun yet has no state.
        for place in np.flatnonzero(np.where(fresh, self._in_force, moved)).tolist():
            self._moved(place, before, float(values[place]), effects, logged, bool(changed[place]))
        if renamed:
            differ = zip(self._names, self.bounds, strict=True)
            effects.states |= {place for place, (new, old) in enumerate(differ) if new != old}
            self.bounds = list(self._names)
        self._note_worst(values, levels, effects)

    def _moved(
        self,
        place: int,
        before: Judged,
        value: float,
        effects: Effects,
        logged: Logged | None,
        bounds_changed: bool,
    ) -> None:
        state = int(self.judged.state[place])
        effects.states.add(place)
        was_in, is_in = bool(before.in_breach[place]), bool(self.judged.in_breach[place])
        at = _wall_time(self.clock_ns)
        frame, currency = self._frame_of(place, logged)
        breach = self.breaches.get(place)
        if is_in and not was_in:
            breach = self._opened(place, value, at, frame, currency, logged, bounds_changed)
            effects.opened.append(breach)
        elif was_in and not is_in and breach is not None:
            breach.ended, breach.end_frame, breach.end_value = at, frame, value
            effects.touched[id(breach)] = breach
            del self.breaches[place]
        first = self.since[place] is None
        if not first and state == int(before.state[place]):
            return
        reason = self.numbers.reason(place, self.clock_ns) if state == UNKNOWN else ""
        self.reasons[place] = reason[:REASON_LENGTH]
        self.since[place] = at
        effects.events.append(
            LimitEvent(
                limit_id=self.limits[place].pk,
                breach=breach,
                was="" if first else STATES[int(before.state[place])],
                state=STATES[state],
                value=value if state != UNKNOWN and np.isfinite(value) else None,
                hard_limit=self._now[place][0].hard,
                reason=self.reasons[place],
                kind=_kind(logged),
                currency=currency,
                frame=frame,
                at=at,
            )
        )

    def _opened(
        self,
        place: int,
        value: float,
        at: dt.datetime,
        frame: int,
        currency: str,
        logged: Logged | None,
        bounds_changed: bool,
    ) -> LimitBreach:
        defined = self.limits[place]
        bounds, temporary = self._now[place]
        source = self._logged_of(currency, logged)
        breach = LimitBreach(
            limit_id=defined.pk,
            currency=currency,
            frame=frame,
            kind=_kind(logged),
            as_of=getattr(source, "as_of", None),
            valuation_date=getattr(source, "valuation_date", None),
            began=at,
            value=value,
            worst=value,
            hard_limit=bounds.hard,
            temporary=temporary,
            scope=str(defined.terms.scope)[:250],
            desk=defined.desk,
        )
        breach.cause = self._cause_at_once(place, currency, logged, bounds_changed)
        self.breaches[place] = breach
        if breach.cause is None:
            self.pending.append(breach)
        return breach

    def _frame_of(self, place: int, logged: Logged | None) -> tuple[int, str]:
        """Return the frame and currency of a change; for scenarios the number of the run."""
        if isinstance(logged, LoggedScenarios):
            return logged.number, self._largest(place)
        if logged is not None:
            return logged.frame, logged.currency
        if MEASURES[self.limits[place].terms.measure].source == "scenarios":
            runs = [one for one in self.inputs.values() if isinstance(one, LoggedScenarios)]
            return (runs[0].number if runs else 0), self._largest(place)
        frames = self.numbers.frames(place)
        newest = max(frames, key=lambda name: frames[name], default="")
        return frames.get(newest, 0), newest

    def _largest(self, place: int) -> str:
        """The currency of a scope with the most trades."""
        scope = self.limits[place].terms.scope
        if scope.currency:
            return scope.currency
        trades = {
            one.currency: sum(group.trades for group in one.groups)
            for one in self.inputs.values()
            if isinstance(one, LoggedSums)
        }
        return max(trades, key=lambda name: trades[name], default="")

    def _logged_of(self, currency: str, logged: Logged | None) -> Logged | None:
        """Return the logged result that gives a breach its market time."""
        if logged is None or isinstance(logged, LoggedScenarios):
            return self.inputs.get(Stream(currency, "sums"))
        return logged

    def _note_worst(self, values: FloatArray, levels: Levels, effects: Effects) -> None:
        if not self.breaches:
            return
        x = sizes(values, levels)
        for place, breach in self.breaches.items():
            worst = size(breach.worst, self.limits[place].terms.direction)
            if self.judged.state[place] != UNKNOWN and x[place] > worst:
                breach.worst = float(values[place])
                effects.touched[id(breach)] = breach

    def _note_reasons(self, effects: Effects) -> None:
        """Record a new reason for a limit that stays unknown."""
        for place in np.flatnonzero(self.judged.state == UNKNOWN).tolist():
            reason = self.numbers.reason(place, self.clock_ns)[:REASON_LENGTH]
            if reason != self.reasons[place]:
                self.reasons[place] = reason
                effects.states.add(place)

    # --- Causes ------------------------------------------------------------------------------

    def _cause_at_once(
        self, place: int, currency: str, logged: Logged | None, bounds_changed: bool
    ) -> dict[str, object] | None:
        """Return the cause of a breach if known, None until the explain of its frame arrives."""
        if bounds_changed or logged is None:
            return {"cause": "limit changed", "term": None, "to_frame": None}
        terms = self.limits[place].terms
        if isinstance(logged, LoggedSums):
            return None
        explain = self.inputs.get(Stream(currency, "explains"))
        found = (
            tables.cause_of(
                explain, terms.scope, terms.amounts_in, terms.measure, period=tables.CLOSE
            )
            if isinstance(explain, LoggedExplain)
            else None
        )
        return found or _no_cause("no explain since the close")

    def _find_causes(self, effects: Effects, explain: LoggedExplain) -> None:
        """Set the cause of breaches whose frame has now been explained."""
        place_of = {one.pk: place for place, one in enumerate(self.limits)}
        waiting = []
        for breach in self.pending:
            if breach.currency != explain.currency or explain.frame < breach.frame:
                waiting.append(breach)
                continue
            place = place_of.get(breach.limit_id)
            if place is None:
                breach.cause = _no_cause("the limit is gone")
            else:
                terms = self.limits[place].terms
                found = tables.cause_of(explain, terms.scope, terms.amounts_in, terms.measure)
                period = explain.periods.get(tables.FRAME)
                covered = period is not None and period.start_frame < breach.frame
                reason = explain.reasons.get(tables.FRAME, "no explain covers the frame")
                breach.cause = found if found and covered else _no_cause(reason)
            effects.touched[id(breach)] = breach
        self.pending = waiting

    # --- Writing -----------------------------------------------------------------------------

    def _write(self, effects: Effects) -> None:
        """Write position and effects together.

        Raises:
            DatabaseError: Nothing is written.
            Moved: Another evaluator has written meanwhile; nothing is written.
        """
        with transaction.atomic():
            row = LimitPosition.objects.select_for_update().get(market=self.market)
            if (row.entries, row.clock_ns) != self._stored:
                raise Moved
            row.entries, row.numbers, row.clock_ns = self.entries, self.counts, self.clock_ns
            row.save()
            # Stored breaches first: a limit has one open breach at a time.
            stored = [breach for breach in effects.touched.values() if breach.pk is not None]
            for breach in (*stored, *effects.opened):
                breach.save()
            LimitEvent.objects.bulk_create(effects.events)
            self._queue(effects.events)
            LimitGap.objects.bulk_create(effects.gaps)
            self._write_states(effects.states)
            LimitInput.objects.bulk_create(
                [
                    LimitInput(market=self.market, stream=stream.name, payload=payload)
                    for stream, payload in effects.inputs.items()
                ],
                update_conflicts=True,
                unique_fields=["market", "stream"],
                update_fields=["payload"],
            )
        self._stored = dict(self.entries), self.clock_ns

    def _write_states(self, places: Collection[int]) -> None:
        rows = [
            LimitState(
                limit_id=self.limits[place].pk,
                state=STATES[int(self.judged.state[place])],
                in_breach=bool(self.judged.in_breach[place]),
                in_warning=bool(self.judged.in_warning[place]),
                bounds=self.bounds[place],
                since=self.since[place] or _wall_time(self.clock_ns),
                reason=self.reasons[place],
            )
            for place in sorted(places)
        ]
        names = ["state", "in_breach", "in_warning", "bounds", "since", "reason"]
        LimitState.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["limit"], update_fields=names
        )

    def _queue(self, events: Sequence[LimitEvent]) -> None:
        """Queue events for the webhook, except the initial ``ok`` of a limit."""
        if self.webhook:
            now = _wall_time(self.now_ns())
            LimitDelivery.objects.bulk_create(
                LimitDelivery(event=event, next_try=now)
                for event in events
                if event.was or event.state != "ok"
            )


def _name(direction: str, bounds: Bounds, temporary: str) -> str:
    """Return a text that identifies the bounds."""
    warning = "-" if bounds.warning is None else repr(bounds.warning)
    return f"{direction} {bounds.hard!r} {warning} {temporary}".strip()


def _kind(logged: Logged | None) -> str:
    names: Mapping[type[Any], str] = {
        LoggedSums: "sums",
        LoggedExplain: "explains",
        LoggedScenarios: "scenarios",
    }
    return CLOCK if logged is None else names[type(logged)]


def _no_cause(reason: str) -> dict[str, object]:
    return {"cause": "unknown", "term": None, "reason": reason}


def _wall_time(ns: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(ns / 1e9, tz=dt.UTC)
