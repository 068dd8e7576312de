"""Command line of devstack: ``python -m devstack run|doctor|stop ...``."""

import argparse
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

from devstack.doctor import examine
from devstack.errors import StackError
from devstack.processes.lock import holder
from devstack.processes.process import stop_left_behind
from devstack.processes.supervise import supervise
from devstack.servers.revive import Reviver
from devstack.stack import VARIABLES, Stack, read_running, say_on_stderr

ROOT = Path(__file__).resolve().parents[1]
DEFAULT_BASE = Path(".local/demo")
STOP_TIMEOUT_S = 60.0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="devstack", description=__doc__)
    verbs = top.add_subparsers(dest="verb", required=True)
    add_verb(
        verbs, "run", ("start the servers that are not configured, run a command, then stop them")
    ).add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND ...")
    add_verb(verbs, "doctor", "report the address of each server and whether it answers")
    add_verb(verbs, "env", "print the URLs of running servers as shell assignments")
    add_verb(
        verbs, "stop", ("stop a running launcher, and servers that a killed launcher left running")
    )
    return top


def add_verb(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, meaning: str
) -> argparse.ArgumentParser:
    """Add one command, with the option that all commands share."""
    verb = verbs.add_parser(name, help=meaning)
    verb.add_argument("--base", type=Path, default=DEFAULT_BASE, help="where servers keep data")
    return verb


def run(base: Path, command: list[str]) -> int:
    """Start the servers, run the command, stop the servers."""
    if not command:
        raise StackError("no command was given: python -m devstack run -- COMMAND ...")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end_by_signal)
    with Stack(base) as stack:
        return supervise(command, stack.urls.environment(), Reviver(stack))


def end_by_signal(number: int, frame: object) -> NoReturn:
    """End through the stack's own clean-up."""
    del frame
    sys.exit(128 + number)


def doctor(base: Path) -> int:
    """Report on the servers, and once they run, on what runs on them; 1 if something is wrong."""
    findings = examine(base, os.environ)
    for finding in findings:
        print("\n".join(finding.lines()), flush=True)
    if not all(finding.good for finding in findings):
        return 1
    if read_running(base) is None and not all(map(os.environ.get, VARIABLES.values())):
        return 0
    command = [sys.executable, str(ROOT / "manage.py"), "doctor"]
    return subprocess.call(command, env={**os.environ, "RISK_LOCAL_DIR": str(base.parent)})


def env(base: Path) -> int:
    """Print the variables for ``eval "$(python -m devstack env)"``."""
    urls = read_running(base)
    if urls is None:
        raise StackError(f"nothing runs in {base}: make demo starts it")
    for name, value in urls.environment().items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def stop(base: Path) -> int:
    """Ask the launcher to end and wait for it; then end servers that it left running."""
    pid = holder(base)
    if pid:
        os.kill(pid, signal.SIGTERM)
        await_release(base)
    left = stop_left_behind(base)
    print(f"stopped {', '.join(left) or 'the launcher' if pid or left else 'nothing: none ran'}")
    return 0


def await_release(base: Path) -> None:
    """Wait until the launcher has released its directory."""
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while holder(base) is not None:
        if time.monotonic() > deadline:
            raise StackError(f"process {holder(base)} does not end: kill -9 it, then stop again")
        time.sleep(0.1)


def main(argv: list[str]) -> int:
    """Run one verb; an expected failure is one line and exit code 1."""
    arguments = parser().parse_args(argv)
    try:
        if arguments.verb == "run":
            words = arguments.command
            return run(arguments.base, words[1:] if words[:1] == ["--"] else words)
        return {"doctor": doctor, "env": env, "stop": stop}[arguments.verb](arguments.base)
    except StackError as error:
        say_on_stderr(f"devstack: {error}")
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
