"""Explains of closes, kept in PostgreSQL when the next date begins."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError

from risk.explain import close_explains
from risk.explain import maker as explain_maker
from risk.explain.close_explains import NOT_STORED, REPLACED, explains_of
from risk.explain.frame_closes import FrameCloses
from risk.explain.maker import ExplainMaker
from risk.models import FrameClose, FrameCloseExplain
from risk.store.frames import key
from tests.risk.explain.days import BOOK, NEXT, npv, publish, total
from tests.risk.made import DATE, store, swap

THIRD = NEXT + dt.timedelta(days=1)
pytestmark = pytest.mark.django_db


@pytest.fixture
def keeping(maker: ExplainMaker, frames: Any) -> ExplainMaker:
    """A process that keeps closes durably."""
    made = ExplainMaker(
        frames, maker.books, maker.options, lambda changes, since, until: {}, FrameCloses(frames)
    )
    made.time = maker.time
    return made


def three_days(frames: Any, keeping: ExplainMaker, version: str) -> tuple[Any, Any]:
    """Two frames on each of two dates and one on the third; the closes of the first two."""
    publish(frames, version, 1)
    first = publish(frames, version, 2, 1.0)
    assert keeping.run("USD") == "MADE"
    publish(frames, version, 3, 4.0, NEXT)
    assert keeping.run("USD") == "MADE"
    second = publish(frames, version, 4, 6.0, NEXT)  # not explained while it was current
    publish(frames, version, 5, 7.0, THIRD)
    assert keeping.run("USD") == "MADE"
    return first, second


def test_a_close_is_explained_since_the_close_before_it(frames, books, keeping):
    first, second = three_days(frames, keeping, store(books, *BOOK).version)
    rows = list(FrameClose.objects.order_by("date"))
    assert [row.date for row in rows] == [DATE, NEXT]
    opening, found = explains_of(rows)
    assert "no close of an earlier date" in opening.reasons["close"]
    period = found.periods["close"]
    assert (found.frame, period.start_frame, period.start_date) == (4, 2, DATE)
    assert total(period, "total") == pytest.approx(npv(second) - npv(first), abs=1e-6)
    assert period.shift_bp == pytest.approx([5.0] * 5)
    assert keeping.closes.fresh == []


def test_it_costs_no_netting_when_the_process_has_seen_the_day(
    frames,
    books,
    keeping,
    monkeypatch,
):
    """The period of the live explain is the same but for the quotes of its end."""
    version = store(books, *BOOK).version
    publish(frames, version, 1)
    keeping.run("USD")
    publish(frames, version, 2, 4.0, NEXT)
    keeping.run("USD")
    publish(frames, version, 3, 5.0, THIRD)
    netted: list[Any] = []
    real = explain_maker.net_period
    monkeypatch.setattr(
        explain_maker, "net_period", lambda *args: netted.append(args) or real(*args)
    )
    keeping.run("USD")
    assert FrameCloseExplain.objects.count() == 2
    assert len(netted) == 1  # of the new period alone


def test_a_busy_process_explains_it_in_several_runs(
    frames,
    books,
    keeping,
    monkeypatch,
):
    version = store(books, *BOOK, blocks=4).version
    publish(frames, version, 1, blocks=4)
    publish(frames, version, 2, 4.0, NEXT, blocks=4)
    publish(frames, version, 3, 5.0, THIRD, blocks=4)
    monkeypatch.setattr(explain_maker, "NET_S", -1.0)
    said = [keeping.run("USD") for _ in range(9)]
    assert said[:3] == ["MORE"] * 3
    assert "MADE" in said
    found = explains_of(FrameClose.objects.filter(date=NEXT))[0]
    assert "close" in found.periods


def test_a_database_that_is_down_loses_no_explain(
    frames,
    books,
    keeping,
    monkeypatch,
):
    version = store(books, *BOOK).version
    publish(frames, version, 1)
    keeping.run("USD")
    publish(frames, version, 2, 4.0, NEXT)
    keeping.run("USD")
    publish(frames, version, 3, 5.0, THIRD)

    def down(*args: Any) -> None:
        raise DatabaseError("down")

    real = close_explains.keep_explain
    monkeypatch.setattr(close_explains, "keep_explain", down)
    assert keeping.run("USD") == "MADE"
    assert not FrameCloseExplain.objects.filter(close__date=NEXT).exists()
    monkeypatch.setattr(close_explains, "keep_explain", real)
    publish(frames, version, 4, 6.0, THIRD)
    assert keeping.run("USD") == "MADE"
    (found,) = explains_of(FrameClose.objects.filter(date=NEXT))
    assert found.periods["close"].start_frame == 1


def test_a_process_that_was_not_there_says_why_there_is_none(
    frames,
    books,
    keeping,
):
    """Redis has lost the closes meanwhile; the database has them, and not their books."""
    three_days(frames, keeping, store(books, *BOOK).version)
    FrameCloseExplain.objects.all().delete()
    rows = list(FrameClose.objects.order_by("date"))
    assert [one.reasons["close"] for one in explains_of(rows)] == [NOT_STORED] * 2
    again = FrameCloses(frames)
    frames.client.hdel(key("USD", "closes"), DATE.isoformat())
    assert again.start_of(frames.closes("USD")[NEXT]).frame == 2


def test_another_close_of_the_date_replaces_the_explain(frames, books, keeping):
    """A row that was replaced never shows the explain of the frame before it."""
    three_days(frames, keeping, store(books, *BOOK).version)
    row = FrameClose.objects.get(date=NEXT)
    FrameClose.objects.filter(pk=row.pk).update(frame=99)
    (found,) = explains_of([FrameClose.objects.get(pk=row.pk)])
    assert found.reasons["close"] == NOT_STORED


def test_the_command_says_which_closes_it_cannot_explain(
    frames,
    books,
    keeping,
    settings,
    redis_url,
):
    """Their rows are not in the security master here, so that they cannot be priced again."""
    three_days(frames, keeping, store(books, swap("S1")).version)
    FrameCloseExplain.objects.all().delete()
    out, err = io.StringIO(), io.StringIO()
    call_command("closes", "--explain", stdout=out, stderr=err)
    assert "0 of 2 closes without an explain are explained now" in out.getvalue()
    assert f"USD {DATE} is not explained: " in err.getvalue()
    rows = FrameClose.objects.order_by("date")
    reasons = [one.reasons["close"] for one in explains_of(list(rows))]
    assert NOT_STORED not in reasons
    assert "no close" in reasons[0]
    assert "the close of 2024-03-06 does not come out as it was published" in reasons[1]
    assert "B1" not in reasons[1]  # who may see one desk reads it too


def test_a_chain_that_is_broken_says_so(frames, books, keeping):
    """A market that goes back in time closes a day again, with another frame."""
    three_days(frames, keeping, store(books, *BOOK).version)
    FrameClose.objects.filter(date=DATE).update(frame=77)
    (found,) = explains_of(FrameClose.objects.filter(date=NEXT))
    assert found.reasons["close"] == REPLACED


def test_a_close_of_another_release_stops_no_other(frames, books, keeping):
    three_days(frames, keeping, store(books, swap("S1")).version)
    FrameCloseExplain.objects.all().delete()
    FrameClose.objects.filter(date=DATE).update(sums=b"another release")
    out, err = io.StringIO(), io.StringIO()
    call_command("closes", "--explain", stdout=out, stderr=err)
    assert "0 of 2 closes" in out.getvalue()
    assert "another release stored this close" in err.getvalue()
    assert f"USD {NEXT} is not explained" in err.getvalue()


def test_what_is_paid_after_a_close_is_not_in_its_explain(frames, books, keeping):
    """The live explain takes the rows as they are, a close as they were when it was published."""
    asked: list[Any] = []

    def considerations(changes: Any, since: Any, until: Any) -> dict[str, float]:
        asked.append(until)
        return {"S9": 100.0}

    publish(frames, store(books, *BOOK).version, 1)
    keeping.run("USD")
    keeping.considerations = considerations
    close = publish(frames, store(books, *BOOK, swap("S9"), number=2).version, 2, 1.0, NEXT)
    keeping.run("USD")
    publish(frames, close.book_version, 3, 2.0, THIRD)
    keeping.run("USD")
    published = dt.datetime.fromtimestamp(close.published_ns / 1e9, dt.UTC)
    assert asked == [None, published]
