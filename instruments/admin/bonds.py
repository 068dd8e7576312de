"""Admin pages of bonds: static data, cash flows per 100 face, and positions."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from instruments import access, validation
from instruments.admin.shared.display_format import percent
from instruments.admin.shared.panel import Panel, live
from instruments.admin.shared.row import KeptRows, RowAdmin
from instruments.models import Bond
from pricing.markets import conventions

POSITIONS_SHOWN = 20


@admin.register(Bond)
class BondAdmin(KeptRows, RowAdmin):
    conventions = tuple(conventions.BONDS)
    list_display = ("code", "name", "isin", "coupon", "currency", "maturity_date", "issuer")
    list_filter = ("currency", "convention", "is_sample")
    list_select_related = ("issuer",)
    search_fields = ("code", "isin", "cusip", "name")
    date_hierarchy = "maturity_date"
    autocomplete_fields = ("issuer",)
    readonly_fields = (*RowAdmin.readonly_fields, "coupon")
    fieldsets = (
        (None, {"fields": (
            ("code", "name"), ("isin", "cusip"), ("issuer", "is_sample"), "seen_version",
        )}),
        ("Terms", {"fields": (
            ("convention", "currency"), ("coupon_rate", "coupon"),
            ("issue_date", "maturity_date"),
        )}),
        ("Stubs and schedules", {"classes": ("collapse",), "fields": (
            ("coupon_schedule", "face_schedule"), "dated_date",
            ("first_coupon_date", "penultimate_coupon_date"),
        )}),
        ("Convention overrides", {"classes": ("collapse",), "fields": (
            ("payment_frequency", "day_count"), ("settlement_days", "ex_coupon_days"),
            ("calendar", "business_day_convention"), ("end_of_month", "discount_curve"),
        )}),
        ("Record", {"classes": ("collapse",), "fields": (("version", "created", "updated"),)}),
    )  # fmt: skip

    @admin.display(description="coupon", ordering="coupon_rate")
    def coupon(self, bond: Bond) -> str:
        return percent(bond.coupon_rate) if bond.coupon_rate is not None else ""

    def panels(self, request: HttpRequest, row: Any) -> list[Panel]:
        """Return what positions in it are worth, and what 100 face pays."""
        held = row.positions.order_by("trade_id")
        visible = access.visible(request.user, held)[:POSITIONS_SHOWN]
        hundred = {**validation.A_POSITION, **row.static()}
        return [
            live().values([position.trade_id for position in visible], title="Positions, live"),
            live().contract("bond", hundred, title="Cash flows of 100 face"),
        ]
