"""URLs of limits, below /api/v1/."""

from __future__ import annotations

from django.urls import path

from risk.limits.event_stream import LimitStreamView
from risk.limits.views import (
    AcknowledgeView,
    LimitBreachesView,
    LimitBreachView,
    LimitStatesView,
)

urlpatterns = [
    path("limit-states/", LimitStatesView.as_view()),
    path("limit-breaches/", LimitBreachesView.as_view()),
    path("limit-breaches/<int:number>/", LimitBreachView.as_view()),
    path("limit-breaches/<int:number>/acknowledge/", AcknowledgeView.as_view()),
    path("stream/limits/", LimitStreamView.as_view()),
]
