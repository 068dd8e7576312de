"""A pytest plugin: tests marked ``long`` run when they are asked for.

A run of the whole suite leaves them out and says how many there are; ``--long`` (``make test-all``)
runs them too. A run of named folders, files or tests runs all of what is named. The mark is for a
test that takes long and whose kind has a quicker test beside it: more sizes, more random examples,
each variant of what one variant shows.
"""

from __future__ import annotations

import pytest

from tests import not_run

MARK = "long"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--long``."""
    parser.addoption("--long", action="store_true", help="run the tests marked `long` too")


def pytest_configure(config: pytest.Config) -> None:
    """Take named paths for a wish to run all that they have; the processes of -n inherit it."""
    by_name = config.args_source is pytest.Config.ArgsSource.ARGS
    if by_name and not hasattr(config, "workerinput"):
        config.option.long = True


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long ones out of a run of everything."""
    if config.option.long:
        return
    left_out = [item for item in items if item.get_closest_marker(MARK)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        not_run.leave_out(config, not_run.LONG_TESTS, len(left_out))
        items[:] = [item for item in items if not item.get_closest_marker(MARK)]
