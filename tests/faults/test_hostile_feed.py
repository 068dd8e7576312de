"""A feed that means harm: nothing stops, nothing is taken for a market, and others are served."""

from __future__ import annotations

import itertools
import time

import msgspec
import pytest
from kafka import KafkaProducer

from feedbridge.kafka.topics import FX_TICKS
from pricing.curves.quotes import CurveQuotes
from risk.history.terms import years_of
from risk.store.fx import read_fx
from risk.store.messages import FxTick
from tests.faults.feed import Feed
from tests.faults.test_kafka import p99_ms
from tests.faults.trial import MEASURES, Trial
from tests.faults.watch import Seen

SECONDS = 40.0 if MEASURES else 6.0

HOSTILE = (
    ({"currency": "X" * 26_000}, "KEY_MISMATCH"),
    ({"source": "x" * 26_000}, "SCHEMA"),
    ({"labels": {f"L{n}" * 20: "official" for n in range(2000)}}, "LABEL"),
    ({"curves": {"{ccy}-GOVT": {f"{n}D": 0.01 for n in range(1, 500)}}}, "TOO_MANY"),
    ({"epoch": 2**53}, "EPOCH_JUMP"),
    ({"seq": 2**53}, "SEQ_JUMP"),
    ({"as_of": "2150-01-01T00:00:00Z"}, "AS_OF"),
    ({"curves": {"{ccy}-GOVT": {"10Y": 5e-324, "1e9Y": 0.01}}}, "UNKNOWN_TENOR"),
    ({"curves": {"{ccy}-GOVT": {"10Y": 0.3}}}, "QUOTE_JUMP"),
)
HOSTILE_FX = (
    {f"X{n:04}": 1.0 for n in range(20_000)},
    *({"EUR": rate} for rate in (5e-324, 1e-300, 999_999.0)),
)


def send(trial: Trial, seconds: float, hostile: bool = False) -> list[Seen]:
    """Ticks of the trial's feed, one in twelve of them hostile; the frames that came."""
    rubbish = itertools.cycle(HOSTILE)
    end = time.monotonic() + seconds
    begin = len(trial.collect())
    while time.monotonic() < end:
        for _ in range(4):
            for name in ("USD", "EUR", "GBP"):
                trial.feed.send(name)
                time.sleep(0.03)
        if hostile:
            trial.feed.bury("EUR", *next(rubbish))
    return trial.collect()[begin:]


@pytest.mark.fault("F28")
def test_hostile_records_become_dead_letters_and_delay_nobody(trial: Trial):
    """Names of 26,000 letters, 500 quotes, epochs of 2^53, dates of 2150, FX rates of 5e-324."""
    trial.flow()
    clean = p99_ms(send(trial, SECONDS))
    rates = read_fx(trial.plant.client)
    with_fx = KafkaProducer(bootstrap_servers=trial.plant.kafka)
    for number, usd in enumerate(HOSTILE_FX):
        good = FxTick(
            as_of=trial.feed.send("USD").as_of, source="rogue", seq=number, usd={}, label="official"
        )
        value = msgspec.json.encode(msgspec.to_builtins(good) | {"usd": usd})
        with_fx.send(FX_TICKS, key=b"FX", value=value).get(timeout=10)
    with_fx.close()
    hostile = p99_ms(send(trial, SECONDS, hostile=True))
    trial.row.notes.append(
        f"p99 {clean:.0f} ms clean, {hostile:.0f} ms (ratio {hostile / clean:.2f})"
    )
    assert read_fx(trial.plant.client) == rates
    trial.check()
    assert set(trial.truth.bad.values()) == {code for _, code in HOSTILE}
    assert not MEASURES or hostile / clean < 5.0


@pytest.mark.fault("F28")
def test_a_second_source_of_the_same_curves_changes_no_number(trial: Trial):
    """Another source publishes EUR at other levels and dates, as a forgotten replay does."""
    trial.flow()
    begin = len(trial.collect())
    rogue = Feed(trial.plant.kafka, f"{trial.feed.source}-rogue", trial.feed.seed + 1)
    try:
        for _ in range(20):
            rogue.send("EUR", whole=True)
            trial.feed.send("EUR")
            time.sleep(0.1)
        rogue.flush()
    finally:
        rogue.close()
    trial.feed.acknowledged |= rogue.acknowledged
    sources = {seen.header.source for seen in trial.collect()[begin:] if seen.currency == "EUR"}
    trial.check()
    assert sources == {trial.feed.source}
    assert list(trial.truth.bad.values()) == ["OWNED"] * 20


@pytest.mark.fault("F28")
def test_a_currency_whose_markets_are_slow_to_price_costs_the_others_nothing(trial: Trial):
    """EUR changes between five sets of 300 instruments with every tick."""
    trial.flow()
    usual = {name: dict(quotes) for name, quotes in trial.feed.quotes["EUR"].items()}
    markets = itertools.cycle(many_quotes(usual, first) for first in (1, 2, 3, 5, 6))
    p99 = {}
    for what in ("clean", "slow"):
        begin = len(trial.collect())
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            if what == "slow":
                trial.feed.change_market("EUR", next(markets))
            trial.feed.send("EUR", whole=True)
            for _ in range(5):
                for name in ("USD", "GBP"):
                    trial.feed.send(name)
                    time.sleep(0.03)
        p99[what] = p99_ms([s for s in trial.collect()[begin:] if s.currency != "EUR"])
    clean, slow = p99["clean"], p99["slow"]
    trial.row.notes.append(
        f"p99 of USD and GBP {clean:.0f} ms, {slow:.0f} ms beside EUR (ratio {slow / clean:.2f})"
    )
    trial.feed.change_market("EUR", usual)
    with trial.stream():
        time.sleep(2.0)
    trial.check()


def many_quotes(curves: CurveQuotes, first: int) -> CurveQuotes:
    """75 tenors for each of four curves, as long as they go, between the given quotes."""
    months = range(first, first + 4 * 75, 4)
    names = ("EUR-GOVT", "EUR-ESTR", "EUR-EURIBOR3M", "EUR-EURIBOR6M")
    base = sorted((years_of(t), rate) for t, rate in curves["EUR-ESTR"].items())
    return {
        name: {f"{m}M": round(at(base, m / 12), 8) for m in months if m % 12}
        for name in names
        if name in curves
    }


def at(base: list[tuple[float, float]], years: float) -> float:
    """Linear between quotes, flat outside."""
    if years <= base[0][0]:
        return base[0][1]
    for (t0, r0), (t1, r1) in itertools.pairwise(base):
        if years <= t1:
            return r0 + (r1 - r0) * (years - t0) / (t1 - t0)
    return base[-1][1]
