"""Which broker is chosen, with stand-ins for Java and Maven on PATH that fail as real ones do."""

import shutil
from pathlib import Path

import pytest

from devstack.errors import StackError
from devstack.servers.broker import choose_broker
from devstack.servers.kafka import Kafka, new_cluster_id
from devstack.servers.tansu import Tansu

JAVA_17 = "echo 'openjdk version \"17.0.15\" 2025-04-15' >&2"
JAVA_8 = "echo 'java version \"1.8.0_392\"' >&2"
MAVEN_OFFLINE = "echo '[ERROR] Could not resolve org.apache.kafka:kafka_2.13'; exit 1"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is all of PATH, and an empty cache."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "sh").symlink_to(str(shutil.which("sh")))
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("DEVSTACK_CACHE", str(tmp_path / "cache"))
    return folder


def install(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/usr/bin/env sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.mark.usefixtures("packaged")
@pytest.mark.parametrize(
    ("java", "maven", "reason"),
    [
        ("", "", "no Java was found"),
        (JAVA_8, MAVEN_OFFLINE, "Java 8 is too old"),
        (JAVA_17, "", "Maven (mvn) was not found"),
        (JAVA_17, MAVEN_OFFLINE, "Could not resolve org.apache.kafka"),
    ],
)
def test_the_packaged_broker_stands_in_and_the_reason_is_said(
    programs: Path, tmp_path: Path, java: str, maven: str, reason: str
) -> None:
    said: list[str] = []
    for name, script in (("java", java), ("mvn", maven)):
        if script:
            install(programs, name, script)
    assert isinstance(choose_broker(tmp_path, {}, said.append), Tansu)
    assert reason in said[-1]


def test_a_forced_broker_is_never_replaced(programs: Path, tmp_path: Path) -> None:
    assert not list(programs.glob("java"))
    with pytest.raises(StackError, match="KAFKA_BROKER=apache, but no Java was found"):
        choose_broker(tmp_path, {"KAFKA_BROKER": "apache"}, print)


def test_a_misspelt_choice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="use 'apache' or 'packaged'"):
        choose_broker(tmp_path, {"KAFKA_BROKER": "Apache"}, print)


def test_apache_kafka_is_preferred_where_it_can_run(apache: dict[str, str], tmp_path: Path) -> None:
    assert apache
    assert isinstance(choose_broker(tmp_path, {}, print), Kafka)


def test_a_cluster_id_is_never_taken_for_an_option():
    # One random id in 64 would begin with a dash, and the format tool would refuse it.
    assert not any(new_cluster_id().startswith("-") for _ in range(2000))
