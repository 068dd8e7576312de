"""Admin pages of users, roles, API tokens and login attempts."""

from __future__ import annotations

from typing import Any

from axes import admin as axes_admin
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.http import HttpRequest
from knox.admin import AuthTokenAdmin
from knox.models import AuthToken
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from instruments.admin.shared.changelist import ListAdmin
from instruments.admin_access import RoleUserAdmin

TOKEN_CHARACTERS_SHOWN = 6


class SuperusersOnly:
    """These rows are hidden because reading or changing them would allow impersonation."""

    def _is_superuser(self, request: HttpRequest) -> bool:
        return bool(getattr(request.user, "is_superuser", False))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._is_superuser(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._is_superuser(request)


class UserPages(RoleUserAdmin, ListAdmin):
    form, add_form = UserChangeForm, UserCreationForm
    change_password_form = AdminPasswordChangeForm


class GroupPages(GroupAdmin, ListAdmin):
    pass


class TokenPages(SuperusersOnly, AuthTokenAdmin, ListAdmin):  # type: ignore[misc]
    """Tokens can be made and deleted; only their hashes are stored, so they are shown once."""

    list_display = ("user", "begins_with", "created", "expiry")
    search_fields = ("user__username",)

    @admin.display(description="begins with")
    def begins_with(self, token: AuthToken) -> str:
        """Enough to tell two tokens of a user apart."""
        return f"{token.token_key[:TOKEN_CHARACTERS_SHOWN]}..."

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return ("user", "expiry") if obj is None else ("user", "begins_with", "created", "expiry")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: AuthToken, form: Any, change: bool) -> None:
        obj.save()
        sentence = f"The token of {obj.user}, which is shown only this once: {form.token}"
        self.message_user(request, sentence, messages.WARNING)


class AttemptPages(SuperusersOnly, axes_admin.AccessAttemptAdmin, ListAdmin):  # type: ignore[misc]
    pass


class LogPages(SuperusersOnly, axes_admin.AccessLogAdmin, ListAdmin):  # type: ignore[misc]
    pass


class FailurePages(SuperusersOnly, axes_admin.AccessFailureLogAdmin, ListAdmin):  # type: ignore[misc]
    pass


PAGES: dict[type[Model], Any] = {
    User: UserPages,
    Group: GroupPages,
    AuthToken: TokenPages,
    AccessAttempt: AttemptPages,
    AccessLog: LogPages,
    AccessFailureLog: FailurePages,
}

for _model, _pages in PAGES.items():
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)
    admin.site.register(_model, _pages)
