"""Files of publishers are loaded as a whole or refused with a sentence, and a report says which."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.core.management import CommandError, call_command

from pricing.errors import BadInput
from risk.history.closes import last_close
from risk.history.layouts.files import read_curves
from risk.history.layouts.table import RateTable, government_quotes
from risk.history.models import CurveFile, CurveQuote
from tests import not_run

CASES = Path(__file__).parents[4] / "shared/cases/files"
MONDAY, TUESDAY = dt.date(2024, 1, 8), dt.date(2024, 1, 9)

TREASURY = """Date,"3 Mo","4 Mo","2 Yr","10 Yr"
01/09/2024,5.47,,4.36,4.02
01/08/2024,5.49,5.41,4.36,4.01
"""
OWN = """date,curve,quote,rate,label,publisher
2024-01-08,USD-SOFR,2Y,0.0412,proxy,Desk marks
2024-01-08,USD-SOFR,10Y,0.0361,proxy,Desk marks
2024-01-08,EUR-ESTR,2Y,0.0266,proxy,Desk marks
"""

TAKEN = {
    "fred_1987.csv": "'DGS1' and 'DGS10' of the days of October 1987",
    "fred_quoted_header.csv": "a header in quotation marks",
    "leading_blank.csv": "a blank line above the header",
    "lower_header.csv": "a header in small letters",
    "new_column.csv": "a column that is not known",
    "treasury_archive_lowercase_header.csv": "the archive of 1990 to 2021",
    "ecb_gui.csv": "the website of the ECB",
}
REFUSED = {
    "blocked.html": "an HTML page",
    "daily-treasury-rates_real_yields.csv": "real yields",
    "decimal_rates.csv": "not a decimal",
    "duplicate_header_10Yr.csv": "10 Yr.*may appear only once",
    "jump.csv": "10Y: '-295 bp'.*--force",
    "one_extra_comma_in_a_row.csv": "line 4: '16 cells'.*a cell too many",
    "real_yields.csv": "real yields",
    "saturday.csv": "2025-02-15 .Saturday.*weekend",
    "truncated_last_line.csv": "line 30: .9 cells'.*cut off",
    "uk_dates_first_12_days.csv": "look like day/month/year",
    "weekend.csv": "Saturday.*weekend",
}


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., str]:
    """Load texts as files, and return what the command says."""

    def run(*texts: str | bytes, **options: Any) -> str:
        paths = []
        for number, text in enumerate(texts):
            path = tmp_path / f"file{number}.csv"
            path.write_bytes(text.encode() if isinstance(text, str) else text)
            paths.append(str(path))
        out = io.StringIO()
        call_command("load_curves", *paths, stdout=out, stderr=out, **options)
        return out.getvalue()

    return run


def gilt_workbook(
    title: str = "UK nominal spot curve", sheet: str = "4. spot curve", **rates: Any
) -> bytes:
    """A workbook as the Bank of England lays it out: title, maturities, an error, then days."""
    book = openpyxl.Workbook()
    book.active.title = "info"
    book.active.append(["Bank of England yield curve data"])
    spot = book.create_sheet(sheet)
    for row in ([None, title], [], ["Maturity"], ["years:", 0.5, 1, 1.5, 2, 10], ["#VALUE!"]):
        spot.append(row)
    spot.append([MONDAY, 5.1, 4.9, 4.5, 4.123456789, 3.7])
    spot.append([TUESDAY, None, None, None, None, None])
    spot.append([dt.date(2024, 1, 10), 5.1, 4.9, 4.5, rates.get("two_years", 4.13), 3.72])
    short = book.create_sheet("3. spot, short end")
    for row in ([None, title], [], ["Maturity"], ["years:", 0.08, 0.25, 0.75, 1.0], ["#VALUE!"]):
        short.append(row)
    short.append([MONDAY, 5.2, 5.18, 5.0, 4.91])
    for where in (spot["A5"], short["A5"]):
        where.data_type = "e"
    raw = io.BytesIO()
    book.save(raw)
    return raw.getvalue()


@pytest.mark.django_db
def test_a_treasury_file_is_stored_and_reported(load: Callable[..., str]) -> None:
    said = load(TREASURY, retrieved=dt.date(2024, 1, 10))
    assert "US Treasury file, USD-GOVT, 2 days: 7 quotes new, 0 changed" in said
    close = last_close("USD", TUESDAY, with_proxies=False)
    assert close is not None
    assert close.curves == {"USD-GOVT": {"3M": 0.0547, "2Y": 0.0436, "10Y": 0.0402}}
    file = CurveFile.objects.get()
    assert (file.name, file.label, str(file.retrieved_at.date())) == (
        "file0.csv",
        "official",
        "2024-01-10",
    )
    assert len(file.sha256) == 64
    assert set(CurveQuote.objects.values_list("quote_kind", flat=True)) == {"par_yield"}


@pytest.mark.django_db
def test_a_dry_run_shows_the_differences(load: Callable[..., str]) -> None:
    load(TREASURY)
    said = load(TREASURY.replace("4.02", "4.05").replace("5.41", ""), dry_run=True)
    assert "2024-01-09 USD-GOVT 10Y: 4.0200% -> 4.0500% (+3.00 bp)" in said
    assert "2024-01-08 USD-GOVT 4M: 5.4100% is withdrawn" in said
    assert "nothing was written" in said
    assert CurveFile.objects.count() == 1


@pytest.mark.django_db
def test_of_several_files_each_is_taken_or_refused_by_itself(load: Callable[..., str]) -> None:
    with pytest.raises(CommandError, match=r"file1.csv: refused.*weekend"):
        load(TREASURY, 'Date,"10 Yr"\n02/15/2025,4.5\n', OWN)
    assert sorted(CurveFile.objects.values_list("name", flat=True)) == ["file0.csv", "file2.csv"]


@pytest.mark.django_db
def test_a_large_move_is_taken_with_a_reason_that_is_stored(load: Callable[..., str]) -> None:
    jump = 'Date,"10 Yr"\n01/03/2024,1.00\n01/02/2024,3.95\n'
    with pytest.raises(CommandError, match=r"2024-01-03 USD-GOVT 10Y: '-295 bp'.*--force"):
        load(jump)
    assert not CurveFile.objects.exists()
    load(jump, force="the publisher confirms it")
    assert CurveFile.objects.get().forced_reason == "the publisher confirms it"


@pytest.mark.django_db
def test_the_own_layout_holds_any_curve(load: Callable[..., str]) -> None:
    load(OWN)
    dollar, euro = last_close("USD", MONDAY), last_close("EUR", MONDAY)
    assert dollar is not None
    assert euro is not None
    assert dollar.curves == {"USD-SOFR": {"2Y": 0.0412, "10Y": 0.0361}}
    assert euro.labels == {"EUR-ESTR": "proxy"}
    assert CurveFile.objects.get().publisher == "Desk marks"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("0.0412", "4.12"), r"line 2 rate: '4.12'.*write 4.12 % as 0.0412"),
        (("0.0412", ""), "line 2 rate: ''.*leave out the line"),
        (("2024-01-08,USD-SOFR,2Y", "08/01/2024,USD-SOFR,2Y"), "line 2 date.*2024-01-31"),
        (("USD-SOFR,2Y", "USD-LIBOR,2Y"), "line 2 curve: 'USD-LIBOR'.*allowed: USD-GOVT"),
        (("USD-SOFR,2Y", "USD-SOFR,2.5Y"), "tenor: '2.5Y'"),
        (("USD-SOFR,2Y", "USD-SOFR,120M"), "120M|same tenor"),
        (("USD-SOFR,2Y,0.0412", "USD-SOFR,10Y,0.0361"), "line 3: '10Y'.*stands once"),
        (("0.0266,proxy", "0.0266,official"), "line 4 label: 'official'.*proxy, as on the first"),
        (("proxy", "guess"), "label: 'guess'.*official, proxy, synthetic"),
        (("publisher\n", "colour\n"), "header.*columns date, curve, quote, rate, label"),
        (("2024-01-08", "2024-01-07"), "Sunday.*weekend"),
    ],
)
def test_the_own_layout_is_strict(change: tuple[str, str], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        read_curves(OWN.replace(*change).encode())


@pytest.mark.django_db
def test_a_gilt_workbook_and_the_archive_that_holds_it_are_read(load: Callable[..., str]) -> None:
    book, raw = gilt_workbook(), io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr("GLC Nominal daily data current month.xlsx", book)
        archive.writestr("OIS daily data current month.xlsx", book)
    said = load(raw.getvalue())
    assert "OIS daily data current month.xlsx holds no nominal rates; it is not read" in said
    assert "Bank of England workbook, GBP-GOVT, 2 days" in said
    again = load(book)
    assert "0 quotes new, 0 changed" in again
    close = last_close("GBP", MONDAY, with_proxies=False)
    assert close is not None
    assert close.curves["GBP-GOVT"] == {
        "3M": 0.0518,
        "6M": 0.051,
        "9M": 0.05,
        "1Y": 0.049,
        "2Y": 0.04123457,
        "10Y": 0.037,
    }
    assert last_close("GBP", TUESDAY, with_proxies=False) == close


@pytest.mark.parametrize(
    ("raw", "sheet", "sentence"),
    [
        (gilt_workbook("UK OIS spot curve"), None, "title: 'uk ois spot.*not quotes of GBP-GOVT"),
        (gilt_workbook("UK real spot curve"), None, "title: 'uk real spot.*not quotes of GBP"),
        (gilt_workbook(sheet="5. other"), None, "no sheet '4. spot curve'; there are: info, 5. o"),
        (gilt_workbook(), "info", "no row years:"),
        (gilt_workbook(two_years="n/a?"), None, "2024-01-10 2Y: 'n/a\\?'.*a percentage"),
        (b"PK\x03\x04 broken", None, "not damaged"),
        (TREASURY.encode(), "4. spot curve", "this file has no sheets"),
        (b"", None, "an empty file"),
    ],
)
def test_what_is_no_workbook_of_gilt_rates_is_refused(
    raw: bytes, sheet: str | None, sentence: str
) -> None:
    with pytest.raises(BadInput, match=sentence):
        read_curves(raw, sheet)


def test_rates_of_another_kind_are_refused() -> None:
    """The Treasury's curve is quoted by par yields; zero rates would be read as such."""
    table = RateTable(
        publisher="X", currency="USD", quotes="zero", compounding="continuous", rows={}
    )
    with pytest.raises(BadInput, match="USD-GOVT is quoted as par_yield"):
        government_quotes(table)


@pytest.mark.django_db
def test_without_a_file_the_command_lists_what_is_stored(load: Callable[..., str]) -> None:
    assert "No curve is stored yet" in load()
    load(TREASURY, OWN)
    assert (
        "USD-GOVT         2024-01-08 to 2024-01-09       2 days  official   US Treasury" in load()
    )


@pytest.mark.django_db
@pytest.mark.parametrize("name", [*TAKEN, *REFUSED])
def test_files_that_were_once_taken_wrongly(name: str) -> None:
    path = CASES / name
    if not path.exists():
        not_run.stop(not_run.SAMPLE_DATA, f"cases/files/{name}")
    out = io.StringIO()
    if name in TAKEN:
        call_command("load_curves", str(path), stdout=out, stderr=out)
        assert CurveQuote.objects.exists()
        return
    with pytest.raises(CommandError, match=REFUSED[name]):
        call_command("load_curves", str(path), stdout=out, stderr=out)
    assert not CurveFile.objects.exists()
