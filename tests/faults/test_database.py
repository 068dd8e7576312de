"""PostgreSQL goes away, and trades change under an open frame."""

from __future__ import annotations

import itertools
import time
import urllib.error
import urllib.request

import msgspec
import pytest

from tests.faults.plant import until
from tests.faults.trial import Trial

DOUBLE = """
from instruments.models import Swap
s = Swap.objects.order_by("trade_id").first()
s.notional = s.notional * 2
s.save()
from instruments.trade_repository import current_version
print(current_version())
"""


@pytest.mark.fault("F21", budget_ms=500)
@pytest.mark.faults_long
def test_pricing_goes_on_without_the_database_and_the_api_says_503(trial: Trial):
    """SIGKILL PostgreSQL for 8 s, with pricing and the API at work."""
    web = f"http://127.0.0.1:{trial.system.environment['WEB_PORT']}/api/v1/books/"
    trial.system.start_web()
    until(lambda: answer(web)[0] in (200, 401), 40, "the API answers")
    with trial.stream():
        moment = time.time_ns()
        trial.servers.kill("postgres")
        trial.recover(moment)
        time.sleep(4.0)
        status, body = answer(web)
        time.sleep(4.0)
        gap = longest_gap_ms(trial, moment)
        trial.servers.revive("postgres")
        trial.recovered(time.time_ns())
    trial.row.notes.append(f"longest time between two frames: {gap:.0f} ms")
    trial.check()
    assert status == 503
    assert msgspec.json.decode(body)["status"] == 503
    assert gap < 5000
    trial.plant.end("web")


@pytest.mark.fault("F21", budget_ms=3000)
def test_a_bridge_that_starts_while_the_database_is_away_waits_for_it(trial: Trial):
    """SIGKILL PostgreSQL and the bridge; the bridge is started first."""
    with trial.stream():
        log = trial.system.log.stat().st_size
        trial.servers.kill("postgres")
        trial.system.kill("bridge")
        trial.plant.start_bridge()
        waits = "the bridge says that it waits"
        until(lambda: b"waiting: connection failed" in said(trial, log), 30, waits)
        time.sleep(3.0)
        assert trial.system.runs("bridge")
        trial.servers.revive("postgres")
        trial.recover(time.time_ns())
    trial.check()


def said(trial: Trial, since: int) -> bytes:
    """Return what all processes have written since the log was so long."""
    return trial.system.log.read_bytes()[since:]


def answer(url: str) -> tuple[int, bytes]:
    """Status and body; 0 when nobody answers."""
    token = {"Authorization": "Token of-nobody"}  # looked up in the database
    try:
        request = urllib.request.Request(url, headers=token)
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""


def longest_gap_ms(trial: Trial, since_ns: int) -> float:
    """Between publications of one currency."""
    times: dict[str, list[int]] = {}
    for seen in trial.collect():
        if seen.rollup.published_ns >= since_ns:
            times.setdefault(seen.currency, []).append(seen.rollup.published_ns)
    return max(b - a for t in times.values() for a, b in itertools.pairwise(t)) / 1e6


@pytest.mark.fault("F22")
@pytest.mark.faults_long
def test_a_trade_edited_under_an_open_frame_counts_from_the_next_one(trial: Trial):
    """A trade is edited three times while frames are open and workers are slow."""
    with trial.stream():
        trial.plant.order(sleep_s=0.1)
        for _ in range(3):
            edited = int(trial.system.manage("shell", "-c", DOUBLE).split()[-1])
            trial.sample()
        trial.plant.order()
        until(lambda: newest_book(trial) >= edited, 60, "a frame of the newest book")
        trial.sample()
    found = {seen.rollup.book_version for seen in trial.collect()}
    trial.row.notes.append(f"book versions seen in frames: {len(found)}")
    trial.check()
    assert len(found) >= 2


def newest_book(trial: Trial) -> int:
    """Database version of the newest book in a frame."""
    return max(int(seen.rollup.book_version.split("-")[0]) for seen in trial.collect())
