"""What cannot run on a machine is listed at the end of a run, and fails nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
OTHER_WAYS = re.compile(r"pytest\.skip\(|mark\.skip|importorskip|unittest\.skip")
SAMPLE = """
import pytest
from tests import not_run

@pytest.fixture
def browser():
    not_run.stop(not_run.CHROMIUM)

def test_a_page(browser): pass
def test_another_page(browser): pass
def test_a_broker(): not_run.stop(not_run.APACHE_KAFKA, "no Java was found")
def test_another_broker(): not_run.stop(not_run.APACHE_KAFKA, "Java 11 is too old")

@not_run.unless(False, not_run.ROOT_USER)
def test_root(): pass

@not_run.unless(True, not_run.ROOT_USER)
def test_that_runs(): pass
"""
CONFTEST = """
from tests import not_run
def pytest_collection_modifyitems(config, items):
    not_run.leave_out(config, not_run.ALL_FAULTS, 7)
"""


def test_tests_that_cannot_run_are_counted_by_what_they_need_and_the_run_is_green(
    tmp_path: Path,
) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_sample.py").write_text(SAMPLE)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.not_run", "-p", "no:django", "."],
        cwd=tmp_path,
        env=dict(os.environ) | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if line]
    start = next(number for number, line in enumerate(lines) if " not run: 12 tests " in line)
    assert lines[start + 1 : start + 7] == [
        "   7 tests for want of faults beyond the short core; to run: make faults, make soak",
        "   2 tests for want of Chromium; "
        "to run: apt-get install chromium, or set CHROMIUM to its path",
        "   2 tests for want of Apache Kafka, which needs Java 17 and Maven; "
        "to run: apt-get install openjdk-17-jdk-headless maven, or set KAFKA_BOOTSTRAP_SERVERS",
        "       Java 11 is too old",
        "       no Java was found",
        "   1 test for want of the user root; to run: run the tests as root",
    ]


def test_no_test_is_skipped_in_another_way() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if path.name not in ("not_run.py", "test_not_run.py")
        for line in path.read_text().splitlines()
        if OTHER_WAYS.search(line)
    ]
    assert found == []
