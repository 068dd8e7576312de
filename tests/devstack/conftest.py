"""Directories for servers, and the two brokers, each skipped aloud where it cannot run."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devstack.errors import StackError
from devstack.servers import kafka_libs, tansu
from devstack.servers.java import find_java
from tests import not_run


@contextmanager
def open_directory() -> Iterator[Path]:
    """A directory that user `nobody` reaches too; pytest's own are closed."""
    path = Path(tempfile.mkdtemp(prefix="devstack-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def base() -> Iterator[Path]:
    """An empty base directory."""
    with open_directory() as path:
        yield path


@pytest.fixture(scope="module")
def kept_base() -> Iterator[Path]:
    """A base directory for a whole file, so that initdb runs once."""
    with open_directory() as path:
        yield path


@pytest.fixture(scope="session")
def apache() -> dict[str, str]:
    """The environment that asks for Apache Kafka."""
    try:
        find_java()
        kafka_libs.kafka_libs(print)
    except StackError as error:
        not_run.stop(not_run.APACHE_KAFKA, str(error))
    return {"KAFKA_BROKER": "apache"}


@pytest.fixture(scope="session")
def packaged() -> dict[str, str]:
    """The environment that asks for the packaged broker."""
    try:
        tansu.find_binary()
    except StackError as error:
        not_run.stop(not_run.PACKAGED_BROKER, str(error))
    return {"KAFKA_BROKER": "packaged"}
