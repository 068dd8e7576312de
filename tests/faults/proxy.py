"""A TCP address that stands before a server and misbehaves by order.

client -- proxy -- server

mend          bytes pass
reset         every connection ends with RST; new ones pass
refuse        as reset, and nobody listens (ECONNREFUSED) until it is mended
go_half_open  present connections swallow everything for ever; new ones pass
go_dark       all connections swallow everything, new ones too, until it is mended
drop_replies  the next answers do not arrive: their connections end with RST instead
delay         each chunk of an answer comes so much later
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from urllib.parse import urlsplit

CHUNK = 65536
RST_ON_CLOSE = struct.pack("ii", 1, 0)


class _Link:
    """One client's connection: two sockets, a thread for each direction."""

    def __init__(self, proxy: Proxy, near: socket.socket, far: socket.socket) -> None:
        self.proxy, self.near, self.far = proxy, near, far
        self.swallows = self.ended = False
        for source, sink, answers in ((near, far, False), (far, near, True)):
            threading.Thread(target=self._pump, args=(source, sink, answers), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                if self.swallows or self.proxy.dark:
                    self.swallows = True  # what is lost here must never be followed by more
                    continue
                if answers and self.proxy.takes_reply():
                    self.reset()
                    return
                if answers and self.proxy.delay_s:
                    time.sleep(self.proxy.delay_s)
                sink.sendall(data)
        if not self.swallows and not self.ended:
            self._close()

    def _close(self) -> None:
        for end in (self.near, self.far):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def reset(self) -> None:
        """RST to the client; the server sees an end."""
        self.ended = True
        with contextlib.suppress(OSError):
            self.near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
            self.near.shutdown(socket.SHUT_RD)  # wakes its reader, which else keeps it open
        self.near.close()
        with contextlib.suppress(OSError):
            self.far.shutdown(socket.SHUT_RDWR)
        self.far.close()


class Proxy:
    """One address before one server; see the orders above."""

    def __init__(self, host: str, port: int) -> None:
        """Listen on a free loopback port and pass to ``host:port``."""
        self._target = (host, port)
        self._lock = threading.Lock()
        self._links: list[_Link] = []
        self._replies_to_drop = 0
        self.dropped = 0
        self.dark = False
        self.delay_s = 0.0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._listen()

    def url(self, of_server: str) -> str:
        """The server's URL with this address instead."""
        parts = urlsplit(of_server)
        user = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
        return parts._replace(netloc=f"{user}127.0.0.1:{self.port}").geturl()

    def mend(self) -> None:
        """Let everything pass again. What went dark stays dead: its peer must connect anew."""
        self.dark, self.delay_s = False, 0.0
        with self._lock:
            self._replies_to_drop = 0
        if self._listener.fileno() < 0:
            self._listener = socket.create_server(("127.0.0.1", self.port))
            self._listen()

    def reset(self) -> None:
        """End all connections with RST."""
        with self._lock:
            links, self._links = self._links, []
        for link in links:
            link.reset()

    def refuse(self) -> None:
        """End all connections and take no new ones."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.reset()

    def go_half_open(self) -> None:
        """Let present connections hang for ever."""
        with self._lock:
            for link in self._links:
                link.swallows = True

    def go_dark(self) -> None:
        """Let all connections hang, new ones too."""
        self.dark = True

    def drop_replies(self, count: int = 1) -> None:
        """Lose the next answers: the server has done the work, the client cannot know."""
        with self._lock:
            self._replies_to_drop += count

    def delay(self, seconds: float) -> None:
        """Hold each chunk of an answer back."""
        self.delay_s = seconds

    def close(self) -> None:
        """The end of it."""
        self.refuse()

    def takes_reply(self) -> bool:
        """Return whether an answer that has come is one to drop."""
        with self._lock:
            if self._replies_to_drop == 0:
                return False
            self._replies_to_drop -= 1
            self.dropped += 1
            return True

    def _listen(self) -> None:
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self._target, timeout=2.0)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._links = [link for link in self._links if link.near.fileno() >= 0]
                self._links.append(_Link(self, near, far))
