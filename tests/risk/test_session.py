"""What a worker holds is only a shortcut: kept or fresh, the numbers are the same bits."""

from __future__ import annotations

import datetime as dt

import msgspec
import numpy as np
import pytest

from pricing.curves.sanity import SanityLimits, moved_quotes
from pricing.errors import CurveRefused, MissingCurve
from risk.store.compiled_book_store import CompiledBooks
from risk.workers.book_netter import BookNetter
from risk.workers.session import BookGone, Kept, Session, next_weekday
from tests.risk.made import DATE, QUOTES, bond, job, store, sums_job, swap


@pytest.fixture
def books(redis_client):
    return CompiledBooks(redis_client)


def sofr(last: dt.date, rate: float = 0.053) -> dict[str, dict[dt.date, float]]:
    days = (dt.date(2023, 1, 1) + dt.timedelta(days=n) for n in range(900))
    return {"SOFR": {day: rate for day in days if day <= last}}


SEASONED = {
    "effective_date": dt.date(2023, 9, 13),
    "termination_date": dt.date(2028, 9, 13),
}
NEVER_SAME = {"worker": "", "started_ns": 0, "finished_ns": 0}


def priced(session, a_job):
    """What is made of a block, without what differs by clock and process."""
    totals, columns = session.price(a_job)
    return msgspec.structs.replace(totals, **NEVER_SAME), columns


def test_the_same_job_twice_is_the_same_bits(books):
    made = store(books, swap(), swap("S2", **SEASONED), bond(), fixings=sofr(DATE))
    session = Session(books)
    first = priced(session, job(made.version))
    assert np.isfinite(first[1].column("npv")).all()
    assert priced(session, job(made.version)) == first
    assert priced(Session(books), job(made.version)) == first


@pytest.mark.parametrize("days", [1, 2, 7, 31, 180, 365])
def test_a_date_roll_on_a_kept_session_equals_a_fresh_session(books, days):
    made = store(books, swap(), swap("S2", **SEASONED), bond(), fixings=sofr(dt.date(2025, 6, 1)))
    kept, later = Session(books), DATE + dt.timedelta(days=days)
    priced(kept, job(made.version))
    rolled = priced(kept, job(made.version, 2, valuation_date=later))
    assert rolled == priced(Session(books), job(made.version, 2, valuation_date=later))
    assert np.isfinite(rolled[1].column("npv")).all()
    # ... and back again, as a replay that starts over does.
    assert priced(kept, job(made.version)) == priced(Session(books), job(made.version))


def test_a_missing_fixing_fails_its_trade_alone_and_is_named(books):
    fixings = sofr(DATE)
    del fixings["SOFR"][dt.date(2024, 1, 3)]
    made = store(books, swap("NEW"), swap("OLD", **SEASONED), fixings=fixings)
    session = Session(books)
    totals, columns = session.price(job(made.version))
    sums = BookNetter(session).sums(sums_job(made.version))
    (failure,) = sums.failures
    assert (failure.trade_id, failure.code) == ("OLD", "MISSING_FIXING")
    assert "SOFR" in failure.message
    assert "2024-01-03" in failure.message
    new, old = columns.column("npv")
    assert new == new
    assert old != old
    assert totals.cells[0].sums[0] == new
    assert sums.cells[0].npv == pytest.approx(new, abs=1e-6)
    assert (sums.cells[0].trades, sums.cells[0].failed) == (2, 1)


def test_a_fixing_of_the_day_itself_is_not_known_yet(books):
    """SOFR is published on the next day: a replay must not look ahead."""
    rates = sofr(DATE)
    rates["SOFR"][DATE] = 0.5
    plain = store(books, swap(**SEASONED), fixings=sofr(DATE), number=1)
    ahead = store(books, swap(**SEASONED), fixings=rates, number=2)
    session = Session(books)
    assert priced(session, job(plain.version)) == priced(session, job(ahead.version))


def test_a_trade_on_a_curve_that_the_market_lacks_fails_alone(books):
    made = store(books, swap(), bond(discount_curve="USD-GOVT"))
    sums = BookNetter(Session(books)).sums(sums_job(made.version))
    (failure,) = sums.failures
    assert (failure.trade_id, failure.code) == ("P1", "MISSING_CURVE")
    assert "USD-GOVT" in failure.message


def test_a_market_whose_curve_lacks_its_discount_curve_fails_as_a_whole(books):
    made = store(books, currency="EUR")
    quotes = {"EUR-EURIBOR6M": {"5Y": 0.03}}
    with pytest.raises(MissingCurve, match="EUR-ESTR"):
        Session(books).price(job(made.version, currency="EUR", curves=quotes))


def test_a_job_is_priced_on_the_version_it_names_while_a_newer_one_is_there(books):
    old = store(books, swap(notional=1e6), number=1)
    new = store(books, swap(notional=3e6), number=2)
    session = Session(books)
    before, after = (session.price(job(v))[0].cells[0].sums[0] for v in (old.version, new.version))
    assert after == pytest.approx(3 * before, rel=1e-12)
    assert session.price(job(old.version))[0].cells[0].sums[0] == before


def test_new_tenors_and_less_of_them_are_other_curves_not_old_ones(books):
    made = store(books, swap())
    session = Session(books)
    few = {"USD-SOFR": {"1Y": 0.05, "10Y": 0.041}}
    priced(session, job(made.version))
    assert priced(session, job(made.version, curves=few)) == priced(
        Session(books), job(made.version, curves=few)
    )


def test_a_book_that_is_no_longer_there_is_named(books):
    with pytest.raises(BookGone, match="9-gone"):
        Session(books).price(job("9-gone"))


def test_a_book_without_trades_has_a_part(books):
    made = store(books)
    totals, columns = Session(books).price(job(made.version))
    assert (totals.cells, columns.trades) == ([], 0)
    assert BookNetter(Session(books)).sums(sums_job(made.version)).cells == []


def test_only_the_last_used_things_of_a_place_are_kept():
    kept = Kept(2)
    for place in "xy":
        for name in "aab":
            kept.get_or(place, name, object)
        kept.get_or(place, "a", lambda: pytest.fail("a is there"))
        kept.get_or(place, "c", object)
        assert [kept.has(place, name) for name in "abc"] == [True, False, True]


def test_what_could_not_be_made_is_tried_again():
    kept = Kept(2)
    with pytest.raises(ZeroDivisionError):
        kept.get_or("x", "a", lambda: 1 / 0)
    assert kept.get_or("x", "a", lambda: 3) == 3


def test_a_block_is_settled_from_its_second_frame_with_the_same_instruments_on(books):
    made = store(books, swap())
    session, seen = Session(books), []
    for _ in range(2):
        session.price(job(made.version))
        seen.append(session.is_settled)
    session.price(job(made.version, valuation_date=dt.date(2024, 3, 6)))
    assert [*seen, session.is_settled] == [False, True, False]


@pytest.mark.parametrize(
    ("day", "after"), [("2024-03-05", "2024-03-06"), ("2024-03-08", "2024-03-11")]
)
def test_the_next_day_is_no_weekend(day, after):
    assert next_weekday(dt.date.fromisoformat(day)) == dt.date.fromisoformat(after)


def test_an_edit_of_another_block_leaves_what_is_prepared(books):
    before = store(books, swap("A"), swap("B"), number=1, blocks=2)
    session = Session(books)
    ready = session.prepare(job(before.version, blocks=2))[1]
    after = store(books, swap("A", notional=2e6), swap("B"), number=2, blocks=2)
    assert session.prepare(job(after.version, blocks=2))[1] is ready


def columns_of(part):
    _, columns = part
    return columns


def test_each_frame_is_priced_at_its_own_quotes(books):
    made = store(books, swap(), bond())
    session = Session(books)
    moved = {"USD-SOFR": {tenor: rate + 0.01 for tenor, rate in QUOTES["USD"]["USD-SOFR"].items()}}
    for quotes in (QUOTES["USD"], moved, QUOTES["USD"]):
        a_job = job(made.version, curves=quotes)
        assert columns_of(session.price(a_job)) == columns_of(Session(books).price(a_job))


def test_a_frame_says_which_quote_makes_its_curves_doubtful(books):
    made = store(books, swap())
    quotes = {"USD-SOFR": {**QUOTES["USD"]["USD-SOFR"], "5Y": 0.09}}
    sums = BookNetter(Session(books)).sums(sums_job(made.version, curves=quotes))
    assert "5Y" in {warning.quote for warning in sums.warnings}
    plain = BookNetter(Session(books)).sums(sums_job(made.version))
    assert plain.warnings == []
    moved = moved_quotes(QUOTES["USD"], quotes, SanityLimits())
    sums = BookNetter(Session(books)).sums(sums_job(made.version, moved=moved))
    assert [(w.quote, w.check) for w in sums.warnings] == [("5Y", "move")]


def test_a_strict_frame_of_doubtful_curves_is_refused_with_the_quote(books):
    made = store(books, swap())
    moved = moved_quotes({"USD-SOFR": {"10Y": 0.05}}, {"USD-SOFR": {"10Y": 0.04}}, SanityLimits())
    netter = BookNetter(Session(books))
    assert netter.sums(sums_job(made.version, strict=True)).warnings == []
    with pytest.raises(CurveRefused, match="USD-SOFR 10Y has moved by -100"):
        netter.sums(sums_job(made.version, moved=moved, strict=True))


def test_limits_are_those_of_the_process(books):
    made = store(books, swap())
    narrow = Session(books, sanity=SanityLimits(kink_bp=0.1))
    assert BookNetter(narrow).sums(sums_job(made.version)).warnings
