"""The Celery tasks: decode a job, price it, store the result, and publish what is complete.

Losing or repeating a task is harmless: results and publication are fenced by the frame's number,
and the bridge's watchdogs resend what is missing.
"""

from __future__ import annotations

import gc
import secrets
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache, partial
from typing import Any, Literal

import msgspec
from celery import current_app, shared_task
from celery.exceptions import SoftTimeLimitExceeded, TimeLimitExceeded, WorkerLostError
from celery.signals import task_failure, worker_init, worker_process_init
from celery.utils.log import get_task_logger
from django.conf import settings
from kombu.exceptions import OperationalError
from redis import RedisError

from instruments import trade_repository as master
from pricing.curves.quotes import CurveOptions
from pricing.errors import PricingError
from risk.compiler.book_compiler import Compiler, waits_for_market
from risk.explain.by_trade import explain_group
from risk.explain.frame_closes import FrameCloses, held_head, values_of
from risk.explain.frames_within import FramesWithin
from risk.explain.maker import ExplainMaker
from risk.explain.one_trade import explain_one
from risk.scenarios.store import QUEUE as SCENARIOS_QUEUE
from risk.scenarios.store import TASK as SCENARIOS_TASK
from risk.scenarios.store import ScenarioStore
from risk.store.compiled_book import BookHead
from risk.store.compiled_book_store import CompiledBooks
from risk.store.follow_up import INTERVAL_S, FollowUp, countdown_s
from risk.store.frames import BOOK_GONE, Frames, PutResult, connect
from risk.store.messages import DetailJob, FrameHeader, FrameInputs, PriceJob, SumsJob
from risk.store.previews import (
    ContractQuestion,
    ExplainQuestion,
    GroupExplainQuestion,
    PreviewQuestion,
    TradeQuestion,
    put_answer,
)
from risk.store.publication import (
    SumsDiffer,
    TradesLost,
    make_rollup,
    publish_detail,
    publish_parts,
)
from risk.store.results import PartColumns, Rollup
from risk.store.run_registry import RunRegistry
from risk.workers import (
    crosscheck,
    heartbeat,  # noqa: F401 - for its receivers of Celery's signals, as the next two
    preview,
    starvation,  # noqa: F401
    stop,  # noqa: F401
    warmup,
)
from risk.workers.analytics_maker import AnalyticsMaker
from risk.workers.book_netter import NET_S, BookNetter
from risk.workers.host_cache import HostCache, give_back_freed
from risk.workers.isolation import price_each_alone
from risk.workers.next_day import NextDay
from risk.workers.session import CRASHES, EXPECTED, NO_SUCH_BOOK, Session

log = get_task_logger(__name__)
CHECK_EVERY_S, CHECK_EXPIRES_S = 30.0, 15.0
"""Least seconds between two checks of a currency, and seconds after which a check that has not
begun is dropped, because it would only delay compilations."""
CHECK_SHARE = 0.05
"""Largest share of the process's time for checks of all currencies."""
MOST_STARTS = 2
"""Number of ordinary runs of a block in a frame, and of runs of sums that end while they net one
block. A third run would end a third process: it must be the isolation run, which writes the id of
each trade to Redis before pricing it."""
DETAIL_S = 0.5
"""Seconds after which a task of the detail begins no further block."""
REDIS_S = 0.75
"""Timeout of Redis. Two of them must fit within the time limit of a task: otherwise Celery would
kill the process during an outage of Redis."""
SLOW_PAUSE_S = 600
"""Seconds for which work that took longer than its time limit is not tried again: edits would wait
for the compiler's process."""
AGAIN = ("EARLY", "MORE", "SLOW", "AWAY")
"""What becomes of work beside the compiler that another task is to go on with."""
_slow_until: dict[str, float] = {}
_check_at: dict[str, float] = {}
_checked: set[str] = set()

DEATHS = (WorkerLostError, TimeLimitExceeded)
"""Errors by which Celery reports that a run ended with its process, or exceeded its time limit."""


@cache
def _frames() -> Frames:
    return Frames(connect(settings.REDIS_URL, timeout_s=REDIS_S))


@cache
def _run_registry() -> RunRegistry:
    return RunRegistry(_frames().client)


@cache
def _books() -> CompiledBooks:
    return CompiledBooks(connect(settings.REDIS_URL, timeout_s=10.0))


@cache
def _analytics_maker() -> AnalyticsMaker:
    return AnalyticsMaker(_frames(), _books(), _options(), files=_host_cache())


@cache
def _explain_maker() -> ExplainMaker:
    frames = Frames(_books().client)  # nobody waits for it: a slow Redis is waited for
    closes = FrameCloses(
        frames,
        price_detail=_detail_of_close,
        most_trades=settings.CLOSE_DETAIL_TRADES,
        within=FramesWithin(
            lambda frame: values_of(frame, held_head(frames, frame)),
            every_s=settings.KEEP_FRAMES_EVERY_S,
            days=settings.KEEP_FRAMES_DAYS,
        ),
    )
    return ExplainMaker(frames, _books(), _options(), master.considerations, closes)


def _detail_of_close(close: Rollup) -> list[PartColumns]:
    """Price a close by trade: its detail may not have been made, or is gone."""
    session = Session(_books(), _options(), _host_cache())
    job = {name: getattr(close, name) for name in FrameInputs.__struct_fields__}
    blocks = [block for block in range(close.blocks) if block not in close.missing]
    return [session.price(PriceJob(**job, block=block))[1] for block in blocks]


@cache
def _trade_explainer() -> ExplainMaker:
    """The previewer's: it reads closes in Redis, and what was paid in the published explain."""
    return ExplainMaker(_frames(), CompiledBooks(_frames().client), _options())


@cache
def _session() -> Session:
    books = CompiledBooks(_frames().client)
    return Session(books, _options(), _host_cache(), settings.CURVE_LIMITS)


def _host_cache() -> HostCache | None:
    most = settings.BLOCK_CACHE_MB * 1_000_000
    return HostCache(settings.BLOCK_CACHE_DIR, most) if most else None


@cache
def _netter() -> BookNetter:
    return BookNetter(_session())


@cache
def _next_day() -> NextDay:
    return NextDay(_session())


def shared_session() -> Session:
    """The session of this process, for tasks of other modules."""
    return _session()


def make_netter() -> BookNetter:
    """A netter of its own for work beside the sums."""
    return BookNetter(_session())


@cache
def _compiler() -> Compiler:
    return Compiler(_books(), _frames(), _options(), settings.PRICING_PROCESSES)


def _options() -> CurveOptions:
    return CurveOptions(
        indexed=settings.IBOR_COUPONS == "indexed", interpolation=settings.CURVE_INTERPOLATION
    )


@worker_init.connect
def _warm(**_: Any) -> None:
    """Compile the kernel before the pool forks, so that no frame waits for it."""
    begun_s = time.monotonic()
    warmup.compile_kernel()
    log.info("loops are ready after %.1f s", time.monotonic() - begun_s)


@worker_process_init.connect
def _settle(**_: Any) -> None:
    """Exclude imported objects from garbage collection, as they never become garbage."""
    gc.collect()
    gc.freeze()


@shared_task(name="risk.workers.tasks.price_sums", max_retries=1, default_retry_delay=0)
def price_sums(payload: dict[str, Any]) -> str:
    """Add up one part of a frame. Returns what became of it, for logs and tests."""
    job = msgspec.convert(payload, SumsJob)
    run = _run_registry().start_sums(job)
    if run is None:
        return "LATE"
    if run.header is None:
        return "UNKNOWN"
    begun, _, netting = run.runs
    if begun > MOST_STARTS and netting is not None and netting not in job.excluded:
        return "TRIED"
    with _no_fault_of_a_trade(lambda registry: registry.refused(job)):
        code = _price_sums(job, run.header, run.published)
    if code in ("PUT", "PUBLISHED"):
        _look_ahead(job, lambda: _settle_sums(job))
    return code


def _settle_sums(job: SumsJob) -> None:
    netter = _netter()
    _next_day().ask_for_sums(job, netter.missing_next_day(job))
    netter.tidy(job)


@shared_task(name="risk.workers.tasks.price_detail", max_retries=1, default_retry_delay=0)
def price_detail(payload: dict[str, Any]) -> str:
    """Price some blocks of a frame by trade. Returns what became of the last one.

    Blocks that are priced for the first time take longer. What does not fit into ``DETAIL_S`` goes
    back to the queue, so that no task comes near its time limit.
    """
    job = msgspec.convert(payload, DetailJob)
    code, settled, until = "LATE", list[int](), time.monotonic() + DETAIL_S
    session, fresh, begun = _session(), False, _run_registry().start_block(job, job.work[0])
    for place, block in enumerate(job.work, start=1):
        if not begun:
            return "LATE"
        left, result = job.work[place:], None
        if begun > MOST_STARTS:
            code = "TRIED"
        else:
            with _no_fault_of_a_trade(lambda registry: registry.refused(job)):
                code, result = _price_block(job, block, left, until)
        if code in ("PUT", "PUBLISHED"):
            settled += [block] if session.is_settled else []
            fresh |= not session.is_settled
        if not left or code in ("LATE", "UNKNOWN"):
            break
        if result is not None and result.begun:
            begun = result.begun
            continue
        if time.monotonic() > until:
            rest = msgspec.structs.replace(job, work=left)
            with suppress(OperationalError):  # else this task goes on with them
                price_detail.apply_async(args=[msgspec.to_builtins(rest)])
                break
        begun = _run_registry().start_block(job, left[0])
    if fresh:
        give_back_freed()  # what bringing a block to its date needed
    if settled:
        of_them = msgspec.structs.replace(job, work=settled)
        _look_ahead(job, lambda: _next_day().ask_for_detail(of_them))
    return code


@shared_task(name="risk.workers.tasks.price_block_carefully", max_retries=0)
def price_block_carefully(payload: dict[str, Any]) -> str:
    """Price each trade of a block alone: returns PASSED, or BUSY when another run is at it.

    Celery does not repeat it after a crash, because the trade is then known.
    """
    job = msgspec.convert(payload, PriceJob)
    registry = _run_registry()
    if not registry.begin(job):
        return "BUSY"
    with _no_fault_of_a_trade(
        lambda registry: registry.forget(job.currency, job.book_version, job.block)
    ):
        try:
            price_each_alone(
                _session(), job, lambda name: registry.at(job, name), thorough=job.thorough
            )
        except EXPECTED as error:
            log.warning("isolation run of %s block %s: %s", job.currency, job.block, error)
        registry.end(job, "PASSED")
    return "PASSED"


@contextmanager
def _no_fault_of_a_trade(take_back: Callable[[RunRegistry], None]) -> Iterator[None]:
    """Undo the record of a run that Redis interrupted, because its process has not crashed.

    Otherwise a Redis at its memory limit would trigger isolation runs.
    """
    try:
        yield
    except RedisError:
        with suppress(RedisError):
            take_back(_run_registry())
        raise


@task_failure.connect
def _note_death(
    sender: Any = None, exception: Any = None, args: Sequence[Any] = (), **_: Any
) -> None:
    """Record crashed runs from the worker's main process, which outlives the pool processes."""
    if not isinstance(exception, DEATHS) or sender is None:
        return
    try:
        if sender.name == price_sums.name:
            _run_registry().run_died(msgspec.convert(args[0], SumsJob))
        elif sender.name == price_detail.name:
            _run_registry().run_died(msgspec.convert(args[0], DetailJob))
        elif sender.name == price_block_carefully.name:
            _run_registry().end(msgspec.convert(args[0], PriceJob), "DIED")
    except RedisError as error:
        log.warning("the end of a run could not be noted: %s", error)


def _look_ahead(job: SumsJob | DetailJob, prepare: Callable[[], None]) -> None:
    """Have the next weekday prepared after a task, so that its first frame does not wait."""
    try:
        prepare()
    except (*EXPECTED, OSError, RedisError) as error:  # the result is out: nothing has failed
        log.info("%s is not prepared for its next day: %s", job.currency, error)


def _price_sums(job: SumsJob, header: FrameHeader, published: int) -> str:
    frames, registry = _frames(), _run_registry()
    try:
        sums = _netter().sums(job, partial(registry.netting, job), NET_S)
    except PricingError as error:
        return _failed(job, error.code, error)
    except NO_SUCH_BOOK as error:
        _ask_to_compile(job.book_version)
        return _failed(job, BOOK_GONE, error)
    except CRASHES as error:
        log.exception("frame %s %s", job.currency, job.frame)
        return _failed(job, "CRASHED", error)
    if sums is None:
        # Other currencies get their turn; this process, or the next, goes on with the blocks.
        price_sums.apply_async(
            args=[msgspec.to_builtins(msgspec.structs.replace(job, continued=True))],
            queue=(price_sums.request.delivery_info or {}).get("routing_key"),
        )
        return "NETTING"
    if job.parts > 1:
        result = frames.put(job.currency, job.frame, sums)
        if result.present < job.parts:
            return result.code
    head, books = _session().head(job.currency, job.book_version), _session().books
    try:
        if job.parts > 1:
            code = publish_parts(frames, header, head, books)
        else:
            code = frames.publish(make_rollup(header, [sums], head, books), before=published)
    except TradesLost as error:
        _ask_to_compile(job.book_version)
        return _failed(job, BOOK_GONE, error)
    if code == "PUBLISHED":
        _sums_published(header, head)
    return code


def _sums_published(header: FrameHeader, head: BookHead) -> None:
    if waits_for_market(head.failures):
        _ask_to_compile(head.version)  # a market exists now, so prices can become spreads
    if not head.is_for(header.valuation_date):
        _ask_to_compile(head.version)  # trades have made their last payment


def _price_block(
    job: DetailJob, block: int, left: Sequence[int], until: float
) -> tuple[str, PutResult | None]:
    """What became of a block, and of its put; None without one.

    With the put the first of the blocks that are left begins, unless the turn is over.
    """
    frames = _frames()
    try:
        totals, columns = _session().price(job.of_block(block))
    except NO_SUCH_BOOK as error:
        _ask_to_compile(job.book_version)
        log.warning("detail of %s %s: %s", job.currency, job.frame, error)
        return BOOK_GONE, None
    except (PricingError, *CRASHES):  # the bridge sends it again, and goes on without it
        log.exception("detail of %s %s block %s", job.currency, job.frame, block)
        return "CRASHED", None
    goes_on = left and time.monotonic() <= until
    then = _run_registry().next_run(job, left[0]) if goes_on else None
    result = frames.put_detail(job.currency, job.frame, totals, columns, then)
    if result.present < job.needed:
        return result.code, result
    rollup = frames.rollup(job.currency, job.frame)
    if rollup is None:
        return "GONE", result
    try:
        code = publish_detail(frames, rollup)
    except SumsDiffer as error:
        log.error("%s", error)
        return "DIFFERS", result
    if code == "PUBLISHED":
        _schedule_analytics(job.currency)
        _schedule_explain(job.currency)
        _schedule_scenarios()
        if _check_is_due(job.currency):
            check_frame.apply_async(args=[job.currency], expires=CHECK_EXPIRES_S)
    return code, result


def _check_is_due(currency: str) -> bool:
    """Now and then, from one of all processes: a check takes a second."""
    now = time.monotonic()
    if now < _check_at.get(currency, 0.0):
        return False
    _check_at[currency] = now + CHECK_EVERY_S
    return _frames().claim_check(currency, CHECK_EVERY_S)


def _follow_up(kind: Literal["analytics", "explain"]) -> FollowUp:
    return FollowUp(_frames().client, kind)


def _schedule_analytics(currency: str, countdown: float = INTERVAL_S) -> None:
    """Have analytics made in a while; a task that waits already will see this frame too."""
    _schedule(make_analytics, _follow_up("analytics"), currency, countdown)


def _schedule_explain(currency: str, countdown: float = INTERVAL_S) -> None:
    """Have the newest frame explained in a while; a task that waits already will see it."""
    _schedule(explain_frame, _follow_up("explain"), currency, countdown)


def _schedule(task: Any, follow_up: FollowUp, currency: str, countdown: float) -> None:
    name = secrets.token_hex(8)
    try:
        if follow_up.claim(currency, name):
            task.apply_async(args=[currency, name], countdown=countdown)
    except (RedisError, OperationalError) as error:  # the frame is published
        log.warning("%s of %s is not sent: %s", task.name, currency, error)
        with suppress(RedisError):
            follow_up.begin(currency, name)  # the next frame sends one


def _schedule_scenarios() -> None:
    """Have the scenarios made of the newest frames, at their own cadence."""
    every_s = settings.SCENARIOS_EVERY_S
    try:
        if ScenarioStore(_frames().client).schedule(every_s):
            current_app.send_task(SCENARIOS_TASK, queue=SCENARIOS_QUEUE, expires=2 * every_s)
    except RedisError as error:  # the frame is published
        log.warning("scenarios are not scheduled: %s", error)


def _failed(job: SumsJob, code: str, error: Exception) -> str:
    """Tell the bridge that no sums will come."""
    log.warning("frame %s %s fails: %s", job.currency, job.frame, error)
    _frames().fail(job.currency, job.frame, code, str(error) or type(error).__name__)
    return code


@cache
def _ask_to_compile(version: str) -> None:
    """Once for a version, from each process."""
    log.info("book %s is to be compiled again", version)
    compile_book.delay()


@shared_task(name="risk.workers.tasks.check_frame", max_retries=0)
def check_frame(currency: str) -> str:
    """Hold a sample of the current frame to plain QuantLib: OK, BREACH or NOTHING."""
    return _beside_compiler(f"check of {currency}", lambda: _check(currency), _books.cache_clear)


def _check(currency: str) -> str:
    started = time.monotonic()
    result = crosscheck.check_frame(_frames(), _books(), _options(), currency)
    _checked.add(currency)
    pause_s = (time.monotonic() - started) * len(_checked) / CHECK_SHARE
    if pause_s > CHECK_EVERY_S:
        _frames().postpone_check(currency, pause_s)
    if result is None:
        return "NOTHING"
    if result.breach:
        log.error("%s differs from QuantLib: %s", currency, result)
    return "BREACH" if result.breach else "OK"


@shared_task(name="risk.workers.tasks.make_analytics", max_retries=0)
def make_analytics(currency: str, name: str = "") -> str:
    """Make the measures of a lower cadence of the current frame, see ``AnalyticsMaker.run``.

    ``name`` is the task's own: it ends with TWICE if it is not the one that waits.
    """
    if not _follow_up("analytics").begin(currency, name):
        return "TWICE"
    work = f"analytics of {currency}"
    code = _beside_compiler(
        work, lambda: _analytics_maker().run(currency), _analytics_maker.cache_clear
    )
    if code in AGAIN:  # the market may be quiet: no frame would ask for the rest
        _schedule_analytics(currency, _countdown_s(code, work, _analytics_maker))
    return code


@shared_task(name="risk.workers.tasks.compile_book", max_retries=1, default_retry_delay=1)
def compile_book() -> dict[str, str]:
    """Compile the database's trades; returns the book version by currency."""
    return {head.currency: head.version for head in _compiler().run()}


@shared_task(name="risk.workers.tasks.explain_frame", max_retries=0)
def explain_frame(currency: str, name: str = "") -> str:
    """Explain the P&L of the current frame, see ``ExplainMaker.run`` and ``make_analytics``."""
    if not _follow_up("explain").begin(currency, name):
        return "TWICE"
    work = f"explain of {currency}"
    code = _beside_compiler(
        work, lambda: _explain_maker().run(currency), _explain_maker.cache_clear
    )
    if code in AGAIN:
        _schedule_explain(currency, _countdown_s(code, work, _explain_maker))
    return code


def _countdown_s(
    code: str, work: str, maker: Callable[[], AnalyticsMaker] | Callable[[], ExplainMaker]
) -> float:
    """Seconds until the next task goes on with work that ended with this code."""
    if code == "EARLY":
        return countdown_s(maker().time.wait_s())
    if code == "SLOW":
        return countdown_s(_slow_until.get(work, 0.0) - time.monotonic())
    return INTERVAL_S


def _beside_compiler(work: str, run: Callable[[], str], forget: Callable[[], None]) -> str:
    """Run work that shares the compiler's process, which must not be lost for it.

    Args:
        work: What it is, in words.
        run: Does it; returns what became of it.
        forget: Discards what the work may have left half done.

    Returns:
        What ``run`` has returned; FAILED, AWAY when Redis does not answer, or SLOW when it takes
        longer than its time limit. It is then not tried again for a while.
    """
    if time.monotonic() < _slow_until.get(work, 0.0):
        return "SLOW"
    try:
        with _soft_limit():
            return run()
    except EXPECTED as error:
        log.warning("%s: %s", work, error)
        return "FAILED"
    except RedisError as error:
        log.warning("%s: %s", work, error)
        return "AWAY"
    except SoftTimeLimitExceeded:
        log.error(
            "%s takes longer than its time limit; it is tried again in %d s", work, SLOW_PAUSE_S
        )
        _slow_until[work] = time.monotonic() + SLOW_PAUSE_S
        forget()
        return "SLOW"


@contextmanager
def _soft_limit() -> Iterator[None]:
    """Let the signal of the soft time limit end the work within, and nothing else.

    It may come late, when the worker has waited for Redis: outside of a task it would end the
    process, or cut the answer that is being sent.
    """

    def give_up(*_: object) -> None:
        raise SoftTimeLimitExceeded

    signal.signal(signal.SIGUSR1, give_up)
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)


@shared_task(name="risk.workers.tasks.preview_trade", max_retries=0)
def preview_trade(payload: dict[str, Any]) -> str:
    """Price a trade that is not saved, and store the answer where the caller waits for it."""
    question = msgspec.convert(payload, PreviewQuestion)
    return answer_with(
        question.answer_key, lambda: preview.price_preview(question, _books(), _options())
    )


@shared_task(name="risk.workers.tasks.price_trade", max_retries=0)
def price_trade(payload: dict[str, Any]) -> str:
    """Price one trade of a compiled book, and put the answer where its asker waits."""
    question = msgspec.convert(payload, TradeQuestion)
    return answer_with(question.answer_key, lambda: preview.price_trade(question, _session()))


@shared_task(name="risk.workers.tasks.explain_trade", max_retries=0)
def explain_trade(payload: dict[str, Any]) -> str:
    """Explain the P&L of one trade, and put the answer where its asker waits."""
    question = msgspec.convert(payload, ExplainQuestion)
    return answer_with(
        question.answer_key,
        lambda: explain_one(
            _trade_explainer(), question.currency, question.trade_id, question.period
        ),
    )


@shared_task(name="risk.workers.tasks.explain_trades", max_retries=0)
def explain_trades(payload: dict[str, Any]) -> str:
    """Explain the P&L of a group's trades, and put the answer where its asker waits."""
    question = msgspec.convert(payload, GroupExplainQuestion)
    return answer_with(question.answer_key, lambda: explain_group(_trade_explainer(), question))


@shared_task(name="risk.workers.tasks.contract_flows", max_retries=0)
def contract_flows(payload: dict[str, Any]) -> str:
    """List the cash flows of a contract, and put the answer where its asker waits."""
    question = msgspec.convert(payload, ContractQuestion)
    return answer_with(question.answer_key, lambda: preview.contract_flows(question))


def answer_with(key: str, make: Callable[[], dict[str, Any]]) -> str:
    """Make an answer and put it where its asker waits; returns ANSWERED or FAILED."""
    try:
        answer = make()
    except EXPECTED as error:
        log.exception("preview %s", key)
        answer = {"failure": {"code": "CRASHED", "message": str(error) or type(error).__name__}}
    put_answer(_frames().client, key, answer)
    return "FAILED" if "failure" in answer else "ANSWERED"
