"""The importer from the shell: what would change, what is wrong, and a status to rely on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.core.management import CommandError, call_command

from instruments.models import BondPosition, Book, FxRate, Swap
from instruments.trade_repository import current_version, load_fx
from tests.instruments.conftest import make_swap

HEADER = "trade_id,convention,pay_receive,notional,effective_date,tenor,fixed_rate,book"
LINE = "S1,USD-SOFR-OIS,pay,10000000,2023-03-15,10Y,0.0375,B1"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "swaps.csv"
    path.write_text(f"{HEADER}\n{LINE}\n{LINE.replace('S1', 'S2')}\n")
    return path


def run(*args: object, **options: Any) -> str:
    out = StringIO()
    call_command(*map(str, args), stdout=out, stderr=out, **options)
    return out.getvalue()


def test_a_file_is_loaded_and_the_changes_are_said(swap: Swap, file: Path, admin_user: Any) -> None:
    said = run("load_instruments", file, "--user", admin_user.username)
    assert "row 2: S1: fixed_rate 0.035 -> 0.0375" in said
    assert f"Book version {current_version()}." in said
    assert Swap.objects.count() == 2
    line = Swap.history.first()
    assert (line.history_user, line.history_change_reason) == (admin_user, "swaps.csv")


def test_a_dry_run_says_so_and_writes_nothing(swap: Swap, file: Path) -> None:
    assert "A dry run: nothing was written." in run("load_instruments", file, "--dry-run")
    assert Swap.objects.get().fixed_rate == Decimal("0.035")


def test_a_wrong_file_ends_in_an_error_with_its_sentences(book: Book, file: Path) -> None:
    file.write_text(file.read_text().replace("10000000", "much", 1))
    with pytest.raises(CommandError) as failed:
        run("load_instruments", file, "--dry-run")
    assert "nothing was loaded.\nrow 2: column notional: 'much' is not a number" in str(
        failed.value
    )
    assert failed.value.returncode == 1


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("trades-2024.csv", (), "is not the name of a table: add --kind, one of issuers"),
        ("gone.csv", ("--kind", "swaps"), "cannot be read: No such file or directory"),
        ("swaps.csv", ("--user", "nobody"), "there is no user 'nobody'"),
    ],
)
def test_what_the_command_cannot_do_is_a_sentence(
    book: Book, file: Path, name: str, options: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(CommandError, match=sentence):
        run("load_instruments", file.with_name(name), *options)


def test_the_kind_is_taken_from_a_name_that_is_close(book: Book, file: Path) -> None:
    other = file.rename(file.with_name("swap.csv"))
    assert run("load_instruments", other)
    assert Swap.objects.count() == 2


BOOKS = [["code", "name", "desk"], ["B7", "Seven", "RATES"]]
SWAPS = [HEADER.split(","), LINE.replace(",B1", ",B7").split(",")]


def workbook(path: Path, sheets: Mapping[str, Sequence[Sequence[object]]]) -> Path:
    made = openpyxl.Workbook()
    made.remove(made.active)
    for name, rows in sheets.items():
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    made.save(path)
    return path


def test_a_sheet_names_its_table_whatever_the_file_is_called(book: Book, tmp_path: Path) -> None:
    swaps = [SWAPS[0], LINE.split(",")]
    path = workbook(tmp_path / "book.xlsx", {"notes": [["x"]], "Swaps": swaps})
    run("load_instruments", path, "--sheet", "Swaps")
    assert Swap.objects.get().trade_id == "S1"
    with pytest.raises(CommandError, match="not a header of books"):
        run("load_instruments", path, "--sheet", "notes")


def test_sheets_are_loaded_in_the_order_in_which_their_rows_refer(
    book: Book, tmp_path: Path
) -> None:
    path = workbook(tmp_path / "mine.xlsx", {"swaps": SWAPS, "books": BOOKS})
    words = ("load_instruments", path, "--sheet", "swaps", "--sheet", "books")
    assert "A dry run: nothing was written." in run(*words, "--dry-run")
    assert not Swap.objects.exists()
    before = current_version()
    said = run(*words)
    assert said.index("books") < said.index("swaps")
    assert Swap.objects.get().book.code == "B7"
    assert current_version() == before + 1
    assert f"Book version {before + 1}." in said


def test_one_wrong_sheet_stops_all(book: Book, tmp_path: Path) -> None:
    wrong = [SWAPS[0], [*SWAPS[1][:3], "much", *SWAPS[1][4:]]]
    path = workbook(tmp_path / "mine.xlsx", {"books": BOOKS, "swaps": wrong})
    before = current_version()
    with pytest.raises(CommandError, match=r"sheet swaps\nrow 2: column notional: 'much'"):
        run("load_instruments", path, "--sheet", "books", "--sheet", "swaps")
    assert not Book.objects.filter(code="B7").exists()
    assert current_version() == before


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--sheet", "x"), "neither sheet x nor mine.xlsx is the name of a table: add --kind"),
        (("--sheet", "books", "--sheet", "x"), "sheet x is not the name of a table: load it alone"),
        (("--sheet", "books", "--sheet", "swaps", "--kind", "swaps"), "--kind is for one sheet"),
    ],
)
def test_sheets_without_a_table_are_a_sentence(
    book: Book, tmp_path: Path, options: tuple[str, ...], sentence: str
) -> None:
    path = workbook(tmp_path / "mine.xlsx", {"books": BOOKS, "x": SWAPS})
    with pytest.raises(CommandError, match=sentence):
        run("load_instruments", path, *options)


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_an_export_loads_back_without_a_change(swap: Swap, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"swaps.{suffix}"
    run("export_instruments", "swaps", "-o", path)
    version = current_version()
    run("load_instruments", path)
    assert (current_version(), Swap.objects.get().version) == (version, 1)


def test_an_export_without_a_file_is_printed(swap: Swap, capfdbinary: Any) -> None:
    call_command("export_instruments", "swaps")
    call_command("export_instruments", "issuers", "--template")
    printed = capfdbinary.readouterr().out.decode()
    assert "\nS1,USD-SOFR-OIS,pay,10000000," in printed.replace("\r", "")
    assert "code,name,lei,country" in printed


def test_trades_that_ended_a_week_ago_are_matured_and_leave_the_book(
    swap: Swap, position: BondPosition, book: Book
) -> None:
    make_swap(book, trade_id="S2", termination_date="2034-01-31").save()
    before = current_version()
    said = run("mark_matured", "--on", "2033-03-22")
    assert "swaps: 0 matured before 2033-03-15" in said
    assert "positions: 1 matured" in said
    run("mark_matured", "--on", "2033-03-23")
    status = dict(Swap.objects.values_list("trade_id", "status"))
    assert status == {"S1": "matured", "S2": "active"}
    assert current_version() == before + 2
    assert Swap.history.first().history_change_reason == "mark_matured"
    with pytest.raises(CommandError, match="'tomorrow' is not a date"):
        run("mark_matured", "--on", "tomorrow")


def test_the_newest_exchange_rate_of_a_currency_counts(db: None) -> None:
    for date, usd in (("2024-01-02", "1.09"), ("2024-01-04", "1.10"), ("2024-01-03", "1.08")):
        FxRate.objects.create(currency="EUR", date=date, usd=usd, source="made")
    FxRate.objects.create(currency="GBP", date="2024-01-01", usd="1.27", source="made")
    assert load_fx() == {"EUR": 1.10, "GBP": 1.27}


def test_the_command_warns_of_a_price_that_may_be_a_fraction(
    position: BondPosition, tmp_path: Path
) -> None:
    path = tmp_path / "positions.csv"
    path.write_text(f"trade_id,clean_price\n{position.trade_id},1.01\n")
    said = run("load_instruments", path, "--dry-run")
    assert "Warning: row 2: column clean_price: 1.01 is read as 1.01 % of face" in said
