"""The first page of the admin: the groups of its menu."""

from __future__ import annotations

from django.contrib import admin

admin.site.index_template = "instruments/index.html"
admin.site.index_title = "Security master"
