"""Admin pages of issuers and counterparties."""

from __future__ import annotations

from django.contrib import admin

from instruments.admin.shared.row import RowAdmin
from instruments.models import Counterparty, Issuer


@admin.register(Issuer)
class IssuerAdmin(RowAdmin):
    list_display = ("code", "name", "lei", "country")
    list_filter = ("country",)
    search_fields = ("code", "name", "lei")


@admin.register(Counterparty)
class CounterpartyAdmin(RowAdmin):
    list_display = ("code", "name", "lei")
    search_fields = ("code", "name", "lei")
