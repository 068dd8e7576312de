"""Frames in a real Redis against a plain model, and mutants of the scripts that it must find.

Duplicates, lost replies (a call is made twice), late parts, unknown frames, premature and
partial publication, and readers in between come in any order.
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
from risk.store.frames import FrameError, Frames
from risk.store.publication import publish_parts
from risk.store.results import roll_up
from tests.risk.made import cell, columns, header, part

BLOCKS = 2
STEPS = st.sampled_from([-1, 0, 1, 1, 2])
"""Which frame is meant, counted from the published one."""

TIMES = st.sampled_from([1, 1, 2])
"""Twice: the reply was lost, and the client has sent the call again."""


class Book:
    """As much of a manifest as publication asks for."""

    desk_of_book = {"B1": "RATES"}
    trades = 4
    failures: list = []

    @staticmethod
    def trades_of(block: int, code: str, message: str) -> list:
        return []


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
            result = self.frames.put("USD", number, sums, columns(block))
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
            code = publish_parts(self.frames, header(number, BLOCKS), Book)
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
        if len(self.parts.get(number, {})) == BLOCKS:
            return
        expected = "OLD" if number <= self.pointer else "INCOMPLETE"
        assert self.frames.publish(rollup) == expected

    def _expect_published(self, code, number, status, npv):
        if number <= self.pointer:
            assert code == "OLD"
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

    @invariant()
    def the_first_part_of_a_block_stands(self):
        for number, parts in self.parts.items():
            if number >= self.pointer:
                sums = self.frames.sums("USD", number, BLOCKS)
                assert {p.block: p.cells[0].npv for p in sums} == parts

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
        "return {code, redis.call('HLEN', KEYS[3]) / 2}",
        "return {code, code == 'PUT' and redis.call('HLEN', KEYS[3]) / 2 or 0}",
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
