"""The witnesses can be unhappy: each check is shown a breach, and names it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tests.faults.invariants import Invariants
from tests.faults.report import Row, table
from tests.faults.truth import Letter, Name

VECTOR = {"USD-SOFR": {"1Y": 0.05}}
NAME = Name("USD", "feed", 0, 7)


def seen(**changes: Any) -> Any:
    """A whole frame of one trade, after tick 7."""
    usual = {
        "currency": "USD",
        "frame": 9,
        "curves": VECTOR,
        "valuation_date": "2024-03-05",
        "book_version": "1-a",
        "status": "COMPLETE",
        "missing": [],
        "trades": 2,
        "priced": 1,
        "failures": [SimpleNamespace(trade_id="T1", code="MISSING_FIXING")],
        "cells": [SimpleNamespace(npv=1.0, dv01_par=2.0)],
    }
    rollup = SimpleNamespace(**{**usual, **changes})
    header = SimpleNamespace(source="feed", epoch=0, seq=7, **usual)
    return SimpleNamespace(rollup=rollup, header=header, currency="USD")


def truth(**changes: Any) -> Any:
    """Tick 7 and its market; record 3 of partition 0 is bad and has its letter."""
    usual: dict[str, Any] = {
        "vectors": {NAME: VECTOR},
        "last": {"USD": NAME},
        "bad": {(0, 3): "JSON"},
        "letters": [Letter(0, 3, "JSON", b"{")],
    }
    return SimpleNamespace(**{**usual, **changes})


def broken(check: Invariants) -> set[str]:
    return {name for name, _ in check.broken}


def test_a_frame_that_is_as_it_should_be_breaks_nothing():
    check = Invariants()
    check.one_vector([seen()], truth(), {"feed"})
    check.says_what_is_missing([seen()])
    check.newest_is_published({"USD": seen()}, truth())
    check.letters_are_the_bad_ones(truth())
    check.pointers_rose([])
    assert check.broken == []
    assert check.summary() == "I1 I2 I3:3 I6 I7"


def test_quotes_of_another_tick_are_a_mixed_frame():
    check = Invariants()
    check.one_vector([seen()], truth(vectors={NAME: {"USD-SOFR": {"1Y": 0.06}}}), {"feed"})
    assert broken(check) == {"I3"}
    assert "not those after" in check.broken[0][1]


def test_a_roll_up_on_another_book_than_its_header_is_a_mixed_frame():
    check = Invariants()
    check.one_vector([seen(book_version="2-b")], truth(), {"feed"})
    assert broken(check) == {"I3"}


def test_a_trade_that_is_neither_priced_nor_named_is_missed():
    check = Invariants()
    check.says_what_is_missing([seen(failures=[])])
    assert broken(check) == {"I7"}


def test_missing_blocks_in_a_frame_that_says_complete_are_missed():
    check = Invariants()
    check.says_what_is_missing([seen(missing=[1])])
    assert broken(check) == {"I7"}


def test_a_sum_that_is_no_number_is_missed():
    check = Invariants()
    check.says_what_is_missing([seen(cells=[SimpleNamespace(npv=float("nan"), dv01_par=1.0)])])
    assert broken(check) == {"I7"}


def test_a_trade_kept_out_without_guilt_is_missed_and_a_guilty_one_is_not():
    out = seen(failures=[SimpleNamespace(trade_id="T1", code="QUARANTINED")])
    check = Invariants()
    check.keeps_nobody_out([out], guilty={"T1"})
    assert check.broken == []
    check.keeps_nobody_out([out], guilty=set())
    assert broken(check) == {"I7"}


def test_a_last_tick_that_is_not_published_is_missed():
    check = Invariants()
    later = {"USD": Name("USD", "feed", 0, 8)}
    check.newest_is_published({"USD": seen()}, truth(last=later))
    assert broken(check) == {"I6"}


def test_a_bad_record_without_letter_and_a_letter_of_a_good_one_are_both_named():
    check = Invariants()
    check.letters_are_the_bad_ones(truth(letters=[Letter(1, 5, "JSON", b"")]))
    said = " ".join(words for _, words in check.broken)
    assert broken(check) == {"I1"}
    assert "[(0, 3)]" in said
    assert "[(1, 5)]" in said


def test_a_letter_with_another_reason_is_named():
    check = Invariants()
    check.letters_are_the_bad_ones(truth(letters=[Letter(0, 3, "RANGE", b"")]))
    assert "RANGE" in check.broken[0][1]


def test_the_table_tells_a_slow_recovery_from_a_broken_one():
    slow, failed = Row("F1", "kill", 100, [50.0, 150.0]), Row("F2", "kill", 100, [50.0])
    slow.judge("passed")
    failed.judge("failed")
    left_out = Row("F3", "kill", 100)
    left_out.judge("skipped")
    lines = table([slow, failed, left_out])
    assert "100 / 150 (n=2)" in lines[1]
    assert lines[1].endswith("holds, over budget")
    assert lines[2].endswith("FAILED")
    assert lines[3].rstrip().endswith("not run")
