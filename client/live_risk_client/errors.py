"""What calls raise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class ApiError(Exception):
    """The API has refused a call with a problem document (RFC 9457).

    Attributes:
        status: HTTP status.
        code: For programs, such as ``VERSION_CONFLICT CURRENT=7``.
        detail: A sentence to act on.
        errors: Sentences by field.
        retry_after_s: Seconds after which the call may be repeated; None: not said.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        errors: Mapping[str, Sequence[str]] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        """Keep what the document says."""
        super().__init__(status, code, detail)
        self.status, self.code, self.detail = status, code, detail
        self.errors: Mapping[str, Any] = errors or {}
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return f"{self.status} {self.code}: {self.detail}"


class Unreachable(Exception):
    """The server did not answer, or not in the form of the API."""
