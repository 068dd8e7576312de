"""URLs of the security master and of login, below /api/v1/."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from instruments import loading
from instruments.api import views
from instruments.api.session import SessionView
from instruments.models import BondPosition, Swap, trade_models

router = SimpleRouter()
router.register("desks", views.DeskViewSet)
router.register("books", views.BookViewSet)
router.register("issuers", views.IssuerViewSet)
router.register("counterparties", views.CounterpartyViewSet)
router.register("bonds", views.BondViewSet)
router.register("bond-positions", views.BondPositionViewSet)
router.register("swaps", views.SwapViewSet)
router.register("deliverables", views.DeliverableViewSet)
router.register("fixings", views.FixingViewSet)
router.register("fx-rates", views.FxRateViewSet)
router.register("what-if-sets", views.WhatIfSetViewSet)
router.register("scenario-shocks", views.ScenarioShockViewSet)
router.register("limits", views.LimitViewSet)
router.register("temporary-limits", views.TemporaryLimitViewSet)

for model in trade_models():
    if model not in (BondPosition, Swap):
        router.register(loading.kind_of(model).name, views.trade_viewset(model))

urlpatterns = [*router.urls, path("session/", SessionView.as_view())]
