"""Faults of planned work: workers that leave and join, and updates from one release to the next."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import not_run
from tests.e2e.system import ROOT
from tests.faults.plant import DETAIL, QUEUES, WORKERS, Plant, until
from tests.faults.trial import Trial

pytestmark = [pytest.mark.servers]
NEXT = "tests.faults.newer"
LAST_RELEASE = not_run.Need(
    "the name of the release before", "OLD_RELEASE=v0.1.0 make faults FAULT=F29"
)

Start = Callable[[str], None]
"""Starts the process of a name in a release."""


@pytest.fixture
def restored(trial: Trial) -> Iterator[Trial]:
    """Afterwards all processes are of this release again."""
    yield trial
    for name in (*QUEUES, "compile", "bridge"):
        if trial.system.runs(name):
            trial.plant.end(name)
    trial.plant.heal()
    trial.plant.wait_ready()


def of_this_release(plant: Plant) -> Start:
    def start(name: str) -> None:
        if name == "bridge":
            plant.start_bridge()
        elif name == "compile":
            plant.system.start_worker(name, "compile", 1)
        else:
            plant.start_worker(name)

    return start


def of_the_next(plant: Plant) -> Start:
    def start(name: str) -> None:
        if name == "bridge":
            command = (sys.executable, "-m", NEXT, "runbridge", "--start", "earliest")
            group = plant.system.environment["E2E_GROUP"]
            plant.system.start(name, *command, "--group", group, "--instance", name, kind="bridge")
        else:
            plant.started_ns[name] = time.time_ns()
            plant.system.start_worker(name, QUEUES.get(name, name), 1, app=NEXT)

    return start


def of_a_checkout(plant: Plant, checkout: Path) -> Start:
    """A real release; its workers are under no orders of this suite."""

    def start(name: str) -> None:
        if name == "bridge":
            plant.start_bridge(cwd=checkout)
        else:
            plant.started_ns[name] = time.time_ns()
            plant.system.start_worker(name, QUEUES.get(name, name), 1, cwd=checkout)

    return start


def replace(trial: Trial, name: str, start: Start) -> None:
    """End one process, start it in another release, and wait for whole frames of later ticks."""
    begun_ns = time.time_ns()
    trial.plant.replace(name, lambda: start(name))
    if name == "bridge":
        until(lambda: _of_after(trial.plant, begun_ns), 60, "the bridge speaks")
    elif name in QUEUES:
        trial.plant.wait_ready()
    trial.recover(time.time_ns())
    trial.sample()


def _of_after(plant: Plant, begun_ns: int) -> bool:
    pulse = plant.pulse()
    return pulse is not None and pulse.sent_ns > begun_ns and plant.system.runs("bridge")


ORDERS = {
    "workers first": ("pricing-a", "compile", DETAIL, "bridge", "pricing-b"),
    "the bridge first": ("bridge", "pricing-a", "compile", DETAIL, "pricing-b"),
}


def update(trial: Trial, other: Start, order: tuple[str, ...]) -> None:
    """Everything to the other release, process by process, and back in the same order."""
    ours = of_this_release(trial.plant)
    with trial.stream(every_s=0.1):
        for start in (other, ours):
            for name in order:
                replace(trial, name, start)
    trial.check()
    said = trial.system.log.read_text(errors="replace")[_log_size(trial) :]
    assert "ValidationError" not in said


_sizes: dict[str, int] = {}


def _log_size(trial: Trial) -> int:
    return _sizes.get(str(trial.system.log), 0)


@pytest.fixture(autouse=True)
def _log_begins_here(request: pytest.FixtureRequest) -> None:
    """Only what is said in the test counts."""
    plant: Plant = request.getfixturevalue("plant")
    log = plant.system.log
    _sizes[str(log)] = len(log.read_text(errors="replace"))


@pytest.mark.fault("F29", budget_ms=3000)
@pytest.mark.faults_long
@pytest.mark.parametrize("order", ORDERS)
def test_a_rolling_update_and_back_with_records_of_two_releases(restored: Trial, order: str):
    """Each process in turn becomes one of a release whose records have more fields, and back."""
    restored.row.notes.append(order)
    update(restored, of_the_next(restored.plant), ORDERS[order])


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files of the release before, of the repository's own history."""
    name = os.environ.get("OLD_RELEASE")
    if not name:
        not_run.stop(LAST_RELEASE)
    packed = subprocess.run(["git", "archive", name], cwd=ROOT, check=True, capture_output=True)
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as files:
        files.extractall(tmp_path, filter="data")
    return tmp_path


@pytest.mark.fault("F29", budget_ms=3000)
@pytest.mark.faults_long
@pytest.mark.parametrize("order", ORDERS)
def test_a_rolling_update_from_the_release_before(restored: Trial, checkout: Path, order: str):
    """The same with the files of the release before."""
    restored.row.notes.append(f"{order}, {os.environ['OLD_RELEASE']}")
    update(restored, of_a_checkout(restored.plant, checkout), ORDERS[order])


@pytest.mark.fault("F30", budget_ms=3000)
@pytest.mark.faults_long
def test_a_worker_that_is_told_to_stop_finishes_its_task_and_another_joins(trial: Trial):
    """SIGTERM to the only worker of the sums in its task: the task is finished before it ends."""
    plant, (leaving, other) = trial.plant, WORKERS
    with trial.stream(every_s=0.3):
        plant.end(other)  # one worker left: what follows is nobody else's work
        plant.order(sleep_s=1.0)
        _, currency, frame = plant.await_running(leaving).split(":")
        begun = time.monotonic()
        plant.system.processes[leaving].send_signal(signal.SIGTERM)
        assert plant.frames.pointer(currency) < int(frame), "it is in the middle of the task"
        plant.system.processes[leaving].wait(20)
        trial.row.notes.append(f"ended {time.monotonic() - begun:.1f} s after SIGTERM")
        assert plant.frames.pointer(currency) >= int(frame), "the task was not finished"
        plant.order()
        plant.heal()
        plant.wait_ready()
        trial.recover(time.time_ns())
    trial.check()
