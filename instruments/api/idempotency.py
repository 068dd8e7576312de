"""Answer repeated writes that carry the same Idempotency-Key with the first response.

Claiming the key, the write and storing the response share one transaction: if the process dies in
between, nothing is stored and the caller may send the request again. Only successful responses
are stored, because a refused call has changed nothing.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.db import connection, transaction
from django.utils import timezone
from rest_framework import status
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from instruments.api.refusals import Conflict
from instruments.models import Reply

HEADER, REPLAYED = "Idempotency-Key", "Idempotent-Replayed"
KEPT = dt.timedelta(hours=24)
KEY = re.compile(r"[\x21-\x7e]{1,255}")
LOCK_SPACE = 0x1DE9  # our advisory locks, apart from others'

Handler = Callable[..., Response]


class Mismatch(APIException):
    """The key was used for another request."""

    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_code = "idempotency_mismatch"
    default_detail = (
        f"This {HEADER} has been used for another request within 24 hours: use a new one"
    )


class UnderWay(Conflict):
    """A request with the same key is in progress."""

    default_code = "idempotency_under_way"
    default_detail = f"A request with this {HEADER} is in progress: repeat the request in a moment"
    wait = 1


def repeatable(handler: Handler) -> Handler:
    """Make a handler of writes answer a repeated key with its first answer."""

    @wraps(handler)
    def once(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get(HEADER)
        if key is None:
            return handler(view, request, *args, **kwargs)
        if not KEY.fullmatch(key):
            raise ValidationError({HEADER: f"{HEADER}: 1 to 255 visible ASCII characters"})
        digest = _digest(request)
        with transaction.atomic():
            return _answered(handler, view, request, args, kwargs, key, digest)

    return once


def _answered(
    handler: Handler,
    view: Any,
    request: Request,
    args: Any,
    kwargs: Any,
    key: str,
    digest: str,
) -> Response:
    user = cast(Any, request.user)
    if not _lock(f"{user.pk} {key}"):
        raise UnderWay
    Reply.objects.filter(user=user, created__lt=timezone.now() - KEPT).delete()
    before = Reply.objects.filter(user=user, key=key).first()
    if before is not None:
        return _again(before, digest)
    answer = handler(view, request, *args, **kwargs)
    if answer.status_code < status.HTTP_300_MULTIPLE_CHOICES:
        body = json.loads(JSONRenderer().render(answer.data))
        Reply.objects.create(
            user=user, key=key, request_digest=digest, status=answer.status_code, body=body
        )
    return answer


def _again(before: Reply, digest: str) -> Response:
    if before.request_digest != digest:
        raise Mismatch
    return Response(before.body, before.status, headers={REPLAYED: "true"})


def _digest(request: Request) -> str:
    """Return the hash of everything that determines the effect of the request."""
    found = hashlib.sha256()
    content: Any = request.data  # decoded: white space and order make no other request
    sent = content if isinstance(content, bytes) else json.dumps(content, sort_keys=True).encode()
    for part in (request.method, request.get_full_path(), request.content_type):
        found.update(f"{part}\n".encode())
    found.update(sent)
    return found.hexdigest()


def _lock(name: str) -> bool:
    """Claim the key until the transaction ends; False when another transaction holds it."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [LOCK_SPACE, number])
        return bool(cursor.fetchone()[0])
