"""Run the web process: ``python -m riskproject.web_server --host 127.0.0.1 --port 8000``.

This is uvicorn with two additions: a time limit for a request's headers, and a shutdown within
``STOP_S`` seconds of SIGTERM whatever requests are in progress.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import threading
from collections import Counter
from types import FrameType

import h11
import uvicorn
from uvicorn.middleware.proxy_headers import _TrustedHosts
from uvicorn.protocols.http.h11_impl import H11Protocol

log = logging.getLogger(__name__)

HEADERS_S = 10.0
"""Seconds from the first byte of a request to the end of its headers."""

GRACE_S = 5
"""Seconds that requests may continue after SIGTERM before they are cancelled."""

STOP_S = 8.0
"""Seconds from SIGTERM to the end of the process, even if a thread is still running."""

WRITE_S, WRITE_BYTES_A_SECOND = 30.0, 50_000
"""Seconds in which a client must read a response, plus one for each WRITE_BYTES_A_SECOND."""

CONNECTIONS_PER_ADDRESS = 300
"""Connections per address and process; at most 200 event streams are open. An address in
FORWARDED_ALLOW_IPS may have any number, as it is the proxy of all callers."""

POOL_SIZE = "20"
"""Connections to the database, unless DATABASE_POOL_SIZE is set."""

TOO_MANY = (
    f"There are at most {CONNECTIONS_PER_ADDRESS} connections from one address: close some"
).encode()
REFUSED = (
    b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-type: text/plain\r\n"
    b"content-length: %d\r\n\r\n%b" % (len(TOO_MANY), TOO_MANY)
)
TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class TimedProtocol(H11Protocol):
    """Close connections with unfinished headers, and those whose clients do not read."""

    _headers_timer: asyncio.TimerHandle | None = None
    _write_timer: asyncio.TimerHandle | None = None
    _begun = _refused = False
    _open: Counter[str] = Counter()  # by address, of the whole process

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the headers of the first request, unless the address has too many open."""
        transport.set_write_buffer_limits(high=0)  # pause_writing whatever the kernel left over
        super().connection_made(transport)
        address = self._address = self.client[0] if self.client else ""
        self._open[address] += 1
        if self._open[address] > CONNECTIONS_PER_ADDRESS and not self._is_proxy(address):
            self._refused = True
            transport.write(REFUSED)
            transport.close()
            return
        self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._open[self._address] -= 1
        if not self._open[self._address]:
            del self._open[self._address]
        self._stop_waiting()
        self._stop_write_timer()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Give the caller time to take what was sent."""
        super().pause_writing()
        allowed_s = WRITE_S + self.transport.get_write_buffer_size() / WRITE_BYTES_A_SECOND
        self._stop_write_timer()
        self._write_timer = self.loop.call_later(allowed_s, self.transport.abort)

    def resume_writing(self) -> None:
        """All has been taken."""
        self._stop_write_timer()
        super().resume_writing()

    def _stop_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _is_proxy(self, address: str) -> bool:
        # uvicorn's own reading of the setting: addresses, networks or a star.
        return address in _TrustedHosts(self.config.forwarded_allow_ips)

    def data_received(self, data: bytes) -> None:
        """Stop the clock when the headers are complete, start it with those of a next request."""
        if self._refused:
            return
        self._begun = True
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self._headers_timer is None:
            self._expect_headers()

    def _expect_headers(self) -> None:
        self._headers_timer = self.loop.call_later(HEADERS_S, self._close_slow)

    def _stop_waiting(self) -> None:
        if self._headers_timer is not None:
            self._headers_timer.cancel()
            self._headers_timer = None

    def _close_slow(self) -> None:
        if self.transport.is_closing():
            return
        if self._begun:
            self.transport.write(TOO_SLOW)
        self.transport.close()


class Server(uvicorn.Server):
    """Uvicorn's server, which ends in time."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin an orderly end, and make sure of it."""
        if not self.should_exit:
            timer = threading.Timer(STOP_S, _end_now, (sig,))
            timer.daemon = True
            timer.start()
        super().handle_exit(sig, frame)


def _end_now(sig: int) -> None:
    """Leave threads behind; PostgreSQL takes back what their transactions have not committed."""
    log.warning("requests were still running %g s after signal %d and are abandoned", STOP_S, sig)
    logging.shutdown()
    os._exit(128 + sig)


def main(argv: list[str]) -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(prog="riskproject.web_server", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on")
    parser.add_argument("--log-level", default="info", help="debug, info, warning or error")
    options = parser.parse_args(argv)
    os.environ.setdefault("DATABASE_POOL_SIZE", POOL_SIZE)
    config = uvicorn.Config(
        "riskproject.asgi:application",
        host=options.host,
        port=options.port,
        log_level=options.log_level,
        http=TimedProtocol,
        ws="none",
        timeout_graceful_shutdown=GRACE_S,
    )
    Server(config).run()


if __name__ == "__main__":
    sys.path.insert(0, os.getcwd())
    main(sys.argv[1:])
