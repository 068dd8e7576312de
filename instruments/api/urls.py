"""Addresses of the security master, below /api/v1/."""

from rest_framework.routers import SimpleRouter

from instruments.api import views

router = SimpleRouter()
router.register("desks", views.DeskViewSet)
router.register("books", views.BookViewSet)
router.register("issuers", views.IssuerViewSet)
router.register("counterparties", views.CounterpartyViewSet)
router.register("bonds", views.BondViewSet)
router.register("bond-positions", views.BondPositionViewSet)
router.register("swaps", views.SwapViewSet)
router.register("fixings", views.FixingViewSet)
router.register("fx-rates", views.FxRateViewSet)

urlpatterns = router.urls
