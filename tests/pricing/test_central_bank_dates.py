"""Forwards that step where central banks meet: OpenSourceRisk's published example, hand arithmetic,
and a replay through meeting days; turns of stated and of solved size."""

from __future__ import annotations

import datetime as dt
import itertools
import math

import numpy as np
import pytest

from pricing.curves.curve_set import CurveSet
from pricing.curves.quotes import INTERPOLATIONS, check_quotes, shape_of
from pricing.errors import BadInput, BootstrapFailed
from pricing.markets import conventions
from pricing.markets.calendars import day_of
from tests.pricing.explain.periods import by_trade, state
from tests.pricing.fitted_markets import with_curve
from tests.pricing.test_least_squares import trades as euro_swaps

DAY = dt.date(2025, 11, 27)

MARKET = {
    "1D": 0.039688,
    "MPC-2025-12-18": 0.037704,
    "MPC-2026-02-05": 0.036843,
    "MPC-2026-03-19": 0.036101,
    "MPC-2026-04-30": 0.035308,
    "7M": 0.0368555,
    "8M": 0.036658,
    "9M": 0.0364405,
    "10M": 0.036243,
    "11M": 0.036101,
    "1Y": 0.0359805,
    "2Y": 0.0351665,
    "3Y": 0.035372,
    "4Y": 0.035832,
    "5Y": 0.036387,
}
"""OpenSourceRisk, Examples/CurveBuilding/Input/market_centralbank.csv, as of 2025-11-27; the quotes
that curveconfig_centralbank_1.xml leaves after its priorities and minimum distances."""

PUBLISHED = {
    "2025-11-28": 0.999891277575276,
    "2025-12-10": 0.998587530115246,
    "2025-12-18": 0.997719309691144,
    "2025-12-19": 0.997616511906121,
    "2026-01-05": 0.995870569176318,
    "2026-02-05": 0.992694653794959,
    "2026-02-06": 0.992594668308137,
    "2026-03-19": 0.988503922559910,
    "2026-04-15": 0.985873112591657,
    "2026-04-30": 0.984414578097653,
    "2026-05-01": 0.984319581054440,
    "2026-06-18": 0.979770487461507,
    "2026-06-29": 0.978848618022769,
    "2026-07-27": 0.976271948345339,
}
"""Discount factors of ExpectedOutput/centralbank_1/curves.csv: to the last meeting, and at the two
swaps of one payment behind it. Between those its cubic interpolation is another than ours."""


def solved(quotes: dict[str, dict[str, float]], day: dt.date = DAY, fixings=None):
    curves = CurveSet(day, shape_of(quotes), fixings)
    return curves, curves.solve(curves.vector(quotes))


def logs(curves: CurveSet, x: np.ndarray, days: list[dt.date], place: int = 0) -> np.ndarray:
    numbers = np.array([day_of(day) for day in days])
    tables = curves.grid.tables(np.full(len(numbers), place), numbers)
    return np.log(curves.grid.discount(tables, x))


def overnight_forwards(curves: CurveSet, x: np.ndarray, days: int) -> dict[dt.date, float]:
    dates = [curves.today + dt.timedelta(days=n) for n in range(days + 1)]
    values = np.concatenate(([0.0], logs(curves, x, dates[1:])))
    return dict(zip(dates, -np.diff(values) * 365.0, strict=False))


def steps(forwards: dict[dt.date, float]) -> list[dt.date]:
    """Days on which the overnight forward is another than on the day before."""
    dates = list(forwards)
    return [
        day
        for before, day in itertools.pairwise(dates)
        if abs(forwards[day] - forwards[before]) > 1e-9
    ]


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_discount_factors_are_those_that_opensourcerisk_publishes(monkeypatch, interpolation):
    with_curve(monkeypatch, "GBP-SONIA", meetings="MPC", interpolation=interpolation)
    curves, found = solved({"GBP-SONIA": MARKET})
    for date, factor in PUBLISHED.items():
        (log,) = logs(curves, found.x, [dt.date.fromisoformat(date)])
        assert math.exp(log) == pytest.approx(factor, abs=1e-14), date
    assert found.rate_error < 1e-13
    assert steps(overnight_forwards(curves, found.x, 203)) == [
        dt.date(2025, 12, 18),
        dt.date(2026, 2, 5),
        dt.date(2026, 3, 19),
        dt.date(2026, 4, 30),
    ]


def test_a_swap_between_meetings_is_one_growth_by_hand():
    """1 + 3.7704 % x 49 / 365 from 18 December to 5 February, on any curve."""
    curves, found = solved({"GBP-SONIA": {"MPC-2025-12-18": 0.037704, "1Y": 0.036}})
    start, end = logs(curves, found.x, [dt.date(2025, 12, 18), dt.date(2026, 2, 5)])
    assert math.exp(start - end) == pytest.approx(1.0 + 0.037704 * 49 / 365, abs=1e-14)


@pytest.mark.parametrize(
    "day",
    [
        dt.date(2026, 2, 3),
        dt.date(2026, 2, 4),
        dt.date(2026, 2, 5),
        dt.date(2026, 2, 6),
        dt.date(2026, 3, 18),
        dt.date(2026, 3, 19),
    ],
)
def test_through_meeting_days_forwards_step_on_the_dates_and_nowhere_else(monkeypatch, day):
    """Swaps by tenor alone: several end between two meetings, and a fit takes them."""
    with_curve(monkeypatch, "GBP-SONIA", meetings="MPC", meetings_until="9M", fit="least_squares")
    tenors = ("1D", "1W", "1M", "2M", "3M", "4M", "5M", "6M", "9M", "1Y", "2Y")
    quotes = {"GBP-SONIA": {t: 0.0375 - 0.0002 * n for n, t in enumerate(tenors)}}
    curves, found = solved(quotes, day)
    dates = steps(overnight_forwards(curves, found.x, 270))
    table = {m.effective for m in conventions.MEETINGS["MPC"].dates}
    assert dates
    assert set(dates) <= table | {curves_last_near(curves)}
    assert all(date > day for date in dates)


def curves_last_near(curves: CurveSet) -> dt.date:
    nodes = curves.grid.curves[0]
    return dt.date(1970, 1, 1) + dt.timedelta(days=int(nodes.days[nodes.layout.flat - 1]))


def test_quotes_of_one_meeting_are_refused_by_name_where_they_are_to_be_met(monkeypatch):
    with_curve(monkeypatch, "GBP-SONIA", meetings="MPC")
    with pytest.raises(BootstrapFailed) as caught:
        solved({"GBP-SONIA": {**MARKET, "1W": 0.0397}})
    assert str(caught.value) == (
        "GBP-SONIA 1W does not bootstrap: on 2025-11-27 it and 1D both end before 2025-12-18: "
        'leave one out, or give GBP-SONIA fit = "least_squares" in its market file'
    )


def test_a_turn_of_stated_size_moves_one_night_and_what_is_behind_it(monkeypatch):
    with_curve(monkeypatch, "GBP-SONIA", meetings="MPC")
    plain, before = solved({"GBP-SONIA": MARKET})
    curves, found = solved({"GBP-SONIA": {**MARKET, "TURN-2025-12-31": 0.0025}})
    assert found.rate_error < 1e-13
    then = overnight_forwards(plain, before.x, 100)
    now = overnight_forwards(curves, found.x, 100)
    # 31 December to 2 January: two nights, of one fixing.
    nights = (dt.date(2025, 12, 31), dt.date(2026, 1, 1))
    around = (dt.date(2025, 12, 30), dt.date(2026, 1, 2))
    for night in nights:
        assert now[night] - now[around[0]] == pytest.approx(0.0025, abs=1e-12)
    assert now[around[0]] == pytest.approx(now[around[1]], abs=1e-12)
    # The swap from December to February says the same in all: the other nights are lower.
    assert now[around[0]] < then[around[0]]
    at = [dt.date(2025, 12, 18), dt.date(2026, 2, 5), dt.date(2026, 6, 18)]
    assert logs(curves, found.x, at) == pytest.approx(logs(plain, before.x, at), abs=1e-14)


def test_a_turn_without_a_size_is_solved_from_the_quotes_around_it(monkeypatch):
    """Two dated swaps around the year's end, the second of which holds the turn."""
    with_curve(monkeypatch, "GBP-SONIA", meetings="MPC", turns=(dt.date(2025, 12, 31),))
    stated = {**MARKET, "TURN-2025-12-31": 0.0031}
    with_curve(monkeypatch, "GBP-SONIA", turns=None)
    curves, found = solved({"GBP-SONIA": stated})
    first, last = logs(curves, found.x, [dt.date(2025, 12, 30), dt.date(2026, 1, 2)])
    rate = (math.exp(first - last) - 1.0) * 365.0 / 3
    with_curve(monkeypatch, "GBP-SONIA", turns=(dt.date(2025, 12, 31),))
    curves, again = solved({"GBP-SONIA": {**MARKET, "OIS-2025-12-30-2026-01-02": rate}})
    forwards = overnight_forwards(curves, again.x, 60)
    jump = forwards[dt.date(2025, 12, 31)] - forwards[dt.date(2025, 12, 30)]
    assert jump == pytest.approx(0.0031, abs=1e-11)


def test_slopes_with_meetings_and_turns_are_those_of_solving_again(monkeypatch):
    with_curve(monkeypatch, "GBP-SONIA", meetings="MPC")
    curves, found = solved({"GBP-SONIA": {**MARKET, "TURN-2025-12-31": 0.0025}})
    for place in range(len(found.quotes)):
        move = np.zeros(len(found.quotes))
        move[place] = 1e-5
        up, down = curves.solve(found.quotes + move).x, curves.solve(found.quotes - move).x
        assert np.abs(found.jacobian[:, place] - (up - down) / 2e-5).max() < 1e-7


def test_an_explain_keeps_a_turn_and_a_quote_that_only_one_end_has(monkeypatch):
    with_curve(monkeypatch, "EUR-ESTR", meetings="ECB", fit="least_squares")
    day = dt.date(2026, 1, 29)
    estr = {
        "1D": 0.0193,
        "1M": 0.0193,
        "ECB-2026-02-05": 0.0192,
        "ECB-2026-03-19": 0.0191,
        "TURN-2026-03-31": -0.0008,
        "6M": 0.0192,
        "1Y": 0.0195,
        "5Y": 0.0225,
        "10Y": 0.0255,
    }
    quotes = {"EUR-ESTR": estr, "EUR-EURIBOR6M": {"6M": 0.0212, "2Y": 0.0221, "10Y": 0.0271}}
    later = {c: {t: r + 4e-4 for t, r in some.items()} for c, some in quotes.items()}
    later["EUR-ESTR"]["TURN-2026-03-31"] = -0.0008
    del later["EUR-ESTR"]["ECB-2026-03-19"]
    fixings = {"ESTR": {}}
    book = [
        type(trade)(
            **{
                **{f: getattr(trade, f) for f in trade.__struct_fields__},
                "effective_date": dt.date(2026, 3, 17),
                "termination_date": trade.termination_date.replace(
                    year=trade.termination_date.year + 2
                ),
            }
        )
        for trade in euro_swaps()
    ]
    start, end = state(day, quotes, fixings), state(day + dt.timedelta(days=1), later, fixings)
    for found in by_trade(book, start, end).values():
        assert abs(found["total"]) > 50.0
        assert abs(found["residual"]) < 2e-3 * abs(found["total"])


@pytest.mark.parametrize(
    ("curve", "quote", "sentence"),
    [
        ("GBP-SONIA", "MPC-2026-02-06", "MPC announces nothing on 2026-02-06"),
        ("GBP-SONIA", "MPC-2026-12-17", "or its next meeting is not known"),
        ("GBP-SONIA", "FOMC-2026-01-28", "meetings of SOFR; of SONIA: MPC"),
        ("GBP-SONIA", "RBA-2026-02-03", "tables: FOMC, ECB, MPC"),
        ("GBP-SONIA", "TURN-2025-12-32", "a date such as TURN-2025-12-31"),
        ("USD-GOVT", "TURN-2025-12-31", "USD-GOVT is made of"),
    ],
)
def test_a_meeting_or_turn_that_there_is_not_is_refused(curve, quote, sentence):
    with pytest.raises(BadInput) as caught:
        check_quotes(conventions.CURVES[curve].currency, {curve: {quote: 0.03}})
    assert sentence in str(caught.value)


def test_a_turn_that_is_over_is_refused_by_name():
    with pytest.raises(BootstrapFailed) as caught:
        solved({"GBP-SONIA": {"TURN-2025-09-30": 0.001, "1Y": 0.036}})
    assert "TURN-2025-09-30 does not bootstrap: its night is over; leave it out" in str(
        caught.value
    )
