"""The bridge dies, sleeps and wakes as a zombie: every tick still ends in one state."""

from __future__ import annotations

import random
import time

import pytest

from risk.store.heartbeats import alive
from tests.faults.plant import until
from tests.faults.trial import Trial

SESSION_S = 6.0
"""A group waits so long for a member that says nothing (``session_timeout_ms``)."""


def kill_and_start(trial: Trial) -> None:
    """SIGKILL the bridge and start it at once; waits for whole frames."""
    moment = time.time_ns()
    trial.system.kill("bridge")
    trial.plant.start_bridge()
    trial.recover(moment)


@pytest.mark.fault("F13", budget_ms=1500)
def test_a_killed_bridge_reads_again_what_it_had_not_committed(trial: Trial):
    """SIGKILL the bridge in the middle of the stream and start it."""
    with trial.stream():
        kill_and_start(trial)
    trial.check()


@pytest.mark.fault("F13", budget_ms=1500)
@pytest.mark.faults_long
def test_a_bridge_killed_again_and_again_publishes_nothing_twice(trial: Trial):
    """SIGKILL the bridge five times at random moments of its work."""
    rng = random.Random(trial.feed.seed)
    with trial.stream():
        for _ in range(5):
            time.sleep(rng.uniform(0.2, 1.2))
            kill_and_start(trial)
            trial.sample()
    trial.check()


@pytest.mark.fault("F14", budget_ms=1500)
@pytest.mark.usefixtures("fencing_broker")
def test_a_bridge_whose_name_another_takes_ends_and_says_why(trial: Trial):
    """A second bridge starts under the first one's name: a group knows it by that alone."""
    with trial.stream():
        moment = time.time_ns()
        trial.plant.start_bridge("second", "--instance", "bridge")
        trial.recover(moment)
        until(lambda: not trial.system.runs("bridge"), 20, "the first one ends")
        trial.sample()
        trial.plant.end("second")
        trial.plant.start_bridge()
        trial.recovered(time.time_ns())
    assert (
        "another bridge has joined the group as --instance bridge" in trial.system.log.read_text()
    )
    trial.check()


@pytest.mark.fault("F14", budget_ms=10_000)
@pytest.mark.faults_long
def test_a_bridge_that_wakes_up_after_another_has_taken_over_disturbs_nobody(trial: Trial):
    """SIGSTOP the bridge, start a second one, SIGCONT the first after 12 s."""
    with trial.stream():
        with trial.plant.frozen("bridge"):
            moment = time.time_ns()
            trial.plant.start_bridge("second")
            trial.recover(moment)
            time.sleep(12.0 - SESSION_S)
        until(lambda: len(alive(trial.plant.client)) == 2, 30, "both bridges speak")
        trial.recovered(time.time_ns())
        time.sleep(3.0)
        trial.sample()
        trial.plant.end("second")
        trial.recovered(time.time_ns())
    trial.row.notes.append("the first one joins the group again, with an epoch above the second's")
    trial.check()
