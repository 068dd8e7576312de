"""Every record ends in one counted state, and nothing is committed past an open one."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from feedbridge.bridge.ledger import STATES, Ledger, Place

PARTITIONS = st.sampled_from([("ticks", 0), ("ticks", 1), ("fx", 0)])


class LedgerMachine(RuleBasedStateMachine):
    """Reads, ends, commits, failed commits and rebalances in any order."""

    def __init__(self):
        super().__init__()
        self.ledger = Ledger()
        self.read: dict[tuple[str, int], int] = {}  # next offset to read
        self.open: set[Place] = set()
        self.gone: set[Place] = set()
        self.committed: dict[tuple[str, int], int] = {}
        self.ended = 0

    @rule(partition=PARTITIONS, count=st.integers(1, 4))
    def poll(self, partition, count):
        for _ in range(count):
            offset = self.read.get(partition, 0)
            self.read[partition] = offset + 1
            self.open.add(Place(*partition, offset))
            self.ledger.begin(Place(*partition, offset))

    @precondition(lambda self: self.open)
    @rule(data=st.data(), state=st.sampled_from(STATES))
    def end(self, data, state):
        place = data.draw(st.sampled_from(sorted(self.open)))
        self.open.remove(place)
        self.gone.add(place)
        self.ended += 1
        self.ledger.end(place, state)

    @precondition(lambda self: self.gone)
    @rule(data=st.data(), state=st.sampled_from(STATES))
    def end_again_or_too_late(self, data, state):
        places = sorted(self.gone - self.open)
        if places:
            self.ledger.end(data.draw(st.sampled_from(places)), state)

    @rule(fails=st.booleans())
    def commit(self, fails):
        ready = self.ledger.take_committable()
        if fails:
            self.ledger.give_back(ready)
        else:
            self.committed |= ready

    @rule(partition=PARTITIONS)
    def rebalance(self, partition):
        """Another bridge reads on from what is committed, and gives the partition back."""
        self.ledger.revoke({partition})
        lost = {place for place in self.open if place[:2] == partition}
        self.open -= lost
        self.gone |= lost
        self.read[partition] = self.committed.get(partition, 0)

    @invariant()
    def counts_add_up(self):
        assert self.ledger.in_flight == len(self.open)
        assert sum(self.ledger.counts.values()) == self.ended
        assert self.ledger.consumed == self.ended + len(self.open)

    @invariant()
    def no_commit_passes_an_open_record(self):
        for place in self.open:
            assert self.committed.get(place[:2], 0) <= place.offset

    def teardown(self):
        """Once all has ended, all may be committed."""
        for place in sorted(self.open):
            self.ledger.end(place, "published")
        self.committed |= self.ledger.take_committable()
        for partition, offset in self.read.items():
            assert self.committed.get(partition, 0) == offset


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(
    max_examples=100, stateful_step_count=30, deadline=None, database=None
)


def place(offset: int) -> Place:
    return Place("ticks", 0, offset)


def ledger_of(*offsets: int) -> Ledger:
    made = Ledger()
    for offset in offsets:
        made.begin(place(offset))
    return made


def test_the_first_open_record_is_the_limit():
    ledger = ledger_of(10, 11, 12, 13, 14)
    for offset in (10, 11, 13):
        ledger.end(place(offset), "published")
    assert ledger.take_committable() == {("ticks", 0): 12}
    ledger.end(place(12), "dead_lettered")
    assert ledger.take_committable() == {("ticks", 0): 14}
    assert ledger.take_committable() == {}


def test_offsets_have_holes_where_a_log_was_compacted():
    ledger = ledger_of(10, 17)
    ledger.end(place(10), "stale")
    assert ledger.take_committable() == {("ticks", 0): 11}
    ledger.end(place(17), "published")
    assert ledger.take_committable() == {("ticks", 0): 18}


def test_a_dead_letter_that_arrives_after_its_partition_has_gone_is_not_counted():
    ledger = ledger_of(10, 11)
    ledger.end(place(11), "published")
    ledger.revoke({("ticks", 0)})
    ledger.end(place(10), "dead_lettered")
    assert (ledger.consumed, ledger.in_flight, dict(ledger.counts)) == (1, 0, {"published": 1})


def test_a_failed_commit_of_a_partition_that_has_gone_is_not_offered_again():
    ledger = ledger_of(10)
    ledger.end(place(10), "published")
    ready = ledger.take_committable()
    ledger.revoke({("ticks", 0)})
    ledger.give_back(ready)
    assert ledger.take_committable() == {}


def test_a_failed_commit_never_takes_back_a_later_one():
    ledger = ledger_of(10, 11)
    ledger.end(place(10), "published")
    ready = ledger.take_committable()
    ledger.end(place(11), "published")
    ledger.give_back(ready)
    assert ledger.take_committable() == {("ticks", 0): 12}


def test_only_states_that_are_counted_exist():
    with pytest.raises(ValueError, match="'lost' is not a state"):
        ledger_of(1).end(place(1), "lost")
