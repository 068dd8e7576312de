"""Each field of a tick and of exchange rates, at 1, 10 and 100 times its limit.

At its limit a record is taken, unless no value of that size is right. Beyond it the record becomes
a dead letter whose reason names the field, in bounded time and memory.
"""

from __future__ import annotations

import datetime as dt
import json
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from kafka import KafkaProducer

from feedbridge.bridge.decode import (
    MAX_BYTES,
    MAX_CURVE_QUOTES,
    MAX_DEPTH,
    MAX_MARKET_QUOTES,
    MAX_RISE,
    BadTick,
    SourceRefused,
    check_order,
    fx_tick,
    market_tick,
)
from feedbridge.bridge.fx_rates import MAX_FACTOR, PendingRates
from feedbridge.bridge.fx_rates import MAX_SOURCES as MAX_FX_SOURCES
from feedbridge.bridge.ledger import Ledger, Place
from feedbridge.bridge.market_state import MAX_MOVE, MAX_SOURCES, Board
from feedbridge.dead_letters.invalid_record_limit import NoLimit
from feedbridge.kafka.topics import FX_TICKS, YIELD_CURVE_TICKS
from pricing.curves.quotes import QUOTE_MAX
from pricing.limits import FX_MAX, FX_MIN
from risk.store.messages import FxTick, MarketTick
from tests.feedbridge.rig import Rig, at_rest

TIMES = (1, 10, 100)
FLOOR_S, MAX_RATIO, TRIES = 0.002, 40, 4
"""Shorter times say nothing; the longest record is 1,000 times as long as the shortest."""

MEMORY_BYTES = 40 * MAX_BYTES
REASON_CHARACTERS = 1_200

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
CLOCK_US = time.time_ns() // 1000
TICK: dict[str, Any] = {
    "currency": "EUR",
    "as_of": NOW.isoformat(),
    "source": "feed",
    "seq": 1,
    "curves": {"EUR-GOVT": {"10Y": 0.02}},
}
RATES: dict[str, Any] = {
    "as_of": NOW.isoformat(),
    "source": "feed",
    "seq": 1,
    "usd": {"EUR": 1.1},
    "label": "official",
}
PADDED, NESTED = "padded to bytes", "nested so deep"


@dataclass(frozen=True)
class Field:
    """One field of a record.

    Attributes:
        name: For the report.
        code: Of the dead letter beyond the limit.
        said: Words of its reason: the field, or the limit.
        fields: What the record has at some times the limit.
        can_be_right: Whether it is taken at the limit.
    """

    name: str
    code: str
    said: str
    fields: Callable[[int], dict[str, Any]]
    can_be_right: bool = True


def quotes(count: int) -> dict[str, float]:
    return {f"{n}D": 0.02 for n in range(1, count + 1)}


def three_curves(times: int) -> dict[str, Any]:
    each = MAX_MARKET_QUOTES // 3 * times
    return {"curves": {f"EUR-{name}": quotes(each) for name in ("GOVT", "ESTR", "EURIBOR6M")}}


def days_ahead(times: int) -> dict[str, Any]:
    return {"as_of": (NOW + dt.timedelta(days=2 * times)).isoformat()}


def unknown(times: int) -> dict[str, Any]:
    return {f"field{k}": 1 for k in range(8 * times)}


BOTH = (
    Field("source", "SCHEMA", "length <= 64 - at `$.source`", lambda n: {"source": "x" * 64 * n}),
    Field("as_of", "AS_OF", "as_of: ", days_ahead),
    Field("seq", "SEQ", "9007199254740992 - at `$.seq`", lambda n: {"seq": 2**53 * n}),
    Field("sent_ns", "SENT_NS", "sent_ns: ", lambda n: {"sent_ns": (2**63 - 1) * n}),
    Field("epoch", "SEQ", "9007199254740992 - at `$.epoch`", lambda n: {"epoch": CLOCK_US * n}),
    Field("names", "UNKNOWN_FIELD", "unknown field `field0`", unknown, can_be_right=False),
    Field("bytes", "TOO_LARGE", f"at most {MAX_BYTES}", lambda n: {PADDED: MAX_BYTES * n}),
    Field("depth", "TOO_DEEP", "20 deep", lambda n: {NESTED: MAX_DEPTH * n}, can_be_right=False),
)


def curve(name: str, tenor: str, rate: float = 0.02) -> dict[str, Any]:
    return {"curves": {name: {tenor: rate}}}


def curves(times: int) -> dict[str, Any]:
    return {"curves": {f"EUR-{k}": {"1Y": 0.02} for k in range(2 * times)}}


def labels(times: int) -> dict[str, Any]:
    return {"labels": {f"C{k}": "official" for k in range(50 * times)}}


def curve_quotes(times: int) -> dict[str, Any]:
    return {"curves": {"EUR-GOVT": quotes(MAX_CURVE_QUOTES * times)}}


def future_price(times: int) -> dict[str, Any]:
    """A future may be worth 105 at most: a rate of -5 %."""
    prices = {"USD-SOFR": {"SR3H40": 105.0 * times}}
    return {"currency": "USD", "curves": {}, "prices": prices}


def prices(times: int) -> dict[str, Any]:
    """Futures of all months and years, by their codes."""
    codes = [f"SR3{month}{year:02d}" for year in range(100) for month in "HMUZ"]
    some = dict.fromkeys(codes[: MAX_CURVE_QUOTES * times], 96.0)
    return {"currency": "USD", "curves": {}, "prices": {"USD-SOFR": some}}


CURVE_FIELDS = (
    *BOTH,
    Field("quotes of a curve", "TOO_MANY", f"at most {MAX_CURVE_QUOTES}", curve_quotes),
    Field("quotes of a currency", "TOO_MANY", "at most ", three_curves),
    Field("tenor", "UNKNOWN_TENOR", "at most 60Y", lambda n: curve("EUR-GOVT", f"{60 * n}Y")),
    Field("price", "RANGE", "USD-SOFR SR3H40: ", future_price),
    Field("prices of a curve", "TOO_MANY", f"at most {MAX_CURVE_QUOTES}", prices),
    Field("rate", "RANGE", "EUR-GOVT 10Y: ", lambda n: curve("EUR-GOVT", "10Y", QUOTE_MAX * n)),
    *(
        Field(name, code, said, fields, can_be_right=False)
        for name, code, said, fields in (
            ("currency", "UNKNOWN_CURRENCY", "allowed: USD", lambda n: {"currency": "E" * 260 * n}),
            ("curves", "UNKNOWN_CURVE", "curves of EUR", curves),
            ("curve's name", "UNKNOWN_CURVE", "curves of EUR", lambda n: curve("E" * 90 * n, "1Y")),
            ("tenor's name", "UNKNOWN_TENOR", "10Y", lambda n: curve("EUR-GOVT", "1" * 90 * n)),
            ("labels", "LABEL", "labels: 'C0'", labels),
            ("label's curve", "LABEL", "labels: ", lambda n: {"labels": {"C" * 90 * n: "proxy"}}),
            ("label", "LABEL", "$.labels", lambda n: {"labels": {"EUR-GOVT": "x" * 90 * n}}),
            ("whole", "SCHEMA", "$.whole", lambda n: {"whole": "x" * 90 * n}),
        )
    ),
)


def many_rates(times: int) -> dict[str, Any]:
    return {"usd": {f"X{k}": 1.0 for k in range(90 * times)}}


FX_FIELDS = (
    *BOTH,
    Field("rate", "RANGE", "$.usd", lambda n: {"usd": {"EUR": FX_MAX * n}}),
    Field("small rate", "RANGE", "$.usd", lambda n: {"usd": {"EUR": FX_MIN / n}}),
    *(
        Field(name, code, said, fields, can_be_right=False)
        for name, code, said, fields in (
            ("currencies", "UNKNOWN_CURRENCY", "usd: 'X0' and ", many_rates),
            ("currency", "UNKNOWN_CURRENCY", "usd: ", lambda n: {"usd": {"E" * 90 * n: 1.1}}),
            ("label", "SCHEMA", "$.label", lambda n: {"label": "x" * 90 * n}),
        )
    ),
)
CASES = [
    pytest.param(base, field, id=f"{what} {field.name}")
    for what, base, fields in (("tick", TICK, CURVE_FIELDS), ("rates", RATES, FX_FIELDS))
    for field in fields
]


def record(base: dict[str, Any], fields: dict[str, Any]) -> bytes:
    if NESTED in fields:
        return b"[" * fields[NESTED] + b"1" + b"]" * fields[NESTED]
    text = json.dumps(base | {k: v for k, v in fields.items() if k != PADDED}).encode()
    return text.ljust(fields.get(PADDED, 0))


def judged(base: dict[str, Any], raw: bytes) -> BadTick | None:
    """Return what is wrong with a record, as a bridge that has seen nothing before says it."""
    try:
        tick = market_tick(raw, None) if base is TICK else fx_tick(raw)
        check_order(tick, None, time.time_ns())
    except BadTick as error:
        return error
    return None


def cost(base: dict[str, Any], raw: bytes) -> tuple[float, int]:
    """Seconds, the least of some tries, and the greatest memory at a time."""
    taken = []
    for _ in range(TRIES):
        began = time.thread_time()
        judged(base, raw)
        taken.append(time.thread_time() - began)
    tracemalloc.start()
    judged(base, raw)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return max(min(taken), FLOOR_S), peak


@pytest.mark.parametrize(("base", "field"), CASES)
def test_a_field_beyond_its_limit_is_a_dead_letter_that_names_it(
    base: dict[str, Any], field: Field
) -> None:
    raws = {times: record(base, field.fields(times)) for times in TIMES}
    wrong = judged(base, raws[1])
    assert (wrong is None) == field.can_be_right, wrong
    for times in TIMES[1:]:
        error = judged(base, raws[times])
        assert error is not None
        if error.code != "TOO_LARGE":
            assert error.code == field.code
            assert field.said in error.reason
        assert len(error.reason) <= REASON_CHARACTERS
        usual_s, _ = cost(base, raws[1])
        taken_s, peak = cost(base, raws[times])
        assert taken_s <= MAX_RATIO * usual_s
        assert peak <= MEMORY_BYTES


def test_every_field_of_the_messages_is_tried() -> None:
    tried = {
        MarketTick: {name for field in CURVE_FIELDS for name in field.fields(1)},
        FxTick: {name for field in FX_FIELDS for name in field.fields(1)},
    }
    for kind, names in tried.items():
        assert set(kind.__struct_fields__) <= names


# --- What is measured by the record before ----------------------------------------------------


def market(seq: int = 1, **changes: Any) -> MarketTick:
    usual: dict[str, Any] = {
        "currency": "EUR",
        "as_of": NOW,
        "source": "feed",
        "seq": seq,
        "curves": {"EUR-GOVT": {"10Y": 0.02}},
    }
    return MarketTick(**usual | changes)


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("number", MAX_RISE)
def test_the_rise_of_a_number_is_bounded(number: str, times: int) -> None:
    last, rise = (5, 5), MAX_RISE[number] * times
    tick = market(**{"epoch": 5, "seq": 5} | {number: 5 + rise})
    if times == 1:
        check_order(tick, last, time.time_ns())
    else:
        with pytest.raises(SourceRefused, match=f"{number.upper()}_JUMP: {number}: "):
            check_order(tick, last, time.time_ns())


@pytest.mark.parametrize("times", TIMES)
def test_the_move_of_a_quote_is_bounded(times: int) -> None:
    board = Board()
    board.take(market())
    tick = market(2, curves={"EUR-GOVT": {"10Y": 0.02 + MAX_MOVE * times}})
    if times == 1:
        board.take(tick)
    else:
        with pytest.raises(SourceRefused, match="QUOTE_JUMP: EUR-GOVT 10Y: "):
            board.take(tick)


@pytest.mark.parametrize("times", TIMES)
def test_the_sources_of_a_currency_are_bounded(times: int) -> None:
    board, refused = Board(), 0
    for n in range(1, MAX_SOURCES * times + 1):
        try:
            board.take(market(source=f"s{n}", curves={"EUR-GOVT": {f"{n}D": 0.02}}))
        except SourceRefused as error:
            refused += error.code == "TOO_MANY"
    assert refused == MAX_SOURCES * (times - 1)
    assert len(board.markets["EUR"].parts) == MAX_SOURCES


def rates(seq: int = 1, source: str = "feed", **usd: float) -> FxTick:
    return FxTick(as_of=NOW, source=source, seq=seq, usd=usd, label="official")


@pytest.mark.parametrize("times", TIMES)
def test_the_move_of_a_rate_is_bounded(times: int) -> None:
    waiting, place = PendingRates(Ledger()), Place(FX_TICKS, 0, 0)
    waiting.take(place, rates(EUR=1.1))
    if times == 1:
        waiting.take(place, rates(2, EUR=1.1 * MAX_FACTOR))
    else:
        with pytest.raises(SourceRefused, match="FX_JUMP: usd EUR: "):
            waiting.take(place, rates(2, EUR=1.1 * MAX_FACTOR * times))


@pytest.mark.parametrize("times", TIMES)
def test_the_sources_of_rates_are_bounded(times: int) -> None:
    waiting, refused = PendingRates(Ledger()), 0
    for n in range(MAX_FX_SOURCES * times):
        try:
            waiting.take(Place(FX_TICKS, 0, n), rates(source=f"s{n}", USD=1.0))
        except SourceRefused as error:
            refused += error.code == "TOO_MANY"
    assert refused == MAX_FX_SOURCES * (times - 1)


# --- At a real broker -------------------------------------------------------------------------

BROKER_BYTES = 900_000
"""A broker takes records of 1 MiB unless it is told otherwise."""


def sent(rig: Rig, topic: str, raws: list[bytes], key: bytes | None = None) -> float:
    """Send records; the processor time in seconds until a bridge has ended them all."""
    (bridge,) = rig.bridges
    producer = KafkaProducer(bootstrap_servers=rig.servers)
    for raw in raws:
        producer.send(topic, key=key, value=raw)
    producer.flush()
    producer.close()
    began = time.thread_time()
    rig.run(at_rest(bridge, bridge.ledger.consumed + len(raws)), seconds=120.0)
    return time.thread_time() - began


def test_the_records_of_all_fields_become_dead_letters_at_a_bridge(rig: Rig) -> None:
    bridge = rig.ready(rig.bridge())
    bridge.invalid_record_limit = bridge.intake.invalid_record_limit = NoLimit()
    for topic, base, fields in (
        (YIELD_CURVE_TICKS, TICK, CURVE_FIELDS),
        (FX_TICKS, RATES, FX_FIELDS),
    ):
        raws = [record(base, field.fields(times)) for field in fields for times in TIMES[1:]]
        raws = [raw for raw in raws if len(raw) < BROKER_BYTES]
        before = bridge.ledger.counts["dead_lettered"]
        sent(rig, topic, raws)
        assert bridge.ledger.counts["dead_lettered"] == before + len(raws)
    rig.send(rig.tick(1))
    rig.run(lambda: "USD" in bridge.board.markets)


@pytest.mark.parametrize("size", [12_000, 26_000])
def test_a_currency_of_thousands_of_letters_costs_no_more_than_an_ordinary_bad_tick(
    rig: Rig, size: int
) -> None:
    rig.ready(rig.bridge())
    short, long = (record(TICK, {"currency": text}) for text in ("EURO", "X" * size))
    usual_s = sent(rig, YIELD_CURVE_TICKS, [short] * 5, key=b"EURO")
    taken_s = sent(rig, YIELD_CURVE_TICKS, [long] * 5, key=b"X" * size)
    assert taken_s <= MAX_RATIO * max(usual_s, 25 * FLOOR_S)
