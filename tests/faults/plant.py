"""Run a whole system of real processes, each of which may be killed.

It has servers of its own, a seeded book of 1,000 trades, two workers for sums and one for detail in
process groups of their own, a compiler and a bridge. ``heal`` restarts whatever a fault has left
dead.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from feedbridge.kafka.topics import FX_TICKS, YIELD_CURVE_TICKS
from risk.store.frames import Frames, connect
from risk.store.heartbeats import BridgePulse, alive, alive_workers
from tests.e2e.system import ROOT, System, _free_port
from tests.faults.orders import ORDERS, RUNNING
from tests.faults.servers import Servers

TRADES = 1000
GROUP = "faults"
WORKERS = ("pricing-a", "pricing-b")
"""Those of sums: what a fault hits unless it says otherwise."""

DETAIL = "detail"
"""The worker of detail."""

QUEUES = {**dict.fromkeys(WORKERS, "sums"), DETAIL: "detail"}
END_S = 40.0
TAMPERED = "tests.faults.tampered"


class Plant:
    """The system under fire. All processes end with the thread that made it."""

    def __init__(
        self, base: Path, trades: int = TRADES, servers: Callable[[Path], Servers] = Servers
    ) -> None:
        """Start everything and wait until ticks will be priced."""
        began = time.monotonic()
        self.started_ns: dict[str, int] = {}
        self.behind_proxy: dict[str, dict[str, str]] = {}
        self.servers = servers(base)
        self.system: System
        try:
            self._start(trades)
        except BaseException:
            self.stop()
            raise
        self.started_in_s = time.monotonic() - began

    def _start(self, trades: int) -> None:
        urls = self.servers.start()
        environment = {
            **os.environ,
            **urls,
            "E2E_GROUP": GROUP,
            "WEB_PORT": str(_free_port()),
            "RISK_LOCAL_DIR": str(self.servers.base),
            "WORKER_PROCESSES": str(len(WORKERS)),
            "API_USER_CALLS_PER_MINUTE": "100000",
            "OPENBLAS_NUM_THREADS": "1",
            "PYTHONUNBUFFERED": "1",
            "FAULT_ORDERS_AT": urls["REDIS_URL"],
        }
        self.system = self.make_system(environment, self.servers.base / "system.log")
        self.system.migrate()
        self.system.manage_all(f"seed_book --trades {trades}", "seed_fixings")
        self.client: Any = connect(self.redis_url)
        self.frames = Frames(self.client)
        self.heal()  # the seeded book has asked for its compilation by itself
        self.wait_ready()

    def make_system(self, environment: dict[str, str], log: Path) -> System:
        """The processes; the servers run."""
        return System(environment, log)

    @property
    def redis_url(self) -> str:
        """Redis itself, without a proxy."""
        return self.system.environment["REDIS_URL"]

    @property
    def kafka(self) -> str:
        """Kafka itself, without a proxy."""
        return self.system.environment["KAFKA_BOOTSTRAP_SERVERS"]

    # --- Processes -----------------------------------------------------------------------------

    def start_worker(self, name: str, **variables: str) -> None:
        """A pricing worker of one process, with a door for tests."""
        self.started_ns[name] = time.time_ns()
        queue = QUEUES[name]
        self.system.start_worker(name, queue, 1, app=TAMPERED, FAULT_WORKER=name, **variables)

    def start_bridge(
        self, name: str = "bridge", *options: str, cwd: Path = ROOT, **variables: str
    ) -> None:
        """A bridge that reads on from what the group has committed."""
        self.system.start_bridge(name, *options, start="earliest", cwd=cwd, **variables)

    def heal(self) -> None:
        """Thaw what is frozen, start what is dead; end what is of one fault alone."""
        for name in list(self.system.processes):
            if self.system.runs(name):
                self.system.signal(name, signal.SIGCONT)
            if name not in (*QUEUES, "compile", "bridge", "web"):
                self.end(name)
        for name in QUEUES:
            if not self.system.runs(name):
                self.start_worker(name, **self.behind_proxy.get(name, {}))
        if not self.system.runs("compile"):
            self.system.start_worker("compile", "compile", 1)
        if not self.system.runs("bridge"):
            self.start_bridge()

    def supervise(self) -> None:
        """What a supervisor does: start a worker again that has ended by itself."""
        for name in QUEUES:
            if not self.system.runs(name):
                self.start_worker(name, **self.behind_proxy.get(name, {}))

    def end(self, name: str) -> None:
        """SIGTERM, and wait.

        Raises:
            AssertionError: It did not end; it is killed, so that the next fault finds it gone.
        """
        process = self.system.processes.pop(name)
        if process.poll() is not None:
            return
        process.terminate()  # the main process alone: it ends its pool when that is idle
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise AssertionError(f"{name} did not end within {END_S:.0f} s of SIGTERM") from None

    def replace(self, name: str, start: Callable[[], None]) -> None:
        """End a process and start another in its stead."""
        self.end(name)
        start()

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """SIGSTOP, and SIGCONT at the end if it is still there."""
        self.system.signal(name, signal.SIGSTOP)
        try:
            yield
        finally:
            if self.system.runs(name):
                self.system.signal(name, signal.SIGCONT)

    def children(self, name: str) -> list[int]:
        """Process ids of a worker's pool."""
        pid = self.system.processes[name].pid
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [int(word) for word in text.split()]

    def memory_kib(self, name: str) -> int:
        """Resident memory of a process."""
        status = Path(f"/proc/{self.system.processes[name].pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    def cpu_s(self, name: str) -> float:
        """Processor time of a process so far."""
        fields = Path(f"/proc/{self.system.processes[name].pid}/stat").read_text()
        user, system = fields.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    # --- Orders to the workers -----------------------------------------------------------------

    def order(self, **orders: float) -> None:
        """Make the workers slow or mortal; none of them clears all."""
        self.client.delete(ORDERS, RUNNING)
        if orders:
            self.client.hset(ORDERS, mapping=orders)

    def await_running(self, name: str, seconds: float = 10.0) -> str:
        """Wait until a worker is in the middle of a task; returns ``pid:currency:frame``."""
        return str(
            until(lambda: self.client.hget(RUNNING, name), seconds, f"{name} runs a task").decode()
        )

    # --- What it says of itself ----------------------------------------------------------------

    def pulse(self) -> BridgePulse | None:
        """The newest word of a bridge that lives."""
        found = alive(self.client)
        return found[0] if found else None

    def wait_ready(self, seconds: float = 90.0) -> None:
        """Until all workers and a bridge live, and every currency has a book."""
        self.system.wait()
        until(lambda: self._speak() >= set(QUEUES), seconds, "all workers live")

    def _speak(self) -> set[str]:
        """Workers that have spoken since they were started: a dead one's word stands a while."""
        return {
            name
            for pulse in alive_workers(self.client)
            for name in [pulse.name.partition("@")[0]]
            if pulse.sent_ns > self.started_ns.get(name, 0)
        }

    def committed(self) -> dict[TopicPartition, int]:
        """Return what the group has committed of both topics."""
        reader = KafkaConsumer(bootstrap_servers=self.kafka, group_id=GROUP)
        try:
            return {
                place: reader.committed(place) or 0
                for topic in (YIELD_CURVE_TICKS, FX_TICKS)
                for place in (TopicPartition(topic, n) for n in reader.partitions_for_topic(topic))
            }
        finally:
            reader.close()

    def stop(self) -> None:
        """Stop all."""
        if hasattr(self, "system"):
            self.system.stop()
        self.servers.stop()


def until(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """Wait for something; returns it.

    Raises:
        AssertionError: It did not come in time.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds:.0f} s: {what}")
