"""The form for logging in with a password."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import User

MAX_PASSWORD_CHARACTERS = 4_096


class BoundedLogin:
    """First base of a login form: refuse impossible names and passwords without a look-up.

    They are answered like any wrong login. Django's own form states the maximum length to the
    browser and does not check it; the counter of failed logins could not store such a name.
    """

    def clean(self: Any) -> dict[str, Any]:
        """Check the lengths, then the password.

        Raises:
            ValidationError: The name or the password is wrong.
        """
        name = self.cleaned_data.get("username") or ""
        password = self.cleaned_data.get("password") or ""
        longest = User._meta.get_field("username").max_length or 0
        if len(name) > longest or len(password) > MAX_PASSWORD_CHARACTERS:
            raise self.get_invalid_login_error()
        cleaned: dict[str, Any] = super().clean()  # type: ignore[misc]
        return cleaned


class LoginForm(BoundedLogin, AuthenticationForm):
    """A login of every active user."""
