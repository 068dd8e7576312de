"""A published book in two currencies with made-up closes, and the results of a run of scenarios."""

from __future__ import annotations

import datetime as dt

import numpy as np

from pricing.curves.curve_set import CurveSet
from pricing.curves.quotes import shape_of
from pricing.scenarios.historical import Closes
from pricing.scenarios.standard import plain, supervisory
from risk.scenarios.maker import ScenarioMaker
from risk.scenarios.messages import ScenarioFrame
from risk.store.compiled_book_store import CompiledBooks
from risk.store.frames import Frames
from risk.workers.book_netter import BookNetter
from risk.workers.session import Session
from tests.risk.made import DATE, QUOTES, bond, store, swap
from tests.risk.published import publish

DAYS = 60


def publish_books(client) -> dict:
    """USD: swaps of the desk RATES, a bond of GOVIES; EUR: swaps of RATES."""
    books = CompiledBooks(client)
    found = {
        "USD": store(books, swap("S1"), swap("S2", notional=3e6), bond("P1"), blocks=2),
        "EUR": store(
            books,
            swap("E1", convention="EUR-ESTR-OIS", pay_receive="pay", notional=2e6),
            currency="EUR",
        ),
    }
    for made in found.values():
        publish(client, books, made, 1, detail=False)
    return found


def closes_of(currency: str, date: dt.date) -> Closes:
    """Sixty weekdays of moves of some basis points."""
    days = [date - dt.timedelta(days=n) for n in range(1, 2 * DAYS)]
    weekdays = sorted(day for day in days if day.weekday() < 5)[-DAYS - 1 :]
    curves = CurveSet(DATE, shape_of(QUOTES[currency]))
    moves = np.random.default_rng(len(currency)).normal(0.0, 7e-4, (len(weekdays), 1))
    own = np.random.default_rng(ord(currency[0])).normal(0.0, 3e-4, (DAYS + 1, len(curves.keys)))
    rates = curves.vector(QUOTES[currency]) + np.cumsum(moves + own, axis=0)
    return Closes(currency, tuple(weekdays), curves.keys, rates)


def maker(client, load=closes_of, **more) -> ScenarioMaker:
    netter = BookNetter(Session(CompiledBooks(client)))
    scenarios = [*plain(), *supervisory()]
    return ScenarioMaker(Frames(client), netter, lambda: scenarios, load, every_s=5.0, **more)


def run(client, **more) -> ScenarioFrame:
    found = maker(client, **more).run()
    assert found is not None
    return found
