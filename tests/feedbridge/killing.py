"""The project's Celery app for a worker in which one trade ends its process.

It is the trade with flows beyond MARKED; each time that it is priced, a line goes to the file
KILLING_LOG first. KILLING_WAY: ``kernel`` and ``roll`` are where it dies, ``hang`` is where it
does not come back from. The product knows nothing of this.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np

from pricing import kernel
from risk.workers import book_netter, isolation, session
from riskproject.celery import app

__all__ = ["app"]

MARKED = 1e10
WAY, LOG = os.environ["KILLING_WAY"], Path(os.environ["KILLING_LOG"])
_kernel, _roll = kernel.value_and_gradients, session.roll_to


def _end() -> None:
    with LOG.open("a") as log:
        log.write(f"{os.getpid()}\n")
    if WAY == "hang":
        time.sleep(60)
    os.kill(os.getpid(), signal.SIGKILL)


def _kills_in_kernel(flows: Any, *args: Any, **options: Any) -> Any:
    if np.abs(flows.float_alpha).max(initial=0.0) > MARKED:
        _end()
    return _kernel(flows, *args, **options)


def _kills_in_roll(block: Any, *args: Any, **options: Any) -> Any:
    if block.notional.max(initial=0.0) > MARKED:
        _end()
    return _roll(block, *args, **options)


if WAY == "roll":
    for module in (book_netter, isolation, session):
        module.roll_to = _kills_in_roll  # type: ignore[attr-defined]
else:
    kernel.value_and_gradients = _kills_in_kernel  # type: ignore[assignment]
