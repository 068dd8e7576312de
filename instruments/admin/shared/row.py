"""The base class of all admin pages: choices by code, versions, history, file import."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Field, Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.widgets import UnfoldAdminSelectWidget

from instruments.admin.shared.changelist import ListAdmin
from instruments.admin.shared.files import FilesMixin
from instruments.admin.shared.history import HistoryPages
from instruments.admin.shared.panel import Panel
from instruments.admin_access import OwnDesks
from instruments.loading.cells import as_text
from instruments.models import StaleRow
from instruments.models.book_version import bulk_change
from pricing.markets import conventions
from pricing.products.registry import PRODUCT_NAMES

NAMES = {
    "currency": conventions.CURRENCIES,
    "index": conventions.INDICES,
    "floating_index": conventions.INDICES,
    "discount_curve": conventions.CURVES,
    "forecast_curve": conventions.CURVES,
    "curve": conventions.CURVES,
    "amounts_in": conventions.CURRENCIES,
    "trade_type": PRODUCT_NAMES,
}
"""Fields that hold the name of a market row, with the rows to choose from. Conventions differ by
model, and are added there."""


class RowForm(forms.ModelForm):  # type: ignore[type-arg]
    """Carries the version it was filled from; an older state is also saved over the newest."""

    seen_version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["seen_version"].initial = self._stored() or self.instance.version
        for name, value in self.initial.items():
            if isinstance(value, Decimal):
                self.initial[name] = as_text(value)  # 0.0375, not 0.0375000000

    def _stored(self) -> int | None:
        return self.instance.stored_version() if self.instance.pk else None

    def clean(self) -> dict[str, Any] | None:
        """Refuse a save that is based on an older version of the row."""
        cleaned, row = super().clean(), self.instance
        seen, stored = self.cleaned_data.get("seen_version"), self._stored()
        if stored is not None and seen is not None and seen != stored:
            raise ValidationError(str(StaleRow(str(row), seen, stored)))
        if stored is not None:
            row.version = stored  # that of an older state, when it is brought back
        return cleaned


class RowAdmin(OwnDesks, HistoryPages, FilesMixin, ListAdmin):
    """Base of pages of rows: lists of names, deletion as one change, and a history to restore."""

    form = RowForm
    readonly_fields: ClassVar[tuple[str, ...]] = ("version", "created", "updated")
    actions: Sequence[str] = ("export_selected",)
    list_per_page = 50
    show_full_result_count = False
    list_filter_submit = True
    compressed_fields = True
    warn_unsaved_form = True
    change_form_outer_after_template = "instruments/panels.html"
    conventions: ClassVar[tuple[str, ...]] = ()

    def formfield_for_dbfield(
        self, db_field: Field[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> forms.Field | None:
        """Offer a list of choices; the model still validates."""
        names = self.conventions if db_field.name == "convention" else NAMES.get(db_field.name)
        if names:
            choices = [("", "---------"), *((name, name) for name in names)]
            kwargs["widget"] = UnfoldAdminSelectWidget(choices=choices)
        found: forms.Field | None = super().formfield_for_dbfield(db_field, request, **kwargs)
        return found

    def panels(self, request: HttpRequest, row: Any) -> list[Panel]:
        """Tables below the form of a stored row."""
        return []

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        """Show the form with the row's tables."""
        if obj is not None and obj.pk:
            context["panels"] = self.panels(request, obj)
        page: HttpResponse = super().render_change_form(
            request, context, add, change, form_url, obj
        )
        return page

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Delete the rows in one change of the book."""
        with bulk_change():
            super().delete_queryset(request, queryset)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Repeat the form's check on save, for two saves at the same moment."""
        try:
            page: HttpResponse = super().changeform_view(
                request, object_id, form_url, extra_context
            )
        except StaleRow as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
        return page


class KeptRows:
    """Rows that past numbers refer to: only a superuser may delete them."""

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Everyone else changes the status, or leaves the row where it is."""
        is_superuser = bool(getattr(request.user, "is_superuser", False))
        return is_superuser and super().has_delete_permission(request, obj)  # type: ignore[misc]
