"""URL configuration of the project."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularSwaggerSplitView

from riskproject.web import accounts, openapi_view, problems

if settings.ADMIN_ENABLED:
    admin.autodiscover()

FAVICON = "/static/drf_spectacular_sidecar/swagger-ui-dist/favicon-32x32.png"

urlpatterns = [
    path("", RedirectView.as_view(url="/api/docs/")),
    path("favicon.ico", RedirectView.as_view(url=FAVICON)),
    path("", include("ops.urls")),
    path("accounts/login/", accounts.SignIn.as_view(), name="login"),
    path("accounts/logout/", LogoutView.as_view(), name="logout"),
    path("dashboard/", accounts.dashboard, name="dashboard"),
    path("dashboard/<slug:page>/", accounts.dashboard),
    *([path("admin/", admin.site.urls)] if settings.ADMIN_ENABLED else []),
    path("api/v1/", include("instruments.api.urls")),
    path("api/v1/", include("risk.api.urls")),
    path("api/v1/", include("risk.scenarios.urls")),
    path("api/v1/", include("risk.what_if.urls")),
    path("api/v1/", include("risk.limits.urls")),
    path("api/v1/", include("risk.reports.urls")),
    path("api/v1/", include("risk.sensitivities.urls")),
    path("api/schema/", openapi_view.SchemaView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    re_path(r"^api/", problems.no_such_address),
]
handler400 = problems.bad_request
handler403 = problems.forbidden
handler404 = problems.not_found
handler500 = problems.server_error
