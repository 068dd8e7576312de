"""Admin pages of trades, with their live values."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from instruments import access, loading
from instruments.admin.shared.display_format import money, percent
from instruments.admin.shared.panel import Panel, live
from instruments.admin.shared.row import KeptRows, RowAdmin
from instruments.admin.swap_form import SwapForm
from instruments.admin_access import SeenRowsFilter
from instruments.models import (
    BondFuture,
    BondPosition,
    Deliverable,
    InterestRateFuture,
    Status,
    Swap,
    trade_models,
)
from pricing.markets import conventions

FEES: tuple[str, Any] = (
    "Considerations",
    {"classes": ("collapse",), "fields": (("upfront_fee", "termination_fee"),)},
)


class TradeAdmin(KeptRows, RowAdmin):
    save_as = True
    actions = ("cancel", "activate", "export_selected")

    @admin.action(description="Cancel selected trades", permissions=("change",))
    def cancel(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self._set_status(request, queryset, Status.CANCELLED)

    @admin.action(description="Make selected trades active again", permissions=("change",))
    def activate(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        self._set_status(request, queryset, Status.ACTIVE)

    def _set_status(self, request: HttpRequest, trades: QuerySet[Any], status: Status) -> None:
        """Through the importer: the same checks, one book version, and the history."""
        ids = trades.order_by("trade_id").values_list("trade_id", flat=True)
        rows = [{"trade_id": trade_id, "status": str(status.value)} for trade_id in ids]
        result = loading.load(
            self.kind,
            rows,
            user=request.user,
            reason=f"{status.label} in the admin",
            books=access.books_written(request.user),
            books_seen=access.books_seen(request.user),
        )
        for sentence in result.sentences(5):
            self.message_user(request, sentence, messages.ERROR)
        changed = result.counts["update"] if result.written else 0
        self.message_user(request, f"{changed} trades are {status.label} now.")

    def panels(self, request: HttpRequest, row: Any) -> list[Panel]:
        """Return what it is worth, and what it pays."""
        return [
            live().values([row.trade_id], title="Live values"),
            live().flows(row.trade_id)
            or live().contract(row.product, row.terms_values(), title="Cash flows"),
        ]


@admin.register(BondPosition)
class BondPositionAdmin(TradeAdmin):
    list_display = ("trade_id", "bond_code", "face", "book", "clean_price", "status")
    list_filter = (
        "status",
        "bond__currency",
        ("book__desk", SeenRowsFilter),
        ("book", SeenRowsFilter),
    )
    list_select_related = ("bond", "book")
    search_fields = ("trade_id", "bond__code", "bond__isin", "bond__name")
    autocomplete_fields = ("bond", "book")

    @admin.display(description="bond", ordering="bond__code")
    def bond_code(self, position: BondPosition) -> str:
        return position.bond.code

    @admin.display(description="face amount", ordering="face_amount")
    def face(self, position: BondPosition) -> str:
        return money(position.face_amount)

    def save_model(self, request: HttpRequest, obj: BondPosition, form: Any, change: bool) -> None:
        """Save, and warn of values that are new and may be mistakes."""
        stored = BondPosition._base_manager.filter(pk=obj.pk).first()
        super().save_model(request, obj, form, change)
        for field, sentence in obj.doubts().items():
            if stored is None or getattr(stored, field) != getattr(obj, field):
                self.message_user(request, f"{field}: {sentence}", messages.WARNING)


@admin.register(Swap)
class SwapAdmin(TradeAdmin):
    form = SwapForm
    conventions = tuple(conventions.SWAPS)
    list_display = (
        "trade_id",
        "convention",
        "pay_receive",
        "size",
        "fixed",
        "effective_date",
        "termination_date",
        "book",
        "status",
    )
    list_filter = (
        "status",
        "convention",
        "pay_receive",
        ("book__desk", SeenRowsFilter),
        ("book", SeenRowsFilter),
    )
    list_select_related = ("book",)
    search_fields = ("trade_id", "convention", "counterparty__code")
    date_hierarchy = "termination_date"
    autocomplete_fields = ("book", "counterparty")
    readonly_fields = (*RowAdmin.readonly_fields, "fixed")
    fieldsets = (
        (None, {"fields": (
            ("trade_id", "status"), ("book", "convention"),
            ("counterparty", "clearing_house"), "seen_version",
        )}),
        ("Terms", {"fields": (
            ("pay_receive", "notional"), ("fixed_rate", "fixed"), ("effective_date", "trade_date"),
            ("termination_date", "tenor"), "spread_bp",
        )}),
        FEES,
        ("Stubs and schedule", {"classes": ("collapse",), "fields": (
            ("first_regular_date", "last_regular_date"), ("roll_day", "stub_index"),
            "notional_schedule", "fixed_rate_schedule",
        )}),
        ("Overnight leg and compounding", {"classes": ("collapse",), "fields": (
            ("overnight_method", "lookback_days", "observation_shift", "lockout_days"),
            "compounding_method",
        )}),
        ("Convention overrides", {"classes": ("collapse",), "fields": (
            ("fixed_frequency", "fixed_day_count"), ("float_frequency", "float_day_count"),
            ("floating_index", "payment_lag"), ("calendar", "business_day_convention"),
            "end_of_month", ("discount_curve", "forecast_curve"),
        )}),
        ("Record", {"classes": ("collapse",), "fields": (("version", "created", "updated"),)}),
    )  # fmt: skip

    @admin.display(description="fixed rate", ordering="fixed_rate")
    def fixed(self, swap: Swap) -> str:
        return percent(swap.fixed_rate) if swap.fixed_rate is not None else ""

    @admin.display(description="notional", ordering="notional")
    def size(self, swap: Swap) -> str:
        return money(swap.notional)


@admin.register(InterestRateFuture)
class InterestRateFutureAdmin(TradeAdmin):
    list_display = (
        "trade_id",
        "contract",
        "position",
        "trade_price",
        "convexity_bp",
        "settlement_date",
        "book",
        "status",
    )
    list_filter = ("status", ("book__desk", SeenRowsFilter), ("book", SeenRowsFilter))
    list_select_related = ("book",)
    search_fields = ("trade_id", "contract")
    autocomplete_fields = ("book",)
    readonly_fields = (
        *RowAdmin.readonly_fields,
        "tick_value",
        "last_trading_date",
        "settlement_date",
    )
    fieldsets = (
        (None, {"fields": (("trade_id", "status"), ("book", "contract"), "seen_version")}),
        (
            "Terms",
            {
                "fields": (
                    ("contracts", "trade_price"),
                    ("convexity_bp", "forecast_curve"),
                    ("volatility_bp", "mean_reversion"),
                )
            },
        ),
        FEES,
        ("Contract", {"fields": (("tick_value", "last_trading_date", "settlement_date"),)}),
        ("Record", {"classes": ("collapse",), "fields": (("version", "created", "updated"),)}),
    )

    @admin.display(description="contracts", ordering="contracts")
    def position(self, future: InterestRateFuture) -> str:
        return money(future.contracts)


@admin.register(BondFuture)
class BondFutureAdmin(TradeAdmin):
    list_display = (
        "trade_id",
        "contract",
        "position",
        "trade_price",
        "delivery_date",
        "book",
        "status",
    )
    list_filter = ("status", ("book__desk", SeenRowsFilter), ("book", SeenRowsFilter))
    list_select_related = ("book",)
    search_fields = ("trade_id", "contract")
    autocomplete_fields = ("book",)
    readonly_fields = (
        *RowAdmin.readonly_fields,
        "tick_value",
        "last_trading_date",
        "delivery_date",
    )
    fieldsets = (
        (None, {"fields": (("trade_id", "status"), ("book", "contract"), "seen_version")}),
        ("Terms", {"fields": (("contracts", "trade_price"), ("market_price", "option_value"))}),
        FEES,
        ("Contract", {"fields": (("tick_value", "last_trading_date", "delivery_date"),)}),
        ("Record", {"classes": ("collapse",), "fields": (("version", "created", "updated"),)}),
    )

    @admin.display(description="contracts", ordering="contracts")
    def position(self, future: BondFuture) -> str:
        return money(future.contracts)


@admin.register(Deliverable)
class DeliverableAdmin(RowAdmin):
    list_display = ("code", "contract", "bond", "conversion_factor", "z_spread_bp")
    list_filter = ("contract",)
    list_select_related = ("bond",)
    search_fields = ("code", "contract", "bond__code", "bond__isin")
    autocomplete_fields = ("bond",)


class OtherTradeAdmin(TradeAdmin):
    """The page of a product without a page of its own: all fields, in the order of the model."""

    list_display = ("trade_id", "book", "status", "updated")
    list_filter = ("status", ("book__desk", SeenRowsFilter), ("book", SeenRowsFilter))
    list_select_related = ("book",)
    search_fields = ("trade_id",)
    autocomplete_fields = ("book",)


for model in trade_models():
    if not admin.site.is_registered(model):
        admin.site.register(model, OtherTradeAdmin)
