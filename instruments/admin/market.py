"""Admin pages of fixings, of initial exchange rates and of scenarios."""

from __future__ import annotations

from django.contrib import admin

from instruments.admin.shared.display_format import percent
from instruments.admin.shared.row import RowAdmin
from instruments.models import Fixing, FxRate, ScenarioShock


@admin.register(Fixing)
class FixingAdmin(RowAdmin):
    list_display = ("index", "date", "fixed", "source")
    list_filter = ("index", "source")
    search_fields = ("index", "source")
    date_hierarchy = "date"

    @admin.display(description="rate", ordering="rate")
    def fixed(self, fixing: Fixing) -> str:
        return percent(fixing.rate)


@admin.register(FxRate)
class FxRateAdmin(RowAdmin):
    list_display = ("currency", "date", "usd", "source")
    list_filter = ("currency", "source")
    search_fields = ("currency", "source")
    date_hierarchy = "date"


@admin.register(ScenarioShock)
class ScenarioShockAdmin(RowAdmin):
    list_display = ("code", "scenario", "space", "currency", "curve", "shape", "tenor", "move_bp")
    list_filter = ("scenario", "space", "currency")
    search_fields = ("code", "scenario")
