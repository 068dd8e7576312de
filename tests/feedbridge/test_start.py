"""What a bridge that starts again has to wait for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from tests.web_process import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
SCRIPT = """
import sys, django
django.setup()
import feedbridge.management.commands.runbridge
print(*sorted({"QuantLib", "numba", "openpyxl"} & set(sys.modules)))
"""


def test_a_bridge_starts_without_the_pricing_libraries_and_the_admin() -> None:
    """They take a second to load, and no tick is read meanwhile."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == []


COLLECTIONS = """
import gc, os, signal, django
django.setup()
gc.set_threshold(50_000)  # as manage.py does
from django.core.management import call_command
from feedbridge.bridge.loop import Bridge
from feedbridge.management.commands import runbridge

def step(bridge):
    print(gc.get_threshold()[0], gc.get_freeze_count(), flush=True)
    os.kill(os.getpid(), signal.SIGTERM)

Bridge.step = step
runbridge._topics_and_epoch = lambda *_: 1  # that of a database with our tables
call_command("runbridge", "--group", "collects")
"""


def test_a_running_bridge_collects_little_garbage_at_a_time(
    redis_url: str, kafka_bootstrap: str
) -> None:
    """A collection of 50,000 objects takes up to a tenth of a second, and a tick waits."""
    done = subprocess.run(
        [sys.executable, "-c", COLLECTIONS],
        env={**os.environ, "REDIS_URL": redis_url, "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    threshold, frozen = map(int, done.stdout.splitlines()[1].split())
    assert threshold <= 1_000
    assert frozen > 50_000


def test_a_bridge_without_its_database_says_what_it_waits_for_until_it_is_told_to_end(
    kafka_bootstrap: str,
) -> None:
    there = urlsplit(os.environ["DATABASE_URL"])
    netloc = f"{there.netloc.rpartition(':')[0]}:{free_port()}"
    environment = {
        **os.environ,
        "DATABASE_URL": there._replace(netloc=netloc).geturl(),
        "KAFKA_BOOTSTRAP_SERVERS": kafka_bootstrap,
    }
    with subprocess.Popen(
        [sys.executable, "manage.py", "runbridge", "--group", "waits"],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as bridge:
        assert bridge.stdout is not None
        assert any("waiting: connection failed" in line for line in bridge.stdout)
        bridge.send_signal(signal.SIGTERM)
        assert bridge.wait(20) == 0
