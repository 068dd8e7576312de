"""The /healthz and /readyz views: whether this process answers, and whether the system works."""

from __future__ import annotations

import time
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from ops.ops_access import may_see_inside
from ops.readiness import details, look


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer that this process is running, without checking anything else."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """Return 200 when ticks become risk that can be read, else 503 with the failing checks.

    A warning, such as of a detail that is stuck while sums are published, leaves it ready.
    Everyone sees which check fails or warns and what repairs it; details, ages and processes are
    shown only to callers who ``may_see_inside``.
    """
    readiness = look()
    body: dict[str, Any] = {
        "status": "ready" if readiness.ready else "not ready",
        "failing": {name: f.repair for name, f in readiness.checks.items() if f.fails},
        "warnings": {name: f.repair for name, f in readiness.checks.items() if f.warns},
    }
    if may_see_inside(request, database_is_up=readiness.checks["database"].ok):
        body |= details(readiness, time.time())
    return JsonResponse(body, status=200 if readiness.ready else 503)
