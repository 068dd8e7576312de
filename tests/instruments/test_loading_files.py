"""Every way a file can be wrong has its sentence, and the database stays as it is."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import openpyxl
import pytest

from instruments import loading
from instruments.loading import KINDS, BadFile, load, read_table, tables
from instruments.models import Bond, BondPosition, Book, Counterparty, Desk, Issuer, Swap

SWAPS = KINDS["swaps"]
HEADER = "trade_id,convention,pay_receive,notional,effective_date,tenor,fixed_rate,book"
LINE = "S1,USD-SOFR-OIS,pay,10000000,2023-03-15,10Y,0.035,B1"
GOOD = f"{HEADER}\n{LINE}\n"


def workbook(*rows: tuple[Any, ...]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def packed(**files: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


def loaded(content: bytes) -> loading.LoadResult:
    return load(SWAPS, read_table(content, SWAPS))


@pytest.fixture
def unchanged(book: Book) -> Iterator[None]:
    yield
    assert (Swap.objects.count(), Swap.history.count()) == (0, 0)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The file is empty"),
        (b" \r\n\r\n", "The file is empty"),
        (HEADER.encode(), "The file has a header and no rows"),
        (b"a,b,c\n1,2,3\n", "The first row is not a header of swaps: it must name columns"),
        (LINE.encode(), "The first row is not a header of swaps"),
        (
            GOOD.replace("notional", "notionl").encode(),
            "column notionl: no such column of swaps; did you mean notional?",
        ),
        (
            GOOD.replace("trade_id", "deal").encode(),
            "column trade_id is missing: it says which row of swaps is meant",
        ),
        (
            GOOD.replace("tenor", "notional").encode(),
            "column notional occurs twice in the header",
        ),
        (GOOD.replace(",book", ",").encode(), "a column has no name in the header"),
        (
            f"{GOOD}S2,USD-SOFR-OIS,pay,10,000,000\n".encode(),
            "row 3: has 6 cells, the header in row 1 has 8",
        ),
        (
            f"{GOOD}\n\n{LINE},x\n".encode(),
            "row 5: has 9 cells, the header in row 1 has 8",
        ),
        (
            f"{GOOD}S\u00e9,USD".encode("latin-1"),
            'row 3: byte 0xe9 is not UTF-8: save the file as "CSV UTF-8"',
        ),
        (GOOD.encode("utf-16"), 'is not UTF-8: save the file as "CSV UTF-8"'),
        (f"{GOOD}S\0,x".encode(), "The file holds NUL characters"),
        (f'{GOOD}"S2,USD\n'.encode(), "row 3: unexpected end of data"),
        (b"PK\x03\x04 no archive", "The file is a ZIP archive but not"),
        (packed(**{"a.txt": "hello"}), "The file is a ZIP archive but not an XLSX"),
        (b"\xd0\xcf\x11\xe0 old", "This is an old Excel file (.xls): save it as .xlsx"),
        (
            workbook(HEADER.split(","), ["S1", "USD-SOFR-OIS", "pay", "=1+1"]),
            "row 2: cell D2 is a formula: paste its value instead",
        ),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, str) else "",
)
@pytest.mark.usefixtures("unchanged")
def test_a_file_that_cannot_be_used_is_refused_with_its_sentence(
    content: bytes, sentence: str
) -> None:
    with pytest.raises(BadFile) as refused:
        loaded(content)
    assert any(sentence in said for said in refused.value.errors), refused.value.errors


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (LINE.replace("10000000", '"1.000.000,00"'), "row 2: column notional: '1.000.000,00' is"),
        (LINE.replace("S1", "=cmd()"), "row 2: column trade_id: '=cmd()' begins like a formula"),
        (LINE.replace("S1", "@SUM(A1)"), "begins like a formula; if it is meant as text"),
        (f"{LINE}\n{LINE}", "row 3: column trade_id: 'S1' is already in row 2"),
        (LINE.replace(",B1", ",B9"), "row 2: column book: 'B9' does not exist"),
        (LINE.replace("S1,", ","), "row 2: column trade_id: is empty"),
    ],
)
@pytest.mark.usefixtures("unchanged")
def test_a_row_that_cannot_be_used_keeps_the_whole_file_out(line: str, sentence: str) -> None:
    good = LINE.replace("S1", "S2")
    result = loaded(f"{HEADER}\n{line}\n{good}\n".encode())
    assert any(sentence in said for said in result.sentences()), result.sentences()


@pytest.mark.usefixtures("unchanged")
def test_more_rows_than_can_be_loaded_at_once_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    many = GOOD + f"{LINE}\n" * tables.MOST_ROWS
    with pytest.raises(BadFile, match="The file has more than 200,000 rows: split it"):
        loaded(many.encode())
    monkeypatch.setattr(tables, "MOST_BYTES", 1000)
    with pytest.raises(BadFile, match="is larger than"):
        loaded(many.encode())


@pytest.mark.usefixtures("unchanged")
def test_a_workbook_that_unpacks_to_too_much_is_not_unpacked() -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in range(9):
            archive.writestr(f"{part}.xml", bytes(64 * 2**20))
    with pytest.raises(BadFile, match="The workbook unpacks to 576 MB: split it"):
        loaded(content.getvalue())


@pytest.mark.parametrize(
    "content",
    [
        GOOD.encode(),
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.replace("\n", "\r\n").encode(),
        GOOD.replace(",", ";").encode(),
        GOOD.replace(",", "\t").encode(),
        f"\n{HEADER}\n\n{LINE}\n\n".encode(),
        GOOD.replace("trade_id", " Trade ID ").encode(),
        b"\xef\xbb\xbf" + GOOD.replace(",", ";").replace("\n", "\r\n").encode(),
    ],
    ids=("plain", "BOM", "CRLF", "semicolon", "tab", "blank lines", "spelling", "all"),
)
def test_what_spreadsheets_make_of_a_good_file_is_taken(book: Book, content: bytes) -> None:
    assert loaded(content).written
    assert Swap.objects.get().notional == Decimal(10_000_000)


def test_numbers_and_dates_of_a_workbook_are_taken_as_they_are(book: Book) -> None:
    import datetime as dt

    day = dt.datetime(2023, 3, 15)  # noqa: DTZ001 - spreadsheets know no zones
    content = workbook(
        HEADER.split(","),
        [42, "USD-SOFR-OIS", "pay", 1e7, day, "10Y", 0.1 + 0.2 - 0.265, "B1"],
        [None] * 8,
    )
    assert loaded(content).written
    row = Swap.objects.get()
    assert (row.trade_id, row.fixed_rate, row.effective_date) == (
        "42",
        Decimal("0.035"),
        day.date(),
    )


def test_a_row_of_a_file_is_counted_as_a_spreadsheet_does(book: Book) -> None:
    wrong = LINE.replace("0.035", "x")
    assert (
        loaded(f"{HEADER}\n\n{wrong}\n".encode()).sentences()[0].startswith("row 3: column fixed")
    )


NEEDED = {
    "positions": ("bonds",),
    "deliverables": ("bonds",),
    "bond_futures": ("bonds", "deliverables"),
}
"""Tables whose rows a row of this table names."""


@pytest.mark.parametrize("format_name", loading.FORMATS)
@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_template_loads_and_its_export_comes_back_unchanged(
    db: None, kind: loading.TableSpec, format_name: str
) -> None:
    usd = Desk.objects.create(code="USD-RATES", name="USD Rates")
    if kind.name != "books":
        Book.objects.create(code="USD-SWAPS", name="Swaps", desk=usd)
        Book.objects.create(code="USD-TREASURIES", name="Treasuries", desk=usd)
        Book.objects.create(code="EUR-EURIBOR", name="Swaps against EURIBOR", desk=usd)
    for name in NEEDED.get(kind.name, ()):
        assert load(KINDS[name], [KINDS[name].example]).written
    if kind.name == "desks":
        Book.objects.all().delete()
        usd.delete()
    made = load(kind, read_table(loading.template(kind, format_name), kind))
    assert made.sentences() == []
    assert made.written
    content = loading.export(kind, kind.rows(), format_name)
    again = load(kind, read_table(content, kind))
    assert (again.written, again.counts["skip"]) == (False, kind.model._base_manager.count())


@pytest.mark.parametrize("format_name", loading.FORMATS)
@pytest.mark.parametrize("name", ["=cmd()", "+1", "-1", "@SUM(A1)", "it's", "'quoted'", 'a;b,c"d'])
def test_text_that_a_spreadsheet_would_run_is_escaped_and_comes_back(
    db: None, name: str, format_name: str
) -> None:
    Counterparty.objects.create(code="C", name=name)
    kind = KINDS["counterparties"]
    content = loading.export(kind, kind.rows(), format_name)
    if format_name == "csv" and name[0] in "=+-@":
        assert f"'{name}" in content.decode()
    assert load(kind, read_table(content, kind)).counts["skip"] == 1
    Counterparty.objects.all().delete()
    load(kind, read_table(content, kind))
    assert Counterparty.objects.get().name == name


def test_short_positions_are_exported_as_numbers(position: BondPosition) -> None:
    BondPosition.objects.update(face_amount=-5_000_000)
    kind = KINDS["positions"]
    assert ",-5000000," in loading.export(kind, kind.rows(), "csv").decode()


def test_everything_of_one_database_loads_into_an_empty_one(
    swap: Swap, position: BondPosition
) -> None:
    Bond.objects.update(issuer=Issuer.objects.create(code="UST", name="Treasury"))
    files = {kind.name: loading.export(kind, kind.rows(), "csv") for kind in KINDS.values()}
    for model in (Swap, BondPosition, Bond, Issuer, Book, Desk):
        model.objects.all().delete()
    for name, content in files.items():
        if content.count(b"\n") > 1:
            assert load(KINDS[name], read_table(content, KINDS[name])).sentences() == []
    assert (Swap.objects.get().book.desk.code, Bond.objects.get().issuer.code) == ("RATES", "UST")
    assert BondPosition.objects.get().bond.isin == "US91282CFV81"
