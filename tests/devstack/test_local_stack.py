"""``manage.py`` beside a running demo: it finds the servers, with no more rights than it needs."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest

from devstack.local_stack import DATABASE_ACCOUNTS, VARIABLES, environment_for
from devstack.processes.lock import BaseLock
from devstack.stack import Stack
from tests.devstack.conftest import open_directory

ROOT = Path(__file__).parents[2]
RUNNING = {
    "database_url": "postgresql://risk:hunter@127.0.0.1:1/risk",
    "redis_url": "redis://operator:secretoperator@127.0.0.1:2/0",
    "kafka_bootstrap": "127.0.0.1:3",
    "kafka_name": "Apache Kafka",
    "database_app_password": "app",
    "database_readonly_password": "readonly",
    "accounts": {
        f"{name}_REDIS_URL": f"redis://{name.lower()}:x@127.0.0.1:2/0"
        for name in ("WEB", "BRIDGE", "LIMITS", "REPLAY")
    },
}
SWAP = """\
trade_id,convention,pay_receive,notional,effective_date,termination_date,fixed_rate,book
S-1,EUR-EURIBOR-6M,receive,1000000,2020-10-20,2045-10-20,0.01,EUR-EURIBOR
"""
CURVES = """\
Date,"1 Mo","3 Mo","1 Yr","2 Yr","5 Yr","10 Yr","30 Yr"
09/24/2024,4.87,4.78,3.87,3.49,3.47,3.73,4.09
"""
FX_RATES = """\
currency,date,usd,source
EUR,2024-01-02,1.0956,ECB
"""
"""Of what the feed of a system that runs would bring."""
BOOK = {
    "bonds": (
        ("code", "name", "convention", "coupon_rate", "issue_date", "maturity_date"),
        ("T-2032", "Treasury 2032", "US-TREASURY", "0.04125", "2022-11-15", "2032-11-15"),
    ),
    "positions": (
        ("trade_id", "bond", "face_amount", "book", "clean_price"),
        ("P-1", "T-2032", "1000000", "EUR-EURIBOR", "98.5"),
    ),
    "swaps": [line.split(",") for line in SWAP.replace("S-1", "S-2").split()],
}
"""The workbook of the README: its sheets are tables."""

#: What ends a command of the README sooner than a user would wait for it.
SHORTER = {
    "seed_book": ("--trades", "200"),
    "replay": ("--once", "3"),
    "pla": ("--days", "3"),
    "backtest": ("--days", "3"),
    "runlimits": ("--once",),
}
#: The commands of the README's table, without the words that are not code.
COMMANDS = re.findall(r"`python3 manage\.py ([^`]+)`", (ROOT / "README.md").read_text())


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Path]:
    """What a launcher that runs leaves in its directory."""
    (tmp_path / "running.json").write_text(json.dumps(RUNNING))
    lock = BaseLock(tmp_path)
    lock.take()
    yield tmp_path
    lock.give_back()


@pytest.mark.parametrize(
    ("command", "database", "redis"),
    [
        ("seed_book", "risk_app:app", "web"),
        ("create_token", "risk_app:app", "web"),
        ("runbridge", "risk_app:app", "bridge"),
        ("runlimits", "risk_app:app", "limits"),
        ("replay", "risk_app:app", "replay"),
        ("doctor", "risk_readonly:readonly", "web"),
        ("export_instruments", "risk_readonly:readonly", "web"),
        ("migrate", "risk:hunter", "web"),
    ],
)
def test_a_command_gets_the_least_accounts_that_serve(
    demo: Path, command: str, database: str, redis: str
) -> None:
    found = environment_for(command, demo, {})
    assert found["DATABASE_URL"] == f"postgresql://{database}@127.0.0.1:1/risk"
    assert found["REDIS_URL"] == f"redis://{redis}:x@127.0.0.1:2/0"
    assert found["KAFKA_BOOTSTRAP_SERVERS"] == "127.0.0.1:3"
    assert "secretoperator" not in str(found)
    if DATABASE_ACCOUNTS.get(command) != "risk":
        assert "hunter" not in str(found)
        assert not [name for name in found if name.endswith("_PASSWORD")]


def test_who_makes_the_accounts_gets_their_passwords(demo: Path) -> None:
    found = environment_for("database_roles", demo, {})
    assert found["DATABASE_APP_PASSWORD"] == "app"
    assert found["DATABASE_READONLY_PASSWORD"] == "readonly"


@pytest.mark.parametrize("name", VARIABLES)
def test_a_server_that_is_named_keeps_the_demo_out_even_by_an_empty_name(
    demo: Path, name: str
) -> None:
    assert environment_for("seed_book", demo, {name: ""}) == {}
    assert environment_for("seed_book", demo, {name: "elsewhere"}) == {}


def test_production_and_commands_without_servers_get_nothing(demo: Path) -> None:
    assert environment_for("seed_book", demo, {"RISK_ENV": "production"}) == {}
    assert environment_for("price", demo, {}) == {}
    assert environment_for("demo", demo, {}) == {}


def test_the_file_of_a_launcher_that_was_killed_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "running.json").write_text(json.dumps(RUNNING))
    assert environment_for("seed_book", tmp_path, {}) == {}


def test_servers_that_the_demo_did_not_start_are_used_as_it_uses_them(demo: Path) -> None:
    theirs = RUNNING | {"database_app_password": "", "accounts": {}}
    (demo / "running.json").write_text(json.dumps(theirs))
    found = environment_for("seed_book", demo, {})
    assert found["DATABASE_URL"] == RUNNING["database_url"]
    assert found["REDIS_URL"] == RUNNING["redis_url"]


# --- The commands of the README ---------------------------------------------------------------


def give_files(directory: Path) -> None:
    """The files that commands of the README load; that of swaps is exported by one of them."""
    (directory / "swaps.csv").write_text(SWAP)
    (directory / "daily-treasury-rates.csv").write_text(CURVES)
    (directory / "fx_rates.csv").write_text(FX_RATES)
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, lines in BOOK.items():
        sheet = book.create_sheet(name)
        for line in lines:
            sheet.append(line)
    book.save(directory / "book.xlsx")


def plain_environment(local_dir: Path) -> dict[str, str]:
    """That of a second terminal."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.endswith(VARIABLES) and not name.startswith(("DATABASE_", "KAFKA_"))
    }
    return kept | {"RISK_LOCAL_DIR": str(local_dir)}


def manage(local_dir: Path, *words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *words],
        env=plain_environment(local_dir),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_readme_has_commands_to_try() -> None:
    names = {command.split()[0] for command in COMMANDS}
    assert names >= {"doctor", "seed_book", "load_instruments", "replay", "runbridge"}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_readme_says_in_one_line_that_nothing_runs(
    command: str, tmp_path: Path
) -> None:
    give_files(tmp_path)
    done = manage(tmp_path, *command.split(), cwd=tmp_path)
    assert done.returncode == 1, done.stdout
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "make demo" in done.stderr
    assert done.stdout == ""


def test_the_commands_of_the_readme_reach_a_running_demo(packaged: dict[str, str]) -> None:
    with open_directory() as local_dir:
        stack = Stack(local_dir / "demo", durable=False, environ=packaged)
        stack.start()
        give_files(local_dir)
        (local_dir / "swaps.csv").unlink()
        try:
            first = ("migrate", "database_roles", "create_admin", "load_instruments fx_rates.csv")
            for command in (*first, *COMMANDS):
                reaches(command, local_dir)
        finally:
            stack.stop()


def reaches(command: str, local_dir: Path) -> None:
    """Run one command as it stands there; what would run for long only until it has begun."""
    if command.startswith("runbridge"):
        bridge_reads(local_dir)
        return
    short = SHORTER.get(command.split()[0], ())
    done = manage(local_dir, *command.split(), *short, cwd=local_dir)
    said = done.stdout + done.stderr
    if command == "doctor":
        # No process of ours runs here, and it says so; the servers are what it reached.
        for server in ("PostgreSQL", "tables", "Redis"):
            assert re.search(rf"^ok +{server}", done.stdout, re.MULTILINE), said
        assert "Connection refused" not in said
        return
    assert done.returncode == 0, said
    assert done.stderr.startswith(f"Using the demo that runs in {local_dir}/demo."), said


def bridge_reads(local_dir: Path) -> None:
    bridge = subprocess.Popen(
        [sys.executable, "-u", str(ROOT / "manage.py"), "runbridge"],
        env=plain_environment(local_dir),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert bridge.stdout is not None
        assert " reads yield_curve_ticks at " in bridge.stdout.readline()
    finally:
        bridge.send_signal(signal.SIGTERM)
        bridge.communicate(timeout=30)


# --- Any Python starts it ---------------------------------------------------------------------


def without_packages(manage_py: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "-S", str(manage_py), "doctor", "--no-color"],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_python_without_the_packages_goes_on_with_the_one_of_the_checkout(
    tmp_path: Path,
) -> None:
    copy = tmp_path / "manage.py"
    copy.write_text((ROOT / "manage.py").read_text())
    done = without_packages(copy)
    assert done.returncode == 1
    assert done.stderr.endswith("has no package django: run `make venv`, then this again\n")
    assert len(done.stderr.splitlines()) == 1

    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$@"\n')
    python.chmod(0o755)
    assert without_packages(copy).stdout == f"{copy} doctor --no-color\n"
