"""Addresses of the risk API, below /api/v1/."""

from __future__ import annotations

from django.urls import path

from pricing import api

urlpatterns = [
    path("risk/portfolio/", api.PortfolioView.as_view()),
    path("risk/trades/", api.TradesView.as_view()),
    path("risk/trades/<str:trade_id>/", api.TradeView.as_view()),
    path("curves/", api.CurvesView.as_view()),
]
