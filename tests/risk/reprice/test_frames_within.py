"""Frames within days are in a partition for each day, which is dropped when it is old."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import pytest
from django.core.management import call_command
from django.db import ProgrammingError, connection

from risk.explain.frames_within import FramesWithin, drop_before, partitions
from risk.models import FrameWithin
from tests.risk.limits_made import frame as made_rollup

pytestmark = pytest.mark.django_db

TODAY = dt.datetime.now(dt.UTC).date()
DAY = dt.timedelta(days=1)


@pytest.fixture(autouse=True)
def _no_partitions(db: None) -> None:
    """Tests that commit may have left the partition of today; this one takes it back at its end."""
    with connection.cursor() as cursor:
        for name in partitions():
            cursor.execute(f"DROP TABLE {name}")


def values(frame: Any) -> dict[str, Any]:
    return {
        "as_of": frame.as_of,
        "book_version": frame.book_version,
        "curve_version": frame.curve_version,
        "source": frame.source,
        "quotes": {},
        "labels": {},
        "fx": {},
        "sums": b"x" * 100,
        "sha256": "0" * 64,
    }


def name_of(day: dt.date) -> str:
    return f"risk_framewithin_{day:%Y%m%d}"


def old_partition(days: int) -> dt.date:
    """A partition of so many days ago with a row, as the owner of the tables makes it."""
    day = TODAY - days * DAY
    with connection.cursor() as cursor:
        cursor.execute("SELECT risk_framewithin_partition(%s)", [day])
    FrameWithin.objects.create(
        day=day, market="live", currency="USD", frame=1, date=day, **values(made_rollup(1))
    )
    return day


def test_the_first_frame_of_a_day_opens_its_partition_and_drops_old_ones() -> None:
    kept, dropped = old_partition(30), old_partition(31)
    within = FramesWithin(values, every_s=1e-9, days=30)
    within.offer(made_rollup(7))
    assert name_of(dropped) not in partitions()
    assert partitions() == [name_of(kept), name_of(TODAY)]
    within.offer(made_rollup(8))
    rows = FrameWithin.objects.order_by("frame").values_list("day", "frame")
    assert list(rows) == [(kept, 1), (TODAY, 7), (TODAY, 8)]


def test_a_frame_is_kept_once_and_after_a_restart_too() -> None:
    for _ in range(2):
        within = FramesWithin(values, every_s=1e-9, days=30)
        within.offer(made_rollup(7))
        within.offer(made_rollup(7))
    assert FrameWithin.objects.count() == 1


def test_a_new_day_has_a_partition_of_its_own() -> None:
    days = iter([TODAY - DAY, TODAY, TODAY])
    within = FramesWithin(values, every_s=1e-9, days=30, today=lambda: next(days))
    for number in (1, 2, 3):
        within.offer(made_rollup(number))
    assert partitions() == [name_of(TODAY - DAY), name_of(TODAY)]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT frame FROM {name_of(TODAY)} ORDER BY 1")
        assert cursor.fetchall() == [(2,), (3,)]


def test_the_command_drops_them_when_asked_for() -> None:
    old_partition(12)
    out = io.StringIO()
    call_command("closes", "--prune", "--dry-run", "--within-days", "11", stdout=out)
    assert "frames within days: 1 days before" in out.getvalue()
    assert len(partitions()) == 1
    call_command("closes", "--prune", "--within-days", "11", stdout=io.StringIO())
    assert partitions() == []


def test_today_is_never_dropped() -> None:
    with pytest.raises(ProgrammingError, match="those of today stay"):
        drop_before(TODAY + DAY)
