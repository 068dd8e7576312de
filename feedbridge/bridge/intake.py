"""Validate Kafka records and route them: curve ticks, FX rates, dead letters."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from feedbridge.bridge import decode
from feedbridge.bridge.currency_state import CurrencyState
from feedbridge.bridge.dispatch import Accepted
from feedbridge.bridge.fx_rates import WaitingRates
from feedbridge.bridge.ledger import Ledger, Place
from feedbridge.bridge.market_state import Board, Verdict
from feedbridge.dead_letters.invalid_record_limit import InvalidRecordLimit
from feedbridge.dead_letters.producer import DeadLetter, DeadLetters
from feedbridge.kafka.topics import FX_TICKS
from risk.store.messages import FxTick, MarketTick

log = logging.getLogger(__name__)

CONFLICT = "CONFLICT"
RATES = "exchange rates"
"""Beside currencies, what a source may publish."""

REFUSED_IN_A_ROW, MOST_REFUSED = 10, 100
"""After so many a source is named in the bridge's pulse; so many sources are remembered."""

REFUSALS = {
    Verdict.STALE: "stale",
    Verdict.NOT_WHOLE: "they wait for a whole market of their business date, `whole`: true",
}


def _sentence(what: str, source: str, why: str, count: int) -> str:
    return f"the last {count} ticks of {what} from {source} were refused: {why}"


class Intake:
    """Judges each record once; from here on it is in exactly one place."""

    def __init__(
        self,
        board: Board,
        ledger: Ledger,
        lanes: dict[str, CurrencyState],
        letters: DeadLetters,
        limit: InvalidRecordLimit,
        wall_ns: Callable[[], int] = time.time_ns,
        times: decode.TimeLimits = decode.TimeLimits(),
    ) -> None:
        """Nothing has been read."""
        self.times = times
        self.limit = limit
        self.board, self.ledger, self.lanes = board, ledger, lanes
        self.letters, self.wall_ns = letters, wall_ns
        self.rates = WaitingRates(ledger)
        self._refused: dict[tuple[str, str], tuple[str, int]] = {}

    def take(self, record: Any) -> None:
        """Judge one record of Kafka."""
        place = Place(record.topic, record.partition, record.offset)
        self.ledger.begin(place)
        try:
            if record.topic == FX_TICKS:
                self._take_rates(place, decode.fx_tick(record.value, times=self.times))
                good = True
            else:
                good = self._take_market(place, record)
        except decode.BadTick as error:
            self._bury(DeadLetter(place, record.key, record.value, error.code, error.reason))
            good = isinstance(error, decode.SourceRefused)
        self.limit.note(bad=not good)

    def _take_rates(self, place: Place, tick: FxTick) -> None:
        try:
            self.rates.take(place, tick)
        except decode.SourceRefused as error:
            self._note_refusal(RATES, tick.source, error.code)
            raise
        self._refused.pop((RATES, tick.source), None)

    def _take_market(self, place: Place, record: Any) -> bool:
        """Whether the record is one that a sound feed may send."""
        tick = decode.market_tick(record.value, record.key, times=self.times)
        try:
            return self._judge(place, record, tick)
        except decode.SourceRefused as error:
            self._note_refusal(tick.currency, tick.source, error.code)
            raise

    def _judge(self, place: Place, record: Any, tick: MarketTick) -> bool:
        received = self.wall_ns()
        decode.check_order(tick, self.board.last_of(tick), received)
        verdict = self.board.judge(tick)
        if verdict is Verdict.CONFLICT:
            reason = f"seq {tick.seq} of {tick.source} came before with other quotes"
            self._bury(DeadLetter(place, record.key, record.value, CONFLICT, reason))
            return False
        if verdict in REFUSALS:
            self._note_refusal(tick.currency, tick.source, REFUSALS[verdict])
        if verdict is not Verdict.ACCEPTED:
            self.ledger.end(place, verdict.value)
            return True
        anew = self.board.starts_anew(tick)
        waits = Accepted(place, record.key, record.value, received, tick.sent_ns, anew)
        market = self.board.with_tick(tick, waits.since_ns)
        decode.check_market(market.curves)
        self.board.take(tick, market, waits.since_ns)
        self._refused.pop((tick.currency, tick.source), None)
        lane = self.lanes[tick.currency]
        lane.partition, lane.guessed = place[:2], False
        lane.waiting.append(waits)
        return True

    def _note_refusal(self, what: str, source: str, why: str) -> None:
        """Count what was refused in a row; said once, and shown until a tick is accepted."""
        key = what, source
        count = self._refused.pop(key, ("", 0))[1] + 1
        self._refused[key] = why, count
        if len(self._refused) > MOST_REFUSED:
            del self._refused[next(iter(self._refused))]
        if count == REFUSED_IN_A_ROW:
            log.warning("%s", _sentence(what, source, why, count))

    @property
    def refused(self) -> list[str]:
        """Sources of which nothing has been accepted for a while, each with the reason."""
        return [
            _sentence(*key, why, count)
            for key, (why, count) in self._refused.items()
            if count >= REFUSED_IN_A_ROW
        ]

    def _bury(self, letter: DeadLetter) -> None:
        log.warning("dead letter %s: %s: %s", letter.place, letter.code, letter.reason)
        self.letters.bury(letter)

    def end_letters(self) -> None:
        """Letters that have arrived end their records."""
        for letter in self.letters.arrived():
            conflict = letter.code == CONFLICT
            self.ledger.end(letter.place, "conflict" if conflict else "dead_lettered")
