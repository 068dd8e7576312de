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
import gc, sys, django
django.setup()
gc.set_threshold(50_000)  # as manage.py does
from feedbridge.management.commands import runbridge
started = gc.get_freeze_count()
runbridge._collect_garbage_often()
print(gc.get_threshold()[0], gc.get_freeze_count() - started, len(gc.get_objects()))
"""


def test_a_running_bridge_collects_little_garbage_at_a_time() -> None:
    """A collection of 50,000 objects takes up to a tenth of a second, and a tick waits."""
    done = subprocess.run(
        [sys.executable, "-c", COLLECTIONS], capture_output=True, text=True, timeout=60, check=True
    )
    threshold, frozen, left = map(int, done.stdout.split())
    assert threshold <= 1_000
    assert frozen > 50_000 > 10 * left


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
