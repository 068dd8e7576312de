"""Record what is published while a benchmark runs: sums, details, and checks against QuantLib.

Redis keeps some hundred lines of history a currency and the head of a detail for seconds, so both
are read as they come.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from risk.store.frames import DETAIL_CHANNEL, FrameNotice, Frames, connect, key
from risk.store.results import CheckResult, Detail, HistoryLine

LOOK_S, LISTEN_S = 0.4, 0.1

_detail = msgspec.msgpack.Decoder(Detail).decode


@dataclass
class Published:
    """Published frames by currency and number."""

    lines: dict[tuple[str, int], HistoryLine] = field(default_factory=dict)
    details: dict[tuple[str, int], Detail] = field(default_factory=dict)
    checks: dict[tuple[str, int], CheckResult] = field(default_factory=dict)

    def lines_after(self, frames: Mapping[str, int]) -> list[HistoryLine]:
        """Sums of ticks above these frames, as published; an edit's own frame has no sender."""
        found = [
            line
            for (name, number), line in list(self.lines.items())
            if number > frames[name] and line.sent_ns
        ]
        return sorted(found, key=lambda line: line.published_ns)

    def details_after(self, frames: Mapping[str, int]) -> list[Detail]:
        """Details of ticks above these frames, as published."""
        found = [
            detail
            for (name, number), detail in list(self.details.items())
            if number > frames[name] and detail.sent_ns
        ]
        return sorted(found, key=lambda detail: detail.published_ns)

    def checks_after(self, frames: Mapping[str, int]) -> list[CheckResult]:
        """Checks of frames above these."""
        found = list(self.checks.items())
        return [check for (name, number), check in found if number > frames[name]]


class Recorder:
    """A thread that fills ``published`` until it is closed."""

    def __init__(self, url: str, currencies: Sequence[str]) -> None:
        """Start recording on a Redis."""
        self.published = Published()
        self._frames, self._currencies = Frames(connect(url, timeout_s=10.0)), tuple(currencies)
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join()

    def catch_up(self) -> None:
        """Read all that is published by now."""
        with self._lock:
            for name in self._currencies:
                for line in self._frames.history(name):
                    self.published.lines[name, line.frame] = line
                check = self._frames.check(name)
                if check is not None:
                    self.published.checks[name, check.frame] = check
                self._note_detail(name, self._frames.detail_pointer(name))

    def _run(self) -> None:
        listener = self._frames.client.pubsub(ignore_subscribe_messages=True)
        listener.subscribe(DETAIL_CHANNEL)
        due = time.monotonic()
        while not self._stop.is_set():
            message = listener.get_message(timeout=LISTEN_S)
            if message is not None:
                notice = msgspec.json.decode(message["data"], type=FrameNotice)
                self._note_detail(notice.currency, notice.frame)
            if time.monotonic() >= due:
                self._read_new_lines()
                due = time.monotonic() + LOOK_S
        listener.close()

    def _read_new_lines(self) -> None:
        """Read only as many lines as can be new: reading all would load Redis."""
        with self._lock:
            for name in self._currencies:
                lines = self._frames.history(name, 100)
                for line in lines:
                    self.published.lines[name, line.frame] = line
                check = self._frames.check(name)
                if check is not None:
                    self.published.checks[name, check.frame] = check

    def _note_detail(self, name: str, frame: int) -> None:
        if (name, frame) in self.published.details or not frame:
            return
        raw = self._frames.client.get(key(name, "detail", frame, "head"))
        if raw:
            self.published.details[name, frame] = _detail(raw)
