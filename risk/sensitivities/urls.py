"""URLs of standard sensitivities, below /api/v1/."""

from __future__ import annotations

from django.urls import path

from risk.sensitivities.views import CrifView, GirrView

urlpatterns = [
    path("crif/", CrifView.as_view()),
    path("girr-delta/", GirrView.as_view()),
]
