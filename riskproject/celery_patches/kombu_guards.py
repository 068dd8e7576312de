"""Keep kombu's Redis transport working while Redis is down or does not answer.

Each patch states what kombu 5.7 does without it. Remove a patch when kombu itself behaves so.
"""

from __future__ import annotations

from typing import Any

import kombu.transport.redis as redis_transport
from kombu.transport import virtual

_connection_parameters = redis_transport.Channel._connparams


def _guarded_parameters(
    self: redis_transport.Channel, asynchronous: bool = False
) -> dict[str, Any]:
    # Redis going away while an acks_late task runs ends the whole worker with AttributeError
    # ('NoneType' has no 'hostname'), because the channel outlives its connection. A
    # ConnectionError is one that the worker knows how to survive.
    if self.connection is None or self.connection.client is None:
        raise ConnectionError("channel belongs to a closed broker connection")
    return dict(_connection_parameters(self, asynchronous))  # type: ignore[no-untyped-call]


class FreeingQoS(redis_transport.QoS):
    """Counts a message as done also when Redis did not hear that it is.

    Else it stays in the worker's allowance for ever. A worker of one process has an allowance of
    one: it would look alive and never take a task again. The message itself comes once more after
    the visibility timeout, as that of a worker that died.

    Where one connection is dead the others that wait in the pool are: each of them would hold the
    worker up for a timeout of its own.
    """

    def ack(self, delivery_tag: str) -> None:
        """As kombu's; raises what it raises."""
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
