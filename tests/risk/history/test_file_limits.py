"""Each field of a file of curves at 1, 10 and 100 times its limit: one short sentence, or read."""

from __future__ import annotations

import io
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from pricing.errors import BadInput
from risk.history.layouts import curves
from risk.history.layouts.files import PUBLISHER_CHARACTERS, read_curves
from risk.history.layouts.table import MAX_BYTES, NAMES_SHOWN
from risk.history.layouts.workbooks import MOST_MEMBERS

TIMES = (1, 10, 100)
FLOOR_S, MAX_RATIO, TRIES = 0.01, 40, 3
"""Shorter times say nothing; ten times as much may take ten times as long, on a busy machine."""
MEMORY_BYTES = 100_000_000
SENTENCE_CHARACTERS = 600

LINE = "2024-01-02,USD-SOFR,10Y,0.0412,proxy,Desk marks\n"
HEADER = "date,curve,quote,rate,label,publisher\n"
TREASURY = "Date,10 Yr\n01/02/2024,4.0\n"
XML = (
    '<feed xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata" '
    'xmlns:d="http://schemas.microsoft.com/ado/2007/08/dataservices">{}</feed>'
)
ENTRY = (
    "<m:properties><d:NEW_DATE>2024-01-02T00:00:00</d:NEW_DATE><d:BC_10YEAR>4.0</d:BC_10YEAR>{}"
    "</m:properties>"
)


@dataclass(frozen=True)
class Field:
    """One field of a file.

    Attributes:
        name: For the report.
        limit: How much of it is usual, or allowed.
        file: A file that holds that much.
        said: Words of the refusal beyond the limit; empty where it is read all the same.
    """

    name: str
    limit: int
    file: Callable[[int], bytes]
    said: str = ""


def own(**cells: str) -> bytes:
    names = HEADER.strip().split(",")
    row = dict(zip(names, LINE.strip().split(","), strict=True)) | cells
    return (HEADER + LINE.replace("10Y", "2Y") + ",".join(row.values()) + "\n").encode()


def columns(size: int) -> bytes:
    head = ",".join(f"Note {n}" for n in range(size))
    return f"Date,10 Yr,{head}\n01/02/2024,4.0{',' * size}\n".encode()


def doubled(size: int) -> bytes:
    return f"Date{',10 Yr' * size}\n01/02/2024{',4.0' * size}\n".encode()


def days(size: int) -> bytes:
    """Of one Tuesday after the other; a file of all days since 1962 has 16,000."""
    lines = [f"2024-01-02,USD-SOFR,{n}D,0.04,proxy,Desk\n" for n in range(1, size + 1)]
    return (HEADER + "".join(lines)).encode()


def xml(size: int) -> bytes:
    tags = "".join(f"<d:BC_{n}WEEK>1</d:BC_{n}WEEK>" for n in range(size))
    return XML.format(ENTRY.format(tags)).encode()


def nested(size: int) -> bytes:
    return XML.format("<a>" * size + "</a>" * size + ENTRY.format("")).encode()


def members(size: int) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for number in range(size + 1):
            archive.writestr(f"GLC Nominal {number}.xlsx", b"no workbook")
    return content.getvalue()


def series(size: int) -> bytes:
    lines = "".join(f"YC.X{n},2024-01-02,1.8\n" for n in range(size))
    key = "YC.B.U2.EUR.4F.G_N_A.SV_C_YM.SR_10Y,2024-01-02,1.8\n"
    return f"KEY,TIME_PERIOD,OBS_VALUE\n{key}{lines}".encode()


FIELDS = (
    Field("first line", 200, lambda n: b"x" * n, "layouts that are read"),
    Field("columns that are not known", 20, columns),
    Field("column that stands again", 20, doubled, "may appear only once"),
    Field("name of a column", 20, lambda n: f"Date,10 Yr,{'x' * n}\n1/2/2024,4,\n".encode()),
    Field("rate", 6, lambda n: f"Date,10 Yr\n01/02/2024,{'4' * n}\n".encode(), "-5 to 50"),
    Field("date", 10, lambda n: f"Date,10 Yr\n{'1' * n},4.0\n".encode(), "a date such as"),
    Field("cells of a line", 2, lambda n: (TREASURY + "1/3/2024" + ",4" * n).encode(), "too many"),
    Field("own date", 10, lambda n: own(date="2" * n), "a date such as"),
    Field("own curve", 32, lambda n: own(curve="C" * n), "USD-SOFR"),
    Field("own quote", 4, lambda n: own(quote="9" * n + "Y"), "tenor"),
    Field("own rate", 8, lambda n: own(rate="9" * n), "decimal"),
    Field("own label", 9, lambda n: own(label="p" * n), "as on the first line"),
    Field(
        "own publisher",
        PUBLISHER_CHARACTERS,
        lambda n: (HEADER + LINE.replace("Desk marks", "D" * n)).encode(),
        f"at most {PUBLISHER_CHARACTERS} characters",
    ),
    Field("quotes of a curve", 120, days, ""),
    Field("elements of an entry", 20, xml),
    Field("depth of XML", 20, nested),
    Field("series that are not known", 100, series),
    Field("members of an archive", MOST_MEMBERS, members, "workbook"),
)


def judged(raw: bytes) -> str:
    """Return what is said of a file that is refused, and the warnings of one that is read."""
    try:
        return "; ".join(read_curves(raw).warnings)
    except BadInput as error:
        return f"refused: {error}"


def cost(raw: bytes) -> tuple[float, int]:
    """Seconds, the least of some tries, and the greatest memory at a time."""
    taken = []
    for _ in range(TRIES):
        began = time.thread_time()
        judged(raw)
        taken.append(time.thread_time() - began)
    tracemalloc.start()
    judged(raw)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return max(min(taken), FLOOR_S), peak


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_a_field_beyond_its_limit_is_a_short_sentence_in_linear_time(field: Field) -> None:
    files = {times: field.file(field.limit * times) for times in TIMES}
    for times in TIMES[1:]:
        said = judged(files[times])
        assert len(said) < SENTENCE_CHARACTERS * (1 if said.startswith("refused") else NAMES_SHOWN)
        if field.said:
            assert said.startswith("refused: ")
            assert field.said in said
    usual_s, _ = cost(files[10])
    taken_s, peak = cost(files[100])
    assert taken_s <= MAX_RATIO * usual_s
    assert peak <= MEMORY_BYTES


@pytest.mark.parametrize("times", TIMES)
def test_a_file_beyond_a_hundred_megabytes_is_not_read(tmp_path: Path, times: int) -> None:
    """A file with a hole: its length is real, its blocks are not."""
    path = tmp_path / "curves.csv"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES * times + (times > 1))
    if times == 1:
        return
    with pytest.raises(BadInput, match="at most 100 MB"):
        curves.load(path)
    with pytest.raises(CommandError, match="at most 100 MB"):
        call_command("load_curves", str(path))
    with pytest.raises(CommandError, match="at most 100 MB"):
        call_command("replay", "--dry-run", "--usd-file", str(path))


def test_the_length_of_a_publishers_name_is_that_of_its_column(db: None, tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    for characters in (PUBLISHER_CHARACTERS, PUBLISHER_CHARACTERS + 1):
        path.write_text(HEADER + LINE.replace("Desk marks", "D" * characters))
        if characters == PUBLISHER_CHARACTERS:
            call_command("load_curves", str(path), "--dry-run")
            call_command("load_curves", str(path))
        else:
            with pytest.raises(CommandError, match=r"publisher: .*at most 64 characters"):
                call_command("load_curves", str(path))
