"""The REST side of the security master: read with a login, write with Django's permissions."""

from __future__ import annotations

from typing import Any

from django.db.models import ProtectedError
from rest_framework import mixins, viewsets
from rest_framework.filters import OrderingFilter, SearchFilter
from rest_framework.permissions import DjangoModelPermissions, IsAuthenticated

from instruments.api import filters, serializers
from instruments.api.refusals import Conflict
from instruments.models import Bond, BondPosition, Book, Desk, Fixing, PricedRow, Swap

TRADE_ORDERINGS = ("trade_id", "status", "book__code", "created", "updated")


class Rows(viewsets.GenericViewSet[Any]):
    """What all tables share."""

    permission_classes = (IsAuthenticated, DjangoModelPermissions)
    filter_backends = (filters.StrictFilterBackend, SearchFilter, OrderingFilter)


class RowViewSet(Rows, viewsets.ModelViewSet[Any]):
    """A table whose rows have a name for addresses."""

    lookup_value_regex = r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}"

    def perform_destroy(self, instance: PricedRow) -> None:
        """Delete, unless something else needs the row."""
        try:
            instance.delete()
        except ProtectedError as error:
            kinds = sorted({str(row._meta.verbose_name_plural) for row in error.protected_objects})
            raise Conflict(f"{instance} still has {', '.join(kinds)}: delete those first") from None


class DeskViewSet(RowViewSet):
    """Trading desks."""

    queryset = Desk.objects.all()
    serializer_class = serializers.DeskSerializer
    lookup_field = "code"
    search_fields = ("code", "name")
    ordering_fields = ("code", "name")


class BookViewSet(RowViewSet):
    """Books of desks."""

    queryset = Book.objects.select_related("desk")
    serializer_class = serializers.BookSerializer
    filterset_class = filters.BookFilter
    lookup_field = "code"
    search_fields = ("code", "name")
    ordering_fields = ("code", "name", "desk__code")


class BondViewSet(RowViewSet):
    """Bonds: static data. Positions in them are at `bond-positions`."""

    queryset = Bond.objects.all()
    serializer_class = serializers.BondSerializer
    filterset_class = filters.BondFilter
    lookup_field = "code"
    search_fields = ("code", "isin", "name")
    ordering_fields = ("code", "name", "currency", "maturity_date", "coupon_rate")


class BondPositionViewSet(RowViewSet):
    """Positions in bonds."""

    queryset = BondPosition.objects.select_related("bond", "book__desk")
    serializer_class = serializers.BondPositionSerializer
    filterset_class = filters.BondPositionFilter
    lookup_field = "trade_id"
    search_fields = ("trade_id", "bond__code", "bond__isin", "bond__name")
    ordering_fields = (*TRADE_ORDERINGS, "face_amount", "bond__maturity_date")


class SwapViewSet(RowViewSet):
    """Fixed-floating swaps."""

    queryset = Swap.objects.select_related("book__desk")
    serializer_class = serializers.SwapSerializer
    filterset_class = filters.SwapFilter
    lookup_field = "trade_id"
    search_fields = ("trade_id", "convention")
    ordering_fields = (*TRADE_ORDERINGS, "notional", "fixed_rate", "termination_date")


class FixingViewSet(mixins.ListModelMixin, mixins.CreateModelMixin, Rows):
    """Fixings of floating rate indices: list and add."""

    queryset = Fixing.objects.all()
    serializer_class = serializers.FixingSerializer
    filterset_class = filters.FixingFilter
    search_fields = ("index", "source")
    ordering_fields = ("index", "date")
