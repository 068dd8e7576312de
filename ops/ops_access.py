"""Decide whether the caller of a request may see the system's state."""

from __future__ import annotations

from secrets import compare_digest

from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpRequest
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from riskproject.web.tokens import TokenAuthentication

LOOPBACK = ("127.0.0.1", "::1")


def may_see_inside(request: HttpRequest, *, database_is_up: bool = True) -> bool:
    """Whoever has METRICS_TOKEN, any user that is logged in, and in development this machine.

    Loopback is no proof in production: a proxy on this machine brings the whole world from there.

    Args:
        request: Of a caller who may be anybody.
        database_is_up: False keeps from waiting for users that cannot be looked up.
    """
    if settings.DEBUG and request.META.get("REMOTE_ADDR") in LOOPBACK:
        return True
    word, _, given = request.headers.get("Authorization", "").partition(" ")
    if word == "Bearer":
        expected = settings.METRICS_TOKEN
        return bool(expected) and compare_digest(given.strip().encode(), expected.encode())
    return database_is_up and _is_user(request)


def _is_user(request: HttpRequest) -> bool:
    try:
        found = TokenAuthentication().authenticate(Request(request))
        return found is not None or bool(request.user.is_authenticated)
    except (AuthenticationFailed, DatabaseError):
        return False
