"""The plan of a replay: order, numbering, timing, and what is refused."""

from __future__ import annotations

import datetime as dt
import itertools
from collections import defaultdict
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedbridge.replay import ticks as replay
from feedbridge.replay.history.daily import CurveHistory, stored
from feedbridge.replay.ticks import ReplayPlan, market_times, ticks
from pricing.curves.quotes import check_quotes
from pricing.errors import BadInput
from risk.store.messages import MarketTick

PlanOf = Callable[..., ReplayPlan]


def test_every_tick_is_one_that_the_bridge_accepts(history: CurveHistory, plan_of: PlanOf):
    for due in ticks(history, plan_of()):
        wire = msgspec.json.encode(due.tick)
        tick = msgspec.json.decode(wire, type=MarketTick)
        assert tick == due.tick
        check_quotes(tick.currency, tick.curves)
        assert tick.labels.keys() == tick.curves.keys()


def test_seq_rises_by_one_per_currency_and_the_source_stays(history: CurveHistory, plan_of: PlanOf):
    seqs: dict[str, list[int]] = defaultdict(list)
    stream = itertools.islice(ticks(history, plan_of(loop=True)), 150)  # past the end: 48 a loop
    for due in stream:
        seqs[due.tick.currency].append(due.tick.seq)
        assert (due.tick.source, due.tick.epoch) == ("replay-test", 7)
    assert seqs == {currency: list(range(1, 51)) for currency in ("USD", "EUR", "GBP")}


def test_the_last_tick_of_a_day_is_its_close_at_17_utc(history: CurveHistory, plan_of: PlanOf):
    plan = plan_of(currencies=("EUR",))
    for due in list(ticks(history, plan))[3::4]:
        close = history.day("EUR", due.tick.as_of.date())
        assert due.tick.curves == close.curves
        assert due.tick.as_of.time() == dt.time(17)


def test_the_first_day_starts_from_the_close_before_the_range(
    history: CurveHistory, plan_of: PlanOf
):
    before = history.day("USD", dt.date(2023, 12, 29)).curves["USD-GOVT"]["10Y"]
    close = history.day("USD", dt.date(2024, 1, 2)).curves["USD-GOVT"]["10Y"]
    plan = plan_of(currencies=("USD",), ticks_per_day=1000, limit=1)
    (first,) = ticks(history, plan)
    rate = first.tick.curves["USD-GOVT"]["10Y"]
    assert abs(rate - before) < abs(close - before) / 2


def test_currencies_share_the_interval_evenly(history: CurveHistory, plan_of: PlanOf):
    due = [d.due_s for d in itertools.islice(ticks(history, plan_of(interval_s=0.3)), 6)]
    assert due == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5])


def test_as_fast_as_possible_means_due_at_once(history: CurveHistory, plan_of: PlanOf):
    assert {d.due_s for d in ticks(history, plan_of(interval_s=0.0))} == {0.0}


def test_a_replay_twice_is_the_same_replay(history: CurveHistory, plan_of: PlanOf):
    assert list(ticks(history, plan_of())) == list(ticks(history, plan_of()))


def test_a_day_has_the_same_ticks_in_any_range(history: CurveHistory, plan_of: PlanOf):
    day = dt.date(2024, 1, 4)
    long = [d.tick for d in ticks(history, plan_of()) if d.tick.as_of.date() == day]
    short = [d.tick for d in ticks(history, plan_of(start=day, end=day))]
    assert [t.curves for t in long] == [t.curves for t in short]


def test_each_tick_is_the_whole_market_of_its_day(history: CurveHistory, plan_of: PlanOf):
    plan = plan_of(currencies=("USD",), start=dt.date(2022, 10, 18), end=dt.date(2022, 10, 19))
    before, after = (
        {
            t
            for d in ticks(history, plan)
            if d.tick.as_of.day == day
            for t in d.tick.curves["USD-GOVT"]
        }
        for day in (18, 19)
    )
    assert after - before == {"4M"}  # the Treasury publishes it from the 19th on
    assert all(due.tick.whole for due in ticks(history, plan))


def test_the_first_day_of_all_can_be_replayed(history: CurveHistory, plan_of: PlanOf):
    plan = plan_of(start=history.first, end=history.first)
    plan.check(history)
    assert len(list(ticks(history, plan))) == 12


@settings(deadline=None)
@given(
    st.dates(dt.date(1990, 1, 2), dt.date(2024, 9, 17)),
    st.integers(1, 40),
    st.sampled_from(CurveHistory.CURRENCIES),
)
def test_any_week_of_the_history_replays(start: dt.date, per_day: int, currency: str):
    history = stored()
    plan = ReplayPlan(
        currencies=(currency,),
        start=start,
        end=start + dt.timedelta(days=7),
        run_id="any",
        epoch=1,
        ticks_per_day=per_day,
    )
    plan.check(history)
    found = [due.tick for due in ticks(history, plan)]
    assert len(found) == plan.total(history)
    assert [tick.seq for tick in found] == list(range(1, len(found) + 1))
    assert all(a.as_of < b.as_of for a, b in itertools.pairwise(found))
    for tick in found:
        check_quotes(currency, tick.curves)


@pytest.mark.parametrize(
    ("changes", "total"),
    [
        ({}, 48),
        ({"limit": 10}, 10),
        ({"limit": 999}, 48),
        ({"loop": True}, None),
        ({"loop": True, "limit": 999}, 999),
    ],
)
def test_the_total_is_known_before(
    history: CurveHistory, plan_of: PlanOf, changes: dict[str, object], total: int | None
):
    plan = plan_of(**changes)
    assert plan.total(history) == total
    if total is not None:
        assert len(list(ticks(history, plan))) == total


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"currencies": ("USD", "PLN")}, "currency: 'PLN'.*allowed: USD, EUR, GBP"),
        ({"currencies": ()}, "at least one"),
        ({"start": dt.date(2024, 2, 1)}, "--from: '2024-02-01'.*after --to 2024-01-05"),
        ({"start": dt.date(1989, 1, 2)}, "--from.*covers 1990-01-02 to 2024-09-24"),
        ({"end": dt.date(2025, 1, 2)}, "--to: '2025-01-02'.*covers 1990-01-02 to 2024-09-24"),
        ({"start": dt.date(2024, 1, 6), "end": dt.date(2024, 1, 7)}, "no market day"),
        ({"ticks_per_day": 0}, "--ticks-per-day: 0"),
        ({"interval_s": -1.0}, "interval: -1"),
        ({"interval_s": float("nan")}, "interval: nan"),
        ({"limit": 0}, "--once: 0"),
        ({"run_id": "a b"}, "--run-id: 'a b'"),
        ({"run_id": "x" * 41}, "--run-id"),
    ],
)
def test_what_cannot_be_replayed_is_refused_with_a_sentence(
    history: CurveHistory, plan_of: PlanOf, changes: dict[str, object], sentence: str
):
    with pytest.raises(BadInput, match=sentence):
        plan_of(**changes).check(history)


def test_a_single_tick_of_a_day_is_the_close():
    day = dt.date(2024, 1, 2)
    assert market_times(day, 1) == [dt.datetime(2024, 1, 2, 17, tzinfo=dt.UTC)]
    assert [t.hour for t in market_times(day, 3)] == [9, 13, 17]


def test_defaults_lie_inside_the_history(history: CurveHistory):
    assert history.first <= replay.DEFAULT_START <= history.last
