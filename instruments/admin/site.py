"""The admin site: its title, start page and login form."""

from __future__ import annotations

from django.contrib import admin

from instruments.admin.login import AdminLoginForm

admin.site.index_template = "instruments/index.html"
admin.site.index_title = "Administration"
admin.site.login_template = "instruments/admin_login.html"
admin.site.login_form = AdminLoginForm
