"""Find free loopback ports, and check whether something listens on a port."""

import secrets
import socket

from devstack.errors import StackError

LOOPBACK = "127.0.0.1"

# Below the kernel's range for outgoing connections (32768 up), so that no client socket of another
# program can take the port between our look and the server's bind.
FIRST_PORT, LAST_PORT = 15000, 29999
TRIES = 200


def is_free(port: int) -> bool:
    """Return whether a server could bind `port` on loopback now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A loopback port that nothing uses.

    Raises:
        StackError: None was found.
    """
    for _ in range(TRIES):
        port = FIRST_PORT + secrets.randbelow(LAST_PORT - FIRST_PORT + 1)
        if is_free(port):
            return port
    raise StackError(
        f"No free port between {FIRST_PORT} and {LAST_PORT} on {LOOPBACK}: stop some servers."
    )


def demand_listener(host: str, port: int, timeout_s: float = 1.0) -> None:
    """Return when something listens there.

    Raises:
        StackError: Nothing does.
    """
    try:
        socket.create_connection((host, port), timeout=timeout_s).close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise StackError(f"nothing answers at {host}:{port} ({reason})") from error
