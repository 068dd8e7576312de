"""Admin pages of limits and of their temporary overrides."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from instruments.admin.shared.changelist import ListAdmin
from instruments.admin.shared.history import HistoryPages
from instruments.admin.shared.row import RowAdmin, RowForm
from instruments.admin_access import OwnDesks, SeenRowsFilter
from instruments.models import Limit, TemporaryLimit
from pricing.errors import BadInput


@admin.register(Limit)
class LimitAdmin(RowAdmin):
    list_display = (
        *("code", "name", "desk", "book", "currency", "measure", "direction"),
        *("warning", "hard_limit", "amounts_in"),
    )
    list_filter = (("desk", SeenRowsFilter), "measure", "currency")
    list_select_related = ("desk", "book")
    search_fields = ("code", "name")
    autocomplete_fields = ("desk", "book")


@admin.register(TemporaryLimit)
class TemporaryLimitAdmin(OwnDesks, HistoryPages, ListAdmin):
    form = RowForm
    list_display = (
        *("code", "limit", "hard_limit", "valid_from", "valid_until"),
        *("requested_by", "approved_by"),
    )
    list_select_related = ("limit", "requested_by", "approved_by")
    search_fields = ("code", "limit__code", "reason")
    autocomplete_fields = ("limit",)
    readonly_fields = ("requested_by", "approved_by", "approved_at", "version")
    actions = ("approve",)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Set the user who adds a row as its author."""
        if not change:
            obj.requested_by = request.user
        super().save_model(request, obj, form, change)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """An approved one is part of the record."""
        approved = isinstance(obj, TemporaryLimit) and obj.approved_at is not None
        return not approved and super().has_delete_permission(request, obj)

    def get_actions(self, request: HttpRequest) -> Any:
        """Rows are deleted one by one."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    @admin.action(description="Approve the selected temporary limits", permissions=("change",))
    def approve(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for row in queryset:
            try:
                row.approve(request.user)
            except BadInput as error:
                self.message_user(request, str(error), messages.ERROR)
            else:
                self.message_user(request, f"{row} counts from now on, or from {row.valid_from}.")
