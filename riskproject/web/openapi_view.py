"""The OpenAPI schema over HTTP, made once per process and media type."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

HEADERS = ("Content-Type", "Content-Disposition")

_kept: dict[str, tuple[bytes, dict[str, str]]] = {}
"""Body and headers by media type. All callers get the same: it depends on the code alone."""


class SchemaView(SpectacularAPIView):
    """The schema of the API.

    It takes one to two seconds to make, in which other requests to the same process wait. Whether
    the caller may read it is checked at each request.
    """

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Return the schema as YAML or JSON, whichever is asked for.

        Raises:
            ValidationError: There is a parameter other than ``format``.
        """
        unknown = sorted(set(request.query_params) - {"format"})
        if unknown:
            raise ValidationError(dict.fromkeys(unknown, "allowed parameters: format"))
        name = request.accepted_renderer.media_type
        if name in _kept:
            body, headers = _kept[name]
            return HttpResponse(body, headers=headers)
        made: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        made.add_post_render_callback(lambda answer: _keep(name, answer))
        return made


def _keep(name: str, answer: HttpResponse) -> None:
    _kept[name] = answer.content, {header: answer[header] for header in HEADERS}
