"""Run a replay: price its steps in separate processes and store its closes in its market.

The live market is neither read nor written: frames of a replay use no queue and no Redis. The hash
of a replay depends on history, book and seed, not on the number of processes.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from instruments import trade_repository as master
from instruments.models.book_version import BookVersion
from instruments.row_changes import one_snapshot
from pricing.curves.curve_set import CurveSet
from pricing.curves.fixings import public_on
from pricing.curves.quotes import CurveOptions, shape_of
from pricing.errors import BadInput, PricingError
from pricing.markets import conventions
from pricing.measures.dated.solved_quotes import solve_quote
from pricing.products.registry import as_quoted
from pricing.products.terms import Terms
from risk.explain.frame_closes import keep_close
from risk.history.closes import Close
from risk.models import FrameClose, Replay
from risk.replays.messages import Priced, Setup
from risk.replays.plan import Plan, Step
from risk.replays.processes import Processes
from risk.reprice.past_book import PastBook, compile_past
from risk.store.compiled_book import FixingsByIndex
from risk.store.digests import digest_of
from risk.store.messages import FrameHeader, parts_for
from risk.store.results import Rollup

State = Replay.State

LABEL = "newest of the master"
SOURCE = "replay"
AHEAD = 4
"""Frames queued per process; a pause or a seek takes effect after them."""

WAIT_S = 0.2

_decode = msgspec.msgpack.Decoder(Rollup).decode


@dataclass(frozen=True)
class Prepared:
    """Data of a run: the plan, the books, and the other contents of frames."""

    plan: Plan
    books: Mapping[str, PastBook]
    fx: Mapping[str, float]
    version: int

    @property
    def book_sha256(self) -> str:
        """The hash of all books."""
        content = " ".join(f"{name} {book.made.content}" for name, book in self.books.items())
        return hashlib.sha256(content.encode()).hexdigest()

    def headers(self, step: Step, first: int) -> list[FrameHeader]:
        """The frames of a step, numbered from ``first``."""
        return [
            FrameHeader(
                frame=first + place,
                currency=currency,
                as_of=step.as_of,
                valuation_date=step.date,
                curves=market.curves,
                labels=market.labels,
                book_version=self.books[currency].made.version,
                blocks=self.books[currency].made.blocks,
                parts=parts_for(self.books[currency].made.trades),
                opened_ns=0,
                received_ns=0,
                source=SOURCE,
                fx=dict(self.fx),
                fx_label=LABEL,
            )
            for place, (currency, market) in enumerate(step.markets.items())
        ]


def prepare(plan: Plan, options: CurveOptions, processes: int) -> Prepared:
    """Compile the current book; positions with only a price get their spread on the first day.

    Raises:
        BadInput: There are no trades in the currencies of the plan.
    """
    with one_snapshot():
        version, loaded = BookVersion.current(), master.load_trades()
        fixings, fx = master.load_fixings(), {"USD": 1.0, **master.load_fx()}
        out = master.quarantined()
    books = {}
    for currency in plan.currencies:
        indices = [r.name for r in conventions.INDICES.values() if r.currency == currency]
        mine = {name: fixings[name] for name in indices if name in fixings}
        trades = [t.terms for t in loaded.trades if t.terms.currency == currency]
        books[currency] = compile_past(
            currency,
            version,
            {t.trade_id: t for t in with_spreads(trades, plan.tables[currency], mine, options)},
            desk_of_book={t.terms.book: t.desk for t in loaded.trades},
            fixings=mine,
            options=options,
            processes=processes,
            paid_by=None,
            kept_out=out,
        )
    if not any(book.made.trades for book in books.values()):
        raise BadInput("currency", ", ".join(plan.currencies), "currencies with active trades")
    return Prepared(plan, books, fx, version)


def with_spreads(
    trades: Sequence[Terms],
    table: Sequence[Close],
    fixings: FixingsByIndex,
    options: CurveOptions,
) -> list[Terms]:
    """Return trades with spreads solved from prices on the first close; others unchanged.

    A trade whose price no spread can reproduce fails by name in every frame.
    """
    found = list(trades)
    all_quoted = [as_quoted(terms) for terms in trades]
    if not table or not any(each is not None and each.waits_for_market for each in all_quoted):
        return found
    first = table[0]
    known = {
        name: public_on(conventions.INDICES[name], rates, first.date)
        for name, rates in fixings.items()
    }
    curves = CurveSet(first.date, shape_of(first.curves), known, options)
    solved = curves.solve(curves.vector(first.curves))
    for place, quoted in enumerate(all_quoted):
        if quoted is None or not quoted.waits_for_market:
            continue
        try:
            number = solve_quote(quoted, curves, solved)
        except PricingError:
            continue
        found[place] = msgspec.structs.replace(quoted, **{quoted.solves: number})
    return found


class Runner:
    """One run of a replay."""

    def __init__(
        self,
        replay: Replay,
        prepared: Prepared,
        options: CurveOptions,
        *,
        processes: int,
        say: Callable[[Replay], object] = lambda replay: None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """Run nothing yet.

        Args:
            replay: Its row.
            prepared: What is replayed.
            options: How curves are made.
            processes: Number of pricing processes; 0: price in this process.
            say: Called after each batch of steps.
            sleep: Waits between two steps, and while the replay is paused.
        """
        self.replay, self.prepared, self.options = replay, prepared, options
        self.count, self.say, self.sleep = processes, say, sleep

    def run(self) -> Replay:
        """Continue the replay until it ends, is stopped or fails.

        Raises:
            ProcessesEnd: A frame ends every process that prices it; the row records it too.
        """
        self._begin()
        setup = Setup.of(self.prepared.books, self.options)
        with Processes(setup, self.count) as processes:
            self.processes = processes
            try:
                while self._goes_on():
                    self._batch()
            except Exception as error:
                self._save(state=State.FAILED, message=str(error) or type(error).__name__)
                raise
        return self.replay

    def _begin(self) -> None:
        plan = self.prepared.plan
        same = (
            self.replay.history_sha256 == plan.sha256
            and self.replay.book_sha256 == self.prepared.book_sha256
        )
        if not same or self.replay.place >= plan.steps:
            self._restart()
        self._save(
            state=State.RUNNING,
            message="",
            steps=plan.steps,
            history_sha256=plan.sha256,
            book_sha256=self.prepared.book_sha256,
            book_version=self.prepared.version,
        )

    def _restart(self, place: int = 0) -> None:
        """Go to a place; the hash begins anew."""
        fields = {"place": place, "frames": 0, "failed": 0, "first_failure": "", "chain": ""}
        self._save(**fields, is_whole=place == 0)

    def _goes_on(self) -> bool:
        """Execute the command in the row; return False when the replay has ended."""
        while True:
            self.replay.refresh_from_db(fields=["wanted", "seek", "loop", "interval_s"])
            replay = self.replay
            if replay.seek is not None:
                place = self.prepared.plan.place_of(replay.seek)
                self._save(seek=None)
                self._restart(place)
            if replay.wanted == State.STOPPED:
                self._save(state=State.STOPPED)
                return False
            if replay.wanted != State.PAUSED:
                if replay.state != State.RUNNING:
                    self._save(state=State.RUNNING)
                break
            if replay.state != State.PAUSED:
                self._save(state=State.PAUSED)
            self.sleep(WAIT_S)
        if replay.place < self.prepared.plan.steps:
            return True
        whole = {"sha256": replay.chain} if replay.is_whole else {}
        if replay.loop:
            self._save(**whole)
            self._restart()
            return True
        self._save(**whole, state=State.DONE)
        return False

    def _batch(self) -> None:
        """Price some steps, and store their closes."""
        replay, plan = self.replay, self.prepared.plan
        count = (
            1 if replay.interval_s else max(1, AHEAD * max(1, self.count) // len(plan.currencies))
        )
        steps = [plan.step(k) for k in range(replay.place, min(replay.place + count, plan.steps))]
        headers: list[FrameHeader] = []
        for step in steps:
            first = replay.frames + replay.failed + len(headers) + 1
            headers += self.prepared.headers(step, first)
        closing = {step.date for step in steps if step.tick == plan.ticks_per_day - 1}
        for header, priced in zip(headers, self.processes.price(headers), strict=True):
            self._take(header, priced, is_close=self._is_close(header, closing))
        replay.place += len(steps)
        replay.date = steps[-1].date
        self._save()
        self.say(replay)
        if replay.interval_s:
            self.sleep(replay.interval_s)

    def _is_close(self, header: FrameHeader, closing: set[Any]) -> bool:
        last = self.prepared.plan.close_time(header.valuation_date)
        return header.valuation_date in closing and header.as_of == last

    def _take(self, header: FrameHeader, priced: Priced, *, is_close: bool) -> None:
        """Add a frame to the hash of the replay, and store it if it is a close."""
        replay = self.replay
        where = f"{header.currency} {header.as_of.isoformat()}"
        if priced.failure:
            replay.failed += 1
            replay.first_failure = replay.first_failure or f"{where}: {priced.failure}"
            digest = priced.failure
        else:
            replay.frames += 1
            rollup = _decode(priced.rollup)
            digest = digest_of_content(rollup)
            if is_close:
                keep_close(rollup, replay.name, self.prepared.books[header.currency].made)
        line = f"{replay.chain} {where} {digest}"
        replay.chain = hashlib.sha256(line.encode()).hexdigest()

    def _save(self, **changes: Any) -> None:
        """Save the fields that the runner owns, leaving commands of others unchanged."""
        for name, value in changes.items():
            setattr(self.replay, name, value)
        asked = {"wanted", "loop", "interval_s"} | ({"seek"} - changes.keys())
        fields = [f.name for f in Replay._meta.concrete_fields if not f.primary_key]
        self.replay.save(update_fields=[name for name in fields if name not in asked])


def digest_of_content(rollup: Rollup) -> str:
    """The hash of a frame, with the content of its book and without its number."""
    content = rollup.book_version.rpartition("-")[2]
    return digest_of(msgspec.structs.replace(rollup, book_version=content))


def forget(replay: Replay) -> int:
    """Delete a replay with its closes; return the number of closes."""
    closes, _ = FrameClose.objects.filter(market=replay.name).delete()
    replay.delete()
    return closes
