"""URLs of the risk API, below /api/v1/."""

from __future__ import annotations

from django.urls import path

from risk.api.curves import CurvesView, CurveView
from risk.api.explains.attribution import AttributionView
from risk.api.explains.days import ExplainDaysView
from risk.api.explains.groups import ExplainTradeView, ExplainView
from risk.api.explains.trades import ExplainTradesView
from risk.api.history import HistoryView
from risk.api.past.closes import ClosesView
from risk.api.past.curve_days import CurveDaysView, PastCurveView
from risk.api.portfolio import PortfolioView
from risk.api.preview import PreviewView
from risk.api.stream import StreamView
from risk.api.trades import TradesView, TradeView
from risk.replays.views import ReplaysView, ReplayView
from risk.reprice.views import RepriceView

urlpatterns = [
    path("risk/portfolio/", PortfolioView.as_view()),
    path("risk/trades/", TradesView.as_view()),
    path("risk/trades/<str:trade_id>/", TradeView.as_view()),
    path("risk/history/", HistoryView.as_view()),
    path("explain/", ExplainView.as_view()),
    path("explain/days/", ExplainDaysView.as_view()),
    path("explain/trades/", ExplainTradesView.as_view()),
    path("explain/trades/<str:trade_id>/", ExplainTradeView.as_view()),
    path("pla/", AttributionView.as_view()),
    path("closes/", ClosesView.as_view()),
    path("reprice/", RepriceView.as_view()),
    path("replays/", ReplaysView.as_view()),
    path("replays/<str:name>/", ReplayView.as_view()),
    path("curves/", CurvesView.as_view()),
    path("curves/<str:curve>/", CurveView.as_view()),
    path("curves/<str:curve>/days/", CurveDaysView.as_view()),
    path("curves/<str:curve>/days/<str:date>/", PastCurveView.as_view()),
    path("pricing/preview/", PreviewView.as_view()),
    path("stream/risk/", StreamView.as_view()),
]
