"""The admin's login form, which explains why a user with a valid password may not enter."""

from __future__ import annotations

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from unfold.forms import AuthenticationForm

from riskproject.web.login_form import BoundedLogin


class AdminLoginForm(BoundedLogin, AuthenticationForm):  # type: ignore[misc]  # unfold ships no types
    """A login of staff members."""

    no_staff_status = (
        "Your login is right, but it has no access to the admin: that needs the staff status, "
        "which an administrator gives. The dashboard and the REST API are open to you."
    )

    def confirm_login_allowed(self, user: AbstractBaseUser) -> None:
        """Refuse users without staff status; called after the password was verified.

        Raises:
            ValidationError: The user is not active or not staff.
        """
        if user.is_active and not getattr(user, "is_staff", False):
            raise ValidationError(self.no_staff_status, code="no_staff_status")
        super().confirm_login_allowed(user)
