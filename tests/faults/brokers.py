"""Three Apache Kafka brokers in KRaft: each topic has three replicas, and writes need two of them.

A tick is acknowledged when two brokers have it. Each node is broker and controller.
"""

from __future__ import annotations

import uuid
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from devstack.processes.ports import LOOPBACK
from devstack.processes.process import Child
from devstack.servers.java import Java
from devstack.servers.kafka import Kafka, new_cluster_id
from tests.waiting import until

NODES = (1, 2, 3)
IN_SYNC_S = 90.0
REPLICATED = {
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "share.coordinator.state.topic.replication.factor": "3",
    "share.coordinator.state.topic.min.isr": "2",
    # A killed broker is out of the replicas in sync after this; the default is 30 s.
    "replica.lag.time.max.ms": "5000",
}


class Node(Kafka):
    """One of the three."""

    def __init__(self, base: Path, number: int, *, java: Java, libs: Path) -> None:
        """Choose ports; ``meet`` tells it the others."""
        super().__init__(base / f"kafka-{number}", java=java, libs=libs)
        self._base.mkdir(parents=True, exist_ok=True)
        self.number = number
        self.directory = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        self._cluster, self._nodes = "", tuple[Node, ...]()

    def meet(self, nodes: Sequence[Node], cluster: str) -> None:
        """Know all nodes, and the cluster's id."""
        self._nodes, self._cluster = tuple(nodes), cluster

    @property
    def controller(self) -> str:
        """Host and port of its controller."""
        return f"{LOOPBACK}:{self._controller_port}"

    def _properties(self) -> str:
        own = dict(line.split("=", 1) for line in super()._properties().splitlines())
        own |= REPLICATED | {"node.id": str(self.number)}
        own["controller.quorum.bootstrap.servers"] = ",".join(n.controller for n in self._nodes)
        return "".join(f"{name}={value}\n" for name, value in own.items())

    def _format_options(self) -> list[str]:
        voters = ",".join(f"{n.number}@{n.controller}:{n.directory}" for n in self._nodes)
        return ["--initial-controllers", voters]

    def _new_cluster_id(self) -> str:
        return self._cluster


class Brokers:
    """All three, started together."""

    def __init__(self, base: Path, *, java: Java, libs: Path) -> None:
        """Choose ports; nothing is started yet."""
        self.nodes = {number: Node(base, number, java=java, libs=libs) for number in NODES}
        cluster = new_cluster_id()
        for node in self.nodes.values():
            node.meet(tuple(self.nodes.values()), cluster)
        self._children: dict[int, Child] = {}
        self.name = f"3 x {self.nodes[1].name}"

    @property
    def bootstrap(self) -> str:
        """All three addresses, as a site names them."""
        return ",".join(node.bootstrap for node in self.nodes.values())

    def start(self) -> None:
        """Start all, and wait until each answers and knows the others."""
        for number, node in self.nodes.items():
            self._children[number] = node.launch()
        for number, node in self.nodes.items():
            node.ready(self._children[number])
        until(lambda: len(self._brokers()) == len(NODES), IN_SYNC_S)

    def kill(self, number: int) -> None:
        """SIGKILL one."""
        self._children[number].kill()

    def end(self, number: int) -> None:
        """SIGTERM one, which hands its partitions to the others first."""
        self._children[number].stop(grace_s=60.0)

    def start_again(self, number: int) -> None:
        """Start one that has ended, and wait until it answers."""
        self._children[number].stop()
        self._children[number] = self.nodes[number].launch()
        self.nodes[number].ready(self._children[number])

    def await_in_sync(self) -> None:
        """Wait until every partition has its three replicas in sync: then the next may go."""
        until(lambda: self._in_sync() == {len(NODES)}, IN_SYNC_S)

    def stop(self) -> None:
        """Stop all."""
        for child in self._children.values():
            child.stop(grace_s=1.0)

    def _brokers(self) -> list[Any]:
        return self._ask(lambda admin: admin.describe_cluster()["brokers"]) or []

    def _in_sync(self) -> set[int]:
        found = self._ask(lambda admin: admin.describe_topics()) or []
        return {len(part["isr_nodes"]) for topic in found for part in topic["partitions"]}

    def _ask(self, question: Any) -> Any:
        try:
            admin = KafkaAdminClient(
                bootstrap_servers=self.bootstrap.split(","),
                bootstrap_timeout_ms=5000,
                request_timeout_ms=5000,
            )
        except KafkaError:
            return None
        try:
            return question(admin)
        except KafkaError:
            return None
        finally:
            admin.close()
