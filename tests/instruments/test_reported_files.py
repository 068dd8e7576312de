"""Files of public reports on other loaders, where they are beside the checkout.

Every kind has a test of its own with inputs of its own (``test_loading_workbooks.py``); files of
curves are in ``tests/risk/history/test_load_curves.py``. What is taken and what is refused is our
own reading of each file.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from instruments.loading import KINDS, BadFile, LoadResult, load, read_table
from instruments.models import Bond, Book, Swap
from tests import not_run
from tests.risk.history import test_load_curves as curves

CASES = Path(__file__).parents[3] / "shared" / "cases" / "files"

TAKEN = {
    # Rows and columns beyond a wrong <dimension>.
    "book_dim_A1_H11.xlsx": 30,
    "dim_A1.xlsx": 50,
    "dim_A1_E51.xlsx": 50,
    "dim_A1_H11.xlsx": 50,
    # Empty cells far away, and a veryHidden sheet before the one with the trades.
    "far4000.xlsx": 50,
    "stray_space_far.xlsx": 50,
    "hidden_first_sheet.xlsx": 50,
    "strict.xlsx": 50,
    # Two million empty shared strings: read within the limits of the child process.
    "sst_8MB.xlsx": 1,
    # What programs write around a table.
    "ctrl_z.csv": 1,
    "sep_semicolon.csv": 1,
    "trailing_commas_all.csv": 1,
    "trailing_commas_rows_only.csv": 1,
    "two_boms.csv": 1,
}
REFUSED = {
    "blocked.html": "The file is HTML or XML",
    "encrypted.xlsx": "protected by a password",
    "two_sheets.xlsx": "has 2 sheets with cells (Swaps, Bonds)",
    "cr_only_latin1_in_row3.csv": "row 3: byte 0xe9",
    "quoted_newline_then_latin1.csv": "row 3: byte 0xe9",
    "excel_16rows_short.csv": "row 3: has 8 cells, the header in row 1 has 10",
    "na_clearing.xlsx": "#N/A",
    "date_as_clearing.xlsx": "column clearing_house",
    "code_E_float.xlsx": "column trade_id",
    "code_e.xlsx": "column code",
}
FAR_DATES = {
    "swaps_far_dates.csv": {
        "X9999": "termination_date: '9999-12-31'",
        "X1900": "effective_date: '1900-01-01'",
        "X2300": "termination_date: '2300-03-15'",
        "X0001": "effective_date: '0001-01-01'",
    },
    "bonds_far_dates.csv": {
        "BX1": "maturity_date: '9999-12-31'",
        "BX2": "maturity_date: '2250-01-31'",
    },
}
UPDATE, EMPTY_CELL_FAR_AWAY = "book_update_dim_A1_F31.xlsx", "far_20000_XFD20000.xlsx"


def content(name: str) -> bytes:
    if not (CASES / name).exists():
        not_run.stop(not_run.REPORTED_CASES, f"files/{name}")
    return (CASES / name).read_bytes()


def loaded(name: str, kind: str = "swaps", sheet: str | None = None) -> LoadResult:
    raw = content(name)
    return load(KINDS[kind], read_table(raw, KINDS[kind], sheet=sheet))


def books(desk: object) -> None:
    for code in ("B1", "MY-USD", "MY-EUR", "MY-GBP", "BOOK"):
        Book.objects.get_or_create(code=code, defaults={"name": code, "desk": desk})


@pytest.mark.parametrize("name", TAKEN)
def test_a_file_is_read_whole(desk: object, name: str) -> None:
    books(desk)
    result = loaded(name)
    assert result.sentences() == []
    assert Swap.objects.count() == TAKEN[name]


def test_a_change_beyond_the_dimension_is_an_update(desk: object) -> None:
    books(desk)
    loaded("book_dim_A1_H11.xlsx")
    result = loaded(UPDATE)
    assert result.counts["update"] == 30
    assert result.counts["skip"] == 0


def test_a_named_sheet_of_two_is_read(desk: object) -> None:
    books(desk)
    assert loaded("two_sheets.xlsx", sheet="Swaps").counts["new"] == 50


def test_an_empty_cell_twenty_thousand_rows_away_is_no_row(desk: object) -> None:
    books(desk)
    assert loaded(EMPTY_CELL_FAR_AWAY).counts["new"] == 50


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_is_refused_with_its_sentence(desk: object, name: str) -> None:
    books(desk)
    kind = "bonds" if name == "code_e.xlsx" else "swaps"
    try:
        said = " ".join(loaded(name, kind).sentences())
    except BadFile as error:
        said = str(error)
    assert REFUSED[name] in said
    assert Swap.objects.count() == Bond.objects.count() == 0


@pytest.mark.parametrize("name", FAR_DATES)
def test_dates_that_can_never_price_are_named_row_by_row(desk: object, name: str) -> None:
    books(desk)
    result = loaded(name, name.partition("_")[0])
    found = {row.id: " ".join(row.sentences()) for row in result.rows}
    assert found.keys() == FAR_DATES[name].keys()
    for trade, words in FAR_DATES[name].items():
        assert words in found[trade]
        assert "1901-01-01 to 2198-12-31" in found[trade]


def test_no_collected_file_is_left_out() -> None:
    if not CASES.is_dir():
        not_run.stop(not_run.REPORTED_CASES, "files")
    known = {*TAKEN, *REFUSED, *FAR_DATES, UPDATE, EMPTY_CELL_FAR_AWAY}
    assert {path.name for path in CASES.iterdir()} == known | {*curves.TAKEN, *curves.REFUSED}
