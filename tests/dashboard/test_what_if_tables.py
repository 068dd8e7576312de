"""Tables of the page What-if, by hand."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.answers import rest, what_if


def side(npv: float | None, dv01: float | None, failure: str = "") -> dict[str, Any]:
    return {
        "desk": "RATES",
        "measures": {"npv": npv, "dv01_par": dv01},
        "failure": {"code": "X", "message": failure} if failure else None,
    }


def entry(action: str, new: Any, old: Any, **more: Any) -> dict[str, Any]:
    usual = {
        "action": action,
        "kind": "swaps",
        "trade_id": "S1",
        "row": {"trade_id": "S1"},
        "solve": "",
        "solved": {},
        "sentence": "",
        "warnings": [],
        "notes": [],
        "new": new,
        "old": old,
    }
    return usual | more


def test_what_goes_counts_with_the_other_sign_and_a_missing_number_is_none() -> None:
    answer = {
        "entries": [
            entry("new", side(1500.0, -20.0), None, sentence="Pay", solved={"fixed_rate": 0.0385}),
            entry("amend", side(None, None, "no fixing"), side(100.0, 5.0), notes=["a note"]),
            entry("terminate", None, side(100.0, 5.0)),
        ]
    }
    assert what_if.entry_rows(answer) == [
        ("S1", "Pay", "+1.50k", "-20.0", "rate 3.85000%", ""),
        ("S1", "Amend S1", "n/a", "n/a", "", "a note; no fixing"),
        ("S1", "removed, as it is now", "-100", "-5.00", "", ""),
        ("S1", "Terminate S1", "-100", "-5.00", "", ""),
    ]
    assert what_if.desks_of(answer) == ["RATES"]
    assert what_if.entries_of(answer)[0] == {
        **{"action": "new", "kind": "swaps", "row": {"trade_id": "S1"}, "solve": ""},
    }


def test_sums_and_ladders_of_a_group_that_is_new_have_nothing_before() -> None:
    group = {
        "amounts_in": "USD",
        "before": None,
        "after": {"npv": 2000.0, "ladder_par": {"A": {"1Y": 1.0}, "B": {"1Y": None}}},
        "difference": {"npv": 2000.0},
    }
    assert what_if.sum_rows(group)[0] == ("NPV, USD", "n/a", "+2.00k", "+2.00k")
    buckets, sides = what_if.ladder_sides(group, "ladder_par")
    assert buckets == [("A", "1Y"), ("B", "1Y")]
    assert sides == {"Before": [0.0, 0.0], "After": [1.0, None]}


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ({"errors": {"entries": ["entry 1: no", "entry 2: no"]}}, "entry 1: no entry 2: no"),
        ({"detail": "Busy."}, "Busy."),
        ({}, "The web process answered 503."),
        ([], "The web process answered 503."),
    ],
)
def test_a_refusal_is_its_sentences(answer: Any, sentence: str) -> None:
    assert rest.refusal_of(answer, 503) == sentence


def test_the_kind_of_a_hedge_is_said() -> None:
    answer = {"status": "nearest", "gap": 0.125, "took_ms": 3.4, "unpriced": {"X": "no curve"}}
    assert what_if.hedge_note(answer) == (
        "The instruments cannot reach the tolerance: these sizes come closest. Gap 12.5%. "
        "Made in 3 ms. X: no curve."
    )
    assert what_if.instruments_of("USD 5Y; USD 10Y\nSR3H6;") == ["USD 5Y", "USD 10Y", "SR3H6"]
