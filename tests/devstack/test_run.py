"""``python -m devstack run``: exit codes, signals, and nothing left behind, whatever is killed."""

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from devstack.stack import read_running

pytestmark = pytest.mark.usefixtures("packaged")
PATIENCE_S = 10.0

# Takes each signal at once: a Python handler would see two in quick succession as one.
COUNT_SIGNALS = """
import pathlib, signal, sys
watched = {signal.SIGINT, signal.SIGTERM}
signal.pthread_sigmask(signal.SIG_BLOCK, watched)
pathlib.Path(sys.argv[1]).touch()
seen = [int(signal.sigwait(watched))]
while info := signal.sigtimedwait(watched, 0.5):
    seen.append(info.si_signo)
pathlib.Path(sys.argv[1]).write_text(repr(seen))
sys.exit(7)
"""
# A last argument is only there for working_in to find the process by.
SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
LEAVE_A_CHILD = """
import subprocess, sys
subprocess.Popen(sys.argv[1:])
sys.exit(3)
"""


@pytest.fixture(scope="module")
def base(kept_base: Path) -> Path:
    return kept_base


def devstack(base: Path, *command: str) -> list[str]:
    return [sys.executable, "-m", "devstack", "run", "--base", str(base), "--", *command]


def environment() -> dict[str, str]:
    unset = {"DATABASE_URL", "REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS"}
    kept = {name: value for name, value in os.environ.items() if name not in unset}
    return kept | {"KAFKA_BROKER": "packaged"}


@contextmanager
def started(base: Path, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A launcher whose servers are up."""
    launcher = subprocess.Popen(devstack(base, *command), env=environment(), start_new_session=True)
    try:
        await_that(lambda: read_running(base) is not None)
        yield launcher
    finally:
        launcher.kill()
        launcher.wait()
        for pid in working_in(base):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def await_that(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def working_in(base: Path) -> list[int]:
    """Processes that stand in `base`, write a log there, or name it on their command line."""
    return [
        int(entry.name)
        for entry in Path("/proc").glob("[0-9]*")
        if int(entry.name) != os.getpid() and belongs(entry, str(base))
    ]


def belongs(process: Path, base: str) -> bool:
    try:
        places = [str((process / link).readlink()) for link in ("cwd", "fd/1")]
        words = (process / "cmdline").read_text(errors="replace")
    except OSError:
        return False
    return base in words or any(place.startswith(base) for place in places)


def test_the_command_finds_the_servers_and_its_exit_code_is_ours(base: Path) -> None:
    script = 'test -n "$DATABASE_URL$REDIS_URL" && echo "$KAFKA_BROKER_NAME"; exit 5'
    done = subprocess.run(
        devstack(base, "sh", "-c", script),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 5, done.stderr
    assert done.stdout.startswith("tansu ")
    assert working_in(base) == []


def test_a_command_that_does_not_exist_is_one_line(base: Path) -> None:
    done = subprocess.run(
        devstack(base, "no-such-program"),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 127
    assert done.stderr.splitlines()[-1] == "no-such-program: No such file or directory"


def test_nothing_stays_behind_when_the_launcher_is_killed(base: Path) -> None:
    with started(base, *SLEEP, str(base)) as launcher:
        await_that(lambda: len(working_in(base)) > 8)
        launcher.kill()
        launcher.wait()
        await_that(lambda: working_in(base) == [])


def freeze(pid: int) -> None:
    """Stop a process, and see it stopped: a later signal could overtake this one."""
    os.kill(pid, signal.SIGSTOP)
    stat = Path(f"/proc/{pid}/stat")
    await_that(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T")


def test_a_killed_launcher_s_directory_can_be_used_again(base: Path) -> None:
    with started(base, *SLEEP) as launcher:
        for record in ("postgres", "valkey", "kafka"):
            text = (base / "run" / f"{record}.json").read_text()
            freeze(int(text.split('"pid": ')[1].split(",")[0]))
        launcher.kill()
        launcher.wait()
        assert len(working_in(base)) >= 3, "frozen servers cannot end by themselves"
        again = subprocess.run(
            devstack(base, "true"), env=environment(), capture_output=True, text=True, check=False
        )
        assert again.returncode == 0, again.stderr
        for label in ("postgres", "valkey", "kafka"):
            assert f"stopped {label}, left behind" in again.stderr
        assert working_in(base) == []


def test_ctrl_c_reaches_the_command_once_and_then_all_stop(base: Path, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    pid, terminal = pty.fork()
    if pid == 0:
        command = devstack(base, sys.executable, "-c", COUNT_SIGNALS, str(seen))
        os.execve(command[0], command, environment())
    await_that(seen.exists)
    os.write(terminal, b"\x03")
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert seen.read_text() == f"[{signal.SIGINT:d}]"
    assert os.waitstatus_to_exitcode(status) == 7
    assert working_in(base) == []


def test_a_signal_to_the_launcher_alone_is_passed_on(base: Path, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    with started(base, sys.executable, "-c", COUNT_SIGNALS, str(seen)) as launcher:
        await_that(seen.exists)
        launcher.terminate()
        assert launcher.wait(PATIENCE_S) == 7
        assert seen.read_text() == f"[{signal.SIGTERM:d}]"
        assert working_in(base) == []


def test_children_of_a_command_that_ends_before_them_are_ended(base: Path) -> None:
    leave = [sys.executable, "-c", LEAVE_A_CHILD, *SLEEP, str(base)]
    done = subprocess.run(devstack(base, *leave), env=environment(), timeout=30, check=False)
    assert done.returncode == 3
    assert working_in(base) == []


def test_stop_ends_a_running_launcher(base: Path) -> None:
    with started(base, *SLEEP, str(base)) as launcher:
        stop = [sys.executable, "-m", "devstack", "stop", "--base", str(base)]
        said = subprocess.run(stop, capture_output=True, text=True, timeout=30, check=True)
        assert said.stdout == "stopped the launcher\n"
        assert launcher.wait(PATIENCE_S) == 128 + signal.SIGTERM
        assert working_in(base) == []


def test_doctor_tells_of_each_server_and_what_repairs_it(base: Path) -> None:
    doctor = [sys.executable, "-m", "devstack", "doctor", "--base", str(base)]
    wrong = environment() | {"REDIS_URL": "redis://127.0.0.1:1/0"}
    said = subprocess.run(
        doctor, env=wrong, capture_output=True, text=True, timeout=30, check=False
    )
    assert said.returncode == 1, said.stderr
    lines = said.stdout.splitlines()
    assert lines[0].startswith("ok  postgres  local, PostgreSQL 1")
    assert lines[1].startswith("BAD redis     REDIS_URL: REDIS_URL is set, but ")
    assert lines[2].startswith("    fix: start that server, correct REDIS_URL")
    assert lines[3].startswith("ok  kafka     local, tansu ")


def test_doctor_goes_on_with_what_runs_on_servers_that_answer(base: Path) -> None:
    words = [sys.executable, "-m", "devstack"]
    doctor = [*words, "doctor", "--base", str(base)]
    said = subprocess.run(
        [*words, "run", "--base", str(base), "--", *doctor],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert said.returncode == 1, said.stderr
    lines = said.stdout.splitlines()
    for start in ("ok  postgres  DATABASE_URL", "ok   PostgreSQL", "FAIL tables", "ok   Kafka"):
        assert any(line.startswith(start) for line in lines), (start, said.stdout, said.stderr)
    assert "repair: python manage.py migrate" in said.stdout
    assert "failed checks: tables" in said.stderr
