"""The main job: a tick in Kafka becomes risk over REST, every number equal to QuantLib's."""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from kafka import KafkaConsumer, KafkaProducer

from demo import sample, sample_products
from demo.sample_currencies import CURRENCIES
from feedbridge.kafka.producer import TickProducer, connector
from feedbridge.kafka.topics import YIELD_CURVE_TICKS, YIELD_CURVE_TICKS_DLQ
from feedbridge.replay.history.daily import stored
from feedbridge.replay.history.fixings import derive_fixings
from pricing.curves.fixings import public_on
from pricing.markets import conventions
from pricing.products.registry import PRODUCTS
from pricing.products.terms import Security, Terms
from pricing.reference import Reference
from risk.store.heartbeats import alive
from risk.store.messages import MarketTick
from tests.e2e.system import System, running_system
from tests.redis_databases import RedisDatabase
from tests.waiting import until

MARKET_DATE = dt.date(2024, 3, 5)
NPV_TOLERANCE = 1e-8
"""Of notional."""

LADDER_TOLERANCE = 1e-5
"""Of the trade's gross DV01; per-trade ladders are kept in single precision."""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    base: Path = tmp_path_factory.mktemp("system")
    with running_system(base, os.environ, redis_db=RedisDatabase.TICK_TO_REST) as made:
        made.migrate()
        made.manage_all("seed_book --every-product", "seed_fixings")
        made.log_in()
        made.start_worker("pricing", "sums,detail", 2)
        made.start_worker("compile", "compile", 1)
        made.start_bridge()
        made.start_web()
        made.manage(
            "shell", "-c", "from risk.workers.tasks import compile_book; compile_book.delay()"
        )
        made.wait()
        yield made


class Feed:
    """Sends whole markets of one history day; ``seq`` rises."""

    def __init__(self) -> None:
        self.producer = TickProducer(connector(os.environ["KAFKA_BOOTSTRAP_SERVERS"]))
        self.seq = int(time.time())

    def send(self, day: dt.date) -> int:
        self.seq += 1
        for currency in CURRENCIES:
            curves = stored().day(currency, day)
            tick = MarketTick(
                currency=currency,
                # The business date is the same from Sydney to Toronto.
                as_of=dt.datetime.combine(day, dt.time(9), tzinfo=dt.UTC),
                source="e2e",
                seq=self.seq,
                curves=curves.curves,
                labels=curves.labels,
            )
            self.producer.send(tick)
        assert self.producer.flush(20.0)
        return self.seq


@pytest.fixture(scope="module")
def feed() -> Iterator[Feed]:
    made = Feed()
    yield made
    made.producer.close()


def published(system: System, day: dt.date, failed: int = 0) -> bool:
    rollups = system.frames.current_all(CURRENCIES)
    return len(rollups) == len(CURRENCIES) and all(
        r.valuation_date == day and len(r.failures) <= failed for r in rollups.values()
    )


@pytest.fixture(scope="module")
def priced(system: System, feed: Feed) -> System:
    """Ticks went in; prices of the sample have become spreads; all trades have numbers."""
    feed.send(MARKET_DATE)
    until(lambda: published(system, MARKET_DATE))
    return system


def sample_terms(system: System) -> list[Terms]:
    """The sample book as the generator says, with the spreads that the system has solved."""
    tables = ("bond-positions/", "floating_rate_notes/")
    rows = {row["trade_id"]: row for table in tables for row in system.get_all(table)}
    return [_with_spread(t, rows) for t in (*sample.trades(), *sample_products.trades())]


def _with_spread(terms: Terms, rows: dict[str, dict[str, Any]]) -> Terms:
    if isinstance(terms, Security) and terms.quote is not None:
        spread = rows[terms.trade_id]["z_spread_bp"]
        assert spread is not None
        return msgspec.structs.replace(terms, z_spread_bp=spread, clean_price=None)
    return terms


def fixings_of(currency: str) -> dict[str, dict[dt.date, float]]:
    known: dict[str, dict[dt.date, float]] = {}
    for fixing in derive_fixings(currency, dt.date(2018, 1, 1), MARKET_DATE):
        known.setdefault(fixing.index, {})[fixing.date] = fixing.rate
    return {n: public_on(conventions.INDICES[n], r, MARKET_DATE) for n, r in known.items()}


def products_of(currency: str) -> set[str]:
    """Those for which the market file of a currency has what they need."""
    indices = [row for row in conventions.INDICES.values() if row.currency == currency]
    rows = {
        "fra": [row for row in indices if row.kind == "ibor"],
        "basis_swap": indices[1:],
        "ir_future": [row for row in conventions.FUTURES.values() if row.currency == currency],
        "bond_future": [
            row for row in conventions.BOND_FUTURES.values() if row.currency == currency
        ],
    }
    return {name for name in PRODUCTS if rows.get(name, indices)}


def test_the_book_has_every_product_and_eight_currencies():
    assert len(CURRENCIES) == 8
    assert set().union(*(products_of(currency) for currency in CURRENCIES)) == set(PRODUCTS)


@pytest.mark.parametrize("currency", CURRENCIES)
def test_every_trade_over_rest_equals_plain_quantlib(priced, currency):
    book = [terms for terms in sample_terms(priced) if terms.currency == currency]
    curves = stored().day(currency, MARKET_DATE).curves
    reference = Reference(MARKET_DATE, curves, fixings_of(currency))
    expected = {risk.trade_id: risk for risk in reference.price(book)}
    listed = priced.get_all(f"risk/trades/?currency={currency}")
    assert {row["trade_id"] for row in listed} == set(expected)
    assert {row["type"] for row in listed} == products_of(currency)
    for row in listed:
        notional = next(t.size for t in book if t.trade_id == row["trade_id"])
        truth = expected[row["trade_id"]]
        assert truth.failure is None
        assert row["status"] == "priced"
        assert row["npv"] == pytest.approx(truth.npv, abs=NPV_TOLERANCE * notional)
        detail = priced.get(f"risk/trades/{row['trade_id']}/")
        gross = float(np.abs(truth.ladder_par).sum())
        assert row["dv01_par"] == pytest.approx(truth.dv01_par, abs=LADDER_TOLERANCE * gross)
        for name in ("ladder_par", "krd"):
            flat = [detail[name][key.curve][key.tenor] for key in reference.set.keys]
            assert flat == pytest.approx(getattr(truth, name), abs=LADDER_TOLERANCE * gross)


def test_sums_over_rest_are_the_sums_of_the_trades(priced):
    groups = priced.get("risk/portfolio/?group_by=currency,desk,book,type")["groups"]
    trades = priced.get_all("risk/trades/")
    count = sample.SAMPLE_SIZE + len(sample_products.trades())
    assert sum(group["trades"] for group in groups) == len(trades) == count
    for group in groups:
        mine = [t for t in trades if all(t[k] == group[k] for k in ("currency", "book", "type"))]
        # A future on a monthly average is made of 21 deposits of its notional, and a leg whose
        # fixings compound one by one of a thousand: sums add them up in another order.
        rounding = 1e-12 * group["notional"]
        expected = sum(t["npv"] for t in mine)
        assert group["npv"] == pytest.approx(expected, rel=1e-12, abs=rounding)
        assert group["dv01_par"] == pytest.approx(sum(t["dv01_par"] for t in mine), rel=1e-9)
        ladder = sum(sum(curve.values()) for curve in group["ladder_par"].values())
        assert ladder == pytest.approx(group["dv01_par"], rel=1e-6)
        krd = sum(sum(curve.values()) for curve in group["krd"].values())
        assert krd == pytest.approx(group["dv01_zero"], rel=1e-6)


def test_measures_of_a_lower_cadence_come_without_another_tick(priced):
    def made() -> bool:
        trades = priced.get_all("risk/trades/")
        return all("NOT_MADE_YET" not in trade["unavailable"].values() for trade in trades)

    until(made, 60)
    trade = next(t for t in priced.get_all("risk/trades/") if t["type"] == "bond")
    assert trade["clean_per_100"] > 0
    assert trade["analytics_frame"] <= trade["frame"]


def test_a_price_that_came_in_is_the_price_that_the_model_gives(priced):
    """The spread was solved on the first market and is held: it is stored with the position."""
    rows = priced.get_all("bond-positions/")
    with_price = [row for row in rows if row["clean_price"] is not None]
    assert with_price
    assert all(row["z_spread_bp"] is not None for row in with_price)


def test_bad_ticks_are_buried_with_their_reason_and_the_good_one_after_them_is_priced(priced, feed):
    bad = {
        b"{not json": "JSON",
        b'{"currency":"EUR","as_of":"2024-03-06T17:00:00Z","source":"x","seq":1,'
        b'"curves":{"EUR-GOVT":{"10Y":NaN}}}': "NON_FINITE",
        b'{"currency":"EUR","as_of":"2024-03-06T17:00:00Z","source":"x","seq":1,'
        b'"curves":{"EUR-GOVT":{"10Y":2.5}}}': "RANGE",
        b'{"currency":"EUR","as_of":"2024-03-06T17:00:00Z","source":"x","seq":1,'
        b'"curves":{"EUR-LIBOR":{"10Y":0.025}}}': "UNKNOWN_CURVE",
    }
    servers = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
    counted = alive(priced.frames.client)[0].states.get("dead_lettered", 0)
    producer = KafkaProducer(bootstrap_servers=servers)
    for value in bad:
        producer.send(YIELD_CURVE_TICKS, key=b"EUR", value=value).get(timeout=10)
    producer.close()
    next_day = dt.date(2024, 3, 6)
    feed.send(next_day)
    until(lambda: published(priced, next_day))
    # Other tests write to the same topic.
    until(lambda: bad.keys() <= dict(letters(servers)).keys())
    found = {value: headers for value, headers in letters(servers) if value in bad}
    assert {value: headers["reason"].decode() for value, headers in found.items()} == bad
    range_letter = found[list(bad)[2]]
    assert "EUR-GOVT 10Y" in range_letter["detail"].decode()
    assert "decimal expected" in range_letter["detail"].decode()
    until(
        lambda: alive(priced.frames.client)[0].states.get("dead_lettered", 0) >= counted + len(bad)
    )


def letters(servers: str) -> list[tuple[bytes, dict[str, bytes]]]:
    consumer = KafkaConsumer(
        YIELD_CURVE_TICKS_DLQ,
        bootstrap_servers=servers,
        auto_offset_reset="earliest",
        consumer_timeout_ms=1500,
        group_id=None,
    )
    found = [(record.value, dict(record.headers)) for record in consumer]
    consumer.close()
    return found


def test_an_edited_trade_is_priced_anew_on_the_quotes_that_stand(priced):
    """The next frame has the new book; frames of the old one say so; history names the editor."""
    listed = priced.get("risk/trades/?type=swap&page_size=1&ordering=-npv")["results"][0]
    name, currency = listed["trade_id"], listed["currency"]
    before = priced.get(f"risk/trades/{name}/")
    row = priced.get(f"swaps/{name}/")
    change = {"notional": 2 * row["notional"], "version": row["version"]}
    assert priced.patch(f"swaps/{name}/", change)["version"] == row["version"] + 1

    def doubled() -> bool:
        now = priced.get(f"risk/trades/{name}/")["npv"]
        return bool(now == pytest.approx(2 * before["npv"], rel=1e-9))

    until(doubled)
    after = priced.get(f"risk/trades/{name}/")
    old, new = before["stamp"], after["stamp"]
    assert new["frame"] > old["frame"]
    assert new["curve_version"] == old["curve_version"]  # the quotes stand
    assert new["book_version"] != old["book_version"]
    lines = {r["frame"]: r for r in priced.get(f"risk/history/?currency={currency}")["results"]}
    assert lines[old["frame"]]["book_version"] == old["book_version"]
    assert lines[new["frame"]]["book_version"] == new["book_version"]
    newest = priced.get(f"swaps/{name}/history/")[0]
    assert (newest["user"], newest["kind"]) == ("admin", "changed")
    assert list(newest["changes"]) == ["notional"]
    assert sum(f["present_value"] for f in after["cash_flows"]) == pytest.approx(
        after["npv"], rel=1e-9
    )


def test_a_running_system_holds_a_sample_of_its_frames_to_quantlib(priced, feed):
    def checked() -> bool:
        found = [priced.frames.check(name) for name in CURRENCIES]
        if not all(found):  # a worker asks for a check now and then, when it publishes
            feed.send(dt.date(2024, 3, 6))
            time.sleep(2.0)
        return all(found)

    until(checked)
    for name in CURRENCIES:
        result = priced.frames.check(name)
        assert result.trades > 0
        assert not result.breach
        assert result.npv_error < NPV_TOLERANCE


def test_a_bridge_that_runs_touches_the_file_that_its_container_is_judged_by(priced):
    file = Path(priced.environment["BRIDGE_HEARTBEAT_FILE"])
    before = file.stat().st_mtime_ns
    until(lambda: file.stat().st_mtime_ns > before, seconds=10)


def test_every_tick_has_ended_in_one_counted_state(priced):
    def at_rest() -> bool:
        pulse = alive(priced.frames.client)[0]
        return pulse.in_flight == 0 and pulse.consumed == sum(pulse.states.values()) > 0

    until(at_rest)


def test_no_process_was_refused_a_key_that_it_needs(priced):
    refused = priced.frames.client.acl_log() if "SUMS_REDIS_URL" in priced.environment else []
    # Without an account is a process of another test, which knocks at a port that was its server's:
    # one of this system could do nothing at all.
    own = [row for row in refused if row["username"] != "default"]
    assert not [(row["username"], row["object"], row["client-info"]) for row in own]
