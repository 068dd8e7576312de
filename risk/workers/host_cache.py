"""Keep arrays in files that the processes of a host map into their memory.

What all pricing processes of a host need of a block is made by the first of them that needs it, and
is in memory once: the others map its file. A file is complete or is not there: it is written under
another name and linked to its own name afterwards. Its length and a checksum of all its bytes are
checked before it is used. Everything here can be made anew, so files are never flushed to the disk,
and where the directory cannot be used a process keeps what it has made.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import hashlib
import importlib.metadata
import logging
import os
import stat
import struct
import sys
import threading
import time
import uuid
import weakref
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from risk import workers

log = logging.getLogger(__name__)

TOUCH_S = 60.0
"""Least seconds between two notes of a process that it uses a file."""

UNUSED_S = 900.0
"""Seconds after which an unused file is removed: it is of an old date, version or release."""

IN_USE_S = 3 * TOUCH_S
"""Seconds since its last use for which a file is not removed to make room for others."""

UNFINISHED_S = 600.0
"""Age at which a temporary file is removed: its writer has ended. Writing takes milliseconds, and a
minute for a thread of the lowest priority on a busy machine."""

SWEEP_S = 10.0
"""Least seconds between two searches of a writing process for files to remove."""

LONGEST_REST_S = 3_600.0
"""Longest rest between two runs of the same work; more is a clock that has been set back."""

RETRY_S = 60.0
"""Seconds for which the directory is not used after an error."""

LOWEST_PRIORITY = 19
"""Niceness of a thread that writes a file for which nobody waits."""

WRITING = "writing"
"""Claim of the thread that writes one."""

MOST_NOTED = 10_000
"""Number of files whose last use is remembered, beside those used in the last minute."""

MAGIC = b"riskblk1"
_HEAD = struct.Struct("<8sQQI")  # magic, length of the file, length of the table, checksum
_ALIGN = 64
_UNFINISHED, _LOCK = ".writing-", ".lock"


@dataclass(frozen=True)
class Content:
    """Arrays, and bytes that describe the rest.

    ``path`` is the file that the arrays are mapped from, ``mapped`` all its bytes; None when the
    arrays are in memory.
    """

    meta: bytes
    arrays: Mapping[str, NDArray[Any]]
    path: Path | None = None
    mapped: NDArray[np.uint8] | None = None

    def give_back(self) -> None:
        """Give mapped pages back to the system; a read of the arrays brings those that it needs."""
        if self.mapped is not None:
            _libc.madvise(self.mapped.ctypes.data, len(self.mapped), _MADV_DONTNEED)


class _Column(msgspec.Struct, array_like=True):
    """Where an array is: ``start`` counts from the beginning of the file, in bytes."""

    name: str
    dtype: str
    shape: list[int]
    start: int


class _Table(msgspec.Struct, array_like=True):
    """The header of a file."""

    meta: bytes
    columns: list[_Column]


class HostCache:
    """Shared arrays in the files of one directory, which many processes use at once."""

    def __init__(self, directory: Path, most_bytes: int) -> None:
        """Use a directory, which is created by the first write.

        Args:
            directory: Belongs to this user alone, or is not there.
            most_bytes: All files together; beyond it, nothing is written.
        """
        self.directory, self.most_bytes = directory, most_bytes
        self._told = False
        self._not_before = self._later_not_before = self._sweep_at = 0.0
        self._bytes = 0
        self._touched: dict[Path, float] = {}
        self._writer: threading.Thread | None = None

    def get_or(self, kind: str, key: object, make: Callable[[], Content]) -> Content:
        """Return what a file of that name holds; where there is none, what is made is written.

        Args:
            kind: What it is, a part of the file's name.
            key: All that it depends on beside the release; its ``repr`` counts.
            make: Makes it.
        """
        found = self.find(kind, key)
        return self.keep(kind, key, make()) if found is None else found

    def find(self, kind: str, key: object) -> Content | None:
        """Return what a file of that name holds; None where there is none."""
        return self._read(self.path(kind, key))

    def keep(self, kind: str, key: object, made: Content) -> Content:
        """Write a file of that name; returns it mapped, or what it was given if that failed."""
        path = self.path(kind, key)
        if not self._write(path, made):
            return made
        return self._read(path) or made

    def keep_later(self, kind: str, key: object, make: Callable[[], Content]) -> None:
        """Have a file of that name written by a thread of the lowest priority.

        One thread of the host writes at a time; while it does, nothing is begun. The arrays may not
        change. Checksums and writing leave the interpreter to the other threads. Where there is no
        room, other files are still written.
        """
        if self._writer is not None and self._writer.is_alive():
            return
        if time.monotonic() < max(self._not_before, self._later_not_before):
            return
        path, made = self.path(kind, key), make()

        def write() -> None:
            if sys.platform == "linux":  # elsewhere a thread has no priority of its own
                with contextlib.suppress(OSError):
                    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST_PRIORITY)
            with self.alone(WRITING) as alone:
                if alone and not path.exists():
                    self._write(path, made, later=True)

        self._writer = threading.Thread(target=write, name=f"write {kind}", daemon=True)
        self._writer.start()

    def remove(self, content: Content) -> None:
        """Remove the file of mapped arrays; who has mapped it keeps them."""
        if content.path is not None:
            with contextlib.suppress(OSError):
                content.path.unlink(missing_ok=True)

    def has(self, kind: str, key: object) -> bool:
        """Return whether there is a file of that name."""
        return self.path(kind, key).exists()

    def still_has(self, kind: str, key: object) -> bool:
        """Note that a file of that name will be needed; False when there is none."""
        try:
            os.utime(self.path(kind, key))
        except OSError:
            return False
        return True

    @contextlib.contextmanager
    def alone(self, work: str) -> Iterator[bool]:
        """Whether no other process of the host does the same work; it is claimed for the block.

        A process that dies gives its claim up. Nobody is alone where the directory cannot be used,
        or while the work rests.
        """
        with contextlib.ExitStack() as stack:
            try:
                self._open_directory()
                flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
                lock = os.open(self._lock(work), flags, 0o600)
                stack.callback(os.close, lock)
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                alone = not 0.0 < os.fstat(lock).st_mtime - time.time() < LONGEST_REST_S
            except OSError:
                alone = False
            yield alone

    def rest(self, work: str, seconds: float) -> None:
        """Have nobody of the host begin the work for a while; called by who is alone with it."""
        until = time.time() + min(seconds, LONGEST_REST_S - 1.0)
        with contextlib.suppress(OSError):
            os.utime(self._lock(work), (until, until))

    def _lock(self, work: str) -> Path:
        """The file that claims work; the time of its change is the end of a rest."""
        return self.directory / f"{work}{_LOCK}"

    def touch(self, content: Content) -> bool:
        """Note that mapped arrays are in use; False when their file is no longer there."""
        now, path = time.monotonic(), content.path
        if path is None or now < self._touched.get(path, 0.0):
            return True
        if len(self._touched) > MOST_NOTED:
            self._touched = {file: until for file, until in self._touched.items() if until > now}
        self._touched[path] = now + TOUCH_S
        try:
            os.utime(path)
        except OSError:
            del self._touched[path]
            return False
        return True

    def path(self, kind: str, key: object) -> Path:
        """The file of that name, of this release."""
        name = hashlib.sha256(repr(key).encode()).hexdigest()[:40]
        return self.directory / f"{release()}-{kind}-{name}"

    # --- Files -------------------------------------------------------------------------------

    def _read(self, path: Path) -> Content | None:
        """The arrays of a file, mapped; None when it is not there or not whole."""
        try:
            file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            found = os.fstat(file)
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
                return None
            content = _decode(_map(file, found.st_size), path)
        except (OSError, msgspec.MsgspecError, ValueError) as error:
            log.warning("%s is removed: %s", path, error)
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            return None
        finally:
            os.close(file)
        self.touch(content)
        return content

    def _write(self, path: Path, content: Content, *, later: bool = False) -> bool:
        """Write a file; False after an error, and for a while from then on.

        An error of what is written ``later`` stops only what is written later.
        """
        now = time.monotonic()
        if now < self._not_before:
            return False
        unfinished = self.directory / f"{_UNFINISHED}{uuid.uuid4().hex}"
        try:
            self._open_directory()
            if now >= self._sweep_at:
                self._sweep()
                self._sweep_at = now + SWEEP_S
            pieces, size = _encode(content)
            if self._bytes + size > self.most_bytes:
                raise OSError(f"its files have {self._bytes:,} bytes of {self.most_bytes:,}")
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            with os.fdopen(os.open(unfinished, flags, 0o600), "wb") as file:
                for piece in pieces:
                    file.write(piece)
            with contextlib.suppress(FileExistsError):  # another process was faster
                os.link(unfinished, path)
            self._bytes += size
        except OSError as error:
            if later:
                self._later_not_before = now + RETRY_S
                return False
            self._not_before = now + RETRY_S
            tell = log.info if self._told else log.warning
            tell("%s is not used, blocks stay in memory: %s", self.directory, error)
            self._told = True
            return False
        finally:
            with contextlib.suppress(OSError):
                unfinished.unlink(missing_ok=True)
        return True

    def _open_directory(self) -> None:
        """Create the directory.

        Raises:
            OSError: It cannot be created, or belongs to others too.
        """
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = self.directory.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise OSError("it is no directory of this user")
        if found.st_mode & 0o077:
            raise OSError(f"its mode is {found.st_mode & 0o777:o}: only 700 is allowed")

    def _sweep(self) -> None:
        """Remove what nobody uses, and then the least recently used until there is room."""
        now, files = time.time(), []
        for entry in os.scandir(self.directory):
            if entry.name.endswith(_LOCK):
                continue  # it would be held, and made again by another process
            with contextlib.suppress(FileNotFoundError):  # another process sweeps too
                found = entry.stat(follow_symlinks=False)
                age = now - found.st_mtime
                limit = UNFINISHED_S if entry.name.startswith(_UNFINISHED) else UNUSED_S
                if age > limit:
                    os.unlink(entry.path)
                else:
                    files.append((age, found.st_size, entry.path))
        self._bytes = sum(size for _, size, _ in files)
        for age, size, name in sorted(files, reverse=True):
            if self._bytes <= self.most_bytes // 2 or age < IN_USE_S:
                break
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)
            self._bytes -= size


def _encode(content: Content) -> tuple[list[Any], int]:
    """The bytes of a file in pieces, and their number."""
    columns = {name: np.ascontiguousarray(array) for name, array in content.arrays.items()}
    table = _Table(
        content.meta, [_Column(name, a.dtype.str, list(a.shape), 0) for name, a in columns.items()]
    )
    room = len(msgspec.msgpack.encode(table)) + 8 * len(columns)  # a larger integer is longer
    end, starts = _aligned(_HEAD.size + room), []
    for array in columns.values():
        starts.append(end)
        end = _aligned(end + array.nbytes)
    for column, start in zip(table.columns, starts, strict=True):
        column.start = start
    encoded = msgspec.msgpack.encode(table)
    pieces: list[Any] = [encoded]
    at = _HEAD.size + len(encoded)
    for array, start in zip(columns.values(), starts, strict=True):
        pieces += [bytes(start - at), array.reshape(-1).view(np.uint8).data]
        at = start + array.nbytes
    checksum = 0
    for piece in pieces:
        checksum = zlib.crc32(piece, checksum)
    return [_HEAD.pack(MAGIC, at, len(encoded), checksum), *pieces], at


def _aligned(place: int) -> int:
    return -(-place // _ALIGN) * _ALIGN


def _decode(mapped: NDArray[np.uint8], path: Path) -> Content:
    """The arrays of a file.

    Raises:
        ValueError: It is not a whole file of this form.
        msgspec.MsgspecError: The same.
    """
    if len(mapped) < _HEAD.size:
        raise ValueError("it is too short")
    magic, size, length, checksum = _HEAD.unpack(mapped[: _HEAD.size].tobytes())
    if (magic, size) != (MAGIC, len(mapped)):
        raise ValueError("it is another kind of file, or not whole")
    if zlib.crc32(mapped[_HEAD.size :].data) != checksum:
        raise ValueError("its checksum is wrong")
    table = msgspec.msgpack.decode(mapped[_HEAD.size : _HEAD.size + length].data, type=_Table)
    arrays = {}
    for column in table.columns:
        dtype = np.dtype(column.dtype)
        end = column.start + dtype.itemsize * int(np.prod(column.shape))
        arrays[column.name] = mapped[column.start : end].view(dtype).reshape(column.shape)
    return Content(table.meta, arrays, path, mapped)


_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
_PROT_READ, _PROT_WRITE, _MAP_PRIVATE, _MADV_DONTNEED = 1, 2, 2, 4


def _map(file: int, size: int) -> NDArray[np.uint8]:
    """The bytes of a file, which processes share as long as none writes to them.

    Not by the module ``mmap``, which keeps a descriptor open for each map: a large book has more
    blocks than a process may have descriptors. The map is private and may be written to, because
    numba compiles its loops once more for arrays that may not. A write would change the writer's
    copy alone.

    Raises:
        OSError: It cannot be mapped.
    """
    if size == 0:
        return np.zeros(0, dtype=np.uint8)
    place = _libc.mmap(None, size, _PROT_READ | _PROT_WRITE, _MAP_PRIVATE, file, 0)
    if place is None or place == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), "the file cannot be mapped")
    buffer: Any = (ctypes.c_ubyte * size).from_address(place)
    weakref.finalize(buffer, _libc.munmap, place, size).atexit = False
    return np.frombuffer(buffer, dtype=np.uint8)


def give_back_freed() -> None:
    """Give memory that Python and numpy have freed back to the system.

    The C library keeps it otherwise: after netting a large book, some hundred megabytes.
    """
    if hasattr(_libc, "malloc_trim"):  # glibc
        _libc.malloc_trim(0)


@cache
def release() -> str:
    """A name of the code and the libraries that make what files hold."""
    digest = hashlib.sha256(MAGIC)
    for library in ("numpy", "numba", "QuantLib"):
        digest.update(importlib.metadata.version(library).encode())
    packages = Path(str(workers.__file__)).parents[2]
    for file in sorted(
        [*(packages / "pricing").rglob("*.py"), *(packages / "risk" / "workers").glob("*.py")]
    ):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
