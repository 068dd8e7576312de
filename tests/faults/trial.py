"""Try one seeded fault on a live stream, and check all invariants."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from feedbridge.handover.resets import write_reset
from feedbridge.replay.history.daily import SAMPLE_CURRENCIES as CURRENCIES
from feedbridge.replay.readiness import owners_of
from risk.store.frames import Frames
from risk.store.heartbeats import BridgePulse
from tests.faults.feed import Feed
from tests.faults.invariants import Invariants
from tests.faults.oracle import Oracle
from tests.faults.plant import Plant, until
from tests.faults.report import Row
from tests.faults.truth import Truth
from tests.faults.watch import Seen, Watch

MEASURES = bool(os.environ.get("FAULTS"))
"""Whether nothing else runs here, as in `make faults`: times are judged, and a p99 is of 40 s."""
RECOVER_S, REST_S = 60.0, 60.0
ORACLE_FRAMES = 12
"""Frames of a trial that are priced again: the last of each currency and some before them."""


class Trial:
    """The stream, the witnesses and the row of the table, for one fault."""

    def __init__(self, plant: Plant, row: Row, seed: int) -> None:
        """Join a plant that is well; the feed is a new source, so earlier trials do not count."""
        self.plant, self.row = plant, row
        self.system, self.servers = plant.system, plant.servers
        self._release_earlier_feeds()
        self.truth = Truth(plant.kafka)
        self.feed = Feed(plant.kafka, f"{row.fault}-{time.time_ns()}", seed)
        self.sources = {self.feed.source}
        self.watch = Watch(plant.redis_url, lambda: plant.servers.redis_kills)
        self.oracle = Oracle(plant.redis_url)
        self.invariants = Invariants()
        self.frames: list[Seen] = []
        self.guilty: set[str] = set()
        self.sampled: set[tuple[str, int]] = set()

    def _release_earlier_feeds(self) -> None:
        """Their quotes are this trial's now; the bridge looks four times a second."""
        owners = owners_of(Frames(self.plant.client), CURRENCIES)
        for source, currency in owners:
            write_reset(self.plant.client, source, currency)
        read_ns = time.time_ns() + 500_000_000

        def seen() -> bool:
            pulse = self.plant.pulse()
            return pulse is not None and pulse.sent_ns > read_ns

        if owners:
            until(seen, RECOVER_S, "a bridge that has read the resets")

    def close(self) -> None:
        """Nothing of the trial goes on."""
        self.feed.close()
        self.watch.close()
        self.truth.close()

    # --- The stream ----------------------------------------------------------------------------

    @contextmanager
    def stream(
        self, every_s: float = 0.05, poison: float = 0.0, echo: float = 0.0
    ) -> Iterator[None]:
        """Whole markets first, then ticks until the block ends."""
        self.flow()
        self.feed.start(every_s, poison, echo)
        try:
            yield
        finally:
            self.feed.pause()

    def flow(self) -> None:
        """A whole market of each currency, published."""
        moment = time.time_ns()
        self.feed.send_all()
        self.recovered(moment)

    def collect(self) -> list[Seen]:
        """All frames seen so far."""
        while self.watch.new:
            self.frames.append(self.watch.new.popleft())
        return self.frames

    def recovered(
        self,
        moment_ns: int,
        seconds: float = RECOVER_S,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> float:
        """Wait until a later tick of every currency is published whole; returns ms."""

        def found() -> dict[str, Seen] | None:
            meanwhile()
            first = self._first_whole(self.feed.first_since(moment_ns))
            return first if len(first) == len(CURRENCIES) else None

        first = until(found, seconds, "a whole frame of every currency on later ticks")
        return float(max(seen.rollup.published_ns - moment_ns for seen in first.values()) / 1e6)

    def _first_whole(self, ticks: dict[str, tuple[int, int]]) -> dict[str, Seen]:
        """By currency, the first whole frame of that tick or a later one.

        A frame that is priced once more carries the tick's number and no sending time.
        """
        found: dict[str, Seen] = {}
        for seen in self.collect():
            header, wanted = seen.header, ticks.get(seen.currency)
            whole = seen.rollup.status == "COMPLETE" and header.source == self.feed.source
            if whole and wanted is not None and (header.epoch, header.seq) >= wanted:
                found.setdefault(seen.currency, seen)
        return found

    def recover(self, moment_ns: int, seconds: float = RECOVER_S) -> None:
        """As ``recovered``, and noted in the table."""
        self.row.recovery_ms.append(round(self.recovered(moment_ns, seconds), 1))

    def sample(self) -> None:
        """Compare a few of the newest frames now: Redis keeps books and frames for a while only."""
        newest = self.collect()[-3:]
        fresh = [s for s in newest if (s.currency, s.rollup.frame) not in self.sampled]
        self.sampled |= {(s.currency, s.rollup.frame) for s in fresh}
        self.invariants.equals_oracle(fresh, self.oracle)

    # --- The verdict ---------------------------------------------------------------------------

    def rest(self, seconds: float = REST_S) -> BridgePulse:
        """Stop the feed and wait until everything is committed; returns the bridge's last word."""
        self.feed.pause()
        self.feed.flush()
        self.truth.advance(self.feed.bad)
        ends = self.truth.ends()
        state: dict[str, object] = {}

        def quiet() -> BridgePulse | None:
            pulse = self.plant.pulse()
            state["pulse"] = pulse
            calm = pulse is not None and not (
                pulse.in_flight or pulse.open_frames or pulse.open_details
            )
            return pulse if calm and self._all_committed(ends, state) else None

        try:
            found: BridgePulse = until(quiet, seconds, "in flight 0 and all offsets committed")
        except AssertionError as error:
            raise AssertionError(f"{error}; {state}, ends {ends}") from None
        return found

    def _all_committed(self, ends: dict[object, int], state: dict[str, object]) -> bool:
        committed = self.plant.committed()
        state["committed"] = {str(place): offset for place, offset in committed.items()}
        return all(committed[place] >= end for place, end in ends.items())  # type: ignore[index]

    def check(self) -> None:
        """Come to rest, check every invariant, and fail with all that is broken."""
        pulse = self.rest()
        time.sleep(0.1)  # the watch looks a hundred times a second
        frames = self.collect()
        self.truth.advance(self.feed.bad)
        check = self.invariants
        check.expect("I1", pulse.consumed == sum(pulse.states.values()), f"{pulse}")
        lost = self.feed.acknowledged - self.truth.values
        check.expect("I1", not lost, f"{len(lost)} acknowledged ticks are not in the topic")
        check.letters_are_the_bad_ones(self.truth)
        check.pointers_rose(self.watch.falls)
        check.one_vector(frames, self.truth, self.sources)
        check.says_what_is_missing(frames)
        check.keeps_nobody_out(frames, self.guilty)
        check.newest_is_published(self.watch.last, self.truth)
        check.detail_is_of_the_same_frame(self.watch.details, self.watch.last)
        fresh = [
            s for s in frames[-ORACLE_FRAMES:] if (s.currency, s.rollup.frame) not in self.sampled
        ]
        check.equals_oracle(fresh, self.oracle)
        self.row.invariants = check.summary()
        assert check.checked["I4"], "no frame was compared with the oracle"
        assert not check.broken, "\n".join(f"{name}: {said}" for name, said in check.broken[:10])

    def exact_counts(self, before: BridgePulse | None = None) -> None:
        """With the same bridge all along, its counts are the truth's, state by state.

        Args:
            before: The bridge's word before the first tick; none when it has started since.
        """
        after = self.plant.pulse()
        assert after is not None
        assert before is None or after.name == before.name, "another bridge: counts begin anew"
        states = before.states if before else {}
        grown = {s: n - states.get(s, 0) for s, n in after.states.items()}
        found = {
            "accepted": grown.get("published", 0) + grown.get("conflated", 0),
            **{
                s: grown.get(s, 0)
                for s in ("duplicate", "stale", "conflict", "dead_lettered", "not_whole")
            },
        }
        expected = {state: self.truth.states.get(state, 0) for state in found}
        self.invariants.expect("I1", found == expected, f"bridge {found}, truth {expected}")
        assert found == expected, f"bridge {found}, truth {expected}"
