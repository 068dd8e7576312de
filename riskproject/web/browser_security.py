"""Add security headers to responses, and throttle login attempts and anonymous calls by address.

The headers forbid browsers to load anything from other hosts.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase

from riskproject.web import problems, throttles
from riskproject.web.message_page import LOGIN, message_page

Next = Callable[[HttpRequest], HttpResponseBase]

BASE = (
    "default-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'; img-src 'self' data:; style-src 'self' 'unsafe-inline'"
)
POLICY = f"{BASE}; script-src 'self'"
ADMIN_POLICY = f"{BASE}; script-src 'self' 'unsafe-inline' 'unsafe-eval'"
"""Content security policy of the admin, whose theme runs Alpine: it compiles attributes of its own
pages to functions."""

LOGIN_PAGES = ("/accounts/login/", "/admin/login/")


def policy_with_forms_to(origin: str) -> str:
    """The policy of a page whose form may end at one other origin."""
    return POLICY.replace("form-action 'self'", f"form-action 'self' {origin}")


def content_policy(get_response: Next) -> Next:
    """Middleware: a Content-Security-Policy on every answer that has none of its own."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        admin = request.path_info.startswith("/admin/")
        response.headers.setdefault("Content-Security-Policy", ADMIN_POLICY if admin else POLICY)
        return response

    return middleware


def login_brake(get_response: Next) -> Next:
    """Middleware: a few tries of a password a minute from one address."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        login = request.method == "POST" and request.path_info in LOGIN_PAGES
        if login and not throttles.taken("login", throttles.address(request)):
            wait = int(throttles.seconds_left()) + 1
            text = f"Too many logins from this address: try again in {wait} seconds."
            return message_page(429, text, LOGIN, wait)
        return get_response(request)

    return middleware


def anonymous_brake(get_response: Next) -> Next:
    """Middleware: calls that were refused for want of a login are counted by address.

    DRF asks its own limits after the login, and so never for these.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if response.status_code != 401 or not request.path_info.startswith("/api/"):
            return response
        if throttles.taken(throttles.PerAddress.kind, throttles.address(request)):
            return response
        wait = int(throttles.seconds_left()) + 1
        detail = f"Too many calls without a login from this address: try again in {wait} seconds"
        return JsonResponse(
            problems.problem(429, detail, code="throttled"),
            status=429,
            content_type=problems.MEDIA_TYPE,
            headers={"Retry-After": str(wait)},
        )

    return middleware
