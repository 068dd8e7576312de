"""Read the cells of one sheet of an XLSX workbook in a child process with limits.

A few kilobytes of a hostile workbook can make the parser use minutes of time or gigabytes of
memory. It therefore runs in a child process with limits on memory and processor time. The caller
kills the child after ``CLOCK_S`` seconds, when the caller stops waiting, or when the client that
sent the workbook has disconnected.

This file is also the program of the child process, so it imports nothing from the project.
"""

from __future__ import annotations

import contextlib
import ctypes
import datetime as dt
import posixpath
import re
import resource
import signal
import subprocess  # nosec B404
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from typing import IO, Any, TypeAlias
from xml.etree import ElementTree  # nosec B405

import msgspec
import python_calamine

Cell: TypeAlias = str | float | int | bool | dt.date | None

CPU_S, CLOCK_S = 8, 20
"""Limits of processor time and of the clock: 200,000 rows of 8 columns take 3 to 4 s of processor
time. The clock counts more where many processes share a machine."""

MEMORY_BYTES = 1536 * 2**20
MOST_UNPACKED_BYTES = 512 * 2**20
LAST_ROW = 1_048_576
"""Maximum row number of a sheet: ECMA-376 has no limit, Excel's own is 2**20."""

READERS, WAIT_S = 2, 2.0
"""Number of readers that one process may have at a time, and seconds that a further one waits."""

LOOK_S = 0.2
"""Seconds between two checks of a reader whether its caller still waits."""

PR_SET_PDEATHSIG = 1
"""Option of ``prctl`` that sends a signal when the parent ends, from <linux/prctl.h>."""

_READERS = threading.BoundedSemaphore(READERS)

PIECE_BYTES = 2**20
TAG_BYTES = 4096
SENTENCES = 50
SHEETS_NAMED = 10

NOT_A_WORKBOOK = "The file is a ZIP archive but not an XLSX workbook: save it as .xlsx or CSV"
TOO_MUCH = (
    f"The workbook takes more than {CPU_S} seconds or {MEMORY_BYTES // 2**20:,} MB to read: a "
    "cell may be far away from the others (delete empty rows and columns), or the file is too "
    "large; split it, or save it as CSV UTF-8"
)
ABANDONED = "The caller has hung up while the workbook was being read"

SUSPECT = re.compile(
    rb"<(?:[\w.]+:)?(?:"
    rb"(?P<formula>f)[\s/>]"
    rb"|c\s[^<>]*?\bt\s*=\s*[\"'](?P<error>e)[\"']"
    rb"|row\s[^<>]*?\br\s*=\s*[\"'](?P<row>[0-9]{7,})[\"'])"
)
"""Parts of a sheet's XML that the parser does not report: a formula, an error value, or a row
beyond the last allowed one."""

HINTS = (b"<f", b":f", b'"e"', b"'e'")
"""Texts that are quick to search for. XML that contains none of them has no formula and no error
value."""

PLACE = re.compile(rb"\br\s*=\s*[\"']([A-Z]{1,3}[0-9]{1,7})[\"']")
VALUE = re.compile(rb"<(?:[\w.]+:)?v[^<>]*>([^<>]{1,20})<")


class BadWorkbook(Exception):
    """The workbook cannot be used; the arguments are sentences."""


def read_sheet(
    content: bytes,
    *,
    sheet: str | None = None,
    most_rows: int,
    errors_are_empty: bool = False,
    is_abandoned: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[int, list[Cell]]]:
    """Yield the rows of a sheet that hold something, each with its number from 1.

    Args:
        content: The bytes of an XLSX file.
        sheet: Its name; None for the only visible sheet with cells.
        most_rows: The reader stops behind that many rows and one more.
        errors_are_empty: Take a cell that holds an error value for an empty one, as publishers'
            own workbooks need it (a row of #VALUE! in those of the Bank of England).
        is_abandoned: Returns whether the caller has stopped waiting; called while rows are read.

    Raises:
        BadWorkbook: Not a workbook, an unknown sheet, several possible sheets, a formula, an error
            value, or more than the limits allow.
    """
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as rows:
        source.write(content)
        source.seek(0)
        if not _READERS.acquire(timeout=WAIT_S):
            raise BadWorkbook("Other workbooks are being read now: try again")
        try:
            arguments = [str(most_rows), str(int(errors_are_empty)), *([sheet] if sheet else [])]
            _run_child(source, rows, arguments, is_abandoned)
        finally:
            _READERS.release()
        rows.seek(0)
        decode = msgspec.json.Decoder().decode
        for line in rows:
            number, cells = decode(line)
            if number == 0:
                raise BadWorkbook(*cells)
            yield number, [_decoded(cell) for cell in cells]


def _run_child(
    source: IO[bytes],
    rows: IO[bytes],
    arguments: list[str],
    is_abandoned: Callable[[], bool],
) -> None:
    command = [sys.executable, "-I", __file__, *arguments]
    process = subprocess.Popen(  # noqa: S603 - this file itself  # nosec B603
        command, stdin=source, stdout=rows, stderr=subprocess.DEVNULL, env={}
    )
    try:
        status = _wait(process, is_abandoned)
    finally:
        process.kill()  # also when the caller was interrupted; nothing when it has ended
        process.wait()
    if status < 0:  # ended by a signal: the limits of memory and processor time send one
        raise BadWorkbook(TOO_MUCH)
    if status > 0:
        raise RuntimeError(f"the reader of workbooks ended with status {status}")


def _wait(process: subprocess.Popen[bytes], is_abandoned: Callable[[], bool]) -> int:
    end_s = time.monotonic() + CLOCK_S
    while True:
        try:
            return process.wait(LOOK_S)
        except subprocess.TimeoutExpired:
            if is_abandoned():
                raise BadWorkbook(ABANDONED) from None
            if time.monotonic() > end_s:
                raise BadWorkbook(TOO_MUCH) from None


def _decoded(cell: Any) -> Cell:
    if not isinstance(cell, dict):
        return cell  # type: ignore[no-any-return]
    when = dt.datetime.fromisoformat(cell["date"])
    return when if when.time() != dt.time() else when.date()


# --- The child -------------------------------------------------------------------------------


def main(arguments: list[str]) -> None:
    """Read a workbook from stdin, write a line of JSON a row to stdout."""
    for what, most in ((resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_CPU, CPU_S)):
        resource.setrlimit(what, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    most_rows, errors_are_empty = int(arguments[0]), arguments[1] == "1"
    sheet = arguments[2] if len(arguments) > 2 else None
    encode, write = msgspec.json.Encoder().encode, sys.stdout.buffer.write
    try:
        for number, cells in _rows(sys.stdin.buffer, sheet, most_rows, errors_are_empty):
            write(encode([number, cells]))
            write(b"\n")
    except BadWorkbook as error:
        write(encode([0, error.args]))
    except MemoryError:
        write(encode([0, [TOO_MUCH]]))
    except BaseException as error:  # noqa: BLE001 - also a panic of the parser, which is in Rust
        write(encode([0, [f"{NOT_A_WORKBOOK} ({type(error).__name__})"]]))


def _rows(
    source: IO[bytes], wanted: str | None, most_rows: int, errors_are_empty: bool
) -> Iterator[tuple[int, list[Any]]]:
    try:
        archive = zipfile.ZipFile(source)
    except zipfile.BadZipFile:
        raise BadWorkbook(f"{NOT_A_WORKBOOK} (BadZipFile)") from None
    unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > MOST_UNPACKED_BYTES:
        raise BadWorkbook(f"The workbook unpacks to {unpacked // 2**20:,} MB: split it")
    parts = _parts(archive)
    source.seek(0)
    workbook = python_calamine.load_workbook(source)
    sheet, wrong = _sheet(workbook, archive, parts, wanted, errors_are_empty)
    if wrong:
        raise BadWorkbook(*wrong)
    found = 0
    for number, line in enumerate(sheet.iter_rows(), start=1):  # begins at A1, wherever cells do
        if not any(_is_filled(cell) for cell in line):
            continue
        found += 1
        if found > most_rows + 1:
            return
        yield (
            number,
            [cell or None if type(cell) is str else _encoded(cell, number) for cell in line],
        )


def _is_filled(cell: object) -> bool:
    return bool(cell.strip()) if isinstance(cell, str) else cell is not None


def _encoded(cell: Any, number: int) -> Any:
    if isinstance(cell, dt.date):
        return {"date": cell.isoformat()}
    if isinstance(cell, dt.time | dt.timedelta):
        raise BadWorkbook(f"row {number}: a cell holds the time {cell}: no column takes one")
    if isinstance(cell, float):
        return int(cell) if cell.is_integer() and abs(cell) < 1e15 else cell
    return cell


def _sheet(
    workbook: Any,
    archive: zipfile.ZipFile,
    parts: dict[str, str],
    wanted: str | None,
    errors_are_empty: bool,
) -> tuple[Any, list[str]]:
    """Return the sheet that is meant, and what is wrong with its cells."""
    visible = [
        about.name
        for about in workbook.sheets_metadata
        if about.visible == python_calamine.SheetVisibleEnum.Visible
        and about.typ == python_calamine.SheetTypeEnum.WorkSheet
    ]
    if wanted is not None and wanted not in parts:
        names = ", ".join(visible[:SHEETS_NAMED])
        raise BadWorkbook(f"There is no sheet {wanted[:60]!r}; there are: {names}")
    filled = {}
    for name in visible if wanted is None else [wanted]:
        with archive.open(parts[name]) as part:
            wrong = _suspects(
                part, errors_are_empty
            )  # before the parser, which makes room for every row
        sheet = workbook.get_sheet_by_name(name)
        if wanted is not None or wrong or _has_cells(sheet):
            filled[name] = sheet, wrong
    if not filled:
        raise BadWorkbook("The workbook has no visible sheet with cells")
    if len(filled) > 1:
        names = ", ".join(list(filled)[:SHEETS_NAMED])
        raise BadWorkbook(
            f"The workbook has {len(filled)} sheets with cells ({names}): say which one is meant "
            "(--sheet NAME for the command, ?sheet=NAME for REST, the field Sheet in the admin)"
        )
    return next(iter(filled.values()))


def _has_cells(sheet: Any) -> bool:
    return any(_is_filled(cell) for line in sheet.iter_rows() for cell in line)


def _parts(archive: zipfile.ZipFile) -> dict[str, str]:
    """Return the part of the archive that holds each sheet, by the sheet's name."""
    book = next(
        target
        for kind, target in _relations(archive, "").values()
        if kind.endswith("/officeDocument")
    )
    targets = _relations(archive, book)
    found = {}
    for element in _xml(archive.read(book)).iter():
        if element.tag.endswith("}sheet"):
            name = element.attrib["name"]
            key = next(value for at, value in element.attrib.items() if at.endswith("}id"))
            found[name] = targets[key][1]
    return found


def _relations(archive: zipfile.ZipFile, part: str) -> dict[str, tuple[str, str]]:
    """Return kind and target of the relations of a part, by their id."""
    folder, name = posixpath.split(part)
    raw = archive.read(posixpath.join(folder, "_rels", f"{name}.rels"))
    return {
        element.attrib["Id"]: (
            element.attrib["Type"],
            posixpath.normpath(posixpath.join("/", folder, element.attrib["Target"])).lstrip("/"),
        )
        for element in _xml(raw)
    }


def _xml(raw: bytes) -> ElementTree.Element:
    # Entities that grow without end meet the limits of this process.
    return ElementTree.fromstring(raw)  # nosec B314  # noqa: S314 - limits hold


def _suspects(part: IO[bytes], errors_are_empty: bool) -> list[str]:
    """Return sentences on formulas and error values, which the parser shows as empty cells."""
    wrong: list[str] = []
    tail = b""
    while (piece := part.read(PIECE_BYTES)) and len(wrong) < SENTENCES:
        piece = tail + piece
        cut = piece.rfind(b"<")
        last_row = max(piece.rfind(b"<row ", 0, cut), piece.rfind(b":row ", 0, cut) - TAG_BYTES, 0)
        may_hold = any(hint in piece for hint in HINTS)
        found = SUSPECT.finditer(piece, 0 if may_hold else last_row, max(cut, 0))
        wrong += [
            said
            for match in found
            if not (match["error"] and errors_are_empty)
            and (said := _sentence(match, piece)) is not None
        ]
        tail = piece[cut:][:TAG_BYTES] if cut >= 0 else b""
    return wrong[:SENTENCES]


def _sentence(match: re.Match[bytes], piece: bytes) -> str | None:
    if match["row"]:
        if int(match["row"][:20]) <= LAST_ROW:
            return None
        number = match["row"][:20].decode()
        raise BadWorkbook(f"A row has the number {number}: the last one of a sheet is {LAST_ROW:,}")
    if match["formula"]:
        places = PLACE.findall(piece, max(0, match.start() - 300), match.start())
        return f"{_cell(places[-1:])} is a formula: paste its value instead"
    end = piece.find(b">", match.end())
    value = VALUE.match(piece, end + 1)
    said = value[1].decode(errors="replace") if value else "an error"
    places = PLACE.findall(piece, match.start(), max(end, match.start()))
    return f"{_cell(places[:1])} holds {said}: give a value, or empty the cell"


def _cell(places: list[bytes]) -> str:
    if not places:
        return "a cell"
    place = places[0].decode()
    return f"row {place.lstrip('ABCDEFGHIJKLMNOPQRSTUVWXYZ')}: cell {place}"


def _end_with_the_caller() -> None:
    """Have the kernel kill this process when the thread that waits for it has ended."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


if __name__ == "__main__":
    _end_with_the_caller()
    with contextlib.suppress(BrokenPipeError):
        main(sys.argv[1:])
