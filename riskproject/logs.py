"""Format log records as text or JSON, with secrets redacted.

Every process of the project logs through Python's ``logging`` with this one formatter, so that no
library can write a line past the redaction.
"""

from __future__ import annotations

import logging
import logging.config
import sys
from collections.abc import Iterable
from types import TracebackType
from typing import Any

from structlog.contextvars import merge_contextvars
from structlog.processors import JSONRenderer, TimeStamper, format_exc_info
from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_log_level, add_logger_name
from structlog.typing import EventDict, WrappedLogger

from riskproject.redaction import Redaction

FORMATS = ("line", "json")
CONTEXT = ("request_id", "user", "task_id", "currency", "frame", "part", "work", "block")
"""Fields of a log line that name the request or task that it belongs to."""

Settings = dict[str, Any]


def logging_settings(log_format: str, level: str, secrets: Iterable[str]) -> Settings:
    """Django's LOGGING: one handler on stderr, and libraries that would go past it led there."""
    formatter = {"()": "riskproject.logs.formatter", "log_format": log_format}
    led_to_root: Settings = {"handlers": [], "propagate": True}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"with_traceback": {"()": "riskproject.logs.TracebackFilter"}},
        "formatters": {"ours": {**formatter, "secrets": tuple(secrets)}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "ours"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": led_to_root,
            "uvicorn": led_to_root,
            "uvicorn.error": led_to_root,
            # Our own line of a request has its id and time, and leaves the query out.
            "uvicorn.access": {**led_to_root, "level": "WARNING"},
            # Responses without a traceback are in the project's own request log.
            "django.request": {**led_to_root, "filters": ["with_traceback"]},
            # The client tells of every connection and metadata refresh at INFO.
            "kafka": {"level": "WARNING"},
        },
    }


class TracebackFilter(logging.Filter):
    """Passes only records with an exception."""

    def filter(self, record: logging.LogRecord) -> bool:
        return bool(record.exc_info)


def configure(settings: Settings) -> None:
    """Django's LOGGING_CONFIG: what ends a process by surprise goes through the log too."""
    logging.config.dictConfig(settings)
    sys.excepthook = _log_uncaught


def _log_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    logging.getLogger("uncaught").critical(
        "the process ends: %s", kind.__name__, exc_info=(kind, error, trace)
    )


def formatter(log_format: str, secrets: tuple[str, ...]) -> ProcessorFormatter:
    """Return the formatter that all handlers share.

    Args:
        log_format: One of FORMATS.
        secrets: Masked wherever they appear.
    """
    redact = Redaction(secrets)

    def redacted(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
        return {key: _redacted(redact, value) for key, value in event.items()}

    render = JSONRenderer(ensure_ascii=False) if log_format == "json" else _line
    return ProcessorFormatter(
        foreign_pre_chain=[
            add_log_level,
            add_logger_name,
            ExtraAdder(allow=CONTEXT),
            merge_contextvars,
            _task,
            TimeStamper(fmt="iso", utc=True, key="time"),
        ],
        processors=[
            ProcessorFormatter.remove_processors_meta,
            format_exc_info,
            redacted,
            _ordered,
            render,
        ],
    )


def _redacted(redact: Redaction, value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact.bounded(value if isinstance(value, str) else str(value))


def _ordered(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """The fields that every line has first; ``event`` is called ``message`` outside."""
    first = {key: event.pop(key, "") for key in ("time", "level", "logger")}
    return {**first, "message": event.pop("event", ""), **event}


def _line(logger: WrappedLogger, name: str, event: EventDict) -> str:
    """``2026-01-31T12:00:00Z WARNING feedbridge kafka: ... [frame=7]`` and the traceback."""
    trace = event.pop("exception", "")
    words = [str(event.pop(key, "")) for key in ("time", "level", "logger", "message")]
    words[1] = words[1].upper()
    fields = " ".join(f"{key}={value}" for key, value in event.items())
    text = " ".join(words) + (f" [{fields}]" if fields else "")
    return f"{text}\n{trace}" if trace else text


def _task(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """Return the running task and its frame; called only when a line is written."""
    celery = sys.modules.get("celery")
    task = celery.current_task if celery is not None else None
    request = task.request if task else None
    if not request or not request.id:
        return event
    event.setdefault("task_id", request.id)
    payload = request.args[0] if request.args else (request.kwargs or {}).get("payload")
    if isinstance(payload, dict):
        for key in ("currency", "frame", "part", "work", "block"):
            if key in payload:
                event.setdefault(key, payload[key])
    return event
