"""Raise the book version and request a compilation once per transaction that changes trades."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from celery import current_app
from django.db import models, transaction
from django.db.models import F, Q
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)

COMPILE_TASK, COMPILE_QUEUE = "risk.workers.tasks.compile_book", "compile"
ONLY = 1


class BookVersion(models.Model):
    """A single row with a number that rises with every change that affects pricing."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY, editable=False)
    number = models.PositiveBigIntegerField(default=0, editable=False)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(id=ONLY), name="book_version_is_one_row"),
        )

    def __str__(self) -> str:
        return str(self.number)

    @classmethod
    def current(cls) -> int:
        """0 before the first change."""
        return cls.objects.filter(pk=ONLY).values_list("number", flat=True).first() or 0


@dataclass
class _Bulk:
    changed: bool = False


_bulk: ContextVar[_Bulk | None] = ContextVar("bulk", default=None)


@contextmanager
def bulk_change() -> Iterator[None]:
    """Many changes as one: one transaction, one version, one request to compile.

    ``bulk_create``, ``bulk_update`` and ``QuerySet.update`` do not say that they changed
    something: call `book_changed` after them.
    """
    if _bulk.get() is not None:
        with transaction.atomic():
            yield
        return
    bulk = _Bulk()
    token = _bulk.set(bulk)
    try:
        with transaction.atomic():
            yield
            if bulk.changed:
                _raise_version()
    finally:
        _bulk.reset(token)


def book_changed() -> None:
    """Raise the version in the transaction that is open; inside `bulk_change`, at its end."""
    bulk = _bulk.get()
    if bulk is None:
        _raise_version()
    else:
        bulk.changed = True


def _raise_version() -> None:
    # The row lock of this update also puts two writers in order.
    raised = BookVersion.objects.filter(pk=ONLY).update(number=F("number") + 1)
    if not raised:
        BookVersion.objects.get_or_create(pk=ONLY)
        BookVersion.objects.filter(pk=ONLY).update(number=F("number") + 1)
    transaction.on_commit(ask_to_compile, robust=True)


def ask_to_compile() -> None:
    """Send the task by its name: this app knows no pricing code, and needs no running worker."""
    try:
        current_app.send_task(COMPILE_TASK, queue=COMPILE_QUEUE)
    except (OperationalError, OSError) as error:
        log.warning("the book changed, but the broker took no %s: %s", COMPILE_TASK, error)
