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
    """Return True for METRICS_TOKEN, any logged-in user, and in development this machine.

    A loopback address proves nothing in production: requests through a local proxy have it, too.

    Args:
        request: From any caller.
        database_is_up: False skips looking up the user, which would wait for the database.
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
