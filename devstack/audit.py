"""Report known vulnerabilities of the packages in a lock file.

``python -m devstack.audit FILE ...`` asks an advisory database through pip-audit. If the
database cannot be reached, the command says that nothing was checked and does not fail.
"""

import json
import re
import subprocess
import sys
from typing import Any

COMMAND = (
    *("-m", "pip_audit", "--disable-pip", "--require-hashes", "--format", "json"),
    *("--progress-spinner", "off", "--timeout", "10", "--requirement"),
)
OUT_OF_REACH = re.compile(
    r"ConnectionError|Could not connect|ConnectTimeout|ReadTimeout|Max retries"
)
CLEAN, FOUND, BROKEN = 0, 1, 2


def ask(requirements: str) -> tuple[str, str]:
    """Return what pip-audit prints: its answer, and what it says besides."""
    command = [sys.executable, *COMMAND, requirements]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout, done.stderr


def judge(requirements: str, answer: str, besides: str) -> tuple[int, list[str]]:
    """Convert pip-audit's answer to lines and an exit status.

    Args:
        requirements: The lock file that was checked.
        answer: JSON; empty or invalid when pip-audit failed.
        besides: pip-audit's error output, which then gives the reason.

    Returns:
        An exit status, 1 when a vulnerability is known, and the lines to print.
    """
    try:
        packages: list[dict[str, Any]] = json.loads(answer)["dependencies"]
    except (ValueError, KeyError):
        if OUT_OF_REACH.search(besides):
            return CLEAN, [f"NOT CHECKED: {requirements}: the advisory database cannot be reached"]
        return BROKEN, [f"{requirements}: pip-audit failed: {besides.strip()[-300:]}"]
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    found = [line for package in packages for line in _lines(package)]
    lines = found or [f"{requirements}: {len(packages) - len(skipped)} packages, nothing known"]
    if len(skipped) == len(packages):
        lines = [
            (
                f"NOT CHECKED: {requirements}: the advisory database returned no answer for any "
                "package"
            )
        ]
    elif skipped:
        lines.append(f"NOT CHECKED: {', '.join(skipped)}: the advisory database does not know it")
    return (FOUND if found else CLEAN), lines


def _lines(package: dict[str, Any]) -> list[str]:
    name = f"{package['name']} {package.get('version', '')}"
    return [
        f"{name}: {one['id']}, repaired in {', '.join(one['fix_versions']) or 'no version yet'}"
        for one in package.get("vulns", ())
    ]


def main(files: list[str]) -> int:
    """Ask about each file; the worst answer is the exit status."""
    worst = CLEAN
    for file in files:
        status, lines = judge(file, *ask(file))
        worst = max(worst, status)
        print("\n".join(lines))
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
