"""Django's admin for the security master; names of rules are picked from the conventions."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Field, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from instruments.models import Bond, BondPosition, Book, Desk, Fixing, StaleRow, Swap
from instruments.models.book_version import bulk_change
from pricing.core import conventions

NAMES = {
    "currency": conventions.CURRENCIES,
    "index": conventions.INDICES,
    "floating_index": conventions.INDICES,
    "discount_curve": conventions.CURVES,
    "forecast_curve": conventions.CURVES,
}
"""Fields that hold a name of a table; conventions differ by model."""


def percent(rate: Decimal) -> str:
    """0.0425 as 4.25 %; only screens do that."""
    return f"{(rate * 100).normalize():f} %"


class RowForm(forms.ModelForm):  # type: ignore[type-arg]
    """Remembers the version it was filled from."""

    seen_version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["seen_version"].initial = self.instance.version

    def clean(self) -> dict[str, Any] | None:
        """The second of two people is told, not obeyed."""
        cleaned, row = super().clean(), self.instance
        seen = self.cleaned_data.get("seen_version")
        if row.pk and seen is not None and seen != row.version:
            raise ValidationError(str(StaleRow(str(row), seen, row.version)))
        return cleaned


class RowAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Base: names to pick, bulk deletion as one change."""

    form = RowForm

    readonly_fields = ("version", "created", "updated")
    list_per_page = 50
    conventions: tuple[str, ...] = ()

    def formfield_for_dbfield(
        self,
        db_field: Field[Any, Any],
        request: HttpRequest,
        **kwargs: Any,
    ) -> forms.Field | None:
        """A list to pick from; the model still decides what is right."""
        names = self.conventions if db_field.name == "convention" else NAMES.get(db_field.name)
        if names:
            choices = [("", "---------"), *((name, name) for name in names)]
            kwargs["widget"] = forms.Select(choices=choices)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """One change of the book, however many rows."""
        with bulk_change():
            super().delete_queryset(request, queryset)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """As the form's check, for two saves in the very same moment."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except StaleRow as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())


@admin.register(Desk)
class DeskAdmin(RowAdmin):
    list_display = ("code", "name")
    search_fields = ("code", "name")


@admin.register(Book)
class BookAdmin(RowAdmin):
    list_display = ("code", "name", "desk")
    list_filter = ("desk",)
    list_select_related = ("desk",)
    search_fields = ("code", "name")
    autocomplete_fields = ("desk",)


@admin.register(Bond)
class BondAdmin(RowAdmin):
    conventions = tuple(conventions.BONDS)
    list_display = ("code", "name", "isin", "coupon", "currency", "maturity_date", "is_sample")
    list_filter = ("currency", "convention", "is_sample")
    search_fields = ("code", "isin", "name")
    date_hierarchy = "maturity_date"

    @admin.display(description="coupon", ordering="coupon_rate")
    def coupon(self, bond: Bond) -> str:
        """In percent."""
        return percent(bond.coupon_rate)


class TradeAdmin(RowAdmin):
    save_as = True


@admin.register(BondPosition)
class BondPositionAdmin(TradeAdmin):
    list_display = ("trade_id", "bond", "face_amount", "book", "clean_price", "status")
    list_filter = ("status", "bond__currency", "book__desk", "book")
    list_select_related = ("bond", "book")
    search_fields = ("trade_id", "bond__code", "bond__isin", "bond__name")
    autocomplete_fields = ("bond", "book")


@admin.register(Swap)
class SwapAdmin(TradeAdmin):
    conventions = tuple(conventions.SWAPS)
    list_display = (
        "trade_id",
        "convention",
        "pay_receive",
        "notional",
        "fixed",
        "effective_date",
        "termination_date",
        "book",
        "status",
    )
    list_filter = ("status", "convention", "pay_receive", "book__desk", "book")
    list_select_related = ("book",)
    search_fields = ("trade_id", "convention")
    date_hierarchy = "termination_date"
    autocomplete_fields = ("book",)
    fieldsets = (
        (None, {"fields": (
            "trade_id", "book", "status", "convention", "pay_receive", "seen_version",
        )}),
        ("Terms", {"fields": (
            "notional", "effective_date", "termination_date", "fixed_rate", "spread_bp",
        )}),
        ("Stubs and schedule", {"classes": ("collapse",), "fields": (
            "first_regular_date", "last_regular_date", "notional_schedule",
        )}),
        ("Instead of the convention", {"classes": ("collapse",), "fields": (
            "payment_lag", "fixed_frequency", "fixed_day_count", "float_frequency",
            "float_day_count", "floating_index", "calendar", "business_day_convention",
            "end_of_month", "discount_curve", "forecast_curve",
        )}),
        ("Record", {"fields": ("version", "created", "updated")}),
    )  # fmt: skip

    @admin.display(description="fixed rate", ordering="fixed_rate")
    def fixed(self, swap: Swap) -> str:
        """In percent."""
        return percent(swap.fixed_rate)


@admin.register(Fixing)
class FixingAdmin(RowAdmin):
    list_display = ("index", "date", "fixed", "source")
    list_filter = ("index", "source")
    search_fields = ("index", "source")
    date_hierarchy = "date"

    @admin.display(description="rate", ordering="rate")
    def fixed(self, fixing: Fixing) -> str:
        """In percent."""
        return percent(fixing.rate)
