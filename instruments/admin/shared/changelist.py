"""The admin's list page, which refuses out-of-range filter values from the URL."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.views import ChangeList

PATTERNS = ("regex", "iregex")


class BoundedChangeList(ChangeList):  # type: ignore[misc]  # unfold ships no types
    """A list whose date filters may hold any number."""

    def get_filters(self, request: HttpRequest) -> Any:
        """Read the filters of the address.

        Raises:
            IncorrectLookupParameters: A date is out of range; Django's own list checks only some.
        """
        try:
            return super().get_filters(request)
        except (ValueError, OverflowError) as error:
            raise IncorrectLookupParameters(error) from error


class ListAdmin(ModelAdmin):  # type: ignore[misc]  # unfold ships no types
    """Base of every page of the admin."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BoundedChangeList

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Refuse patterns: PostgreSQL may search for one of them for a minute."""
        allowed: bool = super().lookup_allowed(lookup, value, request)
        return allowed and lookup.rpartition("__")[2] not in PATTERNS
