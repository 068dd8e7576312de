"""Open, write, publish and read frames in Redis.

Every write is a Lua script (in ``lua/``) that is safe to run twice. The keys of one currency share
a hash tag, so a Redis Cluster keeps them on one node:

    risk:{USD}:pointer      the published frame's number S, which only rises
    risk:{USD}:frame:S      the header: what the frame is made from
    risk:{USD}:parts:S      hash: sums:<block> and columns:<block>
    risk:{USD}:rollup:S     the published roll-up
    risk:{USD}:error:S      why a frame cannot be priced at all
    risk:{USD}:check        the last comparison of a sample with plain QuantLib
    risk:{USD}:history      the latest frames, one line each, newest first
    risk:{USD}:counts       counts of parts by outcome: PUT, DUPLICATE, LATE, UNKNOWN
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import msgspec
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from risk.store.messages import FrameHeader
from risk.store.results import CheckResult, HistoryLine, PartColumns, PartSums, Rollup, history_line

CHANNEL = "risk:frames"
"""Pub/sub: ``{"currency", "frame"}`` when a frame is published. Lossy: only a hint to look."""

BOOK_GONE = "BOOK_GONE"
"""Error of a frame whose book is no longer there: not the tick's fault, open another."""

OPEN_SECONDS = 120
KEEP_SECONDS, KEEP_PARTS_SECONDS = 20, 5
"""Of the frame before. Numbers by trade are the bulk: 100,000 trades make 12 MB a tick."""

HISTORY_LENGTH = 600


class FrameError(msgspec.Struct, frozen=True):
    """Why a whole frame cannot be priced."""

    code: str
    message: str


class FrameState(msgspec.Struct, frozen=True):
    """The state of an open frame, which is published when the pointer has reached it.

    ``line`` is the newest of the currency's history, whatever frame it is of.
    """

    pointer: int
    error: FrameError | None
    line: HistoryLine | None = None


_encode = msgspec.msgpack.Encoder().encode
_header = msgspec.msgpack.Decoder(FrameHeader)
_rollup = msgspec.msgpack.Decoder(Rollup)
_sums = msgspec.msgpack.Decoder(PartSums)
_columns = msgspec.msgpack.Decoder(PartColumns)
_check = msgspec.msgpack.Decoder(CheckResult)
_frame_error = msgspec.msgpack.Decoder(FrameError)
_line = msgspec.msgpack.Decoder(HistoryLine)


class FrameNotice(msgspec.Struct, frozen=True):
    """What subscribers hear."""

    currency: str
    frame: int


def connect(url: str, *, timeout_s: float = 2.0) -> redis.Redis:
    """A client that fails fast: one quick retry, since every write is safe to run twice.

    redis-py's own default retries ten times and blocks for seconds.
    """
    return redis.Redis.from_url(
        url,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        socket_keepalive=True,
        health_check_interval=5,
        retry=Retry(NoBackoff(), 1),
    )


def key(currency: str, *parts: object) -> str:
    """A key of one currency."""
    return ":".join([f"risk:{{{currency}}}", *map(str, parts)])


def script(client: redis.Redis, name: str) -> Any:
    """A Lua script of this package, ready to call."""
    text = resources.files("risk.store").joinpath(f"lua/{name}.lua").read_text()
    return client.register_script(text)


@dataclass(frozen=True)
class PutResult:
    """The outcome of a part (PUT, DUPLICATE, LATE or UNKNOWN), and the number of parts stored."""

    code: str
    present: int


class Frames:
    """The frames of all currencies, behind one Redis client."""

    def __init__(self, client: redis.Redis) -> None:
        """Register the scripts; nothing is sent yet."""
        self.client: Any = client  # its types say bytes or str; ours are bytes
        self._open = script(client, "open")
        self._put = script(client, "put")
        self._publish = script(client, "publish")
        self._fail = script(client, "fail")

    # --- Writing -----------------------------------------------------------------------------

    def open(self, header: FrameHeader) -> bool:
        """Open a frame; False when a newer one is published already."""
        name = header.currency
        keys = [key(name, "pointer"), key(name, "frame", header.frame)]
        code = self._open(keys=keys, args=[header.frame, _encode(header), OPEN_SECONDS])
        return bool(code == b"OPENED")

    def put(self, currency: str, frame: int, sums: PartSums, columns: PartColumns) -> PutResult:
        """Put one part; late parts and parts of unknown frames change nothing."""
        keys = [key(currency, "pointer"), key(currency, "frame", frame)]
        keys += [key(currency, "parts", frame), key(currency, "counts")]
        args = [frame, sums.block, _encode(sums), _encode(columns), OPEN_SECONDS]
        code, present = self._put(keys=keys, args=args)
        return PutResult(code.decode(), int(present))

    def publish(self, rollup: Rollup) -> str:
        """Publish a frame: PUBLISHED, OLD or INCOMPLETE."""
        name, number = rollup.currency, rollup.frame
        keys = [key(name, "pointer"), key(name, "frame", number), key(name, "parts", number)]
        keys += [key(name, "rollup", number), key(name, "history")]
        # A knowingly partial frame needs one part; a complete one all of them.
        needed = 1 if rollup.status == "PARTIAL" else rollup.blocks
        notice = msgspec.json.encode(FrameNotice(name, number))
        args = [number, _encode(rollup), needed, _encode(history_line(rollup)), HISTORY_LENGTH]
        args += [CHANNEL, notice]
        code = b"MOVED"
        while code == b"MOVED":  # a Redis Cluster requires all keys to be declared
            before = self.pointer(name)
            old = [key(name, kind, before) for kind in ("frame", "rollup", "parts")]
            keep = [before, KEEP_SECONDS, KEEP_PARTS_SECONDS]
            code = self._publish(keys=keys + old, args=args + keep)
        return str(code.decode())

    def fail(self, currency: str, frame: int, code: str, message: str) -> None:
        """Say that a frame cannot be priced."""
        keys = [key(currency, "pointer"), key(currency, "error", frame)]
        self._fail(keys=keys, args=[frame, _encode(FrameError(code, message)), OPEN_SECONDS])

    def keep_check(self, result: CheckResult) -> None:
        """Keep how the last sample of a currency compared with QuantLib."""
        self.client.set(key(result.currency, "check"), _encode(result))

    # --- Reading -----------------------------------------------------------------------------

    def pointer(self, currency: str) -> int:
        """The published frame's number; 0 when there is none."""
        return int(self.client.get(key(currency, "pointer")) or 0)

    def pointers(self, currencies: Sequence[str]) -> dict[str, int]:
        """Published frame numbers of several currencies, in one round trip."""
        with self.client.pipeline(transaction=False) as pipe:
            for name in currencies:
                pipe.get(key(name, "pointer"))
            return {n: int(v or 0) for n, v in zip(currencies, pipe.execute(), strict=True)}

    def states(self, frames: Mapping[str, int]) -> dict[str, FrameState]:
        """Read the states of open frames by currency, in one round trip."""
        with self.client.pipeline(transaction=False) as pipe:
            for name, frame in frames.items():
                pipe.get(key(name, "pointer"))
                pipe.get(key(name, "error", frame))
                pipe.lindex(key(name, "history"), 0)
            found = pipe.execute()
        return {
            name: _state(*found[3 * place : 3 * place + 3]) for place, name in enumerate(frames)
        }

    def header(self, currency: str, frame: int) -> FrameHeader | None:
        """What a frame was opened with."""
        raw = self.client.get(key(currency, "frame", frame))
        return _header.decode(raw) if raw else None

    def sums(self, currency: str, frame: int, blocks: int) -> list[PartSums]:
        """Return the sums of the stored parts, in block order."""
        fields = [f"sums:{block}" for block in range(blocks)]
        found = self.client.hmget(key(currency, "parts", frame), fields)
        return [_sums.decode(raw) for raw in found if raw]

    def blocks_present(self, currency: str, frame: int, blocks: int) -> list[bool]:
        """Which blocks have put their part."""
        name = key(currency, "parts", frame)
        with self.client.pipeline(transaction=False) as pipe:
            for block in range(blocks):
                pipe.hexists(name, f"sums:{block}")
            return [bool(found) for found in pipe.execute()]

    def columns(self, currency: str, frame: int, block: int) -> PartColumns | None:
        """Return the numbers by trade of one block; None once the frame has expired."""
        raw = self.client.hget(key(currency, "parts", frame), f"columns:{block}")
        return _columns.decode(raw) if raw else None

    def current(self, currency: str) -> Rollup | None:
        """The published frame of a currency."""
        for _ in range(3):  # the frame may move on between the two reads
            number = self.pointer(currency)
            if not number:
                return None
            raw = self.client.get(key(currency, "rollup", number))
            if raw:
                return _rollup.decode(raw)
        return None

    def current_all(self, currencies: Sequence[str]) -> dict[str, Rollup]:
        """Published frames by currency; absent where there is none."""
        found = {name: self.current(name) for name in currencies}
        return {name: rollup for name, rollup in found.items() if rollup is not None}

    def check(self, currency: str) -> CheckResult | None:
        """How the last sample of a currency compared with QuantLib."""
        raw = self.client.get(key(currency, "check"))
        return _check.decode(raw) if raw else None

    def counts(self, currency: str) -> dict[str, int]:
        """Parts by what became of them, since Redis has its data; for monitoring."""
        found = self.client.hgetall(key(currency, "counts"))
        return {name.decode(): int(count) for name, count in found.items()}

    def history(self, currency: str, count: int = HISTORY_LENGTH) -> list[HistoryLine]:
        """Latest frames, oldest first."""
        rows = self.client.lrange(key(currency, "history"), 0, count - 1)
        return [_line.decode(row) for row in reversed(rows)]


def _state(pointer: bytes | None, error: bytes | None, line: bytes | None) -> FrameState:
    return FrameState(int(pointer or 0), _error(error), _line.decode(line) if line else None)


def _error(raw: bytes | None) -> FrameError | None:
    return _frame_error.decode(raw) if raw else None
