"""Derive from the records in Kafka the expected outcome of every record and every market.

This is a second opinion, written from the documents and not from the bridge: it shares no code with
``feedbridge``. Feeds say which of their records are bad; the rest follows from epoch and seq.
"""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaTimeoutError

from feedbridge.kafka.end_offsets import ends_of
from feedbridge.kafka.topics import YIELD_CURVE_TICKS, YIELD_CURVE_TICKS_DLQ
from pricing.curves.quotes import CurveQuotes
from risk.store.messages import MarketTick

POLL_MS, PATIENCE_S = 200, 20.0


class Name(NamedTuple):
    """Which tick: currency, source, epoch, seq."""

    currency: str
    source: str
    epoch: int
    seq: int


class Letter(NamedTuple):
    """A dead letter: where its original stands, its reason and its bytes."""

    partition: int
    offset: int
    reason: str
    value: bytes | None


@dataclass
class Truth:
    """Follows the topics from where they end now."""

    servers: str
    states: Counter[str] = field(default_factory=Counter)
    bad: dict[tuple[int, int], str] = field(default_factory=dict)
    values: set[bytes] = field(default_factory=set)
    vectors: dict[Name, CurveQuotes] = field(default_factory=dict)
    last: dict[str, Name] = field(default_factory=dict)
    letters: list[Letter] = field(default_factory=list)
    records: int = 0

    def __post_init__(self) -> None:
        """Stand at the end of both topics."""
        self._published: dict[tuple[str, str], tuple[dt.date, CurveQuotes]] = {}
        self._marks: dict[tuple[str, str], tuple[tuple[int, int], bytes]] = {}
        # Another consumer is asked where topics end: one that seeks to the end and back may pass
        # over the records there (kafka-python 3.0.12, once in 10,000 ticks).
        self._scout = self._connect()
        self._ticks = self._reader(YIELD_CURVE_TICKS)
        self._dead = self._reader(YIELD_CURVE_TICKS_DLQ)

    def _reader(self, topic: str) -> Any:
        reader = self._connect()
        places = [TopicPartition(topic, n) for n in sorted(reader.partitions_for_topic(topic))]
        reader.assign(places)
        _seek(reader, ends_of(self._scout, places))
        return reader

    def _connect(self) -> Any:
        return KafkaConsumer(
            bootstrap_servers=self.servers,
            group_id=None,
            reconnect_backoff_max_ms=500,
            auto_offset_reset="earliest",  # what is deleted is nobody's tick any more
        )

    def advance(self, bad: Mapping[bytes, str]) -> None:
        """Read both topics up to where they end now; ``bad`` are the values that are no ticks."""
        self._ticks, ticks = self._read_up(self._ticks)
        for record in ticks:
            self._judge(record, bad)
        self._dead, dead = self._read_up(self._dead)
        for record in dead:
            headers = dict(record.headers)
            place = int(headers["original_partition"]), int(headers["original_offset"])
            if headers["original_topic"] == YIELD_CURVE_TICKS.encode():
                self.letters.append(Letter(*place, headers["reason"].decode(), record.value))

    def _read_up(self, reader: Any) -> tuple[Any, list[Any]]:
        """All records up to the end, and the reader to go on with.

        A reader that has polled nothing while each of several brokers was killed does not learn
        the leaders again (kafka-python 3.0.12): another one reads on from the same places.
        """
        stands = {place: reader.position(place) for place in reader.assignment()}
        try:
            return reader, _read_up(reader, ends_of(self._scout, stands))
        except KafkaTimeoutError:
            reader.close()
            self._scout.close()
        self._scout, reader = self._connect(), self._connect()
        reader.assign(list(stands))
        _seek(reader, stands)
        return reader, _read_up(reader, ends_of(self._scout, stands))

    def close(self) -> None:
        """The end of it."""
        self._scout.close()
        self._ticks.close()
        self._dead.close()

    def ends(self) -> dict[TopicPartition, int]:
        """Where the topic of ticks ends."""
        return ends_of(self._scout, self._ticks.assignment())

    def _judge(self, record: Any, bad: Mapping[bytes, str]) -> None:
        self.records += 1
        self.values.add(record.value)
        if record.value in bad:
            self.states["dead_lettered"] += 1
            self.bad[record.partition, record.offset] = bad[record.value]
            return
        tick = msgspec.json.decode(record.value, type=MarketTick)
        self.states[self._state_of(tick, record)] += 1

    def _state_of(self, tick: MarketTick, record: Any) -> str:
        source, order = (tick.currency, tick.source), (tick.epoch, tick.seq)
        before = self._marks.get(source)
        if before is not None and order < before[0]:
            return "stale"
        if before is not None and order == before[0]:
            if record.value == before[1]:
                return "duplicate"
            self.bad[record.partition, record.offset] = "CONFLICT"
            return "conflict"
        owner = self._owner(tick)
        if owner:
            self.bad[record.partition, record.offset] = "OWNED"
            return "dead_lettered"
        anew = before is not None and tick.epoch > before[0][0]
        if not anew and self._begins_a_date_in_part(tick):
            return "not_whole"
        self._marks[source] = order, record.value
        self._lay(tick, anew)
        return "accepted"

    def _owner(self, tick: MarketTick) -> str:
        """Another source of this trial that publishes one of these quotes."""
        sent = {(curve, tenor) for curve, found in tick.curves.items() for tenor in found}
        for (currency, source), (_, quotes) in self._published.items():
            owned = {(curve, tenor) for curve, found in quotes.items() for tenor in found}
            if currency == tick.currency and source != tick.source and sent & owned:
                return source
        return ""

    def _begins_a_date_in_part(self, tick: MarketTick) -> bool:
        date, quotes = self._published.get((tick.currency, tick.source), (None, {}))
        if tick.whole or date in (None, _date(tick)):
            return False
        return any(set(found) - set(tick.curves.get(c, {})) for c, found in quotes.items())

    def _lay(self, tick: MarketTick, anew: bool) -> None:
        """What a tick does not carry stands, on its date and from its source's one life."""
        place = tick.currency, tick.source
        date, quotes = self._published.get(place, (None, {}))
        if anew or tick.whole or date != _date(tick):
            quotes = {}
        mine = {name: dict(found) for name, found in quotes.items()}
        for curve, found in tick.curves.items():
            mine.setdefault(curve, {}).update(found)
        self._published[place] = _date(tick), mine
        market: CurveQuotes = {}
        for (currency, _), (_, found_by_curve) in self._published.items():
            if currency == tick.currency:
                for curve, found in found_by_curve.items():
                    market.setdefault(curve, {}).update(found)
        name = Name(tick.currency, tick.source, tick.epoch, tick.seq)
        self.vectors[name], self.last[tick.currency] = market, name


def _date(tick: MarketTick) -> dt.date:
    """The business date; the feeds of these trials send at noon UTC, the same date everywhere."""
    return tick.as_of.date()


def _seek(reader: Any, offsets: Mapping[TopicPartition, int]) -> None:
    for place, offset in offsets.items():
        reader.seek(place, offset)


def _read_up(reader: Any, ends: Mapping[TopicPartition, int]) -> list[Any]:
    """All records up to where the partitions end.

    Raises:
        KafkaTimeoutError: The end was not reached in time.
    """
    found: list[Any] = []
    deadline = time.monotonic() + PATIENCE_S
    while any(reader.position(place) < end for place, end in ends.items()):
        if time.monotonic() > deadline:
            raise KafkaTimeoutError(f"the ends {ends} were not reached in {PATIENCE_S:.0f} s")
        for batch in reader.poll(timeout_ms=POLL_MS).values():
            found += batch
    return found
