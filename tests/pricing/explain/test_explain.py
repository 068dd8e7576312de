"""The terms of an explain against plain QuantLib, and the rules that they keep."""

from __future__ import annotations

import datetime as dt
import itertools

import msgspec
import numpy as np
import pytest
import QuantLib as ql
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pricing.errors import BadInput
from pricing.explain.explain import explain
from pricing.explain.market import Period
from pricing.explain.terms import MEMOS, TERM_NAMES, TERMS
from pricing.products.fixed_floating_swap import SwapTerms
from pricing.products.fixed_rate_bond import BondTerms
from pricing.products.flows import compile_book
from pricing.reference import Reference
from tests.pricing import sample_markets
from tests.pricing.explain import periods
from tests.pricing.explain.periods import moved, state
from tests.pricing.sample_markets import NOTIONAL

PROPERTY = settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.generate],
)
CENT = 1e-6
"""Of 1,000,000 of notional."""

MONDAY, TUESDAY = dt.date(2024, 5, 13), dt.date(2024, 5, 14)
QUOTES = {
    "USD-SOFR": {
        **{"1D": 0.0531, "1M": 0.0532, "6M": 0.0526, "1Y": 0.0510, "2Y": 0.0470},
        **{"5Y": 0.0420, "10Y": 0.0408, "30Y": 0.0392},
    }
}
SOFR = {
    "SOFR": {
        day: 0.0531
        for n in range(1, 800)
        if (day := dt.date(2024, 6, 14) - dt.timedelta(days=n)).weekday() < 5
    }
}


def until(date: dt.date) -> dict:
    return {"SOFR": {day: rate for day, rate in SOFR["SOFR"].items() if day < date}}


def bond(**changes) -> BondTerms:
    terms = BondTerms(
        trade_id="B",
        book="alpha",
        convention="US-TREASURY",
        face_amount=NOTIONAL,
        issue_date=dt.date(2022, 5, 15),
        maturity_date=dt.date(2032, 5, 15),
        coupon_rate=0.045,
        z_spread_bp=0.0,
        discount_curve="USD-SOFR",
    )
    return msgspec.structs.replace(terms, **changes)


def swap(**changes) -> SwapTerms:
    terms = SwapTerms(
        trade_id="S",
        book="alpha",
        convention="USD-SOFR-OIS",
        pay_receive="receive",
        notional=NOTIONAL,
        effective_date=dt.date(2024, 5, 20),
        termination_date=dt.date(2031, 5, 20),
        fixed_rate=0.041,
    )
    return msgspec.structs.replace(terms, **changes)


# --- Plain QuantLib, by hand --------------------------------------------------------------------


def ql_date(date: dt.date) -> ql.Date:
    return ql.Date(date.day, date.month, date.year)


def ql_curve(date: dt.date, quotes: dict[str, float]) -> ql.YieldTermStructure:
    """The dollar curve as its market quotes it: a deposit, and annual swaps that pay on T + 2."""
    ql.Settings.instance().evaluationDate = ql_date(date)
    calendar = ql.UnitedStates(ql.UnitedStates.SOFR)
    index = ql.OvernightIndex("made", 0, ql.USDCurrency(), calendar, ql.Actual360())
    helpers = []
    for tenor, rate in quotes.items():
        quote = ql.QuoteHandle(ql.SimpleQuote(rate))
        if tenor == "1D":
            day, follow = ql.Period("1D"), ql.Following
            helpers.append(
                ql.DepositRateHelper(quote, day, 0, calendar, follow, False, ql.Actual360())
            )
        else:
            helpers.append(ql.OISRateHelper(2, ql.Period(tenor), quote, index, paymentLag=2))
    made = ql.PiecewiseLogLinearDiscount(ql_date(date), helpers, ql.Actual365Fixed())
    # The nodes alone: helpers follow the evaluation date.
    curve = ql.DiscountCurve(made.dates(), made.data(), ql.Actual365Fixed())
    curve.enableExtrapolation()
    return curve


def ql_bond() -> list[tuple[ql.Date, float]]:
    schedule = ql.Schedule(
        *(ql.Date(15, 5, 2022), ql.Date(15, 5, 2032), ql.Period("6M")),
        *(ql.UnitedStates(ql.UnitedStates.GovernmentBond), ql.Unadjusted, ql.Unadjusted),
        *(ql.DateGeneration.Backward, False),
    )
    day_count = ql.ActualActual(ql.ActualActual.ISMA, schedule)
    made = ql.FixedRateBond(1, NOTIONAL, schedule, [0.045], day_count, ql.Following)
    return [(flow.date(), flow.amount()) for flow in made.cashflows()]


def ql_swap_value(discount, first: dt.date) -> float:
    """A receiver swap that has not started, as a sum of discount factors."""
    calendar = ql.UnitedStates(ql.UnitedStates.SOFR)
    schedule = ql.Schedule(
        *(ql.Date(20, 5, 2024), ql.Date(20, 5, 2031), ql.Period("1Y"), calendar),
        *(ql.ModifiedFollowing, ql.ModifiedFollowing, ql.DateGeneration.Backward, False),
    )
    value, dates = 0.0, list(schedule)
    for start, end in itertools.pairwise(dates):
        paid = discount(calendar.advance(end, 2, ql.Days))
        fixed = 0.041 * ql.Actual360().yearFraction(start, end)
        value += NOTIONAL * (fixed - (discount(start) / discount(end) - 1.0)) * paid
    assert dates[0] > ql_date(first)
    return value


def ql_bond_value(discount, first: dt.date) -> float:
    return sum(amount * discount(day) for day, amount in ql_bond() if day > ql_date(first))


@pytest.mark.parametrize(
    ("terms", "value"), [(bond(), ql_bond_value), (swap(), ql_swap_value)], ids=["bond", "swap"]
)
@pytest.mark.parametrize("last", [TUESDAY, dt.date(2024, 5, 16)])
def test_carry_and_roll_down_are_those_of_quantlib(terms, value, last):
    quotes = QUOTES["USD-SOFR"]
    found = periods.by_group(
        [terms], state(MONDAY, QUOTES, until(MONDAY)), state(last, QUOTES, until(last))
    )
    now, then = ql_curve(MONDAY, quotes), ql_curve(last, quotes)
    start = ql_date(last)
    v0 = value(now.discount, MONDAY)
    realised = value(lambda day: now.discount(day) / now.discount(start), last)
    rolled = value(then.discount, last)
    paid = [
        money
        for day, money in ql_bond()
        if ql_date(MONDAY) < day <= start and terms.trade_id == "B"
    ]
    assert found.terms["cash"] == pytest.approx([sum(paid)], abs=CENT)
    assert found.terms["value_start"] == pytest.approx([v0], abs=1e-4)
    assert found.terms["carry"] == pytest.approx([realised - v0 + sum(paid)], abs=1e-4)
    assert found.terms["roll_down"] == pytest.approx([rolled - realised], abs=1e-4)
    assert found.terms["delta"] == pytest.approx([0.0], abs=CENT)
    assert found.terms["residual"] == pytest.approx([0.0], abs=CENT)


def test_the_forwards_earn_the_overnight_rate_on_a_bonds_value():
    """One night of carry is the value at the overnight rate: no more, with the coupon paid."""
    found = periods.by_group(
        [bond()], state(MONDAY, QUOTES, until(MONDAY)), state(TUESDAY, QUOTES, until(TUESDAY))
    )
    night = 0.0531 / 360
    assert found.terms["carry"] / found.terms["value_start"] == pytest.approx([night], rel=1e-3)


# --- Cash ---------------------------------------------------------------------------------------


def test_a_coupon_day_shows_no_loss():
    """15 May 2024 pays 22,500 on this bond."""
    day, after = dt.date(2024, 5, 14), dt.date(2024, 5, 15)
    found = periods.by_group(
        [bond()], state(day, QUOTES, until(day)), state(after, QUOTES, until(after))
    )
    assert found.terms["cash"] == pytest.approx([22_500.0])
    assert abs(found.terms["total"][0]) < 500
    drop = found.terms["value_end"] - found.terms["value_start"]
    assert drop == pytest.approx([-22_500.0], abs=500)


GILT_QUOTES = {"GBP-SONIA": {"1D": 0.0519, "1Y": 0.0490, "5Y": 0.0410, "30Y": 0.0390}}


def gilt(**changes) -> BondTerms:
    """Pays on 22 April and 22 October, and goes ex seven business days before."""
    terms = BondTerms(
        trade_id="G",
        book="alpha",
        convention="UK-GILT",
        face_amount=NOTIONAL,
        issue_date=dt.date(2020, 4, 22),
        maturity_date=dt.date(2030, 10, 22),
        coupon_rate=0.04,
        z_spread_bp=0.0,
        discount_curve="GBP-SONIA",
    )
    return msgspec.structs.replace(terms, **changes)


def test_a_gilt_that_goes_ex_loses_nothing_and_its_payment_gains_nothing():
    """Its holder of record is still paid: the coupon stays in the value until it is cash."""
    days = [dt.date(2024, 4, n) for n in (9, 10, 11, 12, 15, 16, 17, 18, 19, 22, 23)]
    totals, cash = [], []
    for day, after in itertools.pairwise(days):
        found = periods.by_group([gilt()], state(day, GILT_QUOTES), state(after, GILT_QUOTES))
        totals.append(float(found.terms["total"][0]))
        cash.append(float(found.terms["cash"][0]))
    assert max(map(abs, totals)) < 1_000
    assert cash == pytest.approx([0.0] * 8 + [20_000.0, 0.0])


def test_who_buys_a_gilt_after_it_went_ex_does_not_get_the_coupon():
    day = dt.date(2024, 4, 16)
    known = state(day, GILT_QUOTES)
    held = periods.by_group([gilt()], known, known)
    bought = periods.by_group([gilt(trade_id="H")], known, known, [gilt(trade_id="H"), gilt()])
    coupon = held.terms["value_start"][0] - bought.terms["new"][0]
    assert coupon == pytest.approx(20_000.0, rel=2e-3)


# --- Sums ---------------------------------------------------------------------------------------

steps = st.integers(0, 11)


@pytest.mark.parametrize("currencies", sample_markets.GROUPS)
@PROPERTY
@given(data=st.data())
def test_terms_add_up_and_groups_are_the_sums_of_their_trades(currencies, data):
    """Over any period, for trades of any product: to 1e-9 of gross value."""
    draw = data.draw
    currency = draw(st.sampled_from(currencies))
    first = draw(sample_markets.dates)
    last = first + dt.timedelta(days=draw(steps))
    quotes = draw(sample_markets.markets(currency))
    book = [t for t in draw(sample_markets.books(currency, first)) if not _waits(t)]
    start = state(first, quotes, sample_markets.fixings_until(first))
    end = state(last, moved(quotes, draw(st.floats(-8, 8)), 3.0), _later(last))
    held = periods.hold(_good(book), start, end)
    move = held.period.move_to(end.quotes)
    found = explain(held.by_group, move)
    rows = [explain(opened, move) for opened in held.by_trade]
    assert {f.trade_id for f in found.failures} == {f.trade_id for r in rows for f in r.failures}
    lost = {failure.trade_id for failure in found.failures}
    gross = NOTIONAL * len(book)
    for name in (*TERM_NAMES, *(memo.name for memo in MEMOS)):
        of_trades = sum(
            float(value)
            for row in rows
            for trade, value in zip(row.names, row.terms[name], strict=True)
            if trade not in lost
        )
        assert periods.total(found, name) == pytest.approx(of_trades, abs=1e-9 * gross), name
    added = sum(found.terms[name] for name in TERM_NAMES)
    assert added == pytest.approx(found.terms["total"], abs=1e-9 * gross)
    assert found.delta.sum(axis=1) == pytest.approx(found.terms["delta"], abs=1e-9 * gross)


def _later(date: dt.date) -> dict:
    """Fixings that differ from those that were known before."""
    return {
        name: {day: rate + 2e-4 for day, rate in rates.items()}
        for name, rates in sample_markets.fixings_until(date).items()
    }


def _waits(terms) -> bool:
    return getattr(terms, "clean_price", None) is not None and terms.z_spread_bp is None


def _good(book):
    return compile_book(book)[0]


def test_both_ends_are_quantlibs_values():
    """What the total is made of: values by plain QuantLib, where no coupon is ex or paid."""
    last = dt.date(2024, 5, 23)
    book = [bond(maturity_date=dt.date(2032, 8, 15), issue_date=dt.date(2022, 8, 15)), swap()]
    after = {"USD-SOFR": {k: v + 7e-4 for k, v in QUOTES["USD-SOFR"].items()}}
    found = periods.by_trade(
        book, state(MONDAY, QUOTES, until(MONDAY)), state(last, after, until(last))
    )
    before = Reference(MONDAY, QUOTES, until(MONDAY)).values(book)
    then = Reference(last, after, until(last)).values(book)
    for terms, v0, v1 in zip(book, before, then, strict=True):
        assert found[terms.trade_id]["total"] == pytest.approx(v1 - v0, abs=1e-4)
        assert found[terms.trade_id]["value_end"] == pytest.approx(v1, abs=1e-4)


def test_no_time_passes_within_a_date():
    """Carry, roll-down and fixings are 0 to the last bit, and all is in the quotes."""
    start = state(MONDAY, QUOTES, until(MONDAY))
    end = state(MONDAY, moved(QUOTES, 3.0), until(MONDAY))
    found = periods.by_group([bond(), swap()], start, end)
    for term in ("carry", "roll_down", "fixings", "cash"):
        assert found.terms[term].tolist() == [0.0, 0.0]
    assert found.terms["total"] == pytest.approx(found.terms["market_pnl"], abs=CENT)


def test_a_fixing_that_differs_from_its_forecast_is_in_its_own_term():
    """A running swap: the fixing of Monday comes in 10 bp above its forecast."""
    running = swap(effective_date=dt.date(2023, 11, 20), termination_date=dt.date(2028, 11, 20))
    start = state(MONDAY, QUOTES, until(MONDAY))
    as_forecast, surprise = until(TUESDAY), until(TUESDAY)
    surprise["SOFR"][MONDAY] = as_forecast["SOFR"][MONDAY] + 1e-3
    plain = periods.by_group([running], start, state(TUESDAY, QUOTES, as_forecast))
    found = periods.by_group([running], start, state(TUESDAY, QUOTES, surprise))
    night = -NOTIONAL * 1e-3 / 360  # a receiver pays it
    difference = found.terms["fixings"] - plain.terms["fixings"]
    assert difference == pytest.approx([night], rel=0.05)
    assert found.terms["carry"] == pytest.approx(plain.terms["carry"], abs=CENT)
    assert plain.terms["fixings"] == pytest.approx([0.0], abs=0.1)


# --- Quotes -------------------------------------------------------------------------------------


def slope(sizes: list[float], errors: list[float]) -> float:
    return float(np.polyfit(np.log(sizes), np.log(np.abs(errors)), 1)[0])


@pytest.mark.parametrize("terms", [bond(), swap()], ids=["bond", "swap"])
def test_errors_have_slope_two_with_delta_and_three_with_gamma(terms):
    sizes = [5.0, 10.0, 20.0, 40.0, 80.0]
    by_delta, by_both = [], []
    start = state(MONDAY, QUOTES, until(MONDAY))
    held = periods.hold([terms], start, start)
    for bp in sizes:
        found = explain(held.by_group, held.period.move_to(moved(QUOTES, bp)))
        by_delta.append(float((found.terms["gamma"] + found.terms["residual"])[0]))
        by_both.append(float(found.terms["residual"][0]))
    assert slope(sizes, by_delta) == pytest.approx(2.0, abs=0.05)
    assert slope(sizes, by_both) == pytest.approx(3.0, abs=0.05)


def test_delta_is_minus_the_ladder_times_the_move_of_each_quote():
    """Each ladder entry by QuantLib's bump of one quote, curves rebuilt."""
    start = state(TUESDAY, QUOTES, until(TUESDAY))
    end = state(TUESDAY, moved(QUOTES, 2.0, 5.0), until(TUESDAY))
    held = periods.hold([swap()], start, end)
    found = explain(held.by_group, held.period.move_to(end.quotes))
    ladder = Reference(TUESDAY, QUOTES, until(TUESDAY)).price([swap()])[0].ladder_par
    moves = [
        (end.quotes[key.curve][key.tenor] - QUOTES[key.curve][key.tenor]) * 1e4
        for key in found.keys
    ]
    assert found.delta[0] == pytest.approx(-ladder * moves, abs=1e-4)


def test_a_quote_of_one_end_moves_by_what_the_other_end_implies():
    """A 7Y quote appears that its curve implied before, but for 2 bp: it moved by these."""
    day = state(MONDAY, QUOTES, until(MONDAY))
    curve = ql_curve(MONDAY, QUOTES["USD-SOFR"])
    calendar = ql.UnitedStates(ql.UnitedStates.SOFR)
    spot = calendar.advance(ql_date(MONDAY), 2, ql.Days)
    schedule = list(
        ql.Schedule(
            *(spot, spot + ql.Period("7Y"), ql.Period("1Y"), calendar, ql.ModifiedFollowing),
            *(ql.ModifiedFollowing, ql.DateGeneration.Forward, False),
        )
    )
    floating, annuity = 0.0, 0.0
    for begin, finish in itertools.pairwise(schedule):
        paid = curve.discount(calendar.advance(finish, 2, ql.Days))
        floating += (curve.discount(begin) / curve.discount(finish) - 1.0) * paid
        annuity += ql.Actual360().yearFraction(begin, finish) * paid
    implied = floating / annuity
    more = {"USD-SOFR": {**QUOTES["USD-SOFR"], "7Y": implied + 2e-4}}
    book = [bond(), swap()]
    found = periods.by_group(book, day, state(MONDAY, more, until(MONDAY)))
    move = dict(zip((key.tenor for key in found.keys), found.shift * 1e4, strict=True))
    assert move.pop("7Y") == pytest.approx(2.0, abs=1e-6)
    assert list(move.values()) == pytest.approx([0.0] * len(move), abs=1e-9)
    back = periods.by_group(book, state(MONDAY, more, until(MONDAY)), day)
    away = dict(zip((key.tenor for key in back.keys), back.shift * 1e4, strict=True))
    assert away["7Y"] == pytest.approx(-2.0, abs=1e-6)
    for each in (found, back):
        assert abs(each.terms["residual"]).max() < 1e-4 * abs(each.terms["total"]).max()
    assert found.terms["total"] == pytest.approx(-back.terms["total"], abs=1e-4)


def test_two_spellings_of_one_tenor_are_one_quote():
    other = {"USD-SOFR": {("12M" if k == "1Y" else k): v for k, v in QUOTES["USD-SOFR"].items()}}
    start, end = state(MONDAY, QUOTES, until(MONDAY)), state(MONDAY, other, until(MONDAY))
    found = periods.by_group([bond()], start, end)
    assert [key.tenor for key in found.keys].count("12M") == 1
    assert len(found.keys) == len(QUOTES["USD-SOFR"])
    assert found.terms["total"] == pytest.approx([0.0], abs=CENT)


def test_a_quote_that_is_over_at_the_end_leaves_with_the_roll_down():
    """A swap over the night stands in for the shortest quote: next day it is no quote any more."""
    later = {tenor: rate for tenor, rate in QUOTES["USD-SOFR"].items() if tenor != "1D"}
    night = {"USD-SOFR": {"OIS-2024-05-13-2024-05-14": 0.0531, **later}}
    start = state(MONDAY, night, until(MONDAY))
    end = state(TUESDAY, moved({"USD-SOFR": later}, 3.0), until(TUESDAY))
    found = periods.by_group([bond(), swap()], start, end)
    assert [key.tenor for key in found.keys] == list(later)
    assert found.shift * 1e4 == pytest.approx([3.0] * len(later), abs=1e-9)
    assert found.left_out == ()
    whole = {name: periods.total(found, name) for name in (*TERM_NAMES, "total", "value_end")}
    added = sum(whole[name] for name in TERM_NAMES)
    assert added == pytest.approx(whole["total"], abs=CENT)
    value = sum(Reference(TUESDAY, end.quotes, until(TUESDAY)).values([bond(), swap()]))
    assert whole["value_end"] == pytest.approx(value, abs=0.01)


# --- Trades -------------------------------------------------------------------------------------


def with_trades(after, paid=None, bp: float = 4.0):
    start = state(MONDAY, QUOTES, until(MONDAY))
    end = state(MONDAY, moved(QUOTES, bp), until(MONDAY))
    return periods.by_group([bond(), swap()], start, end, after, paid)


def value_now(terms) -> float:
    return Reference(MONDAY, moved(QUOTES, 4.0), until(MONDAY)).values([terms])[0]


def test_a_bond_that_was_bought_at_its_value_earns_nothing():
    bought = bond(trade_id="N", book="beta")
    found = with_trades([bond(), swap(), bought], {"N": value_now(bought)})
    assert periods.total(found, "new") == pytest.approx(0.0, abs=1e-4)
    assert periods.total(found, "consideration") == pytest.approx(value_now(bought), abs=1e-4)
    assert periods.total(found, "total") == pytest.approx(periods.total(found, "hpl"), abs=1e-3)


def test_what_a_terminated_swap_was_paid_for_counts():
    found = with_trades([bond()], {"S": -5_000.0})
    expected = 5_000.0 - value_now(swap())
    assert periods.total(found, "terminated") == pytest.approx(expected, abs=1e-4)
    assert periods.total(found, "value_end") == pytest.approx(value_now(bond()), abs=1e-4)


def test_amended_terms_earn_their_difference_less_the_fee():
    other = swap(fixed_rate=0.042)
    found = with_trades([bond(), other], {"S": 750.0})
    expected = value_now(other) - value_now(swap()) - 750.0
    assert periods.total(found, "amended") == pytest.approx(expected, abs=1e-4)


def test_an_edited_spread_is_its_own_term():
    wider = bond(z_spread_bp=5.0)
    found = with_trades([wider, swap()])
    expected = value_now(wider) - value_now(bond())
    assert periods.total(found, "spread") == pytest.approx(expected, abs=1e-4)
    assert periods.total(found, "amended") == 0.0


def test_a_trade_that_changes_its_book_is_nothing_for_the_firm():
    found = with_trades([bond(), swap(book="beta")])
    rows = dict(zip(found.names, found.terms["transfer"], strict=True))
    assert rows[("alpha", "swap")] == pytest.approx(-value_now(swap()), abs=1e-4)
    assert rows[("beta", "swap")] == pytest.approx(value_now(swap()), abs=1e-4)
    assert periods.total(found, "transfer") == 0.0
    added = sum(found.terms[term.name] for term in TERMS)
    assert added == pytest.approx(found.terms["total"], abs=1e-6)


def test_a_trade_that_has_matured_is_not_terminated():
    """A bond that repays on 15 May pays cash, and has left the book of the end."""
    short = bond(maturity_date=dt.date(2024, 5, 15), trade_id="M")
    last = dt.date(2024, 5, 15)
    start, end = state(TUESDAY, QUOTES, until(TUESDAY)), state(last, QUOTES, until(last))
    found = periods.by_group([short, swap()], start, end, [swap()], {})
    assert periods.total(found, "terminated") == 0.0
    assert periods.total(found, "cash") == pytest.approx(1_022_500.0)
    assert abs(found.terms["total"][found.names.index(("alpha", "bond"))]) < 500


def test_a_trade_without_a_number_at_one_end_is_named_and_in_no_term():
    """A running swap lacks the fixing of Monday on Tuesday."""
    running = swap(
        trade_id="R",
        effective_date=dt.date(2023, 11, 20),
        termination_date=dt.date(2028, 11, 20),
    )
    start, end = state(MONDAY, QUOTES, until(MONDAY)), state(TUESDAY, QUOTES, until(MONDAY))
    found = periods.by_group([bond(), running], start, end)
    alone = periods.by_group([bond()], start, end)
    assert [failure.trade_id for failure in found.failures] == ["R"]
    assert "SOFR" in found.failures[0].message
    assert periods.total(found, "total") == pytest.approx(periods.total(alone, "total"), abs=CENT)


def test_a_period_that_ends_before_it_starts_is_refused():
    known = state(TUESDAY, QUOTES, until(TUESDAY))
    with pytest.raises(BadInput, match="starts on 2024-05-14"):
        Period(known, state(MONDAY, QUOTES, until(MONDAY)))
