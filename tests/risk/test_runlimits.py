"""``manage.py runlimits`` as a process: killed at any moment, it misses and repeats nothing."""

from __future__ import annotations

import datetime as dt
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.db import connection

from devstack.processes.process import through_launcher
from instruments.models import Limit
from risk.limits import board
from risk.models import LimitBreach, LimitEvent, LimitGap, LimitPosition
from risk.store.frames import Frames
from risk.store.heartbeats import alive_processes
from risk.store.result_log import Stream
from tests.risk.limits_made import frame, publish
from tests.waiting import until

ROOT = Path(__file__).resolve().parent.parent.parent
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def start(redis_url, tmp_path):
    """Starts evaluators on the database of the test; they end with it."""
    running: list[subprocess.Popen[bytes]] = []
    found = connection.settings_dict
    login = f"{found['USER']}:{found['PASSWORD']}@{found['HOST']}:{found['PORT'] or 5432}"
    environment = {
        **os.environ,
        "DATABASE_URL": f"postgresql://{login}/{found['NAME']}",
        "REDIS_URL": redis_url,
        "PYTHONUNBUFFERED": "1",
    }

    def begin(*options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "manage.py", "runlimits", *options]
        with (tmp_path / "limits.log").open("ab") as log:
            process = subprocess.Popen(
                through_launcher(command, signal.SIGTERM),
                env=environment,
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        running.append(process)
        return process

    yield begin
    for process in running:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def limits() -> dict[str, float]:
    """Limits at several amounts, as if they had always been there."""
    amounts = {"L-40": 0.4, "L-60": 0.6, "L-80": 0.8}
    for code, amount in amounts.items():
        Limit.objects.create(code=code, name=code, measure="dv01_par", hard_limit=amount)
    Limit.objects.update(created=dt.datetime(2024, 1, 1, tzinfo=dt.UTC))
    return amounts


def wanted(
    amounts: dict[str, float], numbers: dict[int, float]
) -> set[tuple[str, int, int | None]]:
    """Breaches by limit, first frame and the frame that ended them, in plain loops."""
    found = set()
    for code, amount in amounts.items():
        begin = None
        for number, dv01 in sorted(numbers.items()):
            if dv01 > amount and begin is None:
                begin = number
            elif dv01 <= amount and begin is not None:
                found.add((code, begin, number))
                begin = None
        if begin is not None:
            found.add((code, begin, None))
    return found


def breaches() -> list[tuple[str, int, int | None]]:
    rows = LimitBreach.objects.select_related("limit")
    return [(row.limit.code, row.frame, row.end_frame) for row in rows]


def position() -> int:
    """How many results were evaluated."""
    row = LimitPosition.objects.filter(market="live").first()
    return row.numbers.get("USD:sums", 0) if row else 0


def test_an_evaluator_that_is_killed_again_and_again_misses_nothing(redis_client, start):
    amounts, frames = limits(), Frames(redis_client)
    draw = random.Random(19)
    numbers: dict[int, float] = {}

    def publish_more(count: int) -> None:
        for number in range(len(numbers) + 1, len(numbers) + 1 + count):
            numbers[number] = round(draw.uniform(0.0, 1.0), 6)
            publish(frames, frame(number, numbers[number]))

    publish_more(200)
    for kill in range(4):
        process = start("--batch", "2")
        # Killed while it is at work: somewhere between reading, writing and removing.
        until(lambda seen=20 * kill: position() > seen, 60)
        time.sleep(draw.uniform(0.0, 0.03))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert position() < len(numbers)
        publish_more(50)
    start()
    until(lambda: position() == 400, 120)
    found = breaches()
    assert len(found) == len(set(found))
    assert set(found) == wanted(amounts, numbers)
    assert len(found) > 100
    assert not LimitGap.objects.exists()
    opened = LimitEvent.objects.filter(state="breach").count()
    assert opened == len(found)
    assert redis_client.xlen(Stream("USD", "sums").key) == 0


def test_it_shows_the_states_says_that_it_lives_and_stops_when_told(redis_client, start):
    limits()
    publish(Frames(redis_client), frame(1, 0.7))
    process = start()
    shown = until(lambda: (found := board.read(redis_client)) and found.breaches and found, 60)
    assert {row.code: row.state for row in shown.limits} == {
        "L-40": "breach",
        "L-60": "breach",
        "L-80": "ok",
    }
    assert [row.value for row in shown.limits] == [0.7, 0.7, 0.7]
    assert shown.limits[2].utilisation == pytest.approx(0.875)
    assert len(shown.breaches) == 2
    assert "limits" in {pulse.kind for pulse in alive_processes(redis_client)}
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
