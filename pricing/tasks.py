"""Celery's door: decode a job, price it, put the part; whoever puts the last one publishes.

Losing or repeating a task is harmless: parts and publication are fenced by the frame's
number, and the bridge's watchdog sends again what is missing.
"""

from __future__ import annotations

import gc
import time
from functools import cache
from typing import Any

import msgspec
from celery import shared_task
from celery.signals import heartbeat_sent, worker_init, worker_process_init, worker_ready
from celery.utils.log import get_task_logger
from django.conf import settings
from redis import RedisError

from pricing import check, warmup
from pricing.compiled import CompiledBooks, StaleBook
from pricing.compiler import Compiler, waits_for_market
from pricing.core.errors import PricingError
from pricing.core.messages import PriceJob
from pricing.core.quotes import CurveOptions
from pricing.finish import publish_parts
from pricing.frames import BOOK_GONE, Frames, connect
from pricing.pulse import write_worker
from pricing.session import BookGone, Session

log = get_task_logger(__name__)
PRICING_QUEUE = "pricing"
CHECK_EVERY_S = 15.0
_check_at: dict[str, float] = {}

NO_SUCH_BOOK = (BookGone, StaleBook, msgspec.MsgspecError)
"""The compiled book is not in Redis, or not in this release's form."""

CRASHES = (RuntimeError, ArithmeticError, ValueError, LookupError, TypeError)
"""What pricing raises when it is at fault itself (RuntimeError is QuantLib's). The frame must
say so: one that stays silent would be sent again for ever."""


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
    return Compiler(_books(), _frames(), _options(), settings.PRICING_PROCESSES)


def _options() -> CurveOptions:
    return CurveOptions(
        indexed=settings.IBOR_COUPONS == "indexed", interpolation=settings.CURVE_INTERPOLATION
    )


_workers: list[Any] = []
"""The Celery worker of this process, once it has started."""


@worker_init.connect
def _warm(sender: Any, **_: Any) -> None:
    """Compile the kernel before the pool forks, so that no frame waits for it."""
    _workers.append(sender)
    warmup.compile_kernel()


@worker_process_init.connect
def _settle(**_: Any) -> None:
    """What was imported never becomes garbage: keep the collector away from it."""
    gc.collect()
    gc.freeze()


@worker_ready.connect
@heartbeat_sent.connect
def _say_alive(**_: Any) -> None:
    """Every two seconds, from the main process of a worker that prices."""
    worker = _workers[-1] if _workers else None
    if worker is None or PRICING_QUEUE not in worker.app.amqp.queues.consume_from:
        return
    try:
        write_worker(_frames().client, worker.hostname, worker.concurrency)
    except RedisError as error:
        log.warning("no heartbeat: %s", error)


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
        return _failed(job, error.code, error)
    except NO_SUCH_BOOK as error:
        _ask_to_compile(job.book_version)
        return _failed(job, BOOK_GONE, error)
    except CRASHES as error:
        log.exception("frame %s %s", job.currency, job.frame)
        return _failed(job, "CRASHED", error)
    result = frames.put(job.currency, job.frame, sums, columns)
    if result.present < job.blocks:
        return result.code
    header = frames.header(job.currency, job.frame)
    if header is None:
        return "GONE"
    manifest = _session().manifest(job.currency, job.book_version)
    code = publish_parts(frames, header, manifest)
    if code == "PUBLISHED" and waits_for_market(manifest.failures):
        _ask_to_compile(manifest.version)  # a market is there now: prices become spreads
    if code == "PUBLISHED" and _check_is_due(job.currency):
        check_frame.delay(job.currency)
    return code


def _check_is_due(currency: str) -> bool:
    """Now and then, from each process: a check costs more than a frame."""
    now = time.monotonic()
    if now < _check_at.get(currency, 0.0):
        return False
    _check_at[currency] = now + CHECK_EVERY_S
    return True


def _failed(job: PriceJob, code: str, error: Exception) -> str:
    """Tell the bridge that no part will come."""
    log.warning("frame %s %s fails: %s", job.currency, job.frame, error)
    _frames().fail(job.currency, job.frame, code, str(error) or type(error).__name__)
    return code


@cache
def _ask_to_compile(version: str) -> None:
    """Once for a version, from each process."""
    log.info("book %s is to be compiled again", version)
    compile_book.delay()


@shared_task(name="pricing.tasks.check_frame", max_retries=0)
def check_frame(currency: str) -> str:
    """Hold a sample of the current frame to plain QuantLib: OK, BREACH or NOTHING."""
    result = check.check_frame(_frames(), _books(), _options(), currency)
    if result is None:
        return "NOTHING"
    if result.breach:
        log.error("%s differs from QuantLib: %s", currency, result)
    return "BREACH" if result.breach else "OK"


@shared_task(name="pricing.tasks.compile_book", max_retries=1, default_retry_delay=1)
def compile_book() -> dict[str, str]:
    """Compile the database's trades; returns the book version by currency."""
    manifests = _compiler().run()
    return {manifest.currency: manifest.version for manifest in manifests}
