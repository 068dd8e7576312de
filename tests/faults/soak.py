"""Inject random faults into a live stream for some time, and report which invariants held.

    python -m tests.faults.soak --minutes 30 --seed 1

1,000 trades, three currencies, invalid and repeated records among the ticks, random faults. A share
of the frames is priced again by one process: every bit must be equal. The exit code is 0 only if
every invariant held. Ctrl-C ends it early, with a report, and leaves no process behind.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import random
import signal
import statistics
import sys
import time
from collections import Counter
from pathlib import Path
from types import FrameType

from risk.store.heartbeats import BridgePulse, read_pulses
from tests.faults.nemesis import Nemesis
from tests.faults.plant import TRADES, Plant
from tests.faults.report import Row
from tests.faults.trial import Trial

BASE = Path(".local/soak")
CALM_S = (1.0, 6.0)
"""Between two faults."""
EVERY_S = 0.15
POISON = ECHO = 0.02
ORACLE_SHARE = 0.1
RECOVER_S = 120.0


class Soak:
    """One run."""

    def __init__(self, minutes: float, seed: int, trades: int, base: Path) -> None:
        """Start the plant; one worker stands behind the proxy."""
        self.minutes, self.seed, self.trades = minutes, seed, trades
        self.rng = random.Random(seed)
        self.plant = Plant(base / "plant", trades)
        self.recovery: dict[str, list[float]] = {}
        self.frames: Counter[str] = Counter()
        self.bridges: dict[str, BridgePulse] = {}
        self.stuck: list[str] = []
        self.elapsed_s = 0.0
        url = self.plant.servers.redis_proxy.url(self.plant.redis_url)
        self.plant.behind_proxy["pricing-b"] = {"REDIS_URL": url}
        self.plant.end("pricing-b")
        self.plant.heal()
        self.plant.wait_ready()
        self.nemesis = Nemesis(self.plant, seed)
        self.trial = Trial(self.plant, Row("F27", "soak"), seed)

    def run(self) -> None:
        """Strike until the time is over, or something is broken for good."""
        began = time.monotonic()
        with contextlib.ExitStack() as stack:
            stack.callback(lambda: setattr(self, "elapsed_s", time.monotonic() - began))
            stack.enter_context(self.trial.stream(EVERY_S, POISON, ECHO))
            while time.monotonic() < began + 60 * self.minutes and not self.broken():
                self._calm(self.rng.uniform(*CALM_S))
                self._round(time.monotonic() - began)
        self.trial.check()

    def _round(self, at_s: float) -> None:
        name, moment = self.nemesis.strike()
        try:
            taken = self.trial.recovered(moment, RECOVER_S, self.plant.supervise)
        except AssertionError as error:
            self.stuck.append(f"{name}: {error}")
            return
        self.recovery.setdefault(name, []).append(round(taken))
        print(f"{at_s:7.0f} s  {name:45} {taken:8,.0f} ms", flush=True)
        self.plant.heal()
        with contextlib.suppress(AssertionError):
            self.plant.wait_ready()
        self._look()

    def _calm(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(0.5)
            self._look()

    def _look(self) -> None:
        """Check the frames that have come; price some of them again."""
        trial = self.trial
        began_ns = time.time_ns()  # reading may take seconds while Kafka comes back
        trial.truth.advance(trial.feed.bad)
        for pulse in read_pulses(self.plant.client):
            self.bridges[pulse.name] = pulse
        frames = trial.collect()
        old_ns = began_ns - 2e9  # the topic may not show the newest ticks yet
        known = [seen for seen in frames if seen.header.sent_ns < old_ns]
        trial.frames = [seen for seen in frames if seen.header.sent_ns >= old_ns]
        self.frames.update(seen.rollup.status for seen in known)
        trial.invariants.one_vector(known, trial.truth, trial.sources)
        trial.invariants.says_what_is_missing(known)
        trial.invariants.keeps_nobody_out(known, trial.guilty)
        some = [seen for seen in known if self.rng.random() < ORACLE_SHARE]
        trial.invariants.equals_oracle(some, trial.oracle)

    def broken(self) -> list[str]:
        """Return what did not hold."""
        found = [f"{name}: {said}" for name, said in self.trial.invariants.broken]
        return [*found, *self.stuck, *self.trial.watch.falls]

    def close(self) -> None:
        """Nothing stays behind."""
        self.trial.close()
        self.plant.stop()

    # --- The report ----------------------------------------------------------------------------

    def report(self) -> dict[str, object]:
        """Return what was done and what held."""
        states: Counter[str] = Counter()
        for pulse in self.bridges.values():
            states.update(pulse.states)
        oracle = self.trial.oracle
        return {
            "seed": self.seed,
            "trades": self.trades,
            "minutes": round(self.elapsed_s / 60, 1),
            "broker": self.plant.servers.kafka.name,
            "schedule": self.nemesis.schedule,
            "ticks_in_kafka": self.trial.truth.records,
            "expected": dict(self.trial.truth.states),
            "states_of_all_bridges": dict(states),
            "bridges": len(self.bridges),
            "frames_seen": self.trial.watch.seen,
            "frames_by_status": dict(self.frames),
            "frames_compared": oracle.compared,
            "trades_compared": oracle.trades,
            "frames_whose_book_was_lost": oracle.gone,
            "largest_difference": oracle.largest,
            "recovery_ms": self.recovery,
            "checked": dict(self.trial.invariants.checked),
            "broken": self.broken(),
        }


def lines(found: dict[str, object], recovery: dict[str, list[float]]) -> list[str]:
    """The report for a person."""
    left_out = ("schedule", "recovery_ms", "broken")
    text = [f"{name:28} {value}" for name, value in found.items() if name not in left_out]
    text += ["", "recovery in ms: p50 / p90 / max"]
    for name, taken in sorted(recovery.items(), key=lambda item: int(item[0][1:3])):
        ordered = sorted(taken)
        p90 = ordered[math.ceil(0.9 * len(ordered)) - 1]
        half = statistics.median(ordered)
        text.append(f"{name:60} {half:8,.0f} {p90:8,.0f} {ordered[-1]:8,.0f}  n={len(ordered)}")
    return text


def main() -> int:
    """Run, and say what held; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--trades", type=int, default=TRADES)
    parser.add_argument("--base", type=Path, default=BASE, help="folder of its servers and report")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupt)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "riskproject.settings")
    print(f"seed {options.seed}, {options.minutes:g} minutes, {options.trades} trades", flush=True)
    soak = Soak(options.minutes, options.seed, options.trades, options.base)
    failure = ""
    try:
        soak.run()
    except KeyboardInterrupt:
        failure = "interrupted"
    except AssertionError as error:
        failure = str(error)
    found = soak.report() | {"failure": failure}
    path = options.base / f"soak-{options.seed}-{time.strftime('%Y%m%d-%H%M%S')}.json"
    path.write_text(json.dumps(found, indent=1, default=str))
    soak.close()
    print("\n".join(lines(found, soak.recovery)))
    broken = [*soak.broken(), *([failure] if failure else [])]
    print("\n".join(["", "BROKEN:", *broken] if broken else ["", "every invariant held"]))
    print(f"as JSON: {path}")
    return 1 if broken else 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
