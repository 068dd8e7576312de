"""Keep kombu's Redis transport working while Redis is down or does not answer.

Each patch states what kombu 5.7 does without it. Remove a patch when kombu itself behaves so.
"""

from __future__ import annotations

from typing import Any

import kombu.transport.redis as redis_transport
from kombu.transport import virtual

from connections.sentinel_connections import PrimaryConnection, PrimaryTlsConnection

_connection_parameters = redis_transport.Channel._connparams


def _guarded_parameters(
    self: redis_transport.Channel, asynchronous: bool = False
) -> dict[str, Any]:
    # If Redis fails while an acks_late task runs, the whole worker ends with AttributeError
    # ('NoneType' has no 'hostname'), because the channel outlives its connection. A
    # ConnectionError is one that the worker knows how to survive.
    if self.connection is None or self.connection.client is None:
        raise ConnectionError("channel belongs to a closed broker connection")
    return dict(_connection_parameters(self, asynchronous))  # type: ignore[no-untyped-call]


class FreeingQoS(redis_transport.QoS):
    """Count a message as acknowledged even when the acknowledgement did not reach Redis.

    Otherwise it uses up the worker's prefetch count for ever. A worker of one process has a count
    of one: it would look alive and never take a task again. The message itself is delivered again
    after the visibility timeout, as if the worker had died.

    When one connection is dead, the others in the pool are, too: each of them would block the
    worker for a timeout of its own.
    """

    def ack(self, delivery_tag: str) -> None:
        """Like kombu's method, with the same exceptions."""
        try:
            super().ack(delivery_tag)  # type: ignore[no-untyped-call]
        except self.channel.connection_errors:
            self.channel.pool.disconnect(inuse_connections=False)
            raise
        finally:
            virtual.QoS.ack(self, delivery_tag)  # type: ignore[no-untyped-call]


def install() -> None:
    """Let all channels from now on be guarded."""
    redis_transport.Channel._connparams = _guarded_parameters  # type: ignore[method-assign]
    redis_transport.Channel.QoS = FreeingQoS
    redis_transport.SentinelChannel.connection_class = PrimaryConnection
    redis_transport.SentinelChannel.connection_class_ssl = PrimaryTlsConnection  # type: ignore[assignment]
