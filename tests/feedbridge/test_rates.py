"""Exchange rates: what a tick does not carry stands, with the label that it came with."""

from __future__ import annotations

import time

import pytest

from feedbridge.bridge.decode import BadTick, SourceRefused
from feedbridge.bridge.fx_rates import MAX_SOURCES, PendingRates
from feedbridge.bridge.ledger import Ledger, Place
from risk.store.fx import read_fx
from risk.store.messages import FxTick
from tests.risk.made import as_of


def tick(seq, label="official", source="feed", **usd):
    return FxTick(as_of=as_of(), source=source, seq=seq, usd=usd, label=label)


@pytest.fixture
def ledger():
    return Ledger()


@pytest.fixture
def rates(ledger):
    return PendingRates(ledger)


def take(rates, ledger, *ticks):
    for each in ticks:
        place = Place("fx_ticks", 0, ledger.consumed)
        ledger.begin(place)
        rates.take(place, each)


def test_a_rate_that_a_tick_does_not_carry_stands(rates, ledger, redis_client):
    take(rates, ledger, tick(1, EUR=1.1, GBP=1.3))
    rates.write(redis_client)
    take(rates, ledger, tick(2, EUR=1.2))
    rates.write(redis_client)
    assert read_fx(redis_client).usd == {"USD": 1.0, "EUR": 1.2, "GBP": 1.3}


def test_ticks_that_wait_together_are_merged_and_end_only_when_redis_has_them(
    rates, ledger, redis_client
):
    take(rates, ledger, tick(1, EUR=1.1, GBP=1.3), tick(2, EUR=1.2))
    assert ledger.in_flight == 2
    rates.write(redis_client)
    assert read_fx(redis_client).usd == {"USD": 1.0, "EUR": 1.2, "GBP": 1.3}
    assert ledger.counts == {"conflated": 1, "published": 1}


def test_the_label_for_all_is_the_least_real_one(rates, ledger, redis_client):
    take(rates, ledger, tick(1, "synthetic", GBP=1.3), tick(2, "official", EUR=1.2))
    rates.write(redis_client)
    found = read_fx(redis_client)
    assert found.labels == {"GBP": "synthetic", "EUR": "official"}
    assert found.label == "synthetic"
    take(rates, ledger, tick(3, "official", GBP=1.31))
    rates.write(redis_client)
    assert read_fx(redis_client).label == "official"


def test_an_older_tick_of_the_same_source_changes_nothing(rates, ledger, redis_client):
    take(rates, ledger, tick(2, EUR=1.2), tick(1, EUR=1.1), tick(2, EUR=1.2))
    rates.write(redis_client)
    assert read_fx(redis_client).usd["EUR"] == 1.2
    assert ledger.counts == {"published": 1, "stale": 1, "duplicate": 1}


def test_rates_of_a_lost_partition_are_another_bridges_to_write(rates, ledger, redis_client):
    take(rates, ledger, tick(1, EUR=1.1))
    rates.release({("fx_ticks", 0)})
    rates.write(redis_client)
    assert read_fx(redis_client).usd == {"USD": 1.0}


def test_a_source_owns_its_rates_until_it_is_reset(rates, ledger, redis_client):
    take(rates, ledger, tick(1, EUR=1.1))
    take(rates, ledger, tick(1, source="other", GBP=1.3))
    with pytest.raises(SourceRefused, match=r"OWNED: usd EUR: .*source feed.*reset_source feed"):
        take(rates, ledger, tick(2, source="other", EUR=1.2))
    rates.reset({("feed", "*"): time.time_ns() + 1})
    take(rates, ledger, tick(3, source="other", EUR=1.2))
    rates.write(redis_client)
    assert read_fx(redis_client).usd == {"USD": 1.0, "EUR": 1.2, "GBP": 1.3}


@pytest.mark.parametrize("rate", [0.5, 2.3, 1e-6, 1e3])
def test_a_rate_far_from_the_one_before_is_refused_until_its_source_is_reset(rates, ledger, rate):
    take(rates, ledger, tick(1, EUR=1.1))
    with pytest.raises(SourceRefused, match=r"FX_JUMP: usd EUR: .*factor of 2.*reset_source feed"):
        take(rates, ledger, tick(2, EUR=rate))
    take(rates, ledger, tick(2, EUR=1.15))
    rates.reset({("feed", "*"): time.time_ns() + 1})
    take(rates, ledger, tick(1, EUR=rate))


def test_a_source_stays_known_while_another_sends(rates, ledger):
    take(rates, ledger, tick(1, EUR=1.1), tick(1, source="other", GBP=1.3))
    with pytest.raises(SourceRefused, match="SEQ_JUMP"):
        take(rates, ledger, tick(2**53, EUR=1.1))
    take(rates, ledger, tick(1, EUR=1.1), tick(0, EUR=1.1))
    assert ledger.counts == {"duplicate": 1, "stale": 1}


def test_other_rates_under_a_known_number_are_a_conflict(rates, ledger):
    take(rates, ledger, tick(1, EUR=1.1))
    with pytest.raises(BadTick, match="CONFLICT: seq 1 of feed came before with other rates"):
        take(rates, ledger, tick(1, EUR=1.2))


def test_the_sources_of_rates_are_bounded(rates, ledger):
    for n in range(MAX_SOURCES):
        take(rates, ledger, tick(1, source=f"s{n}", USD=1.0))
    with pytest.raises(SourceRefused, match="TOO_MANY: source"):
        take(rates, ledger, tick(1, source="more", EUR=1.1))
