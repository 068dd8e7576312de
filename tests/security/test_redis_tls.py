"""Redis behind TLS: a server whose certificate nobody vouches for is talked to by none of us.

The packaged Valkey speaks no TLS; a few lines in front of it do.
"""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from devstack.processes.process import through_launcher
from risk.store.frames import connect
from tests.security.certificates import make_certificate

ROOT = Path(__file__).parents[2]
WAIT_S = 30.0


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


class Door(threading.Thread):
    """TLS in, plain out to a server on this machine."""

    def __init__(self, key: Path, certificate: Path, port: int) -> None:
        super().__init__(daemon=True)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._behind, self._loop = port, asyncio.new_event_loop()
        serving = asyncio.start_server(self._handle, "127.0.0.1", 0, ssl=self._context)
        self._server = self._loop.run_until_complete(serving)
        self.port = self._server.sockets[0].getsockname()[1]

    def run(self) -> None:
        self._loop.run_forever()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self.join()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back = await asyncio.open_connection("127.0.0.1", self._behind)
        await asyncio.gather(_pipe(reader, back[1]), _pipe(back[0], writer))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("tls"), "server")


@pytest.fixture(scope="module")
def url(authority: tuple[Path, Path]) -> Iterator[str]:
    """``rediss://`` of the tests' own server, with a worker's account where it has one."""
    plain = urlsplit(os.environ.get("SUMS_REDIS_URL", os.environ["REDIS_URL"]))
    door = Door(*authority, plain.port or 6379)
    door.start()
    login, at, _ = plain.netloc.rpartition("@")
    yield f"rediss://{login}{at}127.0.0.1:{door.port}/14"
    door.close()


def said_by_a_worker(folder: Path, url: str, *words: str) -> str:
    """Which of these words a worker's log has first."""
    log = folder / "worker.log"
    command = (sys.executable, "-m", "celery", "-A", "riskproject", "worker", "--queues", "sums")
    options = ("--concurrency", "1", "--without-mingle", "--without-gossip", "--loglevel", "INFO")
    with log.open("wb") as file:
        worker = subprocess.Popen(
            through_launcher([*command, *options], signal.SIGTERM),
            env={**os.environ, "REDIS_URL": url},
            cwd=ROOT,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            found = [word for word in words if word in log.read_text()]
            if found:
                return found[0]
            time.sleep(0.1)
        return log.read_text()
    finally:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


READY, CANNOT_CONNECT = " ready.", "Cannot connect to rediss://"
REFUSED = "CERTIFICATE_VERIFY_FAILED"


def test_a_worker_works_where_the_certificate_is_vouched_for(url, authority, tmp_path):
    assert said_by_a_worker(tmp_path, f"{url}?ssl_ca_certs={authority[1]}", REFUSED, READY) == READY


def test_a_worker_does_not_talk_to_a_server_that_nobody_vouches_for(url, tmp_path):
    # Celery's own connection: our pulses look at certificates whatever it does.
    assert said_by_a_worker(tmp_path, url, READY, CANNOT_CONNECT) == CANNOT_CONNECT
    assert REFUSED in (tmp_path / "worker.log").read_text()


def test_our_own_client_looks_at_the_certificate_too(url, authority):
    assert connect(f"{url}?ssl_ca_certs={authority[1]}").ping()
    with pytest.raises(redis.ConnectionError, match=REFUSED):
        connect(url).ping()
