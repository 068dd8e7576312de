"""A pytest plugin: tests that ``long_tests.txt`` names run when they are asked for.

A run of the whole suite leaves them out and says how many there are; ``--long`` (``make test-all``)
runs them too. A run of named folders, files or tests runs all of what is named. The list is for
tests that take long and whose kind has a quicker test beside it: whole systems with browsers and
killed processes, more sizes, more random examples, each variant of what one variant shows.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from tests import not_run

LIST = Path(__file__).with_name("long_tests.txt")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--long``."""
    parser.addoption("--long", action="store_true", help="run the tests of long_tests.txt too")


def pytest_configure(config: pytest.Config) -> None:
    """Take named paths for a wish to run all that they have."""
    if config.args_source is pytest.Config.ArgsSource.ARGS:
        config.option.long = True


@cache
def names() -> tuple[str, ...]:
    """Folders, files and tests of the list, as pytest names them."""
    lines = (line.partition("#")[0].strip() for line in LIST.read_text().splitlines())
    return tuple(line for line in lines if line)


def is_long(node_id: str) -> bool:
    """Return whether the list has a test, its file, or a folder that it is in."""
    test = node_id.partition("[")[0]
    return any(test == name or test.startswith((f"{name}/", f"{name}::")) for name in names())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long ones out of a run of everything."""
    if config.option.long:
        return
    left_out = [item for item in items if is_long(item.nodeid)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        not_run.leave_out(config, not_run.LONG_TESTS, len(left_out))
        items[:] = [item for item in items if not is_long(item.nodeid)]
