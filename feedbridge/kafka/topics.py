"""The project's Kafka topics, created when they are missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import (
    AuthorizationError,
    KafkaError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
)

from feedbridge.kafka.connection import (
    AccessRefused,
    BrokerUnreachable,
    Options,
    check_connection,
    start_client,
)

YIELD_CURVE_TICKS = "yield_curve_ticks"
YIELD_CURVE_TICKS_DLQ = "yield_curve_ticks.dlq"
FX_TICKS = "fx_ticks"
TOPICS = (YIELD_CURVE_TICKS, YIELD_CURVE_TICKS_DLQ, FX_TICKS)

PARTITIONS = 3
"""Default number of partitions. Ticks are keyed by currency, so that more partitions than
currencies would stay empty."""

BROKER_DEFAULT = -1
REACH_TIMEOUT_MS = 5000
GRANT = "an administrator grants the rights with manage.py kafka_grants"


def ensure_topics(
    bootstrap_servers: str,
    *,
    topics: tuple[str, ...] = TOPICS,
    partitions: int = PARTITIONS,
    replication_factor: int = BROKER_DEFAULT,
    options: Options | None = None,
    rights: Mapping[str, str] | None = None,
) -> list[str]:
    """Create the topics that do not exist, and leave the others unchanged.

    Nothing is asked to be made when nothing is missing, so an account need not have that right.
    What an account may not see is not its own to make.

    Args:
        bootstrap_servers: ``host:port``, several by comma.
        topics: Their names.
        partitions: Of each new topic.
        replication_factor: Of each new topic; -1 is the broker's default.
        options: More of kafka-python's client options, for TLS and SASL.
        rights: What this account will want to do, such as READ, by topic.

    Returns:
        The names that were made.

    Raises:
        BrokerUnreachable: Nothing answers within five seconds, or brokers that have just started or
            lost one of their number are not ready to create topics: it may be tried again.
        AccessRefused: The login is, or a right is missing.
        KafkaError: The broker refuses something else.
    """
    admin = connect_admin(bootstrap_servers, options)
    try:
        missing = _missing(admin, topics)
        made = [name for name in missing if _make(admin, name, partitions, replication_factor)]
        _demand(admin, bootstrap_servers, rights or {})
    except AuthorizationError:
        said = f"missing, and this account may not make them: {', '.join(missing)}"
        raise AccessRefused(bootstrap_servers, f"topics are {said}; {GRANT}") from None
    except KafkaError as error:
        if error.retriable:
            raise BrokerUnreachable(bootstrap_servers, type(error).__name__) from error
        raise
    finally:
        admin.close()
    return made


def demand_rights(
    bootstrap_servers: str, rights: Mapping[str, str], *, options: Options | None = None
) -> None:
    """Refuse missing rights at the start; a consumer without them would wait forever.

    Args:
        bootstrap_servers: ``host:port``, several by comma.
        rights: What this account will want to do, such as READ, by topic.
        options: More of kafka-python's client options, for TLS and SASL.

    Raises:
        BrokerUnreachable: Nothing answers within five seconds.
        AccessRefused: The login is, or a right is missing.
    """
    admin = connect_admin(bootstrap_servers, options)
    try:
        _demand(admin, bootstrap_servers, rights)
    finally:
        admin.close()


def connect_admin(bootstrap_servers: str, options: Options | None = None) -> KafkaAdminClient:
    """Return an admin client that has logged in.

    Raises:
        BrokerUnreachable: Nothing answers within five seconds.
        AccessRefused: The login or the certificate is refused.
    """
    check_connection(bootstrap_servers, options)
    try:
        return start_client(
            KafkaAdminClient,
            bootstrap_servers=bootstrap_servers.split(","),
            bootstrap_timeout_ms=REACH_TIMEOUT_MS,
            request_timeout_ms=REACH_TIMEOUT_MS,
            **(options or {}),
        )
    except (KafkaError, OSError, ValueError) as error:
        raise BrokerUnreachable(bootstrap_servers, type(error).__name__) from error


def _missing(admin: Any, topics: tuple[str, ...]) -> list[str]:
    """Return missing topics, without those that the account may not see."""
    unseen = sorted(set(topics) - set(admin.list_topics()))
    hidden = {topic["name"] for topic in _described(admin, unseen) if _is_hidden(topic)}
    return [name for name in unseen if name not in hidden]


def _demand(admin: Any, bootstrap_servers: str, rights: Mapping[str, str]) -> None:
    lacking = _lacking(admin, rights)
    if lacking:
        raise AccessRefused(bootstrap_servers, f"this account may not {lacking}; {GRANT}")


def _lacking(admin: Any, rights: Mapping[str, str]) -> str:
    """``READ fx_ticks, WRITE ...``; a broker that does not tell what we may do lacks nothing."""
    return ", ".join(
        f"{rights[topic['name']]} {topic['name']}"
        for topic in _described(admin, list(rights))
        if _is_hidden(topic)
        or (topic["authorized_operations"] and rights[topic["name"]] not in _may(topic))
    )


def _described(admin: Any, names: list[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = admin.describe_topics(names) if names else []
    return found


def _is_hidden(topic: Mapping[str, Any]) -> bool:
    return bool(topic["error_code"] == TopicAuthorizationFailedError.errno)


def _may(topic: Mapping[str, Any]) -> set[str]:
    return set(topic["authorized_operations"])


def _make(admin: KafkaAdminClient, name: str, partitions: int, replication_factor: int) -> bool:
    wanted = {"num_partitions": partitions, "replication_factor": replication_factor}
    try:
        admin.create_topics({name: wanted}, timeout_ms=REACH_TIMEOUT_MS, wait_for_metadata=True)
    except TopicAlreadyExistsError:  # another process was faster
        return False
    return True
