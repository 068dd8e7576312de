"""``python -m tests.faults.shifted -A app worker ...``: Celery on a clock that is wrong.

Stands in for libfaketime: every clock that Python code of this process reads by ``time.time``
or ``time.time_ns`` is FAULT_CLOCK_SHIFT_S off, kombu's and Celery's own too. ``datetime.now``
and what C code reads are not.
"""

from __future__ import annotations

import os
import time

SHIFT_S = float(os.environ["FAULT_CLOCK_SHIFT_S"])
_time, _time_ns = time.time, time.time_ns


def _shifted() -> float:
    return _time() + SHIFT_S


def _shifted_ns() -> int:
    return _time_ns() + int(SHIFT_S * 1e9)


time.time, time.time_ns = _shifted, _shifted_ns

if __name__ == "__main__":
    from celery.__main__ import main

    main()
