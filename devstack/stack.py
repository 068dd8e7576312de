"""Start the servers that are not configured, and return the URLs of all three."""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from devstack.errors import StackError
from devstack.passwords import Passwords, passwords_of, write_private
from devstack.processes.lock import BaseLock, holder
from devstack.processes.process import Child, stop_left_behind
from devstack.servers import kafka, postgres, valkey
from devstack.servers.broker import choose_broker
from devstack.servers.postgres import Postgres
from devstack.servers.tansu import Tansu
from devstack.servers.valkey import Valkey

#: What a stack can start, by the variable that says it is already there.
VARIABLES = {
    "postgres": "DATABASE_URL",
    "redis": "REDIS_URL",
    "kafka": "KAFKA_BOOTSTRAP_SERVERS",
}
ALL = tuple(VARIABLES)
RUNNING_FILE = "running.json"
LEAST_FREE_BYTES = 300 * 1024 * 1024


class Server(Protocol):
    """What a stack needs of a server."""

    def launch(self) -> Child:
        """Start the process."""
        ...

    def ready(self, child: Child) -> str:
        """Wait until it answers, and return its answer."""
        ...


@dataclass(frozen=True)
class ServerURLs:
    """URLs of the servers; empty for one that was neither requested nor configured."""

    database_url: str = field(repr=False)  # repr ends up in logs, and these hold passwords
    redis_url: str = field(repr=False)
    kafka_bootstrap: str
    kafka_name: str
    # Only for a database that was started here; roles of other databases are not changed.
    database_app_password: str = field(default="", repr=False)
    database_readonly_password: str = field(default="", repr=False)
    #: ``NAME_REDIS_URL`` and its like: a process of the Procfile has an account of its own.
    accounts: dict[str, str] = field(default_factory=dict, repr=False)

    def environment(self) -> dict[str, str]:
        """Return the URLs as the environment variables that all processes read."""
        named = {
            "DATABASE_URL": self.database_url,
            "DATABASE_APP_PASSWORD": self.database_app_password,
            "DATABASE_READONLY_PASSWORD": self.database_readonly_password,
            "REDIS_URL": self.redis_url,
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka_bootstrap,
            "KAFKA_BROKER_NAME": self.kafka_name,
            # The packaged broker does not wake a fetch that waits.
            "KAFKA_FETCH_MAX_WAIT_MS": "10" if "memory" in self.kafka_name else "",
            **self.accounts,
        }
        return {name: value for name, value in named.items() if value}


def say_on_stderr(line: str) -> None:
    """Print one line for a person; a closed terminal is no reason to stop."""
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        return


class Stack:
    """The servers of one base directory, for one launcher at a time.

    Servers end with the *thread* that started them (a rule of Linux), which must live as
    long as they should.
    """

    def __init__(
        self,
        base_dir: Path,
        *,
        durable: bool = True,
        want: Sequence[str] = ALL,
        environ: Mapping[str, str] | None = None,
        say: Callable[[str], None] = say_on_stderr,
    ) -> None:
        """Prepare the servers of a directory.

        Args:
            base_dir: Data, logs and passwords; kept, so a second start finds its data again.
            durable: False skips fsync: a power cut may lose data, a killed process does not.
            want: Any of ``postgres``, ``redis``, ``kafka``.
            environ: Instead of ``os.environ``.
            say: Called with each line for the user.
        """
        self._base = base_dir.resolve()
        self._durable, self._want, self._say = durable, tuple(want), say
        self._environ = os.environ if environ is None else environ
        self._lock = BaseLock(self._base)
        self._servers: dict[str, Server] = {}
        self._children: dict[str, Child] = {}
        self.urls = ServerURLs("", "", "", "")

    def start(self) -> ServerURLs:
        """Start what is wanted and not configured, and wait until each answers.

        Raises:
            StackError: Something cannot be had; what had started is stopped again.
        """
        try:
            self.urls = self._start()
            return self.urls
        except OSError as error:
            self.stop()
            raise StackError(f"{self._base} cannot be used: {error}") from error
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop in reverse order; harmless when nothing runs."""
        for name in reversed(list(self._children)):
            self._children.pop(name).stop()
        if self._lock.held:
            (self._base / RUNNING_FILE).unlink(missing_ok=True)
            self._lock.give_back()

    def pid(self, name: str) -> int:
        """Process id of ``postgres``, ``redis`` or ``kafka`` when this stack started it."""
        return self._children[name].pid

    def kill(self, name: str) -> None:
        """SIGKILL one server and its children, as a crash would."""
        self._children[name].kill()

    def revive(self, name: str) -> None:
        """Start a server that was killed again, at the same address, and wait until it answers."""
        self.launch_again(name)
        self._servers[name].ready(self._children[name])

    def launch_again(self, name: str) -> None:
        """Start a server that has ended, at the same address; this does not wait for it."""
        self._children[name].stop()
        self._children[name] = self._servers[name].launch()

    def keeps_data(self, name: str) -> bool:
        """Return whether a server finds its data again when it is started again."""
        return not isinstance(self._servers[name], Tansu)

    @property
    def base(self) -> Path:
        """The directory with the data of all servers."""
        return self._base

    def dead(self) -> list[tuple[str, Path]]:
        """Servers that have ended by themselves, each with its log."""
        children = self._children.items()
        return [(name, child.log) for name, child in children if not child.alive()]

    def _start(self) -> ServerURLs:
        configured = {name: self._environ.get(VARIABLES[name], "") for name in ALL}
        for name in self._want:
            if configured[name]:
                ask_configured(name, configured[name])
        to_start = [name for name in self._want if not configured[name]]
        self._take_base(to_start)
        urls = self._make(to_start, configured)
        self._launch_all()
        write_private(self._base / RUNNING_FILE, json.dumps(asdict(urls)))
        return urls

    def _take_base(self, to_start: list[str]) -> None:
        if to_start and sys.platform != "linux":
            names = ", ".join(VARIABLES[name] for name in to_start)
            raise StackError(f"Servers are started on Linux only: set {names}, or use Docker.")
        self._base.mkdir(parents=True, exist_ok=True)
        self._lock.take()
        # A killed launcher could not remove it, and read_running would now believe it.
        (self._base / RUNNING_FILE).unlink(missing_ok=True)
        free = shutil.disk_usage(self._base).free
        if to_start and free < LEAST_FREE_BYTES:
            raise StackError(f"{self._base} has {free >> 20} MB free: make room, 300 are needed.")
        for label in stop_left_behind(self._base):
            self._say(f"stopped {label}, left behind by a launcher that was killed")

    def _make(self, to_start: list[str], configured: dict[str, str]) -> ServerURLs:
        passwords = passwords_of(self._base) if to_start else Passwords()
        found, accounts = dict(configured), dict[str, str]()
        kafka_name = self._environ.get("KAFKA_BROKER_NAME", "")
        if configured["kafka"] and not kafka_name:
            kafka_name = f"broker at {configured['kafka']}"
        # Kafka first: its JVM boots while the others are prepared.
        if "kafka" in to_start:
            broker = choose_broker(self._base, self._environ, self._say)
            self._servers["kafka"], found["kafka"] = broker, broker.bootstrap
            kafka_name = broker.name
        if "postgres" in to_start:
            database = self._postgres(passwords)
            self._servers["postgres"], found["postgres"] = database, database.url
        if "redis" in to_start:
            store = Valkey(self._base, password=passwords.redis, fsync=self._durable)
            self._servers["redis"], found["redis"] = store, store.url
            accounts |= store.accounts
        ours = passwords if "postgres" in to_start else Passwords()
        return ServerURLs(
            found["postgres"],
            found["redis"],
            found["kafka"],
            kafka_name,
            ours.postgres_app,
            ours.postgres_readonly,
            accounts,
        )

    def _postgres(self, passwords: Passwords) -> Postgres:
        return Postgres(self._base, password=passwords.postgres, fsync=self._durable, say=self._say)

    def _launch_all(self) -> None:
        began = time.monotonic()
        for name, server in self._servers.items():
            self._children[name] = server.launch()
        for name, server in self._servers.items():
            server.ready(self._children[name])
        if self._servers:
            names = ", ".join(self._servers)
            self._say(f"{names} ready in {time.monotonic() - began:.1f} s (logs: {self._base}/log)")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


@contextmanager
def running(
    base_dir: Path,
    durable: bool = True,
    want: Sequence[str] = ALL,
    *,
    environ: Mapping[str, str] | None = None,
    say: Callable[[str], None] = say_on_stderr,
) -> Iterator[ServerURLs]:
    """The servers, for the length of a ``with`` block.

    Args:
        base_dir: Data, logs and passwords; one launcher at a time.
        durable: False skips fsync, for tests.
        want: Any of ``postgres``, ``redis``, ``kafka``.
        environ: Instead of ``os.environ``.
        say: Called with each line for the user.

    Yields:
        Where they are.

    Raises:
        StackError: One cannot be had.
    """
    stack = Stack(base_dir, durable=durable, want=want, environ=environ, say=say)
    try:
        yield stack.start()
    finally:
        stack.stop()


def ask_configured(name: str, url: str) -> str:
    """Ask a server that the environment names.

    A Kafka that is not ours may want a login we do not know, so there a listening port is enough.

    Raises:
        StackError: It does not answer; the sentence names the variable.
    """
    try:
        if name == "postgres":
            return postgres.ask(url) if url.startswith("postgres") else "not PostgreSQL"
        if name == "redis":
            return valkey.ask(url)
        return kafka.reach(url)
    except StackError as error:
        raise StackError(f"{VARIABLES[name]} is set, but {error}") from error


def read_running(base: Path) -> ServerURLs | None:
    """Return the URLs of a running launcher's servers, or None when none runs."""
    if holder(base) is None:
        return None  # a file of a launcher that was killed
    try:
        return ServerURLs(**json.loads((base / RUNNING_FILE).read_text()))
    except FileNotFoundError:
        return None
