"""``make hosts``: make four hosts of network namespaces, run the tests of them, and remove them."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.hosts import network
from tests.hosts.network import DATA

MOST_S = 15 * 60
TESTS = "tests/faults/test_hosts.py"


def main(options: list[str]) -> int:
    """Return the exit status of the tests; 0 where the machine lets us make no hosts."""
    try:
        network.build()
    except network.NoNetwork as error:
        print(f"NOT RUN: four hosts of network namespaces: {error}")
        print("To run it: as root, or with CAP_NET_ADMIN and CAP_SYS_ADMIN: sudo make hosts")
        return 0
    command = [*DATA.inside(), sys.executable, "-m", "pytest", TESTS, "-rN", *options]
    try:
        return subprocess.run(
            command, env={**os.environ, "FAULTS": "F34"}, timeout=MOST_S, check=False
        ).returncode
    except subprocess.TimeoutExpired:
        print(f"NOT RUN TO ITS END: it took longer than {MOST_S // 60} minutes")
        return 1
    finally:
        network.remove()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
