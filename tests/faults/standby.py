"""A standby of the PostgreSQL of a stack, which confirms each commit and can be promoted."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from devstack.processes.process import Child, Program, run_to_end
from devstack.servers.postgres import Binaries, Postgres, environment
from devstack.stack import Stack, say_on_stderr
from tests.waiting import until

NAME = "standby"
COPY_S = 120.0


class _Copy(Postgres):
    """A server whose data are a copy of another server's, which it follows."""

    def __init__(self, base: Path, primary: str) -> None:
        base.mkdir(parents=True, exist_ok=True)
        password = urlsplit(primary).password or ""
        super().__init__(base, password=password, fsync=True, say=say_on_stderr)
        self._primary = primary

    def _initialise(self, binaries: Binaries, data: Path) -> None:
        parts = urlsplit(self._primary)
        login = f"host={parts.hostname} port={parts.port} user={parts.username}"
        command = [str(binaries.program("pg_basebackup")), "-D", str(data), "--checkpoint=fast"]
        command += ["--write-recovery-conf", "-d", f"{login} application_name={NAME}"]
        password = {**environment(), "PGPASSWORD": self._password}
        program = Program("pg_basebackup", command, signal.SIGTERM, self._account, password)
        run_to_end(program, self._base / "log" / "basebackup.log", COPY_S)


class Standby:
    """A copy of a stack's database that follows it; commits wait until it has them."""

    def __init__(self, stack: Stack) -> None:
        """Nothing is started yet; the stack's PostgreSQL runs."""
        self._primary = stack.urls.database_url
        self._server = _Copy(stack.base / NAME, self._primary)
        self._child: Child | None = None

    def start(self) -> None:
        """Copy, start and follow; from here on a commit is acknowledged when both have it."""
        self._child = self._server.launch()
        self._server.ready(self._child)
        self._ask(self._primary, f"ALTER SYSTEM SET synchronous_standby_names = '{NAME}'")
        self._ask(self._primary, "SELECT pg_reload_conf()")
        state = "SELECT sync_state FROM pg_stat_replication"
        until(lambda: self._ask(self._primary, state) == "sync", 30)

    @property
    def both(self) -> str:
        """``DATABASE_URL`` of the two, as a site writes it."""
        first, second = urlsplit(self._primary), urlsplit(self._server.url)
        places = (each.netloc.rpartition("@")[2] for each in (first, second))
        login = first.netloc.rpartition("@")[0]
        return first._replace(netloc=f"{login}@{','.join(places)}").geturl()

    def promote(self) -> None:
        """Let it take writes; wait until it does."""
        assert self._ask(self._server.url, "SELECT pg_promote()") is True

    def stop(self) -> None:
        """Stop it."""
        if self._child is not None:
            self._child.stop()

    def _ask(self, url: str, question: str) -> Any:
        with psycopg.connect(url, autocommit=True) as connection:
            answer = connection.execute(question)
            row = answer.fetchone() if answer.description else None
            return row[0] if row else None
