"""A small book and its frames on two dates, for tests of the explain."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec

from risk.store.explains import ExplainedPeriod, ExplainStore
from risk.store.frames import Frames
from risk.workers import tasks
from tests.risk.made import DATE, QUOTES, as_of, bond, header, sums_job, swap

NEXT = dt.date(2024, 3, 6)
BOOK = (
    swap("S1"),
    swap("S2", pay_receive="pay", fixed_rate=0.05, notional=3e6),
    bond("B1"),
    bond("B2", face_amount=-2e6, maturity_date=dt.date(2050, 11, 15)),
)


def moved(bp: float) -> dict[str, dict[str, float]]:
    return {
        curve: {tenor: rate + bp * 1e-4 for tenor, rate in quotes.items()}
        for curve, quotes in QUOTES["USD"].items()
    }


def publish(
    frames: Frames,
    version: str,
    frame: int,
    bp: float = 0.0,
    date: dt.date = DATE,
    blocks: int = 1,
    **more: Any,
) -> Any:
    """Publish the sums of a frame as workers do."""
    changes: dict[str, Any] = {
        "valuation_date": date,
        "curves": moved(bp),
        "book_version": version,
        "blocks": blocks,
    }
    frames.open(header(frame, as_of=as_of(date), **{**changes, "parts": 1, **more}))
    assert tasks.price_sums(msgspec.to_builtins(sums_job(version, frame, **changes))) == "PUBLISHED"
    return frames.current("USD")


def explained(frames: Frames, name: str = "close") -> ExplainedPeriod:
    found = ExplainStore(frames.client).of("USD")
    assert found is not None
    assert name in found.periods, found.reasons
    return found.periods[name]


def total(period: ExplainedPeriod, term: str) -> float:
    return sum(group.terms[term] or 0.0 for group in period.groups)


def npv(rollup: Any) -> float:
    return sum(cell.npv for cell in rollup.cells)
