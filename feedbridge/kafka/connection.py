"""Check that a Kafka login works before a client starts, or raise an error that says why not.

kafka-python repeats a refused login for ever and only logs it. Each start therefore checks first:

    connect -> TLS -> API versions -> login -> metadata request
      |         |                      |         |
      wait      certificate            password  the listener requires a login

A check opens one connection, starts no thread, and closes the connection.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from kafka import KafkaAdminClient, KafkaConsumer
from kafka.errors import (
    IllegalSaslStateError,
    InvalidReceiveError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailedError,
    UnsupportedSaslMechanismError,
)
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector
from kafka.protocol.metadata import MetadataRequest

CHECK_TIMEOUT_S = 5.0
PROTOCOL = "correct KAFKA_SECURITY_PROTOCOL"

Options = Mapping[str, object]
Client = TypeVar("Client", KafkaConsumer, KafkaAdminClient)


class BrokerUnreachable(Exception):
    """No broker answers at these addresses; it may be started later."""

    def __init__(self, bootstrap_servers: str, reason: str) -> None:
        super().__init__(bootstrap_servers, reason)
        self.bootstrap_servers, self.reason = bootstrap_servers, reason

    def __str__(self) -> str:
        return (
            f"no Kafka broker answers at {self.bootstrap_servers} ({self.reason}); start one with"
            " `make demo` or `docker compose up -d kafka`, or set KAFKA_BOOTSTRAP_SERVERS"
        )


class AccessRefused(Exception):
    """A broker answers and refuses the connection or login: a person has to correct a setting."""

    def __init__(self, bootstrap_servers: str, correct: str) -> None:
        super().__init__(bootstrap_servers, correct)
        self.bootstrap_servers, self.correct = bootstrap_servers, correct

    def __str__(self) -> str:
        return f"Kafka at {self.bootstrap_servers}: {self.correct}"


def start_client(kind: type[Client], *topics: str, **options: Any) -> Client:
    """Make a consumer or an admin client that leaves no thread behind when it cannot be made.

    kafka-python starts the client's thread before it looks for a broker. When it finds none, the
    constructor raises, and the thread goes on trying to connect for as long as the process lives.

    Raises:
        KafkaError: As the constructor does.
    """
    client: Client = object.__new__(kind)
    try:
        client.__init__(*topics, **options)
    except KafkaError:
        if hasattr(client, "_net"):
            client._client.close()
            client._net.stop()
        raise
    return client


def check_connection(
    bootstrap_servers: str, options: Options | None = None, timeout_s: float = CHECK_TIMEOUT_S
) -> None:
    """Raise at once when no broker of the list answers, or when one refuses the login.

    Args:
        bootstrap_servers: ``host:port``, several by comma.
        options: More of kafka-python's client options, for TLS and SASL.
        timeout_s: For each address.

    Raises:
        BrokerUnreachable: No address answers; with the reason of the last.
        AccessRefused: One answers, and refuses the login, or shows a certificate we do not trust.
    """
    net = NetworkSelector()
    manager = KafkaConnectionManager(
        net, bootstrap_servers=bootstrap_servers.split(","), **(options or {})
    )
    with _quietly():
        try:
            _check_each(net, manager, bootstrap_servers, timeout_s)
        finally:
            manager.close()
            net.close()


def _check_each(net: Any, manager: Any, bootstrap_servers: str, timeout_s: float) -> None:
    reason = "no address"
    for broker in manager.cluster.bootstrap_brokers():
        conn = manager.get_connection(
            broker.node_id, timeout_ms=timeout_s * 1000, refresh_metadata_on_err=False
        )
        try:
            net.run(_check, manager, conn, timeout_s * 1000)
            return
        except (KafkaError, OSError, ValueError) as error:
            correct = _to_correct(manager.config, conn, error)
            if correct:
                raise AccessRefused(bootstrap_servers, correct) from None
            reason = _words(manager.config["security_protocol"], error)
    raise BrokerUnreachable(bootstrap_servers, reason)


async def _check(manager: Any, conn: Any, timeout_ms: float) -> None:
    # A TLS handshake has no end of its own when the other side keeps silent.
    await manager.wait_for(conn.init_future, timeout_ms)
    # A listener that requires a login answers only version requests before it.
    await conn.send_request(MetadataRequest(topics=[]), request_timeout_ms=timeout_ms)


def _to_correct(config: Mapping[str, Any], conn: Any, error: Exception) -> str:
    """Return what an operator must correct; empty when no broker answers."""
    said, protocol = str(error), config["security_protocol"]
    if "CERTIFICATE_VERIFY_FAILED" in said:
        why = said.partition("certificate verify failed: ")[2].partition(" (_ssl")[0]
        return f"its certificate is not trusted ({why}): correct KAFKA_CA_FILE or the address"
    if "Handshake failed: [SSL" in said or isinstance(error, InvalidReceiveError):
        return f"its listener does not use {protocol}: {PROTOCOL}"
    if isinstance(error, IllegalSaslStateError):
        return f"its listener accepts no login, but {protocol} has one: {PROTOCOL}"
    if isinstance(error, UnsupportedSaslMechanismError):
        mechanism = config["sasl_mechanism"]
        return f"its listener does not accept {mechanism}: correct KAFKA_SASL_MECHANISM"
    closed = isinstance(error, KafkaConnectionError | SaslAuthenticationFailedError)
    if conn.broker_version_data is None or not closed:
        return ""
    # It has answered, then closed. kafka-python 3.0.12 loses an answer that arrives together with
    # the end of its connection, as that to a wrong password does.
    if conn.sasl_enabled:
        return (
            f"the login of {config['sasl_plain_username']!r} was refused:"
            " correct KAFKA_USERNAME, KAFKA_PASSWORD or KAFKA_SASL_MECHANISM"
        )
    return (
        f"it closes what comes by {protocol}: when it wants a login,"
        " set KAFKA_SECURITY_PROTOCOL=SASL_SSL and KAFKA_USERNAME"
    )


def _words(protocol: str, error: Exception) -> str:
    said = str(error).removeprefix(f"{type(error).__name__}: ") or type(error).__name__
    return (
        f"it closes the connection: does it use {protocol}?"
        if said == "socket disconnected"
        else said
    )


class _Checking(threading.local):
    """Whether this thread runs a check; the client then runs in this thread alone."""

    active = False


_checking = _Checking()


@contextmanager
def _quietly() -> Iterator[None]:
    """Silence the client's log of a refusal: the error that is raised says the same."""
    _checking.active = True
    try:
        yield
    finally:
        _checking.active = False


def _not_checking(record: logging.LogRecord) -> bool:
    return not _checking.active


for _name in ("connection", "inet", "manager", "selector", "transport"):
    logging.getLogger(f"kafka.net.{_name}").addFilter(_not_checking)
