"""Make the templates of many trades, in several processes when that is faster.

Each further process is ``python -m risk.compiler.parallel_compile``: it reads terms from its
standard input and writes templates to its standard output. It needs no pool, ends when its
input ends, and can be started by a Celery child process, which may not have multiprocessing
children.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from importlib import resources
from importlib.metadata import version
from importlib.resources.abc import Traversable

import msgspec

from pricing.errors import PricingError
from pricing.markets import conventions
from pricing.products.flows import make_template, templates
from pricing.products.registry import PRODUCTS
from pricing.products.templates import Template, template_key
from pricing.products.terms import Terms

WORTH_A_PROCESS = 2_000
"""Number of templates below which starting a process with QuantLib takes as long as making them."""


def _modules(folder: Traversable, path: str) -> Iterator[str]:
    """The Python modules of a folder and its folders, as paths without their ending."""
    for file in folder.iterdir():
        if file.is_dir():
            yield from _modules(file, f"{path}/{file.name}")
        elif file.name.endswith(".py"):
            yield f"{path}/{file.name.removesuffix('.py')}"


SOURCES = ("markets/vocabulary", *sorted(_modules(resources.files("pricing.products"), "products")))
"""Files of the pricing library that determine the flows of terms; market conventions count by their
rows."""


class Work(msgspec.Struct, frozen=True):
    """The request to one process."""

    trades: dict[str, list[msgspec.Raw]]
    """Terms by the name of their product."""
    indexed: bool


class CompilingFailed(Exception):
    """A process ended without an answer; its output is in the log."""


_encode = msgspec.msgpack.Encoder().encode
_decode_made = msgspec.msgpack.Decoder(dict[str, Template]).decode


def prepare_templates(terms: Iterable[Terms], *, indexed: bool, processes: int) -> None:
    """Make the templates of trades that this process does not have yet, in several processes.

    They are kept, whatever their number, until ``Templates.resize`` is called again.
    Those that cannot be made are left to the compilation of each trade, which says why.

    Raises:
        CompilingFailed: A process ended without an answer.
    """
    kept = templates(indexed=indexed)
    new: dict[Hashable, Terms] = {}
    for one in terms:
        key = template_key(one, indexed=indexed)
        if not kept.has(key):
            new.setdefault(key, one)
    count = min(processes, len(new) // WORTH_A_PROCESS)
    if count < 2:
        return  # each is made where it is needed first
    kept.resize(kept.count + len(new))
    key_of = {one.trade_id: key for key, one in new.items()}
    for name, template in _made_by(count, list(new.values()), indexed).items():
        kept.keep(key_of[name], template)


def _made_by(processes: int, terms: Sequence[Terms], indexed: bool) -> dict[str, Template]:
    """The template of each trade, by its id; this process makes a share, too."""
    started: list[subprocess.Popen[bytes]] = []
    try:
        for place in range(1, processes):
            started.append(_start())
            _ask(started[-1], terms[place::processes], indexed)
        found = _make(terms[::processes], indexed=indexed)
        for process in started:
            found |= _answer(process)
    finally:
        for process in started:
            process.kill()  # all have answered, or one has failed
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError):
                        pipe.close()
    return found


def _make(terms: Iterable[Terms], *, indexed: bool) -> dict[str, Template]:
    found: dict[str, Template] = {}
    for one in terms:
        with suppress(PricingError):
            found[one.trade_id] = make_template(one, indexed=indexed)
    return found


def name_of(terms: Terms, *, indexed: bool) -> bytes:
    """Sixteen bytes that change with terms, their currency's conventions, or the code."""
    rules = conventions.digest(str(terms.currency))
    content = (type(terms).__name__, indexed, rules, terms)
    return hashlib.blake2b(_encode(content), digest_size=16, key=release()).digest()


@cache
def release() -> bytes:
    """A name of all code that makes flows of terms: ours, and QuantLib's version."""
    digest = hashlib.blake2b(version("QuantLib").encode(), digest_size=16)
    for name in SOURCES:
        digest.update((resources.files("pricing") / f"{name}.py").read_bytes())
    return digest.digest()


# --- One process more ------------------------------------------------------------------------


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "risk.compiler.parallel_compile"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def _ask(process: subprocess.Popen[bytes], terms: Sequence[Terms], indexed: bool) -> None:
    trades: dict[str, list[msgspec.Raw]] = {}
    for one in terms:
        trades.setdefault(one.product, []).append(msgspec.Raw(_encode(one)))
    if process.stdin is None:
        return
    try:
        process.stdin.write(_encode(Work(trades, indexed)))
        process.stdin.close()
    except OSError as error:
        raise CompilingFailed(f"a compiling process has not read its work: {error}") from error
    process.stdin = None  # communicate() would flush it


def _answer(process: subprocess.Popen[bytes]) -> dict[str, Template]:
    raw, _ = process.communicate()
    if process.returncode != 0:
        raise CompilingFailed(f"a compiling process ended with {process.returncode}")
    try:
        return _decode_made(raw)
    except msgspec.MsgspecError as error:
        raise CompilingFailed(f"a compiling process answered {len(raw)} bytes: {error}") from None


def main() -> None:
    """Make the templates that standard input asks for."""
    work = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Work)
    made: dict[str, Template] = {}
    for name, rows in work.trades.items():
        decode = msgspec.msgpack.Decoder(PRODUCTS[name].terms).decode
        made |= _make(map(decode, rows), indexed=work.indexed)
    sys.stdout.buffer.write(_encode(made))


if __name__ == "__main__":
    main()
