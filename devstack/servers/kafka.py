"""Run a durable single-node Apache Kafka."""

import base64
import os
import shutil
import signal
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from devstack.errors import StackError
from devstack.processes.ports import LOOPBACK, demand_listener, free_port
from devstack.processes.process import Child, Program, run_to_end
from devstack.servers.java import Java
from devstack.servers.kafka_libs import kafka_version

LABEL = "kafka"
FORMAT_TIMEOUT_S = 60.0
READY_TIMEOUT_S = 90.0

JVM_OPTIONS = (
    "-Xms128m",
    "-Xmx512m",
    "-XX:+UseSerialGC",  # two threads fewer than G1, and a faster start
    "-XX:TieredStopAtLevel=1",  # no second compiler: the broker is rarely busy, our workers are
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss,SSS",
)

# One node: internal topics have one replica; and few partitions, as each costs files and a start.
PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "offsets.topic.num.partitions": "4",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "log.cleaner.dedupe.buffer.size": "16777216",
    # A killed broker may not register again before this time is over; the default is 9 s.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
}


@dataclass(frozen=True)
class Door:
    """Who may connect to the broker: by default everyone, because it listens on loopback only.

    ``protocol`` is the listener's, ``properties`` are the broker's own names, and
    ``format_arguments`` make accounts that are there before the first start.
    """

    protocol: str = "PLAINTEXT"
    controller_protocol: str = "PLAINTEXT"
    properties: Mapping[str, str] = field(default_factory=dict)
    format_arguments: Sequence[str] = ()


OPEN_DOOR = Door()


def ask(bootstrap: str) -> str:
    """Ask a broker without authentication for its cluster.

    Returns:
        The cluster id.

    Raises:
        StackError: No broker answers.
    """
    host, port = first_address(bootstrap)
    demand_listener(host, port)
    # The constructor starts a thread and raises where no broker answers; only an object that is
    # there already can stop that thread then.
    client = KafkaAdminClient.__new__(KafkaAdminClient)
    try:
        client.__init__(
            bootstrap_servers=bootstrap, bootstrap_timeout_ms=2000, request_timeout_ms=2000
        )
        cluster = client.describe_cluster()
    except KafkaError as error:
        raise StackError(str(error)) from error
    finally:
        client._client.close()
        client._net.stop()
    if not cluster["brokers"]:
        raise StackError(f"the cluster at {host}:{port} has no broker yet")
    return str(cluster["cluster_id"])


def reach(bootstrap: str) -> str:
    """Check that a broker listens whose login is not known.

    Raises:
        StackError: None does.
    """
    host, port = first_address(bootstrap)
    demand_listener(host, port)
    return f"a listener at {host}:{port}"


def first_address(bootstrap: str) -> tuple[str, int]:
    """Host and port of the first of ``host:port,host:port``.

    Raises:
        StackError: It is not of that form.
    """
    host, _, port = bootstrap.partition(",")[0].strip().rpartition(":")
    if not host or not port.isdigit():
        raise StackError(f"KAFKA_BOOTSTRAP_SERVERS={bootstrap!r} is not of the form host:port")
    return host.strip("[]"), int(port)


def new_cluster_id() -> str:
    """Return a random id as Kafka makes them, never with a leading dash: it would be an option."""
    while True:
        made = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not made.startswith("-"):
            return made


class Kafka:
    """One Apache Kafka node (KRaft) on loopback, its log kept between runs."""

    def __init__(self, base: Path, *, java: Java, libs: Path, door: Door = OPEN_DOOR) -> None:
        """Choose ports; nothing is started yet.

        Args:
            base: Holds the log directories and the configuration.
            java: What runs it.
            libs: The folder of jars.
            door: Whom it lets in.
        """
        self._door = door
        self._home, self._base = base / LABEL, base
        self._java, self._libs = java, libs
        self._port, self._controller_port = free_port(), free_port()

    @property
    def bootstrap(self) -> str:
        """Address of the broker, ``host:port``."""
        return f"{LOOPBACK}:{self._port}"

    @property
    def name(self) -> str:
        """Name and version of the server, for messages."""
        return f"Apache Kafka {kafka_version(self._libs)} (KRaft, Java {self._java.major})"

    def launch(self) -> Child:
        """Format the log directory where there is none, write the configuration, start."""
        self._home.mkdir(exist_ok=True)
        self._properties_file.write_text(self._properties())
        if not (self._data / "meta.properties").exists():
            self._format()
        command = self._java_command("kafka.Kafka", str(self._properties_file))
        return Child(Program(LABEL, command, signal.SIGTERM, None, environment()), self._base)

    def ready(self, child: Child) -> str:
        """Wait for it; returns the cluster id, or that it listens when it wants a login."""
        knock = ask if self._door.protocol == "PLAINTEXT" else reach
        return child.wait_ready(lambda: knock(self.bootstrap), READY_TIMEOUT_S)

    @property
    def _data(self) -> Path:
        return self._home / "data"

    @property
    def _properties_file(self) -> Path:
        return self._home / "server.properties"

    def _format(self) -> None:
        # meta.properties comes last: what lies there without it is half a format.
        shutil.rmtree(self._data, ignore_errors=True)
        arguments = ["format", "-t", self._new_cluster_id(), "-c", str(self._properties_file)]
        arguments += [*self._format_options(), *self._door.format_arguments]
        command = self._java_command("kafka.tools.StorageTool", *arguments)
        program = Program("kafka format", command, signal.SIGTERM, None, environment())
        run_to_end(program, self._base / "log" / "kafka-format.log", FORMAT_TIMEOUT_S)

    def _new_cluster_id(self) -> str:
        return new_cluster_id()

    def _format_options(self) -> list[str]:
        return ["--standalone"]

    def _java_command(self, main_class: str, *arguments: str) -> list[str]:
        jars = os.pathsep.join(str(jar) for jar in sorted(self._libs.resolve().glob("*.jar")))
        return [self._java.binary, *JVM_OPTIONS, "-cp", jars, main_class, *arguments]

    def _properties(self) -> str:
        # A quorum of one elects itself without a call to its recorded address, so the controller's
        # port may differ from the one that was formatted.
        controller = f"{LOOPBACK}:{self._controller_port}"
        name = self._door.protocol
        own = {
            "listeners": f"{name}://{self.bootstrap},CONTROLLER://{controller}",
            "advertised.listeners": f"{name}://{self.bootstrap}",
            "inter.broker.listener.name": name,
            "listener.security.protocol.map": (
                f"{name}:{name},CONTROLLER:{self._door.controller_protocol}"
            ),
            "controller.quorum.bootstrap.servers": controller,
            "log.dirs": str(self._data).replace("\\", "\\\\"),
        }
        properties = PROPERTIES | own | dict(self._door.properties)
        return "".join(f"{name}={value}\n" for name, value in properties.items())


def environment() -> dict[str, str]:
    """Our environment without what would change the JVM behind our back."""
    unwanted = {"JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH"}
    return {name: value for name, value in os.environ.items() if name not in unwanted}
