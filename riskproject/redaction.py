"""Remove secrets from text before it is logged."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote, urlsplit

MASK = "***"
LEAST_CHARACTERS = 6
"""Shortest secret that is masked anywhere: a shorter one could be part of ordinary words. In a URL
it is masked in any case."""

PASSWORD_IN_URL = re.compile(r"(?<=://)([^\s/@:'\"]*):[^\s/'\"]+@")
CREDENTIALS = re.compile(r"\b(Token|Bearer|Basic)\s+[\w.~+/=-]{16,}", re.IGNORECASE)
ASSIGNED_NAME = re.compile(r"(?<![\w-])([\w-]++)['\"]?+\s*+[=:]")
"""Pattern of a whole name with its equals sign or colon; possessive, so that a name of any length
is read once."""

SECRET_NAME = re.compile(
    r"password|passwd|secret|api_?key|authorization|csrfmiddlewaretoken", re.IGNORECASE
)
ASSIGNED_VALUE = re.compile(
    r"(\s*b?['\"]?)(?!\*\*\*)(?:(?:Token|Bearer|Basic)\s+)?[^\s'\",;&)}\]]{3,}", re.IGNORECASE
)

MAX_CHARACTERS = 20_000
"""Characters of one field of a log line; the middle of a longer field is cut out."""

MARGIN_CHARACTERS = 500
"""Dropped on both sides of a cut, which may have gone through a secret."""


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
        return CREDENTIALS.sub(rf"\1 {MASK}", _mask_named(text))

    def bounded(self, text: str) -> str:
        """Redact a text of any length; of a long one only the beginning and the end are kept."""
        if len(text) <= MAX_CHARACTERS:
            return self(text)
        half = MAX_CHARACTERS // 2
        head = self(text[:half])[:-MARGIN_CHARACTERS]
        tail = self(text[-half:])[MARGIN_CHARACTERS:]
        return f"{head} ... [{len(text)} characters, cut] ... {tail}"


def _mask_named(text: str) -> str:
    """Mask the values of names such as ``REDIS_PASSWORD=``, in time linear in the text."""
    pieces: list[str] = []
    done = at = 0
    while found := ASSIGNED_NAME.search(text, at):
        at = found.end()
        if SECRET_NAME.search(found[1]) and (value := ASSIGNED_VALUE.match(text, at)):
            pieces += [text[done : value.end(1)], MASK]
            done = at = value.end()
    return "".join((*pieces, text[done:]))


def password_of(url: str) -> str:
    """The password in a URL as its server knows it; empty when there is none."""
    return unquote(urlsplit(url).password or "")
