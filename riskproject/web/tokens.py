"""API tokens; the database stores only their hashes.

Spreadsheets keep a user and a password in their store of credentials and send them by the scheme
Basic, so a token is taken as the password of its user there. That is for reading only: a browser
would send such credentials by itself, also with a form of another site.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox import auth
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

KEY = re.compile(rb"[\x21-\x7e]{1,255}")
BASIC_CHARACTERS = 1_000
READING = ("GET", "HEAD")


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


class TokenAsPassword(BaseAuthentication):
    """Log in to read by ``Authorization: Basic``, with the user's name and a token as password."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """Return the user and the token; None where another scheme is used.

        Raises:
            AuthenticationFailed: The name or the token is wrong, or the request is not one to read.
        """
        scheme, _, encoded = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"basic":
            return None
        if request.method not in READING:
            raise AuthenticationFailed(
                "A token as the password of Basic is for reading: send Authorization: Token KEY"
            )
        name, token = _name_and_token(encoded.strip())
        user, found = TokenAuthentication().authenticate_credentials(token)
        if user.get_username().encode() != name:
            raise AuthenticationFailed(
                "The user name is not that of the token: give the user's name, and the token as"
                " the password"
            )
        return user, found


def _name_and_token(encoded: bytes) -> tuple[bytes, bytes]:
    try:
        if len(encoded) > BASIC_CHARACTERS:
            raise ValueError
        name, colon, token = base64.b64decode(encoded, validate=True).partition(b":")
    except (binascii.Error, ValueError):
        colon = b""
    if not colon:
        raise AuthenticationFailed("Authorization: Basic needs base64 of NAME:TOKEN")
    return name, token


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


class TokenAsPasswordScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema describes it."""

    target_class = "riskproject.web.tokens.TokenAsPassword"
    name = "tokenAsPassword"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Describe the token as a password."""
        return {
            "type": "http",
            "scheme": "basic",
            "description": "For reading alone, as spreadsheets do: user name, token as password",
        }

    def get_security_requirement(self, auto_schema: Any) -> Any:
        """It is no way to change anything."""
        if auto_schema.method not in READING:
            return None
        return super().get_security_requirement(auto_schema)
