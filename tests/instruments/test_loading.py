"""Rows of files and of JSON become rows of tables, or sentences; whole, or not at all."""

from __future__ import annotations

import datetime as dt
import time
from decimal import Decimal
from typing import Any

import pytest

from instruments import loading
from instruments import trade_repository as master
from instruments.loading import KINDS, load
from instruments.models import Bond, BondPosition, Book, Fixing, FxRate, Issuer, Swap
from tests.instruments.conftest import FakeBroker, make_swap

SWAPS = KINDS["swaps"]
ROW: dict[str, Any] = {
    "trade_id": "S1",
    "convention": "USD-SOFR-OIS",
    "pay_receive": "pay",
    "notional": "10000000",
    "effective_date": "2023-03-15",
    "tenor": "10Y",
    "fixed_rate": "0.035",
    "book": "B1",
}
"""The eight columns that are enough."""


def rows(*changes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**ROW, **change} for change in changes]


def statuses(result: loading.LoadResult) -> list[str]:
    return [row.status for row in result.rows]


def test_eight_columns_are_enough_for_a_swap(book: Book) -> None:
    result = load(SWAPS, [ROW])
    assert (statuses(result), result.sentences()) == (["new"], [])
    row = Swap.objects.get()
    assert (row.termination_date, row.notional) == (dt.date(2033, 3, 15), Decimal(10_000_000))
    assert (row.version, row.status) == (1, "active")


def test_one_load_is_one_book_version_and_one_request_to_compile(
    book: Book, broker: FakeBroker, django_capture_on_commit_callbacks: Any
) -> None:
    before = master.current_version()
    with django_capture_on_commit_callbacks(execute=True):
        result = load(SWAPS, rows(*({"trade_id": f"S{i}"} for i in range(5))))
    assert (result.book_version, len(broker.sent)) == (before + 1, 1)


def test_loading_the_same_rows_again_changes_nothing(book: Book, broker: FakeBroker) -> None:
    load(SWAPS, [ROW])
    version = master.current_version()
    result = load(SWAPS, [{**ROW, "fixed_rate": "0.03500", "notional": 1e7}])
    assert (statuses(result), result.written) == (["skip"], False)
    assert (master.current_version(), Swap.objects.get().version) == (version, 1)
    assert Swap.history.count() == 1


def test_only_what_differs_is_a_change_and_the_version_rises(book: Book) -> None:
    load(SWAPS, [ROW])
    created = Swap.objects.get().created
    result = load(SWAPS, [{**ROW, "fixed_rate": "0.0375"}])
    assert result.rows[0].changes == {"fixed_rate": ("0.035", "0.0375")}
    row = Swap.objects.get()
    assert (row.fixed_rate, row.version, row.created) == (Decimal("0.0375"), 2, created)


def test_an_absent_column_stays_and_an_empty_one_is_emptied(book: Book) -> None:
    load(SWAPS, [{**ROW, "clearing_house": "LCH", "payment_lag": 2, "status": "cancelled"}])
    load(SWAPS, [{"trade_id": "S1", "fixed_rate": 0.04}])
    row = Swap.objects.get()
    assert (row.clearing_house, row.payment_lag) == ("LCH", 2)
    load(SWAPS, [{"trade_id": "S1", "clearing_house": "", "payment_lag": None, "status": ""}])
    row = Swap.objects.get()
    # A status has no empty value: the stored one stays.
    assert (row.clearing_house, row.payment_lag, row.status) == ("", None, "cancelled")


def test_a_dry_run_says_the_same_and_writes_nothing(book: Book) -> None:
    result = load(SWAPS, [ROW], dry_run=True)
    assert (statuses(result), result.written, Swap.objects.count()) == (["new"], False, 0)


def test_one_bad_row_keeps_all_rows_out(book: Book) -> None:
    before = master.current_version()
    result = load(SWAPS, rows({}, {"trade_id": "S2", "notional": "1.000.000,00"}), first_row=16)
    assert result.sentences() == [
        "row 17: column notional: '1.000.000,00' is not a number (use 1000000.00)"
    ]
    assert (result.written, Swap.objects.count()) == (False, 0)
    assert (Swap.history.count(), master.current_version()) == (0, before)


def test_a_bad_row_in_a_later_batch_takes_the_earlier_ones_back(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("instruments.loading.loader.ROWS_AT_ONCE", 2)
    many = rows(*({"trade_id": f"S{i}"} for i in range(5)))
    many[4]["fixed_rate"] = "abc"
    result = load(SWAPS, many)
    assert (result.written, Swap.objects.count(), Swap.history.count()) == (False, 0, 0)


def test_a_partial_load_writes_the_good_rows(book: Book) -> None:
    result = load(SWAPS, rows({}, {"trade_id": "S2", "notional": "-1"}), partial=True)
    assert (statuses(result), result.written) == (["new", "error"], True)
    assert [row.trade_id for row in Swap.objects.all()] == ["S1"]


def test_an_identifier_that_stands_twice_is_refused_in_both_rows(book: Book) -> None:
    result = load(SWAPS, rows({}, {"fixed_rate": "0.04"}), partial=True)
    assert result.sentences() == [
        "row 1: column trade_id: 'S1' is given again further down",
        "row 2: column trade_id: 'S1' is already in row 1",
    ]


def test_a_swap_never_takes_the_identifier_of_a_position(
    book: Book, position: BondPosition
) -> None:
    result = load(SWAPS, [{**ROW, "trade_id": "P1"}])
    assert result.sentences() == [
        "row 1: column trade_id: 'P1' is not valid; another trade has this identifier"
    ]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"notional": "abc"}, "column notional: 'abc' is not a number"),
        ({"notional": "1,000,000"}, "column notional: '1,000,000' is not a number (use 1000000)"),
        ({"notional": "NaN"}, "column notional: 'NaN' is not a number"),
        ({"notional": float("inf")}, "column notional: 'inf' is not a number"),
        ({"notional": True}, "column notional: 'True' is not a number"),
        ({"notional": "1e19"}, "has more than 18 digits before the point"),
        ({"notional": "1.005"}, "column notional: '1.005' has more than 2 decimal places"),
        ({"notional": ""}, "column notional: is empty; allowed: a number"),
        ({"notional": "-5"}, "column notional: -5.0 is not valid; must be greater than 0"),
        ({"fixed_rate": "4.25%"}, "column fixed_rate: '4.25%' is not a number (use 0.0425)"),
        ({"fixed_rate": "3,5"}, "column fixed_rate: '3,5' is not a number (use 3.5)"),
        (
            {"fixed_rate": "4.25"},
            "column fixed_rate: 4.25 is not valid; decimal expected, -0.2 to 1 (write 4.25 % as",
        ),
        (
            {"tenor": "", "termination_date": "2999-03-15"},
            "column termination_date: '2999-03-15' is not valid; a date from 1901-01-01 to",
        ),
        (
            {"first_regular_date": "2030-03-15", "last_regular_date": "2026-03-15"},
            "column last_regular_date: '2026-03-15' is not valid; must not be before first_regular",
        ),
        ({"effective_date": "15.03.2023"}, "'15.03.2023' is not a date (use one such as"),
        ({"effective_date": "2023-02-30"}, "'2023-02-30' is not a date"),
        ({"tenor": "ten"}, "column tenor: 'ten' is not valid; a number and D, W, M or Y"),
        ({"termination_date": "2034-01-01"}, "'10Y' ends on 2033-03-15, but termination_date"),
        ({"tenor": ""}, "column termination_date: is missing (or tenor)"),
        ({"pay_receive": "both"}, "column pay_receive: 'both' is not valid; allowed: pay, receive"),
        ({"convention": "USD-LIBOR"}, "column convention: 'USD-LIBOR' is not valid; allowed: USD-"),
        ({"book": "B2"}, "column book: 'B2' does not exist; there are: B1"),
        ({"counterparty": "X"}, "'X' does not exist; there are no counterparties yet"),
        ({"trade_id": "A B"}, "column trade_id: 'A B' is not valid; letters, digits"),
        ({"trade_id": ""}, "column trade_id: is empty"),
        ({"trade_id": "=cmd()"}, "column trade_id: '=cmd()' begins like a formula"),
        ({"trade_id": "x" * 65}, "is too long: 65 characters, 64 allowed"),
        ({"clearing_house": "a\0b"}, "holds a control character"),
        ({"fixed_day_count": "ACT/999"}, "column fixed_day_count: 'ACT/999' is not valid"),
        ({"payment_lag": "1.5"}, "column payment_lag: '1.5' is not a whole number"),
        ({"payment_lag": 61}, "column payment_lag: 61 is not valid"),
        ({"end_of_month": "perhaps"}, "column end_of_month: 'perhaps' is not valid; allowed: true"),
        ({"notional_schedule": "[1,"}, "column notional_schedule: '[1,' is not JSON"),
        ({"notional_schedule": [{"date": "x", "notional": 1}]}, "notional_schedule[0].date"),
        ({"couponn": "1"}, "row 1: column couponn: no such column of swaps; allowed:"),
        ({"fixed_rat": "1"}, "column fixed_rat: no such column of swaps; did you mean fixed_rate?"),
    ],
)
def test_a_wrong_cell_is_named_with_row_column_value_and_what_is_allowed(
    book: Book, change: dict[str, Any], sentence: str
) -> None:
    result = load(SWAPS, [{**ROW, **change}])
    assert any(sentence in said for said in result.sentences()), result.sentences()
    assert Swap.objects.count() == 0


def test_the_first_fifty_errors_are_said_and_the_rest_counted(book: Book) -> None:
    result = load(SWAPS, rows(*({"trade_id": f"S{i}", "notional": "x"} for i in range(60))))
    assert len(result.sentences()) == 51
    assert result.sentences()[-1] == "and 10 more"


def test_a_trader_loads_into_books_of_the_own_desk_only(book: Book, swap: Swap) -> None:
    other = Book.objects.create(code="B2", name="Other", desk=book.desk)
    moved = load(SWAPS, [{**ROW, "trade_id": "S1", "book": "B2"}], books={"B2"})
    assert moved.sentences() == ["row 1: column book: 'B1' is not of your desks; yours: B2"]
    added = load(SWAPS, [{**ROW, "trade_id": "S9", "book": other.code}], books={"B1"})
    assert "'B2' is not of your desks; yours: B1" in added.sentences()[0]
    assert load(SWAPS, [{**ROW, "trade_id": "S9"}], books={"B1"}).written


def test_a_file_made_from_an_older_version_is_refused_where_it_would_change(swap: Swap) -> None:
    Swap.objects.get().save()
    stale = {"trade_id": "S1", "version": "1"}
    assert not load(SWAPS, [stale]).failed
    result = load(SWAPS, [{**stale, "fixed_rate": "0.04"}])
    assert (
        "column version: S1 is at version 2, your change was made on version 1"
        in (result.sentences()[0])
    )


def test_the_history_names_user_and_reason_of_a_load(book: Book, admin_user: Any) -> None:
    load(SWAPS, [ROW], user=admin_user, reason="swaps.csv")
    load(SWAPS, [{**ROW, "fixed_rate": "0.04"}], user=admin_user, reason="again.csv")
    lines = Swap.history.order_by("history_id")
    assert [(h.history_type, h.history_user, h.history_change_reason) for h in lines] == [
        ("+", admin_user, "swaps.csv"),
        ("~", admin_user, "again.csv"),
    ]
    assert [(h.version, h.fixed_rate) for h in lines] == [
        (1, Decimal("0.035")),
        (2, Decimal("0.04")),
    ]


def test_a_position_names_its_bond_by_code_or_isin(book: Book, bond: Bond) -> None:
    given = [
        {"trade_id": "P1", "bond": bond.code, "face_amount": 100, "book": "B1"},
        {"trade_id": "P2", "bond": bond.isin, "face_amount": -5, "book": "B1"},
    ]
    assert load(KINDS["positions"], given).written
    assert {p.bond for p in BondPosition.objects.all()} == {bond}


def test_a_new_price_drops_the_spread_of_the_old_one(position: BondPosition) -> None:
    BondPosition.objects.update(clean_price=99, z_spread_bp=5)
    load(KINDS["positions"], [{"trade_id": "P1", "clean_price": "98"}])
    assert BondPosition.objects.get().z_spread_bp is None


def test_a_cusip_makes_the_isin_of_a_bond_and_must_agree_with_one(db: None) -> None:
    given = {
        "code": "T",
        "name": "A Treasury",
        "cusip": "91282CFV8",
        "convention": "US-TREASURY",
        "coupon_rate": "0.04125",
        "issue_date": "2022-11-15",
        "maturity_date": "2032-11-15",
    }
    assert load(KINDS["bonds"], [given]).rows[0].changes["isin"] == ("", "US91282CFV81")
    assert Bond.objects.get().currency == "USD"
    wrong = {**given, "code": "U", "isin": "DE0001102580"}
    assert "the ISIN DE0001102580 holds 000110258" in load(KINDS["bonds"], [wrong]).sentences()[0]
    misspelt = {**given, "code": "V", "cusip": "91282CFV9"}
    assert (
        "column cusip: '91282CFV9' is not valid" in load(KINDS["bonds"], [misspelt]).sentences()[0]
    )
    twice = {**given, "code": "W"}
    assert "'US91282CFV81' belongs to T already" in load(KINDS["bonds"], [twice]).sentences()[0]


def test_a_misspelt_lei_is_refused_and_two_issuers_cannot_share_one(db: None) -> None:
    issuers = KINDS["issuers"]
    good = {"code": "UST", "name": "US Treasury", "lei": "254900HROIFWPRGM1V77", "country": "US"}
    result = load(issuers, [{**good, "lei": "254900HROIFWPRGM1V78", "country": "us"}])
    assert "column lei: '254900HROIFWPRGM1V78' is not valid" in result.sentences()[0]
    result = load(issuers, [good, {**good, "code": "UST2"}])
    assert result.sentences() == ["row 2: column lei: '254900HROIFWPRGM1V77' is already in row 1"]
    assert load(issuers, [good]).written
    assert Issuer.objects.get().country == "US"


def test_issuers_and_counterparties_do_not_change_the_book(db: None) -> None:
    before = master.current_version()
    load(KINDS["issuers"], [{"code": "UST", "name": "US Treasury"}])
    load(KINDS["counterparties"], [{"code": "C", "name": "Client"}])
    assert master.current_version() == before


def test_fixings_and_exchange_rates_are_named_by_name_and_date(db: None) -> None:
    fixing = {"index": "SOFR", "date": "2024-01-02", "rate": 0.0532, "source": "made"}
    assert load(KINDS["fixings"], [fixing, {**fixing, "date": "2024-01-03"}]).written
    again = load(KINDS["fixings"], [{**fixing, "rate": 0.0533}])
    assert (again.rows[0].id, again.rows[0].status) == ("SOFR 2024-01-02", "update")
    assert Fixing.objects.count() == 2
    rate = {"currency": "EUR", "date": "2024-01-02", "usd": "1.0956", "source": "ECB"}
    assert load(KINDS["fx_rates"], [rate]).written
    dollar = load(KINDS["fx_rates"], [{**rate, "currency": "USD"}])
    assert "column currency: 'USD' is not valid; allowed: EUR, GBP" in dollar.sentences()[0]
    assert FxRate.objects.get().usd == Decimal("1.0956")


def test_somebody_who_wrote_the_same_row_just_now_is_a_conflict(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one's row arrives after the check and before the write."""
    from instruments.loading import loader as module

    write = module.write

    def late(*args: Any, **options: Any) -> None:
        make_swap(book).save()
        write(*args, **options)

    monkeypatch.setattr(module, "write", late)
    with pytest.raises(loading.Conflict, match="Nothing was written; try again"):
        load(SWAPS, [ROW])
    assert Swap.objects.count() == 0


def test_ten_thousand_rows_are_loaded_in_few_statements(
    book: Book, django_assert_max_num_queries: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    many = rows(*({"trade_id": f"S{i:05d}"} for i in range(10_000)))
    seconds = []
    for rate in ("0.035", "0.036", "0.036"):
        start = time.perf_counter()
        with django_assert_max_num_queries(120):
            load(SWAPS, [{**row, "fixed_rate": rate} for row in many])
        seconds.append(round(time.perf_counter() - start, 1))
    with capsys.disabled():
        print(f" [10,000 swaps: new, changed, unchanged in {seconds} s]", end="")
    assert (Swap.objects.count(), Swap.history.count()) == (10_000, 20_000)


@pytest.mark.parametrize(("price", "percent"), [("1.01", "101"), ("2.999", "299.9"), ("1", "100")])
def test_a_price_that_may_be_a_fraction_is_taken_with_a_warning(
    position: BondPosition, price: str, percent: str
) -> None:
    row = {"trade_id": position.trade_id, "clean_price": price}
    result = load(KINDS["positions"], [row])
    assert (statuses(result), result.written) == (["update"], True)
    assert result.doubts() == [
        f"row 1: column clean_price: {price} is read as {price} % of face; if {percent} % is meant,"
        f" write {percent}"
    ]
    assert load(KINDS["positions"], [row]).doubts() == []  # it is stored so: nobody is asked again


@pytest.mark.parametrize("price", ["3", "98.5", ""])
def test_other_prices_have_no_warning(position: BondPosition, price: str) -> None:
    row = {"trade_id": position.trade_id, "clean_price": price, "z_spread_bp": "10"}
    assert load(KINDS["positions"], [row]).doubts() == []
