"""Log users in and out, and redirect to the dashboard after login.

The dashboard is a separate server, which Django's login does not redirect to. The login therefore
leads to ``/dashboard/`` on this server, which redirects to the dashboard URL of the settings.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from riskproject.design import css_variables
from riskproject.web.browser_security import policy_with_forms_to
from riskproject.web.login_form import LoginForm


class SignIn(LoginView):
    """The login page of every active user, and the way to log out."""

    template_name = "accounts/login.html"
    authentication_form = LoginForm
    next_page = "dashboard"
    extra_context = {"design": css_variables()}

    def dispatch(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponseBase:
        """Allow the redirects of the form: browsers apply the page's policy to all of them."""
        response = super().dispatch(request, *args, **options)
        parts = urlsplit(dashboard_url(request))
        policy = policy_with_forms_to(f"{parts.scheme}://{parts.netloc}")
        response.headers["Content-Security-Policy"] = policy
        return response


@require_safe
@login_required
def dashboard(request: HttpRequest, page: str = "") -> HttpResponse:
    """Redirect a logged-in user to a page of the dashboard."""
    return redirect(f"{dashboard_url(request)}/{page}")


def dashboard_url(request: HttpRequest) -> str:
    """Return the dashboard's URL without a trailing slash.

    Cookies belong to a host name, and localhost differs from 127.0.0.1: on this machine the URL
    keeps the host name of the login.
    """
    parts = urlsplit(settings.DASHBOARD_URL)
    called = urlsplit(f"//{request.get_host()}").hostname or ""
    if {called, parts.hostname} <= set(settings.LOOPBACK):
        name = f"[{called}]" if ":" in called else called
        parts = parts._replace(netloc=f"{name}:{parts.port}" if parts.port else name)
    return parts.geturl().rstrip("/")
