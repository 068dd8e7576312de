"""Declared, locked and installed packages agree; known vulnerabilities are looked up."""

from __future__ import annotations

import ast
import json
import re
import sys
from importlib import metadata
from itertools import pairwise
from pathlib import Path

import pytest

from devstack import audit

ROOT = Path(__file__).resolve().parents[2]
RUNS, SERVERS, DEVELOPS = "requirements.txt", "requirements-servers.txt", "requirements-dev.txt"
LOCKS = {RUNS: 90, SERVERS: 4, DEVELOPS: 90}
"""Each lock file with the least number of packages in it."""
ENTRY = re.compile(r"^([\w.-]+)(?:\[[\w,]+\])?==(\S+)(?: ; [^\\\n]+)? \\$", re.MULTILINE)


def entries(text: str) -> dict[str, str]:
    """Each package with its lines."""
    starts = [match.start() for match in ENTRY.finditer(text)] + [len(text)]
    parts = [text[a:b] for a, b in pairwise(starts)]
    return {part.partition("==")[0].partition("[")[0]: part for part in parts}


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_is_pinned_and_every_file_of_it_has_a_hash(name: str) -> None:
    text = (ROOT / name).read_text()
    found = entries(text)
    heads = [line for line in text.splitlines() if line[:1] not in (" ", "#", "")]
    assert len(found) == len(heads) >= LOCKS[name]
    for package, lines in found.items():
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", lines), package


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_address_to_fetch_from(name: str) -> None:
    assert not re.search(r"://|--index|--extra-index|--find-links|-f ", (ROOT / name).read_text())


def test_what_runs_and_what_develops_are_locked_to_the_same_versions() -> None:
    runs, servers, develops = (dict(ENTRY.findall((ROOT / name).read_text())) for name in LOCKS)
    assert (runs | servers).items() <= develops.items()
    assert (servers | runs).items() <= develops.items()


def test_the_image_installs_the_whole_lock_of_what_runs_and_nothing_else() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert re.findall(r"pip install (.*)", dockerfile) == [f"-r {RUNS}"]
    assert re.findall(r"COPY (requirements\S*)", dockerfile) == [RUNS]
    servers = declared(SERVERS)
    assert servers
    assert not servers & set(entries((ROOT / RUNS).read_text()))


# --- What is imported is declared ----------------------------------------------------------------

PACKAGES = {path.parent.name for path in ROOT.glob("*/__init__.py")} | {"docs"}
OWN = PACKAGES | {"manage", "flowerconfig", "live_risk_client"}
PACKAGES_OF = {
    module: {name.lower().replace("_", "-") for name in names}
    for module, names in metadata.packages_distributions().items()
}


def declared(*locks: str) -> set[str]:
    """Packages that the sources of these lock files name."""
    lines = [
        line
        for lock in locks
        for line in (ROOT / lock).with_suffix(".in").read_text().splitlines()
        if line and not line.startswith(("#", "-"))
    ]
    return {re.split(r"[\[=]", line)[0].lower() for line in lines}


def imported(file: Path) -> set[str]:
    """Top-level modules outside the standard library and the project."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return {name.partition(".")[0] for name in found} - OWN - sys.stdlib_module_names


def allowed(package: str) -> tuple[str, ...]:
    """Lock files that a part of the project may rely on."""
    if package == "demo":
        return RUNS, SERVERS
    in_the_image = f"COPY {package} {package}" in (ROOT / "Dockerfile").read_text()
    return (RUNS,) if in_the_image else (RUNS, SERVERS, DEVELOPS)


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_every_imported_package_is_declared(package: str) -> None:
    names = declared(*allowed(package))
    missing = {
        (module, str(file.relative_to(ROOT)))
        for file in (ROOT / package).rglob("*.py")
        for module in imported(file)
        if not PACKAGES_OF.get(module, {module}) & names
    }
    assert missing == set()


def test_an_excuse_for_ruff_is_an_excuse_for_bandit_with_a_reason() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    for package in packages - {"tests", "benchmarks", "docs"}:
        for file in (ROOT / package).rglob("*.py"):
            for line in file.read_text().splitlines():
                for number in re.findall(r"noqa: S(\d+)", line):
                    assert number == "603" or f"nosec B{number}  # noqa: S{number} - " in line, line
                if "# nosec" in line and "import " not in line:
                    assert "noqa: S" in line, line


# --- The answer of the database of advisories ----------------------------------------------------


def package(name: str, *ids: str) -> dict[str, object]:
    return {
        "name": name,
        "version": "1.0",
        "vulns": [{"id": one, "fix_versions": ["1.1"]} for one in ids],
    }


def judged(*packages: dict[str, object]) -> tuple[int, list[str]]:
    return audit.judge("list.txt", json.dumps({"dependencies": packages}), "")


def test_a_known_vulnerability_fails_and_is_named_with_its_repair() -> None:
    assert judged(package("good"), package("bad", "GHSA-1")) == (
        1,
        ["bad 1.0: GHSA-1, repaired in 1.1"],
    )


def test_a_list_without_known_vulnerabilities_passes() -> None:
    assert judged(package("good"), package("fine")) == (0, ["list.txt: 2 packages, nothing known"])


UNKNOWN: dict[str, object] = {"name": "odd", "skip_reason": "not found"}


def test_a_package_that_could_not_be_looked_up_is_not_counted_as_well() -> None:
    assert judged(package("good"), UNKNOWN) == (
        0,
        [
            "list.txt: 1 packages, nothing known",
            "NOT CHECKED: odd: the advisory database does not know it",
        ],
    )
    status, lines = judged(package("bad", "GHSA-1"), UNKNOWN)
    assert (status, len(lines)) == (1, 2)


def test_a_database_out_of_reach_is_said_and_is_no_failure() -> None:
    gone = "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='x', port=443)"
    for status, lines in (audit.judge("list.txt", "", gone), judged(UNKNOWN)):
        assert status == 0
        assert len(lines) == 1
        assert lines[0].startswith("NOT CHECKED: list.txt: the advisory database")


def test_any_other_failure_of_the_tool_is_one_of_ours() -> None:
    status, lines = audit.judge("list.txt", "", "error: invalid requirement on line 3")
    assert (status, len(lines)) == (2, 1)
    assert "invalid requirement on line 3" in lines[0]
