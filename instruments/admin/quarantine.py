"""The admin page of quarantined trades."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from instruments import access
from instruments.admin.shared.changelist import ListAdmin
from instruments.admin.shared.history import HistoryPages
from instruments.models import Quarantine
from instruments.models.book_version import bulk_change


@admin.register(Quarantine)
class QuarantineAdmin(HistoryPages, ListAdmin):
    history_list_display = ("frame", "reason")
    list_display = ("trade_id", "currency", "since", "frame", "reason")
    list_filter = ("currency",)
    search_fields = ("trade_id", "reason")
    readonly_fields = ("trade_id", "currency", "frame", "reason", "since")
    actions = ("release",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Quarantine]:
        """Trades that the user may know of."""
        rows: QuerySet[Quarantine] = super().get_queryset(request)
        return access.visible_by_trade_id(request.user, rows)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """The watchdog adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Rows can be added and deleted, but not changed."""
        return False

    def get_actions(self, request: HttpRequest) -> Any:
        """Deleting has a better name here."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    @admin.action(description="Release selected trades: price them again", permissions=("delete",))
    def release(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        with bulk_change():
            count, _ = queryset.delete()
        self.message_user(request, f"{count} trades are priced again from the next frame on.")
