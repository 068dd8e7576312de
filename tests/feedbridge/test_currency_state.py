"""One currency's state: every accepted tick ends once, whatever becomes of its frames."""

from __future__ import annotations

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from feedbridge.bridge.currency_state import CurrencyState, InvalidTransition
from feedbridge.bridge.dispatch import AcceptedTick, OpenFrame, Overtaken, apply_ticks
from feedbridge.bridge.ledger import Ledger, Place
from feedbridge.bridge.market_state import Board, Market
from risk.store.messages import MarketTick
from tests.risk.made import as_of, header

PARTITION = ("yield_curve_ticks", 0)


def tick_of(offset: int) -> MarketTick:
    return MarketTick(
        currency="USD",
        as_of=as_of(),
        source="feed",
        seq=offset + 1,
        curves={"USD-SOFR": {"1Y": 0.01 + offset / 1e6}},
    )


def accepted(offset: int) -> AcceptedTick:
    value = msgspec.json.encode(tick_of(offset))
    return AcceptedTick(Place(*PARTITION, offset), b"USD", value, received_ns=1, sent_ns=1)


def frame_with(number: int, market: Market, ticks: list[AcceptedTick]) -> OpenFrame:
    return OpenFrame(header=header(number), market=market, ticks=ticks, opened_s=0.0)


def frame_of(number: int, board: Board, ticks: list[AcceptedTick]) -> OpenFrame:
    market = board.markets["USD"]
    made = header(number, ticks=len(ticks))
    return OpenFrame(header=made, market=market, ticks=ticks, opened_s=0.0)


class CurrencyMachine(RuleBasedStateMachine):
    """Ticks, good and bad ones; frames of any fate; and rebalances, in any order.

    A frame is refused when it stands for a bad tick. The machine keeps its own record of where each
    tick is and compares it with the state.
    """

    def __init__(self):
        super().__init__()
        self.state, self.board, self.ledger = CurrencyState("USD"), Board(), Ledger()
        self.offset = self.number = 0
        self.now = 0.0
        self.bad: set[int] = set()
        self.unfinished: set[int] = set()
        self.ended: dict[int, str] = {}
        self.opened: list[int] = []
        self.published: list[int] = []

    def end(self, ticks, state):
        for tick in ticks:
            offset = tick.place.offset
            assert offset not in self.ended, "a tick has ended twice"
            self.ended[offset] = state
            self.unfinished.remove(offset)
            self.ledger.end(tick.place, state)

    @rule(bad=st.booleans())
    def accept(self, bad):
        tick = accepted(self.offset)
        self.ledger.begin(tick.place)
        self.board.take(tick_of(self.offset))
        self.state.accept(tick)
        self.unfinished.add(self.offset)
        self.bad |= {self.offset} if bad else set()
        self.offset += 1

    @precondition(lambda self: self.state.waiting and self.state.may_open(self.now))
    @rule(step=st.integers(1, 3))
    def open(self, step):
        market, ticks = self.state.next_batch(self.board)
        assert market is not None
        limit = self.state.batch_limit
        assert limit is None or len(ticks) <= limit
        self.number += step
        self.state.open(frame_with(self.number, market, ticks))
        self.opened.append(self.number)

    @precondition(lambda self: self.state.open_frame)
    @rule()
    def a_second_frame_is_refused(self):
        before = self.state.open_frame
        with pytest.raises(InvalidTransition, match=r"USD: frame \d+ opened while frame \d+ is"):
            self.state.open(frame_of(self.number + 1, self.board, []))
        assert self.state.open_frame is before

    @precondition(lambda self: self.published and self.state.published and self.state.may_open(1e9))
    @rule(below=st.integers(0, 2))
    def a_number_that_does_not_rise_is_refused(self, below):
        with pytest.raises(Overtaken, match="is not above"):
            self.state.open(frame_of(self.published[-1] - below, self.board, []))
        assert self.state.open_frame is None

    @precondition(lambda self: self.state.open_frame)
    @rule(partial=st.booleans())
    def workers_finish(self, partial=False):
        frame = self.state.open_frame
        if self.bad & {tick.place.offset for tick in frame.ticks}:
            self.end(self.state.refuse_frame(), "dead_lettered")
            if self.state.batch_limit is None:
                rest = apply_ticks(self.board, self.state.published, self.state.waiting)
                self.board.replace("USD", rest)
        else:
            assert self.state.publish_frame(self.now + 1 if partial else None) is frame
            self.published.append(frame.number)
            self.end(frame.ticks[:-1], "conflated")
            self.end(frame.ticks[-1:], "published")
            version = frame.header.book_version
            assert self.state.is_outdated(version, frame.number) is partial

    @precondition(lambda self: self.state.open_frame)
    @rule()
    def the_frame_is_abandoned(self):
        self.state.abandon_frame(self.now + 1.0)
        assert not self.state.may_open(self.now)

    @rule()
    def time_passes(self):
        self.now += 1.0

    @precondition(lambda self: self.state.waiting and not self.state.open_frame)
    @rule()
    def a_source_is_behind(self):
        self.end(self.state.conflate(self.board.markets["USD"]), "conflated")
        assert len(self.state.waiting) == 1

    @precondition(lambda self: not self.state.open_frame)
    @rule()
    def a_frame_that_is_not_open_cannot_end(self):
        for transition in (
            self.state.publish_frame,
            self.state.refuse_frame,
            lambda: self.state.abandon_frame(0.0),
        ):
            with pytest.raises(InvalidTransition, match="USD: no frame is open that could be"):
                transition()

    @rule(returns=st.booleans())
    def the_partition_goes(self, returns):
        """Another bridge, or this one, reads again what has not ended."""
        market, number = self.state.published, self.state.published_number
        self.state.release()
        self.ledger.revoke({PARTITION})
        self.unfinished.clear()
        if returns and market is not None:
            self.board.restore(market)
            self.state.restore(market, number, "1-a", PARTITION)
            assert self.state.partition_is_inferred

    @invariant()
    def each_tick_is_in_one_place(self):
        frame = self.state.open_frame
        priced = [tick.place.offset for tick in frame.ticks] if frame else []
        waiting = [tick.place.offset for tick in self.state.waiting]
        assert priced + waiting == sorted(self.unfinished)
        assert self.ledger.in_flight == len(self.unfinished)

    @invariant()
    def frame_numbers_only_rise(self):
        assert self.opened == sorted(set(self.opened))
        assert self.published == sorted(set(self.published))
        assert set(self.published) <= set(self.opened)
        if self.state.published is not None:
            assert self.state.published_number == self.published[-1]

    @invariant()
    def the_partition_is_known_once_a_tick_came(self):
        if self.state.waiting or self.state.open_frame:
            assert self.state.partition == PARTITION
            assert not self.state.partition_is_inferred

    def teardown(self):
        """With time, every good tick is priced and every bad one is found."""
        for _ in range(10 * len(self.unfinished)):
            if not self.unfinished:
                break
            if self.state.open_frame is None:
                self.now += 1.0
                self.open(1)
            self.workers_finish()
        assert not self.unfinished
        for offset, state in self.ended.items():
            assert state == "conflated" or (state == "dead_lettered") == (offset in self.bad)


TestCurrencyState = CurrencyMachine.TestCase
TestCurrencyState.settings = settings(
    max_examples=100, stateful_step_count=40, deadline=None, database=None
)


@pytest.fixture
def waiting():
    """A state with five waiting ticks, and its board."""
    state, board = CurrencyState("USD"), Board()
    for offset in range(5):
        board.take(tick_of(offset))
        state.accept(accepted(offset))
    return state, board


def test_a_bad_tick_is_found_by_halving_and_its_neighbours_are_published(waiting):
    state, board = waiting
    fates = []
    for number in range(1, 20):
        _, ticks = state.next_batch(board)
        if not ticks:
            break
        offsets = [tick.place.offset for tick in ticks]
        state.open(frame_of(number, board, ticks))
        if 3 in offsets:
            rejected = [tick.place.offset for tick in state.refuse_frame()]
            fates.append(("refused", offsets, rejected))
        else:
            state.publish_frame()
            fates.append(("published", offsets, []))
    assert fates == [
        ("refused", [0, 1, 2, 3, 4], []),
        ("published", [0, 1], []),
        ("refused", [2, 3, 4], []),
        ("published", [2], []),
        ("refused", [3, 4], []),
        ("refused", [3], [3]),
        ("published", [4], []),
    ]


def test_a_frame_must_stand_for_the_first_waiting_ticks(waiting):
    state, board = waiting
    with pytest.raises(InvalidTransition, match="does not stand for the first waiting ticks"):
        state.open(frame_of(1, board, list(state.waiting[1:])))
    assert len(state.waiting) == 5


def test_a_published_market_is_not_restored_over_waiting_ticks(waiting):
    state, board = waiting
    with pytest.raises(InvalidTransition, match="restored with ticks waiting or in a frame"):
        state.restore(board.markets["USD"], 7, "1-a", None)


def test_no_other_object_assigns_the_fields_of_a_currency():
    state = CurrencyState("USD")
    for name in ("waiting", "open_frame", "published", "batch_limit", "partition"):
        with pytest.raises(AttributeError):
            setattr(state, name, None)
