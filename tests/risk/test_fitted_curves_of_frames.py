"""A frame of curves that are fitted says where their nodes are, and what each quote has left."""

from __future__ import annotations

import datetime as dt

import msgspec
import numpy as np
import pytest

from pricing.curves.curve_set import CurveSet
from pricing.curves.quotes import CurveOptions, curve_version, shape_of
from pricing.reference import Reference
from risk.queries.curves import curves_of, meeting_forwards
from risk.store.compiled_book_store import CompiledBooks
from risk.store.results import Rollup
from risk.workers.book_netter import BookNetter, nodes_of
from risk.workers.session import Session
from tests.dashboard import made
from tests.pricing.fitted_markets import with_curve
from tests.risk.made import job, store, sums_job, swap

DAY = dt.date(2024, 3, 6)


@pytest.fixture
def books(redis_client):
    return CompiledBooks(redis_client)


QUOTES = {
    "USD-GOVT": {"1Y": 0.049, "10Y": 0.042},
    "USD-SOFR": {
        "1D": 0.0531,
        "1M": 0.0532,
        "SR3M24": 0.0519,
        "SR3U24": 0.0494,
        "6M": 0.0525,
        "1Y": 0.0503,
        "18M": 0.0478,
        "2Y": 0.0462,
        "10Y": 0.0395,
    },
}


@pytest.mark.parametrize("interpolation", ["log_linear", "natural_log_cubic"])
def test_the_curves_of_a_frame_are_those_that_it_was_priced_on(monkeypatch, interpolation):
    with_curve(
        monkeypatch,
        "USD-SOFR",
        fit="least_squares",
        nodes=("1M", "6M", "1Y", "2Y", "10Y"),
        interpolation=interpolation,
    )
    curves = CurveSet(DAY, shape_of(QUOTES))
    solved = curves.solve(curves.vector(QUOTES))
    rollup = msgspec.structs.replace(
        made.make("USD").rollup,
        valuation_date=DAY,
        curves=QUOTES,
        keys=[(key.curve, key.tenor) for key in curves.keys],
        zero_rates=curves.grid.zero_rates(solved.x).tolist(),
        node_days=curves.grid.key_days().tolist(),
        nodes=nodes_of(curves, solved),
        residuals_bp=(solved.residuals * 1e4).tolist(),
        weights=curves.weights.tolist(),
        curve_version=curve_version(QUOTES, DAY),
    )
    stored = msgspec.msgpack.decode(msgspec.msgpack.encode(rollup), type=Rollup)
    found = curves_of(stored, CurveOptions())
    place = np.repeat([0, 1], 200)
    day = np.tile(curves.grid.today + np.arange(200) * 31, 2)
    wanted = curves.grid.discount(curves.grid.tables(place, day), solved.x)
    assert np.abs(found.discount(place, day) / wanted - 1.0).max() < 1e-14
    ends = (curves.grid.key_days() - curves.grid.today) / 365.0
    at_quotes = np.exp(-np.array(stored.zero_rates) * ends)
    assert np.abs(found.at_quotes() / at_quotes - 1.0).max() < 1e-14
    assert max(map(abs, stored.residuals_bp)) > 0.1
    assert stored.residuals_bp[:2] == pytest.approx([0.0, 0.0], abs=1e-8)


def test_forwards_from_meeting_to_meeting_are_those_of_the_swaps_between_them():
    """Of the swaps themselves, and by hand up to the first decision."""
    day = dt.date(2025, 11, 27)
    quotes = {
        "GBP-SONIA": {
            "1D": 0.039688,
            "MPC-2025-12-18": 0.037704,
            "MPC-2026-02-05": 0.036843,
            "MPC-2026-03-19": 0.036101,
            "1Y": 0.0359805,
        }
    }
    curves = CurveSet(day, shape_of(quotes))
    solved = curves.solve(curves.vector(quotes))
    rollup = msgspec.structs.replace(
        made.make("GBP").rollup,
        valuation_date=day,
        curves=quotes,
        keys=[(key.curve, key.tenor) for key in curves.keys],
        zero_rates=curves.grid.zero_rates(solved.x).tolist(),
        node_days=curves.grid.key_days().tolist(),
        nodes=nodes_of(curves, solved),
        curve_version=curve_version(quotes, day),
    )
    found = meeting_forwards(curves_of(rollup, CurveOptions()), "GBP-SONIA")
    rates = {str(each.start): each.rate for each in found}
    assert rates["2025-12-18"] == pytest.approx(0.037704, abs=1e-12)
    assert rates["2026-02-05"] == pytest.approx(0.036843, abs=1e-12)
    assert rates["2026-03-19"] == pytest.approx(0.036101, abs=1e-12)
    assert [str(each.announced) for each in found[:2]] == ["None", "2025-12-18"]
    assert str(found[0].start) == "2025-11-27"
    assert found[-1].end <= dt.date(2026, 11, 27)


def test_sums_of_a_fitted_market_are_those_of_its_trades_and_of_quantlib(monkeypatch, books):
    """Meetings, a turn, a future and more quotes than nodes, through a worker's own session."""
    with_curve(
        monkeypatch, "USD-SOFR", fit="least_squares", meetings="FOMC", nodes=("1Y", "2Y", "10Y")
    )
    day = dt.date(2026, 2, 2)
    quotes = {
        "USD-SOFR": {
            "1D": 0.0364,
            "1M": 0.0364,
            "FOMC-2026-03-18": 0.0361,
            "FOMC-2026-04-29": 0.0357,
            "TURN-2026-03-31": 0.0012,
            "SR3M26": 0.0351,
            "9M": 0.0352,
            "1Y": 0.0347,
            "2Y": 0.0338,
            "5Y": 0.0341,
            "10Y": 0.0362,
        }
    }
    dates = {"effective_date": dt.date(2026, 3, 20), "termination_date": dt.date(2033, 3, 20)}
    book = [
        swap("A", **dates),
        swap("B", **{**dates, "termination_date": dt.date(2026, 9, 21)}, pay_receive="pay"),
    ]
    kept = store(books, *book)
    session = Session(books)
    inputs = {"valuation_date": day, "curves": quotes}
    _, columns = session.price(job(kept.version, **inputs))
    sums = BookNetter(session).sums(sums_job(kept.version, **inputs))
    assert sums.failures == []
    (cell,) = sums.cells
    assert cell.npv == pytest.approx(float(columns.column("npv").sum()), abs=1e-6)
    ladder = columns.ladder("ladder_par").sum(axis=0)
    assert cell.ladder_par == pytest.approx(ladder.tolist(), rel=1e-5, abs=1e-4)
    assert cell.krd == pytest.approx(columns.ladder("krd").sum(axis=0).tolist(), rel=1e-5, abs=1e-4)
    truths = Reference(day, quotes).price(book)
    for truth, npv in zip(truths, columns.column("npv"), strict=True):
        assert truth.failure is None
        assert npv == pytest.approx(truth.npv, abs=1e-8 * 1e7)
    both = np.sum([truth.ladder_par for truth in truths], axis=0)
    assert cell.ladder_par == pytest.approx(both.tolist(), abs=1e-5 * np.abs(both).sum())
    keys = np.sum([truth.krd for truth in truths], axis=0)
    assert cell.krd == pytest.approx(keys.tolist(), abs=1e-5 * np.abs(keys).sum())
    assert len(sums.residuals_bp) == len(sums.weights) == len(sums.keys) == 11
    (nodes,) = sums.nodes
    assert nodes.turns
    assert nodes.unknowns < len(nodes.ends)
