"""Each process loads what it works with: QuantLib and numba are for pricing processes alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DJANGO = "import django; django.setup();"
PROCESSES = {
    "web": DJANGO
    + "from django.urls import get_resolver; import riskproject.asgi;"
    + "[len(entry.url_patterns) for entry in get_resolver().url_patterns"
    + " if hasattr(entry, 'url_patterns')]",
    "bridge": DJANGO + "import feedbridge.management.commands.runbridge",
    "dashboard": "import dashboard.screen, dashboard.charts.pnl_charts",
}
LOADED = "import json, sys; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"


def loaded_by(code: str) -> set[str]:
    """Top-level packages in memory after the imports that a process starts with."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{LOADED}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("process", PROCESSES)
def test_web_bridge_and_dashboard_load_neither_quantlib_nor_numba(process: str) -> None:
    assert loaded_by(PROCESSES[process]) & {"QuantLib", "numba"} == set()


def test_a_pricing_process_loads_both() -> None:
    """Otherwise the test above could not fail."""
    assert loaded_by(DJANGO + "import risk.workers.tasks") >= {"QuantLib", "numba"}
