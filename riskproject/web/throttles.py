"""Limit API calls per caller and minute, counted in Redis for all web processes.

Each caller has one counter per minute, raised by one atomic command, so two processes cannot both
accept the last call. While Redis is down no call is refused and a warning is logged: a limit for
fairness must not make the security master unavailable. Failed logins are limited separately by
django-axes, which counts in the database.
"""

from __future__ import annotations

import logging
import time
from functools import cache
from typing import Any

import redis
from django.conf import settings
from django.http import HttpRequest
from redis import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from connections.redis_clients import connect

log = logging.getLogger(__name__)
MINUTE_S = 60
TIMEOUT_S = 0.3
QUIET_S = 10.0
"""Seconds for which a Redis that did not answer is not asked again, because each call would wait
for it."""

_away_until = 0.0


class PerMinute(BaseThrottle):
    """Limit calls per minute of the clock; the rates are in ``settings.API_RATES``."""

    kind = ""

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count the call if this limit applies to its caller."""
        caller = self.caller(request)
        return caller is None or taken(self.kind, caller)

    def caller(self, request: Request) -> str | None:
        """Return the key of the caller; None when this limit does not apply to the caller."""
        raise NotImplementedError

    def wait(self) -> float:
        """Seconds to the next minute."""
        return seconds_left()


class PerAddress(PerMinute):
    """Calls without a login, by the address that the server sees."""

    kind = "anonymous"

    def caller(self, request: Request) -> str | None:
        """Never a header of the caller's own making: uvicorn believes those of known proxies."""
        return None if request.user.is_authenticated else address(request)


class PerUser(PerMinute):
    """Calls of a user, by token or session."""

    kind = "user"

    def caller(self, request: Request) -> str | None:
        """The user's key."""
        return str(request.user.pk) if request.user.is_authenticated else None


class Uploads(PerUser):
    """Files and long lists of a user."""

    kind = "upload"


def taken(kind: str, caller: str) -> bool:
    """Count one call of this minute; False above the limit, True when Redis is down."""
    global _away_until
    if time.monotonic() < _away_until:
        return True
    key = f"risk:calls:{kind}:{caller}:{int(now() // MINUTE_S)}"
    try:
        with _redis(settings.REDIS_URL).pipeline(transaction=False) as pipe:
            pipe.incr(key)
            pipe.expire(key, 2 * MINUTE_S)
            count = int(pipe.execute()[0])
    except RedisError as error:
        _away_until = time.monotonic() + QUIET_S
        log.warning("calls are not limited for %g s: Redis does not answer: %s", QUIET_S, error)
        return True
    return count <= int(settings.API_RATES[kind])


def seconds_left() -> float:
    """Seconds to the next minute of the clock."""
    return MINUTE_S - now() % MINUTE_S


def now() -> float:
    """Seconds since 1970; of all processes, or they would count apart."""
    return time.time()


def address(request: HttpRequest | Request) -> str:
    """The caller's address, as the server sees it."""
    return str(request.META.get("REMOTE_ADDR") or "unknown")


@cache
def _redis(url: str) -> redis.Redis:
    return connect(url, timeout_s=TIMEOUT_S, retries=0)
