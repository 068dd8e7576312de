"""URLs of health checks and Prometheus metrics."""

from __future__ import annotations

from django.urls import path

from ops.health import healthz, readyz
from ops.metrics import metrics

urlpatterns = [
    path("healthz", healthz),
    path("readyz", readyz),
    path("metrics", metrics),
]
