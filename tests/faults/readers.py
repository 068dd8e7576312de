"""Read what is published as people and programs do: dashboard, REST, and the stream of events."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import requests

from dashboard.data import Reader
from tests.e2e.system import System
from tests.faults.plant import until

WAYS = ("dashboard", "REST", "stream")
CALL_S, PAUSE_S = 5.0, 0.2


class Readers:
    """Three readers, each in a thread; ``newest`` holds the frames that each has seen last.

    The web process must run. ``fell`` counts how often a reader got an older frame than before.
    """

    def __init__(self, system: System) -> None:
        """Begin to read."""
        self._url = f"http://127.0.0.1:{system.environment['WEB_PORT']}/api/v1"
        self._headers = {"Authorization": f"Token {system.token}"}
        self._screen = Reader(system.environment["REDIS_URL"])
        self.newest: dict[str, dict[str, int]] = {way: {} for way in WAYS}
        self.fell = 0
        self._stop = threading.Event()
        works = (self._read_screen, self._read_rest, self._read_stream)
        self._threads = [threading.Thread(target=self._run, args=[work]) for work in works]
        for thread in self._threads:
            thread.daemon = True
            thread.start()

    def close(self) -> None:
        """Stop reading."""
        self._stop.set()
        for thread in self._threads:
            thread.join(2 * CALL_S)

    def await_newer(self, frames: dict[str, int], seconds: float) -> dict[str, float]:
        """Wait until each way shows newer frames of all currencies; returns seconds by way."""
        begun = time.monotonic()
        taken: dict[str, float] = {}

        def all_have() -> bool:
            for way in WAYS:
                newest = self.newest[way]
                if way not in taken and all(newest.get(n, 0) > f for n, f in frames.items()):
                    taken[way] = time.monotonic() - begun
            return len(taken) == len(WAYS)

        until(all_have, seconds, f"newer frames by every way; {self.newest} after {frames}")
        return taken

    def _run(self, work: Any) -> None:
        while not self._stop.wait(PAUSE_S):
            try:
                work()
            except (requests.RequestException, OSError):
                continue  # it asks again, as every client must

    def _note(self, way: str, currency: str, frame: int) -> None:
        before = self.newest[way].get(currency, 0)
        self.fell += frame < before
        self.newest[way] = {**self.newest[way], currency: frame}

    def _read_screen(self) -> None:
        for name, market in self._screen.snapshot().markets.items():
            self._note("dashboard", name, market.rollup.frame)

    def _read_rest(self) -> None:
        url = f"{self._url}/risk/portfolio/"
        answer = requests.get(url, headers=self._headers, timeout=CALL_S)
        answer.raise_for_status()
        for stamp in answer.json()["frames"]:
            self._note("REST", stamp["currency"], stamp["frame"])

    def _read_stream(self) -> None:
        url = f"{self._url}/stream/risk/"
        with requests.get(url, headers=self._headers, stream=True, timeout=CALL_S) as answer:
            answer.raise_for_status()
            for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
                if self._stop.is_set():
                    return
                if line.startswith("data: {"):
                    stamp = json.loads(line[6:]).get("stamp")
                    if stamp:
                        self._note("stream", stamp["currency"], stamp["frame"])
