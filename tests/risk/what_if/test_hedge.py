"""Hedges of the live book: flat within the tolerance, and the identities of par instruments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.risk.made import QUOTES
from tests.risk.what_if.conftest import user
from tests.risk.what_if.test_what_if import URL as WHAT_IF
from tests.risk.what_if.test_what_if import by_key, group, post

URL = "/api/v1/hedge/"
TENORS = ("1Y", "5Y", "10Y", "30Y")


@pytest.fixture
def sums(compile_and_publish) -> Any:
    return compile_and_publish()["USD"]


def test_the_hedged_ladder_is_flat_bucket_by_bucket_and_as_least_squares_has_it(
    client, sums
) -> None:
    """The ladders of the par swaps are asked of what-if; sizes are NumPy's least squares."""
    buckets = [f"USD-SOFR:{tenor}" for tenor in TENORS]
    body = {"currency": "USD", "book": "B1", "buckets": buckets, "tolerance": 0.01}
    answer = post(client, URL, body)
    assert answer["status"] == "optimal"
    for tenor in TENORS:
        assert abs(answer["after"]["USD-SOFR"][tenor]) <= 0.01 + 1e-4
    text = "\n".join(f"rec 1m USD {tenor}" for tenor in TENORS)
    unit = post(client, WHAT_IF, {"text": text, "book": "B1"})["entries"]
    ladders = np.array([[e["new"]["ladder_par"]["USD-SOFR"][t] for t in TENORS] for e in unit])
    exposure = np.array([answer["before"]["USD-SOFR"][tenor] for tenor in TENORS])
    expected, *_ = np.linalg.lstsq(ladders.T / 1e6, -exposure, rcond=None)
    sizes = {trade["instrument"]: trade["size"] for trade in answer["trades"]}
    found = [sizes.get(f"USD-SOFR-OIS {tenor}", 0.0) for tenor in TENORS]
    dv01 = np.abs(np.diag(ladders)) / 1e6
    assert np.abs(found - expected) == pytest.approx(np.zeros(4), abs=0.011 / dv01.min())


def test_the_proposed_trades_flatten_the_book_in_what_if(client, sums) -> None:
    body = {"currency": "USD", "book": "B1", "tolerance": 5.0}
    answer = post(client, URL, body)
    entries = [trade["entry"] for trade in answer["trades"]]
    after = group(post(client, WHAT_IF, {"entries": entries}), currency="USD")["after"]
    for key, left in by_key(answer["after"]):
        assert abs(dict(by_key(after["ladder_par"]))[key] - left) < 1e-3
        assert abs(left) <= 5.0 + 1e-4


def test_notional_equivalents_add_up_as_in_strata(client, sums) -> None:
    """Strata's NotionalEquivalentCalculator: the equivalent of a bucket times the sensitivity of
    its par instrument is the book's, so all together have the ladder of the book."""
    answer = post(client, URL, {"currency": "USD", "book": "B1"})
    rows = {row["bucket"]: row for row in answer["by_bucket"]}
    for tenor in TENORS:
        row = rows[f"USD-SOFR:{tenor}"]
        assert row["instrument"] == f"USD-SOFR-OIS {tenor}"
        if abs(row["size"]) < 1.0:  # the book has nothing there
            continue
        line = f"{'rec' if row['size'] > 0 else 'pay'} {abs(row['size']):.2f} USD {tenor}"
        (entry,) = post(client, WHAT_IF, {"text": line, "book": "B1"})["entries"]
        own = entry["new"]["ladder_par"]["USD-SOFR"]
        assert own[tenor] == pytest.approx(-row["exposure"], rel=1e-6, abs=1e-5)
        others = sum(abs(value) for name, value in own.items() if name != tenor)
        assert others <= 1e-6 * abs(own[tenor]) + 1e-4


def test_fewest_trades_lots_and_futures(client, sums) -> None:
    body = {
        "currency": "USD",
        "book": "B1",
        "total": True,
        "objective": "trades",
        "instruments": [
            {"instrument": "USD 5Y", "lot": 100_000},
            {"instrument": "USD 30Y", "lot": 100_000},
            "SR3M4 @95",
        ],
        "tolerance": 60.0,
    }
    answer = post(client, URL, body)
    assert (answer["status"], answer["gap"]) == ("optimal", 0.0)
    (trade,) = answer["trades"]
    assert trade["size"] % (100_000 if trade["instrument"].startswith("USD") else 1) == 0
    assert abs(sum(value for _, value in by_key(answer["after"]))) <= 60.0


def test_the_least_cost_takes_the_instrument_that_is_cheap_by_dv01(client, sums) -> None:
    instruments = [
        {"instrument": "USD 10Y", "cost_bp": 0.5},
        {"instrument": "USD 30Y", "cost_bp": 0.1},
    ]
    body = {"currency": "USD", "book": "B1", "total": True, "instruments": instruments}
    cheap = post(client, URL, {**body, "objective": "cost"})
    assert [trade["instrument"] for trade in cheap["trades"]] == ["USD 30Y"]
    hedged = sum(abs(value) for _, value in by_key(cheap["trades"][0]["ladder"]))
    assert cheap["cost"] == pytest.approx(0.1 * hedged, rel=1e-6)


def test_what_cannot_be_reached_is_said(client, sums) -> None:
    body = {"currency": "USD", "book": "B1", "instruments": ["USD 1Y"], "tolerance": 0.0}
    assert post(client, URL, body)["status"] == "nearest"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"currency": "XYZ"}, "currency: allowed: USD"),
        ({"book": ""}, "instrument 1: book: is missing"),
        ({"buckets": ["USD-SOFR:11Y"]}, "allowed: USD-SOFR:1D, USD-SOFR:1Y"),
        ({"tolerance": -1}, "tolerance: -1 is not valid"),
        ({"instruments": ["USD ten"]}, "USD ten: tenor: 'ten' is not valid"),
        ({"instruments": [{"instrument": "USD 5Y", "lots": 1}]}, "lots: no such field"),
        ({"instruments": [{"instrument": "USD 5Y", "lot": -1}]}, "lot: -1 is not valid"),
        ({"objective": "best"}, "objective: allowed: notional, cost, trades"),
        ({"time_limit_s": 60}, "time_limit_s: 60 is not valid; from 0.01 to 3"),
        ({"total": 1}, "total: true or false"),
        ({"desks": "X"}, "desks: no such field"),
        ({"desk": "X"}, "desk: X has no trades in USD; desks with trades: "),
        ({"of_book": "X"}, "of_book: X has no trades in USD; books with trades: B1, B2"),
    ],
)
def test_a_bad_question_gets_a_sentence(client, sums, changes: Any, words: str) -> None:
    refused = post(client, URL, {"currency": "USD", "book": "B1"} | changes, 400)
    assert words in refused["detail"], refused["detail"]


def test_a_desk_hedges_its_own_ladder(client, sums) -> None:
    trader = user("trader", desk="GOVIES")
    own = post(trader, URL, {"currency": "USD", "book": "B2"})
    of_desk = post(client, URL, {"currency": "USD", "book": "B2", "desk": "GOVIES"})
    everything = post(client, URL, {"currency": "USD", "book": "B2"})
    assert own["before"] == of_desk["before"] != everything["before"]
    unseen = post(trader, URL, {"currency": "USD", "book": "B2", "of_book": "B1"}, 400)["detail"]
    assert "of_book: B1 has no trades" in unseen
    assert unseen.endswith("books with trades: B2"), "of the desks of the user"
    assert set(own["before"]["USD-SOFR"]) == set(QUOTES["USD"]["USD-SOFR"])
    post(trader, URL, {"currency": "USD", "book": "B1"}, 400)
