"""Send changes of limits to a webhook: signed, oldest first, retried until accepted.

The evaluator queues each message in the transaction of its event, so none is lost or invented. The
receiver may get an event twice or out of order; the increasing ``id`` identifies it. The signature
is HMAC-SHA256 of ``<timestamp>.<body>`` in hexadecimal:

    X-Risk-Timestamp: 1711990000
    X-Risk-Signature: sha256=...

Only hosts listed in the settings are called, over HTTPS unless they are this machine; redirects are
not followed.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import http.client
import ipaddress
import ssl
from collections.abc import Collection
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
from django.db import transaction
from django.utils import timezone

from pricing.errors import BadInput
from risk.models import LimitDelivery

TIMEOUT_S = 5.0
FIRST_WAIT_S, LONGEST_WAIT_S = 2.0, 600.0
GIVE_UP_AFTER = dt.timedelta(hours=24)
AT_ONCE = 20
ERROR_LENGTH = 300


class Target(NamedTuple):
    """Where events go, checked."""

    scheme: str
    host: str
    port: int
    path: str
    secret: bytes


def target_of(url: str, secret: str, hosts: Collection[str]) -> Target:
    """The webhook of the settings.

    Raises:
        BadInput: The host is not on the list, the URL is not HTTPS, or there is no secret.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host not in hosts:
        allowed = f"a host of LIMIT_WEBHOOK_HOSTS ({', '.join(sorted(hosts)) or 'empty'})"
        raise BadInput("LIMIT_WEBHOOK_URL", host, allowed)
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        raise BadInput("LIMIT_WEBHOOK_URL", parts.scheme, "https, or http to this machine itself")
    if len(secret) < 16:
        raise BadInput("LIMIT_WEBHOOK_SECRET", "...", "at least 16 characters")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return Target(parts.scheme, host, port, path, secret.encode())


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """Return the signature that the receiver compares with the header."""
    return hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def body_of(delivery: LimitDelivery) -> bytes:
    """The event as JSON."""
    event = delivery.event
    breach = event.breach
    return msgspec.json.encode(
        {
            "id": event.pk,
            "limit": event.limit.code,
            "was": event.was,
            "state": event.state,
            "value": event.value,
            "hard_limit": event.hard_limit,
            "reason": event.reason,
            "currency": event.currency,
            "frame": event.frame,
            "kind": event.kind,
            "at": event.at,
            "breach": breach and {"id": breach.pk, "scope": breach.scope, "desk": breach.desk},
        }
    )


def send_due(target: Target) -> int:
    """Send due events, oldest first; return how many were accepted.

    Raises:
        DatabaseError: The database is unavailable.
    """
    sent = 0
    now = timezone.now()
    due = LimitDelivery.objects.filter(delivered=None, next_try__lte=now).order_by("event_id")
    for pk in list(due.values_list("pk", flat=True)[:AT_ONCE]):
        with transaction.atomic():
            rows = LimitDelivery.objects.select_for_update(skip_locked=True, of=("self",))
            rows = rows.select_related("event__limit", "event__breach")
            delivery = rows.filter(pk=pk, delivered=None).first()
            if delivery is None:
                continue  # another process has it
            error = _post(target, body_of(delivery))
            _note(delivery, error)
            sent += not error
        if error:
            break  # a receiver that is down is not asked for each event
    return sent


def _note(delivery: LimitDelivery, error: str) -> None:
    now = timezone.now()
    delivery.attempts += 1
    delivery.error = error[:ERROR_LENGTH]
    if not error:
        delivery.delivered, delivery.next_try = now, None
    elif now - delivery.event.at > GIVE_UP_AFTER and delivery.attempts > 1:
        delivery.next_try = None
    else:
        wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(delivery.attempts - 1, 20))
        delivery.next_try = now + dt.timedelta(seconds=wait_s)
    delivery.save()


def _post(target: Target, body: bytes) -> str:
    """Send one body; return the reason of a failure, or an empty string."""
    timestamp = str(int(timezone.now().timestamp()))
    headers = {
        "Content-Type": "application/json",
        "X-Risk-Timestamp": timestamp,
        "X-Risk-Signature": f"sha256={signature(target.secret, timestamp, body)}",
    }
    connection = _connection(target)
    try:
        connection.request("POST", target.path, body, headers)
        answer = connection.getresponse()
        answer.read(1024)
    except (OSError, http.client.HTTPException) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        connection.close()
    return "" if 200 <= answer.status < 300 else f"answered {answer.status}"


def _connection(target: Target) -> Any:
    if target.scheme == "http":
        return http.client.HTTPConnection(target.host, target.port, timeout=TIMEOUT_S)
    context = ssl.create_default_context()
    return http.client.HTTPSConnection(target.host, target.port, timeout=TIMEOUT_S, context=context)
