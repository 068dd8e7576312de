"""PostgreSQL loses its connections, and a standby is promoted in place of a killed primary."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import psycopg
import pytest

from tests.faults.edits import Edits
from tests.faults.plant import Plant, until
from tests.faults.report import Row
from tests.faults.servers import StandbyServers
from tests.faults.trial import Trial
from tests.servers import BASE

SEED = int(os.environ.get("SEED", "1"))
END_ALL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'risk_app'"


@pytest.fixture(scope="module")
def plant_with_standby() -> Iterator[Plant]:
    """A plant whose database has a standby that confirms each commit."""
    made = Plant(BASE.with_name(f"{BASE.name}-standby"), servers=StandbyServers)
    made.system.log_in()
    yield made
    made.stop()


@pytest.fixture
def trial(plant_with_standby: Plant, row: Row) -> Iterator[Trial]:  # type: ignore[override]
    """A live stream on that plant, with the web process."""
    plant_with_standby.heal()
    plant_with_standby.wait_ready()
    plant_with_standby.system.start_web()
    made = Trial(plant_with_standby, row, SEED)
    yield made
    made.close()
    plant_with_standby.end("web")


@pytest.fixture
def edits(trial: Trial) -> Iterator[Edits]:
    """Trades are edited all the time."""
    until(lambda: reachable(trial), 40, "the API answers")
    made = Edits(trial.system)
    yield made
    made.close()


def reachable(trial: Trial) -> bool:
    """Return whether the API lists swaps."""
    try:
        return bool(trial.system.get("swaps/?page_size=1")["count"])
    except OSError:
        return False


def newest_book(trial: Trial) -> int:
    """Database version of the newest book in a frame."""
    return max(int(seen.rollup.book_version.split("-")[0]) for seen in trial.collect())


def an_edit_is_priced(trial: Trial, edits: Edits) -> None:
    """End the edits, and wait for a frame of the newest book: web and compiler are well."""
    edits.close()
    version = "from instruments.trade_repository import current_version; print(current_version())"
    newest = int(trial.system.manage("shell", "-c", version).split()[-1])
    until(lambda: newest_book(trial) >= newest, 60, f"a frame of book {newest}")


@pytest.mark.fault("F33", budget_ms=2000)
@pytest.mark.faults_long
def test_connections_to_the_database_that_are_ended_are_made_again(trial: Trial, edits: Edits):
    """PostgreSQL ends all connections of ours, ten times, while trades are edited"""
    owner = trial.servers.stack.urls.database_url
    with trial.stream(every_s=0.1):
        until(lambda: edits.acknowledged, 30, "an edit")
        for _ in range(10):
            moment = time.time_ns()
            with psycopg.connect(owner, autocommit=True) as connection:
                connection.execute(END_ALL)
            until(lambda moment=moment: edits.since(moment), 30, "an edit afterwards")
            trial.row.recovery_ms.append(round(edits.since(moment) or 0.0, 1))
        an_edit_is_priced(trial, edits)
        trial.sample()
    trial.row.notes.append(f"{len(edits.times_ns)} edits acknowledged, {edits.refused} refused")
    trial.check()
    assert edits.missing() == []


@pytest.mark.fault("F33", budget_ms=5000)
@pytest.mark.faults_long
def test_a_standby_is_promoted_and_has_every_edit_that_was_acknowledged(trial: Trial, edits: Edits):
    """SIGKILL PostgreSQL, promote its standby after 2 s: web, compiler and bridge go over to it"""
    assert isinstance(trial.servers, StandbyServers)
    with trial.stream(every_s=0.1):
        until(lambda: len(edits.acknowledged) > 10, 60, "some edits")
        trial.servers.kill("postgres")
        time.sleep(2.0)
        moment = time.time_ns()
        trial.servers.standby.promote()
        until(lambda: edits.since(moment), 60, "an edit at the new primary")
        trial.row.recovery_ms.append(round(edits.since(moment) or 0.0, 1))
        an_edit_is_priced(trial, edits)
        begun = time.time_ns()
        trial.plant.replace("bridge", trial.plant.start_bridge)
        trial.recovered(begun)
        trial.sample()
    trial.row.notes.append(f"{len(edits.times_ns)} edits acknowledged, {edits.refused} refused")
    trial.check()
    assert edits.missing() == []
