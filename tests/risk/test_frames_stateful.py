"""Frames in a real Redis against a plain model, and mutants of the scripts that it must find.

Duplicates, lost replies (a call is made twice), late parts and blocks, unknown frames, premature
and partial publication of sums and of detail, and readers in between come in any order.
"""

from __future__ import annotations

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from risk.store import frames as frames_file
from risk.store.compiled_book import BlockTrades
from risk.store.frames import FrameError, Frames, key
from risk.store.publication import publish_parts
from risk.store.results import Detail, roll_up
from tests.risk.made import cell, columns, header, part, totals

BLOCKS = 2
STEPS = st.sampled_from([-1, 0, 1, 1, 2])
"""Which frame is meant, counted from the published one."""

KEPT = (("frame",), ("rollup",), ("detail",))
"""Kinds of keys that the published detail needs."""

TIMES = st.sampled_from([1, 1, 2])
"""Twice: the reply was lost, and the client has sent the call again."""


class Book:
    """As much of a manifest as publication asks for."""

    desk_of_book = {"B1": "RATES"}
    trades = 4
    failures: list = []
    block_names = ("a", "b")

    @staticmethod
    def trades_of_block(currency: str, name: str) -> BlockTrades:
        return BlockTrades(trade_ids=[], books=[], products=[], notional=[])


def value_of(frame: int, block: int, writer: int) -> float:
    return 100.0 * frame + 10.0 * block + writer


class FrameMachine(RuleBasedStateMachine):
    frames: Frames

    @initialize()
    def empty(self):
        self.frames.client.flushdb()
        self.pointer = 0
        self.opened: set[int] = set()
        self.parts: dict[int, dict[int, float]] = {}
        self.errors: set[int] = set()
        self.published: list[tuple[int, str]] = []
        self.shown: dict[int, tuple[str, float]] = {}
        self.detail = self.detail_open = 0
        self.blocks: dict[int, dict[int, float]] = {}
        self.detailed: list[tuple[int, list[int]]] = []

    def _number(self, step):
        return max(1, self.pointer + step)

    @rule(step=STEPS, times=TIMES)
    def open(self, step, times):
        number = self._number(step)
        for _ in range(times):
            assert self.frames.open(header(number, BLOCKS)) is (number > self.pointer)
        if number > self.pointer:
            self.opened.add(number)

    @rule(step=STEPS, block=st.integers(0, BLOCKS - 1), writer=st.integers(0, 1), times=TIMES)
    def put(self, step, block, writer, times):
        number = self._number(step)
        value = value_of(number, block, writer)
        for _ in range(times):
            sums = part(block, cell(npv=value))
            result = self.frames.put("USD", number, sums)
            assert (result.code, result.present) == self._expected_put(number, block, value)

    def _expected_put(self, number, block, value):
        if number <= self.pointer:
            return "LATE", 0
        if number not in self.opened:
            return "UNKNOWN", 0
        parts = self.parts.setdefault(number, {})
        code = "DUPLICATE" if block in parts else "PUT"
        parts.setdefault(block, value)
        return code, len(parts)

    @rule()
    def next_frame(self):
        """All as it should be, up to publication."""
        self.open(1, 1)
        for block in range(BLOCKS):
            self.put(1, block, 0, 1)

    @rule(step=STEPS, times=TIMES)
    def publish_what_is_there(self, step, times):
        """A worker with the last part, or the watchdog."""
        number = self._number(step)
        for _ in range(times):
            parts = self.parts.get(number, {})
            status = "COMPLETE" if len(parts) == BLOCKS else "PARTIAL"
            code = publish_parts(self.frames, header(number, BLOCKS), Book, Book)
            if not parts:
                assert code == "EMPTY"
            else:
                self._expect_published(code, number, status, sum(parts.values()))

    @rule(step=STEPS)
    def publish_too_early(self, step):
        """A confused worker says that a frame is complete, and sums what it has made itself."""
        number = self._number(step)
        made = [part(b, cell(npv=-1.0)) for b in range(BLOCKS)]
        rollup = roll_up(
            header(number, BLOCKS),
            made,
            desk_of_book={},
            trades=4,
            not_compiled=(),
            published_ns=1,
        )
        if step == 1:
            self.open(step, 1)
        if number > self.pointer and len(self.parts.get(number, {})) == BLOCKS:
            return
        expected = "INCOMPLETE" if number in self.opened else "UNKNOWN"
        expected = "OLD" if number <= self.pointer else expected
        assert self.frames.publish(rollup, stored=BLOCKS) == expected

    def _expect_published(self, code, number, status, npv):
        if number <= self.pointer:
            assert code in ("OLD", "EMPTY")  # the parts of published sums are deleted
            return
        assert code == "PUBLISHED"
        self.pointer = number
        self.published.append((number, status))
        self.shown[number] = (status, npv)

    @rule()
    def a_worker_fails_after_another_has_published(self):
        self.next_frame()
        self.publish_what_is_there(1, 1)
        self.fail(0, 1)

    @rule(step=STEPS, times=TIMES)
    def fail(self, step, times):
        number = self._number(step)
        for _ in range(times):
            self.frames.fail("USD", number, "BOOTSTRAP", f"of {number}")
        if number > self.pointer:
            self.errors.add(number)
        self.ask_where_it_stands(step)

    @rule(step=STEPS)
    def ask_where_it_stands(self, step):
        number = self._number(step)
        state = self.frames.states({"USD": number})["USD"]
        error = FrameError("BOOTSTRAP", f"of {number}") if number in self.errors else None
        assert (state.pointer, state.error) == (self.pointer, error)

    @rule()
    def next_sums(self):
        """A frame from its opening to the publication of its sums."""
        self.next_frame()
        self.publish_what_is_there(1, 1)

    # --- Detail --------------------------------------------------------------------------------

    @rule()
    def next_detail(self):
        """All as it should be: the detail of the frame whose sums are published."""
        if self.pointer > self.detail:
            self.open_detail(0, 1)
            for block in range(BLOCKS):
                self._put_detail(self.pointer, block, 1)
                self._put_detail(self.pointer, block, 1, writer=1)
            self.the_first_detail_of_a_block_stands()
            self._publish_detail(self.pointer, 1)
            self._put_detail(self.pointer, 0, 1)
            self.open_detail(0, 1)

    @rule()
    def a_detail_gives_way_to_the_newest(self):
        for _ in range(2):
            self.next_sums()
            self.open_detail(0, 1)
            self._put_detail(self.pointer, 0, 1)

    @rule(step=STEPS, times=TIMES)
    def open_detail(self, step, times):
        number = self._number(step)
        for _ in range(times):
            code = self.frames.open_detail("USD", number)
            if number <= self.detail:
                assert code == "OLD"
            elif number not in self.shown:
                assert code == "GONE"
            else:
                # The sums of an older frame may have expired.
                assert code == "OPENED" or (code == "GONE" and number < self.pointer)
            if code == "OPENED" and number != self.detail_open:
                self.blocks.pop(self.detail_open, None)
                self.detail_open = number

    @rule(step=STEPS, block=st.integers(0, BLOCKS - 1), times=TIMES)
    def put_detail(self, step, block, times):
        number = self._number(step)
        self._put_detail(number, block, times)

    @rule(block=st.integers(0, BLOCKS - 1), writer=st.integers(0, 1))
    def put_detail_of_the_open_one(self, block, writer):
        if self.detail_open:
            self._put_detail(self.detail_open, block, 1, writer)

    def _put_detail(self, number, block, times, writer=0):
        npv = self.shown.get(number, ("", 0.0))[1]
        half = totals(block, cell(npv=npv), share=0.5)
        for _ in range(times):
            made = msgspec.structs.replace(half, finished_ns=20 + writer)
            result = self.frames.put_detail("USD", number, made, columns(block))
            if number <= self.detail:
                assert (result.code, result.present) == ("LATE", 0)
            elif number != self.detail_open:
                assert (result.code, result.present) == ("UNKNOWN", 0)
            else:
                blocks = self.blocks.setdefault(number, {})
                code = "DUPLICATE" if block in blocks else "PUT"
                blocks.setdefault(block, 20 + writer)
                assert (result.code, result.present) == (code, len(blocks))

    @rule(step=STEPS, times=TIMES)
    def publish_detail_of_any(self, step, times):
        self._publish_detail(self._number(step), times)

    @rule()
    def publish_detail_of_the_open_one(self):
        if self.detail_open:
            self._publish_detail(self.detail_open, 2)

    def _publish_detail(self, number, times):
        for _ in range(times):
            blocks = set(self.blocks.get(number, {}))
            missing = sorted(set(range(BLOCKS)) - blocks)
            made = Detail(
                frame=number,
                currency="USD",
                blocks=BLOCKS,
                missing=missing if len(missing) < BLOCKS else [],
                sums_error=0.0,
                opened_ns=1,
                started_ns=1,
                finished_ns=1,
                published_ns=1,
            )
            code = self.frames.publish_detail(made)
            if number <= self.detail:
                assert code == "OLD"
            elif number != self.detail_open:
                assert code == "UNKNOWN"
            elif not blocks:
                assert code == "INCOMPLETE"
            else:
                assert code == "PUBLISHED"
                self.detail, self.detail_open = number, 0
                self.detailed.append((number, missing))

    @invariant()
    def detail_is_never_above_sums_and_both_can_be_read(self):
        assert self.frames.detail_pointer("USD") == self.detail <= self.pointer
        found = self.frames.detailed("USD")
        if not self.detail:
            assert found is None
            return
        assert found.rollup.frame == found.detail.frame == self.detail
        assert found.detail.missing == self.detailed[-1][1]
        assert sum(c.npv for c in found.rollup.cells) == self.shown[self.detail][1]
        for block in range(BLOCKS):
            there = self.frames.columns("USD", self.detail, block) is not None
            assert there == (block not in found.detail.missing)
        ttl = [self.frames.client.ttl(key("USD", *kind, self.detail)) for kind in KEPT]
        assert ttl == [-1] * len(KEPT), "what stands under a pointer does not expire"

    @invariant()
    def nothing_stays_that_nobody_points_to(self):
        for number in self.shown:
            if number not in (self.pointer, self.detail, self.detail_open):
                assert self.frames.client.ttl(key("USD", "rollup", number)) != -1
            if number not in (self.detail, self.detail_open):
                assert self.frames.client.ttl(key("USD", "detail", number)) != -1
        if self.detail_open:
            assert self.frames.client.ttl(key("USD", "rollup", self.detail_open)) == -1

    @invariant()
    def the_first_detail_of_a_block_stands(self):
        blocks = self.blocks.get(self.detail_open, {})
        made = self.frames.totals("USD", self.detail_open, range(BLOCKS))
        if self.detail_open:
            assert {each.block: each.finished_ns for each in made} == blocks

    @invariant()
    def readers_see_one_frame(self):
        assert self.frames.pointer("USD") == self.pointer
        current = self.frames.current("USD")
        if not self.pointer:
            assert current is None
            return
        status, npv = self.shown[self.pointer]
        assert current.frame == self.pointer
        assert current.status == status
        assert sum(c.npv for c in current.cells) == npv
        assert [b for b in range(BLOCKS) if b not in self.parts[self.pointer]] == current.missing
        ttl = [self.frames.client.ttl(key("USD", k, self.pointer)) for k in ("frame", "rollup")]
        assert ttl == [-1, -1]

    @invariant()
    def the_first_part_of_a_block_stands(self):
        for number, parts in self.parts.items():
            if number > self.pointer:
                sums = self.frames.sums("USD", number)
                assert {p.part: p.cells[0].npv for p in sums} == parts

    @invariant()
    def history_has_each_published_frame_once_and_rising(self):
        lines = self.frames.history("USD")
        assert [(line.frame, line.status) for line in lines] == self.published


def run(client, examples: int) -> None:
    FrameMachine.frames = Frames(client)
    run_state_machine_as_test(
        FrameMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_frames_behave_as_the_model_says(redis_client):
    run(redis_client, examples=60)


MUTANTS = {
    "put asks no pointer": (
        "put",
        "if tonumber(ARGV[1]) <= pointer then",
        "if false then",
    ),
    "the last of two parts stands": ("put", "'HSETNX'", "'HSET'"),
    "put takes parts of frames that nobody opened": ("put", "== 0 then", "== 2 then"),
    "a duplicate tells no count": (
        "put",
        "return {code, redis.call('HLEN', KEYS[3])}",
        "return {code, code == 'PUT' and redis.call('HLEN', KEYS[3]) or 0}",
    ),
    "a frame need not be complete": ("publish", "< tonumber(ARGV[3]) then", "< 0 then"),
    "the pointer may fall": (
        "publish",
        "if tonumber(ARGV[1]) <= tonumber(pointer or '0') then",
        "if false then",
    ),
    "a frame may be published twice": (
        "publish",
        "<= tonumber(pointer or '0')",
        "< tonumber(pointer or '0')",
    ),
    "the roll-up lands without the pointer": ("publish", "redis.call('SET', KEYS[1], ARGV[1])", ""),
    "sums of a frame that nobody opened": ("publish", "KEYS[2]) == 0 then", "KEYS[2]) == 2 then"),
    "the frame under the detail pointer expires": (
        "publish",
        "ARGV[8] ~= redis.call('GET', KEYS[6])",
        "true",
    ),
    "the frame of the detail under way expires": (
        "publish",
        "ARGV[8] ~= redis.call('GET', KEYS[7])",
        "true",
    ),
    "detail opens above the sums": (
        "detail_open",
        "number > tonumber(pointer) or redis.call('EXISTS', KEYS[4], KEYS[5]) < 2",
        "false",
    ),
    "detail opens again": ("detail_open", "number <= tonumber(published)", "false"),
    "a detail that gives way leaves its blocks": (
        "detail_open",
        "redis.call('DEL', KEYS[9])",
        "",
    ),
    "blocks of any detail are taken": (
        "detail_put",
        "redis.call('GET', KEYS[2]) ~= ARGV[1]",
        "false",
    ),
    "late blocks are taken": (
        "detail_put",
        "tonumber(ARGV[1]) <= tonumber(redis.call('GET', KEYS[1]) or '0')",
        "false",
    ),
    "the last detail of a block stands": ("detail_put", "'HSETNX'", "'HSET'"),
    "a detail need not be complete": ("detail_publish", "< tonumber(ARGV[3]) then", "< 0 then"),
    "the detail pointer may fall": (
        "detail_publish",
        "if tonumber(ARGV[1]) <= tonumber(before) then",
        "if false then",
    ),
    "a detail that is not open is published": (
        "detail_publish",
        "redis.call('GET', KEYS[3]) ~= ARGV[1]",
        "false",
    ),
    "the sums of the detail before stay although none points to them": (
        "detail_publish",
        "redis.call('EXPIRE', KEYS[7], ARGV[5])",
        "",
    ),
    "old frames open again": ("open", "if tonumber(ARGV[1]) <= pointer then", "if false then"),
    "a published frame fails": (
        "fail",
        "if tonumber(ARGV[1]) <= tonumber(redis.call('GET', KEYS[1]) or '0') then",
        "if false then",
    ),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_broken_script_is_found(redis_client, monkeypatch, mutant):
    name, wanted, instead = MUTANTS[mutant]
    real = frames_file.script

    def mutated(client, asked):
        made = real(client, asked)
        if asked != name:
            return made
        assert made.script.count(wanted) == 1
        return client.register_script(made.script.replace(wanted, instead))

    monkeypatch.setattr(frames_file, "script", mutated)
    with pytest.raises((AssertionError, msgspec.MsgspecError, KeyError)):
        run(redis_client, examples=60)
