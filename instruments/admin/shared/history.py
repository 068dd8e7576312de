"""The history page of a row: permissions to read it and to restore an earlier state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from simple_history.admin import SimpleHistoryAdmin

from instruments import access


class HistoryPages(SimpleHistoryAdmin):  # type: ignore[misc]
    """django-simple-history's pages, restricted to users who may read or write the row."""

    history_list_display: Sequence[str] = ("version",)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        self._must_see_row(request, object_id)
        page: HttpResponse = super().history_view(request, object_id, extra_context)
        return page

    def history_form_view(
        self,
        request: HttpRequest,
        object_id: str,
        version_id: str,
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show one past state to users who may change the row, because the page can restore it."""
        self._must_see_row(request, object_id)
        if request.method == "POST" and not self._may_bring_back(request, object_id, version_id):
            raise PermissionDenied
        page: HttpResponse = super().history_form_view(
            request, object_id, version_id, extra_context
        )
        return page

    def _must_see_row(self, request: HttpRequest, object_id: str) -> None:
        if access.sees_all_desks(request.user):
            return
        if not self.get_queryset(request).filter(pk=unquote(object_id)).exists():
            raise Http404

    def _may_bring_back(self, request: HttpRequest, object_id: str, version_id: str) -> bool:
        line = self.model.history.filter(id=object_id, history_id=version_id).first()
        if line is None:
            raise Http404
        stored = self.model._base_manager.filter(pk=object_id).first()
        rows = [row for row in (stored, line.instance) if row is not None]
        return all(self.has_change_permission(request, row) for row in rows)
