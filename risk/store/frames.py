"""Open, write, publish and read frames in Redis.

A frame has two products, its sums and the detail behind them, each with a pointer. Every write is a
Lua script (in ``lua/``) that is safe to run twice. The keys of one currency share a hash tag, so a
Redis Cluster keeps them on one node:

    risk:{USD}:pointer        the number S of the frame whose sums are published; it only rises
    risk:{USD}:frame:S        the header: what the frame is made from
    risk:{USD}:parts:S        hash: parts of the sums, until they are published
    risk:{USD}:rollup:S       the published roll-up
    risk:{USD}:date           the valuation date of the published frame
    risk:{USD}:closes         hash: the roll-up of the last frame of each earlier valuation date
    risk:{USD}:log:sums       stream: sums of published frames, for limits (``result_log.py``)
    risk:{USD}:error:S        why a frame cannot be priced at all
    risk:{USD}:detail         the number of the frame whose detail is published; never above S
    risk:{USD}:detail:open    the number of the frame whose detail is under way
    risk:{USD}:detail:S       hash: totals:<block> and columns:<block>
    risk:{USD}:detail:S:head  the published detail: its blocks, and how it compares with the sums
    risk:{USD}:check          the last comparison of a sample with plain QuantLib
    risk:{USD}:history        the latest frames, one line each, newest first
    risk:{USD}:counts         counts of parts by outcome: PUT, DUPLICATE, LATE, UNKNOWN; of blocks
                              of the detail with DETAIL_ before

What stands under a pointer does not expire, nor does what the detail under way needs.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, NamedTuple

import msgspec
import redis

from connections.redis_clients import connect as connect
from risk.store import result_log
from risk.store.messages import FrameHeader
from risk.store.result_log import Stream
from risk.store.results import (
    BlockTotals,
    CheckResult,
    Detail,
    HistoryLine,
    PartColumns,
    PartSums,
    Rollup,
    history_line,
)

CHANNEL = "risk:frames"
"""Pub/sub: ``{"currency", "frame"}`` when sums are published. Lossy: only a hint to look."""

DETAIL_CHANNEL = "risk:details"
"""Pub/sub: the same when the detail of a frame is published."""

BOOK_GONE = "BOOK_GONE"
"""Error code of a frame whose book is no longer stored; the tick is valid, and opens
another frame."""

OPEN_SECONDS = 120
KEEP_SECONDS, KEEP_DETAIL_SECONDS = 20, 5
"""Seconds for which the sums and the detail of a replaced frame are kept. The detail is the larger
part: 12 MB for 100,000 trades."""

HISTORY_LENGTH = 600


class FrameError(msgspec.Struct, frozen=True):
    """Why a whole frame cannot be priced."""

    code: str
    message: str


class FrameState(msgspec.Struct, frozen=True):
    """The state of an open frame, which is published when the pointer has reached it.

    ``line`` is the newest of the currency's history, whatever frame it is of. ``detail`` is the
    number of the frame whose detail is published.
    """

    pointer: int
    error: FrameError | None
    line: HistoryLine | None = None
    detail: int = 0


_encode = msgspec.msgpack.Encoder().encode
decode_header = msgspec.msgpack.Decoder(FrameHeader).decode
_rollup = msgspec.msgpack.Decoder(Rollup)
_sums = msgspec.msgpack.Decoder(PartSums)
_totals = msgspec.msgpack.Decoder(BlockTotals)
_detail = msgspec.msgpack.Decoder(Detail)
_columns = msgspec.msgpack.Decoder(PartColumns)
_check = msgspec.msgpack.Decoder(CheckResult)
_frame_error = msgspec.msgpack.Decoder(FrameError)
_line = msgspec.msgpack.Decoder(HistoryLine)


class FrameNotice(msgspec.Struct, frozen=True):
    """The message that subscribers receive."""

    currency: str
    frame: int


def key(currency: str, *parts: object) -> str:
    """A key of one currency."""
    return ":".join([f"risk:{{{currency}}}", *map(str, parts)])


def script(client: redis.Redis, name: str) -> Any:
    """A Lua script of this package, ready to call."""
    text = resources.files("risk.store").joinpath(f"lua/{name}.lua").read_text()
    return client.register_script(text)


class Detailed(NamedTuple):
    """The detail of a frame with the frame's sums."""

    rollup: Rollup
    detail: Detail


@dataclass(frozen=True)
class PutResult:
    """The outcome of a part (PUT, DUPLICATE, LATE or UNKNOWN), and the number of parts stored.

    ``begun`` is the number of runs of a ``NextRun`` that have begun, this one included; 0 when the
    detail is over, or nothing was to begin.
    """

    code: str
    present: int
    begun: int = 0


class NextRun(NamedTuple):
    """What a task does after a block: the key that counts runs, their unit, and the task's name."""

    starts: str
    unit: str
    task: str


class Frames:
    """The frames of all currencies, behind one Redis client."""

    def __init__(self, client: redis.Redis) -> None:
        """Register the scripts; nothing is sent yet."""
        self.client: Any = client  # its types say bytes or str; ours are bytes
        self._open = script(client, "open")
        self._put = script(client, "put")
        self._publish = script(client, "publish")
        self._fail = script(client, "fail")
        self._detail_open = script(client, "detail_open")
        self._detail_put = script(client, "detail_put")
        self._detail_publish = script(client, "detail_publish")

    # --- Writing -----------------------------------------------------------------------------

    def open(self, header: FrameHeader) -> bool:
        """Open a frame; False when a newer one is published already."""
        name = header.currency
        keys = [key(name, "pointer"), key(name, "frame", header.frame)]
        code = self._open(keys=keys, args=[header.frame, _encode(header), OPEN_SECONDS])
        return bool(code == b"OPENED")

    def put(self, currency: str, frame: int, sums: PartSums) -> PutResult:
        """Put one part of the sums; late parts and parts of unknown frames change nothing."""
        keys = [key(currency, "pointer"), key(currency, "frame", frame)]
        keys += [key(currency, "parts", frame), key(currency, "counts")]
        code, present = self._put(keys=keys, args=[frame, sums.part, _encode(sums), OPEN_SECONDS])
        return PutResult(code.decode(), int(present))

    def publish(self, rollup: Rollup, *, stored: int = 0, before: int | None = None) -> str:
        """Publish the sums of a frame: PUBLISHED, OLD, UNKNOWN or INCOMPLETE.

        Args:
            rollup: The sums.
            stored: How many parts must be stored; 0 for sums that were never divided.
            before: The frame that is published now, if known: saves a question.
        """
        name, number = rollup.currency, rollup.frame
        keys = [key(name, "pointer"), key(name, "frame", number), key(name, "parts", number)]
        keys += [key(name, "rollup", number), key(name, "history")]
        keys += [key(name, "detail"), key(name, "detail", "open"), key(name, "counts")]
        notice = msgspec.json.encode(FrameNotice(name, number))
        args = [number, _encode(rollup), stored, _encode(history_line(rollup)), HISTORY_LENGTH]
        args += [CHANNEL, notice]
        log = Stream(name, "sums")
        logged = [result_log.encoded(result_log.sums_of(rollup)), result_log.LENGTHS["sums"]]
        code = b"MOVED"
        while code == b"MOVED":  # a Redis Cluster requires all keys to be declared
            before = self.pointer(name) if before is None else before
            old = [key(name, kind, before) for kind in ("frame", "rollup", "parts")]
            old += [key(name, "date"), key(name, "closes"), log.key, log.number_key]
            date = rollup.valuation_date.isoformat()
            more = [before, KEEP_SECONDS, date, *logged]
            code = self._publish(keys=keys + old, args=[*args, *more])
            before = None
        return str(code.decode())

    def fail(self, currency: str, frame: int, code: str, message: str) -> None:
        """Say that a frame cannot be priced."""
        keys = [key(currency, "pointer"), key(currency, "error", frame)]
        self._fail(keys=keys, args=[frame, _encode(FrameError(code, message)), OPEN_SECONDS])

    def open_detail(self, currency: str, frame: int) -> str:
        """Open the detail of a published frame: OPENED, OLD, or GONE.

        It is OLD when the detail of this frame or of a later one is published. A detail that was
        under way is given up.
        """
        keys = [key(currency, "pointer"), key(currency, "detail"), key(currency, "detail", "open")]
        keys += [key(currency, kind, frame) for kind in ("frame", "rollup", "detail")]
        code = b"MOVED"
        while code == b"MOVED":
            now = int(self.client.get(key(currency, "detail", "open")) or 0)
            old = [key(currency, kind, now) for kind in ("frame", "rollup", "detail")]
            code = self._detail_open(keys=keys + old, args=[frame, now, KEEP_SECONDS])
        return str(code.decode())

    def put_detail(
        self,
        currency: str,
        frame: int,
        totals: BlockTotals,
        columns: PartColumns,
        then: NextRun | None = None,
    ) -> PutResult:
        """Put the detail of one block; late blocks and those of no open detail change nothing.

        ``then`` begins in the same round trip, unless the detail is over (``RunRegistry``).
        """
        keys = [key(currency, "detail"), key(currency, "detail", "open")]
        keys += [key(currency, "detail", frame), key(currency, "counts")]
        args = [frame, totals.block, _encode(totals), _encode(columns)]
        if then is not None:
            keys.append(then.starts)
            args += [then.unit, then.task, OPEN_SECONDS]
        code, present, begun = self._detail_put(keys=keys, args=args)
        return PutResult(code.decode(), int(present), int(begun))

    def publish_detail(self, detail: Detail) -> str:
        """Publish the detail of a frame: PUBLISHED, OLD, UNKNOWN or INCOMPLETE."""
        name, number = detail.currency, detail.frame
        keys = [key(name, "pointer"), key(name, "detail"), key(name, "detail", "open")]
        keys += [key(name, "detail", number), key(name, "detail", number, "head")]
        needed = detail.blocks - len(detail.missing)
        notice = msgspec.json.encode(FrameNotice(name, number))
        code = b"MOVED"
        while code == b"MOVED":
            before = self.detail_pointer(name)
            old = [key(name, kind, before) for kind in ("frame", "rollup", "detail")]
            old.append(key(name, "detail", before, "head"))
            args = [number, _encode(detail), needed, before, KEEP_DETAIL_SECONDS]
            code = self._detail_publish(keys=keys + old, args=[*args, DETAIL_CHANNEL, notice])
        return str(code.decode())

    def keep_check(self, result: CheckResult) -> None:
        """Keep how the last sample of a currency compared with QuantLib."""
        self.client.set(key(result.currency, "check"), _encode(result))

    def claim_check(self, currency: str, seconds: float) -> bool:
        """Whether the caller is to check the currency: nobody has begun to for so many seconds."""
        name = key(currency, "check", "claimed")
        return bool(self.client.set(name, b"1", nx=True, px=int(seconds * 1000)))

    def postpone_check(self, currency: str, seconds: float) -> None:
        """Let nobody claim the next check of a currency for so many seconds from now."""
        self.client.set(key(currency, "check", "claimed"), b"1", px=int(seconds * 1000))

    # --- Reading -----------------------------------------------------------------------------

    def pointer(self, currency: str) -> int:
        """The published frame's number; 0 when there is none."""
        return int(self.client.get(key(currency, "pointer")) or 0)

    def detail_pointer(self, currency: str) -> int:
        """The number of the frame whose detail is published; 0 when there is none."""
        return int(self.client.get(key(currency, "detail")) or 0)

    def pointers(self, currencies: Sequence[str]) -> dict[str, int]:
        """Published frame numbers of several currencies, in one round trip."""
        return self._numbers(currencies, "pointer")

    def detail_pointers(self, currencies: Sequence[str]) -> dict[str, int]:
        """Numbers of the frames whose detail is published, in one round trip."""
        return self._numbers(currencies, "detail")

    def _numbers(self, currencies: Sequence[str], kind: str) -> dict[str, int]:
        with self.client.pipeline(transaction=False) as pipe:
            for name in currencies:
                pipe.get(key(name, kind))
            return {n: int(v or 0) for n, v in zip(currencies, pipe.execute(), strict=True)}

    def states(self, frames: Mapping[str, int]) -> dict[str, FrameState]:
        """Read the states of open frames by currency, in one round trip."""
        with self.client.pipeline(transaction=False) as pipe:
            for name, frame in frames.items():
                pipe.get(key(name, "pointer"))
                pipe.get(key(name, "error", frame))
                pipe.lindex(key(name, "history"), 0)
                pipe.get(key(name, "detail"))
            found = pipe.execute()
        return {
            name: _state(*found[4 * place : 4 * place + 4]) for place, name in enumerate(frames)
        }

    def header(self, currency: str, frame: int) -> FrameHeader | None:
        """Return what a frame was opened with."""
        raw = self.client.get(key(currency, "frame", frame))
        return decode_header(raw) if raw else None

    def sums(self, currency: str, frame: int) -> list[PartSums]:
        """Return the stored parts of the sums, in order."""
        found = [_sums.decode(raw) for raw in self.client.hvals(key(currency, "parts", frame))]
        return sorted(found, key=lambda part: part.part)

    def parts_present(self, currency: str, frame: int) -> set[int]:
        """Which parts of the sums are stored."""
        return {int(name) for name in self.client.hkeys(key(currency, "parts", frame))}

    def blocks_present(self, currency: str, frame: int) -> set[int]:
        """Return the blocks whose detail is stored."""
        names = self.client.hkeys(key(currency, "detail", frame))
        return {int(name[7:]) for name in names if name.startswith(b"totals:")}

    def totals(self, currency: str, frame: int, blocks: Sequence[int]) -> list[BlockTotals]:
        """Return what the stored detail of some blocks adds up to."""
        fields = [f"totals:{block}" for block in blocks]
        found = self.client.hmget(key(currency, "detail", frame), fields) if fields else []
        return [_totals.decode(raw) for raw in found if raw]

    def columns(self, currency: str, frame: int, block: int) -> PartColumns | None:
        """Return the numbers by trade of one block; None once the detail has expired."""
        raw = self.client.hget(key(currency, "detail", frame), f"columns:{block}")
        return _columns.decode(raw) if raw else None

    def columns_of(
        self, currency: str, frame: int, blocks: Sequence[int]
    ) -> list[PartColumns | None]:
        """Return the numbers by trade of several blocks, in one round trip; None where absent."""
        fields = [f"columns:{block}" for block in blocks]
        found = self.client.hmget(key(currency, "detail", frame), fields) if fields else []
        return [_columns.decode(raw) if raw else None for raw in found]

    def rollup(self, currency: str, frame: int) -> Rollup | None:
        """The sums of a frame; None when they are not published or have expired."""
        raw = self.client.get(key(currency, "rollup", frame))
        return _rollup.decode(raw) if raw else None

    def detailed(self, currency: str) -> Detailed | None:
        """The published detail of a currency, with the sums of the same frame."""
        for _ in range(3):  # the pointer may move on between the two reads
            number = self.detail_pointer(currency)
            if not number:
                return None
            names = [key(currency, "rollup", number), key(currency, "detail", number, "head")]
            rollup, head = self.client.mget(names)
            if rollup and head:
                return Detailed(_rollup.decode(rollup), _detail.decode(head))
        return None

    def details(self, currencies: Sequence[str]) -> dict[str, Detail]:
        """Published details by currency, without their numbers; absent where there are none."""
        found: dict[str, Detail] = {}
        for _ in range(3):  # a pointer may move on between the two reads
            left = [name for name in currencies if name not in found]
            with self.client.pipeline(transaction=False) as pipe:
                for name in left:
                    pipe.get(key(name, "detail"))
                numbers = dict(zip(left, pipe.execute(), strict=True))
                there = [name for name in left if numbers[name]]
                for name in there:
                    pipe.get(key(name, "detail", int(numbers[name]), "head"))
                heads = zip(there, pipe.execute(), strict=True)
            found |= {name: _detail.decode(head) for name, head in heads if head}
            if found.keys() >= set(there):
                break
        return found

    def current(self, currency: str) -> Rollup | None:
        """The published sums of a currency."""
        for _ in range(3):  # the frame may move on between the two reads
            number = self.pointer(currency)
            if not number:
                return None
            found = self.rollup(currency, number)
            if found is not None:
                return found
        return None

    def current_all(self, currencies: Sequence[str]) -> dict[str, Rollup]:
        """Published sums by currency; absent where there are none."""
        found = {name: self.current(name) for name in currencies}
        return {name: rollup for name, rollup in found.items() if rollup is not None}

    def closes(self, currency: str) -> dict[dt.date, Rollup]:
        """The last frames of earlier valuation dates that are held, by date, ascending."""
        found = self.client.hgetall(key(currency, "closes"))
        return {
            dt.date.fromisoformat(name.decode()): _rollup.decode(raw)
            for name, raw in sorted(found.items())
        }

    def put_close(self, rollup: Rollup) -> None:
        """Hold the last frame of a date, unless one is held."""
        name = rollup.valuation_date.isoformat()
        self.client.hsetnx(key(rollup.currency, "closes"), name, _encode(rollup))

    def forget_closes(self, currency: str, dates: Sequence[dt.date]) -> None:
        """Let go of the closes of these dates."""
        if dates:
            self.client.hdel(key(currency, "closes"), *(date.isoformat() for date in dates))

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


def _state(
    pointer: bytes | None, error: bytes | None, line: bytes | None, detail: bytes | None
) -> FrameState:
    newest = _line.decode(line) if line else None
    return FrameState(int(pointer or 0), _error(error), newest, int(detail or 0))


def _error(raw: bytes | None) -> FrameError | None:
    return _frame_error.decode(raw) if raw else None
