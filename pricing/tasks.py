"""Celery's door: decode a job, price it, put the part; whoever puts the last one publishes.

Losing or repeating a task is harmless: parts and publication are fenced by the frame's
number, and the bridge's watchdog sends again what is missing.
"""

from __future__ import annotations

import gc
from functools import cache
from typing import Any

import msgspec
from celery import shared_task
from celery.signals import worker_init, worker_process_init
from celery.utils.log import get_task_logger
from django.conf import settings

from pricing import warmup
from pricing.compiled import CompiledBooks
from pricing.core.errors import PricingError
from pricing.core.messages import PriceJob
from pricing.core.quotes import CurveOptions
from pricing.finish import publish_parts
from pricing.frames import Frames, connect
from pricing.session import BookGone, Compiler, Session

log = get_task_logger(__name__)


@cache
def _frames() -> Frames:
    return Frames(connect(settings.REDIS_URL))


@cache
def _books() -> CompiledBooks:
    return CompiledBooks(connect(settings.REDIS_URL, timeout_s=10.0))


@cache
def _session() -> Session:
    return Session(_books(), _options())


@cache
def _compiler() -> Compiler:
    return Compiler(_books(), _options(), settings.PRICING_PROCESSES)


def _options() -> CurveOptions:
    return CurveOptions(
        indexed=settings.IBOR_COUPONS == "indexed", interpolation=settings.CURVE_INTERPOLATION
    )


@worker_init.connect
def _warm(**_: Any) -> None:
    """Compile the kernel before the pool forks, so that no frame waits for it."""
    warmup.compile_kernel()


@worker_process_init.connect
def _settle(**_: Any) -> None:
    """What was imported never becomes garbage: keep the collector away from it."""
    gc.collect()
    gc.freeze()


@shared_task(name="pricing.tasks.price_block", max_retries=1, default_retry_delay=0)
def price_block(payload: dict[str, Any]) -> str:
    """Price one block of one frame. Returns what became of it, for logs and tests."""
    job = msgspec.convert(payload, PriceJob)
    frames = _frames()
    if frames.pointer(job.currency) >= job.frame:
        return "LATE"
    try:
        sums, columns = _session().price(job)
    except PricingError as error:
        log.warning("frame %s %s fails: %s", job.currency, job.frame, error)
        frames.fail(job.currency, job.frame, error.code, str(error))
        return error.code
    except BookGone as error:
        log.warning("frame %s %s: %s", job.currency, job.frame, error)
        return "BOOK_GONE"
    result = frames.put(job.currency, job.frame, sums, columns)
    if result.present < job.blocks:
        return result.code
    header = frames.header(job.currency, job.frame)
    if header is None:
        return "GONE"
    return publish_parts(frames, header, _session().manifest(job.currency, job.book_version))


@shared_task(name="pricing.tasks.compile_book", max_retries=1, default_retry_delay=1)
def compile_book() -> dict[str, str]:
    """Compile the database's trades; returns the book version by currency."""
    manifests = _compiler().run()
    return {manifest.currency: manifest.version for manifest in manifests}
