"""Workbooks and CSV files as other programs write them: read whole, or refused by a sentence."""

from __future__ import annotations

import datetime as dt
import io
import os
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from devstack.processes.supervise import children_of
from instruments.loading import KINDS, BadFile, LoadResult, load, read_table, workbook
from instruments.models import Book, Swap

SWAPS = KINDS["swaps"]
HEADER = "trade_id,convention,pay_receive,notional,effective_date,tenor,fixed_rate,book"
LINE = "S1,USD-SOFR-OIS,pay,10000000,2023-03-15,10Y,0.035,B1"
GOOD = f"{HEADER}\n{LINE}\n"
NAMES = HEADER.split(",")
SHEET = "xl/worksheets/sheet1.xml"
DAY = dt.date(2023, 3, 15)
Edit = Callable[[bytes], bytes]


def row(trade_id: object, **cells: object) -> list[object]:
    usual = dict(zip(NAMES, LINE.split(","), strict=True))
    usual |= {"notional": 10_000_000, "effective_date": DAY, "fixed_rate": 0.035}  # type: ignore[dict-item]
    return list({**usual, "trade_id": trade_id, **cells}.values())


def made(*rows: list[object], edit: Edit | None = None, **sheets: list[list[object]]) -> bytes:
    """A workbook; ``edit`` changes the XML of its first sheet."""
    book = openpyxl.Workbook()
    for cells in rows:
        book.active.append(cells)
    for name, others in sheets.items():
        other = book.create_sheet(name)
        for line in others:
            other.append(line)
    content = io.BytesIO()
    book.save(content)
    if edit is None:
        return content.getvalue()
    return repacked(content.getvalue(), {SHEET: edit})


def repacked(content: bytes, edits: dict[str, Edit]) -> bytes:
    changed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, edits.get(name, bytes)(old.read(name)))
    return changed.getvalue()


def dimension(ref: str) -> Edit:
    return lambda xml: re.sub(rb'<dimension ref="[^"]*"', f'<dimension ref="{ref}"'.encode(), xml)


def behind(xml_of_rows: str) -> Edit:
    return lambda xml: xml.replace(b"</sheetData>", f"{xml_of_rows}</sheetData>".encode())


def loaded(content: bytes, sheet: str | None = None) -> LoadResult:
    return load(SWAPS, read_table(content, SWAPS, sheet=sheet))


def refusal(content: bytes, sheet: str | None = None) -> str:
    with pytest.raises(BadFile) as refused:
        read_table(content, SWAPS, sheet=sheet)
    return str(refused.value)


FIFTY = [NAMES, *(row(f"S{n}") for n in range(50))]


@pytest.mark.parametrize("ref", ["A1", "A1:H11", "A1:E51", "A1:XFD1048576", "C3:D4"])
def test_a_wrong_dimension_loses_no_row_and_no_column(book: Book, ref: str) -> None:
    result = loaded(made(*FIFTY, edit=dimension(ref)))
    assert result.counts["new"] == 50, result.sentences()
    assert {swap.book.code for swap in Swap.objects.all()} == {"B1"}


def test_a_change_outside_the_dimension_is_seen(book: Book) -> None:
    loaded(made(*FIFTY))
    changed = [NAMES, *(row(f"S{n}", fixed_rate=0.04) for n in range(50))]
    assert loaded(made(*changed, edit=dimension("A1:F51"))).counts["update"] == 50


def test_rows_out_of_order_are_not_lost(book: Book) -> None:
    def swapped(xml: bytes) -> bytes:
        start, end = xml.index(b'<row r="2"'), xml.index(b'<row r="3"')
        return behind(xml[start:end].decode())(xml[:start] + xml[end:])

    assert loaded(made(*FIFTY, edit=swapped)).counts["new"] == 50


def test_stray_blanks_far_away_are_no_cells(book: Book) -> None:
    far = '<row r="60"><c r="AN60" t="inlineStr"><is><t> </t></is></c></row>'
    assert loaded(made(*FIFTY, edit=behind(far))).counts["new"] == 50


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        ('<row r="20000000"><c r="A20000000"><v>1</v></c></row>', "A row has the number 20000000"),
        ('<row r="1000000"><c r="XFD1000000"><v>1</v></c></row>', "far away from the others"),
        ('<row r="9"><c r="B9" t="e"><v>#N/A</v></c></row>', "row 9: cell B9 holds #N/A"),
        ('<row r="9"><c r="B9"><f>1+1</f><v>2</v></c></row>', "row 9: cell B9 is a formula"),
        ('<row r="9"><c r="B9"><f>1+1</f></c></row>', "row 9: cell B9 is a formula"),
        ('<row r="9"><c r="B9" t="e"><f>NA()</f><v>#N/A</v></c></row>', "row 9: cell B9"),
    ],
)
def test_what_the_reader_would_lose_is_refused(cells: str, sentence: str) -> None:
    assert sentence in refusal(made(*FIFTY, edit=behind(cells)))


def bomb() -> bytes:
    """Fifteen million shared strings in less than a megabyte."""
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"
    link = f'<Relationship Id="rId99" Type="{kind}" Target="sharedStrings.xml"/></Relationships>'
    content = io.BytesIO(
        repacked(
            made(NAMES, row("S1")),
            {
                "xl/_rels/workbook.xml.rels": lambda xml: xml.replace(
                    b"</Relationships>", link.encode()
                )
            },
        )
    )
    with zipfile.ZipFile(content, "a", zipfile.ZIP_DEFLATED) as archive:
        if "xl/sharedStrings.xml" not in archive.namelist():
            strings = f'<sst xmlns="{space}">{"<si><t>a</t></si>" * 15_000_000}</sst>'
            archive.writestr("xl/sharedStrings.xml", strings)
    assert len(content.getvalue()) < 2**20
    return content.getvalue()


def test_a_bomb_of_shared_strings_ends_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "CLOCK_S", 1)
    assert "to read: a cell may be far away" in refusal(bomb())


def processor_time_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) / os.sysconf("SC_CLK_TCK")


def test_the_child_does_not_outlive_a_process_that_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "bomb.xlsx"
    file.write_bytes(bomb())
    program = (
        "import sys, django; django.setup(); from instruments.loading import workbook;"
        "list(workbook.read_sheet(open(sys.argv[1], 'rb').read(), sheet=None, most_rows=9))"
    )
    caller = subprocess.Popen((sys.executable, "-c", program, str(file)))
    try:
        while not (children := children_of(caller.pid)):
            assert caller.poll() is None
            time.sleep(0.02)
        (child,) = children
        while processor_time_s(child) < 0.5:  # it reads; seconds of work lie before it
            time.sleep(0.02)
    finally:
        caller.kill()
        caller.wait()
    deadline = time.monotonic() + workbook.CPU_S / 2
    while Path(f"/proc/{child}/cmdline").exists() and (
        Path(f"/proc/{child}/cmdline").read_bytes()  # a zombie has none
    ):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_formula_and_a_far_row_are_found_in_a_long_sheet() -> None:
    filler = "".join(
        f'<row r="{n}"><c r="A{n}" t="inlineStr"><is><t>S{n}</t></is></c></row>'
        for n in range(60, 30_000)
    )
    formula = '<row r="30000"><c r="C30000"><f>1</f></c></row>'
    assert "row 30000: cell C30000 is a formula" in refusal(
        made(*FIFTY, edit=behind(filler + formula))
    )
    far = '<row r="9000000"><c r="A9000000"><v>1</v></c></row>'
    assert "A row has the number 9000000" in refusal(made(*FIFTY, edit=behind(filler + far)))


def test_the_child_does_not_outlive_a_caller_that_is_interrupted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started = []

    class Interrupted(workbook.subprocess.Popen):  # type: ignore[name-defined,misc]
        def wait(self, timeout: float | None = None) -> int:
            started.append(self)
            if len(started) == 1:
                raise KeyboardInterrupt
            return int(super().wait(timeout))

    monkeypatch.setattr(workbook.subprocess, "Popen", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        read_table(made(*FIFTY), SWAPS)
    assert started[0].poll() is not None


# --- Sheets ----------------------------------------------------------------------------------


def test_several_sheets_are_named_and_one_may_be_chosen(book: Book, tmp_path: Path) -> None:
    content = made(["notes"], ["x"], Swaps=FIFTY)
    assert "has 2 sheets with cells (Sheet, Swaps)" in refusal(content)
    assert "There is no sheet 'swaps'; there are: Sheet, Swaps" in refusal(content, "swaps")
    path = tmp_path / "swaps.xlsx"
    path.write_bytes(content)
    with pytest.raises(CommandError, match="say which one is meant"):
        call_command("load_instruments", str(path))
    call_command("load_instruments", str(path), "--sheet", "Swaps")
    assert Swap.objects.count() == 50


def test_an_empty_second_sheet_is_no_choice(book: Book) -> None:
    assert loaded(made(*FIFTY, Sheet2=[[" "]])).counts["new"] == 50


def test_a_hidden_sheet_is_not_looked_at(book: Book) -> None:
    content = io.BytesIO()
    hidden = openpyxl.load_workbook(io.BytesIO(made(["BBG"], ["=NOW()"], Book=FIFTY)))
    hidden.worksheets[0].sheet_state = "veryHidden"
    hidden.active = 1
    hidden.save(content)
    assert loaded(content.getvalue()).counts["new"] == 50


def test_only_workbooks_have_sheets() -> None:
    assert "the file is not a workbook and has no sheets" in refusal(GOOD.encode(), "Swaps")


# --- Cells -----------------------------------------------------------------------------------


def test_strict_open_xml_is_read(book: Book) -> None:
    def strict(xml: bytes) -> bytes:
        old = b"http://schemas.openxmlformats.org/"
        return (
            xml.replace(old + b"spreadsheetml/2006/main", b"http://purl.oclc.org/ooxml/spreadsheetml/main")
            .replace(old + b"officeDocument/2006/", b"http://purl.oclc.org/ooxml/officeDocument/")
        )  # fmt: skip

    parts = (SHEET, "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "_rels/.rels", "xl/styles.xml")
    assert loaded(repacked(made(*FIFTY), dict.fromkeys(parts, strict))).counts["new"] == 50


def test_a_percentage_is_its_decimal_and_a_blank_first_row_counts(book: Book) -> None:
    content = io.BytesIO()
    sheet = openpyxl.Workbook()
    for cells in ([], [], NAMES, row("S1", fixed_rate=0.0425), row("S2", fixed_rate="x")):
        sheet.active.append(cells)
    sheet.active["G4"].number_format = "0.00%"
    sheet.save(content)
    table = read_table(content.getvalue(), SWAPS)
    assert list(table.numbers) == [4, 5]
    assert table.rows[0]["fixed_rate"] == 0.0425
    assert "row 5: column fixed_rate: 'x'" in load(SWAPS, table).sentences()[0]


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        (9.12828e63, "is a number of more than 15 digits"),
        (1e15, "is a number of more than 15 digits"),
        (1.5e-7, "'1.5e-07' is a number in exponent form"),
        ("9.12828E+63", "'9.12828E+63' is a number in exponent form"),
        (dt.date(2025, 3, 1), "'2025-03-01' is a date, not text"),
        (
            dt.datetime.fromisoformat("2025-03-01T09:00"),
            "'2025-03-01 09:00:00' is a date, not text",
        ),
        (True, "is not text"),
    ],
)
def test_what_a_spreadsheet_made_of_an_identifier_is_refused(
    book: Book, cell: object, sentence: str
) -> None:
    result = loaded(made(NAMES, row(cell)))
    assert sentence in result.sentences()[0], result.sentences()
    assert not result.written


def test_errors_and_exponents_of_a_csv_file_are_refused_as_text(book: Book) -> None:
    for text in ("#N/A", "9.12828E+63"):
        content = f"{HEADER},clearing_house\n{LINE},{text}\n".encode()
        assert "column clearing_house" in loaded(content).sentences()[0]


def test_an_identifier_of_digits_stays_one(book: Book) -> None:
    assert loaded(made(NAMES, row(912828))).written
    assert Swap.objects.get().trade_id == "912828"


# --- CSV -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        "sep=;\r\n" + GOOD.replace(",", ";"),
        "sep=,\n" + GOOD,
        GOOD + "\x1a",
        GOOD + "\x1a\r\n",
        "\ufeff\ufeff" + GOOD,
        GOOD.replace("\n", "\r"),
        f"{HEADER},,,\n{LINE},,,\n",
        f"{HEADER}\n{LINE},,\n",
        f"{HEADER},\n{LINE}\n",
    ],
    ids=("sep", "sep comma", "ctrl-Z", "ctrl-Z CRLF", "two BOMs", "CR", "commas", "row", "header"),
)
def test_what_programs_write_around_a_table_is_no_part_of_it(book: Book, content: str) -> None:
    result = loaded(content.encode())
    assert result.written, result.sentences()
    assert Swap.objects.get().notional == Decimal(10_000_000)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"<html><table><tr><td>trade_id</td></tr></table></html>", "The file is HTML or XML"),
        (b"\xef\xbb\xbf\r\n<?xml version='1.0'?><Workbook/>", "The file is HTML or XML"),
        (
            b"\xd0\xcf\x11\xe0" + bytes(500) + "EncryptedPackage".encode("utf-16-le"),
            "The workbook is protected by a password",
        ),
        (f"{HEADER}\r{LINE}\rS\u00e9".encode("latin-1"), "row 3: byte 0xe9"),
        (f"sep=;\n{HEADER}\n{LINE}\nS\u00e9".encode("latin-1"), "row 4: byte 0xe9"),
        (
            f'{HEADER}\n{LINE[:-2]}"A\nB\nC"\nS\u00e9'.encode("latin-1"),
            "row 3: byte 0xe9",
        ),
        (f"{HEADER},status\n{LINE}\n".encode(), "row 2: has 8 cells, the header in row 1 has 9"),
        (f"{HEADER},status\n{LINE}\n".encode(), "cells are missing at its end"),
        (f"{HEADER},\n{LINE},x\n".encode(), "row 2: a column has no name in the header"),
        (f"{HEADER}\n{LINE},x\n".encode(), "row 2: has 9 cells"),
    ],
)
def test_what_is_no_such_table_is_refused_by_its_sentence(content: bytes, sentence: str) -> None:
    assert sentence in refusal(content)


# --- Dates -----------------------------------------------------------------------------------


@pytest.mark.parametrize("date", ["0001-01-01", "1900-01-01", "2300-03-15", "9999-12-31"])
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("swaps", "effective_date"),
        ("swaps", "termination_date"),
        ("swaps", "trade_date"),
        ("bonds", "issue_date"),
        ("bonds", "maturity_date"),
        ("bonds", "dated_date"),
        ("fixings", "date"),
        ("fx_rates", "date"),
    ],
)
def test_a_date_that_can_never_price_is_refused(
    book: Book, kind: str, name: str, date: str
) -> None:
    cells: dict[str, Any] = {**KINDS[kind].example, name: date}
    if kind == "swaps":
        cells = {"termination_date": "2034-03-20", **cells, "book": "B1"}
        del cells["tenor"]
    result = load(KINDS[kind], [cells])
    assert not result.written
    # An end before its start has another sentence, which stands first.
    assert name in str(result.sentences()) or "must be after" in str(result.sentences())
