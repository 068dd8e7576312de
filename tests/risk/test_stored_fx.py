"""Exchange rates of the master stand in for currencies that no tick has brought."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator

import pytest
import redis

from risk.store.fx import FX_KEY, read_fx, stand_in, write_fx
from risk.store.messages import FxTick


@pytest.fixture
def client() -> Iterator[redis.Redis]:
    found = redis.Redis.from_url(os.environ["REDIS_URL"])
    found.delete(FX_KEY)
    yield found
    found.delete(FX_KEY)


def tick(**usd: float) -> FxTick:
    return FxTick(
        as_of=dt.datetime(2024, 1, 2, tzinfo=dt.UTC),
        source="feed",
        seq=1,
        epoch=1,
        usd=usd,
        label="official",
    )


def test_stored_rates_are_labelled_and_a_newer_stored_one_replaces_them(client) -> None:
    stand_in(client, {"EUR": 1.1})
    stand_in(client, {"EUR": 1.2, "GBP": 1.3})
    fx = read_fx(client)
    assert (fx.usd, fx.label) == ({"USD": 1.0, "EUR": 1.2, "GBP": 1.3}, "stored")


def test_a_tick_replaces_what_it_carries_and_is_never_overwritten(client) -> None:
    stand_in(client, {"EUR": 1.1, "GBP": 1.3})
    write_fx(client, tick(EUR=1.15))
    stand_in(client, {"EUR": 1.2, "GBP": 1.4})
    fx = read_fx(client)
    assert fx.usd == {"USD": 1.0, "EUR": 1.15, "GBP": 1.4}
    assert fx.labels == {"EUR": "official", "GBP": "stored"}
    assert fx.label == "stored"


def test_without_stored_rates_nothing_is_written(client) -> None:
    stand_in(client, {})
    assert not client.exists(FX_KEY)
