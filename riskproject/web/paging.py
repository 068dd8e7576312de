"""Pagination of the REST API's lists."""

from __future__ import annotations

import re

from rest_framework.exceptions import ValidationError
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request

NUMBER = re.compile(r"[0-9]{1,9}")


class Pages(PageNumberPagination):
    """Pages of 100 rows, or of ``page_size`` up to 500."""

    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 500

    def get_page_size(self, request: Request) -> int | None:
        """The size asked for; one that is no number would else be ignored."""
        text = request.query_params.get("page_size") or "1"
        if not NUMBER.fullmatch(text) or not int(text):
            raise ValidationError({"page_size": [f"{text!r} is not a number from 1 on"]})
        return super().get_page_size(request)
