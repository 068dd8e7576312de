"""Leave a primary of Redis that has been replaced, also where it hangs and does not refuse.

A server that is killed refuses connections at once. One that hangs, or is cut off by the network,
costs a timeout each time that it is tried; redis-py 8.1 tries it more often than it must:

- A connection that has failed is opened again for the retry at the address that it had, without a
  question to Sentinel (redis-py issue 3874). Here every connection is opened where Sentinel says.
  Clients of event loops do not retry, and so need no other connections.
- A primary without enough replicas (min-replicas-to-write) refuses writes: Sentinel has most likely
  named another one. redis-py stays; here the connection is closed and the command tried again.
- Each pool of a process learns of the new primary by a timeout of its own. Here the pools of a
  process share what the first one has learnt.
"""

from __future__ import annotations

from typing import Any

import redis.sentinel
from redis.exceptions import ConnectionError, ResponseError

Address = tuple[str, int]

_newest: dict[tuple[Any, ...], Address] = {}
"""The address of the primary that Sentinel named last, by Sentinels and name of the primary."""


def _name_of(pool: Any) -> tuple[Any, ...]:
    options = (each.connection_pool.connection_kwargs for each in pool.sentinel_manager.sentinels)
    return (pool.service_name, *sorted((each["host"], each["port"]) for each in options))


class PrimaryConnection(redis.sentinel.SentinelManagedConnection):
    """A connection to the primary that Sentinel names when the connection is opened."""

    def __init__(self, **options: Any) -> None:
        """Connect later, as redis-py does."""
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self._primary = _name_of(self.connection_pool)

    def connect(self) -> None:
        """Open it, unless it is open to the newest primary. Its pool does so before each use."""
        if self._sock and _newest.get(self._primary) != (self.host, self.port):
            self.disconnect()
        super().connect()  # type: ignore[no-untyped-call]

    def connect_to(self, address: Address) -> None:
        """Open it at an address that Sentinel has named."""
        _newest[self._primary] = address
        super().connect_to(address)  # type: ignore[no-untyped-call]

    def read_response(self, *args: Any, **options: Any) -> Any:
        """Return an answer.

        Raises:
            ConnectionError: The primary has too few replicas to take writes, or is none any more.
        """
        try:
            return super().read_response(*args, **options)
        except ResponseError as error:
            if str(error).startswith("NOREPLICAS"):
                self.disconnect()  # type: ignore[no-untyped-call]
                raise ConnectionError(str(error)) from error
            raise

    def connect_check_health(
        self, check_health: bool = True, retry_socket_connect: bool = True
    ) -> None:
        """Open it: for a retry (``retry_socket_connect``) where Sentinel says, else where told."""
        if retry_socket_connect:
            self._connect_retry()  # type: ignore[no-untyped-call]
        else:
            super().connect_check_health(check_health, retry_socket_connect=False)


class PrimaryTlsConnection(PrimaryConnection, redis.sentinel.SentinelManagedSSLConnection):
    """The same with TLS."""
