"""The systemd units start what the Procfile starts, with the rights of docker-compose.yml."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from devstack.compose import Service
from tests import not_run
from tests.starts import (
    DEPLOY,
    UNITS,
    essence,
    procfile_lines,
    settings_of,
    unit_commands,
    units,
    unwrapped,
)

SYSTEMD = not_run.Need("systemd-analyze", "apt-get install systemd")
MOST_EXPOSED = 2.0
"""Of 10, as `systemd-analyze security` counts; what may use the network has about 1."""

FOUND = units()
PROCESSES = sorted(set(FOUND) - {"migrate"})
SHARED = settings_of(UNITS / "live-risk-.service.d" / "hardening.conf")


def values(name: str, setting: str) -> list[str]:
    """The values of one setting of a unit."""
    return [value for key, value in FOUND[name] if key == setting]


def test_the_units_are_the_processes_of_the_procfile() -> None:
    assert set(PROCESSES) == set(procfile_lines()) - {"replay"}


@pytest.mark.parametrize("name", PROCESSES)
def test_a_unit_is_the_same_program_as_niced_as_in_the_procfile(name: str) -> None:
    line = procfile_lines()[name]
    (command,) = unit_commands(FOUND[name])
    assert essence(command) == essence(line.command)
    assert values(name, "Nice") == ([str(line.nice)] if line.nice else [])


@pytest.mark.parametrize("name", PROCESSES)
def test_a_unit_has_the_share_of_the_processor_that_it_has_in_compose(
    name: str, services: dict[str, Service]
) -> None:
    """Of 1,024 in compose, of 100 here: between services this counts, and niceness does not."""
    shares = services[name].cpu_shares
    assert values(name, "CPUWeight") == ([] if shares == 1024 else [str(shares * 100 // 1024)])


def test_the_migration_does_what_it_does_in_compose(services: dict[str, Service]) -> None:
    (line,) = [" ".join(unwrapped(services["migrate"].command))]
    wanted = [part.split() for part in line.split(" && ")]
    assert [essence(one) for one in unit_commands(FOUND["migrate"])] == wanted


@pytest.mark.parametrize("name", PROCESSES)
def test_a_unit_starts_and_ends_with_the_target_and_comes_back(name: str) -> None:
    assert values(name, "WantedBy") == ["live-risk.target"]
    assert ("PartOf", "live-risk.target") in SHARED
    assert values(name, "Restart") == ["always"]


@pytest.mark.parametrize("name", [*PROCESSES, "migrate"])
def test_a_unit_has_the_account_of_compose(name: str, services: dict[str, Service]) -> None:
    files = values(name, "EnvironmentFile")
    if name == "migrate":
        account = "owner"
    else:
        found = re.match(r"redis://(\w+):", services[name].environment["REDIS_URL"])
        assert found is not None
        account = found[1]
    assert f"/etc/live-risk/accounts/{account}.env" in files
    assert len([file for file in files if "/accounts/" in file]) == 1
    assert ("/etc/live-risk/kafka.env" in files) == (name in ("web", "bridge"))


@pytest.mark.parametrize("name", [*PROCESSES, "migrate"])
def test_no_secret_is_written_out_and_each_credential_is_used(name: str) -> None:
    text = " ".join(value for _, value in FOUND[name])
    assert not re.search(r"(PASSWORD|SECRET|TOKEN|_URL)=(?!http://127)\S", text)
    for credential in values(name, "LoadCredential"):
        assert f"%d/{credential.partition(':')[0]}" in text


@pytest.mark.parametrize("name", PROCESSES)
def test_a_heartbeat_file_lies_in_the_unit_s_own_folder(
    name: str, services: dict[str, Service]
) -> None:
    wanted = {key for key in services[name].environment if key.endswith("_HEARTBEAT_FILE")}
    text = " ".join(values(name, "Environment"))
    assert set(re.findall(r"\w+_HEARTBEAT_FILE(?==%t/%p/)", text)) == wanted


def test_the_settings_files_are_those_that_kubernetes_reads() -> None:
    said = [value for key, value in SHARED if key == "EnvironmentFile"]
    assert said == ["/etc/live-risk/settings.env"]
    assert {path.name for path in (DEPLOY / "common").glob("*.env")} == {
        "settings.env",
        "kafka.env",
    }


# --- systemd's own word ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units in a folder, with programs that exist."""
    if shutil.which("systemd-analyze") is None:
        not_run.stop(SYSTEMD)
    folder = tmp_path_factory.mktemp("units")
    shutil.copytree(UNITS, folder, dirs_exist_ok=True)
    programs = folder / "bin"
    programs.mkdir()
    for name in ("python", "celery", "streamlit"):
        (programs / name).write_text("#!/bin/sh\n")
        (programs / name).chmod(0o755)
    for path in folder.glob("*.service"):
        path.write_text(path.read_text().replace("/opt/live-risk/venv/bin", str(programs)))
    return folder


def analyze(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *words],
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_systemd_finds_nothing_wrong(installed: Path) -> None:
    names = [path.name for path in installed.glob("live-risk*.[st]*") if path.is_file()]
    assert len(names) == len(FOUND) + 1
    done = analyze(installed, "verify", "--man=no", "--recursive-errors=yes", *sorted(names))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", [*PROCESSES, "migrate"])
def test_a_unit_is_hardened(name: str, installed: Path) -> None:
    threshold = f"--threshold={MOST_EXPOSED * 10:.0f}"
    done = analyze(installed, "security", "--offline=true", threshold, f"live-risk-{name}.service")
    assert done.returncode == 0, done.stdout[-300:]
