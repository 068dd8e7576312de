"""Frames of monotone convex curves: what workers publish, keep in files and hand to readers."""

from __future__ import annotations

import datetime as dt

import msgspec
import numpy as np
import pytest

from pricing import kernel
from pricing.curves.curve_set import CurveSet
from pricing.curves.quotes import CurveOptions, curve_version, shape_of
from pricing.reference import Reference
from risk.queries.curves import curves_of
from risk.store.compiled_book_store import CompiledBooks
from risk.store.results import Rollup
from risk.workers import isolation
from risk.workers.book_netter import BookNetter, nodes_of
from risk.workers.host_cache import HostCache
from risk.workers.isolation import price_each_alone
from risk.workers.session import Session
from tests.dashboard import made
from tests.pricing.fitted_markets import with_curve
from tests.risk.made import job, store, sums_job, swap

DAY = dt.date(2026, 2, 2)
CONVEX = CurveOptions(interpolation={"USD-SOFR": "monotone_convex"})
TENORS = {
    **{"1D": 0.0364, "1M": 0.0366, "3M": 0.0361, "9M": 0.0352, "1Y": 0.0347, "2Y": 0.0338},
    **{"5Y": 0.0341, "10Y": 0.0362},
}
MEETINGS = {
    **{"1D": 0.0364, "FOMC-2026-03-18": 0.0361, "FOMC-2026-04-29": 0.0357},
    **{"TURN-2026-03-31": 0.0012, "9M": 0.0352, "1Y": 0.0347, "2Y": 0.0338, "5Y": 0.0341},
    **{"10Y": 0.0362},
}


@pytest.fixture
def books(redis_client):
    return CompiledBooks(redis_client)


@pytest.fixture(params=[TENORS, MEETINGS], ids=["tenors", "meetings and a turn"])
def quotes(request, monkeypatch):
    if request.param is MEETINGS:
        with_curve(monkeypatch, "USD-SOFR", meetings="FOMC")
    return {"USD-SOFR": request.param}


@pytest.fixture
def inputs(quotes):
    return {"valuation_date": DAY, "curves": quotes}


def test_the_curves_of_a_frame_are_those_that_it_was_priced_on(quotes) -> None:
    """By a reader without numba: the frame has the nodes, and the options the interpolation."""
    curves = CurveSet(DAY, shape_of(quotes), None, CONVEX)
    solved = curves.solve(curves.vector(quotes))
    rollup = msgspec.structs.replace(
        made.make("USD").rollup,
        valuation_date=DAY,
        curves=quotes,
        keys=[(key.curve, key.tenor) for key in curves.keys],
        zero_rates=curves.grid.zero_rates(solved.x).tolist(),
        node_days=curves.grid.key_days().tolist(),
        nodes=nodes_of(curves, solved),
        curve_version=curve_version(quotes, DAY, CONVEX),
    )
    stored = msgspec.msgpack.decode(msgspec.msgpack.encode(rollup), type=Rollup)
    found = curves_of(stored, CONVEX)
    day = curves.grid.today + np.arange(400) * 11
    place = np.zeros_like(day)
    wanted = curves.grid.discount(curves.grid.tables(place, day), solved.x)
    assert np.abs(found.discount(place, day) / wanted - 1.0).max() < 1e-14


@pytest.fixture
def version(books) -> str:
    dates = {"effective_date": dt.date(2026, 3, 20), "termination_date": dt.date(2033, 5, 20)}
    before = {**dates, "termination_date": dt.date(2026, 11, 23)}
    return store(books, *book_of(dates, before)).version


def book_of(dates, before):
    return [swap("A", **dates), swap("B", **before, pay_receive="pay")]


def test_sums_ladders_and_files_are_those_of_trades_and_of_quantlib(
    books, version, inputs, tmp_path
):
    """Through a worker's own session; a second one reads the arrays that the first has kept."""
    files = HostCache(tmp_path, 100_000_000)
    session = Session(books, CONVEX, files)
    _, columns = session.price(job(version, **inputs))
    again = Session(books, CONVEX, files)
    again.fetch_block = lambda *_: pytest.fail("it is in a file")
    assert again.price(job(version, **inputs))[1] == columns
    sums = BookNetter(session).sums(sums_job(version, **inputs))
    assert sums.failures == []
    (cell,) = sums.cells
    assert cell.npv == pytest.approx(float(columns.column("npv").sum()), abs=1e-6)
    ladder = columns.ladder("ladder_par").sum(axis=0)
    assert cell.ladder_par == pytest.approx(ladder.tolist(), rel=1e-5, abs=1e-4)
    assert cell.krd == pytest.approx(columns.ladder("krd").sum(axis=0).tolist(), rel=1e-5, abs=1e-4)
    dates = {"effective_date": dt.date(2026, 3, 20), "termination_date": dt.date(2033, 5, 20)}
    book = book_of(dates, {**dates, "termination_date": dt.date(2026, 11, 23)})
    truths = Reference(DAY, inputs["curves"], None, CONVEX).price(book)
    for truth, npv in zip(truths, columns.column("npv"), strict=True):
        assert truth.failure is None
        assert npv == pytest.approx(truth.npv, abs=1e-8 * 1e7)
    both = np.sum([truth.ladder_par for truth in truths], axis=0)
    assert cell.ladder_par == pytest.approx(both.tolist(), abs=1e-5 * np.abs(both).sum())


def test_a_trade_alone_goes_through_the_kernel_with_its_own_numbers(
    books, version, inputs, monkeypatch
):
    whole, alone = kernel.value_and_gradients, []

    def noted(flows, *args):
        found = whole(flows, *args)
        alone.append((found.leg_npv.sum(), found.node.sum()))
        return found

    session, a_job = Session(books, CONVEX), job(version, **inputs)
    session.solve(a_job, session.curves(a_job))
    monkeypatch.setattr(isolation.kernel, "value_and_gradients", noted)
    price_each_alone(session, a_job, lambda _: None)
    _, columns = session.price(a_job)
    found = np.array(alone)
    assert found[:2, 0] == pytest.approx(list(columns.column("npv")), rel=1e-12)
    assert np.isfinite(found).all()
