"""Stored days of March 2020 and March 2023 replayed: every breach once, none missed.

The frames are made by the real pricing code from the US Treasury's published curve. What they lead
to is recomputed in plain loops over the published sums, which share nothing with the evaluator.
"""

from __future__ import annotations

import datetime as dt
import statistics
import time
from decimal import Decimal
from typing import Any

import pytest

from feedbridge.replay.history.daily import stored
from instruments.models import Desk, Limit
from risk.limits.evaluator import Evaluator
from risk.models import LimitBreach, LimitEvent, LimitGap
from risk.store.compiled_book_store import CompiledBooks
from risk.store.frames import Frames
from risk.store.result_log import ResultLog
from risk.store.results import Rollup
from tests.risk.made import as_of, bond, store, swap
from tests.risk.published import publish

pytestmark = pytest.mark.django_db
MONTHS = {
    "2020-03": (dt.date(2020, 3, 2), dt.date(2020, 3, 31)),
    "2023-03": (dt.date(2023, 3, 1), dt.date(2023, 3, 31)),
}
SCALE = Decimal("0.0001")


def replayed(redis_client: Any, month: str) -> list[Rollup]:
    """The frames of a month, a frame a day."""
    books, frames = CompiledBooks(redis_client), Frames(redis_client)
    start = MONTHS[month][0]
    terms = [
        swap(
            "S1",
            effective_date=start + dt.timedelta(days=40),
            termination_date=start + dt.timedelta(days=3650),
            notional=9e6,
        ),
        swap(
            "S2",
            pay_receive="pay",
            effective_date=start + dt.timedelta(days=40),
            termination_date=start + dt.timedelta(days=1830),
            notional=2e7,
        ),
        bond(
            "P1",
            issue_date=dt.date(2019, 11, 15),
            maturity_date=dt.date(2029, 11, 15),
            coupon_rate=0.0175,
            face_amount=8e6,
        ),
    ]
    made = store(books, *terms)
    found = []
    for number, day in enumerate(stored().days("USD", *MONTHS[month]), start=1):
        publish(
            redis_client,
            books,
            made,
            number,
            detail=False,
            curves=day.curves,
            labels=day.labels,
            valuation_date=day.date,
            as_of=as_of(day.date),
        )
        rollup = frames.rollup("USD", number)
        assert rollup is not None
        assert rollup.priced == 3, rollup.failures
        found.append(rollup)
    return found


def number_of(rollup: Rollup, measure: str, desk: str, tenor: str) -> float:
    """One number of a frame, cell by cell and bucket by bucket."""
    if measure in ("npv", "dv01_par"):
        return sum(getattr(cell, measure) for cell in rollup.cells if desk in ("", cell.desk))
    total = 0.0
    for place, (curve, key) in enumerate(rollup.keys):
        amount = 0.0
        for cell in rollup.cells:
            if desk in ("", cell.desk):
                amount += cell.ladder_par[place]
        if measure == "ladder_par_gross":
            total += abs(amount)
        elif curve == "USD-SOFR" and tenor in ("", key):
            total += amount
    return total


CASES = [
    (measure, desk, tenor, direction)
    for measure, tenor in (
        *(("npv", ""), ("dv01_par", ""), ("ladder_par", "10Y"), ("ladder_par", "")),
        ("ladder_par_gross", ""),
    )
    for desk in ("", "RATES", "GOVIES")
    for direction in ("upper", "lower", "absolute")
]


def wanted_breaches(
    numbers: list[float], hard: float, direction: str, hysteresis: float
) -> list[tuple[int, int | None]]:
    """First frame of each breach and the frame that ended it, from the definition."""
    found, begin = [], None
    for frame, value in enumerate(numbers, start=1):
        beyond = {
            "upper": value - hard,
            "lower": hard - value,
            "absolute": abs(value) - hard,
        }[direction]
        if begin is None and beyond > 0:
            begin = frame
        elif begin is not None and beyond <= -hysteresis:
            found.append((begin, frame))
            begin = None
    if begin is not None:
        found.append((begin, None))
    return found


@pytest.mark.parametrize("month", sorted(MONTHS))
def test_a_replayed_month_names_each_breach_once_and_misses_none(redis_client, month):
    rollups = replayed(redis_client, month)
    assert len(rollups) > 20
    desks = {code: Desk.objects.create(code=code, name=code) for code in ("RATES", "GOVIES")}
    wanted: set[tuple[str, int, int | None]] = set()
    for place, (measure, desk, tenor, direction) in enumerate(CASES):
        numbers = [number_of(rollup, measure, desk, tenor) for rollup in rollups]
        sizes = [abs(x) for x in numbers] if direction == "absolute" else numbers
        hard = Decimal(statistics.median(sizes)).quantize(SCALE)
        if direction == "absolute" and hard <= 0:
            continue  # a scope without such a ladder
        spread = max(sizes) - min(sizes)
        hysteresis = Decimal(spread / 20 if place % 2 else 0.0).quantize(SCALE)
        code = f"L{place}"
        row = Limit(
            code=code,
            name=code,
            desk=desks.get(desk),
            measure=measure,
            curve="USD-SOFR" if measure == "ladder_par" else "",
            tenor=tenor,
            direction=direction,
            hard_limit=hard,
            hysteresis=hysteresis,
        )
        row.full_clean()
        row.save()
        wanted |= {
            (code, *breach)
            for breach in wanted_breaches(numbers, float(hard), direction, float(hysteresis))
        }
    Limit.objects.update(created=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    while Evaluator(ResultLog(redis_client), lambda: ["USD"]).step(block_ms=None, count=5):
        pass  # a new evaluator for each few frames, as if each had been killed
    found = [
        (row.limit.code, row.frame, row.end_frame)
        for row in LimitBreach.objects.select_related("limit")
    ]
    assert len(found) == len(set(found))
    assert set(found) == wanted
    assert len(wanted) > 40
    assert LimitEvent.objects.filter(state="breach").count() == len(wanted)
    assert not LimitGap.objects.exists()
    dates = {rollup.frame: rollup.valuation_date for rollup in rollups}
    for row in LimitBreach.objects.all():
        assert row.valuation_date == dates[row.frame]
        assert row.began < dt.datetime.fromtimestamp(time.time(), tz=dt.UTC)
