"""``manage.py doctor``: what works, what does not, and the command that repairs it."""

from __future__ import annotations

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ops.checks import CHECKS, System

SERVERS = ("DATABASE_URL", "REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS")
TIMEOUT_S = 2.0


class Command(BaseCommand):
    """Run every check and print a line for each; the exit status is 1 when one fails.

    A warning is printed, and does not count as a failure.
    """

    help = __doc__
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        if not any(os.environ.get(name) for name in SERVERS):
            raise CommandError(
                "no server is configured and no demo is running in this checkout: `make "
                "demo` starts "
                f"everything, or set {', '.join(SERVERS)}"
            )
        system = System(TIMEOUT_S)
        findings = [check.look(system) for check in CHECKS]
        for finding in findings:
            mark = "ok  " if finding.ok else "WARN" if finding.warns else "FAIL"
            self.stdout.write(f"{mark} {finding.name:<16} {finding.message}")
            if not finding.ok:
                self.stdout.write(f"     {'':<16} repair: {finding.repair}")
        bad = [finding.name for finding in findings if finding.fails]
        if bad:
            raise CommandError(f"failed checks: {', '.join(bad)}")
