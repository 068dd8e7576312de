"""Addresses of the project."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from riskproject import problems


def healthz(request: HttpRequest) -> HttpResponse:
    """This process answers; nothing else is asked."""
    return JsonResponse({"status": "ok"})


urlpatterns = [
    path("", RedirectView.as_view(url="/api/docs/")),
    path("healthz", healthz),
    path("admin/", admin.site.urls),
    path("api/v1/", include("instruments.api.urls")),
    path("api/v1/", include("pricing.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    re_path(r"^api/", problems.no_such_address),
]
handler404 = problems.not_found
handler500 = problems.server_error
