"""The screen's reader behind a broken line: late it may be, wrong never."""

from __future__ import annotations

import threading
import time

import pytest

from dashboard.data import FRESH_S, Reader
from tests.faults.plant import until
from tests.faults.trial import Trial

SESSIONS = 20


@pytest.mark.fault("F24", budget_ms=2000)
@pytest.mark.faults_long
def test_twenty_sessions_behind_a_broken_line_show_old_numbers_but_never_wrong_ones(trial: Trial):
    """The dashboard's line to Redis is cut, slow, and dark, with 20 sessions reading."""
    proxy = trial.servers.redis_proxy
    reader = Reader(proxy.url(trial.plant.redis_url))
    shown: dict[tuple[str, int], float] = {}
    stop = threading.Event()

    def session() -> None:
        while not stop.is_set():
            for name, market in reader.snapshot().markets.items():
                shown[name, market.rollup.frame] = sum(c.npv for c in market.rollup.cells)
                reader.trades(market)
            stop.wait(0.2)

    sessions = [threading.Thread(target=session, daemon=True) for _ in range(SESSIONS)]
    with trial.stream():
        for each in sessions:
            each.start()
        time.sleep(2.0)
        proxy.reset()
        time.sleep(2.0)
        proxy.delay(0.1)
        time.sleep(3.0)
        proxy.go_dark()
        until(lambda: reader.snapshot().down, 20, "the screen says that Redis is away")
        stood = {name: m.rollup.frame for name, m in reader.snapshot().markets.items()}
        proxy.mend()
        moment = time.monotonic()
        until(lambda: moved_on(reader, stood), 20, "the screen moves on")
        trial.row.recovery_ms.append(round((time.monotonic() - moment) * 1000))
    time.sleep(2 * FRESH_S)
    snapshot = reader.snapshot()
    stop.set()
    for each in sessions:
        each.join(10)
    now = {name: m.rollup.frame for name, m in snapshot.markets.items()}
    assert now == {name: seen.rollup.frame for name, seen in trial.watch.last.items()}
    published = {
        (seen.currency, seen.rollup.frame): sum(c.npv for c in seen.rollup.cells)
        for seen in trial.collect()
    }
    seen_by_both = shown.keys() & published.keys()
    assert len(seen_by_both) > 5
    assert all(shown[place] == published[place] for place in seen_by_both)
    trial.row.notes.append(f"{len(shown)} frames shown to {SESSIONS} sessions of one reader")
    trial.check()


def moved_on(reader: Reader, stood: dict[str, int]) -> bool:
    """Redis is read again, and every currency shows a newer frame."""
    snapshot = reader.snapshot()
    newer = [snapshot.markets[name].rollup.frame > frame for name, frame in stood.items()]
    return not snapshot.down and all(newer)
