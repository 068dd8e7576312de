"""Pages with one message for a person in a browser: a login that is refused, a fault, no page.

They are drawn without the database and without the request, so that they can be shown whatever
has failed. Addresses below /api/ answer with problem documents instead (``problems.py``).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from riskproject.design import css_variables

TEMPLATE = "accounts/message.html"
LOGIN, DASHBOARD = ("/accounts/login/", "To the login"), ("/dashboard/", "To the dashboard")
MINUTE_S = 60


def message_page(
    status: int, text: str, link: tuple[str, str] = DASHBOARD, retry_after_s: int | None = None
) -> HttpResponse:
    """Return a page with one message.

    Args:
        status: HTTP status; its phrase is the heading.
        text: What has happened, and what the reader can do.
        link: Address and text of the way on.
        retry_after_s: When to try again, in seconds, for programs.
    """
    address, label = link
    context = {
        "title": HTTPStatus(status).phrase,
        "text": text,
        "address": address,
        "label": label,
        "design": css_variables(),
    }
    page = HttpResponse(render_to_string(TEMPLATE, context), status=status)
    if retry_after_s is not None:
        page.headers["Retry-After"] = str(retry_after_s)
    return page


def locked_out(
    request: HttpRequest, response: HttpResponse | None, credentials: dict[str, Any]
) -> HttpResponse:
    """Answer a login under a name that had too many wrong passwords from this address."""
    wait_s = int(settings.AXES_COOLOFF_TIME.total_seconds())
    text = (
        "Too many wrong passwords for this user name from this address: try again in"
        f" {wait_s // MINUTE_S} minutes."
    )
    return message_page(429, text, LOGIN, wait_s)


def form_refused(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form that did not come from a page of this site, or whose cookie is missing."""
    text = (
        "This form was not sent from a page of this site, or its page has expired. Open the page"
        " again; cookies must be allowed."
    )
    return message_page(403, text, LOGIN)
