"""Measures of published frames beside ``manage.py price`` and plain QuantLib, through Redis."""

from __future__ import annotations

import datetime as dt
import time
from functools import cache
from typing import Any

import msgspec
import pytest
from kombu.exceptions import OperationalError

from pricing.batch.files import Book, MarketFile, MarketOfCurrency
from pricing.batch.run import price_files
from pricing.curves.quotes import CurveOptions
from pricing.errors import NothingAfterSettlement
from pricing.measures.table import ANALYTICS, BY_NAME, LIVE
from pricing.products.bonds.floating_rate_note import FloatingRateNoteTerms
from pricing.products.registry import PRODUCTS
from risk.queries import portfolio, trade_detail
from risk.queries.trade_list import Query, Table, page
from risk.store.block_analytics import AnalyticsStore
from risk.store.compiled_book_store import CompiledBooks
from risk.store.follow_up import INTERVAL_S, MOST_WAIT_S, ShareOfTime
from risk.store.frames import Frames, key
from risk.workers import analytics_maker, tasks
from risk.workers.analytics_maker import AnalyticsMaker
from tests.pricing.sample_baskets import basket, bond_future
from tests.risk.made import DATE, QUOTES, as_of, bond, detail_job, header, store, sums_job, swap

BOOK = (
    swap("S1"),
    swap("S2", pay_receive="pay", fixed_rate=0.05),
    bond("B1", z_spread_bp=25.0),
    bond("B2", face_amount=-2e6, maturity_date=dt.date(2050, 11, 15), z_spread_bp=-10.0),
    bond_future(
        "USD",
        trade_id="F1",
        contract="ZNM24",
        option_value=0.0625,
        deliverables=tuple(
            msgspec.structs.replace(each, discount_curve="USD-SOFR") for each in basket("USD")
        ),
    ),
)


@pytest.fixture
def frames(redis_client, settings, redis_url, monkeypatch):
    settings.REDIS_URL = redis_url
    for made in (tasks._frames, tasks._books, tasks._session, tasks._netter, tasks._run_registry):
        made.cache_clear()
    sent.clear()
    monkeypatch.setattr(tasks.make_analytics, "apply_async", lambda **options: sent.append(options))
    return Frames(redis_client)


@pytest.fixture
def books(redis_client):
    return CompiledBooks(redis_client)


sent: list[dict[str, Any]] = []


def test_one_task_waits_whatever_frames_come_and_sees_the_last_of_them(
    frames, books, maker, monkeypatch
):
    monkeypatch.setattr(tasks, "_analytics_maker", cache(lambda: maker))
    made = store(books, *BOOK)
    for frame in (1, 2, 3):
        run(frames, made.version, frame)
    assert [options["args"][0] for options in sent] == ["USD"]
    assert begin_last() == "MADE"
    assert records(frames, books)["S1"]["analytics_frame"] == 3
    run(frames, made.version, 4)
    assert len(sent) == 2


def begin_last() -> str:
    """Run the task that was sent last."""
    return str(tasks.make_analytics(*sent[-1]["args"]))


def test_of_tasks_that_were_sent_twice_one_goes_on(frames, books, maker, monkeypatch):
    """Each that comes too early sends another: a second one would never end, nor a third."""
    monkeypatch.setattr(tasks, "_analytics_maker", cache(lambda: maker))
    maker.time.note(time.monotonic() - 10.0)
    made = store(books, *BOOK)
    run(frames, made.version)
    frames.client.delete(key("USD", "analytics", "scheduled"))  # as when it has waited for long
    run(frames, made.version, 2)
    first, second = (options["args"] for options in sent)
    assert tasks.make_analytics(*first) == "TWICE"
    assert len(sent) == 2
    assert tasks.make_analytics(*second) == "EARLY"
    assert len(sent) == 3
    assert [tasks.make_analytics(*args) for args in (first, second)] == ["TWICE"] * 2
    assert len(sent) == 3
    maker.time = ShareOfTime(1e9)
    assert [begin_last(), begin_last()] == ["MADE", "TWICE"], "it was delivered twice"
    assert len(sent) == 3


def test_what_cannot_be_sent_is_asked_for_by_the_next_frame(frames, books, monkeypatch):
    def away(**_):
        raise OperationalError("the broker is away")

    made = store(books, *BOOK)
    with monkeypatch.context() as broken:
        broken.setattr(tasks.make_analytics, "apply_async", away)
        assert run(frames, made.version) == "PUBLISHED"
    assert sent == []
    assert run(frames, made.version, 2) == "PUBLISHED"
    assert len(sent) == 1


def test_a_task_that_comes_too_early_sends_one_for_when_its_time_has_come(
    frames, books, maker, monkeypatch
):
    monkeypatch.setattr(tasks, "_analytics_maker", cache(lambda: maker))
    run(frames, store(books, *BOOK).version)
    assert sent[-1]["countdown"] == INTERVAL_S
    maker.time.note(time.monotonic() - 10.0)
    assert begin_last() == "EARLY"
    assert sent[-1]["countdown"] == MOST_WAIT_S
    maker.time = ShareOfTime(0.5)
    maker.time.note(time.monotonic() - 1.8)
    assert begin_last() == "EARLY"
    assert 1.0 < sent[-1]["countdown"] <= 2.0
    maker.time = ShareOfTime(0.5)
    maker.time.note(time.monotonic() - 0.3)
    assert begin_last() == "EARLY"
    assert sent[-1]["countdown"] < INTERVAL_S, "as soon as it may: another currency comes then"


def test_a_quiet_market_gets_the_rest_too(frames, books, maker, monkeypatch):
    made = store(books, *BOOK)
    run(frames, made.version)
    monkeypatch.setattr(tasks, "_analytics_maker", cache(lambda: maker))
    monkeypatch.setattr(analytics_maker, "PREPARE_S", 0.0)
    assert begin_last() == "MORE"
    assert len(sent) == 2
    monkeypatch.setattr(analytics_maker, "PREPARE_S", 60.0)
    maker.time.note(time.monotonic() - 10.0)
    assert begin_last() == "EARLY"
    assert len(sent) == 3
    maker.time = ShareOfTime(1e9)
    assert begin_last() == "MADE"
    assert len(sent) == 3


def loaded(names, terms=BOOK):
    return {one.trade_id: one for one in terms if one.trade_id in names}


@pytest.fixture
def maker(frames, books):
    return AnalyticsMaker(frames, books, CurveOptions(), loaded)


def again(frames, maker) -> str:
    """Make analytics although the last run was a moment ago."""
    maker.time = ShareOfTime(1e9)
    return maker.run("USD")


def run(frames, version, frame=1, date=DATE, **changes):
    curves = changes.get("curves", QUOTES["USD"])
    opened = header(
        *(frame, 1), book_version=version, valuation_date=date, as_of=as_of(date), curves=curves
    )
    assert frames.open(opened)
    changes = {"valuation_date": date, **changes}
    sums = sums_job(version, frame, **changes)
    assert tasks.price_sums(msgspec.to_builtins(sums)) == "PUBLISHED"
    assert frames.open_detail("USD", frame) == "OPENED"
    return tasks.price_detail(msgspec.to_builtins(detail_job(version, frame, **changes)))


def records(frames, books) -> dict[str, dict[str, Any]]:
    (view,) = trade_detail.detailed_views(frames, books, ["USD"])
    rows = page([Table.read(frames, view)], Query(labels={}), 1, 100).rows
    for row in rows:
        detail = trade_detail.trade_detail(frames, view, row["trade_id"])
        assert {name: detail[name] for name in row} == row
    return {row["trade_id"]: row for row in rows}


def batch(engine: str) -> dict[str, Any]:
    entry = MarketOfCurrency(currency="USD", curves=QUOTES["USD"], fixings={})
    found = price_files(
        Book(list(BOOK), []), MarketFile(valuation_date=DATE, markets=[entry]), engine
    )
    assert not found["failed"]
    return found


def test_live_measures_are_those_of_manage_py_price_and_of_quantlib(frames, books, maker):
    made = store(books, *BOOK)
    assert run(frames, made.version) == "PUBLISHED"
    assert maker.run("USD") == "MADE"
    live = records(frames, books)
    for engine, relative in (("compiled", 1e-12), ("quantlib", 1e-7)):
        for row in batch(engine)["trades"]:
            mine = live[row["trade_id"]]
            for name in LIVE:
                if not BY_NAME[name].supports(row["type"]):
                    assert (mine[name], mine["unavailable"][name]) == (None, "UNSUPPORTED")
                    continue
                if row[name] is None:  # yields of discount paper, of a bond that is none
                    assert (mine[name], mine["unavailable"][name]) == (None, "NOT_A_NUMBER"), name
                    continue
                assert name not in mine["unavailable"], name
                tolerance = 2e-4 if name == "gamma" else 1e-7
                assert mine[name] == pytest.approx(row[name], rel=relative, abs=tolerance), name
            assert mine["annuity_bp"] == mine["pv01"]
            assert (mine["analytics_frame"], mine["analytics_as_of"]) == (1, as_of())


def test_signs_are_those_of_the_definitions(frames, books, maker):
    made = store(books, *BOOK)
    run(frames, made.version)
    maker.run("USD")
    live = records(frames, books)
    assert live["B1"]["cs01"] > 0 > live["B2"]["cs01"]
    assert live["S1"]["par_rate"] == pytest.approx(live["S2"]["par_rate"], rel=1e-12)
    assert live["S1"]["npv"] == pytest.approx(
        (0.04 - live["S1"]["par_rate"]) * live["S1"]["pv01"] * 1e4, rel=1e-9
    )
    assert live["B1"]["theta"] > 0


def test_sums_of_a_group_are_those_of_manage_py_price(frames, books):
    made = store(books, *BOOK)
    run(frames, made.version)
    rollup = frames.current("USD")
    (whole,) = portfolio.portfolio([rollup], ["currency"], None)
    totals = batch("compiled")["totals"]["USD"]
    for name in ("npv", "cs01", "theta"):
        assert whole[name] == pytest.approx(totals[name], rel=1e-11), name
    groups = portfolio.portfolio([rollup], ["type"], "EUR")
    bonds, futures, swaps = groups
    assert bonds["cs01"] == pytest.approx(totals["cs01"] / 1.1, rel=1e-12)
    assert swaps["cs01"] is None  # no swap has a z-spread
    added = bonds["theta"] + futures["theta"] + swaps["theta"]
    assert added == pytest.approx(totals["theta"] / 1.1, rel=1e-11)


def test_details_stay_for_a_while_and_say_of_which_frame_they_are(frames, books, maker):
    made = store(books, *BOOK)
    run(frames, made.version)
    maker.run("USD")
    moved = {"USD-SOFR": {tenor: rate + 0.01 for tenor, rate in QUOTES["USD"]["USD-SOFR"].items()}}
    before = records(frames, books)["B1"]
    assert run(frames, made.version, 2, curves=moved) == "PUBLISHED"
    maker.time.note(time.monotonic() - 10.0)
    assert maker.run("USD") == "EARLY"
    after = records(frames, books)["B1"]
    assert (after["frame"], after["analytics_frame"]) == (2, 1)
    assert after["cs01"] != before["cs01"]
    assert after["theta"] == before["theta"]
    run(frames, made.version, 3, curves=moved)
    assert again(frames, maker) == "MADE"
    latest = records(frames, books)["B1"]
    assert latest["analytics_frame"] == 3
    assert latest["theta"] != before["theta"]


@pytest.mark.parametrize("change", ["book", "date"])
def test_details_of_other_trades_or_of_another_date_are_not_shown(frames, books, maker, change):
    made = store(books, *BOOK)
    run(frames, made.version)
    maker.run("USD")
    if change == "book":
        run(frames, store(books, *BOOK[:3], number=2).version, 2)
    else:
        run(frames, made.version, 2, date=DATE + dt.timedelta(days=1))
    found = records(frames, books)["B1"]
    assert {found[name] for name in ANALYTICS} == {None}
    assert {found["unavailable"][name] for name in ANALYTICS} - {"UNSUPPORTED"} == {"NOT_MADE_YET"}
    assert found["analytics_frame"] is None


def test_details_of_an_older_frame_do_not_replace_newer_ones(frames, books, maker):
    made = store(books, *BOOK)
    run(frames, made.version)
    maker.run("USD")
    rollup = frames.current("USD")
    analytics = AnalyticsStore(frames.client)
    (newest,) = analytics.of(rollup)
    analytics.put("USD", msgspec.structs.replace(newest, frame=0))
    assert analytics.of(rollup) == [newest]


def test_bonds_are_prepared_a_share_at_a_time_and_until_then_say_so(
    frames, books, maker, monkeypatch
):
    made = store(books, *BOOK)
    run(frames, made.version)
    monkeypatch.setattr(analytics_maker, "PREPARE_S", 0.0)
    assert maker.run("USD") == "MORE"
    found = records(frames, books)["B1"]
    assert (found["ytm"], found["unavailable"]["ytm"]) == (None, "NOT_MADE_YET")
    assert found["theta"] is not None
    monkeypatch.setattr(analytics_maker, "PREPARE_S", 60.0)
    assert again(frames, maker) == "MADE"
    assert records(frames, books)["B1"]["ytm"] is not None
    # The next run has them ready.
    monkeypatch.setattr(analytics_maker, "PREPARE_S", 0.0)
    again(frames, maker)
    assert records(frames, books)["B1"]["ytm"] is not None


def test_a_bond_that_was_edited_since_its_book_has_no_analytics(frames, books):
    made = store(books, *BOOK)
    run(frames, made.version)
    edited = [msgspec.structs.replace(one, book="B9") for one in BOOK]
    ahead = AnalyticsMaker(frames, books, CurveOptions(), lambda names: loaded(names, edited))
    assert ahead.run("USD") == "MORE"
    found = records(frames, books)["B1"]
    assert found["unavailable"]["clean_per_100"] == "NOT_MADE_YET"


def test_a_bond_of_which_a_buyer_gets_nothing_says_so(frames, books):
    last = bond("B3", maturity_date=DATE + dt.timedelta(days=1))
    made = store(books, last)
    run(frames, made.version)
    AnalyticsMaker(frames, books, CurveOptions(), lambda names: loaded(names, [last])).run("USD")
    found = records(frames, books)["B3"]
    assert found["npv"] > 0
    assert found["unavailable"]["ytm"] == NothingAfterSettlement.code


def test_blocks_are_made_in_turn_a_share_of_a_second_at_a_time(frames, books, maker, monkeypatch):
    made = store(books, *BOOK, blocks=4)
    assert frames.open(header(1, 4, parts=1, book_version=made.version))
    sums = sums_job(made.version, 1, blocks=4)
    assert tasks.price_sums(msgspec.to_builtins(sums)) == "PUBLISHED"
    monkeypatch.setattr(analytics_maker, "BLOCKS_S", 0.0)
    codes = [again(frames, maker) for _ in range(4)]
    assert codes == ["MORE", "MORE", "MORE", "MADE"]
    found = AnalyticsStore(frames.client).of(frames.current("USD"))
    assert [each.block for each in found] == [0, 1, 2, 3]


def test_the_run_of_the_last_block_remembers_what_the_first_ones_lack(
    frames, books, maker, monkeypatch
):
    made = store(books, *BOOK, blocks=4)
    assert frames.open(header(1, 4, parts=1, book_version=made.version))
    sums = sums_job(made.version, 1, blocks=4)
    assert tasks.price_sums(msgspec.to_builtins(sums)) == "PUBLISHED"
    monkeypatch.setattr(analytics_maker, "BLOCKS_S", 0.0)
    monkeypatch.setattr(analytics_maker, "PREPARE_S", 0.0)
    assert [again(frames, maker) for _ in range(3)] == ["MORE"] * 3
    monkeypatch.setattr(analytics_maker, "PREPARE_S", 60.0)
    codes = [again(frames, maker) for _ in range(5)]
    assert codes == ["MORE"] * 4 + ["MADE"]


def test_without_a_frame_there_is_nothing_to_make(frames, maker):
    assert maker.run("USD") == "NOTHING"


def test_a_note_is_live_what_manage_py_price_says(frames, books):
    note = FloatingRateNoteTerms(
        trade_id="N1",
        book="B1",
        floating_index="SOFR",
        face_amount=5e6,
        issue_date=DATE + dt.timedelta(days=7),
        maturity_date=DATE + dt.timedelta(days=7 + 3 * 365),
        spread_bp=80.0,
        z_spread_bp=65.0,
    )
    made = store(books, note, *BOOK)
    run(frames, made.version)
    maker = AnalyticsMaker(
        frames, books, CurveOptions(), lambda names: loaded(names, (note, *BOOK))
    )
    assert maker.run("USD") == "MADE"
    live = records(frames, books)["N1"]
    entry = MarketOfCurrency(currency="USD", curves=QUOTES["USD"], fixings={})
    market = MarketFile(valuation_date=DATE, markets=[entry])
    for engine in ("compiled", "quantlib"):
        (row,) = price_files(Book([note], []), market, engine)["trades"]
        for name in PRODUCTS["floating_rate_note"].measures[:-1]:
            assert live[name] == pytest.approx(row[name], rel=1e-7), name
    assert live["ytm"] is None
    assert live["unavailable"]["ytm"] == "UNSUPPORTED"
    assert live["discount_margin_bp"] == pytest.approx(66.0, abs=2.0)
