"""Run the web process: ``python -m riskproject.web_server --host 127.0.0.1 --port 8000``.

This is uvicorn with two things that it has no option for: a time limit for the headers of a
request, and an end within ``STOP_S`` seconds of SIGTERM whatever a request is doing.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import threading
from types import FrameType

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

log = logging.getLogger(__name__)

HEADERS_S = 10.0
"""From the first byte of a connection or of a next request to the end of its headers."""

GRACE_S = 5
"""After SIGTERM requests may go on for so long; then they are cancelled."""

STOP_S = 8.0
"""After SIGTERM the process ends, though a thread is still at work: threads are not cancelled."""

TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class TimedProtocol(H11Protocol):
    """Close connections whose headers do not come to an end."""

    _headers_timer: asyncio.TimerHandle | None = None
    _begun = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the headers of the first request."""
        super().connection_made(transport)
        self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Stop the clock when the headers are complete, start it with those of a next request."""
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
    """Ends in time."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin an orderly end, and make sure of it."""
        if not self.should_exit:
            timer = threading.Timer(STOP_S, _end_now, (sig,))
            timer.daemon = True
            timer.start()
        super().handle_exit(sig, frame)


def _end_now(sig: int) -> None:
    """Leave threads behind; PostgreSQL takes back what their transactions have not committed."""
    log.warning("requests were still at work %g s after signal %d: they are left", STOP_S, sig)
    logging.shutdown()
    os._exit(128 + sig)


def main(argv: list[str]) -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(prog="riskproject.web_server", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--log-level", default="info")
    options = parser.parse_args(argv)
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
