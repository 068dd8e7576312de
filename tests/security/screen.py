"""A real dashboard process, and a browser's line to it: what comes over the wire, as it comes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.web_process import ROOT, free_port

START_S, REFRESH_S = 60.0, 2.0


@contextmanager
def running_dashboard(base: Path, **environment: str) -> Iterator[int]:
    """A dashboard of this checkout as the Procfile starts it; its port."""
    port, log = free_port(), base / "dashboard.log"
    command = (sys.executable, "-m", "streamlit", "run", "dashboard/server.py")
    with log.open("wb") as output:
        process = subprocess.Popen(
            (*command, "--server.address=127.0.0.1", f"--server.port={port}"),
            env={**os.environ, **environment},
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + START_S
        while answer(port, "/_stcore/health")[0] != 200:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def answer(port: int, path: str) -> tuple[int, str]:
    """Status and text of a GET; 0 when nobody listens."""
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    except OSError:
        return 0, ""
    finally:
        connection.close()


@dataclass
class Tab:
    """One open page; ``sent`` is all that the dashboard has sent to it.

    It asks for its refreshes as a browser does: by the part's name, every two seconds.
    """

    line: ClientConnection
    sent: list[bytes] = field(default_factory=list)
    refreshing: str = ""
    page: str = ""
    asked_s: float = 0.0

    def listen(self, until: str | None, seconds: float) -> None:
        """Hear until a text comes and its run has ended; None: all the time."""
        end, found = time.monotonic() + seconds, False
        while time.monotonic() < end:
            message = self._next(min(0.5, end - time.monotonic()))
            self._refresh()
            if message is None:
                continue
            self.sent.append(message.SerializeToString())
            found = found or (until is not None and until in text(message))
            if found and message.WhichOneof("type") == "script_finished":
                return
        assert until is None, f"{until!r} did not come within {seconds} s"

    def heard(self, name: str) -> bool:
        """Some message has had it in it, tables and all."""
        return any(name.encode() in message for message in self.sent)

    def ask(self, fragment: str = "", name: str = "") -> None:
        """Have the page, or the part of it that refreshes, drawn."""
        message = BackMsg()
        message.rerun_script.page_name = name
        message.rerun_script.query_string = ""
        message.rerun_script.page_script_hash = self.page
        message.rerun_script.fragment_id = fragment
        message.rerun_script.is_auto_rerun = bool(fragment)
        self.line.send(message.SerializeToString())
        self.asked_s = time.monotonic()

    def _next(self, seconds: float) -> ForwardMsg | None:
        try:
            data = self.line.recv(timeout=max(0.0, seconds))
        except TimeoutError:
            return None
        assert isinstance(data, bytes)
        message = ForwardMsg.FromString(data)
        if message.WhichOneof("type") == "auto_rerun":
            self.refreshing = message.auto_rerun.fragment_id
        elif message.WhichOneof("type") == "new_session":
            self.page = message.new_session.page_script_hash
        return message

    def _refresh(self) -> None:
        if self.refreshing and time.monotonic() - self.asked_s > REFRESH_S:
            self.ask(self.refreshing)


def text(message: ForwardMsg) -> str:
    """The HTML and the numbers of one message."""
    element = message.delta.new_element
    return f"{element.html.body} {element.metric.label} {element.alert.body}"


@contextmanager
def tab(port: int, cookie: str = "", name: str = "", **headers: str) -> Iterator[Tab]:
    """Open a page as a browser does; the first one unless named."""
    if cookie:
        headers["Cookie"] = f"theme=dark; sessionid={cookie}"
    with connect(
        f"ws://127.0.0.1:{port}/_stcore/stream",
        additional_headers=headers,
        subprotocols=[Subprotocol("streamlit")],
        max_size=None,
    ) as line:
        page = Tab(line)
        page.ask(name=name)
        yield page
