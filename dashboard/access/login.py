"""Ask the web process whose a session cookie is, and cache the answer.

Only Django can validate a session. An answer is used for CHECK_S seconds from when it was
requested, so a page that refreshes every two seconds does not ask each time, and a logout takes
effect within ten. While the web process is down, the last answer is used for STANDS_S seconds;
then nothing is shown. A response that cannot be parsed counts as no answer.
"""

from __future__ import annotations

import logging
import re
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

import msgspec

log = logging.getLogger(__name__)

COOKIE, CSRF_COOKIE = "sessionid", "csrftoken"
PATH = "/api/v1/session/"
CHECK_S, STANDS_S = 4.0, 60.0
TIMEOUT_S = 1.5
LONGEST_ANSWER = 8_000_000
SESSIONS_KEPT = 1000
KEY = re.compile(r"[A-Za-z0-9]{8,64}")
"""Pattern of Django's session keys; a cookie of another form is not sent to the web process."""


class Viewer(msgspec.Struct, frozen=True, kw_only=True):
    """The current user; ``desks`` None means all. Every field must be in the response."""

    user: str
    roles: tuple[str, ...]
    desks: frozenset[str] | None


class Refusal(Enum):
    """The reason why the user may see nothing."""

    NO_LOGIN = "no login"
    NO_ROLE = "no role"
    AWAY = "web is down"


Answer = Viewer | Refusal
Ask = Callable[[str], Answer]

REFUSED = {401: Refusal.NO_LOGIN, 403: Refusal.NO_ROLE, 429: Refusal.NO_LOGIN}
"""Status 429: the web process throttles this dashboard after too many invalid cookies."""


class Web:
    """A client of the web process that sends the browser's cookie."""

    def __init__(self, url: str) -> None:
        """Make a client of the web process at an address; it connects when it is first used.

        Raises:
            ValueError: The URL is not one of HTTP.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is not an HTTP URL")
        self._kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._host, self._port, self._url = parts.hostname, parts.port, url
        self._prefix = parts.path.rstrip("/")

    def ask(self, key: str) -> Answer:
        """Return the user of the session."""
        answer = self.get(key, PATH, TIMEOUT_S)
        return Refusal.AWAY if answer is None else understood(*answer)

    def get(self, key: str, path: str, timeout_s: float) -> tuple[int, bytes] | None:
        """Status and body of an address, asked for with a session; None without an answer.

        No redirect is followed: the cookie goes nowhere else.
        """
        return self._call("GET", path, timeout_s, {"Cookie": f"{COOKIE}={key}"})

    def send(
        self, method: str, key: str, path: str, body: object, timeout_s: float
    ) -> tuple[int, bytes] | None:
        """Send a POST or PATCH with a JSON body; return status and body as ``get`` does.

        Django wants the same secret in a cookie and in a header, which no other site can send with
        a browser's cookie. Here no browser sends anything: each call makes a secret of its own.
        """
        secret = secrets.token_hex(16)
        headers = {
            "Cookie": f"{COOKIE}={key}; {CSRF_COOKIE}={secret}",
            "X-CSRFToken": secret,
            "Content-Type": "application/json",
            "Referer": self._url,
        }
        return self._call(method, path, timeout_s, headers, msgspec.json.encode(body))

    def _call(
        self,
        method: str,
        path: str,
        timeout_s: float,
        headers: dict[str, str],
        body: bytes | None = None,
    ) -> tuple[int, bytes] | None:
        connection = self._kind(self._host, self._port, timeout=timeout_s)
        try:
            connection.request(method, self._prefix + path, body=body, headers=headers)
            response = connection.getresponse()
            return response.status, response.read(LONGEST_ANSWER)
        except (OSError, HTTPException) as error:
            log.warning("web does not answer: %s", type(error).__name__)
            return None
        finally:
            connection.close()


def understood(status: int, body: bytes) -> Answer:
    """A response of the web process."""
    if status in REFUSED:
        return REFUSED[status]
    if status == 200:
        try:
            return msgspec.json.decode(body, type=Viewer)
        except msgspec.DecodeError as error:
            log.warning("web's answer about a session cannot be read: %s", error)
            return Refusal.AWAY
    log.warning("web answers %d about a session; is WEB_URL's host in ALLOWED_HOSTS?", status)
    return Refusal.AWAY


@dataclass(frozen=True)
class Held:
    """The last answer about a session, its time, and the time of the last question."""

    answer: Answer
    answered_s: float
    asked_s: float

    def at(self, now_s: float) -> Answer:
        """Return the response, unless it is too old."""
        return self.answer if now_s - self.answered_s < STANDS_S else Refusal.AWAY


class Sessions:
    """Recent responses of the web process by session."""

    def __init__(self, ask: Ask, clock: Callable[[], float] = time.monotonic) -> None:
        self._ask, self._clock = ask, clock
        self._held: dict[str, Held] = {}
        self._lock = threading.Lock()

    def answer(self, key: str) -> Answer:
        """Return the user of the session, from an answer that is recent enough."""
        if not KEY.fullmatch(key):
            return Refusal.NO_LOGIN
        asked_s = self._clock()
        held = self._held.get(key)
        if held is None or asked_s - held.asked_s >= CHECK_S:
            held = self._keep(key, self._ask(key), asked_s)  # unlocked: others need not wait
        return held.at(self._clock())

    def _keep(self, key: str, answer: Answer, asked_s: float) -> Held:
        """Remember an answer, unless a later question has been answered meanwhile."""
        with self._lock:
            held = self._held.pop(key, None)
            if held is None:
                held = Held(answer, asked_s, asked_s)
            elif asked_s >= held.asked_s:
                away = answer is Refusal.AWAY
                held = replace(held, asked_s=asked_s) if away else Held(answer, asked_s, asked_s)
            self._held[key] = held
            for old in list(self._held)[:-SESSIONS_KEPT]:
                del self._held[old]
            return held
