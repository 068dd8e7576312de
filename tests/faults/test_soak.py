"""``make soak`` runs, a few seconds of it."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.servers import BASE

LEAST_MINUTES = "0.1"


def test_the_soak_starts_without_settings_of_a_test_and_says_what_held():
    base = BASE.with_name(f"{BASE.name}-soak")
    environment = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
    options = ("--minutes", LEAST_MINUTES, "--seed", "5", "--base", str(base))
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.soak", *options],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout
    assert "every invariant held" in done.stdout
