"""Validate Kafka records and route them: curve ticks, FX rates, dead letters."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from feedbridge.bridge import decode
from feedbridge.bridge.currency_state import CurrencyState
from feedbridge.bridge.dispatch import AcceptedTick
from feedbridge.bridge.fx_rates import PendingRates
from feedbridge.bridge.ledger import Ledger, Place
from feedbridge.bridge.market_state import Board, Verdict
from feedbridge.dead_letters.invalid_record_limit import InvalidRecordLimit
from feedbridge.dead_letters.producer import DeadLetter, DeadLetterProducer
from feedbridge.kafka.topics import FX_TICKS
from risk.store.messages import FxTick, MarketTick

log = logging.getLogger(__name__)

CONFLICT = "CONFLICT"
RATES = "exchange rates"
"""What a source of exchange rates publishes, where other sources have the name of a currency."""

MIN_REFUSALS, MAX_REFUSED = 10, 100
"""Number of consecutive refused ticks from which on the heartbeat names a source, and the largest
number of sources that are remembered."""

REFUSALS = {
    Verdict.STALE: "stale",
    Verdict.NOT_WHOLE: "they wait for a whole market of their business date, `whole`: true",
}


def _sentence(what: str, source: str, why: str, count: int) -> str:
    return f"the last {count} ticks of {what} from {source} were refused: {why}"


@dataclass(kw_only=True)
class Intake:
    """Decodes and checks each record once, and passes it to where it is kept.

    ``rates`` are the FX rates that Redis does not have yet.
    """

    board: Board
    ledger: Ledger
    currencies: dict[str, CurrencyState]
    dead_letters: DeadLetterProducer
    invalid_record_limit: InvalidRecordLimit
    time_limits: decode.TimeLimits = decode.TimeLimits()
    wall_ns: Callable[[], int] = time.time_ns
    rates: PendingRates = field(init=False)
    _refused: dict[tuple[str, str], tuple[str, int]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.rates = PendingRates(self.ledger)

    def take(self, record: Any) -> None:
        """Decode and check one record of Kafka, and pass it on."""
        place = Place(record.topic, record.partition, record.offset)
        self.ledger.begin(place)
        try:
            if record.topic == FX_TICKS:
                self._take_rates(place, decode.fx_tick(record.value, times=self.time_limits))
                good = True
            else:
                good = self._take_market(place, record)
        except decode.BadTick as error:
            self._send_to_dead_letters(
                DeadLetter(place, record.key, record.value, error.code, error.reason)
            )
            good = isinstance(error, decode.SourceRefused)
        self.invalid_record_limit.note(bad=not good)

    def _take_rates(self, place: Place, tick: FxTick) -> None:
        try:
            self.rates.take(place, tick)
        except decode.SourceRefused as error:
            self._note_refusal(RATES, tick.source, error.code)
            raise
        self._refused.pop((RATES, tick.source), None)

    def _take_market(self, place: Place, record: Any) -> bool:
        """Return whether the record is one that a sound feed may send."""
        tick = decode.market_tick(record.value, record.key, times=self.time_limits)
        try:
            return self._take_curves(place, record, tick)
        except decode.SourceRefused as error:
            self._note_refusal(tick.currency, tick.source, error.code)
            raise

    def _take_curves(self, place: Place, record: Any, tick: MarketTick) -> bool:
        received = self.wall_ns()
        decode.check_order(tick, self.board.last_of(tick), received)
        verdict = self.board.judge(tick)
        if verdict is Verdict.CONFLICT:
            reason = f"seq {tick.seq} of {tick.source} came before with other quotes"
            self._send_to_dead_letters(
                DeadLetter(place, record.key, record.value, CONFLICT, reason)
            )
            return False
        if verdict in REFUSALS:
            self._note_refusal(tick.currency, tick.source, REFUSALS[verdict])
        if verdict is not Verdict.ACCEPTED:
            self.ledger.end(place, verdict.value)
            return True
        anew = self.board.starts_anew(tick)
        accepted = AcceptedTick(place, record.key, record.value, received, tick.sent_ns, anew)
        market = self.board.with_tick(tick, accepted.since_ns)
        decode.check_market(market.curves)
        self.board.take(tick, market, accepted.since_ns)
        self._refused.pop((tick.currency, tick.source), None)
        self.currencies[tick.currency].accept(accepted)
        return True

    def _note_refusal(self, what: str, source: str, why: str) -> None:
        """Count consecutive refusals; logged once, shown until a tick is accepted."""
        key = what, source
        count = self._refused.pop(key, ("", 0))[1] + 1
        self._refused[key] = why, count
        if len(self._refused) > MAX_REFUSED:
            del self._refused[next(iter(self._refused))]
        if count == MIN_REFUSALS:
            log.warning("%s", _sentence(what, source, why, count))

    @property
    def refused(self) -> list[str]:
        """Sources of which nothing has been accepted for a while, each with the reason."""
        return [
            _sentence(*key, why, count)
            for key, (why, count) in self._refused.items()
            if count >= MIN_REFUSALS
        ]

    def _send_to_dead_letters(self, letter: DeadLetter) -> None:
        log.warning("dead letter %s: %s: %s", letter.place, letter.code, letter.reason)
        self.dead_letters.send(letter)

    def end_dead_lettered(self) -> None:
        """End the records whose copies the dead-letter topic has acknowledged."""
        for letter in self.dead_letters.acknowledged():
            conflict = letter.code == CONFLICT
            self.ledger.end(letter.place, "conflict" if conflict else "dead_lettered")
