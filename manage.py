#!/usr/bin/env python3
"""Run the project's management commands: ``python3 manage.py help``.

Any Python can start it: if the project's packages are missing, it restarts with the interpreter
of ``.venv``. If no variable names a server, it uses the servers of this checkout's running demo.
"""

import gc
import importlib.util
import os
import select
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
PACKAGES = ("django", "celery", "kafka", "QuantLib")
GC_THRESHOLD = 50_000
"""New objects between two garbage collections. Imports make 120,000 objects and no garbage: with
Python's 700 the collector took a seventh of the CPU time of a command's start."""

BROKEN_PIPE = 141
"""Exit status of a shell's command that wrote to a pipe without a reader: 128 + SIGPIPE."""


def main() -> None:
    """Run one command; what its caller can repair ends with one sentence, not a traceback."""
    gc.set_threshold(GC_THRESHOLD)
    _use_installed_packages()
    _use_running_demo(sys.argv[1] if len(sys.argv) > 1 else "help")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "riskproject.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    if "--traceback" in sys.argv:
        execute_from_command_line(sys.argv)
        return
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(str(error))
    except OperationalError as error:
        reason = " ".join(str(error).split())
        sys.exit(f"The database of DATABASE_URL refused: {reason}")
    except BrokenPipeError:
        if _output_is_read():
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python flushes again
        sys.exit(BROKEN_PIPE)


def _output_is_read() -> bool:
    """Return False when the reader of the standard output has ended, as `head` does."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return not any(found & select.POLLERR for _, found in poll.poll(0))


def _use_installed_packages() -> None:
    """Become the Python of ``.venv`` where this one lacks the project's packages."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if not missing:
        return
    python = ROOT / ".venv" / "bin" / "python"
    if not python.exists() or Path(sys.prefix).resolve() == python.parents[1].resolve():
        sys.exit(f"{sys.executable} has no package {missing[0]}: run `make venv`, then this again")
    os.execv(python, [str(python), *sys.argv])  # nosec B606  # noqa: S606 - no shell


def _use_running_demo(command: str) -> None:
    """Set the addresses of the demo that runs in this checkout, if no variable names a server."""
    if importlib.util.find_spec("devstack") is None:
        return  # the container image has no launcher
    from devstack.local_stack import base_of, environment_for

    base = base_of(ROOT, os.environ)
    found = environment_for(command, base, os.environ)
    if found:
        os.environ.update(found)
        print(f"Using the demo that runs in {base}.", file=sys.stderr)


if __name__ == "__main__":
    main()
