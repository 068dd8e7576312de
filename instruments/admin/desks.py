"""Admin pages of desks, books and their traders."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from instruments.admin.shared.row import RowAdmin
from instruments.admin_access import SeenRowsFilter
from instruments.models import Book, Desk


@admin.register(Desk)
class DeskAdmin(RowAdmin):
    list_display = ("code", "name", "number_of_books", "number_of_traders")
    search_fields = ("code", "name")
    autocomplete_fields = ("traders",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Desk]:
        desks: QuerySet[Desk] = super().get_queryset(request)
        return desks.annotate(
            books_held=Count("books", distinct=True), traders_named=Count("traders", distinct=True)
        )

    @admin.display(description="books", ordering="books_held")
    def number_of_books(self, desk: Desk) -> int:
        return int(getattr(desk, "books_held", 0))

    @admin.display(description="traders", ordering="traders_named")
    def number_of_traders(self, desk: Desk) -> int:
        return int(getattr(desk, "traders_named", 0))


@admin.register(Book)
class BookAdmin(RowAdmin):
    list_display = ("code", "name", "desk")
    list_filter = (("desk", SeenRowsFilter),)
    list_select_related = ("desk",)
    search_fields = ("code", "name")
    autocomplete_fields = ("desk",)
