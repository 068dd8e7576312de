"""Published results for the tests of limits, with numbers that can be added up by hand."""

from __future__ import annotations

import time
from typing import Any

from risk.store.frames import Frames
from risk.store.results import Rollup, roll_up
from tests.risk.made import cell, header, part

DESKS = {"B1": "RATES", "B2": "GOVIES"}
FX = {"USD": 1.0, "EUR": 1.1}


def frame(number: int, dv01: float = 0.5, *, failed: int = 0, **changes: Any) -> Rollup:
    """A frame whose book B1 has a DV01, and B2 none."""
    published_ns = changes.pop("published_ns", None) or time.time_ns()
    head = header(number, blocks=1, parts=1, fx=FX, **changes)
    cells = (
        cell("B1", dv01_par=dv01, failed=failed, npv=100.0 * dv01, ladder_par=[0.0, dv01]),
        cell("B2", "bond", dv01_par=0.0, npv=0.0, ladder_par=[0.0, 0.0]),
    )
    return roll_up(
        head,
        [part(0, *cells)],
        desk_of_book=DESKS,
        trades=4,
        not_compiled=[],
        published_ns=published_ns,
    )


def publish(frames: Frames, rollup: Rollup) -> None:
    """Publish a frame."""
    opened = header(rollup.frame, blocks=1, parts=1, currency=rollup.currency, as_of=rollup.as_of)
    assert frames.open(opened)
    assert frames.publish(rollup) == "PUBLISHED"
