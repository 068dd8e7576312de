"""Report whether the caller of the current request has disconnected."""

from __future__ import annotations

import threading
from contextvars import ContextVar

_gone: ContextVar[threading.Event | None] = ContextVar("caller_gone", default=None)


def watch_caller() -> threading.Event:
    """Return the event to set when the caller of this request disconnects.

    Threads that answer the request see it too, as Django copies the context into them.
    """
    event = threading.Event()
    _gone.set(event)
    return event


def caller_is_gone() -> bool:
    """Return whether the caller has disconnected; False outside of a request."""
    event = _gone.get()
    return event is not None and event.is_set()
