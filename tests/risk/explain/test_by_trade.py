"""The trades of a group explained one by one: they add up to the groups of the explain."""

from __future__ import annotations

from typing import Any

import pytest

from pricing.explain.terms import TERM_NAMES
from risk.explain import by_trade
from risk.explain import maker as explain_maker
from risk.explain.by_trade import explain_group
from risk.explain.conversion import add_terms, converted
from risk.store.previews import GroupExplainQuestion
from tests.risk.explain.days import BOOK, NEXT, explained, publish
from tests.risk.made import bond, store, swap


def ask(maker: Any, **changes: Any) -> Any:
    fields = {"answer_key": "k", "currencies": ["USD"], "limit": 100}
    return explain_group(maker, GroupExplainQuestion(**{**fields, **changes}))


@pytest.fixture
def changed(frames, books, maker):
    """S2 is gone, S3 is new, the spread of B1 is edited, and B2 has moved to another book."""
    publish(frames, store(books, *BOOK).version, 1)
    moved = bond("B2", face_amount=-2e6, maturity_date=BOOK[3].maturity_date, book="B1")
    after = (BOOK[0], swap("S3", book="B2"), bond("B1", z_spread_bp=12.0), moved)
    publish(frames, store(books, *after, number=2).version, 2, 3.0, NEXT)
    maker.considerations = lambda changes, since, until: {"S3": 500.0}
    maker.run("USD")
    return explained(frames)


def test_trades_add_up_to_the_groups_of_the_published_explain(maker, changed):
    for group in changed.groups:
        found = ask(maker, book=group.book, types=[group.product])
        for name in (*TERM_NAMES, "total", "hpl", "rtpl", "cash", "value_start", "value_end"):
            added = sum(row["terms"][name] for row in found["results"])
            assert added == pytest.approx(group.terms[name], abs=1e-6), (group.book, name)
            assert found["terms"][name] == pytest.approx(added, abs=1e-6)
        assert {row["book"] for row in found["results"]} == {group.book}


def test_a_trade_that_changed_its_book_is_in_both_with_its_value(maker, changed):
    left = {row["trade_id"]: row["terms"] for row in ask(maker, book="B2")["results"]}
    entered = {row["trade_id"]: row["terms"] for row in ask(maker, book="B1")["results"]}
    assert left["B2"]["transfer"] == pytest.approx(-entered["B2"]["transfer"])
    assert entered["B2"]["carry"] == 0.0
    whole = {row["trade_id"]: row["terms"] for row in ask(maker)["results"]}
    assert whole["B2"]["transfer"] == pytest.approx(0.0, abs=1e-9)
    assert whole["S3"]["consideration"] == 500.0


def test_the_largest_come_first_and_the_sums_are_of_all(maker, changed):
    whole, two = ask(maker), ask(maker, limit=2)
    totals = [abs(row["terms"]["total"]) for row in whole["results"]]
    assert totals == sorted(totals, reverse=True)
    assert [row["trade_id"] for row in two["results"]] == [
        row["trade_id"] for row in whole["results"][:2]
    ]
    assert (two["trades"], two["terms"]) == (5, whole["terms"])


def test_only_the_desks_that_the_caller_may_see(maker, changed):
    mine = ask(maker, desks=["GOVIES"])
    assert {row["desk"] for row in mine["results"]} == {"GOVIES"}
    assert ask(maker, desks=["OTHER"])["results"] == []
    assert ask(maker, desks=["GOVIES"], desk="RATES")["trades"] == 0


def test_amounts_are_converted_with_the_rates_of_both_ends(frames, books, maker):
    version = store(books, *BOOK).version
    publish(frames, version, 1)
    publish(frames, version, 2, 3.0, NEXT, fx={"USD": 1.0, "EUR": 1.25})
    maker.run("USD")
    own, found = ask(maker)["terms"], ask(maker, reporting="EUR")
    assert {row["amounts_in"] for row in found["results"]} == {"EUR"}
    terms = found["terms"]
    assert terms["delta"] == pytest.approx(own["delta"] / 1.1)
    left = own["value_end"] + own["cash"] - own["consideration"]
    assert terms["fx"] == pytest.approx(left * (1 / 1.25 - 1 / 1.1))
    assert terms["total"] == pytest.approx(own["total"] / 1.1 + terms["fx"])
    (frame,) = ask(maker, reporting="GBP")["frames"]
    assert frame["reason"].startswith("no FX rate for GBP in frame")


def test_without_a_period_the_answer_says_why(frames, books, maker):
    assert ask(maker)["frames"] == []
    publish(frames, store(books, *BOOK).version, 1)
    (frame,) = ask(maker)["frames"]
    assert "no close of an earlier date" in frame["reason"]
    (frame,) = ask(maker, period="frame")["frames"]
    assert frame["reason"] == "no frame has been explained yet"


def test_a_group_with_too_many_trades_is_refused_by_its_number(
    maker,
    changed,
    monkeypatch,
):
    monkeypatch.setattr(by_trade, "MOST_TRADES", 2)
    (frame,) = ask(maker)["frames"]
    assert frame["reason"].startswith("4 trades are in it: at most 2 are explained")


def test_a_book_that_is_too_large_is_not_read(maker, changed, monkeypatch):
    monkeypatch.setattr(by_trade, "MOST_BOOK", 3)
    (frame,) = ask(maker)["frames"]
    assert "has 4 trades: they are explained one by one in books of up to 3" in frame["reason"]


def test_a_group_that_is_empty_reads_no_block(maker, changed, monkeypatch):
    read: list[str] = []
    block = maker.block
    monkeypatch.setattr(maker, "block", lambda *name: read.append(name[1]) or block(*name))
    assert ask(maker, desk="NOPE")["trades"] == 0
    whole = len(read)
    ask(maker)
    assert whole < len(read) - whole


def test_a_bulk_load_is_not_explained_trade_by_trade(maker, changed, monkeypatch):
    monkeypatch.setattr(explain_maker, "MOST_CHANGES", 1)
    (frame,) = ask(maker)["frames"]
    assert "are new, ended or amended since its start: at most 1" in frame["reason"]


def test_currencies_that_are_not_reached_in_time_say_so(maker, changed, monkeypatch):
    monkeypatch.setattr(by_trade, "BUDGET_S", -1.0)
    found = ask(maker)
    assert [frame["reason"] for frame in found["frames"]] == [by_trade.LATE]
    assert (found["results"], found["terms"]) == ([], {})


def test_a_trade_without_a_number_is_in_no_row_and_named(frames, books, maker):
    waiting = bond("B3", z_spread_bp=None, clean_price=98.0)
    publish(frames, store(books, *BOOK, waiting).version, 1)
    solved = store(books, *BOOK, bond("B3"), number=2).version
    publish(frames, solved, 2, 2.0, NEXT)
    maker.run("USD")
    found = ask(maker)
    assert "B3" not in {row["trade_id"] for row in found["results"]}
    (lost,) = found["unpriced"]
    assert (lost["trade_id"], lost["at"], lost["book"]) == ("B3", "start", "B2")


def test_terms_that_could_not_be_computed_are_missing_and_not_0_when_converted():
    known = dict.fromkeys(("carry", "total", "cash", "consideration", "value_end"), 2.0)
    assert converted(known, 0.5, 0.25) == {**dict.fromkeys(known, 1.0), "total": 1.5, "fx": 0.5}
    for lost in ("total", "value_end"):
        found = converted({**known, lost: None}, 0.5, 0.25)
        assert (found["fx"], found["total"], found[lost]) == (None, None, None)
        assert found["carry"] == 1.0
    terms: dict[str, float | None] = {}
    for each in ({"gamma": 1.0}, {"gamma": None}, {"gamma": 2.0}):
        add_terms(terms, each)
    assert terms == {"gamma": None}
