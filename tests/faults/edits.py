"""Edit trades over REST, one after the other, and remember which edits were acknowledged."""

from __future__ import annotations

import itertools
import threading
import time
from urllib.error import URLError

from tests.e2e.system import System

CALL_AGAIN_S = 0.1


class Edits:
    """A thread that gives each swap in turn another notional, as often as it can.

    ``acknowledged`` holds the notional of each swap whose edit was answered with success;
    ``refused`` counts the calls that were not.
    """

    def __init__(self, system: System) -> None:
        """Begin to edit; the web process must run."""
        self._system = system
        listed = system.get("swaps/?page_size=50")["results"]
        self._versions = {row["trade_id"]: row["version"] for row in listed}
        self.acknowledged: dict[str, float] = {}
        self.times_ns: list[int] = []
        self.refused = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop editing; what is under way is finished."""
        self._stop.set()
        self._thread.join(30)

    def since(self, moment_ns: int) -> float | None:
        """Milliseconds from a moment to the first acknowledgement after it."""
        later = [at for at in self.times_ns if at > moment_ns]
        return (later[0] - moment_ns) / 1e6 if later else None

    def missing(self) -> list[str]:
        """Swaps that do not have what was acknowledged, a sentence each."""
        found = {name: self._system.get(f"swaps/{name}/")["notional"] for name in self.acknowledged}
        return [
            f"{name}: {found[name]}, acknowledged {wanted}"
            for name, wanted in self.acknowledged.items()
            if float(found[name]) != wanted
        ]

    def _run(self) -> None:
        for number, name in enumerate(itertools.cycle(list(self._versions))):
            if self._stop.wait(CALL_AGAIN_S):
                return
            self._edit(name, 1_000_000.0 + number)

    def _edit(self, name: str, notional: float) -> None:
        change = {"notional": notional, "version": self._versions[name]}
        while not self._stop.is_set():
            try:
                row = self._system.patch(f"swaps/{name}/", change)
            except (URLError, OSError):
                self.refused += 1
                time.sleep(CALL_AGAIN_S)
                if self._was_made(name, notional):
                    return
                continue
            self.times_ns.append(time.time_ns())
            self.acknowledged[name], self._versions[name] = notional, row["version"]
            return

    def _was_made(self, name: str, notional: float) -> bool:
        """Whether an edit without an answer was made all the same: then it counts as neither."""
        try:
            row = self._system.get(f"swaps/{name}/")
        except (URLError, OSError):
            return False
        if float(row["notional"]) != notional:
            return False
        self._versions[name] = row["version"]
        self.acknowledged.pop(name, None)
        return True
