"""One plant for all faults of a run; a row for each; the table at the end.

FAULTS=all          every fault, not only the short core
FAULTS=F3,F7        these
SEED=7              of the feeds
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import not_run
from tests.faults.plant import Plant
from tests.faults.report import FAR, Row, table, write
from tests.faults.trial import MEASURES, Trial
from tests.servers import BASE

CHOSEN = os.environ.get("FAULTS", "")
SEED = int(os.environ.get("SEED", "1"))
REPORT = Path(os.environ.get("FAULTS_REPORT", BASE.with_name(f"{BASE.name}-faults.json")))

_rows: list[Row] = []
_about: dict[str, object] = {"seed": SEED}


def _name(item: pytest.Item) -> str | None:
    mark = item.get_closest_marker("fault")
    return str(mark.args[0]) if mark else None


def _wanted(item: pytest.Item) -> bool:
    name = _name(item)
    if name is None or CHOSEN == "all":
        return True
    if CHOSEN:
        return name in CHOSEN.split(",")
    return item.get_closest_marker("faults_long") is None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long ones out, and say so: see the report's header."""
    left_out = [item for item in items if not _wanted(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        if not CHOSEN:
            not_run.leave_out(config, not_run.ALL_FAULTS, len(left_out))
        items[:] = [item for item in items if _wanted(item)]


@pytest.fixture(scope="session")
def plant() -> Iterator[Plant]:
    """The system under fire, started once."""
    made = Plant(BASE.with_name(f"{BASE.name}-faults"))
    _about.update(broker=made.servers.kafka.name, plant_ready_s=round(made.started_in_s, 1))
    yield made
    made.stop()


@pytest.fixture(scope="session")
def fencing_broker(plant: Plant) -> None:
    """A broker that puts a member out of its group whose name another has taken."""
    if "memory" in plant.servers.kafka.name:
        not_run.stop(not_run.APACHE_KAFKA, "the packaged broker lets two members have one name")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Iterator[None]:
    """Keep what became of the test, for its row."""
    report = yield
    if report.when == "call" or report.skipped:
        item.stash[OUTCOME] = report.outcome
    return report


OUTCOME = pytest.StashKey[str]()


@pytest.fixture
def row(request: pytest.FixtureRequest) -> Iterator[Row]:
    """The row of this fault; its words are the first line of the test's docstring."""
    mark = request.node.get_closest_marker("fault")
    done = (request.node.function.__doc__ or request.node.name).strip().splitlines()[0]
    made = Row(mark.args[0], done.rstrip("."), mark.kwargs.get("budget_ms"))
    _rows.append(made)
    yield made
    made.judge(request.node.stash.get(OUTCOME, "failed"))
    assert not (MEASURES and made.exceeds(FAR)), f"far over budget: {made}"


@pytest.fixture
def trial(plant: Plant, row: Row) -> Iterator[Trial]:
    """A live stream on a plant that is well, before and after."""
    plant.order()
    plant.heal()
    plant.wait_ready()
    made = Trial(plant, row, SEED)
    yield made
    made.close()
    plant.order()
    plant.servers.redis_proxy.mend()
    if plant.servers.kafka_proxy:
        plant.servers.kafka_proxy.mend()


def pytest_sessionfinish() -> None:
    """The JSON file, which a process of several writes too."""
    if _rows:
        write(REPORT, _rows, **_about)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The table."""
    if not _rows:
        return
    rows = sorted(_rows, key=lambda row: int(row.fault[1:]))
    terminalreporter.section("faults")
    about = ", ".join(f"{name} {value}" for name, value in _about.items())
    terminalreporter.write_line(about)
    for line in table(rows):
        terminalreporter.write_line(line)
    terminalreporter.write_line(f"as JSON: {REPORT}")
