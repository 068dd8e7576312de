"""Filter querysets by query parameters, and refuse unknown parameters."""

# django-filter ships no types:
# mypy: disable-error-code="import-untyped,misc"

from __future__ import annotations

from typing import Any

import django_filters as filters
from django.db.models import QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema_field
from rest_framework.exceptions import ValidationError
from rest_framework.filters import OrderingFilter, SearchFilter
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from instruments import validation
from instruments.api.refusals import check_query
from instruments.models import (
    Bond,
    BondPosition,
    Book,
    Deliverable,
    Fixing,
    FxRate,
    Limit,
    ScenarioShock,
    SetStatus,
    Status,
    Swap,
    TemporaryLimit,
    WhatIfSet,
)
from instruments.models.swap import PayReceive
from pricing.exposure.definition import MEASURES
from pricing.markets import conventions
from riskproject.web.tables.answers import FIELDS
from riskproject.web.tables.paging import CURSOR

CURRENCIES = [(code, code) for code in conventions.CURRENCIES]
SEARCH_TERMS, SEARCH_CHARACTERS = 8, 200
ORDERINGS = 8
NOT_FILTERS = (
    "page",
    "page_size",
    CURSOR,
    FIELDS,
    api_settings.SEARCH_PARAM,
    api_settings.ORDERING_PARAM,
    api_settings.URL_FORMAT_OVERRIDE,
)


class StrictFilterBackend(DjangoFilterBackend):
    """Refuses unknown parameters: ignoring one would list everything."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: APIView) -> Any:
        """Check the names, then filter."""
        filterset = self.get_filterset_class(view, queryset)
        known = filterset.base_filters if filterset else {}
        check_query(request.query_params, (*known, *NOT_FILTERS))
        return super().filter_queryset(request, queryset, view)


class BoundedSearchFilter(SearchFilter):
    """Refuse long searches, because each term is compared with each field of each row."""

    search_description = (
        f"Terms that all must occur; at most {SEARCH_TERMS}, {SEARCH_CHARACTERS} characters in all"
    )

    def get_search_terms(self, request: Request) -> list[str]:
        """Split the search into terms.

        Raises:
            ValidationError: Too long, or too many terms.
        """
        text = request.query_params.get(self.search_param, "")
        if len(text) > SEARCH_CHARACTERS:
            sentence = f"has {len(text):,} characters; allowed: at most {SEARCH_CHARACTERS}"
            raise ValidationError({self.search_param: [f"{self.search_param}: {sentence}"]})
        terms: list[str] = super().get_search_terms(request)
        if len(terms) > SEARCH_TERMS:
            sentence = f"has {len(terms)} terms; allowed: at most {SEARCH_TERMS}"
            raise ValidationError({self.search_param: [f"{self.search_param}: {sentence}"]})
        return terms


class StrictOrderingFilter(OrderingFilter):
    """Refuses an unknown ordering, which would be ignored."""

    def remove_invalid_fields(
        self, queryset: Any, fields: Any, view: Any, request: Request
    ) -> list[str]:
        allowed = [name for name, _ in self.get_valid_fields(queryset, view, {"request": request})]
        if len(fields) > ORDERINGS:
            sentence = f"ordering: names {len(fields)} fields; allowed: at most {ORDERINGS}"
            raise ValidationError({"ordering": [sentence]})
        for field in fields:
            if field.lstrip("-") not in allowed:
                sentence = f"{field!r} is not valid; allowed: {', '.join(allowed)}"
                raise ValidationError({"ordering": [sentence]})
        return list(fields)


@extend_schema_field({"type": "boolean"})
class TrueFalse(filters.CharFilter):
    """Accepts ``true`` or ``false`` only; Django's own filter ignores any other word."""

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Refuse other words."""
        if value and value not in ("true", "false"):
            sentence = f"{value!r} is not valid; allowed: true, false"
            raise ValidationError({self.field_name: [sentence]})
        return qs.filter(**{str(self.field_name): value == "true"}) if value else qs


class BookFilter(filters.FilterSet):
    desk = filters.CharFilter(field_name="desk__code")

    class Meta:
        model = Book
        fields = ()


class BondFilter(filters.FilterSet):
    currency = filters.ChoiceFilter(choices=CURRENCIES)
    convention = filters.CharFilter()
    isin = filters.CharFilter()
    cusip = filters.CharFilter()
    issuer = filters.CharFilter(field_name="issuer__code")
    is_sample = TrueFalse()
    maturity_after = filters.DateFilter(field_name="maturity_date", lookup_expr="gte")
    maturity_before = filters.DateFilter(field_name="maturity_date", lookup_expr="lte")

    class Meta:
        model = Bond
        fields = ()


class TradeFilter(filters.FilterSet):
    desk = filters.CharFilter(field_name="book__desk__code")
    book = filters.CharFilter(field_name="book__code")
    status = filters.ChoiceFilter(choices=Status.choices)


class BondPositionFilter(TradeFilter):
    bond = filters.CharFilter(field_name="bond__code")
    currency = filters.ChoiceFilter(field_name="bond__currency", choices=CURRENCIES)
    convention = filters.CharFilter(field_name="bond__convention")
    maturity_after = filters.DateFilter(field_name="bond__maturity_date", lookup_expr="gte")
    maturity_before = filters.DateFilter(field_name="bond__maturity_date", lookup_expr="lte")

    class Meta:
        model = BondPosition
        fields = ()


class SwapFilter(TradeFilter):
    currency = filters.ChoiceFilter(choices=CURRENCIES, method="in_currency")
    convention = filters.CharFilter()
    counterparty = filters.CharFilter(field_name="counterparty__code")
    pay_receive = filters.ChoiceFilter(choices=PayReceive.choices)
    maturity_after = filters.DateFilter(field_name="termination_date", lookup_expr="gte")
    maturity_before = filters.DateFilter(field_name="termination_date", lookup_expr="lte")

    class Meta:
        model = Swap
        fields = ()

    def in_currency(self, queryset: QuerySet[Swap], name: str, value: str) -> QuerySet[Swap]:
        """A swap's currency is its convention's."""
        return queryset.filter(convention__in=validation.swaps_in(value))


class FixingFilter(filters.FilterSet):
    index = filters.CharFilter()
    date_after = filters.DateFilter(field_name="date", lookup_expr="gte")
    date_before = filters.DateFilter(field_name="date", lookup_expr="lte")

    class Meta:
        model = Fixing
        fields = ()


class FxRateFilter(filters.FilterSet):
    currency = filters.ChoiceFilter(choices=CURRENCIES)
    date_after = filters.DateFilter(field_name="date", lookup_expr="gte")
    date_before = filters.DateFilter(field_name="date", lookup_expr="lte")

    class Meta:
        model = FxRate
        fields = ()


class WhatIfSetFilter(filters.FilterSet):
    desk = filters.CharFilter(field_name="desk__code")
    status = filters.ChoiceFilter(choices=SetStatus.choices)

    class Meta:
        model = WhatIfSet
        fields = ()


class DeliverableFilter(filters.FilterSet):
    contract = filters.CharFilter()
    bond = filters.CharFilter(field_name="bond__code")

    class Meta:
        model = Deliverable
        fields = ()


class ScenarioShockFilter(filters.FilterSet):
    scenario = filters.CharFilter()
    currency = filters.ChoiceFilter(choices=CURRENCIES)

    class Meta:
        model = ScenarioShock
        fields = ()


class LimitFilter(filters.FilterSet):
    desk = filters.CharFilter(field_name="desk__code")
    book = filters.CharFilter(field_name="book__code")
    currency = filters.ChoiceFilter(choices=CURRENCIES)
    measure = filters.ChoiceFilter(choices=[(name, name) for name in MEASURES])

    class Meta:
        model = Limit
        fields = ()


class TemporaryLimitFilter(filters.FilterSet):
    limit = filters.CharFilter(field_name="limit__code")

    class Meta:
        model = TemporaryLimit
        fields = ()
