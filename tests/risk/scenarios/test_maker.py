"""A run revalues what is published: equal to the sums of a frame at each day's moved quotes."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from pricing.curves.curve_set import CurveSet
from pricing.curves.quotes import shape_of
from pricing.scenarios.historical import historical_moves
from risk.scenarios.store import ScenarioStore
from risk.store.compiled_book_store import CompiledBooks
from risk.workers.book_netter import BookNetter
from risk.workers.session import Session
from tests.risk.made import DATE, QUOTES, sums_job
from tests.risk.scenarios.live import DAYS, closes_of, publish_books, run

MONEY = 1e-5


def moved(currency, move):
    keys = CurveSet(DATE, shape_of(QUOTES[currency])).keys
    made = {curve: dict(rates) for curve, rates in QUOTES[currency].items()}
    for key, by in zip(keys, move, strict=True):
        made[key.curve][key.tenor] += by
    return made


def npv_by_group(netter, made, quotes):
    a_job = sums_job(made.version, currency=made.currency, blocks=made.blocks, curves=quotes)
    return {(cell.book, cell.product): cell.npv for cell in netter.sums(a_job).cells}


def test_historical_pnl_is_that_of_frames_at_the_moved_quotes(redis_client):
    books = publish_books(redis_client)
    frame = run(redis_client)
    assert len(frame.days) == DAYS
    netter = BookNetter(Session(CompiledBooks(redis_client)))
    wanted = {name: CurveSet(DATE, shape_of(QUOTES[name])).keys for name in books}
    history = historical_moves([closes_of(name, DATE) for name in books], wanted)
    for currency, made in books.items():
        found = frame.currencies[currency]
        now = npv_by_group(netter, made, QUOTES[currency])
        pnl = found.matrix(found.historical)
        for day in (0, 17, DAYS - 1):
            then = npv_by_group(
                netter, made, moved(currency, history.currencies[currency].moves[day])
            )
            for place, group in enumerate(found.groups):
                expected = then[group.book, group.product] - now[group.book, group.product]
                assert pnl[place, day] == pytest.approx(expected, abs=MONEY)


def test_stress_pnl_is_that_of_a_frame_at_the_moved_quotes(redis_client):
    books = publish_books(redis_client)
    frame = run(redis_client)
    place = [s.name for s in frame.scenarios].index("parallel_+100")
    usd = frame.currencies["USD"]
    netter = BookNetter(Session(CompiledBooks(redis_client)))
    keys = CurveSet(DATE, shape_of(QUOTES["USD"])).keys
    now = npv_by_group(netter, books["USD"], QUOTES["USD"])
    then = npv_by_group(netter, books["USD"], moved("USD", np.full(len(keys), 0.01)))
    for row, group in enumerate(usd.groups):
        name = (group.book, group.product)
        pnl = usd.matrix(usd.stress)[row, place]
        assert pnl == pytest.approx(then[name] - now[name], abs=MONEY)
        assert abs(usd.matrix(usd.delta)[row, place] - pnl) < 0.1 * abs(pnl)
        second = abs(usd.matrix(usd.delta_gamma)[row, place] - pnl)
        assert second < abs(usd.matrix(usd.delta)[row, place] - pnl)


def test_pnl_by_curve_adds_up_to_the_day_where_one_curve_moves(redis_client):
    publish_books(redis_client)
    usd = (frame := run(redis_client)).currencies["USD"]
    assert frame.tail_days
    pnl = usd.matrix(usd.historical)[:, frame.tail_days]
    np.testing.assert_allclose(usd.matrix(usd.by_curve["USD-SOFR"]), pnl, rtol=0, atol=MONEY)


def test_a_currency_without_closes_has_stress_and_says_why_it_has_no_history(redis_client):
    publish_books(redis_client)
    frame = run(redis_client, load=lambda c, day: closes_of(c, day) if c == "USD" else None)
    assert "no stored closes" in frame.unavailable["EUR"]
    assert frame.currencies["EUR"].stress
    assert not frame.currencies["EUR"].historical
    assert frame.currencies["USD"].historical


def test_without_any_closes_the_reason_is_given(redis_client):
    publish_books(redis_client)
    frame = run(redis_client, load=lambda c, day: None)
    assert frame.no_history
    assert not frame.days


def test_results_are_published_once_and_older_ones_do_not_replace_them(redis_client):
    publish_books(redis_client)
    frame, store = run(redis_client), ScenarioStore(redis_client)
    assert store.current() is None
    assert store.publish(frame)
    older = msgspec.structs.replace(frame, number=frame.number - 1, worker="older")
    assert not store.publish(older)
    assert store.current() == frame


def test_one_run_is_scheduled_in_each_cadence(redis_client):
    store = ScenarioStore(redis_client)
    assert [store.schedule(60.0), store.schedule(60.0)] == [True, False]


def test_nothing_published_makes_nothing(redis_client):
    from tests.risk.scenarios.live import maker

    assert maker(redis_client).run() is None
