"""``python -m devstack.processes.keep`` restarts what dies, unless it was told to stop."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from devstack.processes import keep
from devstack.processes.process import start_ticks
from tests import not_run

PATIENCE_S = 20.0
BACK_WITHIN_S = 5.0

# Each life appends its process id, so that a test can wait for the next one.
LIVE = "import os, sys, time; print(os.getpid(), file=open(sys.argv[1], 'a'), flush=True); "
FOREVER = LIVE + "time.sleep(600)"
WITH_A_CHILD = (
    "import subprocess, sys; "
    + LIVE
    + "subprocess.Popen([sys.executable, '-c', sys.argv[2], sys.argv[3]]); time.sleep(600)"
)
COUNTS_SIGNALS = """
import os, pathlib, signal, sys
watched = {signal.SIGTERM, signal.SIGINT}
signal.pthread_sigmask(signal.SIG_BLOCK, watched)
print(os.getpid(), file=open(sys.argv[1], "a"), flush=True)
seen = [int(signal.sigwait(watched))]
while info := signal.sigtimedwait(watched, 0.5):
    seen.append(info.si_signo)
pathlib.Path(sys.argv[2]).write_text(repr(seen))
"""
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + FOREVER


@contextmanager
def kept(
    tmp_path: Path, *words: str, options: tuple[str, ...] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """A keeper in a group of its own; its lines go to ``tmp_path/said``."""
    command = (sys.executable, "-m", "devstack.processes.keep", *options, "thing", "--", *words)
    with (tmp_path / "said").open("wb") as output:
        keeper = subprocess.Popen(command, stderr=output, start_new_session=True)
    try:
        yield keeper
    finally:
        if keeper.poll() is None:
            keeper.terminate()
            with suppress(subprocess.TimeoutExpired):
                keeper.wait(PATIENCE_S)
            keeper.kill()
        for pid in lives(tmp_path):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def python(script: str, *words: str | Path) -> tuple[str, ...]:
    return (sys.executable, "-c", script, *map(str, words))


def lives(tmp_path: Path, name: str = "lives") -> list[int]:
    file = tmp_path / name
    return [int(word) for word in file.read_text().split()] if file.exists() else []


def said(tmp_path: Path) -> list[str]:
    return (tmp_path / "said").read_text().splitlines()


def until(happened: Callable[[], object], seconds: float = PATIENCE_S) -> float:
    """Wait; returns how long it took."""
    began = time.monotonic()
    while not happened():
        assert time.monotonic() - began < seconds, "it did not happen in time"
        time.sleep(0.01)
    return time.monotonic() - began


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_a_process_that_is_killed_is_there_again(tmp_path, number):
    with kept(tmp_path, *python(FOREVER, tmp_path / "lives")):
        until(lambda: len(lives(tmp_path)) == 1)
        os.kill(lives(tmp_path)[0], number)
        taken_s = until(lambda: len(lives(tmp_path)) == 2, BACK_WITHIN_S)
        print(f"killed by {number.name}, back after {taken_s:.2f} s")
        assert start_ticks(lives(tmp_path)[1]) is not None
        assert said(tmp_path) == [
            f"keep: thing ended with {number.name}; it is started again in 0.1 s"
        ]


def test_a_service_that_ends_by_itself_without_an_error_is_started_again(tmp_path):
    with kept(tmp_path, *python(LIVE, tmp_path / "lives")):
        until(lambda: len(lives(tmp_path)) >= 2, BACK_WITHIN_S)


def test_work_that_may_finish_is_not_done_twice_and_its_keeper_waits_to_be_told(tmp_path):
    with kept(tmp_path, *python(LIVE, tmp_path / "lives"), options=("--may-finish",)) as keeper:
        until(lambda: said(tmp_path))
        assert said(tmp_path) == ["keep: thing finished and is not restarted"]
        time.sleep(0.5)
        assert keeper.poll() is None
        keeper.terminate()
        assert keeper.wait(PATIENCE_S) == 0
    assert len(lives(tmp_path)) == 1


def test_work_that_may_finish_and_fails_is_started_again(tmp_path):
    fails = LIVE + "sys.exit(len(open(sys.argv[1]).readlines()) < 2)"
    with kept(tmp_path, *python(fails, tmp_path / "lives"), options=("--may-finish",)):
        until(lambda: len(said(tmp_path)) == 2)
    assert said(tmp_path)[0].startswith("keep: thing ended with exit status 1; ")
    assert said(tmp_path)[1] == "keep: thing finished and is not restarted"


def test_a_signal_to_the_whole_group_reaches_the_process_once_and_all_ends(tmp_path):
    command = python(COUNTS_SIGNALS, tmp_path / "lives", tmp_path / "seen")
    with kept(tmp_path, *command) as keeper:
        until(lambda: lives(tmp_path))
        assert os.getpgid(lives(tmp_path)[0]) != keeper.pid  # two in a row may be seen as one
        os.killpg(keeper.pid, signal.SIGTERM)  # as honcho sends it
        assert keeper.wait(PATIENCE_S) == 0
    assert (tmp_path / "seen").read_text() == f"[{signal.SIGTERM:d}]"
    assert len(lives(tmp_path)) == 1
    assert said(tmp_path) == []


def test_a_process_that_does_not_hear_is_killed_in_the_time_that_honcho_gives(tmp_path):
    with kept(tmp_path, *python(DEAF, tmp_path / "lives")) as keeper:
        until(lambda: lives(tmp_path))
        time.sleep(0.2)
        keeper.terminate()
        assert keeper.wait(PATIENCE_S) == 0
        assert start_ticks(lives(tmp_path)[0]) is None


def test_children_of_a_killed_process_are_gone_before_the_next_one_starts(tmp_path):
    command = python(WITH_A_CHILD, tmp_path / "lives", FOREVER, tmp_path / "children")
    with kept(tmp_path, *command) as keeper:
        until(lambda: lives(tmp_path, "children"))
        os.kill(lives(tmp_path)[0], signal.SIGKILL)
        until(lambda: len(lives(tmp_path)) == 2, BACK_WITHIN_S)
        assert start_ticks(lives(tmp_path, "children")[0]) is None
        until(lambda: len(lives(tmp_path, "children")) == 2)
        keeper.terminate()
        assert keeper.wait(PATIENCE_S) == 0
        assert start_ticks(lives(tmp_path, "children")[1]) is None


def test_the_process_ends_with_its_keeper(tmp_path):
    with kept(tmp_path, *python(FOREVER, tmp_path / "lives")) as keeper:
        until(lambda: lives(tmp_path))
        keeper.kill()
        keeper.wait()
        until(lambda: start_ticks(lives(tmp_path)[0]) is None)


def test_who_dies_at_once_again_and_again_is_tried_more_slowly_and_then_given_up(tmp_path):
    again = "from devstack.processes import keep; keep.DELAYS_S = (0.01, 0.02, 0.03); "
    run = again + "import sys; sys.exit(keep.main(sys.argv[1:]))"
    done = subprocess.run(
        python(run, "thing", "--", *python("import sys; sys.exit('no database')")),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if line.startswith("keep: ")]
    assert [line.rpartition(" in ")[2] for line in lines[:3]] == ["0.01 s", "0.02 s", "0.03 s"]
    assert len(lines) == 4
    assert "ended 4 times within 10 s, last with exit status 1: GIVEN UP" in lines[3]
    assert done.stderr.count("no database") == 4


def test_a_command_that_does_not_exist_is_given_up_at_once(tmp_path):
    with kept(tmp_path, "no-such-program") as keeper:
        assert keeper.wait(PATIENCE_S) == 127
    assert said(tmp_path)[0] == "no-such-program: No such file or directory"
    assert (
        "thing ended at its first start, last with exit status 127: GIVEN UP" in (said(tmp_path)[1])
    )


NICE = {"detail": 5, "limits": 5, "compiler": 10, "previewer": 10, "scenarios": 15}


def test_every_process_of_the_procfile_is_kept_and_only_the_replay_may_finish():
    lines = (Path(__file__).parents[2] / "Procfile").read_text().splitlines()
    for line in lines:
        name, _, command = line.partition(": ")
        option = "--may-finish " if name == "replay" else ""
        option += f"--nice {NICE[name]} " if name in NICE else ""
        assert command.startswith(f"python -m devstack.processes.keep {option}{name} -- "), line


def test_a_lower_priority_counts_among_the_sessions_of_the_machine(tmp_path):
    """Niceness alone counts within a session, and each kept command has one of its own."""
    with kept(tmp_path, *python(FOREVER, tmp_path / "lives"), options=("--nice", "7")):
        until(lambda: lives(tmp_path))
        pid = lives(tmp_path)[0]
        assert os.getpriority(os.PRIO_PROCESS, pid) == 7
        group = Path(f"/proc/{pid}/autogroup")
        if not group.exists():
            not_run.stop(not_run.SESSION_GROUPS)
        until(lambda: group.read_text().split()[-1] == "7")


def test_a_priority_that_the_kernel_refuses_for_now_is_set_again(tmp_path, monkeypatch):
    """Linux takes ten changes a second from a user: a system that starts needs more."""
    tries = []

    def refuse_twice(path, text):
        tries.append(text)
        if len(tries) < 3:
            raise OSError(errno.EAGAIN, "later")

    monkeypatch.setattr(keep.Path, "write_text", refuse_twice)
    monkeypatch.setattr(keep, "LOOK_S", 0.05)
    monkeypatch.setattr(keep, "end_orphans", lambda kept: None)  # it would end this test's servers
    keeper = keep.Keeper("short", [sys.executable, "-c", "import time; time.sleep(1)"], nice=7)
    assert keeper._run_once() == 0
    assert tries == ["7"] * 3
