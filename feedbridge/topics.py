"""Where Kafka is, in; the topics of this project, made when they are missing, out."""

from __future__ import annotations

import socket
from collections.abc import Mapping

from kafka import KafkaAdminClient
from kafka.errors import KafkaError, TopicAlreadyExistsError

YIELD_CURVE_TICKS = "yield_curve_ticks"
YIELD_CURVE_TICKS_DLQ = "yield_curve_ticks.dlq"
FX_TICKS = "fx_ticks"
TOPICS = (YIELD_CURVE_TICKS, YIELD_CURVE_TICKS_DLQ, FX_TICKS)

PARTITIONS = 3
"""One a currency at best; ticks are keyed by currency, so more would stay empty."""

BROKER_DEFAULT = -1
REACH_TIMEOUT_MS = 5000
PORT = 9092


class BrokerUnreachable(Exception):
    """No broker answers there: wait for it, or tell a person what to run."""

    def __init__(self, bootstrap_servers: str, reason: str) -> None:
        super().__init__(bootstrap_servers, reason)
        self.bootstrap_servers, self.reason = bootstrap_servers, reason

    def __str__(self) -> str:
        return (
            f"no Kafka broker answers at {self.bootstrap_servers} ({self.reason}); start one with"
            " `make demo` or `docker compose up -d kafka`, or set KAFKA_BOOTSTRAP_SERVERS"
        )


def ensure_topics(
    bootstrap_servers: str,
    *,
    topics: tuple[str, ...] = TOPICS,
    partitions: int = PARTITIONS,
    replication_factor: int = BROKER_DEFAULT,
    options: Mapping[str, object] | None = None,
) -> list[str]:
    """Make the topics that do not exist; what exists is left as it is.

    Args:
        bootstrap_servers: ``host:port``, several by comma.
        topics: Their names.
        partitions: Of each new topic.
        replication_factor: Of each new topic; -1 is the broker's default.
        options: More of kafka-python's client options, for TLS and SASL.

    Returns:
        The names that were made.

    Raises:
        BrokerUnreachable: Nothing answers within five seconds.
        KafkaError: The broker refuses.
    """
    admin = _admin(bootstrap_servers, options or {})
    try:
        missing = sorted(set(topics) - set(admin.list_topics()))
        return [name for name in missing if _make(admin, name, partitions, replication_factor)]
    finally:
        admin.close()


def demand_listener(bootstrap_servers: str, timeout_s: float = 2.0) -> None:
    """Refuse at once when no address of the list takes a connection.

    Cheaper than asking a client: one whose first connection fails leaves its thread behind.

    Raises:
        BrokerUnreachable: With the reason of the last address.
    """
    reason = "no address"
    for address in bootstrap_servers.split(","):
        try:
            with socket.create_connection(_host_and_port(address), timeout_s):
                return
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
    raise BrokerUnreachable(bootstrap_servers, reason)


def _host_and_port(address: str) -> tuple[str, int]:
    host, colon, port = address.strip().rpartition(":")
    return (host.strip("[]"), int(port)) if colon else (port, PORT)


def _admin(bootstrap_servers: str, options: Mapping[str, object]) -> KafkaAdminClient:
    if "proxy_url" not in options:
        demand_listener(bootstrap_servers)
    try:
        return KafkaAdminClient(
            bootstrap_servers=bootstrap_servers.split(","),
            bootstrap_timeout_ms=REACH_TIMEOUT_MS,
            request_timeout_ms=REACH_TIMEOUT_MS,
            **options,
        )
    except (KafkaError, OSError, ValueError) as error:
        raise BrokerUnreachable(bootstrap_servers, type(error).__name__) from error


def _make(admin: KafkaAdminClient, name: str, partitions: int, replication_factor: int) -> bool:
    wanted = {"num_partitions": partitions, "replication_factor": replication_factor}
    try:
        admin.create_topics({name: wanted}, timeout_ms=REACH_TIMEOUT_MS, wait_for_metadata=True)
    except TopicAlreadyExistsError:  # another process was faster
        return False
    return True
