"""Read-only admin pages of the change history of all tables."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from simple_history.utils import get_history_manager_for_model

from instruments import access
from instruments.admin.shared.changelist import ListAdmin

WORDS = {"+": "added", "~": "changed", "-": "deleted"}


class AuditAdmin(ListAdmin):
    list_display = ("when", "row", "what", "who", "why")
    list_filter = ("history_type", "history_user")
    list_select_related = ("history_user",)
    date_hierarchy = "history_date"
    search_fields = ("history_change_reason",)
    ordering = ("-history_date", "-history_id")
    list_display_links = None
    list_per_page = 50
    show_full_result_count = False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Require the permission to see all desks, because the page lists changes of all desks."""
        seen = access.sees_all_desks(request.user)
        return bool(seen and super().has_view_permission(request, obj))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @admin.display(description="when", ordering="history_date")
    def when(self, line: Any) -> Any:
        return line.history_date

    @admin.display(description="who", ordering="history_user")
    def who(self, line: Any) -> str:
        return str(line.history_user or "the system")

    @admin.display(description="why")
    def why(self, line: Any) -> str:
        return str(line.history_change_reason or "")

    @admin.display(description="what")
    def what(self, line: Any) -> str:
        return WORDS[line.history_type]

    @admin.display(description="row")
    def row(self, line: Any) -> str:
        """The row's own history, from where a state is brought back."""
        model = line.instance_type
        address = reverse(
            f"admin:{model._meta.app_label}_{model._meta.model_name}_history", args=(line.id,)
        )
        return format_html('<a href="{}">{}</a>', address, str(line.instance))


for _model in apps.get_app_config("instruments").get_models():
    if hasattr(_model._meta, "simple_history_manager_attribute"):
        admin.site.register(get_history_manager_for_model(_model).model, AuditAdmin)
