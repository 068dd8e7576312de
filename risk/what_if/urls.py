"""URLs of what-if, below /api/v1/."""

from __future__ import annotations

from django.urls import path

from risk.what_if.hedge_views import HedgeView
from risk.what_if.views import SetBookView, SetPreviewView, TextView, WhatIfView

urlpatterns = [
    path("what-if/", WhatIfView.as_view()),
    path("hedge/", HedgeView.as_view()),
    path("what-if/text/", TextView.as_view()),
    path("what-if-sets/<str:code>/preview/", SetPreviewView.as_view()),
    path("what-if-sets/<str:code>/book/", SetBookView.as_view()),
]
