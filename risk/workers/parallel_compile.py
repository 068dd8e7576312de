"""Compile many trades into cash flows, in several processes when that is faster.

Each further process is ``python -m risk.workers.parallel_compile``: it reads terms from its
standard input and writes a compiled block to its standard output. It needs no pool, ends when its
input ends, and can be started by a Celery child process, which may not have multiprocessing
children.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from importlib import resources
from importlib.metadata import version

import msgspec

from pricing.errors import Failure, PricingError
from pricing.markets import conventions
from pricing.products.cash_flows import CompiledTrade, make_block
from pricing.products.flows import compile_trade
from pricing.products.registry import PRODUCTS
from pricing.products.terms import Terms
from risk.store.compiled_book_store import decode_trades, encode_block

WORTH_A_PROCESS = 1_000
"""Trades below which starting Python and QuantLib takes as long as compiling."""

SOURCES = (
    "markets/vocabulary",
    *sorted(
        f"products/{file.name.removesuffix('.py')}"
        for file in resources.files("pricing.products").iterdir()
        if file.name.endswith(".py")
    ),
)
"""Files of the pricing library that make flows of terms; conventions count by their rows."""

Outcome = CompiledTrade | Failure


class Work(msgspec.Struct, frozen=True):
    """What one process is asked for."""

    trades: dict[str, msgspec.Raw]
    """Lists of terms by the name of their product."""
    indexed: bool


class Done(msgspec.Struct, frozen=True):
    """What it answers: a block of what has compiled, and what has not."""

    block: bytes
    failures: list[Failure]


class CompilingFailed(Exception):
    """A process ended without an answer; its output is in the log."""


_encode = msgspec.msgpack.Encoder().encode


def compile_all(terms: Sequence[Terms], *, indexed: bool, processes: int) -> dict[str, Outcome]:
    """Compile trades; the outcome of each by its id.

    Raises:
        CompilingFailed: A process ended without an answer.
    """
    count = min(processes, len(terms) // WORTH_A_PROCESS)
    if count < 2:
        return {t.trade_id: compile_one(t, indexed=indexed) for t in terms}
    started = [_start(terms[place::count], indexed) for place in range(count)]
    found: dict[str, Outcome] = {}
    try:
        for process in started:
            found |= _answer(process)
    finally:
        for process in started:
            process.kill()  # all have answered, or one has failed
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
    return found


def compile_one(terms: Terms, *, indexed: bool) -> Outcome:
    """One trade's flows, and what they were made from; or why it has none."""
    try:
        made = compile_trade(terms, indexed=indexed)
    except PricingError as error:
        return Failure(trade_id=terms.trade_id, code=error.code, message=str(error))
    return replace(made, made_from=name_of(terms, indexed=indexed))


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


def _start(terms: Sequence[Terms], indexed: bool) -> subprocess.Popen[bytes]:
    trades: dict[str, list[Terms]] = {}
    for one in terms:
        trades.setdefault(one.product, []).append(one)
    work = Work({name: msgspec.Raw(_encode(some)) for name, some in trades.items()}, indexed)
    process = subprocess.Popen(
        [sys.executable, "-m", "risk.workers.parallel_compile"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    if process.stdin is not None:
        process.stdin.write(_encode(work))
        process.stdin.close()
        process.stdin = None  # communicate() would flush it
    return process


def _answer(process: subprocess.Popen[bytes]) -> dict[str, Outcome]:
    raw, _ = process.communicate()
    if process.returncode != 0:
        raise CompilingFailed(f"a compiling process ended with {process.returncode}")
    done = msgspec.msgpack.decode(raw, type=Done)
    made: dict[str, Outcome] = {trade.trade_id: trade for trade in decode_trades(done.block)}
    return made | {failure.trade_id: failure for failure in done.failures}


def main() -> None:
    """Compile what standard input asks for."""
    work = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Work)
    found: list[Outcome] = []
    for name, raw in work.trades.items():
        rows = msgspec.msgpack.decode(raw, type=list[msgspec.Raw])
        decode = msgspec.msgpack.Decoder(PRODUCTS[name].terms).decode
        found += [compile_one(decode(row), indexed=work.indexed) for row in rows]
    good = [trade for trade in found if isinstance(trade, CompiledTrade)]
    bad = [failure for failure in found if isinstance(failure, Failure)]
    made_from = b"".join(trade.made_from for trade in good)
    sys.stdout.buffer.write(_encode(Done(encode_block(make_block(good), made_from), bad)))


if __name__ == "__main__":
    main()
