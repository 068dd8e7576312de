"""API tokens; the database stores only their hashes."""

from __future__ import annotations

import re
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox import auth
from rest_framework.exceptions import AuthenticationFailed

KEY = re.compile(rb"[\x21-\x7e]{1,255}")


class TokenAuthentication(auth.TokenAuthentication):  # type: ignore[misc]  # knox ships no types
    """Log in by the header ``Authorization: Token <key>``."""

    def authenticate_credentials(self, token: bytes) -> tuple[Any, Any]:
        """Return the user and the token.

        Raises:
            AuthenticationFailed: The token is unknown, or its user is not active. What cannot be
                a token is not looked up: knox and PostgreSQL would fail on some values.
        """
        if not KEY.fullmatch(token):
            raise AuthenticationFailed("Invalid token.")
        found: tuple[Any, Any] = super().authenticate_credentials(token)
        return found


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema describes it."""

    target_class = "riskproject.web.tokens.TokenAuthentication"
    name = "tokenAuth"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Describe the token as a key in a header."""
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": 'Token-based authentication with required prefix "Token"',
        }
