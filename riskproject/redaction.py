"""A text in, the same text without secrets out: before a line reaches a log."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote, urlsplit

MASK = "***"
LEAST_CHARACTERS = 6
"""A shorter secret would take ordinary words with it; in a URL it is masked all the same."""

PASSWORD_IN_URL = re.compile(r"(?<=://)([^\s/@:'\"]*):[^\s/'\"]+@")
CREDENTIALS = re.compile(r"\b(Token|Bearer|Basic)\s+[\w.~+/=-]{16,}", re.IGNORECASE)
NAMED = re.compile(
    r"(?P<name>[\w-]*(?:password|passwd|secret|api_?key|authorization|csrfmiddlewaretoken)"
    r"[\w-]*['\"]?\s*[=:]\s*b?['\"]?)(?!\*\*\*)(?:(?:Token|Bearer|Basic)\s+)?[^\s'\",;&)}\]]{3,}",
    re.IGNORECASE,
)


class Redaction:
    """Masks the secrets of the settings, and whatever looks like one."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """Know the secrets themselves, as they are and as URLs spell them."""
        known = {form for secret in secrets for form in (secret, quote(secret, safe=""))}
        long = sorted((x for x in known if len(x) >= LEAST_CHARACTERS), key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, long))) if long else None

    def __call__(self, text: str) -> str:
        """The text with each secret masked."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        if "://" in text:
            text = PASSWORD_IN_URL.sub(rf"\1:{MASK}@", text)
        text = NAMED.sub(rf"\g<name>{MASK}", text)
        return CREDENTIALS.sub(rf"\1 {MASK}", text)


def password_of(url: str) -> str:
    """The password in a URL as its server knows it; empty when there is none."""
    return unquote(urlsplit(url).password or "")
