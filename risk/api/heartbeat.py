"""Write the heartbeat of the web process."""

from __future__ import annotations

import atexit
from contextlib import ExitStack

from django.conf import settings

from risk.store.frames import connect
from risk.store.heartbeats import speaking


def start() -> None:
    """Write the heartbeat of this web process to Redis until the process ends."""
    stack = ExitStack()
    stack.enter_context(speaking(connect(settings.REDIS_URL), "web"))
    atexit.register(stack.close)
