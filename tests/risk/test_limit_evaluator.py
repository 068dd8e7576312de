"""The evaluator of limits on a real log and a real database, one step after another."""

from __future__ import annotations

import datetime as dt
import time

import msgspec
import pytest
from django.utils import timezone

from instruments.models import Desk, Limit, TemporaryLimit
from risk.limits.evaluator import Evaluator, Moved
from risk.models import LimitBreach, LimitEvent, LimitGap, LimitPosition, LimitState
from risk.scenarios.messages import CurrencyScenarios, GroupHead, ScenarioFrame
from risk.scenarios.store import ScenarioStore
from risk.store.explains import Explain, ExplainedGroup, ExplainedPeriod, ExplainStore
from risk.store.frames import Frames
from risk.store.result_log import ResultLog, Stream
from tests.risk.limits_made import FX, frame, publish
from tests.risk.made import DATE, as_of

pytestmark = pytest.mark.django_db
SECOND = 1_000_000_000
USD = Stream("USD", "sums")


@pytest.fixture
def frames(redis_client) -> Frames:
    return Frames(redis_client)


class Clock:
    """The wall clock of an evaluator, which a test sets."""

    def __init__(self) -> None:
        self.ns = time.time_ns()

    def __call__(self) -> int:
        return self.ns


def evaluator(frames: Frames, expected=("USD",), **options) -> Evaluator:
    return Evaluator(ResultLog(frames.client), lambda: expected, **options)


def limit(code: str = "L1", **changes) -> Limit:
    usual = {
        "code": code,
        "name": code,
        "measure": "dv01_par",
        "hard_limit": 1,
        "valid_from": None,
    }
    found = Limit(**{**usual, **changes})
    found.full_clean()
    found.save()
    # As if it had been made long before the results of the test.
    Limit.objects.filter(pk=found.pk).update(created=timezone.now() - dt.timedelta(days=1))
    return found


def states() -> dict[str, str]:
    return {row.limit.code: row.state for row in LimitState.objects.select_related("limit")}


def events() -> list[tuple[str, str, str, int]]:
    rows = LimitEvent.objects.select_related("limit")
    return [(row.limit.code, row.was, row.state, row.frame) for row in rows]


def run(one: Evaluator) -> None:
    while one.step(block_ms=None):
        pass


def test_a_limit_is_breached_unless_a_temporary_one_counts(frames):
    """Limit 1.0, exposure 0.9 then 1.1; a temporary 1.15; after its end the limit again."""
    found = limit()
    now = time.time_ns()
    one = evaluator(frames, now_ns=lambda: now)

    def at(number: int, seconds: float, dv01: float) -> None:
        rollup = frame(number, dv01, published_ns=now + int(seconds * SECOND))
        publish(frames, rollup)
        run(one)

    at(1, 1, 0.9)
    assert states() == {"L1": "ok"}
    at(2, 2, 1.1)
    assert states() == {"L1": "breach"}
    begin = dt.datetime.fromtimestamp(now / 1e9 + 3, tz=dt.UTC)
    row = TemporaryLimit(
        code="T",
        limit=found,
        hard_limit="1.15",
        valid_from=begin,
        valid_until=begin + dt.timedelta(seconds=10),
        reason="month end",
    )
    row.full_clean()
    row.save()
    at(3, 4, 1.1)
    assert states() == {"L1": "breach"}  # nobody has approved it
    TemporaryLimit.objects.filter(pk=row.pk).update(approved_at=begin, approved_by=a_user())
    TemporaryLimit.objects.get(pk=row.pk).save()  # with a line of history
    one._looked = 0.0
    at(4, 5, 1.1)
    assert states() == {"L1": "ok"}
    at(5, 12.9, 1.14)
    assert states() == {"L1": "ok"}
    at(6, 13.001, 1.1)
    assert states() == {"L1": "breach"}
    assert events() == [
        ("L1", "", "ok", 1),
        ("L1", "ok", "breach", 2),
        ("L1", "breach", "ok", 4),
        ("L1", "ok", "breach", 6),
    ]
    first, second = LimitBreach.objects.order_by("id")
    assert (first.frame, first.value, first.end_frame) == (2, 1.1, 4)
    assert (second.frame, second.hard_limit, second.ended) == (6, 1.0, None)
    assert second.cause["cause"] == "limit changed"


def a_user():
    from django.contrib.auth import get_user_model

    return get_user_model().objects.create_user("bob")


def test_each_result_counts_once_whoever_evaluates_it(frames):
    limit()
    for number, dv01 in enumerate([0.5, 1.1, 0.5, 1.2, 1.3], start=1):
        publish(frames, frame(number, dv01))
    for _ in range(8):  # a process for each step, one result at a time
        evaluator(frames).step(block_ms=None, count=1)
    assert [(b.frame, b.end_frame) for b in LimitBreach.objects.order_by("id")] == [
        *((2, 3), (4, None)),
    ]
    assert LimitBreach.objects.get(frame=4).worst == 1.3
    assert frames.client.xlen(USD.key) == 0
    run(evaluator(frames))
    assert LimitBreach.objects.count() == 2
    assert not LimitGap.objects.exists()


def test_what_an_evaluator_wrote_before_it_was_killed_is_not_written_again(frames, monkeypatch):
    """It dies between its commit and the removal of what it has read."""
    limit()
    publish(frames, frame(1, 1.1))
    one = evaluator(frames)
    monkeypatch.setattr(one.results, "forget", lambda until: (_ for _ in ()).throw(KeyError()))
    with pytest.raises(KeyError):
        one.step(block_ms=None)
    assert frames.client.xlen(USD.key) == 1
    publish(frames, frame(2, 1.2))
    run(evaluator(frames))
    assert [breach.frame for breach in LimitBreach.objects.all()] == [1]
    assert LimitEvent.objects.filter(state="breach").count() == 1


def test_of_two_evaluators_the_slower_one_writes_nothing(frames):
    limit()
    first, second = evaluator(frames), evaluator(frames)
    for one in (first, second):
        run(one)
    publish(frames, frame(1, 1.1))
    entries = second.results.read(second.entries)
    run(first)
    with pytest.raises(Moved):
        second._evaluate(entries)
    assert LimitBreach.objects.count() == 1
    second._loaded = False
    run(second)
    assert LimitBreach.objects.count() == 1


def test_what_the_log_has_lost_is_a_stated_gap(frames):
    limit()
    publish(frames, frame(1, 0.5))
    run(evaluator(frames))
    for number in (2, 3, 4):
        publish(frames, frame(number, 0.5))
    frames.client.xtrim(USD.key, maxlen=1, approximate=False)
    run(evaluator(frames))
    (gap,) = LimitGap.objects.all()
    assert (gap.stream, gap.after_number, gap.next_number) == ("USD:sums", 1, 4)
    assert gap.reason.startswith("2 results were removed")
    run(evaluator(frames))
    assert LimitGap.objects.count() == 1


def test_a_redis_that_was_emptied_is_a_stated_gap(frames):
    limit()
    publish(frames, frame(1, 1.1))
    run(evaluator(frames))
    frames.client.flushdb()
    run(evaluator(frames))
    (gap,) = LimitGap.objects.all()
    assert (gap.after_number, gap.next_number) == (1, 0)
    assert "lost its data" in gap.reason
    publish(frames, frame(2, 0.5))
    run(evaluator(frames))
    assert LimitGap.objects.count() == 1
    assert states() == {"L1": "ok"}
    assert [(b.frame, b.end_frame) for b in LimitBreach.objects.all()] == [(1, 2)]


def test_unpriced_trades_make_a_scope_unknown_and_the_breach_goes_on(frames):
    limit()
    limit("OTHER", desk=Desk.objects.create(code="GOVIES", name="Govies"))
    one = evaluator(frames)
    for number, (dv01, failed) in enumerate([(1.1, 0), (0.2, 1), (1.2, 0)], start=1):
        publish(frames, frame(number, dv01, failed=failed))
        run(one)
        if failed:
            assert states() == {"L1": "unknown", "OTHER": "ok"}
            assert (
                "1 trades of USD are not priced" in LimitState.objects.get(limit__code="L1").reason
            )
    assert [(b.frame, b.ended) for b in LimitBreach.objects.all()] == [(1, None)]


def test_a_currency_with_trades_and_no_frame_is_unknown(frames):
    limit()
    limit("USD-ONLY", currency="USD")
    publish(frames, frame(1, 0.5))
    run(evaluator(frames, expected=("USD", "EUR")))
    assert states() == {"L1": "unknown", "USD-ONLY": "ok"}
    publish(frames, frame(1, 0.5, currency="EUR"))
    run(evaluator(frames, expected=("USD", "EUR")))
    assert states() == {"L1": "breach", "USD-ONLY": "ok"}  # 0.5 + 1.1 x 0.5
    assert LimitBreach.objects.get().currency == "EUR"


def group(book: str = "B1", **terms: float) -> ExplainedGroup:
    names = ("value_start", "value_end", "cash", "consideration")
    usual = dict.fromkeys(names, 0.0)
    found = {**usual, **terms}
    found.setdefault("total", sum(terms.values()))
    return ExplainedGroup(book=book, product="swap", desk="RATES", trades=2, terms=found, delta=[])


def explain(
    number: int, start: int, *groups: ExplainedGroup, close: float = 0.0, **more
) -> Explain:
    def period(first: int, rows) -> ExplainedPeriod:
        return ExplainedPeriod(
            start_frame=first,
            start_as_of=as_of(),
            start_date=DATE,
            start_book_version="1-a",
            start_fx=FX,
            keys=[],
            shift_bp=[],
            groups=list(rows),
            **more,
        )

    return Explain(
        currency="USD",
        frame=number,
        as_of=as_of(),
        valuation_date=DATE,
        book_version="1-a",
        fx=FX,
        fx_label="synthetic",
        labels={},
        frame_published_ns=time.time_ns(),
        published_ns=time.time_ns(),
        seconds=0.1,
        periods={
            "frame": period(start, groups),
            "close": period(0, [group(delta=close)]),
        },
    )


def test_a_breach_names_the_largest_term_of_the_explain_of_its_frame(frames):
    limit("NPV", measure="npv", hard_limit=100)
    one, store = evaluator(frames), ExplainStore(frames.client)
    publish(frames, frame(1, 0.5))
    publish(frames, frame(2, 1.5))
    run(one)
    assert LimitBreach.objects.get().cause is None
    store.put(explain(1, 0, group(new=999.0)))  # of an earlier frame
    run(one)
    assert LimitBreach.objects.get().cause is None
    store.put(explain(2, 1, group(carry=3.0, delta=-120.0, gamma=7.0)))
    run(evaluator(frames))  # another process
    cause = LimitBreach.objects.get().cause
    assert (cause["cause"], cause["term"], cause["amount"]) == ("market", "delta", -120.0)
    assert (cause["from_frame"], cause["to_frame"]) == (1, 2)


def test_the_cause_of_a_sensitivity_is_a_changed_trade_of_its_scope(frames):
    from risk.store.explains import ChangeOfTrade

    limit("DV01")
    change = ChangeOfTrade(
        trade_id="N1", book="B1", product="swap", terms={"new": 0.5}, consideration=None
    )
    publish(frames, frame(1, 0.5))
    publish(frames, frame(2, 1.5))
    store = ExplainStore(frames.client)
    store.put(explain(2, 1, group(delta=-120.0, new=0.5), changes=[change]))
    run(evaluator(frames))
    cause = LimitBreach.objects.get().cause
    assert (cause["cause"], cause["trades"]) == ("new trade", ["N1"])


def test_an_explain_that_does_not_cover_the_frame_is_no_cause(frames):
    limit()
    publish(frames, frame(2, 1.5))
    ExplainStore(frames.client).put(explain(4, 3, group(delta=1.0)))
    run(evaluator(frames))
    assert LimitBreach.objects.get().cause["cause"] == "unknown"


def test_a_loss_since_the_close_is_judged_on_every_explain(frames):
    limit("LOSS", measure="pnl_close", hard_limit=-100, direction="lower")
    one, store = evaluator(frames), ExplainStore(frames.client)
    publish(frames, frame(1))
    store.put(explain(1, 0, close=-99.0))
    run(one)
    assert states() == {"LOSS": "ok"}
    store.put(explain(2, 1, close=-101.0))
    run(one)
    assert states() == {"LOSS": "breach"}
    breach = LimitBreach.objects.get()
    assert (breach.kind, breach.frame, breach.value) == ("explains", 2, -101.0)
    assert breach.cause["term"] == "delta"


def scenario_frame(number: int, worst: float, finished_ns: int) -> ScenarioFrame:
    import numpy as np

    pnl = np.full((1, 100), 1.0)
    pnl[0, 7] = -worst
    usd = CurrencyScenarios(
        currency="USD",
        frame=1,
        as_of=as_of(),
        valuation_date=DATE,
        book_version="1-a",
        published_ns=1,
        usd=1.0,
        groups=[GroupHead(book="B1", product="swap", desk="RATES", trades=2, failed=0)],
        stress=np.empty((1, 0)).tobytes(),
        historical=pnl.tobytes(),
    )
    return ScenarioFrame(
        number=number,
        started_ns=1,
        finished_ns=finished_ns,
        worker="w",
        every_s=5,
        scenarios=[],
        days=[DATE] * 100,
        kind="absolute",
        left_out={},
        tail_days=[],
        currencies={"USD": usd},
    )


def test_a_value_at_risk_that_is_too_old_is_unknown_and_never_ok(frames):
    limit("VAR", measure="var", hard_limit=500, max_age_s=10)
    clock = Clock()
    one, store = evaluator(frames, now_ns=clock), ScenarioStore(frames.client)
    assert one.step(block_ms=None) == 0
    assert states() == {"VAR": "unknown"}
    store.publish(scenario_frame(1, 400.0, clock.ns))
    run(one)
    assert states() == {"VAR": "ok"}
    store.publish(scenario_frame(2, 600.0, clock.ns))
    run(one)
    assert states() == {"VAR": "breach"}
    clock.ns += 11 * SECOND
    one._looked = 0.0
    run(one)
    assert states() == {"VAR": "unknown"}
    assert LimitState.objects.get().reason == "older than 10 s"
    # A frame of sums does not make it younger.
    publish(frames, frame(1, published_ns=clock.ns))
    run(one)
    assert states() == {"VAR": "unknown"}
    store.publish(scenario_frame(3, 600.0, clock.ns))
    run(one)
    assert states() == {"VAR": "breach"}
    assert LimitBreach.objects.count() == 1


def test_a_limit_judges_nothing_that_was_published_before_it(frames):
    publish(frames, frame(1, 5.0, published_ns=time.time_ns() - 100 * SECOND))
    found = limit()
    now = timezone.now()
    Limit.objects.filter(pk=found.pk).update(created=now)
    one = evaluator(frames)
    one._look()
    one.step(block_ms=None, count=1)
    assert not LimitBreach.objects.exclude(kind="clock").exists()


def test_a_record_of_another_release_is_a_stated_gap(frames):
    limit()
    publish(frames, frame(1, 0.5))
    run(evaluator(frames))
    frames.client.incr(USD.number_key)
    strange = msgspec.msgpack.encode({"currency": 1})
    frames.client.xadd(USD.key, {"n": 2, "p": strange})
    publish(frames, frame(3, 1.1))
    run(evaluator(frames))
    (gap,) = LimitGap.objects.all()
    assert "cannot be read" in gap.reason
    assert states() == {"L1": "breach"}


def test_a_limit_that_is_gone_or_new_takes_part_at_once(frames):
    found = limit()
    one = evaluator(frames)
    publish(frames, frame(1, 0.5))
    run(one)
    limit("NEW", hard_limit="0.4")
    Limit.objects.get(code="NEW").save()  # a line of history
    one._looked = 0.0
    run(one)
    assert states() == {"L1": "ok", "NEW": "breach"}
    breach = LimitBreach.objects.get()
    assert (breach.kind, breach.frame) == ("clock", 1)
    found.delete()
    one._looked = 0.0
    publish(frames, frame(2, 0.5))
    run(one)
    assert states() == {"NEW": "breach"}


def test_a_step_that_fails_leaves_nothing_behind(frames, monkeypatch):
    limit()
    publish(frames, frame(1, 1.1))
    one = evaluator(frames)
    monkeypatch.setattr(one, "_write_states", lambda places: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        one.step(block_ms=None)
    assert not LimitBreach.objects.exists()
    assert LimitPosition.objects.get().entries == {}
    monkeypatch.undo()
    run(one)
    assert LimitBreach.objects.count() == 1


def test_events_of_a_breach_wait_for_the_webhook_and_a_first_ok_is_no_news(frames):
    from risk.models import LimitDelivery

    limit()
    one = evaluator(frames, webhook=True)
    for number, dv01 in enumerate([0.5, 1.1, 0.5], start=1):
        publish(frames, frame(number, dv01))
    run(one)
    waiting = LimitDelivery.objects.select_related("event")
    assert [(row.event.was, row.event.state) for row in waiting] == [
        *(("ok", "breach"), ("breach", "ok")),
    ]


def test_metrics_have_states_utilisation_and_breaches(frames):
    from ops import limit_metrics
    from risk.limits import board
    from risk.limits.board_maker import make_board

    limit("L1")
    limit("L2", hard_limit=3)
    publish(frames, frame(1, 1.5))
    one = evaluator(frames)
    run(one)
    assert list(limit_metrics.of_board(frames.client)) == []
    board.write(frames.client, make_board(one, 0))
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in (*limit_metrics.of_board(frames.client), *limit_metrics.of_database())
        for sample in family.samples
    }
    assert found["risk_limits", "breach"] == 1.0
    assert found["risk_limits", "ok"] == 1.0
    assert found["risk_limit_state", "L1", "", "breach"] == 1.0
    assert found["risk_limit_utilisation_ratio", "L2", ""] == 0.5
    assert found[("risk_limit_breaches_open",)] == 1.0
    assert found[("risk_limit_breaches_unacknowledged",)] == 1.0
    assert found[("risk_limit_gaps_total",)] == 0.0
