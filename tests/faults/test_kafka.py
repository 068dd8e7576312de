"""Kafka goes away, comes back, loses its log, and carries rubbish, echoes and floods."""

from __future__ import annotations

import statistics
import time

import pytest
from kafka import KafkaAdminClient, TopicPartition

from feedbridge.kafka.topics import YIELD_CURVE_TICKS
from feedbridge.replay.history.daily import SAMPLE_CURRENCIES as CURRENCIES
from tests.faults.plant import until
from tests.faults.trial import MEASURES, Trial
from tests.faults.watch import Seen


@pytest.mark.fault("F15", budget_ms=1000)
@pytest.mark.faults_long
def test_a_broker_out_of_reach_is_waited_for_in_silence(trial: Trial):
    """The bridge's way to Kafka is cut (RST, then refused) for 25 s."""
    proxy, plant = trial.servers.kafka_proxy, trial.plant
    if proxy is None:
        trial.row.verdict = "NOT SHOWN: this broker has no second listener"
        return
    door = f"127.0.0.1:{proxy.port}"
    plant.replace("bridge", lambda: plant.start_bridge(KAFKA_BOOTSTRAP_SERVERS=door))
    plant.system.wait()
    with trial.stream():
        log = trial.system.log.stat().st_size
        proxy.refuse()
        time.sleep(25.0)
        said = trial.system.log.read_bytes()[log:]
        assert trial.system.runs("bridge")
        proxy.mend()
        trial.recover(time.time_ns())
    trial.row.notes.append(f"lines in the log meanwhile: {said.count(b'kafka')}")
    trial.check()
    plant.replace("bridge", plant.heal)
    assert said.count(b"Traceback") < 10, "kafka-python tells of the cut itself, once a socket"


@pytest.mark.fault("F16", budget_ms=5000)
@pytest.mark.faults_long
def test_a_broker_that_is_killed_comes_back_with_every_tick(trial: Trial):
    """SIGKILL the broker in the middle of the stream and start it."""
    if not trial.servers.durable_kafka:
        trial.row.verdict = "NOT SHOWN: this broker keeps nothing on disk"
        return
    with trial.stream():
        trial.servers.kill("kafka")
        trial.servers.revive("kafka")
        trial.recover(time.time_ns())
    trial.check()


@pytest.mark.fault("F17")
@pytest.mark.faults_long
def test_records_that_kafka_has_deleted_unread_are_counted_and_said(trial: Trial):
    """Ticks are deleted in Kafka while the bridge is down."""
    trial.flow()
    trial.rest()
    trial.plant.end("bridge")
    places = {TopicPartition(YIELD_CURVE_TICKS, n) for n in range(3)}
    before = {place: trial.plant.committed()[place] for place in places}
    for _ in range(20):
        trial.feed.send_all()
    trial.feed.flush()
    trial.feed.acknowledged.clear()  # these are lost to everybody
    ends = {place: end - 2 for place, end in trial.truth.ends().items() if end > before[place]}
    admin = KafkaAdminClient(bootstrap_servers=trial.plant.kafka)
    admin.delete_records(ends)
    admin.close()
    trial.plant.start_bridge()
    trial.plant.wait_ready()
    trial.feed.send_all()
    trial.recovered(0)
    trial.check()
    lost = sum(end - before[place] for place, end in ends.items())
    gap = getattr(trial.plant.pulse(), "gap", None)
    trial.row.notes.append(f"deleted unread: {lost}; the bridge says: {gap}")
    assert gap == lost


@pytest.mark.fault("F18")
def test_rubbish_among_the_ticks_is_buried_and_its_neighbours_are_priced(trial: Trial):
    """One record in twenty is rubbish."""
    seconds = 40.0 if MEASURES else 8.0
    with trial.stream():
        before = trial.plant.pulse()
        assert before is not None
        time.sleep(1.0)  # a bridge that has just started is slow at first
        from_here = len(trial.collect())
        time.sleep(seconds)
        clean = p99_ms(trial.collect()[from_here:])
        trial.feed.pause()
        trial.feed.poison_all()
        trial.feed.start(poison=0.05)
        time.sleep(1.0)  # the first dead letter connects
        from_here = len(trial.collect())
        cpu, began = trial.plant.cpu_s("bridge"), time.monotonic()
        time.sleep(seconds)
        busy = (trial.plant.cpu_s("bridge") - cpu) / (time.monotonic() - began)
        fuzzed = p99_ms(trial.collect()[from_here:])
    trial.row.notes.append(
        f"p99 tick to published {clean:.0f} ms clean, {fuzzed:.0f} ms with rubbish"
        f" (ratio {fuzzed / clean:.2f}); bridge {busy:.0%} of a core"
    )
    trial.check()
    assert trial.truth.states["dead_lettered"] > 0
    assert not MEASURES or (fuzzed / clean < 5.0 and busy < 0.5)


def p99_ms(frames: list[Seen]) -> float:
    """Of tick to published."""
    taken = [seen.rollup.tick_to_published_ms for seen in frames]
    return statistics.quantiles(taken, n=100)[98]


@pytest.mark.fault("F19")
def test_echoes_old_ticks_contradictions_and_new_epochs_are_counted_each_by_its_name(trial: Trial):
    """Each tick three times, old ones between, some contradicted; the source starts anew."""
    before = trial.plant.pulse()
    trial.flow()
    feed, old = trial.feed, []
    for number in range(30):
        ticks = [feed.send(name) for name in CURRENCIES]
        for tick in ticks:
            feed.again(tick, 2)
        if number % 5 == 4:
            feed.again(old[number % len(old)])
            feed.contradict(ticks[0])
        old = ticks if number % 5 == 0 else old
    feed.restart()
    feed.send("USD")
    trial.recovered(0)
    trial.rest()
    trial.exact_counts(before)
    trial.check()
    assert {s: trial.truth.states[s] for s in ("duplicate", "stale", "conflict")} == {
        "duplicate": 180,
        "stale": 6,
        "conflict": 6,
    }


@pytest.mark.fault("F20", budget_ms=2000)
@pytest.mark.faults_long
def test_a_flood_of_ticks_is_conflated_in_constant_memory_and_its_last_word_is_published(
    trial: Trial,
):
    """2,000 ticks a second for 60 s."""
    before = trial.plant.pulse()
    trial.flow()
    kib = [trial.plant.memory_kib("bridge")]
    for _ in range(3):
        trial.feed.burst(2000, 20.0)
        kib.append(trial.plant.memory_kib("bridge"))
    trial.feed.flush()
    sent = time.time_ns()
    lag = trial.plant.pulse().lag
    until(lambda: (p := trial.plant.pulse()) and not p.lag and not p.in_flight, 60, "lag 0")
    drained = (time.time_ns() - sent) / 1e6
    trial.row.recovery_ms.append(round(drained, 1))
    after = trial.plant.pulse()
    counts = {s: n - before.states.get(s, 0) for s, n in after.states.items()}
    trial.row.notes.append(
        f"{trial.feed.sent:,} ticks, {counts}; lag at the end {lag:,};"
        f" bridge RSS KiB at 0, 20, 40, 60 s: {kib}"
    )
    trial.truth.advance(trial.feed.bad)
    trial.check()
    trial.exact_counts(before)
    assert kib[3] - kib[1] < 60_000
