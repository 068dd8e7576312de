"""REST views of the security master; roles and desks decide who may call them."""

from __future__ import annotations

from operator import itemgetter
from typing import Any, ClassVar, cast

from django.db import transaction
from django.db.models import ProtectedError, QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from instruments import access, loading
from instruments.api import filters, serializers
from instruments.api.bulk import BulkMixin
from instruments.api.changes import changes_of
from instruments.api.idempotency import HEADER, repeatable
from instruments.api.permissions import RolePermissions, check_desk
from instruments.api.refusals import Conflict
from instruments.models import (
    Bond,
    BondPosition,
    Book,
    Counterparty,
    Deliverable,
    Desk,
    Fixing,
    FxRate,
    Issuer,
    Limit,
    PricedRow,
    ScenarioShock,
    Swap,
    TemporaryLimit,
    Trade,
    WhatIfSet,
)
from pricing.errors import BadInput
from riskproject.web.tables import answers as answer_tables
from riskproject.web.tables.answers import (
    JSON_AND_FILES,
    AnswerTable,
    TableAnswers,
    columns_of,
    file_format,
)
from riskproject.web.tables.column_names import LOCAL

TRADE_ORDERINGS = ("trade_id", "status", "book__code", "created", "updated")
KEY = OpenApiParameter(
    HEADER,
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x21-\\x7e]+$"},
    OpenApiParameter.HEADER,
    description="The same key with the same request returns the first response for 24 hours",
)


FILE_ACTIONS = ("list", "history")
"""Actions whose answers are tables."""


Renderers = list[BaseRenderer]

CHANGES = AnswerTable(columns_of(serializers.ChangeSerializer), itemgetter("changes"))


class Rows(
    TableAnswers, mixins.ListModelMixin, mixins.CreateModelMixin, viewsets.GenericViewSet[Any]
):
    """Base of the views of all tables: list and add."""

    tables = {"changes": CHANGES}
    renderer_classes = answer_tables.JSON
    permission_classes = (IsAuthenticated, RolePermissions)
    filter_backends = (
        filters.StrictFilterBackend,
        filters.BoundedSearchFilter,
        filters.StrictOrderingFilter,
    )

    def get_queryset(self) -> QuerySet[Any]:
        """Rows that the user may know of."""
        return access.visible(cast(Any, self.request.user), super().get_queryset())

    def get_renderers(self) -> Renderers:
        """Files too, of what is a table."""
        if getattr(self, "action", None) in FILE_ACTIONS:
            return [renderer() for renderer in JSON_AND_FILES]
        return super().get_renderers()

    @extend_schema(parameters=answer_tables.parameters(["rows"]))
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """A page of rows, or a file of all: with the columns of files that are loaded."""
        found = file_format(request)
        _, fields = self.asked(request)
        if found is None:
            return super().list(request, *args, **kwargs)
        table = self._table()
        table.chosen(fields)
        with answer_tables.file_slot(request):
            listed: Any = super().list(request, *args, **kwargs).data
            rows = {"rows": listed["results"] if isinstance(listed, dict) else listed}
            return answer_tables.file_response(
                found, [table.filled(str(self.basename), rows, fields, LOCAL)]
            )

    def _table(self) -> AnswerTable:
        columns = columns_of(cast(Any, self.get_serializer_class()))
        model = self.get_queryset().model
        spec = next((spec for spec in loading.KINDS.values() if spec.model is model), None)
        # Names are those of files that are loaded: they say their units in docs/file-formats.md.
        return AnswerTable(
            answer_tables.without_units(columns),
            itemgetter("rows"),
            shown=[*(column.name for column in spec.stored), "version"] if spec else None,
        )

    @extend_schema(parameters=[KEY])
    @repeatable
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Add a row."""
        return super().create(request, *args, **kwargs)

    def perform_create(self, serializer: BaseSerializer[Any]) -> None:
        """Save, where the new row's desk is in the user's hands."""
        self._check_book(serializer)
        serializer.save()

    def _check_book(self, serializer: BaseSerializer[Any]) -> None:
        book = serializer.validated_data.get("book")
        if book is not None:
            check_desk(self.request, book)


class RowViewSet(
    Rows, mixins.RetrieveModelMixin, mixins.UpdateModelMixin, mixins.DestroyModelMixin
):
    """A table whose rows have a name for addresses."""

    lookup_value_regex = r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}"

    def perform_update(self, serializer: BaseSerializer[Any]) -> None:
        """Save, if the user may still change the row."""
        self._check_book(serializer)
        serializer.save()

    def perform_destroy(self, instance: PricedRow) -> None:
        """Delete, unless something else needs the row."""
        try:
            with transaction.atomic():
                instance.delete()
        except ProtectedError as error:
            kinds = sorted({str(row._meta.verbose_name_plural) for row in error.protected_objects})
            raise Conflict(f"{instance} still has {', '.join(kinds)}: delete those first") from None

    @extend_schema(
        parameters=answer_tables.parameters(["changes"]),
        responses=serializers.ChangeSerializer(many=True),
        filters=False,
    )
    @action(detail=True, pagination_class=None, filter_backends=())
    def history(self, request: Request, **kwargs: Any) -> Response:
        """Return the row's changes, newest first."""
        found = changes_of(self.get_object())
        if file_format(request) is None:
            self.asked(request)
            return Response(found)
        return self.answer(request, {"changes": found})


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


class IssuerViewSet(RowViewSet):
    """Issuers of bonds."""

    queryset = Issuer.objects.all()
    serializer_class = serializers.IssuerSerializer
    lookup_field = "code"
    search_fields = ("code", "name", "lei")
    ordering_fields = ("code", "name", "country")


class CounterpartyViewSet(RowViewSet):
    """Counterparties of swaps."""

    queryset = Counterparty.objects.all()
    serializer_class = serializers.CounterpartySerializer
    lookup_field = "code"
    search_fields = ("code", "name", "lei")
    ordering_fields = ("code", "name")


class BondViewSet(BulkMixin, RowViewSet):
    """Bonds: static data. Positions in them are at `bond-positions`."""

    queryset = Bond.objects.select_related("issuer")
    serializer_class = serializers.BondSerializer
    filterset_class = filters.BondFilter
    lookup_field = "code"
    search_fields = ("code", "isin", "cusip", "name")
    ordering_fields = ("code", "name", "currency", "maturity_date", "coupon_rate")
    bulk_kind: ClassVar[str] = "bonds"


class TradeViewSet(BulkMixin, RowViewSet):
    """Base of the views of trades."""

    filterset_class: type[filters.TradeFilter] = filters.TradeFilter
    lookup_field = "trade_id"
    search_fields: tuple[str, ...] = ("trade_id",)
    ordering_fields: tuple[str, ...] = TRADE_ORDERINGS


class BondPositionViewSet(TradeViewSet):
    """Positions in bonds."""

    queryset = BondPosition.objects.select_related("bond", "book__desk")
    serializer_class = serializers.BondPositionSerializer
    filterset_class = filters.BondPositionFilter
    search_fields = ("trade_id", "bond__code", "bond__isin", "bond__name")
    ordering_fields = (*TRADE_ORDERINGS, "face_amount", "bond__maturity_date")
    bulk_kind: ClassVar[str] = "positions"


class SwapViewSet(TradeViewSet):
    """Fixed-floating swaps."""

    queryset = Swap.objects.select_related("book__desk", "counterparty")
    serializer_class = serializers.SwapSerializer
    filterset_class = filters.SwapFilter
    search_fields = ("trade_id", "convention")
    ordering_fields = (*TRADE_ORDERINGS, "notional", "fixed_rate", "termination_date")
    bulk_kind: ClassVar[str] = "swaps"


def trade_viewset(model: type[Trade]) -> type[TradeViewSet]:
    """The addresses of a product that has no class of its own here."""
    words = {
        "__doc__": f"{str(model._meta.verbose_name_plural).capitalize()}.",
        "queryset": model._default_manager.select_related("book__desk"),
        "serializer_class": serializers.trade_serializer(model),
        "bulk_kind": loading.kind_of(model).name,
    }
    return type(f"{model.__name__}ViewSet", (TradeViewSet,), words)


class FixingViewSet(BulkMixin, Rows):
    """Fixings of floating rate indices: list and add."""

    queryset = Fixing.objects.all()
    serializer_class = serializers.FixingSerializer
    filterset_class = filters.FixingFilter
    search_fields = ("index", "source")
    ordering_fields = ("index", "date")
    bulk_kind: ClassVar[str] = "fixings"


class FxRateViewSet(Rows):
    """List and add initial exchange rates, which are used until the feed sends some."""

    queryset = FxRate.objects.all()
    serializer_class = serializers.FxRateSerializer
    filterset_class = filters.FxRateFilter
    search_fields = ("currency", "source")
    ordering_fields = ("currency", "date")


class WhatIfSetViewSet(RowViewSet):
    """Named sets of what-if entries, of a desk; `what-if-sets/CODE/book/` books one."""

    queryset = WhatIfSet.objects.select_related("desk")
    serializer_class = serializers.WhatIfSetSerializer
    filterset_class = filters.WhatIfSetFilter
    lookup_field = "code"
    search_fields = ("code", "name")
    ordering_fields = ("code", "created", "updated", "status")

    def _check_book(self, serializer: BaseSerializer[Any]) -> None:
        desk = serializer.validated_data.get("desk")
        if desk is not None:
            check_desk(self.request, desk)


class DeliverableViewSet(BulkMixin, RowViewSet):
    """Bonds that may be delivered into bond futures."""

    queryset = Deliverable.objects.select_related("bond")
    serializer_class = serializers.DeliverableSerializer
    filterset_class = filters.DeliverableFilter
    lookup_field = "code"
    search_fields = ("code", "contract", "bond__code", "bond__isin")
    ordering_fields = ("code", "contract", "bond__maturity_date", "conversion_factor")
    bulk_kind: ClassVar[str] = "deliverables"


class ScenarioShockViewSet(BulkMixin, RowViewSet):
    """Rows of the stress scenarios that users define."""

    queryset = ScenarioShock.objects.all()
    serializer_class = serializers.ScenarioShockSerializer
    filterset_class = filters.ScenarioShockFilter
    lookup_field = "code"
    search_fields = ("code", "scenario")
    ordering_fields = ("code", "scenario", "currency")
    bulk_kind: ClassVar[str] = "scenario_shocks"


class LimitViewSet(BulkMixin, RowViewSet):
    """Limits. Their states and breaches are at `limit-states` and `limit-breaches`."""

    queryset = Limit.objects.select_related("desk", "book__desk")
    serializer_class = serializers.LimitSerializer
    filterset_class = filters.LimitFilter
    lookup_field = "code"
    search_fields = ("code", "name", "measure")
    ordering_fields = ("code", "name", "measure")
    bulk_kind: ClassVar[str] = "limits"


class TemporaryLimitViewSet(RowViewSet):
    """Temporary limits: they count from their approval on, and until their end."""

    queryset = TemporaryLimit.objects.select_related(
        "limit__desk", "limit__book__desk", "requested_by", "approved_by"
    )
    serializer_class = serializers.TemporaryLimitSerializer
    filterset_class = filters.TemporaryLimitFilter
    lookup_field = "code"
    search_fields = ("code", "limit__code", "reason")
    ordering_fields = ("code", "valid_from", "valid_until")

    def perform_create(self, serializer: BaseSerializer[Any]) -> None:
        """Save with its author."""
        serializer.save(requested_by=self.request.user)

    def perform_destroy(self, instance: PricedRow) -> None:
        """Delete one that nobody has approved: an approved one is part of the record."""
        if cast(Any, instance).approved_at is not None:
            raise Conflict(f"{instance} is approved: set valid_until to end it")
        super().perform_destroy(instance)

    @extend_schema(request=None, responses=serializers.TemporaryLimitSerializer)
    @action(detail=True, methods=["post"], filter_backends=())
    def approve(self, request: Request, **kwargs: Any) -> Response:
        """Put the temporary limit in force; nothing is backdated."""
        with transaction.atomic():
            found = self.get_queryset().filter(pk=self.get_object().pk)
            row = found.select_for_update(of=("self",)).get()
            try:
                row.approve(request.user)
            except BadInput as error:
                raise Conflict(str(error)) from None
        return Response(self.get_serializer(row).data)
