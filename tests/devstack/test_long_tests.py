"""The long tests are left out of a run of everything, counted, and run when they are asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import long_tests

ROOT = Path(__file__).parents[2]
SAMPLE = """
import pytest

@pytest.mark.parametrize("size", [1, 2])
def test_many_sizes(size): pass
def test_one(): pass
"""


@pytest.mark.parametrize("name", long_tests.names())
def test_what_the_list_names_is_there(name: str) -> None:
    path, _, test = name.partition("::")
    assert (ROOT / path).exists()
    assert not test or f"def {test}(" in (ROOT / path).read_text()


@pytest.mark.parametrize(
    ("options", "ran", "said"),
    [
        ((), 1, "not run: 2 tests"),
        (("-n", "2"), 1, "not run: 2 tests"),
        (("-n", "2", "test_sample.py"), 3, ""),
        (("--long",), 3, ""),
    ],
)
def test_they_are_left_out_unless_asked_for(
    tmp_path: Path, options: tuple[str, ...], ran: int, said: str
) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\ntestpaths = .\n")
    (tmp_path / "test_sample.py").write_text(SAMPLE)
    (tmp_path / "conftest.py").write_text(
        "from pathlib import Path\nfrom tests import long_tests\n"
        "long_tests.LIST = Path(__file__).with_name('list.txt')\n"
    )
    (tmp_path / "list.txt").write_text("# sizes\ntest_sample.py::test_many_sizes  # slow\n")
    plugins = ("-p", "tests.not_run", "-p", "tests.long_tests", "-p", "no:django")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, *options],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
        | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{ran} passed" in done.stdout
    assert said in done.stdout
    assert bool(said) == ("not run:" in done.stdout)
