"""Settings of the admin site: its first page and its login."""

from __future__ import annotations

from django.contrib import admin

from instruments.admin.login import AdminLoginForm

admin.site.index_template = "instruments/index.html"
admin.site.index_title = "Security master"
admin.site.login_template = "instruments/admin_login.html"
admin.site.login_form = AdminLoginForm
