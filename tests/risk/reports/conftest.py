"""Three closes of two desks, a history of curves, limits and a breach, in this process."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from instruments.models import Book, Desk, Limit, book_version
from risk.models import LimitBreach
from risk.scenarios import inputs
from risk.workers import tasks
from tests.risk.curve_history import store_usd_closes
from tests.risk.reprice.test_reprice import DATES, Live, make_swap

FORWARD = {"effective_date": dt.date(2024, 4, 2)}
"""Swaps that begin later need no fixings."""


class Closes(NamedTuple):
    """What was published of two dates, and the moves of quotes before."""

    first: Any
    second: Any
    live: Live


@pytest.fixture
def live(redis_client, settings, redis_url, monkeypatch) -> Live:
    monkeypatch.setattr(book_version, "ask_to_compile", lambda: None)
    monkeypatch.setattr(inputs, "_kept", {})
    settings.REDIS_URL = redis_url
    for made in (tasks._frames, tasks._books, tasks._session, tasks._netter, tasks._run_registry):
        made.cache_clear()
    settings.BLOCK_CACHE_MB = 0
    return Live(redis_client)


@pytest.fixture
def books(db) -> dict[str, Book]:
    return {
        name: Book.objects.create(
            code=name, name=name, desk=Desk.objects.create(code=desk, name=desk)
        )
        for name, desk in (("B1", "RATES"), ("B2", "=CREDIT"))
    }


@pytest.fixture
def history(db) -> None:
    store_usd_closes(DATES[1])


@pytest.fixture
def closes(live, books, history, limits) -> Closes:
    """A swap on each desk; a third is booked between the closes, a fourth after them."""
    make_swap(books["B1"], "S1", **FORWARD)
    make_swap(books["B2"], "S2", pay_receive="pay", notional=Decimal(3_000_000), **FORWARD)
    live.close(DATES[0])
    make_swap(books["B1"], "S3", fixed_rate=Decimal("0.0433"), **FORWARD)
    live.close(DATES[1], 4.0)
    make_swap(books["B1"], "LATE", notional=Decimal(99_000_000), **FORWARD)
    found = live.frames.closes("USD")
    return Closes(found.get(DATES[0]), found.get(DATES[1]), live)


@pytest.fixture
def limits(books) -> dict[str, Limit]:
    rates = books["B1"].desk
    usual = {"amounts_in": "USD", "hard_limit": 1.0}
    made = {
        "L-RATES": Limit.objects.create(
            code="L-RATES", name="DV01 of rates", desk=rates, measure="dv01_par", **usual
        ),
        "L-FIRM": Limit.objects.create(
            code="L-FIRM", name="VaR", measure="var", **{**usual, "hard_limit": 1e9}
        ),
    }
    LimitBreach.objects.create(
        limit=made["L-RATES"],
        frame=2,
        kind="sums",
        valuation_date=DATES[1],
        began=dt.datetime(2024, 3, 5, 17, tzinfo=dt.UTC),
        value=2.0,
        worst=2.5,
        hard_limit=1.0,
        scope="desk RATES",
        desk="RATES",
        cause={"cause": "market"},
    )
    return made
