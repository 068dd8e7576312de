"""What a bridge that starts again has to wait for."""

from __future__ import annotations

import subprocess
import sys

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
