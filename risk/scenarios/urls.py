"""URLs of scenarios, below /api/v1/."""

from __future__ import annotations

from django.urls import path

from risk.scenarios.backtest_views import BacktestView
from risk.scenarios.price_views import PriceView
from risk.scenarios.trade_views import StressTradeView
from risk.scenarios.views import StressView, VarView

urlpatterns = [
    path("var/", VarView.as_view()),
    path("scenarios/", StressView.as_view()),
    path("scenarios/price/", PriceView.as_view()),
    path("scenarios/trades/<str:trade_id>/", StressTradeView.as_view()),
    path("backtest/", BacktestView.as_view()),
]
