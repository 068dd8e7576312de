"""URLs of reports, below /api/v1/."""

from __future__ import annotations

from django.urls import path

from risk.reports.views import ReportsView, ReportView

urlpatterns = [
    path("reports/", ReportsView.as_view()),
    path("reports/<str:date>/", ReportView.as_view()),
]
