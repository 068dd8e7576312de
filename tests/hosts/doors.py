"""A TCP address before a server: it adds TLS where the server has none, and delay where asked.

    python -m tests.hosts.doors HOST PORT [KEY CERTIFICATE [PROTOCOL]]

listens on a free port of HOST, says which, and passes connections on to PORT of loopback. Each line
that it reads is the delay from then on, in seconds. It is a process of its own: in that of the
tests it would wait for their computations.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import ssl
import subprocess
import sys
from pathlib import Path

from devstack.processes.process import through_launcher
from tests.hosts.network import Host

CHUNK = 65536
CLOSED = b""
ROOT = Path(__file__).parents[2]


class Door:
    """A running door. Delay is added to each way; what is sent meanwhile is not held up by it."""

    def __init__(
        self,
        host: Host,
        port: int,
        tls: tuple[Path, Path] | None = None,
        protocol: str = "",
    ) -> None:
        """Start it.

        Args:
            host: Where it listens, at the host's address.
            port: Of the server, on the loopback of that host.
            tls: Key and certificate; none for a server that speaks TLS itself.
            protocol: The name that clients ask for by ALPN, as those of PostgreSQL do.
        """
        words = [*host.inside(), sys.executable, "-m", "tests.hosts.doors", host.address, str(port)]
        words += [*map(str, tls or ()), *filter(None, [protocol])]
        self._process = subprocess.Popen(
            through_launcher(words, signal.SIGTERM),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def delay(self, seconds: float) -> None:
        """Let each way take so much longer."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()

    def close(self) -> None:
        """The end of it."""
        self._process.kill()
        self._process.communicate()


class _Serving:
    """What runs in the process."""

    def __init__(self, port: int) -> None:
        self.port, self.delay_s = port, 0.0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            back = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(self._pass(reader, back[1]), self._pass(back[0], writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(256)
        sending = asyncio.ensure_future(self._send(on_the_way, writer))
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                await on_the_way.put((asyncio.get_running_loop().time() + self.delay_s, data))
        await on_the_way.put((0.0, CLOSED))
        await sending

    async def _send(
        self, on_the_way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter
    ) -> None:
        loop, failed = asyncio.get_running_loop(), False
        while (item := await on_the_way.get())[1] != CLOSED:
            due, data = item
            if (wait := due - loop.time()) > 0:
                await asyncio.sleep(wait)
            if failed:
                continue  # its reader must not be held up until the other side is closed too
            try:
                writer.write(data)
                await writer.drain()
            except OSError:
                failed = True
        writer.close()


async def _serve(host: str, port: int, context: ssl.SSLContext | None) -> None:
    serving = _Serving(port)
    server = await asyncio.start_server(serving.handle, host, 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        serving.delay_s = float(line)


def _context(words: list[str]) -> ssl.SSLContext | None:
    if not words:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(words[1], words[0])
    if words[2:]:
        context.set_alpn_protocols(words[2:])
    return context


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], int(sys.argv[2]), _context(sys.argv[3:])))
